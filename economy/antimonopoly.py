"""Limits to concentration: caps, alerts, and what is done about them, as data.

Three caps bound what may come about: the largest holder's share, that of the three largest, and the
effective number of holders from below. Two ladders of thresholds, on the Gini coefficient and on
the Herfindahl–Hirschman index, say how alarming a state is. A threshold is crossed when it is
reached. Nothing here moves money: an `Intervention` says what ought to be done to whom, and whoever
governs the ledger does it or does not; so the rule and its execution can be tested apart.

`capped_weights` is the intervention on voting power. Replacing each weight w by min(w, L) lowers
every concentration measure, and the more so the smaller L is: for L < M the truncated shares at L
are majorised by those at M. So the largest L that obeys the caps is found by bisection, it is exact
in integers, and nobody below it loses anything. The caps are shares of the *truncated* total; that
of the original one would leave the largest holder with more than its cap of what then counts.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Final

import msgspec

from economy.concentration import PPM, Measures, measure
from economy.refusals import Refusal

TOP: Final = 3


class AntimonopolyParameters(msgspec.Struct, frozen=True):
    """The caps and the ladders, in parts per million of 1.

    Attributes:
        single_ppm: the largest share that one may hold.
        top_three_ppm: the largest share that three may hold together.
        effective_least: the smallest effective number of holders.
        gini_ppm: from which Gini coefficient on which level of alert holds, ascending.
        herfindahl_ppm: the same of the Herfindahl–Hirschman index.
    """

    single_ppm: int = 150_000
    top_three_ppm: int = 350_000
    effective_least: int = 10
    gini_ppm: tuple[int, int, int, int] = (600_000, 700_000, 800_000, 900_000)
    herfindahl_ppm: tuple[int, int, int, int] = (150_000, 250_000, 350_000, 500_000)

    def __post_init__(self) -> None:
        assert 0 < self.single_ppm <= PPM, "single_ppm is a share"
        assert 0 < self.top_three_ppm <= PPM, "top_three_ppm is a share"
        assert self.effective_least >= 0, "effective_least is a count"
        for ladder in (self.gini_ppm, self.herfindahl_ppm):
            assert list(ladder) == sorted(ladder), "a ladder ascends"


class Level(IntEnum):
    """How alarming a state is; each threshold of a ladder that is reached is one level more."""

    CALM = 0
    WATCHED = 1
    RAISED = 2
    HIGH = 3
    CRITICAL = 4


class Cap(Enum):
    """Which cap is exceeded."""

    SINGLE = "single"
    TOP_THREE = "top-three"
    EFFECTIVE = "effective"


class Alert(msgspec.Struct, frozen=True):
    """How alarming a state is, by either ladder, and the caps that it exceeds.

    Attributes:
        gini: level by the Gini coefficient; `herfindahl` by the other index.
        exceeded: caps that are exceeded, in the order of `Cap`.
    """

    gini: Level
    herfindahl: Level
    exceeded: tuple[Cap, ...]

    @property
    def level(self) -> Level:
        """The worse of both ladders; a cap that is exceeded is at least `Level.RAISED`."""
        least = Level.RAISED if self.exceeded else Level.CALM
        return max(self.gini, self.herfindahl, least)


class Action(Enum):
    """What ought to be done."""

    REPORT = "report"
    """Say publicly what the account holds."""
    BLOCK_INFLOW = "block-inflow"
    """Let the account receive nothing until it is under the caps."""
    LIMIT_WEIGHT = "limit-weight"
    """Count only so many units of the account's as voting weight."""
    DIVEST = "divest"
    """Have the account give up so many units."""


RESPONSES: Final[Mapping[Level, tuple[Action, ...]]] = {
    Level.CALM: (),
    Level.WATCHED: (Action.REPORT,),
    Level.RAISED: (Action.REPORT, Action.BLOCK_INFLOW),
    Level.HIGH: (Action.REPORT, Action.BLOCK_INFLOW, Action.LIMIT_WEIGHT),
    Level.CRITICAL: (Action.REPORT, Action.BLOCK_INFLOW, Action.LIMIT_WEIGHT, Action.DIVEST),
}
"""What each level of alert calls for; a level calls for all that a lower one does."""


class Intervention(msgspec.Struct, frozen=True):
    """One thing that ought to be done.

    Attributes:
        action: what.
        account: to whom.
        units: how many: for `REPORT` and `BLOCK_INFLOW` what it holds, for `LIMIT_WEIGHT` what
            shall count, for `DIVEST` what it ought to give up.
    """

    action: Action
    account: str
    units: int


def alert(measures: Measures, parameters: AntimonopolyParameters | None = None) -> Alert:
    """How alarming these measures are."""
    p = AntimonopolyParameters() if parameters is None else parameters
    return Alert(
        gini=_level(measures.gini, p.gini_ppm),
        herfindahl=_level(measures.herfindahl, p.herfindahl_ppm),
        exceeded=tuple(_exceeded(measures, p)),
    )


def admits(
    holdings: Mapping[str, int],
    account: str,
    units: int,
    parameters: AntimonopolyParameters | None = None,
    payer: str = "",
) -> Refusal | None:
    """Whether `account` may receive `units` (of `payer`, or new ones); None if it may.

    It may not if it would then hold more than the cap for one, or be among three that hold more
    than theirs. An account that is over a cap may always pay.

    Args:
        holdings: units by account.
        units: how many, > 0.
    """
    p = AntimonopolyParameters() if parameters is None else parameters
    if units <= 0:
        return Refusal.INVALID_AMOUNT
    after = {**holdings, account: holdings.get(account, 0) + units}
    if payer:
        if holdings.get(payer, 0) < units:
            return Refusal.INSUFFICIENT_FUNDS
        if payer == account:
            return Refusal.SAME_ACCOUNT
        after[payer] -= units
    total_units = sum(after.values())
    if _over(after[account], total_units, p.single_ppm):
        return Refusal.SHARE_CAP_EXCEEDED
    richest = sorted(after.values(), reverse=True)[:TOP]
    if after[account] >= richest[-1] and _over(sum(richest), total_units, p.top_three_ppm):
        return Refusal.SHARE_CAP_EXCEEDED
    return None


def weight_limit(
    weights: Mapping[str, int], parameters: AntimonopolyParameters | None = None
) -> int | Refusal:
    """The largest L such that the weights min(w, L) obey all caps; in O(n log n log max w).

    Returns:
        L, in units; `Refusal.TOO_FEW_HOLDERS` if even equal weights would break a cap.
    """
    p = AntimonopolyParameters() if parameters is None else parameters
    most = max(weights.values(), default=0)
    if not _obeys([min(w, 1) for w in weights.values()], p):
        return Refusal.TOO_FEW_HOLDERS
    obeys, breaks = 1, most + 1
    while breaks - obeys > 1:
        middle = (obeys + breaks) // 2
        if _obeys([min(w, middle) for w in weights.values()], p):
            obeys = middle
        else:
            breaks = middle
    return obeys


def capped_weights(
    weights: Mapping[str, int], parameters: AntimonopolyParameters | None = None
) -> dict[str, int] | Refusal:
    """The weights, cut at the largest limit that obeys all caps (see `weight_limit`)."""
    limit = weight_limit(weights, parameters)
    if isinstance(limit, Refusal):
        return limit
    return {account: min(weight, limit) for account, weight in weights.items()}


def interventions(
    holdings: Mapping[str, int], parameters: AntimonopolyParameters | None = None
) -> tuple[Intervention, ...]:
    """What ought to be done about the holdings, the richest account first, then by name.

    Concerned is who holds more than the limit of `weight_limit`; where even equal holdings break a
    cap, who holds more than an equal part (rounded down). To divest is to come down to that limit.
    """
    p = AntimonopolyParameters() if parameters is None else parameters
    actions = RESPONSES[alert(measure(holdings.values()), p).level]
    holders = sum(1 for units in holdings.values() if units)
    if not actions or not holders:
        return ()
    limit = weight_limit(holdings, p)
    if isinstance(limit, Refusal):
        limit = sum(holdings.values()) // holders
    richest_first = sorted(holdings.items(), key=lambda item: (-item[1], item[0]))
    found = []
    for account, units in richest_first:
        if units <= limit:
            break
        amounts = {Action.LIMIT_WEIGHT: limit, Action.DIVEST: units - limit}
        found += [Intervention(one, account, amounts.get(one, units)) for one in actions]
    return tuple(found)


def _obeys(weights: list[int], parameters: AntimonopolyParameters) -> bool:
    """Whether some weight is positive and no cap is exceeded. Integers only, to be quick."""
    p, total = parameters, sum(weights)
    richest = sorted(weights, reverse=True)[:TOP]
    return (
        total > 0
        and not _over(richest[0], total, p.single_ppm)
        and not _over(sum(richest), total, p.top_three_ppm)
        and total * total >= p.effective_least * sum(w * w for w in weights)
    )


def _exceeded(measures: Measures, p: AntimonopolyParameters) -> list[Cap]:
    if not measures.total_units:
        return []
    found = {
        Cap.SINGLE: measures.top_one > Fraction(p.single_ppm, PPM),
        Cap.TOP_THREE: measures.top_three > Fraction(p.top_three_ppm, PPM),
        Cap.EFFECTIVE: measures.effective < p.effective_least,
    }
    return [cap for cap, exceeded in found.items() if exceeded]


def _over(part: int, total: int, most_ppm: int) -> bool:
    return part * PPM > most_ppm * total


def _level(value: Fraction, ladder_ppm: tuple[int, ...]) -> Level:
    return Level(sum(value >= Fraction(threshold, PPM) for threshold in ladder_ppm))
