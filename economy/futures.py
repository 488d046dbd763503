"""Compute futures: reserve compute for a later day at a price that is fixed now.

A contract is one unit of compute (an hour) on the day of delivery. Buyer and seller agree on a
price; from then on the clearing house stands between them (novation), so neither depends on the
other. Every day it *marks to market*: a position of q contracts (negative: sold) gains

    q · (mark today − mark yesterday),

its first day counted from the price it was made at. Summed over the days this is q · (settlement −
price), so whoever buys the compute on the day of delivery pays q · price in the end, whatever it
then costs (Hull, "Options, Futures, and Other Derivatives", ch. 2–3). Settlement is in cash, by the
mark of the day of delivery.

Longs and shorts are equal in number in each series, hence all gains of a day add up to nothing:
every unit that one position gains is paid by another. Prices are whole units and so are contracts,
so gains need no rounding; margin requirements are rounded up.

A position that grows must have the initial margin (10 % of its value at the mark), one that shrinks
the maintenance margin (7.5 %). One whose margin falls below maintenance at a mark is liquidated
then and there; `clearing` has the rules of that day.
"""

import msgspec

from economy.accounts import Status, is_account_of
from economy.claims import Claims
from economy.clearing import Marked, liquidate, tear_up, vary
from economy.futures_state import (
    Position,
    Series,
    audit_series,
    decode_futures,
    encode_futures,
    margin_units,
)
from economy.ledger import DAY_MS, Ledger
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError


class FuturesParameters(msgspec.Struct, frozen=True):
    """The figures of a clearing house.

    Attributes:
        initial_margin_ppm: of a position's value, when it grows; parts per million.
        maintenance_margin_ppm: of a position's value, at all times.
        liquidation_fee_ppm: of a liquidated position's value, to the insurance, out of its margin.
        mark_interval_ms: least ledger time between two marks, but for the last.
    """

    initial_margin_ppm: int = 100_000
    maintenance_margin_ppm: int = 75_000
    liquidation_fee_ppm: int = 5_000
    mark_interval_ms: int = DAY_MS

    def __post_init__(self) -> None:
        """Our own configuration, so a mistake is a bug."""
        assert 0 < self.maintenance_margin_ppm <= self.initial_margin_ppm, "margins do not fit"
        assert self.liquidation_fee_ppm >= 0, "a fee is not negative"


class Futures:
    """The clearing house of all series.

    Args:
        ledger: the FTNS ledger.
        operator: the account whose word opens a series and marks it.
        parameters: the figures.
        name: prefix of its accounts, ``name/margin`` and ``name/insurance``.

    Attributes:
        series: by name. Read it, do not write it.
        claims: what the ledger refused to pay out.
    """

    def __init__(
        self,
        ledger: Ledger,
        operator: str,
        parameters: FuturesParameters | None = None,
        name: str = "futures",
    ) -> None:
        self.ledger = ledger
        self.operator = operator
        self.parameters = FuturesParameters() if parameters is None else parameters
        self.name = name
        self.margin_account = f"{name}/margin"
        self.insurance_account = f"{name}/insurance"
        self.series: dict[str, Series] = {}
        self.claims = Claims()

    # --- what the operator does -------------------------------------------------------------

    def open_series(
        self, account: str, name: str, price_units: int, delivers_at_ms: int, now_ms: int
    ) -> Refusal | None:
        """Open a series of contracts that deliver at a time, first marked at `price_units`."""
        if account != self.operator:
            return Refusal.NOT_AUTHORISED
        if name in self.series:
            return Refusal.ID_TAKEN
        if not self._is_price(price_units):
            return Refusal.INVALID_PRICE
        if delivers_at_ms <= now_ms:
            return Refusal.EXPIRY_PAST
        self.series[name] = Series(name, delivers_at_ms, price_units, now_ms)
        return None

    def mark(self, account: str, name: str, price_units: int, now_ms: int) -> Marked | Refusal:
        """Mark a series to the market; from its delivery on, settle it.

        Args:
            account: who says so; must be the operator.
            name: of the series.
            price_units: what a unit of compute is worth now.
            now_ms: ledger time.
        """
        series = self.series.get(name)
        if account != self.operator:
            return Refusal.NOT_AUTHORISED
        if series is None:
            return Refusal.UNKNOWN_SERIES
        if series.settled:
            return Refusal.SERIES_SETTLED
        if not self._is_price(price_units):
            return Refusal.INVALID_PRICE
        is_last = now_ms >= series.delivers_at_ms
        if not is_last and now_ms < series.marked_at_ms + self.parameters.mark_interval_ms:
            return Refusal.TOO_EARLY
        variation = vary(series, price_units, self._insurance_units())
        if variation.insured_units:
            refusal = self.ledger.transfer(
                self.insurance_account, self.margin_account, variation.insured_units
            )
            assert refusal is None, f"the insurance has what it pays, yet {refusal}"
        series.mark_units, series.marked_at_ms = price_units, now_ms
        if is_last:
            series.settled = True
            for holder in sorted(series.positions):
                self._end(series, holder)
            return Marked(variation, (), ())
        parameters = self.parameters
        liquidated = liquidate(
            series, parameters.maintenance_margin_ppm, parameters.liquidation_fee_ppm
        )
        for each in liquidated:
            self._pay(self.insurance_account, each.fee_units)
            self._pay(each.account, each.returned_units)
        torn_up = tear_up(series)
        for holder, _ in torn_up:
            if not series.positions[holder].quantity:
                self._end(series, holder)
        return Marked(variation, liquidated, torn_up)

    # --- what traders do --------------------------------------------------------------------

    def trade(
        self, name: str, buyer: str, seller: str, units: int, price_units: int, now_ms: int
    ) -> Refusal | None:
        """Enter a trade on which both sides agreed; each pays in what its margin lacks.

        Args:
            name: of the series.
            buyer: whose position rises by `units`; has agreed, as the caller made sure.
            seller: whose position falls by `units`; has agreed too.
            units: contracts, > 0.
            price_units: the price of a contract; it may differ from the mark, which is evened out
                between the two at once.
            now_ms: ledger time.
        """
        series = self._open(name, now_ms)
        if isinstance(series, Refusal):
            return series
        if buyer == seller:
            return Refusal.SAME_ACCOUNT
        if any(is_account_of(account, self.name) for account in (buyer, seller)):
            return Refusal.RESERVED_ACCOUNT
        if not 0 < units <= self.ledger.parameters.cap_units:
            return Refusal.INVALID_AMOUNT
        if not self._is_price(price_units):
            return Refusal.INVALID_PRICE
        sides = [
            (account, *self._after(series, account, quantity, price_units))
            for account, quantity in ((buyer, units), (seller, -units))
        ]
        refusal = self._collect([(account, lacking_units) for account, _, lacking_units in sides])
        if refusal is not None:
            return refusal
        for account, position, _ in sides:
            series.positions[account] = position
            if not position.quantity:
                self._end(series, account)
        return None

    def deposit(self, name: str, account: str, units: int, now_ms: int) -> Refusal | None:
        """Add `units` to the margin of a position."""
        series = self._open(name, now_ms)
        if isinstance(series, Refusal):
            return series
        position = series.positions.get(account)
        if position is None:
            return Refusal.UNKNOWN_POSITION
        refusal = self.ledger.transfer(account, self.margin_account, units)
        if refusal is None:
            position.margin_units += units
        return refusal

    def withdraw(self, name: str, account: str, units: int, now_ms: int) -> Refusal | None:
        """Take `units` out of the margin of a position, down to the initial margin."""
        series = self._open(name, now_ms)
        if isinstance(series, Refusal):
            return series
        position = series.positions.get(account)
        if position is None:
            return Refusal.UNKNOWN_POSITION
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        least_units = self._required(position.quantity, series, is_new=True)
        if position.margin_units - units < least_units:
            return Refusal.MARGIN_TOO_LOW
        position.margin_units -= units
        self._pay(account, units)
        return None

    def claim(self, account: str, payee: str) -> Refusal | None:
        """Pay to `payee` what was kept for `account` because the ledger refused to pay it."""
        return self.claims.collect(self.ledger, self.margin_account, account, payee)

    # --- parts of a trade -------------------------------------------------------------------

    def _open(self, name: str, now_ms: int) -> Series | Refusal:
        """The series if it can be traded, else why not."""
        series = self.series.get(name)
        if series is None:
            return Refusal.UNKNOWN_SERIES
        over = series.settled or now_ms >= series.delivers_at_ms
        return Refusal.SERIES_SETTLED if over else series

    def _after(
        self, series: Series, account: str, quantity: int, price_units: int
    ) -> tuple[Position, int]:
        """A position after a trade of `quantity`, and what its owner must pay in for it."""
        old = series.positions.get(account, Position(0, 0))
        held = old.quantity + quantity
        margin = old.margin_units + quantity * (series.mark_units - price_units)
        is_new = abs(held) > abs(old.quantity) or held * old.quantity < 0
        lacking_units = max(0, self._required(held, series, is_new=is_new) - margin)
        return Position(held, margin + lacking_units), lacking_units

    def _required(self, quantity: int, series: Series, *, is_new: bool) -> int:
        """The margin that so many contracts must have, in units, rounded up."""
        parameters = self.parameters
        rate_ppm = parameters.initial_margin_ppm if is_new else parameters.maintenance_margin_ppm
        return margin_units(quantity, series.mark_units, rate_ppm)

    def _collect(self, payments: list[tuple[str, int]]) -> Refusal | None:
        """Take every payment into the margin account, or none."""
        moves = [(account, self.margin_account, units) for account, units in payments if units]
        refused = self.ledger.transfer_linked(moves)
        return None if refused is None else refused.refusal

    def _insurance_units(self) -> int:
        """What may leave the insurance account."""
        standing = self.ledger.accounts.standing(self.insurance_account)
        if standing.status is not Status.OPEN:
            return 0
        balance_units = self.ledger.balances.get(self.insurance_account, 0)
        return max(0, balance_units - standing.minimum_units)

    def _is_price(self, price_units: int) -> bool:
        return 0 < price_units <= self.ledger.parameters.cap_units

    def _pay(self, account: str, units: int) -> None:
        self.claims.pay(self.ledger, self.margin_account, account, units)

    def _end(self, series: Series, account: str) -> None:
        """Close a position and return its margin."""
        self._pay(account, series.positions.pop(account).margin_units)

    # --- checking and saving ----------------------------------------------------------------

    def audit(self) -> str | None:
        """Check the books against the ledger from scratch; returns what is wrong, or None."""
        return self._why_unsound(self.series, self.claims)

    def _why_unsound(self, series: dict[str, Series], claims: Claims) -> str | None:
        owed_units = claims.total_units()
        for each in series.values():
            owed_units += sum(position.margin_units for position in each.positions.values())
            discrepancy = audit_series(each, self.parameters.maintenance_margin_ppm)
            if discrepancy is not None:
                return discrepancy
        held_units = self.ledger.balances.get(self.margin_account, 0)
        if held_units != owed_units:
            return f"the margin account has {held_units} units, positions {owed_units}"
        return claims.audit()

    def encode(self) -> bytes:
        """The whole state but the ledger's, as canonical bytes."""
        return encode_futures(self.series, self.claims)

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`; the ledger was restored before.

        Raises:
            RemoteProtocolError: it is no sound state of a clearing house on this ledger. Nothing
                has changed then.
        """
        series, claims = decode_futures(encoded)
        discrepancy = self._why_unsound(series, claims)
        if discrepancy is not None:
            raise RemoteProtocolError(f"restored futures: {discrepancy}")
        self.series, self.claims = series, claims
