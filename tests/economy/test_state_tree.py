import pytest
from hypothesis import given
from hypothesis import strategies as st

from economy import state_tree
from economy.state_tree import StateTree

PAIRS = st.dictionaries(st.binary(max_size=3), st.binary(max_size=3), max_size=12)
STEPS = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"ab"]), st.none() | st.binary()))


def root_of(pairs):
    tree = StateTree()
    for key, value in pairs.items():
        tree.put(key, value)
    return tree.root()


@pytest.fixture(scope="class", params=["spread", "crowded"])
def _buckets(request):
    """Run both with the real buckets and with all keys in one, where order must be restored."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "crowded":
            patch.setattr(state_tree, "_bucket_of", lambda key: 77)
        yield


@pytest.mark.usefixtures("_buckets")
class TestRoot:
    @given(STEPS, st.sets(st.integers(0, 20)))
    def test_it_is_a_function_of_the_pairs_alone(self, steps, asked_at):
        tree, pairs = StateTree(), {}
        for number, (key, value) in enumerate(steps):
            tree.put(key, value)
            pairs.pop(key, None)
            if value is not None:
                pairs[key] = value
            if number in asked_at:
                tree.root()
        assert tree.root() == root_of(dict(sorted(pairs.items(), reverse=True)))

    @given(PAIRS, PAIRS)
    def test_different_pairs_have_different_roots(self, some, others):
        assert (root_of(some) == root_of(others)) == (some == others)

    @given(STEPS, STEPS)
    def test_a_change_after_the_root_was_taken_shows(self, before, after):
        tree = StateTree()
        pairs = {}
        for key, value in before:
            tree.put(key, value)
            pairs[key] = value
        first, first_pairs = tree.root(), {k: v for k, v in pairs.items() if v is not None}
        for key, value in after:
            tree.put(key, value)
            pairs[key] = value
        second_pairs = {k: v for k, v in pairs.items() if v is not None}
        assert (tree.root() == first) == (first_pairs == second_pairs)


def test_only_buckets_that_changed_are_hashed_again(monkeypatch):
    tree = StateTree()
    for number in range(500):
        tree.put(b"%d" % number, b"")
    tree.root()
    hashed = []
    hash_bucket = state_tree._hash_bucket
    monkeypatch.setattr(
        state_tree, "_hash_bucket", lambda pairs: hashed.append(pairs) or hash_bucket(pairs)
    )
    tree.put(b"7", b"new")
    tree.root()
    assert len(hashed) == 1
    tree.root()
    assert len(hashed) == 1


def test_keys_spread_over_the_buckets():
    places = {state_tree._bucket_of(b"account client-%d" % n) for n in range(2000)}
    assert len(places) > 1900


def test_lengths_keep_a_key_and_its_value_apart(monkeypatch):
    monkeypatch.setattr(state_tree, "_bucket_of", lambda key: 0)
    assert root_of({b"ab": b"c"}) != root_of({b"a": b"bc"})
    assert root_of({b"a": b"", b"b": b""}) != root_of({b"a": b"b"})
