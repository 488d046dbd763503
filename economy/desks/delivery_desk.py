"""Delivery in escrow as operations: whoever's turn it is speaks, and silence has an answer.

The buyer proposes seller, arbiter and term by paying. A seller who was not asked, or does not trust
the arbiter, need only be silent: what was paid goes back to the buyer at the term.
"""

from economy.delivery import Deliveries, DeliveryOpened
from economy.delivery_state import Delivery, DeliveryState
from economy.desks.desk import (
    Answer,
    Count,
    Desk,
    DeskOperation,
    KeyedOperation,
    Reading,
    answer,
    refused,
)
from economy.facts import Settled
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Milliseconds, Name
from economy.orders import PPM
from economy.refusals import Refusal
from economy.teller import bar_payees
from prsm_sim.actor import Fact, Message


class OrderDelivery(KeyedOperation, frozen=True):
    """Pay into escrow for something that `seller` delivers until `due_ms`."""

    seller: Name
    arbiter: Name
    price_units: UnitsText
    due_ms: Milliseconds


class ReportDelivery(DeskOperation, frozen=True):
    """Say that it was delivered; the seller's right."""

    number: Count


class ConfirmDelivery(DeskOperation, frozen=True):
    """Let the seller be paid; the buyer's right."""

    number: Count


class DisputeDelivery(DeskOperation, frozen=True):
    """Deny that it was delivered as agreed, and put up the bond; the buyer's right."""

    number: Count


class RuleDelivery(DeskOperation, frozen=True):
    """Give the buyer this share of price and bond, the seller the rest; the arbiter's right."""

    number: Count
    buyer_ppm: Count


class CollectFromDeliveries(DeskOperation, frozen=True):
    """Pay to `payee` what is kept for the client because it could not be paid."""

    payee: Name


class ReadDelivery(Reading, frozen=True):
    """Ask how an open delivery stands."""

    number: Count


class DeliveryStatus(Message, frozen=True):
    """An open delivery: whose turn it is follows from its state."""

    number: int
    buyer: str
    seller: str
    arbiter: str
    price_units: UnitsText
    bond_units: UnitsText
    state: DeliveryState
    deadline_ms: int


class DeliveryDesk(Desk):
    """Deliveries behind operations.

    Args:
        deliveries: the mechanism.
    """

    name = "delivery"
    operations = (
        *(OrderDelivery, ReportDelivery, ConfirmDelivery, DisputeDelivery, RuleDelivery),
        *(CollectFromDeliveries, ReadDelivery),
    )
    results = (DeliveryStatus,)

    def __init__(self, deliveries: Deliveries) -> None:
        super().__init__(deliveries)
        self.deliveries = deliveries

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        deliveries = self.deliveries
        match operation:
            case OrderDelivery():
                return self._order(client, operation, now_ms)
            case ReportDelivery(number):
                return answer(deliveries.deliver(client, number, now_ms))
            case ConfirmDelivery(number):
                delivery = deliveries.open.get(number)
                refusal = deliveries.confirm(client, number, now_ms)
                if refusal is not None or delivery is None:
                    return answer(refusal)
                return answer(None, _settled(delivery, "confirmed", delivery.price_units, 0))
            case DisputeDelivery(number):
                return answer(deliveries.dispute(client, number, now_ms))
            case RuleDelivery(number, buyer_ppm):
                delivery = deliveries.open.get(number)
                refusal = deliveries.rule(client, number, buyer_ppm, now_ms)
                if refusal is not None or delivery is None:
                    return answer(refusal)
                in_escrow = delivery.price_units + delivery.bond_units
                returned = in_escrow * buyer_ppm // PPM
                return answer(None, _settled(delivery, "ruled", in_escrow - returned, returned))
            case CollectFromDeliveries(payee):
                return answer(bar_payees(payee) or deliveries.claim(client, payee))
            case ReadDelivery(number):
                return self._status(number)
        raise AssertionError(f"{operation} is for another desk")

    def due_ms(self, after_ms: int) -> int | None:
        """When the next deadline of a delivery is."""
        return self.deliveries.next_due_ms(after_ms)

    def advance(self, now_ms: int) -> tuple[Fact, ...]:
        """End what is past its deadline, by its default."""
        before = dict(self.deliveries.open)
        ended = (before[number] for number in self.deliveries.expire(now_ms))
        return tuple(_lapsed(delivery) for delivery in ended)

    def _order(self, client: str, wanted: OrderDelivery, now_ms: int) -> Answer:
        opened = bar_payees(wanted.seller) or self.deliveries.order(
            client,
            wanted.seller,
            wanted.arbiter,
            decode_units(wanted.price_units),
            wanted.due_ms,
            now_ms,
        )
        if isinstance(opened, DeliveryOpened):
            return self._status(opened.number)
        return refused(opened)

    def _status(self, number: int) -> Answer:
        delivery = self.deliveries.open.get(number)
        if delivery is None:
            return refused(Refusal.UNKNOWN_DELIVERY)
        return Answer(
            DeliveryStatus(
                number=number,
                buyer=delivery.buyer,
                seller=delivery.seller,
                arbiter=delivery.arbiter,
                price_units=encode_units(delivery.price_units),
                bond_units=encode_units(delivery.bond_units),
                state=delivery.state,
                deadline_ms=delivery.deadline_ms,
            )
        )


def _lapsed(delivery: Delivery) -> Settled:
    """What the silence of whoever's turn it was means."""
    if delivery.state is DeliveryState.AWAITED:
        return _settled(delivery, "undelivered", 0, delivery.price_units)
    return _settled(delivery, "unopposed", delivery.price_units, delivery.bond_units)


def _settled(delivery: Delivery, outcome: str, paid_units: int, returned_units: int) -> Settled:
    return Settled(
        DeliveryDesk.name,
        str(delivery.number),
        outcome,
        encode_units(paid_units),
        encode_units(returned_units),
    )
