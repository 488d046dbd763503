"""A rental from payment to settlement: its life, its deadlines, and who gets what.

The buyer pays everything into escrow at once, and no one waits for anyone for ever: every state but
the last two has a deadline, and the deadline has an answer.

    RESERVED   paid; the seller must give access     too late: the buyer gets everything back
    RUNNING    hours or meter are running            time is up: as if finished
    REVIEW     the buyer confirms, or disputes       silence is consent
    RETAINED   paid but for a tenth of the price     no dispute: the tenth is paid too
    DISPUTED   the arbiter decides                   no decision: a default share
    SETTLED    the seller was paid, in whole or in part
    REFUNDED   the buyer got everything back

A seller who never delivers thus gets nothing, a buyer who never confirms keeps nothing, and a
dispute in which the arbiter sleeps is no victory for whoever began it.

The money. A price of P costs the buyer P + F, where F = 5 % of P, rounded up, plus 0.1 FTNS. The
seller is due S = 85 % of P and the platform the other 15 % and F, so the buyer's debit is the sum
of both credits to the unit. 85 % is rounded by largest remainder (`money.split`). The tenth that is
retained is cut into what the seller's total still lacks and the rest, so that paying in two steps
gives the same as in one. If less than P is due in the end (hours not begun, units not used, a
dispute), both S and F are those of the lower price, and what is left over returns to the buyer.
"""

from enum import Enum
from typing import Final, NamedTuple

import msgspec

from economy.accounts import is_account_of
from economy.ledger_parameters import DAY_MS
from economy.listings import RentalKind
from economy.money import ftns, split
from economy.price_models import HOUR_MS, PPM, PriceParameters
from economy.refusals import Refusal
from economy.windows import name_until


class RentalState(Enum):
    """Where a rental is in its life."""

    RESERVED = "reserved"
    RUNNING = "running"
    REVIEW = "review"
    RETAINED = "retained"
    DISPUTED = "disputed"
    SETTLED = "settled"
    REFUNDED = "refunded"


class Step(Enum):
    """What can happen to a rental."""

    START = "start"
    """The seller gave access to something that runs."""
    HAND_OVER = "hand-over"
    """The seller gave access to something that is then complete."""
    DECLINE = "decline"
    """The seller gave the rental up, or its time passed."""
    FINISH = "finish"
    ACCEPT = "accept"
    ACCEPT_ALL = "accept-all"
    """Accepted, and nothing of the price is retained."""
    DISPUTE = "dispute"
    RELEASE = "release"
    AWARD = "award"
    """A dispute was decided, and the seller got something."""
    REFUND = "refund"
    """A dispute was decided, and the seller got nothing."""
    LAPSE = "lapse"
    """The escrow had run out before anyone looked."""


LIFECYCLE: Final[dict[tuple[RentalState, Step], RentalState]] = {
    (RentalState.RESERVED, Step.START): RentalState.RUNNING,
    (RentalState.RESERVED, Step.HAND_OVER): RentalState.REVIEW,
    (RentalState.RESERVED, Step.DECLINE): RentalState.REFUNDED,
    (RentalState.RESERVED, Step.LAPSE): RentalState.REFUNDED,
    (RentalState.RUNNING, Step.FINISH): RentalState.REVIEW,
    (RentalState.RUNNING, Step.LAPSE): RentalState.REFUNDED,
    (RentalState.REVIEW, Step.ACCEPT): RentalState.RETAINED,
    (RentalState.REVIEW, Step.ACCEPT_ALL): RentalState.SETTLED,
    (RentalState.REVIEW, Step.DISPUTE): RentalState.DISPUTED,
    (RentalState.REVIEW, Step.LAPSE): RentalState.REFUNDED,
    (RentalState.RETAINED, Step.DISPUTE): RentalState.DISPUTED,
    (RentalState.RETAINED, Step.RELEASE): RentalState.SETTLED,
    (RentalState.DISPUTED, Step.AWARD): RentalState.SETTLED,
    (RentalState.DISPUTED, Step.REFUND): RentalState.REFUNDED,
    (RentalState.DISPUTED, Step.LAPSE): RentalState.REFUNDED,
}

MOST_STARS: Final = 5

ENDED: Final = (RentalState.SETTLED, RentalState.REFUNDED)
UNDER_WAY: Final = (RentalState.RESERVED, RentalState.RUNNING)
RATEABLE: Final = (RentalState.RETAINED, *ENDED)


class MarketplaceParameters(msgspec.Struct, frozen=True):
    """The figures of a marketplace; a second one on the same ledger needs another `name`.

    Attributes:
        name: first part of the names of its holds and accounts.
        platform: the account that gets fees and the platform's share.
        arbiter: the account that decides disputes.
        listing_fee_units: what listing costs the seller, ≥ 0.
        fee_ppm: the buyer's fee as a share of the price.
        fee_flat_units: and what is added to it.
        seller_ppm: the seller's share of the price; the rest is the platform's.
        retained_ppm: share of the price that is paid out later than the rest.
        default_award_ppm: the seller's share of a dispute that is not decided in time.
        delivery_ms: the seller's time to give access.
        usage_ms: longest that a metered rental runs.
        review_ms: the buyer's time to confirm or dispute.
        retention_ms: for how much longer the buyer may dispute the retained share.
        decision_ms: the arbiter's time.
        grace_ms: how long the escrow outlasts the last deadline.
        window_ms: length of a window of demand.
        windows: how many earlier ones are remembered.
        prices: the figures of the price models.
    """

    name: str = "marketplace"
    platform: str = "platform"
    arbiter: str = "arbiter"
    listing_fee_units: int = ftns("1")
    fee_ppm: int = 50_000
    fee_flat_units: int = ftns("0.1")
    seller_ppm: int = 850_000
    retained_ppm: int = 100_000
    default_award_ppm: int = 500_000
    delivery_ms: int = DAY_MS
    usage_ms: int = DAY_MS
    review_ms: int = DAY_MS
    retention_ms: int = DAY_MS
    decision_ms: int = 7 * DAY_MS
    grace_ms: int = DAY_MS
    window_ms: int = HOUR_MS
    windows: int = 24
    prices: PriceParameters = PriceParameters()

    @property
    def retained_account(self) -> str:
        """Where retained shares lie."""
        return f"{self.name}/retained"

    def hold_of(self, number: int, escrow_until_ms: int) -> str:
        """The name of the escrow of rental `number`; it says when it ends."""
        return name_until(f"{self.name}/{number}", escrow_until_ms)

    def why_not_trade(self, party: str) -> Refusal | None:
        """Why `party` may neither sell nor rent, or None: no one is judge in his own cause."""
        if is_account_of(party, self.name):
            return Refusal.RESERVED_ACCOUNT
        return Refusal.NOT_AUTHORISED if party == self.arbiter else None


TOOL_MARKETPLACE: Final = MarketplaceParameters(name="tool-marketplace", seller_ppm=700_000)
"""A marketplace of tools: the same rules, shared 70 to 30."""


class Rental(msgspec.Struct):
    """One rental, or one period of a subscription.

    Attributes:
        number: unique in its marketplace, in the order of renting.
        listing: the number of what is rented.
        buyer: who pays.
        unit_price_units: price of one, fixed when it was rented.
        quantity: how much was reserved, ≥ 1.
        metered: how much of that is due, known from `REVIEW` on; a running meter before.
        held_units: what was put in escrow: the price and the fee.
        escrow_until_ms: when the escrow runs out.
        state: where it is in its life.
        deadline_ms: when the state's time is up; 0 in the last two.
        started_at_ms: when access was given; 0 before.
        access_until_ms: when a subscription's period ends; 0 for other kinds.
        periods_left: how many more periods of a subscription follow.
        uses_capacity: whether it takes up capacity of its listing.
        retained_units: what lies in the retained account for it.
        stars: its rating, or 0.
    """

    number: int
    listing: int
    buyer: str
    unit_price_units: int
    quantity: int
    held_units: int
    escrow_until_ms: int
    state: RentalState
    deadline_ms: int
    metered: int = 0
    started_at_ms: int = 0
    access_until_ms: int = 0
    periods_left: int = 0
    uses_capacity: bool = True
    retained_units: int = 0
    stars: int = 0

    @property
    def due_units(self) -> int:
        """The price of what was metered."""
        return self.unit_price_units * self.metered

    @property
    def is_in_escrow(self) -> bool:
        """Whether its money is still held in full."""
        return self.state not in RATEABLE and not self.retained_units

    def step(self, step: Step, deadline_ms: int = 0) -> None:
        """Move to the state that the lifecycle names, until `deadline_ms`."""
        self.state = LIFECYCLE[self.state, step]
        self.deadline_ms = deadline_ms


class Listed(msgspec.Struct, frozen=True):
    """A listing was made, under this number."""

    number: int


class Rented(msgspec.Struct, frozen=True):
    """A rental was made, under this number; the buyer paid both amounts, in units, into escrow."""

    number: int
    price_units: int
    fee_units: int


class Quote(msgspec.Struct, frozen=True):
    """What a rental would cost now, in units."""

    unit_price_units: int
    price_units: int
    fee_units: int


class Payout(NamedTuple):
    """Who gets how much, in units; what is left of the money at hand is the buyer's."""

    seller_units: int
    platform_units: int
    retained_units: int = 0


def fee_units(price_units: int, parameters: MarketplaceParameters) -> int:
    """The buyer's fee on a price, rounded up; nothing is charged for nothing."""
    if not price_units:
        return 0
    return -(-price_units * parameters.fee_ppm // PPM) + parameters.fee_flat_units


def seller_units(price_units: int, parameters: MarketplaceParameters) -> int:
    """What the seller gets of a price in all, by largest remainder."""
    return split(price_units, (parameters.seller_ppm, PPM - parameters.seller_ppm))[0]


def accept(price_units: int, parameters: MarketplaceParameters) -> Payout:
    """What is paid when the buyer accepts: the price and the fee, less what is retained."""
    kept_back = split(price_units, (parameters.retained_ppm, PPM - parameters.retained_ppm))[0]
    paid = price_units - kept_back
    seller = seller_units(paid, parameters)
    return Payout(seller, paid - seller + fee_units(price_units, parameters), kept_back)


def award(price_units: int, award_ppm: int, parameters: MarketplaceParameters) -> Payout:
    """What is paid when a dispute about a whole rental gives the seller a share of the price."""
    due = split(price_units, (award_ppm, PPM - award_ppm))[0]
    seller = seller_units(due, parameters)
    return Payout(seller, due - seller + fee_units(due, parameters))


def release(
    price_units: int, retained: int, award_ppm: int, parameters: MarketplaceParameters
) -> Payout:
    """What is paid of the `retained` units when the seller gets `award_ppm` of them.

    The seller's part is what the total for the price finally paid still lacks: between nothing and
    all of what is awarded, since a share of a sum never shrinks when the sum grows, nor grows by
    more than it.
    """
    due = split(retained, (award_ppm, PPM - award_ppm))[0]
    paid = price_units - retained
    seller = seller_units(paid + due, parameters) - seller_units(paid, parameters)
    return Payout(seller, due - seller)


def run_ms(kind: RentalKind, quantity: int, parameters: MarketplaceParameters) -> int:
    """How long a rental runs between access and review at most."""
    match kind:
        case RentalKind.HOURLY:
            return quantity * HOUR_MS
        case RentalKind.USAGE:
            return parameters.usage_ms
        case RentalKind.SUBSCRIPTION | RentalKind.ONE_TIME:
            return 0
