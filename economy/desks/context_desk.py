"""Selling context: sessions that are metered, at a price that a controller moves.

A session is opened at the price of the moment, which its client bounds; what is then metered and
charged is the provider's word, never above what the client's hold allows. When a period is over the
operator says what was on offer in it, the meter knows what was asked for, and the controller (by
supply and demand, or a base fee) sets the price of the next.
"""

from economy.demand_pricing import WINDOW, PriceTrack
from economy.desks.desk import (
    Answer,
    Count,
    Desk,
    DeskOperation,
    JointBooks,
    KeyedOperation,
    Reading,
    answer,
    refused,
)
from economy.facts import Settled
from economy.metering import CONTEXT_PREFIX, THOUSANDTHS, ContextMeter
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Milliseconds, Name
from economy.refusals import Refusal
from prsm_sim.actor import Message


class OpenSession(DeskOperation, frozen=True):
    """Buy up to `allowance` thousandths of a context unit of `provider`, until the session expires.

    Refused (`SLIPPAGE`) if a unit costs more than `most_price_units`. Names are first come, first
    served: include the client's own name in the session's.
    """

    session: Name
    provider: Name
    allowance: Count
    most_price_units: UnitsText
    expires_at_ms: Milliseconds


class MeterSession(KeyedOperation, frozen=True):
    """Count so many thousandths of a context unit as used; the provider's right."""

    session: Name
    amount: Count


class ChargeSession(DeskOperation, frozen=True):
    """End a session and be paid for what was used; the provider's right."""

    session: Name


class RefundSession(DeskOperation, frozen=True):
    """End a session unpaid; the provider's right."""

    session: Name


class CloseContextPeriod(KeyedOperation, frozen=True):
    """End the period, in which `supply` units of context were on offer; the operator's right."""

    supply: Count


class ReadContextPrice(Reading, frozen=True):
    """Ask for the present price, and what the period was asked for and used."""


class SessionCharged(Message, frozen=True):
    """How a session ended."""

    charged_units: UnitsText
    returned_units: UnitsText


class ContextPrice(Message, frozen=True):
    """The price of a context unit now; what the period was asked for and used, in thousandths."""

    price_units: UnitsText
    asked: int
    used: int


class ContextDesk(Desk):
    """Metered context behind operations.

    Args:
        meter: the sessions.
        track: the price, with its controller.
        operator: the client that closes periods; empty for none.
    """

    name = "context"
    operations = (
        *(OpenSession, MeterSession, ChargeSession, RefundSession),
        *(CloseContextPeriod, ReadContextPrice),
    )
    results = (SessionCharged, ContextPrice)

    def __init__(self, meter: ContextMeter, track: PriceTrack, operator: str = "") -> None:
        super().__init__(JointBooks(meter, _TrackBooks(track)))
        self.meter = meter
        self.track = track
        self._operator = operator

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        match operation:
            case OpenSession():
                return answer(self._open(client, operation, now_ms))
            case MeterSession(_, session, amount):
                return answer(self.meter.meter(session, client, amount, now_ms))
            case ChargeSession(session):
                return self._charge(client, session, now_ms)
            case RefundSession(session):
                return self._refund(client, session, now_ms)
            case CloseContextPeriod(_, supply):
                return self._close_period(client, supply, now_ms)
            case ReadContextPrice():
                return Answer(self._price())
        raise AssertionError(f"{operation} is for another desk")

    def _open(self, client: str, wanted: OpenSession, now_ms: int) -> Refusal | None:
        known = self.meter.sessions.get(wanted.session)
        # A repetition meets the price of the first time, whatever it is now.
        price_units = self.track.price_units if known is None else known.price_units
        if price_units > decode_units(wanted.most_price_units):
            return Refusal.SLIPPAGE
        return self.meter.open(
            wanted.session,
            client,
            wanted.provider,
            wanted.allowance,
            price_units,
            wanted.expires_at_ms,
            now_ms,
        )

    def _charge(self, client: str, session: str, now_ms: int) -> Answer:
        charge = self.meter.charge(session, client, now_ms)
        if isinstance(charge, Refusal):
            return refused(charge)
        charged, returned = encode_units(charge.charged_units), encode_units(charge.returned_units)
        told = Settled(self.name, session, "charged", charged, returned)
        return Answer(SessionCharged(charged, returned), (told,))

    def _refund(self, client: str, session: str, now_ms: int) -> Answer:
        refusal = self.meter.refund(session, client, now_ms)
        if refusal is not None:
            return refused(refusal)
        hold = self.meter.ledger.book.holds[CONTEXT_PREFIX + session]
        returned = encode_units(hold.amount_units)
        return answer(None, Settled(self.name, session, "refunded", "0", returned))

    def _close_period(self, client: str, supply: int, now_ms: int) -> Answer:
        if not self._operator or client != self._operator:
            return refused(Refusal.NOT_AUTHORISED)
        ended = self.meter.close_period(now_ms)
        self.track.close_period(ended.asked // THOUSANDTHS, supply)
        price = encode_units(self.track.price_units)
        return Answer(ContextPrice(price, ended.asked, ended.used))

    def _price(self) -> ContextPrice:
        period = self.meter.period
        return ContextPrice(encode_units(self.track.price_units), period.asked, period.used)


class _TrackBooks:
    """A price track as books that can be audited."""

    def __init__(self, track: PriceTrack) -> None:
        self._track = track

    def audit(self) -> str | None:
        prices = self._track.recent_units
        if not 1 <= len(prices) <= WINDOW or not 0 <= min(prices) <= max(prices):
            return f"the last prices are impossible: {prices}"
        return None

    def encode(self) -> bytes:
        return self._track.encode()

    def restore(self, encoded: bytes) -> None:
        self._track.restore(encoded)
