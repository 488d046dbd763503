"""Any graph, any figures, any sequence of calls: royalties are those of the naive rule."""

from earning_reference import ReferenceGraph, royalty_pool, royalty_shares
from economy_instrument import instrument
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from economy import royalty_shares as subject
from economy.ledger import Ledger, LedgerParameters
from economy.provenance import Kind, ProvenanceGraph, ProvenanceParameters
from economy.refusals import Refusal
from economy.royalties import COMMONS, FUNDS, GOVERNANCE, PLATFORM, Payment, Royalties
from economy.royalty_shares import RoyaltyParameters, Tier, share_out

HOUR_MS = 3_600_000
DEFAULTS = RoyaltyParameters()
CREATORS = ["x", "y", "z"]
TIERS = st.sampled_from([(), DEFAULTS.hoarding, (Tier(0, 333_333),)])
PARAMETERS = st.builds(
    RoyaltyParameters,
    platform_ppm=st.integers(0, 300_000),
    governance_ppm=st.integers(0, 300_000),
    depth_most=st.integers(0, 4),
    depth_decay_ppm=st.sampled_from([1_000_000, 333_333, 0]),
    ancestors_most=st.integers(0, 5),
    ancestors_most_ppm=st.sampled_from([0, 50_000, 500_000, 1_000_000]),
    hoarding=TIERS,
)


@st.composite
def graphs(draw):
    """A graph of up to eight works, and the same one told to the naive model."""
    graph, reference = ProvenanceGraph(), ReferenceGraph(32, 2_000_000)
    for field in ("law", "art"):
        graph.open_field(field)
        reference.fields.add(field)
    names = [str(n) for n in range(draw(st.integers(1, 8)))]
    for number, name in enumerate(names):
        parents = draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        creator, kind = draw(st.sampled_from(CREATORS)), draw(st.sampled_from(Kind))
        field = draw(st.sampled_from(["law", "law", "art"]))
        graph.register(name, creator, kind, field, parents, 1)
        reference.register(name, creator, kind, field, parents)
    for name in names[-2:]:
        quality_ppm = draw(st.sampled_from([1_000_000, 0, 777_777, 2_000_000]))
        downloads, used_ms = draw(st.integers(1, 5_000)), draw(st.integers(0, 10**9))
        graph.assess(name, quality_ppm)
        reference.assess(name, quality_ppm)
        for user in draw(st.lists(st.sampled_from([*CREATORS, "u"]))):
            graph.use(name, user, downloads, used_ms)
            reference.use(name, user, downloads, used_ms)
    return graph, reference, names[-1]


@settings(deadline=None)
@given(graphs(), st.integers(1, 10**24), PARAMETERS, st.lists(st.integers(0, 300), min_size=3))
def test_shares_add_up_to_the_pool_and_are_those_of_the_naive_rule(known, value, figures, holdings):
    graph, reference, content = known
    held = dict(zip(CREATORS, holdings, strict=False))
    ledger = new_ledger(user=1_000, **{name: units for name, units in held.items() if units})
    pool = subject.royalty_pool(graph, content, value, figures)
    assert pool == royalty_pool(reference, content, value, figures)
    shares = share_out(graph, content, pool, figures, ledger)
    creators = [units for _, units in shares.creators]
    parts = [shares.platform_units, shares.governance_units, shares.commons_units, *creators]
    assert sum(parts) == pool == shares.pool_units
    assert min(parts) >= 0
    assert len(dict(shares.creators)) == len(shares.creators)
    supply = 1_000 + sum(held.values())
    expected = royalty_shares(reference, content, pool, figures, held, supply)
    assert (parts[0], parts[1], parts[2], dict(shares.creators)) == expected


def new_ledger(**balances):
    ledger = instrument(Ledger)(LedgerParameters(cap_units=10**30, genesis_units=0))
    for account, units in balances.items():
        assert ledger.mint(account, units) is None
    return ledger


class RoyaltiesAgainstReference(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.ledger = new_ledger(user=10**6, x=10**4)
        self.graph = ProvenanceGraph(ProvenanceParameters(parents_most=4))
        self.reference = ReferenceGraph(4, 2_000_000)
        self.graph.open_field("law")
        self.reference.fields.add("law")
        self.royalties = Royalties(self.ledger, self.graph)
        self.money = {"user": 10**6, "x": 10**4}
        self.paid = {}
        self.closed = set()

    @rule(
        name=st.sampled_from("abcdef"),
        creator=st.sampled_from(CREATORS),
        kind=st.sampled_from(Kind),
        data=st.data(),
    )
    def register(self, name, creator, kind, data):
        known = list(self.graph.contents)
        parents = (
            data.draw(st.lists(st.sampled_from(known), unique=True, max_size=4)) if known else []
        )
        self.graph.register(name, creator, kind, "law", parents, 1)
        self.reference.register(name, creator, kind, "law", parents)

    @rule(name=st.sampled_from("abcdef"), user=st.sampled_from(["user", *CREATORS]))
    def use(self, name, user):
        self.graph.use(name, user, 1_000, HOUR_MS)
        self.reference.use(name, user, 1_000, HOUR_MS)

    @rule(name=st.sampled_from("abcdef"), quality_ppm=st.integers(0, 2_000_000))
    def assess(self, name, quality_ppm):
        self.graph.assess(name, quality_ppm)
        self.reference.assess(name, quality_ppm)

    @rule(
        usage=st.integers(0, 20).map(str),
        name=st.sampled_from("abcdef"),
        payer=st.sampled_from(["user", "user", *CREATORS]),
        value=st.integers(-1, 30_000),
    )
    def pay(self, usage, name, payer, value):
        answer = self.royalties.pay(usage, name, payer, value)
        if usage in self.paid:
            same = self.paid[usage][:3] == (name, payer, value)
            assert answer == Payment(*self.paid[usage]) if same else answer is Refusal.ID_TAKEN
            return
        if name not in self.reference.names():
            assert answer is Refusal.UNKNOWN_CONTENT
            return
        if value <= 0:
            assert answer is Refusal.INVALID_AMOUNT
            return
        figures, supply = self.royalties.parameters, 10**6 + 10**4
        pool = royalty_pool(self.reference, name, value, figures)
        platform, governance, commons, due = royalty_shares(
            self.reference, name, pool, figures, self.money, supply, self.closed
        )
        gains = {PLATFORM: platform, GOVERNANCE: governance, COMMONS: commons, **due}
        cost = pool - gains.get(payer, 0)
        if cost > self.money.get(payer, 0) or (cost and payer in self.closed):
            assert isinstance(answer, Refusal)
            return
        assert answer == Payment(name, payer, value, pool)
        self.paid[usage] = (name, payer, value, pool)
        self.move(payer, -pool)
        for account, units in gains.items():
            self.move(account, units)

    def move(self, account, units):
        self.money[account] = self.money.get(account, 0) + units

    @rule(fund=st.sampled_from(FUNDS), units=st.integers(1, 500))
    def withdraw(self, fund, units):
        answer = self.royalties.withdraw(fund, "user", units)
        if units <= self.money.get(fund, 0):
            assert answer is None
            self.move(fund, -units)
            self.move("user", units)
        else:
            assert answer is Refusal.INSUFFICIENT_FUNDS

    @rule()
    def close_an_account(self):
        if self.ledger.close("y") is None:
            self.closed.add("y")

    @rule()
    def move_to_restored_royalties(self):
        payload = self.royalties.encode()
        self.royalties = Royalties(self.ledger, self.graph)
        self.royalties.restore(payload)
        assert self.royalties.encode() == payload

    @invariant()
    def paid_alike(self):
        assert self.royalties.audit() is None
        assert self.graph.audit() is None
        assert self.ledger.balances == {a: units for a, units in self.money.items() if units}


TestRoyaltiesAgainstReference = RoyaltiesAgainstReference.TestCase
TestRoyaltiesAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
