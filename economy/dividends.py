"""Dividends: a quarterly payment to those who held, in proportion to what they held and how long.

A quarter ends at its record date, fixed in advance. The dividend is 5 % of a pool of 1 M FTNS, or
what the pool account has left if that is less, and it is shared in proportion to weights,

    weight = (held + 0.2 · of which held long) · (1.1 if held ≥ 10 K FTNS else 1),

where *held* is the smallest balance of the 30 days up to the record date, and *held long* the
smallest of the 90 days up to it. A smallest balance is what the account had all the time, so money
that arrives a day before the record date weighs nothing, however large; an old account does not
lend its age to new money either. Less than 1 FTNS held weighs nothing.

Both come from the balances that the ledger remembers, so nobody can claim a holding period. What
is set aside or staked is no balance and earns nothing here. Accounts of mechanisms (names with a
slash), the treasury, and accounts that are closed take no part.

Weights are integers, and `economy.money.split` shares by largest remainder: what is credited adds
up to what is reported, to the unit, and a share is never more than one unit from its exact value.
Splitting a holding over accounts gains nothing; joining holdings gains the bonus of size, once.
"""

from typing import Final

import msgspec

from economy.accounts import is_reserved
from economy.genesis import TREASURY
from economy.history import BalanceHistory
from economy.ledger import DAY_MS, Ledger
from economy.money import UnitsText, decode_units, encode_units, ftns, split
from economy.refusals import Refusal
from economy.staking_terms import PPM
from prsm_sim.actor import RemoteProtocolError, UserError, decode, encode

POOL: Final = "dividends/pool"
"""The ledger account that pays the dividends; anyone may pay into it."""
FORMAT_VERSION: Final = 1
QUARTER_MS: Final = 365 * DAY_MS // 4


class DividendParameters(msgspec.Struct, frozen=True):
    """The figures of the dividends.

    Attributes:
        pool_units: the pool that a dividend is a share of.
        share_ppm: that share, each quarter, in parts per million.
        quarter_ms: time from one record date to the next.
        starts_at_ms: ledger time at which the first quarter begins.
        hold_ms: what was held for this long before the record date counts.
        least_units: less than this does not count.
        long_hold_ms: what was held for this long counts more.
        long_bonus_ppm: by how much, in parts per million.
        large_units: who holds this much has all of it count more.
        large_bonus_ppm: by how much, in parts per million.
        excluded: accounts that take no part.

    Raises:
        UserError: a figure is out of range.
    """

    pool_units: int = ftns("1000000")
    share_ppm: int = 50_000
    quarter_ms: int = QUARTER_MS
    starts_at_ms: int = 0
    hold_ms: int = 30 * DAY_MS
    least_units: int = ftns("1")
    long_hold_ms: int = 90 * DAY_MS
    long_bonus_ppm: int = 200_000
    large_units: int = ftns("10000")
    large_bonus_ppm: int = 100_000
    excluded: tuple[str, ...] = (TREASURY,)

    def __post_init__(self) -> None:
        for name in ("pool_units", "long_bonus_ppm", "large_units", "large_bonus_ppm"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}; give an integer from 0")
        if not 0 <= self.share_ppm <= PPM:
            raise UserError(f"share_ppm is {self.share_ppm}; give a share from 0 to {PPM}")
        if min(self.quarter_ms, self.least_units) < 1:
            raise UserError("quarter_ms and least_units are at least 1")
        if not 0 <= self.hold_ms <= self.long_hold_ms:
            raise UserError(
                f"hold_ms is {self.hold_ms}; give an integer from 0 to long_hold_ms, "
                f"{self.long_hold_ms}"
            )

    def weight(self, held_units: int, held_long_units: int) -> int:
        """What a holding counts; only ratios of weights mean anything.

        Args:
            held_units: the smallest balance of the last `hold_ms`.
            held_long_units: that of the last `long_hold_ms`, at most as much.
        """
        if held_units < self.least_units:
            return 0
        size_ppm = PPM + (self.large_bonus_ppm if held_units >= self.large_units else 0)
        return (held_units * PPM + held_long_units * self.long_bonus_ppm) * size_ppm


class Distribution(msgspec.Struct, frozen=True):
    """The dividend of one quarter, as it was credited.

    Attributes:
        quarter: which, from 0.
        record_ms: its record date.
        amount_units: the sum of the payments.
        payments: account and units each, in name order, none empty.
        lapsed: nothing was paid because the ledger no longer remembers the quarter.
    """

    quarter: int
    record_ms: int
    amount_units: int
    payments: tuple[tuple[str, int], ...]
    lapsed: bool = False


class Dividends:
    """Pays the dividends of a ledger, one quarter after the other.

    Args:
        ledger: where the balances are, and were.
        parameters: the figures.

    Attributes:
        quarters: how many have been paid, or have lapsed.
        paid_units: what was paid in all of them.

    Raises:
        UserError: the ledger does not remember balances for as long as a holding must last.
    """

    __slots__ = ("ledger", "paid_units", "parameters", "quarters")

    def __init__(self, ledger: Ledger, parameters: DividendParameters | None = None) -> None:
        self.ledger = ledger
        self.parameters = DividendParameters() if parameters is None else parameters
        if ledger.parameters.history_ms <= self.parameters.long_hold_ms:
            raise UserError(
                f"the ledger's history_ms is {ledger.parameters.history_ms}; dividends need more "
                f"than long_hold_ms, {self.parameters.long_hold_ms}"
            )
        self.quarters = 0
        self.paid_units = 0

    def record_ms(self, quarter: int) -> int:
        """The record date of `quarter` (from 0), in ledger time."""
        return self.parameters.starts_at_ms + (quarter + 1) * self.parameters.quarter_ms

    def distribute(self, now_ms: int) -> Distribution | Refusal:
        """Pay the earliest quarter that is over and not paid.

        It is over when its record date is past: until then balances at that instant may change. The
        ledger has been told `now_ms` before (`Ledger.expire`), as for any operation. A quarter that
        is paid so late that the ledger has forgotten its beginning lapses, and the pool keeps it.
        """
        record_ms = self.record_ms(self.quarters)
        if now_ms <= record_ms:
            return Refusal.TOO_EARLY
        lapsed = max(0, record_ms - self.parameters.long_hold_ms) < self._history().floor_ms
        weights = {} if lapsed else self.weights(record_ms)
        pool_units = self.ledger.balances.get(POOL, 0)
        amount_units = self.parameters.pool_units * self.parameters.share_ppm // PPM
        amount_units = min(amount_units, pool_units) if weights else 0
        payments: tuple[tuple[str, int], ...] = ()
        if amount_units:
            shares = split(amount_units, list(weights.values()))
            payments = tuple((a, units) for a, units in zip(weights, shares, strict=True) if units)
        failed = self.ledger.transfer_linked([(POOL, payee, units) for payee, units in payments])
        if failed is not None:
            return failed.refusal
        credited_units = pool_units - self.ledger.balances.get(POOL, 0)
        assert credited_units == amount_units, f"{credited_units} credited, {amount_units} reported"
        quarter = self.quarters
        self.quarters += 1
        self.paid_units += amount_units
        return Distribution(quarter, record_ms, amount_units, payments, lapsed)

    def weights(self, record_ms: int) -> dict[str, int]:
        """What the holding of each account counts at `record_ms`; in name order, zeros left out.

        Args:
            record_ms: an instant whose last `long_hold_ms` the ledger remembers.
        """
        terms, history = self.parameters, self._history()
        weights: dict[str, int] = {}
        for account in history.accounts():
            if not self._takes_part(account):
                continue
            held_units = self._lowest(account, record_ms, terms.hold_ms)
            if held_units < terms.least_units:
                continue
            held_long_units = self._lowest(account, record_ms, terms.long_hold_ms)
            weights[account] = terms.weight(held_units, held_long_units)
        return weights

    # --- as state ---------------------------------------------------------------------------

    def audit(self) -> str | None:
        """Check the books; returns what is wrong, or None."""
        terms = self.parameters
        most_units = self.quarters * (terms.pool_units * terms.share_ppm // PPM)
        if not 0 <= self.paid_units <= most_units:
            return f"{self.paid_units} units were paid in {self.quarters} quarters"
        return None

    def encode(self) -> bytes:
        """The whole state but the ledger's, as canonical bytes."""
        figures = _figures(self.parameters)
        paid_units = encode_units(self.paid_units)
        return encode(EncodedDividends(FORMAT_VERSION, figures, self.quarters, paid_units))

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by one that `encode` gave; restore the ledger first.

        Raises:
            RemoteProtocolError: it is no sound state for these parameters; nothing was replaced.
        """
        state: EncodedDividends = decode(encoded, EncodedDividends)
        if state.version != FORMAT_VERSION or state.figures != _figures(self.parameters):
            raise RemoteProtocolError(
                f"dividends of format {state.version} and figures {state.figures}; this is "
                f"{FORMAT_VERSION}, with {self.parameters}"
            )
        restored = Dividends(self.ledger, self.parameters)
        restored.quarters, restored.paid_units = state.quarters, decode_units(state.paid_units)
        fault = restored.audit()
        if fault is not None:
            raise RemoteProtocolError(f"restored dividends: {fault}")
        self.quarters, self.paid_units = restored.quarters, restored.paid_units

    # --- parts ------------------------------------------------------------------------------

    def _history(self) -> BalanceHistory:
        assert self.ledger.history is not None, "a ledger with history_ms has a history"
        return self.ledger.history

    def _takes_part(self, account: str) -> bool:
        if is_reserved(account) or account in self.parameters.excluded:
            return False
        return self.ledger.accounts.why_not_enter(account) is None

    def _lowest(self, account: str, until_ms: int, span_ms: int) -> int:
        """The smallest balance of `account` in the `span_ms` up to `until_ms`, with both ends."""
        history, from_ms = self._history(), until_ms - span_ms
        if from_ms < 0:
            return 0  # Nothing was held for longer than there is time.
        lowest_units = history.balance_at(account, from_ms)
        for time_ms, units in history.steps(account):
            if from_ms < time_ms <= until_ms:
                lowest_units = min(lowest_units, units)
        return lowest_units


class EncodedDividends(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `Dividends` as they are saved; `figures` are the parameters, in their order."""

    version: int
    figures: tuple[str, ...]
    quarters: int
    paid_units: UnitsText


def _figures(parameters: DividendParameters) -> tuple[str, ...]:
    return tuple(str(figure) for figure in msgspec.structs.astuple(parameters))
