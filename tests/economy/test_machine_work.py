"""Desks of accounts, context, fees, earning, provenance and royalties: who may do what."""

import pytest
from machine_console import ROLES, Console
from msgspec.structs import replace

from economy.accounts import Status
from economy.base_fee import BaseFeeParameters, next_base_fee
from economy.demand_pricing import DemandPricing, DemandPricingParameters
from economy.desks.accounts_desk import (
    BalanceAt,
    CloseAccount,
    Donate,
    FreezeAccount,
    HeldSince,
    LinkRefused,
    ReadBalanceAt,
    ReadHeldSince,
    ReadStanding,
    RequireMinimum,
    StandingStatus,
    TransferLinked,
    UnfreezeAccount,
)
from economy.desks.base_fee_desk import (
    BaseFee,
    BaseFeePaid,
    CloseFeePeriod,
    PayBaseFee,
    ReadBaseFee,
)
from economy.desks.context_desk import (
    ChargeSession,
    CloseContextPeriod,
    ContextPrice,
    MeterSession,
    OpenSession,
    ReadContextPrice,
    RefundSession,
    SessionCharged,
)
from economy.desks.earning_desk import ContributionPaid, ReadContribution, ReportContribution
from economy.desks.provenance_desk import (
    AssessContent,
    CiteContent,
    DeriveContent,
    OpenField,
    ReadContent,
    RegisterContent,
    UseContent,
)
from economy.desks.royalties_desk import (
    PayRoyalty,
    ReadRoyalties,
    RoyaltyFund,
    RoyaltyReceipt,
    WithdrawRoyaltyFund,
)
from economy.earning import EarningParameters, Paper
from economy.facts import RoyaltyPaid, Settled
from economy.operations import Accepted, Transfer
from economy.provenance import Kind
from economy.refusals import Refusal
from prsm_sim.actor import encode


@pytest.fixture
def console():
    return Console()


class TestAccounts:
    def test_linked_payments_are_made_together_or_not_at_all(self, console):
        chain = (("bob", "4000"), ("carol", "6000"))
        assert console.ask("alice", TransferLinked("k", chain)) == Accepted()
        assert [console.balance(a) for a in ("alice", "bob", "carol")] == [0, 14_000, 16_000]
        too_much = (("alice", "9000"), ("carol", "5000"), ("dave", "1"))
        payload = TransferLinked("k", too_much)
        console.ask("bob", payload)
        result = console.machine.apply(99, "bob", encode(payload), 0)
        refused = console.machine.decode_result(result)
        assert refused == LinkRefused(Refusal.INSUFFICIENT_FUNDS, 2)
        assert console.balance("bob") == 14_000

    def test_they_reach_no_account_of_a_mechanism(self, console):
        chain = TransferLinked("k", (("bob", "1"), ("staking/bonds", "1")))
        assert console.ask("alice", chain) is Refusal.RESERVED_ACCOUNT

    def test_gifts_go_where_mechanisms_pay_from_and_nowhere_else(self, console):
        assert console.ask("alice", Donate("k", "earning/pool", "5")) == Accepted()
        assert console.balance("earning/pool") == 5
        for account in ("staking/bonds", "bob", "pool/reserve"):
            assert console.ask("alice", Donate("l", account, "5")) is Refusal.NOT_AUTHORISED

    def test_only_the_officer_freezes(self, console):
        for client in ("alice", "issuer", "bob"):
            assert console.ask(client, FreezeAccount("bob")) is Refusal.NOT_AUTHORISED
            assert console.ask(client, UnfreezeAccount("bob")) is Refusal.NOT_AUTHORISED
        assert console.ask("officer", FreezeAccount("bob")) == Accepted()
        assert console.ask("bob", Transfer("t", "alice", "1")) is Refusal.ACCOUNT_FROZEN
        standing = console.ask("dave", ReadStanding("bob"))
        assert standing == StandingStatus("bob", Status.FROZEN, "0")
        assert console.ask("officer", UnfreezeAccount("bob")) == Accepted()
        assert console.ask("officer", FreezeAccount("pool/reserve")) is Refusal.RESERVED_ACCOUNT

    def test_without_an_officer_no_one_freezes(self):
        console = Console(roles=replace(ROLES, officer=""))
        for client in ("", "officer"):
            assert console.ask(client, FreezeAccount("bob")) is Refusal.NOT_AUTHORISED

    def test_owners_close_and_set_minima(self, console):
        assert console.ask("alice", RequireMinimum("9999")) == Accepted()
        assert console.ask("alice", Transfer("t", "bob", "2")) is Refusal.BELOW_MINIMUM
        assert console.ask("alice", CloseAccount()) is Refusal.ACCOUNT_NOT_EMPTY
        assert console.ask("dave", CloseAccount()) == Accepted()
        assert console.ask("bob", Transfer("t", "dave", "2")) is Refusal.ACCOUNT_CLOSED

    def test_the_past_can_be_asked_for_as_far_as_it_is_kept(self, console):
        console.ask("alice", Transfer("t", "bob", "500"), 1_000)
        console.ask("bob", Transfer("u", "alice", "1"), 2_000)
        past = console.ask("dave", ReadBalanceAt("bob", 1_500), 3_000)
        assert past == BalanceAt("bob", 1_500, "10500")
        assert console.ask("dave", ReadBalanceAt("bob", 999)).units == "10000"
        assert console.ask("dave", ReadBalanceAt("bob", 3_001)) is Refusal.OUT_OF_RANGE
        assert console.ask("dave", ReadHeldSince("bob", "10400")) == HeldSince("bob", 1_000, 2_000)
        assert console.ask("dave", ReadHeldSince("bob", "90000")) == HeldSince("bob", 3_000, 0)
        far_ms = 2 * console.machine.ledger.parameters.history_ms
        assert console.ask("dave", ReadBalanceAt("bob", 1_500), far_ms) is Refusal.OUT_OF_RANGE


class TestContext:
    FIGURES = DemandPricingParameters(base_units=100, capacity=10)

    @pytest.fixture
    def console(self):
        return Console(context=self.FIGURES, context_price_units=100)

    OPEN = OpenSession("s", "bob", 5_500, "100", 1_000)

    def test_a_session_is_quoted_held_metered_and_charged(self, console):
        assert console.ask("alice", self.OPEN) == Accepted()
        assert console.balance("alice") == 9_450
        assert console.ask("bob", MeterSession("m", "s", 2_001)) == Accepted()
        assert console.ask("bob", MeterSession("m", "s", 2_001)) == Accepted(), "repeated, not done"
        assert console.ask("bob", ChargeSession("s")) == SessionCharged("201", "349")
        assert console.told == [Settled("context", "s", "charged", "201", "349")]
        assert (console.balance("alice"), console.balance("bob")) == (9_799, 10_201)

    def test_only_its_provider_meters_charges_and_refunds(self, console):
        console.ask("alice", self.OPEN)
        for client in ("alice", "carol"):
            for operation in (MeterSession("m", "s", 1), ChargeSession("s"), RefundSession("s")):
                assert console.ask(client, operation) is Refusal.NOT_AUTHORISED
        assert console.ask("bob", MeterSession("m", "s", 5_501)) is Refusal.METER_EXCEEDED
        assert console.ask("bob", RefundSession("s")) == Accepted()
        assert console.told == [Settled("context", "s", "refunded", "0", "550")]
        assert console.balance("alice") == 10_000

    def test_the_price_follows_the_demand_and_bounds_protect_from_it(self, console):
        console.ask("alice", self.OPEN)
        for client in ("alice", "bob"):
            assert console.ask(client, CloseContextPeriod("c", 8)) is Refusal.NOT_AUTHORISED
        closed = console.ask("operator", CloseContextPeriod("c", 8))
        expected = DemandPricing(self.FIGURES).next_price(100, 5, 8, [100])
        assert closed == ContextPrice(str(expected), 5_500, 0)
        assert expected < 100
        assert console.ask("dave", ReadContextPrice()) == ContextPrice(str(expected), 0, 0)
        bounded = OpenSession("t", "bob", 1_000, str(expected - 1), 1_000)
        assert console.ask("alice", bounded) is Refusal.SLIPPAGE
        # A repetition is what it was, at the price it had.
        balance = console.balance("alice")
        assert console.ask("alice", self.OPEN) == Accepted()
        assert console.balance("alice") == balance

    def test_what_expires_is_lost_to_the_provider(self, console):
        console.ask("alice", self.OPEN)
        assert console.ask("bob", ChargeSession("s"), 1_000) is Refusal.ALREADY_EXPIRED
        assert console.balance("alice") == 10_000


class TestBaseFee:
    @pytest.fixture
    def console(self):
        return Console(base_fee=BaseFeeParameters(initial_units=80, supply=10, most_units=10**6))

    def test_the_fee_is_burned_and_the_tip_paid(self, console):
        paid = console.ask("alice", PayBaseFee("k", "bob", 8, "90", "20"))
        assert paid == BaseFeePaid("640", "80")
        assert console.machine.ledger.burned_units == 640
        assert console.balance("bob") == 10_080
        assert console.ask("alice", PayBaseFee("l", "bob", 3, "90", "20")) is Refusal.PERIOD_FULL
        gift = PayBaseFee("l", "staking/bonds", 1, "90", "20")
        assert console.ask("alice", gift) is Refusal.RESERVED_ACCOUNT

    def test_the_operator_closes_periods(self, console):
        console.ask("alice", PayBaseFee("k", "bob", 8, "90", "20"))
        assert console.ask("alice", CloseFeePeriod("c")) is Refusal.NOT_AUTHORISED
        expected = next_base_fee(80, 8, 5)
        assert console.ask("operator", CloseFeePeriod("c")) == BaseFee(1, str(expected), 0)
        assert console.ask("dave", ReadBaseFee()) == BaseFee(1, str(expected), 0)


class TestEarning:
    FIGURES = EarningParameters(paper_units=50, citation_units=10, citations_most_units=50)

    @pytest.fixture
    def console(self):
        return Console({"earning/pool": 100, "alice": 1}, earning=self.FIGURES)

    def test_what_the_reporter_vouches_for_is_paid_up_to_its_worth(self, console):
        report = ReportContribution("p", "alice", Paper(2))
        for client in ("alice", "bob", "operator"):
            assert console.ask(client, report) is Refusal.NOT_AUTHORISED
        paid = console.ask("reporter", report)
        assert paid == ContributionPaid("p", "alice", "paper", "70", "70")
        assert console.ask("reporter", report).due_units == "0"
        more = ReportContribution("p", "alice", Paper(4))
        assert console.ask("reporter", more).due_units == "20"
        assert console.balance("alice") == 91
        assert console.ask("dave", ReadContribution("p")).paid_units == "90"
        assert console.ask("dave", ReadContribution("q")) is Refusal.UNKNOWN_CONTENT

    def test_a_pool_that_is_short_pays_nothing(self, console):
        console.ask("reporter", ReportContribution("p", "alice", Paper(9)))
        late = ReportContribution("q", "alice", Paper(0))
        assert console.ask("reporter", late) is Refusal.INSUFFICIENT_FUNDS

    def test_accounts_of_mechanisms_contribute_nothing(self, console):
        report = ReportContribution("p", "staking/bonds", Paper(2))
        assert console.ask("reporter", report) is Refusal.RESERVED_ACCOUNT


class TestProvenance:
    @pytest.fixture
    def console(self):
        console = Console()
        assert console.ask("alice", OpenField("f")) is Refusal.NOT_AUTHORISED
        assert console.ask("governor", OpenField("f")) == Accepted()
        console.ask("alice", RegisterContent("base", Kind.FOUNDATIONAL, "f", ()), 500)
        console.ask("bob", RegisterContent("work", Kind.DERIVATIVE, "f", ("base",)))
        return console

    def test_a_work_is_its_clients(self, console):
        status = console.ask("dave", ReadContent("work"))
        assert (status.creator, status.rank, status.parents) == ("bob", 2, ("base",))
        taken = RegisterContent("work", Kind.DERIVATIVE, "f", ("base",))
        assert console.ask("carol", taken) is Refusal.ID_TAKEN
        assert console.ask("bob", taken) == status, "a repetition does nothing"
        assert console.ask("carol", ReadContent("nothing")) is Refusal.UNKNOWN_CONTENT
        elsewhere = RegisterContent("new", Kind.DERIVATIVE, "g", ())
        assert console.ask("carol", elsewhere) is Refusal.UNKNOWN_FIELD

    def test_only_creators_derive_and_cite(self, console):
        console.ask("carol", RegisterContent("third", Kind.INCREMENTAL, "f", ()))
        for operation in (DeriveContent("third", "work"), CiteContent("third", "work")):
            assert console.ask("bob", operation) is Refusal.NOT_AUTHORISED
            assert console.ask("carol", operation) == Accepted()
        assert console.ask("alice", DeriveContent("base", "third")) is Refusal.CYCLE

    def test_use_counts_once_a_key_and_quality_is_the_reviewers(self, console):
        for _ in range(3):
            assert console.ask("carol", UseContent("k", "work", 5, 0)) == Accepted()
        # 5 downloads of 0.1 each, reached one account: 0.5 · (1 + 0.5).
        assert console.ask("dave", ReadContent("work")).impact_thousandths == "750"
        for client in ("alice", "governor"):
            assess = AssessContent("work", 1_500_000)
            assert console.ask(client, assess) is Refusal.NOT_AUTHORISED
        assert console.ask("reviewer", AssessContent("work", 1_500_000)) == Accepted()
        assert console.ask("dave", ReadContent("work")).quality_ppm == 1_500_000
        assert console.restored().digest() == console.machine.digest()

    def test_a_royalty_is_paid_once_a_use_and_adds_up(self, console):
        use = PayRoyalty("u", "work", "1000")
        paid = console.ask("carol", use)
        assert paid == RoyaltyReceipt("u", "100")
        (told,) = console.told
        assert isinstance(told, RoyaltyPaid)
        assert (told.content, told.payer, told.pool_units) == ("work", "carol", "100")
        assert console.balance("carol") == 9_900
        assert console.ask("carol", use) == paid
        assert console.told == []
        assert console.balance("carol") == 9_900
        assert console.ask("carol", PayRoyalty("u", "work", "2000")) is Refusal.ID_TAKEN
        funds = sum(console.balance(f"royalties/{fund.value}") for fund in RoyaltyFund)
        earned = [int(console.ask("dave", ReadRoyalties(who)).units) for who in ("alice", "bob")]
        assert min(earned) > 0
        assert funds + sum(earned) == 100

    def test_nobody_takes_the_name_of_anothers_use(self, console):
        console.ask("alice", PayRoyalty("u", "work", "10"))
        assert console.ask("carol", PayRoyalty("u", "work", "1000")) == RoyaltyReceipt("u", "100")

    def test_the_governor_spends_the_funds(self, console):
        console.ask("carol", PayRoyalty("u", "work", "10000"))
        in_fund = str(console.balance("royalties/platform"))
        spend = WithdrawRoyaltyFund("k", RoyaltyFund.PLATFORM, "dave", in_fund)
        assert console.ask("carol", spend) is Refusal.NOT_AUTHORISED
        assert console.ask("governor", spend) == Accepted()
        assert console.balance("dave") == int(in_fund)
        again = WithdrawRoyaltyFund("l", RoyaltyFund.PLATFORM, "dave", in_fund)
        assert console.ask("governor", again) is Refusal.INSUFFICIENT_FUNDS
