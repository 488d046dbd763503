"""Delivery in escrow: a trade whose second leg the ledger cannot see, and what to do in a dispute.

Units of an asset ledger change hands in the same call as the money, and nothing is left to argue
about. Work on a real machine does not. The buyer pays into escrow, the seller delivers, and from
then on silence is consent:

    state        who may            what happens                       at the deadline
    AWAITED      seller: deliver    → DELIVERED                        the buyer is refunded
    DELIVERED    buyer: confirm     the seller is paid                 the seller is paid
                 buyer: dispute     → DISPUTED, with a bond
    DISPUTED     arbiter: rule      both get the share that he names   the seller is paid, the bond
                                                                       goes back to the buyer

Every state has a deadline, so no one can lock another's money for ever by doing nothing. Whose turn
it is loses by silence; the silence of the arbiter leaves both as if there had been no dispute, so
nobody gains by one that is never decided.

A dispute costs a bond B (10 % of the price P). A ruling gives the buyer a share s of the price and
the same share of his bond, the seller the rest of both. Disputing therefore gains s·P − (1 − s)·B:
it pays only who expects s > B / (P + B), one eleventh by default, and a dispute without any merit
costs the whole bond, which the seller who was made to wait receives. Shares are rounded down for
the buyer; the seller gets what is left, so both add up to the unit.
"""

from heapq import heapify, heappop, heappush

import msgspec

from economy.accounts import is_account_of
from economy.claims import Claims
from economy.deadlines import next_after
from economy.delivery_state import (
    Delivery,
    DeliveryState,
    decode_deliveries,
    encode_deliveries,
)
from economy.ledger import DAY_MS, Ledger
from economy.orders import PPM
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError


class DeliveryParameters(msgspec.Struct, frozen=True):
    """The figures of delivery in escrow.

    Attributes:
        review_ms: the buyer's time to confirm or dispute.
        ruling_ms: the arbiter's time.
        max_wait_ms: the most time that a seller may be given.
        bond_ppm: of the price, what a dispute costs until it is decided.
    """

    review_ms: int = DAY_MS
    ruling_ms: int = 7 * DAY_MS
    max_wait_ms: int = 30 * DAY_MS
    bond_ppm: int = 100_000


class DeliveryOpened(msgspec.Struct, frozen=True):
    """A delivery was opened under this number."""

    number: int


class Deliveries:
    """All open deliveries. Every call first lets the deadlines pass that are due by then.

    Args:
        ledger: the FTNS ledger.
        parameters: the figures.
        name: prefix of its account ``name/escrow``.

    Attributes:
        open: by number. Read it, do not write it.
        claims: what the ledger refused to pay out.
    """

    def __init__(
        self, ledger: Ledger, parameters: DeliveryParameters | None = None, name: str = "delivery"
    ) -> None:
        self.ledger = ledger
        self.parameters = DeliveryParameters() if parameters is None else parameters
        self.name = name
        self.escrow_account = f"{name}/escrow"
        self.open: dict[int, Delivery] = {}
        self.claims = Claims()
        self.next_number = 1
        self._due: list[tuple[int, int]] = []

    def order(
        self, buyer: str, seller: str, arbiter: str, price_units: int, due_ms: int, now_ms: int
    ) -> DeliveryOpened | Refusal:
        """Pay into escrow for something that `seller` has agreed to deliver by `due_ms`."""
        self.expire(now_ms)
        if any(is_account_of(account, self.name) for account in (buyer, seller)):
            return Refusal.RESERVED_ACCOUNT
        if seller == buyer or arbiter in (buyer, seller):
            return Refusal.SAME_ACCOUNT
        if due_ms <= now_ms:
            return Refusal.EXPIRY_PAST
        if due_ms - now_ms > self.parameters.max_wait_ms:
            return Refusal.EXPIRY_TOO_FAR
        refusal = self.ledger.transfer(buyer, self.escrow_account, price_units)
        if refusal is not None:
            return refusal
        number = self.next_number
        self.next_number += 1
        self.open[number] = Delivery(
            number, buyer, seller, arbiter, price_units, 0, DeliveryState.AWAITED, due_ms
        )
        heappush(self._due, (due_ms, number))
        return DeliveryOpened(number)

    def deliver(self, account: str, number: int, now_ms: int) -> Refusal | None:
        """As the seller: say that it was delivered."""
        delivery = self._turn(account, number, DeliveryState.AWAITED, now_ms)
        if isinstance(delivery, Refusal):
            return delivery
        self._advance(delivery, DeliveryState.DELIVERED, now_ms + self.parameters.review_ms)
        return None

    def confirm(self, account: str, number: int, now_ms: int) -> Refusal | None:
        """As the buyer: let the seller be paid."""
        delivery = self._turn(account, number, DeliveryState.DELIVERED, now_ms)
        if isinstance(delivery, Refusal):
            return delivery
        self._end(delivery, 0)
        return None

    def dispute(self, account: str, number: int, now_ms: int) -> Refusal | None:
        """As the buyer: deny that it was delivered as agreed, and pay the bond."""
        delivery = self._turn(account, number, DeliveryState.DELIVERED, now_ms)
        if isinstance(delivery, Refusal):
            return delivery
        bond_units = -(-delivery.price_units * self.parameters.bond_ppm // PPM)
        if bond_units:
            refusal = self.ledger.transfer(account, self.escrow_account, bond_units)
            if refusal is not None:
                return refusal
        delivery.bond_units = bond_units
        self._advance(delivery, DeliveryState.DISPUTED, now_ms + self.parameters.ruling_ms)
        return None

    def rule(self, account: str, number: int, buyer_ppm: int, now_ms: int) -> Refusal | None:
        """As the arbiter: give the buyer this share in parts per million, the seller the rest."""
        delivery = self._turn(account, number, DeliveryState.DISPUTED, now_ms)
        if isinstance(delivery, Refusal):
            return delivery
        if not 0 <= buyer_ppm <= PPM:
            return Refusal.OUT_OF_RANGE
        self._end(delivery, (delivery.price_units + delivery.bond_units) * buyer_ppm // PPM)
        return None

    def next_due_ms(self, after_ms: int) -> int | None:
        """The earliest deadline later than `after_ms`, or None."""
        return next_after(self._due, after_ms, self._is_live)

    def expire(self, now_ms: int) -> list[int]:
        """End what is past its deadline, by its default; returns numbers, the first due first."""
        ended = []
        while self._due and self._due[0][0] <= now_ms:
            entry = heappop(self._due)
            # A delivery that has moved on since has a later entry of its own.
            if self._is_live(entry):
                number, delivery = entry[1], self.open[entry[1]]
                is_awaited = delivery.state is DeliveryState.AWAITED
                self._end(delivery, delivery.price_units if is_awaited else delivery.bond_units)
                ended.append(number)
        return ended

    def claim(self, account: str, payee: str) -> Refusal | None:
        """Pay to `payee` what was kept for `account` because the ledger refused to pay it."""
        return self.claims.collect(self.ledger, self.escrow_account, account, payee)

    # --- parts ------------------------------------------------------------------------------

    def _turn(
        self, account: str, number: int, state: DeliveryState, now_ms: int
    ) -> Delivery | Refusal:
        """The delivery if it is in this state and it is the turn of `account`, else why not."""
        self.expire(now_ms)
        delivery = self.open.get(number)
        if delivery is None:
            return Refusal.UNKNOWN_DELIVERY
        turns = {
            DeliveryState.AWAITED: delivery.seller,
            DeliveryState.DELIVERED: delivery.buyer,
            DeliveryState.DISPUTED: delivery.arbiter,
        }
        if turns[state] != account:
            return Refusal.NOT_AUTHORISED
        return delivery if delivery.state is state else Refusal.WRONG_STATE

    def _is_live(self, entry: tuple[int, int]) -> bool:
        """Whether a delivery's time is up at the instant of this entry."""
        delivery = self.open.get(entry[1])
        return delivery is not None and delivery.deadline_ms == entry[0]

    def _advance(self, delivery: Delivery, state: DeliveryState, deadline_ms: int) -> None:
        delivery.state, delivery.deadline_ms = state, deadline_ms
        heappush(self._due, (deadline_ms, delivery.number))

    def _end(self, delivery: Delivery, buyer_units: int) -> None:
        """Pay the buyer so much of what is in escrow, the seller the rest; forget the delivery."""
        del self.open[delivery.number]
        self.claims.pay(self.ledger, self.escrow_account, delivery.buyer, buyer_units)
        seller_units = delivery.price_units + delivery.bond_units - buyer_units
        self.claims.pay(self.ledger, self.escrow_account, delivery.seller, seller_units)

    # --- checking and saving ----------------------------------------------------------------

    def audit(self) -> str | None:
        """Check the books against the ledger from scratch; returns what is wrong, or None."""
        owed_units = self.claims.total_units()
        for number, delivery in self.open.items():
            owed_units += delivery.price_units + delivery.bond_units
            is_disputed = delivery.state is DeliveryState.DISPUTED
            if delivery.price_units <= 0 or delivery.bond_units < 0:
                return f"delivery {number} is worth {delivery.price_units} units"
            if delivery.bond_units and not is_disputed:
                return f"delivery {number} has a bond and no dispute"
            if (delivery.deadline_ms, number) not in self._due or number >= self.next_number:
                return f"delivery {number} would never end"
        held_units = self.ledger.balances.get(self.escrow_account, 0)
        if held_units != owed_units:
            return f"escrow has {held_units} units, deliveries {owed_units}"
        return self.claims.audit()

    def encode(self) -> bytes:
        """The whole state but the ledger's, as canonical bytes."""
        return encode_deliveries(self.open, self.claims, self.next_number)

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`; the ledger was restored before.

        Raises:
            RemoteProtocolError: it is no sound state on this ledger. Nothing has changed then.
        """
        deliveries, claims, next_number = decode_deliveries(encoded)
        fresh = Deliveries(self.ledger, self.parameters, self.name)
        fresh.open, fresh.claims, fresh.next_number = deliveries, claims, next_number
        fresh._due = [(delivery.deadline_ms, number) for number, delivery in fresh.open.items()]
        heapify(fresh._due)
        discrepancy = fresh.audit()
        if discrepancy is not None or fresh.encode() != encoded:
            raise RemoteProtocolError(f"restored deliveries: {discrepancy or 'not canonical'}")
        self.open, self.claims = fresh.open, fresh.claims
        self.next_number, self._due = fresh.next_number, fresh._due
