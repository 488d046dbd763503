from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from economy.impact import ImpactCounts, ImpactParameters, collaboration, impact

HOUR = 3_600_000
COUNTS = st.builds(
    lambda citations, downloads, used_ms, mine, others, reach: ImpactCounts(
        citations, downloads, used_ms, mine + others, others, reach
    ),
    *[st.integers(0, 10**6) for _ in range(6)],
)


@given(COUNTS)
def test_impact_is_the_closed_form(counts):
    hours = Fraction(counts.used_ms, HOUR)
    together = Fraction(counts.derivatives_of_others, max(counts.derivatives, 1))
    assert impact(counts) == (
        10 * counts.citations + Fraction("0.1") * counts.downloads + hours
    ) * (1 + Fraction("1.5") * together + min(10, Fraction("0.5") * counts.reach))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (ImpactCounts(), "0"),
        (ImpactCounts(citations=1), "10"),
        (ImpactCounts(downloads=1), "0.1"),
        (ImpactCounts(used_ms=HOUR), "1"),
        (ImpactCounts(used_ms=1), f"1/{HOUR}"),
        (ImpactCounts(citations=1, derivatives=2), "10"),
        (ImpactCounts(citations=1, derivatives=2, derivatives_of_others=1), "17.5"),
        (ImpactCounts(citations=1, derivatives=2, derivatives_of_others=2), "25"),
        (ImpactCounts(citations=1, reach=1), "15"),
        (ImpactCounts(citations=1, reach=20), "110"),
        (ImpactCounts(citations=1, reach=21), "110"),
        (ImpactCounts(3, 50, 2 * HOUR, 4, 3, 6), "189.625"),  # 37 · (1 + 1.125 + 3)
    ],
)
def test_impacts_worked_by_hand(counts, expected):
    assert impact(counts) == Fraction(expected)


@given(COUNTS)
def test_width_is_worth_at_most_a_factor_of_twelve_and_a_half(counts):
    narrow = ImpactCounts(counts.citations, counts.downloads, counts.used_ms)
    assert impact(narrow) <= impact(counts) <= impact(narrow) * Fraction(25, 2)


@given(COUNTS)
def test_collaboration_is_a_share(counts):
    assert 0 <= collaboration(counts) <= 1


def test_every_weight_can_be_overridden():
    weights = ImpactParameters(2_000, 3_000, 5_000, 7_000, 11_000, 50_000)
    assert impact(ImpactCounts(1, 1, HOUR, 1, 1, 2), weights) == 10 * (1 + 7 + 22)
    assert impact(ImpactCounts(1, 1, HOUR, 1, 1, 9), weights) == 10 * (1 + 7 + 50)


@pytest.mark.parametrize("counts", [ImpactCounts(reach=-1), ImpactCounts(derivatives_of_others=1)])
def test_impossible_counts_are_a_bug(counts):
    with pytest.raises(AssertionError):
        impact(counts)
