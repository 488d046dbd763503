"""Any sequence of calls: the auctions answer and pay exactly like the naive ones."""

from economy_instrument import instrument
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sealed_auction_reference import ReferenceAuctions

from economy.ledger import Ledger, LedgerParameters
from economy.ledger_state import encode_ledger
from economy.refusals import Refusal
from economy.sealed_auction import Opened, SealedAuctions
from economy.sealed_auction_state import AuctionParameters
from economy.sealed_bids import PriceRule, commitment_of

LEDGER = LedgerParameters(cap_units=10**4, genesis_units=0, max_hold_ms=60)
FIGURES = AuctionParameters(grace_ms=10, most_bids=4)
FUNDS = {"ann": 10, "bob": 100, "cat": 60, "dan": 100, "eve": 40, "fay": 100}
BIDDERS = st.sampled_from(["bob", "cat", "dan", "eve", "fay", "bob", "ann", "nobody"])
NUMBERS = st.sampled_from([1, 1, 1, 1, 2, 2, 2, 3, 4, 0])
AMOUNTS = st.sampled_from([5, 15, 20, 20, 30, 30, 30, 45, 0])
NONCES = st.sampled_from([b"a" * 16, b"b" * 64, b"c" * 20] * 3 + [b"d" * 15, b"e" * 65])
BIDS = st.lists(st.tuples(BIDDERS, AMOUNTS, NONCES), min_size=1, max_size=5)
OFFERS = st.tuples(st.sampled_from(PriceRule), st.sampled_from([1, 15, 20]), st.integers(1, 9))


class AuctionsAgainstReference(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.ledger = instrument(Ledger)(LEDGER)
        for account, units in FUNDS.items():
            assert self.ledger.mint(account, units) is None
        self.house = SealedAuctions(self.ledger, FIGURES)
        self.reference = ReferenceAuctions(FIGURES, LEDGER.cap_units, LEDGER.max_hold_ms, FUNDS)
        self.sealed = {}
        self.now_ms = 100

    def agree(self, before, answer, expected):
        assert answer == expected
        if isinstance(answer, Refusal):
            assert (encode_ledger(self.ledger), self.house.encode()) == before

    def state(self):
        return encode_ledger(self.ledger), self.house.encode()

    @initialize(offers=st.lists(OFFERS, min_size=2, max_size=2), bids=BIDS, others=BIDS)
    def begin_with_bids(self, offers, bids, others):
        for number, (offer, calls) in enumerate(zip(offers, (bids, others), strict=True), 1):
            self.open("ann", offer, (10, 10))
            self.commit(calls, number, copied=False)

    @rule(
        seller=st.sampled_from(["ann", "bob"]),
        offer=OFFERS
        | st.sampled_from([(PriceRule.FIRST, 0, 1), (PriceRule.FIRST, 1, 0)])
        | st.sampled_from([(PriceRule.FIRST, 10**5, 1), (PriceRule.FIRST, 1, 10**5)]),
        spans_ms=st.sampled_from([(10, 10), (10, 20), (5, 5), (0, 5), (5, 0), (30, 30)]),
    )
    def open(self, seller, offer, spans_ms):
        commit_until_ms = self.now_ms + spans_ms[0]
        ends = commit_until_ms, commit_until_ms + spans_ms[1]
        before = self.state()
        answer = self.house.open(seller, "a painting", *offer, *ends, self.now_ms)
        if isinstance(answer, Opened):
            answer = answer.number
        self.agree(before, answer, self.reference.open(seller, *offer, *ends, self.now_ms))

    @rule(
        calls=BIDS,
        number=NUMBERS,
        copied=st.sampled_from([False] * 5 + [True]),
    )
    def commit(self, calls, number, copied):
        for bidder, amount, nonce in calls:
            author = "bob" if copied else bidder
            content = (number, author, amount, nonce)
            commitment = commitment_of(*content)
            before = self.state()
            answer = self.house.commit(number, bidder, commitment, self.now_ms)
            expected = self.reference.commit(number, bidder, content, self.now_ms)
            self.agree(before, answer, expected)
            if answer is None:
                self.sealed[number, bidder] = (amount, nonce)

    @rule(
        calls=st.lists(
            st.tuples(BIDDERS, st.sampled_from([True] * 6 + [False]), AMOUNTS, NONCES),
            min_size=1,
            max_size=5,
        ),
        number=NUMBERS,
    )
    def reveal(self, calls, number):
        for bidder, honest, amount, nonce in calls:
            opened = self.sealed.get((number, bidder)) if honest else None
            amount, nonce = opened or (amount, nonce)
            before = self.state()
            answer = self.house.reveal(number, bidder, amount, nonce, self.now_ms)
            expected = self.reference.reveal(number, bidder, (amount, nonce), self.now_ms)
            self.agree(before, answer, expected)

    @rule(number=NUMBERS, silent=st.sampled_from([None, None, "bob", "dan"]))
    def reveal_all(self, number, silent):
        """Let time come to the reveal phase, and everyone who committed open his bid but one."""
        auction = self.house.auctions.get(number)
        if auction is not None:
            self.wait(max(0, auction.commit_until_ms - self.now_ms))
            calls = [(bidder, True, 0, b"") for bidder in auction.bids if bidder != silent]
            self.reveal(calls, number)

    @rule(span_ms=st.sampled_from([3, 10]))
    def wait(self, span_ms):
        self.now_ms += span_ms
        assert list(self.house.advance(self.now_ms)) == self.reference.advance(self.now_ms)

    @rule(span_ms=st.sampled_from([10, 20]), expire=st.booleans())
    def wait_while_no_one_looks(self, span_ms, expire):
        self.now_ms += span_ms
        if expire:
            self.ledger.expire(self.now_ms)
            self.reference.expire(self.now_ms)

    @rule()
    def go_on_from_the_bytes(self):
        encoded = self.house.encode()
        self.house = SealedAuctions(self.ledger, FIGURES)
        self.house.restore(encoded)
        assert self.house.encode() == encoded

    @invariant()
    def paid_alike(self):
        money = {account: units for account, units in self.reference.money.items() if units}
        assert self.ledger.balances == money
        bids = [bid for auction in self.reference.auctions for bid in auction["bids"]]
        held = sum(bid["deposit"] + bid["held"] for bid in bids)
        assert self.ledger.totals().held_units == held
        assert sum(money.values()) + held == sum(FUNDS.values())
        assert self.house.audit() is None

    @invariant()
    def stand_alike(self):
        for auction, expected in zip(
            self.house.auctions.values(), self.reference.auctions, strict=True
        ):
            assert auction.state.value == expected["state"]
            assert auction.award == expected["winner"]


TestAuctionsAgainstReference = AuctionsAgainstReference.TestCase
TestAuctionsAgainstReference.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None
)
