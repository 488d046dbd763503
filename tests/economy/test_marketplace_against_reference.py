"""Any sequence of calls: the marketplace answers and pays exactly like the naive one."""

import msgspec
from economy_instrument import instrument
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from marketplace_reference import ReferenceMarketplace

from economy.ledger import Ledger, LedgerParameters
from economy.ledger_state import encode_ledger
from economy.listings import RentalKind, Terms
from economy.marketplace import Marketplace
from economy.price_models import HOUR_MS, PriceModel
from economy.refusals import Refusal
from economy.rentals import Listed, MarketplaceParameters, Rented

LEDGER = LedgerParameters(cap_units=10**6, genesis_units=0, max_hold_ms=24 * HOUR_MS)
FIGURES = MarketplaceParameters(
    listing_fee_units=2,
    fee_flat_units=3,
    delivery_ms=3 * HOUR_MS,
    usage_ms=4 * HOUR_MS,
    review_ms=2 * HOUR_MS,
    retention_ms=2 * HOUR_MS,
    decision_ms=5 * HOUR_MS,
    grace_ms=HOUR_MS,
    windows=3,
)
FUNDS = {"ann": 900, "bob": 2000, "cat": 300}
STRANGERS = [*FUNDS, "arbiter", "marketplace/retained"]
# Most calls come from whom they should, or hardly anything would ever happen.
PARTIES = st.sampled_from(["right"] * 20 + STRANGERS)
AWARDS_PPM = (-1, 0, 1, 333_333, 500_000, 10**6, 10**6 + 1)
PAID = ("retained", "settled", "refunded")
ACTIONS = {
    "deliver": ("reserved",),
    "decline": ("reserved",),
    "meter": ("running",),
    "finish": ("running",),
    "confirm": ("review",),
    "dispute": ("review", "retained"),
    "decide": ("disputed",),
    "rate": PAID,
    "cancel_renewal": ("review", *PAID),
}
KINDS = st.sampled_from(RentalKind)
MODELS = st.sampled_from(PriceModel)
PERIODS_MS = st.sampled_from([HOUR_MS, 5 * HOUR_MS])
CAPACITIES = st.sampled_from([1, 2, 2])
TERMS = st.builds(
    Terms,
    st.just("title"),
    st.just(()),
    KINDS,
    st.sampled_from([1, 3, 17, 40]),
    CAPACITIES,
    MODELS,
    st.booleans(),
    PERIODS_MS,
)
BAD_TERMS = st.one_of(
    st.builds(Terms, st.just(""), st.just(()), KINDS, st.sampled_from([0, 10**7]), CAPACITIES),
    st.builds(Terms, st.just(""), st.just(()), KINDS, st.just(1), st.just(0)),
    st.builds(Terms, st.just(""), st.just(()), KINDS, st.just(1), st.just(1), period_ms=st.just(0)),
)


CALLS = st.tuples(
    st.sampled_from(list(ACTIONS)),
    st.sampled_from([True] * 8 + [False]),
    st.integers(0, 5),
    PARTIES,
    st.integers(0, 6),
)


class MarketplaceAgainstReference(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.ledger = instrument(Ledger)(LEDGER)
        for account, units in FUNDS.items():
            assert self.ledger.mint(account, units) is None
        self.market = Marketplace(self.ledger, FIGURES)
        self.reference = ReferenceMarketplace(FIGURES, LEDGER.cap_units, LEDGER.max_hold_ms, FUNDS)
        self.now_ms = 5 * HOUR_MS

    def both(self, method, *arguments):
        before = encode_ledger(self.ledger), self.market.encode()
        answer = getattr(self.market, method)(*arguments)
        expected = getattr(self.reference, method)(*arguments)
        if isinstance(answer, Listed | Rented):
            answer = answer.number
        assert answer == expected, (method, arguments)
        if isinstance(answer, Refusal):
            assert (encode_ledger(self.ledger), self.market.encode()) == before

    def who(self, party, number, role):
        if party != "right" or number not in self.market.rentals:
            return party
        rental = self.market.rentals[number]
        return rental.buyer if role == "buyer" else self.market.listings[rental.listing].seller

    @initialize(kinds=st.permutations(RentalKind), terms=TERMS, quantity=st.integers(1, 3))
    def begin_with_rentals(self, kinds, terms, quantity):
        for number, kind in enumerate(kinds[:3], 1):
            self.both("offer", "ann", msgspec.structs.replace(terms, kind=kind), self.now_ms)
            self.rent(number, "bob", quantity, 10**6, delivered=number < 3)

    @rule(
        seller=st.sampled_from(["ann", "bob", *STRANGERS]),
        terms=TERMS | BAD_TERMS,
        withdrawn=st.sampled_from([None, None, None, 0, 1, 2]),
    )
    def offer(self, seller, terms, withdrawn):
        if withdrawn is None:
            self.both("offer", seller, terms, self.now_ms)
        else:
            self.both("withdraw", withdrawn, seller)

    @rule(
        number=st.sampled_from([1, 1, 2, 2, 3, 0]),
        buyer=st.sampled_from(["bob", "bob", "cat", "cat", *STRANGERS]),
        quantity=st.sampled_from([1, 2, 2, 3, 2, 3, 30, 0]),
        limit=st.sampled_from([10**6, 10**6, 10**6, 60]),
        delivered=st.booleans(),
    )
    def rent(self, number, buyer, quantity, limit, delivered):
        before = len(self.market.rentals)
        self.both("rent", number, buyer, quantity, limit, self.now_ms)
        rented = len(self.market.rentals)
        if delivered and rented > before:
            self.take("deliver", rented, "right")

    @rule(calls=st.lists(CALLS, min_size=1, max_size=5))
    def act(self, calls):
        """Do things to rentals, mostly to such as are in a state where they can be done."""
        for action, fitting, choice, party, figure in calls:
            rentals = self.market.rentals
            numbers = [n for n in rentals if rentals[n].state.value in ACTIONS[action]]
            number = numbers[choice % len(numbers)] if fitting and numbers else choice
            self.take(action, number, party, figure)

    def take(self, action, number, party, figure=0):
        if action in ("deliver", "decline"):
            self.both(action, number, self.who(party, number, "seller"), self.now_ms)
        elif action == "meter":
            self.both("meter", number, self.who(party, number, "seller"), figure, self.now_ms)
        elif action == "finish":
            role = "seller" if figure < 3 else "buyer"
            self.both("finish", number, self.who(party, number, role), self.now_ms)
        elif action in ("confirm", "dispute"):
            self.both(action, number, self.who(party, number, "buyer"), self.now_ms)
        elif action == "decide":
            arbiter = "arbiter" if party == "right" else party
            self.both("decide", number, arbiter, AWARDS_PPM[figure], self.now_ms)
        elif action == "cancel_renewal":
            self.both("cancel_renewal", number, self.who(party, number, "buyer"))
        else:
            self.both("rate", number, self.who(party, number, "buyer"), figure)

    @rule(thirds=st.sampled_from([1, 1, 2, 4, 7]))
    def wait(self, thirds):
        self.now_ms += thirds * HOUR_MS // 3
        self.advance()

    def advance(self):
        assert list(self.market.advance(self.now_ms)) == self.reference.advance(self.now_ms)

    @rule(hours=st.integers(1, 9), expire=st.booleans())
    def wait_while_no_one_looks(self, hours, expire):
        self.now_ms += hours * HOUR_MS
        if expire:
            self.ledger.expire(self.now_ms)
            self.reference.expire(self.now_ms)

    @rule()
    def go_on_from_the_bytes(self):
        encoded = self.market.encode()
        self.market = Marketplace(self.ledger, FIGURES)
        self.market.restore(encoded)
        assert self.market.encode() == encoded

    @invariant()
    def paid_alike(self):
        money = {account: units for account, units in self.reference.money.items() if units}
        kept = sum(rental["kept"] for rental in self.reference.rentals)
        if kept:
            money["marketplace/retained"] = kept
        assert self.ledger.balances == money
        held = sum(rental["escrow"] for rental in self.reference.rentals)
        assert self.ledger.totals().held_units == held
        assert sum(money.values()) + held == sum(FUNDS.values())
        assert self.market.audit() is None

    @invariant()
    def stand_alike(self):
        rentals = self.market.rentals.values()
        standing = [(r.state.value, r.deadline_ms or None, r.escrow_until_ms) for r in rentals]
        assert standing == [(r["state"], r["deadline"], r["until"]) for r in self.reference.rentals]
        for listing, offer in zip(
            self.market.listings.values(), self.reference.offers, strict=True
        ):
            assert listing.stars == sum(offer["stars"])
            assert listing.undelivered == offer["undelivered"]


TestMarketplaceAgainstReference = MarketplaceAgainstReference.TestCase
TestMarketplaceAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
