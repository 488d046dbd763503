"""Desks of exchange, delivery and futures, and all markets together."""

from heapq import heapify

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_console import LEDGER, Console
from msgspec.structs import replace

from economy.deadlines import next_after
from economy.desks.accounts_desk import CloseAccount, Donate
from economy.desks.assets_desk import AssetBalance, ReadAsset, TransferAsset
from economy.desks.auctions_desk import (
    AuctionsDesk,
    OpenAuction,
)
from economy.desks.delivery_desk import (
    ConfirmDelivery,
    DeliveryDesk,
    DisputeDelivery,
    OrderDelivery,
    ReadDelivery,
    ReportDelivery,
    RuleDelivery,
)
from economy.desks.exchange_desk import (
    AmendOrder,
    CancelOrder,
    CollectFromExchange,
    ExchangeDesk,
    PlaceOrder,
    ReadOrder,
    ReadOrderBook,
    WithdrawExchangeFees,
)
from economy.desks.futures_desk import (
    AcceptFutures,
    CollectFromFutures,
    DepositMargin,
    FuturesDesk,
    MarkSeries,
    OfferFutures,
    OfferMade,
    OpenSeries,
    ReadSeries,
    WithdrawMargin,
    WithdrawOffer,
)
from economy.desks.futures_offers import MOST_OFFERS
from economy.desks.marketplace_desk import MarketplaceDesk
from economy.desks.marketplace_operations import (
    OfferListing,
    RentListing,
)
from economy.desks.nodes_desk import (
    JoinNode,
)
from economy.facts import SeriesMarked, Settled, Traded
from economy.futures import FuturesParameters
from economy.ledger import DAY_MS
from economy.listings import RentalKind
from economy.operations import Accepted, ReadBalance, Transfer
from economy.orders import ExchangeParameters, OrderKind, Side
from economy.price_models import PriceModel
from economy.refusals import Refusal
from economy.rentals import MarketplaceParameters
from economy.sealed_bids import PriceRule

DAY, HOUR = DAY_MS, DAY_MS // 24
LISTING = OfferListing(
    "o", "model", ("vision",), RentalKind.ONE_TIME, "100", 2, PriceModel.FIXED, False, 0
)


def limit(key, side, units, price, expires_at_ms=0):
    figures = str(units), str(price), "0", "0", "0"
    return PlaceOrder(key, side, OrderKind.LIMIT, *figures, expires_at_ms)


@pytest.fixture
def console():
    return Console(exchange=ExchangeParameters(taker_fee_ppm=10_000))


class TestExchange:
    def test_orders_meet_and_trades_are_told(self, console):
        resting = console.ask("alice", limit("a", Side.SELL, 30, 5))
        assert (resting.number, resting.open_units, resting.trades) == (1, "30", 0)
        taken = console.ask("bob", limit("b", Side.BUY, 20, 6))
        assert (taken.filled_units, taken.value_units, taken.fee_units) == ("20", "100", "1")
        assert console.told == [Traded("exchange", "bob", "alice", "20", "100")]
        assert (console.balance("alice"), console.balance("bob")) == (10_100, 9_899)
        assert (console.assets("alice"), console.assets("bob")) == (9_970, 10_020)
        book = console.ask("dave", ReadOrderBook(5))
        assert (book.bids, book.asks) == ((), (("5", "10"),))
        assert (book.trades, book.volume_units, book.last_price_units) == (1, "20", "5")
        assert console.ask("dave", ReadOrder(1)).filled_units == "20"
        assert console.ask("dave", ReadOrder(2)) is Refusal.UNKNOWN_ORDER

    def test_an_order_told_twice_is_one_order(self, console):
        order = limit("a", Side.SELL, 30, 5)
        console.ask("alice", order)
        assert console.ask("alice", order) == Accepted()
        assert len(console.machine.desk(ExchangeDesk).exchange.books.orders) == 1

    def test_only_its_owner_amends_and_cancels(self, console):
        console.ask("alice", limit("a", Side.SELL, 30, 5))
        for operation in (AmendOrder(1, "10", "5"), CancelOrder(1)):
            assert console.ask("bob", operation) is Refusal.NOT_AUTHORISED
        assert console.ask("alice", AmendOrder(1, "10", "7")).open_units == "10"
        assert console.assets("alice") == 9_990
        assert console.ask("alice", CancelOrder(1)) == Accepted()
        assert console.assets("alice") == 10_000

    def test_a_malformed_order_is_refused_with_its_reason(self, console):
        market = PlaceOrder("m", Side.BUY, OrderKind.MARKET, "5", "3", "0", "0", "0", 0)
        assert console.ask("alice", market) is Refusal.MALFORMED_ORDER
        unpaid = limit("u", Side.BUY, 10_000, 5)
        assert console.ask("alice", unpaid) is Refusal.INSUFFICIENT_FUNDS
        absurd = limit("u", Side.SELL, 10**38, 10**38)
        assert isinstance(console.ask("alice", absurd), Refusal)

    def test_orders_expire_by_themselves(self, console):
        console.ask("alice", limit("a", Side.SELL, 30, 5, expires_at_ms=DAY))
        before = console.machine.digest()
        console.ask("alice", limit("b", Side.SELL, 1, 5, expires_at_ms=HOUR))
        assert console.ask("alice", CancelOrder(2)) == Accepted()
        assert console.machine.desk(ExchangeDesk).due_ms(-1) == DAY, "what ended is not due"
        assert console.ask("dave", ReadAsset("alice"), DAY - 1) == AssetBalance("alice", "9970")
        assert console.ask("dave", ReadAsset("alice"), DAY) == AssetBalance("alice", "10000")
        assert console.machine.digest() != before
        assert console.restored().digest() == console.machine.digest()

    def test_what_cannot_be_paid_is_kept_for_its_owner(self, console):
        console.ask("alice", Transfer("t", "bob", "10000"))
        console.ask("alice", limit("a", Side.SELL, 10, 5))
        console.ask("alice", CloseAccount())
        console.ask("bob", limit("b", Side.BUY, 10, 5))
        assert console.ask("alice", CollectFromExchange("alice")) is Refusal.NOTHING_TO_CLAIM
        assert console.ask("alice", CollectFromExchange("exchange/x")) is Refusal.RESERVED_ACCOUNT
        assert console.ask("alice", CollectFromExchange("carol")) == Accepted()
        assert console.balance("carol") == 10_050

    def test_the_governor_spends_the_fees(self, console):
        console.ask("alice", limit("a", Side.SELL, 30, 5))
        console.ask("bob", limit("b", Side.BUY, 20, 6))
        spend = WithdrawExchangeFees("w", "dave", "1")
        assert console.ask("bob", spend) is Refusal.NOT_AUTHORISED
        assert console.ask("governor", spend) == Accepted()
        assert console.balance("dave") == 1


class TestDelivery:
    ORDER = OrderDelivery("delivery", "bob", "carol", "100", DAY)

    def test_silence_returns_what_was_never_delivered(self, console):
        status = console.ask("alice", self.ORDER)
        assert (status.number, status.seller, status.deadline_ms) == (1, "bob", DAY)
        console.ask("dave", ReadBalance("alice"), DAY)
        assert console.told == [Settled("delivery", "1", "undelivered", "0", "100")]
        assert console.balance("alice") == 10_000
        assert console.ask("dave", ReadDelivery(1)) is Refusal.UNKNOWN_DELIVERY

    def test_silence_pays_what_was_delivered(self, console):
        console.ask("alice", self.ORDER)
        for client in ("alice", "carol"):
            assert console.ask(client, ReportDelivery(1)) is Refusal.NOT_AUTHORISED
        assert console.ask("bob", ReportDelivery(1), HOUR) == Accepted()
        assert console.machine.desk(DeliveryDesk).due_ms(-1) == DAY + HOUR
        console.ask("dave", ReadBalance("alice"), 2 * DAY)
        assert console.told == [Settled("delivery", "1", "unopposed", "100", "0")]
        assert console.balance("bob") == 10_100

    def test_a_confirmed_one_is_paid_and_a_disputed_one_ruled(self, console):
        console.ask("alice", self.ORDER)
        console.ask("bob", ReportDelivery(1))
        assert console.ask("alice", ConfirmDelivery(1)) == Accepted()
        assert console.told == [Settled("delivery", "1", "confirmed", "100", "0")]
        console.ask("alice", OrderDelivery("p", "bob", "carol", "100", DAY))
        console.ask("bob", ReportDelivery(2))
        assert console.ask("alice", DisputeDelivery(2)) == Accepted()
        assert console.ask("bob", RuleDelivery(2, 0)) is Refusal.NOT_AUTHORISED
        assert console.ask("carol", RuleDelivery(2, 500_000)) == Accepted()
        assert console.told == [Settled("delivery", "2", "ruled", "55", "55")]
        assert console.balance("alice") == 10_000 - 100 - 55

    def test_a_mechanism_sells_nothing(self, console):
        order = OrderDelivery("o", "pool/reserve", "carol", "100", DAY)
        assert console.ask("alice", order) is Refusal.RESERVED_ACCOUNT


class TestFutures:
    OFFER = OfferFutures("futures", "s", Side.BUY, "10", "50", "", DAY)

    @pytest.fixture
    def console(self):
        console = Console(futures=FuturesParameters(mark_interval_ms=HOUR))
        assert console.ask("alice", OpenSeries("s", "50", 9 * DAY)) is Refusal.NOT_AUTHORISED
        assert console.ask("oracle", OpenSeries("s", "50", 9 * DAY)) == Accepted()
        return console

    def test_a_trade_takes_two(self, console):
        assert console.ask("alice", self.OFFER) == OfferMade(1)
        assert console.balance("alice") == 10_000, "an offer moves no money"
        assert console.ask("bob", AcceptFutures(1)) == Accepted()
        assert console.told == [Traded("futures", "alice", "bob", "10", "500")]
        assert (console.balance("alice"), console.balance("bob")) == (9_950, 9_950)
        assert console.ask("carol", AcceptFutures(1)) is Refusal.UNKNOWN_ORDER
        status = console.ask("dave", ReadSeries("s", "bob"))
        assert (status.is_long, status.quantity, status.margin_units) == (False, "10", "50")

    def test_an_offer_to_one_is_for_no_other(self, console):
        console.ask("alice", OfferFutures("o", "s", Side.SELL, "10", "50", "bob", DAY))
        assert console.ask("carol", AcceptFutures(1)) is Refusal.NOT_AUTHORISED
        assert console.ask("carol", WithdrawOffer(1)) is Refusal.NOT_AUTHORISED
        assert console.ask("bob", AcceptFutures(1)) == Accepted()
        (told,) = console.told
        assert (told.buyer, told.seller) == ("bob", "alice")

    def test_offers_end_are_withdrawn_and_are_few(self, console):
        console.ask("alice", self.OFFER)
        assert console.ask("alice", AcceptFutures(1)) is Refusal.SAME_ACCOUNT
        assert console.ask("bob", AcceptFutures(1), DAY) is Refusal.UNKNOWN_ORDER
        for number in range(2, MOST_OFFERS + 2):
            offer = OfferFutures(f"o{number}", "s", Side.BUY, "1", "50", "", 2 * DAY)
            assert console.ask("alice", offer) == OfferMade(number)
        one_more = OfferFutures("more", "s", Side.BUY, "1", "50", "", 2 * DAY)
        assert console.ask("alice", one_more) is Refusal.TOO_MANY
        assert console.ask("alice", WithdrawOffer(2)) == Accepted()
        assert isinstance(console.ask("alice", one_more), OfferMade)
        assert console.restored().digest() == console.machine.digest()

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ({"series": "t"}, Refusal.UNKNOWN_SERIES),
            ({"units": "0"}, Refusal.INVALID_AMOUNT),
            ({"units": str(10**38)}, Refusal.INVALID_AMOUNT),
            ({"price_units": "0"}, Refusal.INVALID_PRICE),
            ({"expires_at_ms": 0}, Refusal.EXPIRY_PAST),
            ({"counterparty": "alice"}, Refusal.SAME_ACCOUNT),
        ],
    )
    def test_offers_that_make_no_sense_are_refused(self, console, change, refusal):
        assert console.ask("alice", replace(self.OFFER, **change)) is refusal

    def test_margins_follow_the_mark_and_the_last_one_settles(self, console):
        console.ask("alice", self.OFFER)
        console.ask("bob", AcceptFutures(1))
        assert console.ask("alice", DepositMargin("d", "s", "40")) == Accepted()
        assert console.ask("alice", WithdrawMargin("w", "s", "30")) == Accepted()
        too_much = WithdrawMargin("x", "s", "30")
        assert console.ask("alice", too_much) is Refusal.MARGIN_TOO_LOW
        mark = MarkSeries("m", "s", "48")
        assert console.ask("alice", mark, HOUR) is Refusal.NOT_AUTHORISED
        assert console.ask("oracle", mark) == Accepted()
        assert console.told == [SeriesMarked("s", "48", "20", "0", "0", (), settled=False)]
        assert console.ask("oracle", mark) == Accepted(), "a repetition marks nothing"
        assert console.told == []
        crash = MarkSeries("n", "s", "44")
        assert console.ask("oracle", crash, 2 * HOUR) == Accepted()
        (told,) = console.told
        assert told.liquidated == ("alice",)
        last = MarkSeries("l", "s", "44")
        assert console.ask("oracle", last, 9 * DAY) == Accepted()
        assert console.told[0].settled
        late = OfferFutures("z", "s", Side.BUY, "1", "50", "", 10 * DAY)
        assert console.ask("alice", late) is Refusal.SERIES_SETTLED
        total = sum(console.balance(one) for one in ("alice", "bob", "futures/insurance"))
        assert total == 20_000
        assert console.ask("alice", CollectFromFutures("alice")) is Refusal.NOTHING_TO_CLAIM

    def test_a_mark_that_no_message_could_tell_is_refused(self):
        rich = replace(LEDGER, cap_units=10**38, genesis_units=10**38)
        console = Console({"alice": 10**37, "bob": 10**37}, ledger=rich)
        console.ask("oracle", OpenSeries("s", "1", 9 * DAY))
        console.ask("alice", OfferFutures("o", "s", Side.BUY, str(10**30), "1", "", DAY))
        assert console.ask("bob", AcceptFutures(1)) == Accepted()
        absurd = MarkSeries("m", "s", str(10**20))
        assert console.ask("oracle", absurd, 2 * DAY) is Refusal.OUT_OF_RANGE
        assert console.ask("oracle", MarkSeries("m", "s", "2")) == Accepted()

    def test_anyone_may_fill_the_insurance(self, console):
        assert console.ask("alice", Donate("d", "futures/insurance", "7")) == Accepted()


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), max_size=12),
    st.sets(st.integers(0, 9)),
    st.integers(-1, 20),
)
def test_the_next_deadline_is_the_earliest_live_one_that_is_later(entries, live, after_ms):
    heap = list(entries)
    heapify(heap)
    expected = min((at for at, number in entries if at > after_ms and number in live), default=None)
    assert next_after(heap, after_ms, lambda entry: entry[1] in live) == expected
    assert sorted(e for e in heap if e[1] in live) == sorted(e for e in entries if e[1] in live)


def test_all_markets_are_saved_and_restored_together():
    console = Console(marketplace=MarketplaceParameters(listing_fee_units=2, fee_flat_units=1))
    console.ask("oracle", OpenSeries("s", "50", 9 * DAY))
    for client, operation in (
        ("alice", LISTING),
        ("alice", limit("a", Side.SELL, 30, 5, expires_at_ms=DAY)),
        ("alice", TestDelivery.ORDER),
        ("alice", TestFutures.OFFER),
        ("alice", OpenAuction("x", "i", PriceRule.FIRST, "10", "5", HOUR, 2 * HOUR)),
        ("alice", JoinNode("n", "eu", 5)),
        ("bob", TransferAsset("t", "carol", "3")),
        ("bob", AcceptFutures(1)),
        ("bob", OfferFutures("more", "s", Side.SELL, "1", "50", "carol", 3 * DAY)),
        ("bob", RentListing("r", 1, 1, "106")),
    ):
        assert not isinstance(console.ask(client, operation), Refusal), operation
    twin = console.restored()
    assert twin.digest() == console.machine.digest()
    for desk in (ExchangeDesk, DeliveryDesk, FuturesDesk, MarketplaceDesk, AuctionsDesk):
        assert twin.desk(desk).due_ms(-1) == console.machine.desk(desk).due_ms(-1)
