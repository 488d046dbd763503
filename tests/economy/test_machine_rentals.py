"""Desks of the marketplace, sealed auctions, nodes and caps."""

import pytest
from machine_console import Console

from economy.antimonopoly import AntimonopolyParameters
from economy.desks.auctions_desk import (
    AuctionOpened,
    AuctionsDesk,
    CommitBid,
    OpenAuction,
    ReadAuction,
    RevealBid,
)
from economy.desks.caps_desk import (
    CappedWeight,
    ReadCappedWeight,
    ReadConcentration,
    ReadInterventions,
    TransferCapped,
)
from economy.desks.marketplace_desk import MarketplaceDesk
from economy.desks.marketplace_operations import (
    CancelRenewal,
    ConfirmRental,
    DecideDispute,
    DeclineRental,
    DeliverRental,
    DisputeRental,
    FinishRental,
    ListingMade,
    MeterRental,
    OfferListing,
    QuoteRental,
    RateRental,
    ReadRental,
    RentalMade,
    RentalQuote,
    RentListing,
    SearchListings,
    WithdrawListing,
)
from economy.desks.nodes_desk import (
    CloseEpoch,
    EpochClosed,
    JoinNode,
    LeaveNode,
    NodeStatus,
    ReadNode,
    ReportUptime,
)
from economy.facts import RentalEnded, Settled
from economy.ledger import DAY_MS
from economy.listings import RentalKind, SearchOrder
from economy.node_rewards import NodeParameters
from economy.operations import Accepted, ReadBalance, Transfer
from economy.price_models import PriceModel
from economy.refusals import Refusal
from economy.rentals import MarketplaceParameters, RentalState
from economy.sealed_auction_state import AuctionState
from economy.sealed_bids import PriceRule, commitment_of
from prsm_sim.actor import encode

DAY, HOUR = DAY_MS, DAY_MS // 24


@pytest.fixture
def console():
    return Console()


class TestMarketplace:
    FIGURES = MarketplaceParameters(listing_fee_units=2, fee_flat_units=1)
    OFFER = OfferListing("o", "model", ("vision",), RentalKind.ONE_TIME, "100", 2,
                         PriceModel.FIXED, False, 0)  # fmt: skip

    @pytest.fixture
    def console(self):
        console = Console(marketplace=self.FIGURES)
        assert console.ask("alice", self.OFFER) == ListingMade(1)
        return console

    def test_a_rental_from_payment_to_settlement(self, console):
        assert console.balance("alice") == 9_998
        assert console.ask("dave", QuoteRental(1, 1)) == RentalQuote("100", "100", "6")
        assert console.ask("bob", RentListing("r", 1, 1, "105")) is Refusal.SLIPPAGE
        assert console.ask("bob", RentListing("r", 1, 1, "106")) == RentalMade(1, "100", "6")
        assert console.ask("bob", DeliverRental(1)) is Refusal.NOT_AUTHORISED
        assert console.ask("alice", DeliverRental(1)) == Accepted()
        assert console.ask("alice", ConfirmRental(1)) is Refusal.NOT_AUTHORISED
        assert console.ask("bob", ConfirmRental(1)) == Accepted()
        assert console.told == [], "a tenth of the price is retained"
        assert console.ask("bob", RateRental(1, 5)) == Accepted()
        assert console.ask("bob", RateRental(1, 5)) is Refusal.ALREADY_RATED
        console.ask("dave", ReadBalance("alice"), DAY)
        assert console.told == [RentalEnded("marketplace", 1, 1, "bob", "alice", "settled")]
        assert console.balance("alice") == 9_998 + 85
        assert console.balance("platform") == 2 + 15 + 6
        assert console.ask("dave", ReadRental(1)).state is RentalState.SETTLED

    def test_what_is_not_delivered_comes_back_at_its_own_instant(self, console):
        console.ask("bob", RentListing("r", 1, 1, "106"))
        # Nobody asks for anything for so long that the escrow would have run out long ago.
        console.ask("dave", ReadBalance("alice"), 50 * DAY)
        assert console.told == [RentalEnded("marketplace", 1, 1, "bob", "alice", "refunded")]
        history = console.machine.ledger.history
        assert history.balance_at("bob", DAY - 1) == 10_000 - 106
        assert history.balance_at("bob", DAY) == 10_000

    def test_the_arbiter_decides(self, console):
        console.ask("bob", RentListing("r", 1, 1, "106"))
        console.ask("alice", DeliverRental(1))
        assert console.ask("bob", DisputeRental(1)) == Accepted()
        assert console.ask("bob", DecideDispute(1, 0)) is Refusal.NOT_AUTHORISED
        assert console.ask("arbiter", DecideDispute(1, 0)) == Accepted()
        assert console.told == [RentalEnded("marketplace", 1, 1, "bob", "alice", "refunded")]
        assert console.balance("bob") == 10_000
        assert console.ask("arbiter", RentListing("x", 1, 1, "999")) is Refusal.NOT_AUTHORISED

    def test_metered_hours_and_subscriptions(self, console):
        metered = OfferListing("m", "t", (), RentalKind.USAGE, "3", 9, PriceModel.FIXED, False, 0)
        assert console.ask("alice", metered) == ListingMade(2)
        console.ask("bob", RentListing("r", 2, 10, "99"))
        console.ask("alice", DeliverRental(1))
        use = MeterRental("u", 1, 4)
        assert console.ask("alice", use) == console.ask("alice", use) == Accepted()
        assert console.ask("dave", ReadRental(1)).metered == 4
        assert console.ask("bob", FinishRental(1)) == Accepted()
        console.ask("bob", RentListing("s", 1, 1, "106"))
        assert console.ask("bob", CancelRenewal(2)) is Refusal.WRONG_STATE
        assert console.ask("alice", DeclineRental(2)) == Accepted()
        assert isinstance(console.told[0], RentalEnded)

    def test_no_subscription_is_renewed_more_often_than_an_operation_can_bear(self, console):
        hasty = OfferListing(
            "m", "t", (), RentalKind.SUBSCRIPTION, "10", 9, PriceModel.FIXED, False, HOUR - 1
        )
        assert console.ask("alice", hasty) is Refusal.OUT_OF_RANGE

    def test_a_subscription_is_renewed_when_its_period_ends(self, console):
        monthly = OfferListing(
            "m", "t", (), RentalKind.SUBSCRIPTION, "10", 9, PriceModel.FIXED, False, 5 * DAY
        )
        console.ask("alice", monthly)
        console.ask("bob", RentListing("r", 2, 2, "99"))
        console.ask("alice", DeliverRental(1))
        # Confirmed by silence at a day, released at two; nobody asks for anything at five.
        console.ask("dave", ReadBalance("bob"), 20 * DAY)
        history = console.machine.ledger.history
        assert history.balance_at("bob", 5 * DAY - 1) == 10_000 - 12
        assert history.balance_at("bob", 5 * DAY) == 10_000 - 24
        assert [fact.number for fact in console.told] == [1, 2]

    def test_the_search_finds_what_is_open(self, console):
        wanted = SearchListings(("VISION",), None, "0", 0, True, SearchOrder.CHEAPEST, 0, 2**61)
        (found,) = console.ask("dave", wanted).listings
        assert (found.number, found.unit_price_units, found.available) == (1, "100", 2)
        cheaper = SearchListings((), None, "99", 0, True, SearchOrder.NEWEST, 0, 9)
        assert console.ask("dave", cheaper).listings == ()
        assert console.ask("bob", WithdrawListing(1)) is Refusal.NOT_AUTHORISED
        assert console.ask("alice", WithdrawListing(1)) == Accepted()
        assert console.ask("dave", wanted).listings == ()
        assert console.ask("bob", RentListing("r", 1, 1, "106")) is Refusal.LISTING_CLOSED

    def test_a_replica_that_was_restored_does_the_same_at_the_same_instants(self, console):
        console.ask("bob", RentListing("r", 1, 1, "106"))
        console.ask("alice", DeliverRental(1))
        console.ask("bob", ConfirmRental(1), HOUR)
        console.ask("bob", RentListing("s", 1, 1, "106"), 2 * HOUR)
        twin = console.restored()
        desks = [one.desk(MarketplaceDesk) for one in (console.machine, twin)]
        assert desks[0].due_ms(-1) == desks[1].due_ms(-1) == DAY + HOUR
        console.ask("dave", ReadBalance("alice"), 9 * DAY)
        twin.apply(99, "dave", encode(ReadBalance("alice")), 9 * DAY)
        assert twin.digest() == console.machine.digest()


class TestAuctions:
    def test_sealed_bids_are_opened_and_the_highest_pays_the_second(self, console):
        opening = OpenAuction("o", "hours", PriceRule.SECOND, "10", "5", HOUR, 2 * HOUR)
        assert console.ask("alice", opening) == AuctionOpened(1)
        for bidder, amount in (("bob", 80), ("carol", 50)):
            sealed = commitment_of(1, bidder, amount, b"x" * 16)
            assert console.ask(bidder, CommitBid(1, sealed)) == Accepted()
            early = RevealBid(1, str(amount), b"x" * 16)
            assert console.ask(bidder, early) is Refusal.TOO_EARLY
        assert console.ask("bob", RevealBid(1, "81", b"x" * 16), HOUR) is (
            Refusal.COMMITMENT_MISMATCH
        )
        assert console.ask("bob", RevealBid(1, "80", b"x" * 16)) == Accepted()
        assert console.ask("carol", RevealBid(1, "50", b"x" * 16)) == Accepted()
        status = console.ask("dave", ReadAuction(1), 2 * HOUR)
        assert console.told == [Settled("auctions", "1", "sold", "50", "90")]
        assert (status.state, status.winner, status.price_units) == (AuctionState.SOLD, "bob", "50")
        balances = [console.balance(one) for one in ("alice", "bob", "carol")]
        assert balances == [10_050, 9_950, 10_000]

    def test_who_does_not_reveal_loses_the_deposit(self, console):
        opening = OpenAuction("o", "hours", PriceRule.FIRST, "10", "5", HOUR, 2 * HOUR)
        console.ask("alice", opening)
        console.ask("bob", CommitBid(1, commitment_of(1, "bob", 80, b"x" * 16)))
        treasury = console.balance("treasury")
        console.ask("dave", ReadAuction(1), 2 * HOUR)
        assert console.told == [Settled("auctions", "1", "unsold", "0", "0")]
        assert console.balance("treasury") == treasury + 5
        assert console.machine.desk(AuctionsDesk).due_ms(-1) is None


class TestNodes:
    def test_an_epoch_pays_the_operators(self):
        console = Console({"nodes/pool": 1_000}, nodes=NodeParameters(base_units=10))
        assert console.ask("alice", JoinNode("n", "eu", 5)) == Accepted()
        assert console.ask("bob", JoinNode("n", "eu", 5)) is Refusal.ID_TAKEN
        assert console.ask("bob", JoinNode("m", "us", 5)) == Accepted()
        assert console.ask("alice", ReportUptime("n", 1_000_000)) is Refusal.NOT_AUTHORISED
        assert console.ask("reporter", ReportUptime("n", 1_000_000)) == Accepted()
        assert console.ask("dave", ReadNode("n")) == NodeStatus("n", "alice", "eu", 5, 1_000_000, 0)
        assert console.ask("alice", LeaveNode("m")) is Refusal.NOT_AUTHORISED
        assert console.ask("bob", LeaveNode("m")) == Accepted()
        assert console.ask("alice", CloseEpoch(0)) is Refusal.NOT_AUTHORISED
        # The only node is massive: a tenth of the base, alone in its region.
        closed = console.ask("reporter", CloseEpoch(0))
        assert closed == EpochClosed(0, "1000", "0", (("alice", "1"),))
        assert console.ask("reporter", CloseEpoch(0)) is Refusal.ALREADY_CLOSED
        assert console.ask("dave", ReadNode("m")) is Refusal.UNKNOWN_NODE


class TestCaps:
    def test_concentration_is_measured_without_mechanisms_and_treasury(self):
        console = Console({"alice": 50, "bob": 30, "carol": 20, "earning/pool": 900})
        status = console.ask("dave", ReadConcentration())
        assert (status.holders, status.top_one_ppm, status.nakamoto) == (3, 500_000, 2)
        assert status.herfindahl_ppm == 380_000
        told = console.ask("dave", ReadInterventions()).interventions
        assert told[0][1] == "alice"

    def test_a_capped_transfer_pushes_no_one_over_a_cap(self):
        figures = AntimonopolyParameters(
            single_ppm=500_000, top_three_ppm=1_000_000, effective_least=0
        )
        console = Console({"alice": 40, "bob": 30, "carol": 30}, caps=figures)
        assert console.ask("bob", TransferCapped("k", "alice", "10")) == Accepted()
        over = TransferCapped("l", "alice", "1")
        assert console.ask("bob", over) is Refusal.SHARE_CAP_EXCEEDED
        assert console.ask("bob", Transfer("p", "alice", "1")) == Accepted(), "a plain one may"
        assert console.ask("dave", over) is Refusal.INSUFFICIENT_FUNDS
        gift = TransferCapped("m", "pool/reserve", "1")
        assert console.ask("bob", gift) is Refusal.RESERVED_ACCOUNT
        assert console.ask("dave", ReadCappedWeight("alice")) == CappedWeight("alice", "49")
        # What the treasury pays is new to those who count: 60 of 109 would be too much.
        grant = TransferCapped("g", "carol", "60")
        assert console.ask("treasury", grant) is Refusal.SHARE_CAP_EXCEEDED
