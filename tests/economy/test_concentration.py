"""Concentration: textbook definitions by double sums, closed forms, limits that bind exactly."""

from fractions import Fraction
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from economy.antimonopoly import (
    RESPONSES,
    Action,
    AntimonopolyParameters,
    Cap,
    Level,
    admits,
    alert,
    capped_weights,
    interventions,
    weight_limit,
)
from economy.concentration import (
    effective_number,
    gini,
    herfindahl,
    lorenz,
    measure,
    nakamoto,
    top_share,
)
from economy.ledger import Ledger
from economy.refusals import Refusal

balances = st.lists(st.integers(0, 50) | st.integers(0, 10**27), max_size=9)
positive = st.lists(st.integers(1, 60) | st.integers(1, 10**27), min_size=1, max_size=14)


def naive_gini(values: list[int]) -> Fraction:
    """Half the relative mean absolute difference, as it is defined."""
    if not sum(values):
        return Fraction(0)
    mean = Fraction(sum(values), len(values))
    differences = sum(abs(x - y) for x in values for y in values)
    return Fraction(differences, len(values) ** 2) / mean / 2


def naive_nakamoto(values: list[int], threshold: Fraction) -> int:
    """The smallest coalition of all coalitions."""
    for size in range(len(values) + 1):
        for coalition in combinations(values, size):
            if sum(coalition) > threshold * sum(values):
                return size
    return 0


@given(balances, st.fractions(0, Fraction(19, 20), max_denominator=20))
def test_measures_are_their_definitions(values: list[int], threshold: Fraction) -> None:
    total = sum(values)
    shares = [Fraction(x, total) for x in values] if total else []
    assert gini(values) == naive_gini(values)
    assert herfindahl(values) == sum(share**2 for share in shares)
    assert nakamoto(values, threshold) == naive_nakamoto(values, threshold)
    for holders in range(len(values) + 1):
        largest = max((sum(c) for c in combinations(shares, holders)), default=0)
        assert top_share(values, holders) == largest


@given(balances)
def test_gini_is_twice_the_area_between_the_lorenz_curve_and_the_diagonal(
    values: list[int],
) -> None:
    points = lorenz(values)
    assert points[0] == (0, 0)
    assert points[-1] == (1, 1)
    area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(points))
    assert gini(values) == 1 - 2 * area
    steps = [y2 - y1 for (_, y1), (_, y2) in pairwise(points)]
    assert steps == sorted(steps)


@given(balances, st.integers(2, 5), st.integers(1, 10**9))
def test_copies_and_scales_change_no_relative_measure(
    values: list[int], copies: int, scale: int
) -> None:
    assert gini(values * copies) == gini([scale * x for x in values]) == gini(values)
    assert effective_number(values * copies) == copies * effective_number(values)


@given(balances, st.data())
def test_a_gift_to_someone_poorer_lowers_gini_and_herfindahl(
    values: list[int], data: st.DataObject
) -> None:
    values = sorted([*values, 3, 9])
    low = data.draw(st.integers(0, len(values) - 2))
    high = data.draw(st.integers(low + 1, len(values) - 1))
    most = (values[high] - values[low] - 1) // 2
    if most < 1:
        return
    gift = data.draw(st.integers(1, most))
    after = list(values)
    after[high] -= gift
    after[low] += gift
    assert gini(after) < gini(values)
    assert herfindahl(after) < herfindahl(values)


def test_closed_forms() -> None:
    equal, lonely = [7] * 10, [0] * 9 + [5]
    assert (gini(equal), herfindahl(equal), effective_number(equal)) == (0, Fraction(1, 10), 10)
    assert (gini(lonely), herfindahl(lonely), effective_number(lonely)) == (Fraction(9, 10), 1, 1)
    assert (nakamoto(equal), nakamoto(lonely)) == (6, 1)
    # 1, 2, …, n: (n − 1) / (3n).
    assert gini(range(1, 101)) == Fraction(99, 300)
    # Ten holders of 10 % each: more than a third takes four, more than half six, not five.
    assert nakamoto(equal, Fraction(1, 3)) == 4
    assert gini([]) == gini([0, 0]) == herfindahl([]) == effective_number([]) == nakamoto([0]) == 0
    assert lorenz([]) == lorenz([0]) == ((0, 0), (1, 1))
    assert lorenz([3, 1]) == ((0, 0), (Fraction(1, 2), Fraction(1, 4)), (1, 1))
    with pytest.raises(AssertionError, match="negative"):
        gini([1, -1])


def test_measure_is_all_of_them() -> None:
    found = measure([50, 30, 20, 0])
    assert (found.holders, found.total_units, found.nakamoto) == (4, 100, 2)
    assert (found.top_one, found.top_three) == (Fraction(1, 2), 1)
    assert (found.gini, found.herfindahl) == (Fraction(2, 5), Fraction(38, 100))
    assert found.effective == Fraction(100, 38)


@pytest.mark.parametrize(
    ("percent", "level"), [(59, 0), (60, 1), (70, 2), (80, 3), (89, 3), (90, 4)]
)
def test_a_gini_threshold_counts_when_it_is_reached(percent: int, level: int) -> None:
    # Of n holders one has all: Gini (n − 1)/n. With empty balances any percentage can be made.
    values = [0] * percent + [1] * (100 - percent)
    assert gini(values) == Fraction(percent, 100)
    assert alert(measure(values)).gini == level


def test_herfindahl_thresholds_and_caps() -> None:
    # One has a, the other b of 100: a² + b² + … over 100².
    for shares, level in (
        ((50, 50), 4), ((49, 17, 17, 17), 2), ((51, 30, 19), 3), ((60, 40), 4), ((25,) * 4, 2),
        ((34, 33, 33), 2), ((10,) * 10, 0), ((40, 10, 10, 10, 10, 10, 10), 1),
    ):  # fmt: skip
        index = Fraction(sum(s * s for s in shares), 10_000)
        steps = [index >= Fraction(p, 100) for p in (15, 25, 35, 50)]
        assert alert(measure(shares)).herfindahl == sum(steps) == level, shares
    # 15 + 10 + 10 = 35 % and not one too many: at the caps, not over them.
    at_the_caps = [150, 100, 100] + [65] * 10
    assert alert(measure(at_the_caps)).exceeded == ()
    assert alert(measure([151, 99, 100] + [65] * 10)).exceeded == (Cap.SINGLE,)
    assert alert(measure([150, 101, 100] + [65] * 9 + [64])).exceeded == (Cap.TOP_THREE,)
    assert alert(measure([1] * 9)).exceeded == (Cap.EFFECTIVE,)
    assert alert(measure([1] * 10)).exceeded == ()
    assert alert(measure([1] * 9)).level is Level.RAISED
    assert alert(measure([])).level is Level.CALM


@given(positive)
@settings(max_examples=60)
def test_the_weight_limit_is_the_largest_that_obeys(values: list[int]) -> None:
    def obeys(weights: list[int]) -> bool:
        return alert(measure(weights)).exceeded == ()

    limit = weight_limit({str(i): w for i, w in enumerate(values)})
    if limit is Refusal.TOO_FEW_HOLDERS:
        assert len(values) < 10
        assert not obeys([1] * len(values))
        return
    assert isinstance(limit, int)
    assert obeys([min(w, limit) for w in values])
    if limit < max(values):
        assert not obeys([min(w, limit + 1) for w in values])
    capped = capped_weights({str(i): w for i, w in enumerate(values)})
    assert capped == {str(i): min(w, limit) for i, w in enumerate(values)}


def test_a_whale_is_cut_to_its_cap_of_what_then_counts() -> None:
    # 20 small ones of 10: a whale at 15 % of the rest has L = .15 (L + 200), so L = 35.29….
    holdings = {"whale": 10_000, **{f"small-{i}": 10 for i in range(20)}}
    assert weight_limit(holdings) == 35
    found = interventions(holdings)
    assert [one.action for one in found] == list(RESPONSES[Level.CRITICAL])
    assert {one.account for one in found} == {"whale"}
    assert [one.units for one in found] == [10_000, 10_000, 35, 9_965]


def test_caps_may_be_reached() -> None:
    # Ten equal holders are ten effective ones: nobody is cut, and nobody is told off.
    equal = {f"a{i}": 7 for i in range(10)}
    assert weight_limit(equal) == 7
    assert capped_weights(equal) == equal
    # 150 of 1000 is 15 %, and 350 of 1000 are 35 %.
    holdings = {"a": 140, "b": 100, "c": 100, **{f"d{i}": 50 for i in range(13)}}
    assert sum(holdings.values()) == 990
    assert admits(holdings, "a", 10) is None
    assert admits(holdings, "a", 11) is Refusal.SHARE_CAP_EXCEEDED
    assert admits({**holdings, "a": 150}, "b", 10, payer="c") is None
    assert admits(holdings, "a", 1, payer="nobody") is Refusal.INSUFFICIENT_FUNDS
    assert admits(holdings, "a", 1, payer="a") is Refusal.SAME_ACCOUNT
    assert admits(holdings, "a", 0) is Refusal.INVALID_AMOUNT


def test_the_poor_may_receive_whatever_the_rich_hold() -> None:
    holdings = {"a": 400, "b": 300, "c": 200, **{f"d{i}": 10 for i in range(10)}}
    assert admits(holdings, "d1", 5) is None
    assert admits(holdings, "d1", 5, payer="a") is None
    assert admits(holdings, "a", 1, payer="d1") is Refusal.SHARE_CAP_EXCEEDED
    # Fourth before, third after: the three then hold 68 %.
    assert admits(holdings, "d1", 141, payer="c") is Refusal.SHARE_CAP_EXCEEDED


def test_who_is_exactly_at_the_limit_is_left_alone() -> None:
    # Two at the limit L, and 200 more: L = .15 (2 L + 200), so L = 42.86….
    holdings = {"whale": 10_000, "edge": 42, **{f"small-{i}": 10 for i in range(20)}}
    assert weight_limit(holdings) == 42
    assert {one.account for one in interventions(holdings)} == {"whale"}


def test_interventions_grow_with_the_alarm_and_name_the_richest_first() -> None:
    for level, below in zip(list(Level)[1:], Level, strict=False):
        assert RESPONSES[level][: len(RESPONSES[below])] == RESPONSES[below]
    assert interventions({f"a{i}": 1 for i in range(10)}) == ()
    assert interventions({}) == interventions({"nobody": 0}) == ()
    few = {"b": 30, "a": 30, "c": 10}  # HHI 19/49: high; too few for any limit: an equal part
    found = interventions(few)
    assert [(one.account, one.action) for one in found] == [
        (account, action)
        for account in ("a", "b")
        for action in (Action.REPORT, Action.BLOCK_INFLOW, Action.LIMIT_WEIGHT)
    ]
    assert {one.units for one in found if one.action is Action.LIMIT_WEIGHT} == {70 // 3}


def test_parameters_must_make_sense() -> None:
    for wrong in ({"single_ppm": 0}, {"top_three_ppm": 1_000_001}, {"gini_ppm": (2, 1, 3, 4)}):
        with pytest.raises(AssertionError):
            AntimonopolyParameters(**wrong)


class Guarded(RuleBasedStateMachine):
    """A ledger whose every inflow asks first: no cap that held is ever exceeded."""

    accounts = st.sampled_from([f"account-{i}" for i in range(14)])

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        for i in range(12):
            assert self.ledger.mint(f"account-{i}", 1000) is None

    @rule(payer=accounts, payee=accounts, units=st.integers(-1, 1500))
    def pay(self, payer: str, payee: str, units: int) -> None:
        before = dict(self.ledger.balances)
        refusal = admits(before, payee, units, payer=payer)
        assert before == self.ledger.balances
        if refusal is None:
            assert self.ledger.transfer(payer, payee, units) is None
        elif refusal is not Refusal.SHARE_CAP_EXCEEDED:
            assert self.ledger.transfer(payer, payee, units) is not None
        else:
            assert self.ledger.transfer(payer, payee, units) is None
            assert Cap.EFFECTIVE not in (exceeded := self.exceeded()) or len(exceeded) > 1
            assert exceeded, "it was refused for nothing"
            self.ledger.balances.clear()
            self.ledger.balances.update(before)

    @rule(payee=accounts, units=st.integers(1, 3000))
    def mint(self, payee: str, units: int) -> None:
        if admits(self.ledger.balances, payee, units) is None:
            assert self.ledger.mint(payee, units) is None

    def exceeded(self) -> tuple[Cap, ...]:
        return alert(measure(self.ledger.balances.values())).exceeded

    @invariant()
    def no_share_is_over_its_cap(self) -> None:
        exceeded = self.exceeded()
        assert Cap.SINGLE not in exceeded
        assert Cap.TOP_THREE not in exceeded


Guarded.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestGuarded = Guarded.TestCase
