"""Desks of staking, dividends, issuance, the traded asset and the pool."""

import pytest
from consensus_judge import judge_of, proof_of
from machine_console import ASSETS, Console

from economy.desks.accounts_desk import Donate
from economy.desks.assets_desk import AssetBalance, BurnAsset, MintAsset, ReadAsset, TransferAsset
from economy.desks.income_desks import (
    BurnIssued,
    DividendShared,
    IssuanceAdvanced,
    Issue,
    PayDividend,
    ReadDividends,
    ReadIssuance,
)
from economy.desks.pool_desk import (
    AddLiquidity,
    CollectFromPool,
    LiquidityMoved,
    ReadPool,
    RemoveLiquidity,
    Swap,
    SwapDone,
    SwapFor,
)
from economy.desks.staking_desk import (
    Bonded,
    BondStake,
    ClaimYield,
    JudgeOffence,
    ReadStake,
    RelockBond,
    ReportOffence,
    StakeCut,
    StakePaid,
    UnbondingBegun,
    UnbondStake,
    WithdrawStake,
)
from economy.dividends import DividendParameters
from economy.facts import DividendPaid, StakeSlashed, Traded
from economy.issuance import IssuanceParameters
from economy.ledger import DAY_MS
from economy.operations import Accepted, Transfer
from economy.orders import Side
from economy.refusals import Refusal
from economy.slashing import OffenceClass

DAY = DAY_MS


@pytest.fixture
def console():
    return Console()


class TestStaking:
    def test_a_stake_comes_and_goes(self, console):
        bonded = console.ask("alice", BondStake("k", "1000", 30))
        assert bonded == Bonded(0, "1000", 30 * DAY)
        assert console.ask("bob", UnbondStake("u", 0, "5"), 31 * DAY) is Refusal.UNKNOWN_BOND
        begun = console.ask("alice", UnbondStake("u", 0, "400"))
        assert begun == UnbondingBegun("400", 38 * DAY)
        assert console.ask("alice", WithdrawStake(), 37 * DAY) is Refusal.NOTHING_DUE
        assert console.ask("alice", WithdrawStake(), 38 * DAY) == StakePaid("400", "0")
        relocked = console.ask("alice", RelockBond("r", 0, 60))
        assert relocked == Bonded(0, "600", 98 * DAY)

    def test_the_yield_comes_out_of_the_reserve(self, console):
        console.ask("alice", BondStake("k", "1000", 30))
        assert console.ask("alice", ClaimYield(), 365 * DAY) is Refusal.NOTHING_DUE
        console.ask("bob", Donate("d", "staking/reserve", "30"))
        assert console.ask("alice", ClaimYield()) == StakePaid("30", "20")
        assert console.ask("dave", ReadStake("alice")).owed_units == "20"

    def test_the_arbiter_judges_and_nobody_else(self, console):
        console.ask("alice", BondStake("k", "1000", 0))
        verdict = JudgeOffence("late", "alice", OffenceClass.NEGLIGENCE, "bob")
        for client in ("bob", "alice", "officer"):
            assert console.ask(client, verdict) is Refusal.NOT_AUTHORISED
        assert console.ask("arbiter", verdict) == StakeCut("500", "350")
        assert console.told == [StakeSlashed("late", "alice", "negligence", "bob", "500", "350")]
        assert console.ask("arbiter", verdict) is Refusal.ALREADY_SLASHED
        to_itself = JudgeOffence("x", "alice", OffenceClass.FORGERY, "pool/reserve")
        assert console.ask("arbiter", to_itself) is Refusal.RESERVED_ACCOUNT

    def test_without_means_to_judge_no_evidence_convicts(self, console):
        console.ask("alice", BondStake("k", "1000", 0))
        report = ReportOffence("alice", OffenceClass.EQUIVOCATION, b"surely")
        assert console.ask("bob", report) is Refusal.NOT_PROVED

    def test_two_signed_contradictions_cost_the_stake_and_pay_the_reporter(self):
        console = Console({"replica-1": 1_000, "bob": 5}, judge=judge_of())
        console.ask("replica-1", BondStake("k", "1000", 0))
        proof, other_proof = (
            proof_of("replica-1", b"one", b"two"),
            proof_of("replica-1", b"a", b"b"),
        )
        for offender, offence_class, evidence in (
            ("bob", OffenceClass.EQUIVOCATION, proof),
            ("replica-1", OffenceClass.FORGERY, proof),
            ("replica-1", OffenceClass.EQUIVOCATION, proof[:-1]),
            ("replica-1", OffenceClass.EQUIVOCATION, proof_of("replica-1", b"one", b"two", "eve")),
            ("replica-1", OffenceClass.EQUIVOCATION, b""),
        ):
            report = ReportOffence(offender, offence_class, evidence)
            assert console.ask("bob", report) is Refusal.NOT_PROVED
        report = ReportOffence("replica-1", OffenceClass.EQUIVOCATION, proof)
        assert console.ask("bob", report) == StakeCut("1000", "700")
        assert console.balance("bob") == 705
        # Another proof of the same deed: two votes in one slot of one view.
        again = ReportOffence("replica-1", OffenceClass.EQUIVOCATION, other_proof)
        assert console.ask("bob", again) is Refusal.ALREADY_SLASHED


class TestIncome:
    FIGURES = DividendParameters(
        pool_units=10_000, quarter_ms=10 * DAY, hold_ms=2 * DAY, long_hold_ms=4 * DAY,
        least_units=1, large_units=10**9,
    )  # fmt: skip

    def test_a_dividend_is_paid_when_its_quarter_is_over(self):
        console = Console({"alice": 300, "bob": 100}, dividends=self.FIGURES)
        console.ask("alice", Donate("d", "dividends/pool", "100"), 9 * DAY)
        assert console.ask("bob", PayDividend(), 10 * DAY) is Refusal.TOO_EARLY
        # 5 % of 10,000 are more than there is; both held longer than four days.
        paid = console.ask("bob", PayDividend(), 10 * DAY + 1)
        assert paid == DividendShared(0, "100", 2, lapsed=False)
        assert console.told == [DividendPaid(0, "100", 2, lapsed=False)]
        assert console.balance("alice") + console.balance("bob") == 400
        assert console.balance("alice") == 200 + 67
        assert console.ask("bob", PayDividend()) is Refusal.TOO_EARLY
        status = console.ask("dave", ReadDividends())
        assert (status.quarters, status.paid_units, status.record_ms) == (1, "100", 20 * DAY)

    def test_issuance_follows_its_schedule_and_the_cap(self):
        figures = IssuanceParameters(units_per_second=2, era_ms=10_000, payee="treasury")
        console = Console(issuance=figures)
        treasury = console.balance("treasury")
        assert console.ask("alice", Issue(), 5_000) == IssuanceAdvanced("10", "0")
        assert console.ask("bob", Issue()) == IssuanceAdvanced("0", "0")
        assert console.ask("alice", Issue(), 20_000) == IssuanceAdvanced("20", "0")
        assert console.balance("treasury") == treasury + 30
        burned = console.ask("alice", BurnIssued("b", "7"), 30_000)
        assert burned == IssuanceAdvanced("5", "0")
        status = console.ask("dave", ReadIssuance())
        assert (status.minted_units, status.burned_units) == ("35", "7")
        assert console.ask("alice", BurnIssued("c", "99999")) is Refusal.INSUFFICIENT_FUNDS


class TestTrade:
    def test_assets_are_a_ledger_of_their_own(self, console):
        assert console.ask("alice", MintAsset("m", "alice", "5")) is Refusal.NOT_AUTHORISED
        assert console.ask("asset_issuer", MintAsset("m", "dave", "5")) == Accepted()
        over = str(ASSETS.cap_units)
        assert console.ask("asset_issuer", MintAsset("n", "dave", over)) is Refusal.CAP_EXCEEDED
        assert console.ask("dave", TransferAsset("t", "bob", "3")) == Accepted()
        assert console.ask("dave", BurnAsset("b", "2")) == Accepted()
        assert console.ask("dave", BurnAsset("c", "1")) is Refusal.INSUFFICIENT_FUNDS
        assert console.ask("eve", ReadAsset("bob")) == AssetBalance("bob", "10003")
        for gift in (TransferAsset("g", "pool/reserve", "1"), MintAsset("g", "pool/reserve", "1")):
            client = "bob" if isinstance(gift, TransferAsset) else "asset_issuer"
            assert console.ask(client, gift) is Refusal.RESERVED_ACCOUNT

    def test_the_pool_takes_and_gives(self, console):
        console.ask("alice", AddLiquidity("l", "4000", "9000", "1"))
        bought = console.ask("bob", Swap("s", Side.BUY, "100", "1"))
        assert isinstance(bought, SwapDone)
        (told,) = console.told
        assert told == Traded("pool", "bob", "pool/reserve", bought.received_units, "100")
        assert console.assets("bob") == 10_000 + int(bought.received_units)
        sold = console.ask("carol", SwapFor("s", Side.SELL, "50", "9000"))
        (told,) = console.told
        assert told == Traded("pool", "pool/reserve", "carol", sold.paid_units, "50")
        assert console.balance("carol") == 10_050
        greedy = Swap("g", Side.BUY, "100", bought.received_units)
        assert console.ask("bob", greedy) is Refusal.SLIPPAGE
        shares = console.ask("dave", ReadPool("alice")).shares
        gone = console.ask("alice", RemoveLiquidity("r", shares, "1", "1"))
        assert isinstance(gone, LiquidityMoved)
        assert console.ask("bob", RemoveLiquidity("r", "1", "0", "0")) is Refusal.INSUFFICIENT_FUNDS
        assert console.ask("bob", CollectFromPool("bob")) is Refusal.NOTHING_TO_CLAIM
        assert console.ask("bob", CollectFromPool("pool/x")) is Refusal.RESERVED_ACCOUNT

    def test_what_a_seller_has_no_money_for_changes_nothing(self, console):
        console.ask("alice", AddLiquidity("l", "4000", "9000", "1"))
        assert console.ask("dave", Swap("s", Side.BUY, "5", "1")) is Refusal.INSUFFICIENT_FUNDS
        console.ask("alice", Transfer("t", "dave", "5"))
        assert isinstance(console.ask("dave", Swap("s", Side.BUY, "5", "1")), SwapDone)
