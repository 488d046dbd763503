"""Metering context: what is quoted is held, what is used is charged, and the rest comes back.

A *session* buys context units at the price of the moment it opens, whatever the price does later:

    quote    allowance · price, rounded up to a unit
    hold     the quote leaves the user's balance and reaches no one
    meter    the provider reports what was used, never more than the allowance in all
    charge   used · price, rounded up, goes to the provider; the rest returns to the user

The money of a session *is* a hold of the ledger, with the provider as its arbiter, so a session
ends exactly once: charged, refunded or expired. A provider who lets it expire has worked for
nothing. What is metered is kept in thousandths of a context unit, and what a period was asked for
and used is counted for whoever sets the price (`economy.demand_pricing`).
"""

from typing import Final

import msgspec

from economy.holds import HoldState
from economy.ledger import Ledger
from economy.money import UnitsText, decode_units, encode_units
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

CONTEXT_PREFIX: Final = "context/"
THOUSANDTHS: Final = 1_000
AMOUNT_MOST: Final = 2**62
"""In thousandths of a context unit; no session asks for more, and no period counts beyond it."""
FORMAT_VERSION: Final = 1


class Session(msgspec.Struct, frozen=True):
    """The meter of an open session; payer, provider and money are in its hold.

    Attributes:
        allowance: what may be used, in thousandths of a context unit; > 0.
        price_units: of one context unit.
        used: so far, in thousandths of a context unit.
    """

    allowance: int
    price_units: int
    used: int = 0


class Period(msgspec.Struct, frozen=True):
    """What a period was asked for and used, in thousandths of a context unit."""

    asked: int = 0
    used: int = 0


class Charge(msgspec.Struct, frozen=True):
    """How a session ended: what the provider got and what the user got back, in units."""

    charged_units: int
    returned_units: int


class EncodedSession(msgspec.Struct, frozen=True, array_like=True):
    """A `Session` as it is saved, with its name."""

    name: str
    allowance: int
    price_units: UnitsText
    used: int


class EncodedMeter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `ContextMeter` as it is saved."""

    version: int
    sessions: tuple[EncodedSession, ...]
    period: Period


def cost_units(amount: int, price_units: int) -> int:
    """The cost of `amount` thousandths of a context unit, in units, rounded up."""
    return -(-amount * price_units // THOUSANDTHS)


class ContextMeter:
    """The open sessions of a ledger.

    Attributes:
        sessions: by name; those whose hold has expired are dropped at the end of the period.
        period: what the present period was asked for and used.
    """

    __slots__ = ("ledger", "period", "sessions")

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.sessions: dict[str, Session] = {}
        self.period = Period()

    def open(
        self,
        session: str,
        payer: str,
        provider: str,
        allowance: int,
        price_units: int,
        expires_at_ms: int,
        now_ms: int,
    ) -> Refusal | None:
        """Hold the quote for `allowance` thousandths of a context unit until `expires_at_ms`.

        What is asked for counts as demand, unless it is refused for a figure. Repeating it on the
        same terms does nothing.
        """
        if not 0 < allowance <= AMOUNT_MOST or price_units < 0:
            return Refusal.INVALID_FIGURE
        name = CONTEXT_PREFIX + session
        known, opened = self.sessions.get(session), name in self.ledger.book.holds
        if known is not None and (known.allowance, known.price_units) != (allowance, price_units):
            return Refusal.ID_TAKEN
        quote_units = cost_units(allowance, price_units)
        refusal = self.ledger.hold(name, payer, provider, quote_units, expires_at_ms, now_ms)
        if refusal is None and not opened:
            self.sessions[session] = Session(allowance, price_units)
            self.period = Period(min(AMOUNT_MOST, self.period.asked + allowance), self.period.used)
        return refusal

    def meter(self, session: str, provider: str, amount: int, now_ms: int) -> Refusal | None:
        """Count `amount` thousandths of a context unit as used; the provider's right."""
        refusal = self._bar(session, provider, now_ms)
        if refusal is not None:
            return refusal
        if amount <= 0:
            return Refusal.INVALID_FIGURE
        open_session = self.sessions[session]
        used = open_session.used + amount
        if used > open_session.allowance:
            return Refusal.METER_EXCEEDED
        self.sessions[session] = msgspec.structs.replace(open_session, used=used)
        self.period = Period(self.period.asked, min(AMOUNT_MOST, self.period.used + amount))
        return None

    def charge(self, session: str, provider: str, now_ms: int) -> Charge | Refusal:
        """End a session: what was used is paid for, the rest returns; the provider's right."""
        refusal = self._bar(session, provider, now_ms)
        if refusal is not None:
            return refusal
        ended = self.sessions[session]
        name = CONTEXT_PREFIX + session
        held_units = self.ledger.book.holds[name].amount_units
        charged_units = cost_units(ended.used, ended.price_units)
        refusal = self.ledger.post(name, ((provider, charged_units),), now_ms)
        if refusal is not None:
            return refusal
        del self.sessions[session]
        return Charge(charged_units, held_units - charged_units)

    def refund(self, session: str, provider: str, now_ms: int) -> Refusal | None:
        """End a session unpaid, whatever was used; the provider's right."""
        refusal = self._bar(session, provider, now_ms)
        if refusal is None:
            refusal = self.ledger.void(CONTEXT_PREFIX + session, now_ms)
        if refusal is None:
            del self.sessions[session]
        return refusal

    def close_period(self, now_ms: int) -> Period:
        """What the period was asked for and used; the next begins, and ended sessions are dropped.

        A session that stays open across periods counts as used where it was metered.
        """
        ended, self.period = self.period, Period()
        self.sessions = {
            session: meter
            for session, meter in self.sessions.items()
            if self._is_open(session, now_ms)
        }
        return ended

    def audit(self) -> str | None:
        """Check the meters against the holds; returns what is wrong, or None."""
        for session, meter in self.sessions.items():
            if not 0 <= meter.used <= meter.allowance <= AMOUNT_MOST or not meter.allowance:
                return f"session {session!r} is not possible: {meter}"
            hold = self.ledger.book.holds.get(CONTEXT_PREFIX + session)
            if hold is None or hold.state is HoldState.EXPIRED:
                continue
            if hold.state is not HoldState.PENDING:
                return f"session {session!r} is open, and its hold is {hold.state.value}"
            if hold.amount_units != cost_units(meter.allowance, meter.price_units):
                return f"session {session!r} of {meter} holds {hold.amount_units} units"
        if min(self.period.asked, self.period.used) < 0:
            return f"a period was asked for {self.period.asked}, and used {self.period.used}"
        return None

    def encode(self) -> bytes:
        """The whole state as canonical bytes, without the ledger's."""
        return encode(
            EncodedMeter(
                version=FORMAT_VERSION,
                sessions=tuple(
                    EncodedSession(
                        name, meter.allowance, encode_units(meter.price_units), meter.used
                    )
                    for name, meter in sorted(self.sessions.items(), key=lambda pair: pair[0])
                ),
                period=self.period,
            )
        )

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`, over the ledger as it is.

        Raises:
            RemoteProtocolError: it is not a sound state over it; nothing has changed.
        """
        state: EncodedMeter = decode(encoded, EncodedMeter)
        if state.version != FORMAT_VERSION:
            raise RemoteProtocolError(f"meters of format {state.version}, not {FORMAT_VERSION}")
        fresh = ContextMeter(self.ledger)
        fresh.period = state.period
        for entry in state.sessions:
            price_units = decode_units(entry.price_units)
            fresh.sessions[entry.name] = Session(entry.allowance, price_units, entry.used)
        discrepancy = fresh.audit()
        if discrepancy is None and fresh.encode() != encoded:
            discrepancy = "the bytes are not in canonical form"
        if discrepancy is not None:
            raise RemoteProtocolError(f"restored meters: {discrepancy}")
        self.sessions, self.period = fresh.sessions, fresh.period

    def _is_open(self, session: str, now_ms: int) -> bool:
        hold = self.ledger.book.holds.get(CONTEXT_PREFIX + session)
        return hold is not None and hold.state is HoldState.PENDING and hold.expires_at_ms > now_ms

    def _bar(self, session: str, client: str, now_ms: int) -> Refusal | None:
        """Why `client` may do nothing with the session, or None."""
        hold = self.ledger.book.holds.get(CONTEXT_PREFIX + session)
        if hold is None:
            return Refusal.UNKNOWN_HOLD
        if hold.arbiter != client:
            return Refusal.NOT_AUTHORISED
        if session in self.sessions and self._is_open(session, now_ms):
            return None
        return {
            HoldState.POSTED: Refusal.ALREADY_POSTED,
            HoldState.VOIDED: Refusal.ALREADY_VOIDED,
        }.get(hold.state, Refusal.ALREADY_EXPIRED)
