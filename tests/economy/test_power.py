"""Voting power: against all coalitions and all orders one by one, and published figures."""

from fractions import Fraction
from itertools import permutations, product
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from economy import power as power_module
from economy.power import banzhaf, power, shapley
from prsm_sim.actor import UserError

votes = st.lists(st.integers(0, 12), min_size=1, max_size=7).filter(any)


def naive_pivots(weights: list[int], quota: int) -> list[int]:
    pivots = [0] * len(weights)
    for coalition in product((0, 1), repeat=len(weights)):
        weight = sum(w for w, member in zip(weights, coalition, strict=True) if member)
        for voter, member in enumerate(coalition):
            pivots[voter] += bool(member) and weight >= quota > weight - weights[voter]
    return pivots


def naive_shapley(weights: list[int], quota: int) -> list[Fraction]:
    pivotal = [0] * len(weights)
    orders = list(permutations(range(len(weights))))
    for order in orders:
        weight = 0
        for voter in order:
            weight += weights[voter]
            if weight >= quota:
                pivotal[voter] += 1
                break
    return [Fraction(count, len(orders)) for count in pivotal]


@given(votes, st.data())
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_all_coalitions(weights: list[int], data: st.DataObject) -> None:
    quota = data.draw(st.integers(1, sum(weights)))
    found = power(weights, quota)
    pivots = naive_pivots(weights, quota)
    assert list(found.pivots) == pivots
    assert list(found.banzhaf) == [Fraction(2 * p, 2 ** len(weights)) for p in pivots]
    assert sum(found.banzhaf_index) == sum(found.shapley) == 1
    if len(weights) <= 6:
        assert list(found.shapley) == naive_shapley(weights, quota)


@given(votes, st.integers(1, 10**18), st.data())
@settings(max_examples=30, deadline=None)
def test_base_units_change_nothing(weights: list[int], unit: int, data: st.DataObject) -> None:
    quota = data.draw(st.integers(1, sum(weights)))
    finer = data.draw(st.integers(0, unit - 1))
    scaled = [unit * weight for weight in weights]
    assert power(scaled, unit * quota - finer) == power(weights, quota)


def test_a_hair_less_than_half_is_worth_no_more_than_a_hair() -> None:
    assert banzhaf([50, 49, 1], 51) == (Fraction(3, 5), Fraction(1, 5), Fraction(1, 5))
    assert shapley([50, 49, 1], 51) == (Fraction(2, 3), Fraction(1, 6), Fraction(1, 6))


def test_the_council_of_ministers_of_1958() -> None:
    # Six states, 17 votes, quota 12: Luxembourg had a vote and no power at all.
    found = power([4, 4, 4, 2, 2, 1], 12)
    assert found.pivots == (10, 10, 10, 6, 6, 0)
    assert found.banzhaf_index == tuple(Fraction(k, 21) for k in (5, 5, 5, 3, 3, 0))
    assert found.shapley == tuple(Fraction(k, 60) for k in (14, 14, 14, 9, 9, 0))


def test_the_security_council() -> None:
    # Permanent members have a veto: weight 7 each, ten others 1 each, quota 39 (Shapley, 1954).
    found = power([7] * 5 + [1] * 10, 39)
    other = Fraction(comb(9, 3), 1) * Fraction(1, 15 * comb(14, 8))
    assert set(found.shapley[5:]) == {other} == {Fraction(4, 2145)}
    assert set(found.shapley[:5]) == {(1 - 10 * other) / 5}
    assert found.pivots == (sum(comb(10, k) for k in range(4, 11)),) * 5 + (comb(9, 3),) * 10


def test_many_equal_votes_and_one_dictator() -> None:
    voters = 201
    assert set(shapley([1] * voters, 101)) == {Fraction(1, voters)}
    assert power([1] * voters, 101).pivots[0] == comb(200, 100)
    assert power([5, 1, 1, 0], 4).banzhaf_index == (1, 0, 0, 0)


def test_what_cannot_be_is_refused() -> None:
    for weights, quota in (([1, -1, 5], 2), ([1, 2], 4), ([1, 2], 0), ([0], 1), ([], 1)):
        with pytest.raises(UserError):
            power(weights, quota)


def test_too_many_sums_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_module, "SUMS_MOST", 100)
    assert power([3**i for i in range(6)], 1).shapley
    with pytest.raises(UserError, match="distinct sums"):
        power([3**i for i in range(7)], 1)
