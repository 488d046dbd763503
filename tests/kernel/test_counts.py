"""`Counts` against `Counter`, and why it is there."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from prsm_sim.counts import Counts

things = st.sampled_from("abc")


@given(st.lists(st.tuples(things, st.integers(-3, 9))), st.dictionaries(things, st.integers(0, 9)))
def test_it_counts_like_a_counter(steps: list[tuple[str, int]], more: dict[str, int]) -> None:
    counts, counter = Counts[str](), Counter[str]()
    for thing, by in steps:
        counts[thing] += by
        counter[thing] += by
    counts.update(more)
    counter.update(more)
    assert counts == counter
    assert counts.most_common() == counter.most_common()
    assert counts["never counted"] == 0
    assert "never counted" not in counts


def test_it_assigns_like_a_dictionary() -> None:
    """Both methods must be the dictionary's: one that is not makes the other slow."""
    assert Counts.__setitem__ is dict.__setitem__
    assert Counts.__delitem__ is dict.__delitem__
