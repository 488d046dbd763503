"""The exchange: every kind of order by example, and any sequence of calls against the naive one."""

import msgspec
import pytest
from exchange_reference import ReferenceExchange
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from economy.exchange import Exchange
from economy.ledger import DAY_MS, Ledger
from economy.orders import ExchangeParameters, OrderKind, OrderRequest, SelfTrade, Side
from economy.refusals import Refusal
from economy.trades import Placed
from prsm_sim.actor import RemoteProtocolError

K = OrderKind
TRADERS = ("alice", "bob", "carol")


def new_exchange(parameters=None, money=100_000, asset=1_000):
    exchange = Exchange(Ledger(), Ledger(), parameters)
    for trader in TRADERS:
        assert exchange.money.mint(trader, money) is None
        assert exchange.asset.mint(trader, asset) is None
    return exchange


@pytest.fixture
def exchange():
    return new_exchange()


def put(exchange, account, side, kind, units, price=0, now_ms=0, **fields):
    request = OrderRequest(account, Side(side), kind, units, price, **fields)
    return exchange.submit(request, now_ms)


def sell(exchange, account, units, price, kind=K.LIMIT, **fields):
    return put(exchange, account, "sell", kind, units, price, **fields)


def buy(exchange, account, units, price, kind=K.LIMIT, **fields):
    return put(exchange, account, "buy", kind, units, price, **fields)


def deals(answer):
    assert isinstance(answer, Placed), answer
    return [(trade.maker, trade.units, trade.price_units) for trade in answer.trades]


def wealth(exchange, account):
    return exchange.money.balances.get(account, 0), exchange.asset.balances.get(account, 0)


def state(exchange):
    ledgers = (exchange.money, exchange.asset)
    return exchange.encode(), [(dict(le.balances), le.totals()) for le in ledgers]


def test_the_defaults_are_those_of_the_market():
    """A fee of 0.5 %, paid by whoever comes second."""
    defaults = ExchangeParameters(5_000, 0, 1, 100, 90 * DAY_MS, SelfTrade.CANCEL_OLDEST)
    assert ExchangeParameters() == defaults


class TestMatching:
    def test_a_trade_takes_place_at_the_resting_price_and_both_legs_are_booked(self, exchange):
        sell(exchange, "alice", 10, 100)
        answer = buy(exchange, "bob", 10, 120)
        assert deals(answer) == [(1, 10, 100)]
        assert (answer.value_units, answer.fee_units, answer.open_units) == (1_000, 5, 0)
        assert wealth(exchange, "alice") == (101_000, 990)
        assert wealth(exchange, "bob") == (98_995, 1_010)
        assert exchange.money.balances["exchange/fees"] == 5
        assert "exchange/escrow" not in exchange.money.balances | exchange.asset.balances
        assert exchange.audit() is None

    def test_the_best_price_goes_first_then_the_oldest(self, exchange):
        for account, price in (("alice", 101), ("alice", 100), ("carol", 100), ("carol", 99)):
            sell(exchange, account, 5, price)
        assert deals(buy(exchange, "bob", 18, 101)) == [
            (4, 5, 99),
            (2, 5, 100),
            (3, 5, 100),
            (1, 3, 101),
        ]

    def test_bids_are_served_from_the_highest(self, exchange):
        for account, price in (("alice", 99), ("alice", 100), ("carol", 100), ("carol", 101)):
            buy(exchange, account, 5, price)
        assert deals(sell(exchange, "bob", 18, 99)) == [
            (4, 5, 101),
            (2, 5, 100),
            (3, 5, 100),
            (1, 3, 99),
        ]

    def test_what_is_left_rests_and_holds_exactly_what_it_may_still_cost(self, exchange):
        sell(exchange, "alice", 4, 100)
        answer = buy(exchange, "bob", 10, 110)
        assert answer.open_units == 6
        # 4 · 100 + 2 fee are spent; 6 · 110 + ⌈(2 + 3.3) − 2⌉ = 660 + 4 are held.
        assert exchange.money.balances["exchange/escrow"] == 664
        assert wealth(exchange, "bob")[0] == 100_000 - 402 - 664

    def test_the_fee_is_rounded_up_once_an_order_not_once_a_trade(self, exchange):
        for _ in range(100):
            sell(exchange, "alice", 1, 3)
        assert buy(exchange, "bob", 100, 3).fee_units == 2  # ⌈300 · 0.5 %⌉, not 100 · ⌈0.015⌉

    def test_makers_pay_their_own_rate(self):
        exchange = new_exchange(ExchangeParameters(taker_fee_ppm=10_000, maker_fee_ppm=20_000))
        buy(exchange, "alice", 10, 100)
        trade = sell(exchange, "bob", 10, 100).trades[0]
        assert (trade.buyer_fee_units, trade.seller_fee_units) == (20, 10)
        assert wealth(exchange, "alice") == (100_000 - 1_020, 1_010)
        assert wealth(exchange, "bob") == (100_990, 990)

    def test_statistics_are_those_of_the_trades(self, exchange):
        sell(exchange, "alice", 4, 100)
        sell(exchange, "alice", 4, 120)
        buy(exchange, "bob", 6, 120)
        buy(exchange, "carol", 1, 90)
        sell(exchange, "bob", 1, 80)
        figures = exchange.books.statistics
        assert msgspec.structs.astuple(figures) == (3, 7, 730, 5, 90, 120, 90)


class TestKinds:
    def test_a_market_order_takes_what_there_is_and_never_rests(self, exchange):
        sell(exchange, "alice", 3, 100)
        sell(exchange, "alice", 3, 500)
        answer = put(exchange, "bob", "buy", K.MARKET, 10, budget_units=5_000)
        assert deals(answer) == [(1, 3, 100), (2, 3, 500)]
        assert answer.open_units == 0
        assert exchange.books.orders == {}
        assert wealth(exchange, "bob") == (100_000 - 1_800 - 9, 1_006)

    def test_a_market_order_spends_no_more_than_its_budget_fees_included(self, exchange):
        sell(exchange, "alice", 100, 100)
        answer = put(exchange, "bob", "buy", K.MARKET, 50, budget_units=1_005)
        assert (answer.filled_units, answer.value_units + answer.fee_units) == (10, 1_005)
        answer = put(exchange, "bob", "buy", K.MARKET, 50, budget_units=1_004)
        assert (answer.filled_units, answer.value_units + answer.fee_units) == (9, 905)

    def test_a_market_order_sells_into_the_bids(self, exchange):
        buy(exchange, "alice", 3, 100)
        answer = put(exchange, "bob", "sell", K.MARKET, 10)
        assert deals(answer) == [(1, 3, 100)]
        assert wealth(exchange, "bob") == (100_298, 997)

    def test_immediate_or_cancel_leaves_nothing_behind(self, exchange):
        sell(exchange, "alice", 3, 100)
        sell(exchange, "alice", 3, 102)
        answer = buy(exchange, "bob", 10, 101, K.IMMEDIATE_OR_CANCEL)
        assert (answer.filled_units, answer.open_units) == (3, 0)
        assert list(exchange.books.orders) == [2]
        assert wealth(exchange, "bob") == (100_000 - 302, 1_003)

    def test_fill_or_kill_is_all_or_nothing(self, exchange):
        sell(exchange, "alice", 3, 100)
        sell(exchange, "alice", 3, 101)
        sell(exchange, "alice", 3, 102)
        before = state(exchange)
        assert buy(exchange, "bob", 7, 101, K.FILL_OR_KILL) is Refusal.NOT_FILLABLE
        assert state(exchange) == before
        assert deals(buy(exchange, "bob", 6, 101, K.FILL_OR_KILL)) == [(1, 3, 100), (2, 3, 101)]

    def test_fill_or_kill_counts_what_icebergs_hide(self, exchange):
        sell(exchange, "alice", 10, 100, K.ICEBERG, display_units=2)
        assert buy(exchange, "bob", 10, 100, K.FILL_OR_KILL).filled_units == 10

    def test_post_only_never_takes(self, exchange):
        sell(exchange, "alice", 3, 100)
        before = state(exchange)
        assert buy(exchange, "bob", 1, 100, K.POST_ONLY) is Refusal.WOULD_CROSS
        assert state(exchange) == before
        assert buy(exchange, "bob", 1, 99, K.POST_ONLY).open_units == 1

    def test_a_stop_sleeps_until_a_trade_reaches_its_price(self, exchange):
        for price in (100, 101, 102, 110):
            sell(exchange, "alice", 1, price)
        stop = put(exchange, "carol", "buy", K.STOP, 1, stop_price_units=102, budget_units=1_000)
        assert stop.open_units == 1
        assert deals(buy(exchange, "bob", 2, 101)) == [(1, 1, 100), (2, 1, 101)]
        answer = buy(exchange, "bob", 1, 102)
        assert deals(answer) == [(3, 1, 102), (4, 1, 110)]
        assert answer.trades[1].buyer == "carol"
        assert wealth(exchange, "carol") == (100_000 - 111, 1_001)

    def test_a_selling_stop_wakes_when_the_price_falls(self, exchange):
        buy(exchange, "alice", 1, 100)
        buy(exchange, "alice", 5, 95)
        put(exchange, "carol", "sell", K.STOP, 2, stop_price_units=100)
        assert deals(sell(exchange, "bob", 1, 100)) == [(1, 1, 100), (2, 2, 95)]

    def test_a_stop_limit_rests_at_its_limit(self, exchange):
        sell(exchange, "alice", 1, 100)
        sell(exchange, "alice", 1, 110)
        put(exchange, "carol", "buy", K.STOP_LIMIT, 2, 105, stop_price_units=100)
        buy(exchange, "bob", 1, 100)
        resting = exchange.books.orders[3]
        assert (resting.kind, resting.visible_units, resting.price_units) == (K.LIMIT, 2, 105)

    def test_a_stop_whose_price_was_reached_before_trades_at_once(self, exchange):
        sell(exchange, "alice", 2, 100)
        buy(exchange, "bob", 1, 100)
        answer = put(exchange, "carol", "buy", K.STOP, 1, stop_price_units=99, budget_units=500)
        assert deals(answer) == [(1, 1, 100)]

    def test_stops_that_one_trade_wakes_go_by_number_and_wake_others(self, exchange):
        for price in (100, 101, 102, 103):
            sell(exchange, "alice", 1, price)
        for account, stop in (("bob", 101), ("carol", 100), ("bob", 100)):
            put(exchange, account, "buy", K.STOP, 1, stop_price_units=stop, budget_units=500)
        trades = buy(exchange, "carol", 1, 100).trades
        assert [(t.taker, t.price_units) for t in trades] == [
            (8, 100),
            (6, 101),
            (7, 102),
            (5, 103),
        ]

    def test_an_iceberg_shows_a_slice_and_queues_anew_with_each(self, exchange):
        sell(exchange, "alice", 10, 100, K.ICEBERG, display_units=4)
        sell(exchange, "carol", 3, 100)
        assert exchange.books.resting.depth(Side.SELL, 5) == ((100, 7),)
        assert deals(buy(exchange, "bob", 12, 100)) == [
            (1, 4, 100),
            (2, 3, 100),
            (1, 4, 100),
            (1, 1, 100),
        ]
        assert exchange.books.resting.depth(Side.SELL, 5) == ((100, 1),)

    def test_an_iceberg_cannot_make_others_work_for_ever(self):
        exchange = new_exchange(ExchangeParameters(max_slices=10))
        thin = {"display_units": 9}
        assert sell(exchange, "alice", 91, 1, K.ICEBERG, **thin) is Refusal.MALFORMED_ORDER
        assert sell(exchange, "alice", 90, 1, K.ICEBERG, **thin).open_units == 90
        assert exchange.amend("alice", 1, 91, 1, 0) is Refusal.MALFORMED_ORDER


class TestOwnOrders:
    def test_the_resting_order_gives_way(self, exchange):
        sell(exchange, "bob", 5, 99)
        sell(exchange, "alice", 5, 100)
        answer = buy(exchange, "bob", 5, 100)
        assert deals(answer) == [(2, 5, 100)]
        assert exchange.books.orders == {}

    def test_or_the_incoming_one_does(self):
        exchange = new_exchange(ExchangeParameters(self_trade=SelfTrade.CANCEL_NEWEST))
        sell(exchange, "alice", 1, 99)
        sell(exchange, "bob", 5, 100)
        sell(exchange, "alice", 5, 100)
        assert deals(buy(exchange, "bob", 5, 100)) == [(1, 1, 99)]
        assert list(exchange.books.orders) == [2, 3]
        assert wealth(exchange, "bob") == (100_000 - 100, 996)

    @pytest.mark.parametrize(
        ("policy", "most"), [(SelfTrade.CANCEL_OLDEST, 9), (SelfTrade.CANCEL_NEWEST, 3)]
    )
    def test_fill_or_kill_counts_what_the_policy_lets_it_reach(self, policy, most):
        def fresh():
            exchange = new_exchange(ExchangeParameters(self_trade=policy))
            sell(exchange, "alice", 4, 100, K.ICEBERG, display_units=3)
            sell(exchange, "bob", 5, 100)
            sell(exchange, "alice", 5, 100)
            return exchange

        assert buy(fresh(), "bob", most + 1, 100, K.FILL_OR_KILL) is Refusal.NOT_FILLABLE
        assert buy(fresh(), "bob", most, 100, K.FILL_OR_KILL).filled_units == most


class TestCancelAndAmend:
    def test_cancelling_returns_the_escrow(self, exchange):
        buy(exchange, "bob", 10, 100)
        assert wealth(exchange, "bob")[0] == 100_000 - 1_005
        assert exchange.cancel("alice", 1, 0) is Refusal.NOT_AUTHORISED
        assert exchange.cancel("bob", 1, 0) is None
        assert wealth(exchange, "bob") == (100_000, 1_000)
        assert exchange.cancel("bob", 1, 0) is Refusal.UNKNOWN_ORDER

    def test_a_waiting_stop_can_be_cancelled_and_not_amended(self, exchange):
        put(exchange, "bob", "buy", K.STOP, 1, stop_price_units=99, budget_units=500)
        assert exchange.amend("bob", 1, 1, 5, 0) is Refusal.NOT_AMENDABLE
        assert exchange.cancel("bob", 1, 0) is None
        assert wealth(exchange, "bob") == (100_000, 1_000)

    def test_a_smaller_order_keeps_its_place(self, exchange):
        sell(exchange, "alice", 5, 100)
        sell(exchange, "carol", 5, 100)
        assert exchange.amend("alice", 1, 2, 100, 0).open_units == 2
        assert wealth(exchange, "alice")[1] == 998
        assert deals(buy(exchange, "bob", 3, 100)) == [(1, 2, 100), (2, 1, 100)]

    @pytest.mark.parametrize(("units", "price"), [(6, 100), (5, 99)])
    def test_a_bigger_order_or_another_price_goes_to_the_back(self, exchange, units, price):
        sell(exchange, "carol", 1, price) if price == 99 else None
        first = sell(exchange, "alice", 5, 100).number
        sell(exchange, "carol", 5, 100)
        exchange.amend("alice", first, units, price, 0)
        assert buy(exchange, "bob", 1, 100).trades[0].seller == "carol"

    def test_size_counts_what_was_traded_already(self, exchange):
        sell(exchange, "alice", 5, 100)
        buy(exchange, "bob", 3, 100)
        assert exchange.amend("alice", 1, 4, 100, 0).open_units == 1
        assert exchange.amend("alice", 1, 3, 100, 0).open_units == 0
        assert wealth(exchange, "alice") == (100_300, 997)

    def test_an_amended_order_may_trade_at_once(self, exchange):
        sell(exchange, "alice", 5, 100)
        buy(exchange, "bob", 5, 90)
        assert deals(exchange.amend("bob", 2, 5, 101, 0)) == [(1, 5, 100)]

    def test_a_post_only_order_is_not_amended_into_a_taker(self, exchange):
        sell(exchange, "alice", 5, 100)
        buy(exchange, "bob", 5, 90, K.POST_ONLY)
        before = state(exchange)
        assert exchange.amend("bob", 2, 5, 100, 0) is Refusal.WOULD_CROSS
        assert state(exchange) == before

    def test_an_order_that_costs_more_must_bring_it(self, exchange):
        buy(exchange, "bob", 5, 90)
        before = state(exchange)
        assert exchange.amend("bob", 1, 5, 90_000, 0) is Refusal.INSUFFICIENT_FUNDS
        assert state(exchange) == before
        exchange.amend("bob", 1, 6, 100, 0)
        assert wealth(exchange, "bob")[0] == 100_000 - 603


class TestTime:
    def test_an_order_is_cancelled_at_its_time_and_not_before(self, exchange):
        sell(exchange, "alice", 5, 100, expires_at_ms=50)
        sell(exchange, "carol", 5, 100, expires_at_ms=51)
        assert deals(buy(exchange, "bob", 1, 100, now_ms=49)) == [(1, 1, 100)]
        assert deals(buy(exchange, "bob", 1, 100, now_ms=50)) == [(2, 1, 100)]
        assert wealth(exchange, "alice") == (100_100, 999)
        assert exchange.expire(51) == [2]
        assert exchange.books.orders == {}

    def test_a_stop_expires_too(self, exchange):
        fields = {"stop_price_units": 99, "budget_units": 500, "expires_at_ms": 10}
        put(exchange, "bob", "buy", K.STOP, 1, **fields)
        assert exchange.expire(9) == []
        assert exchange.expire(10) == [1]
        assert wealth(exchange, "bob") == (100_000, 1_000)

    def test_orders_that_ended_early_do_not_pile_up(self, exchange):
        for _ in range(500):
            number = sell(exchange, "alice", 1, 100, expires_at_ms=10**9).number
            exchange.cancel("alice", number, 0)
        assert len(exchange.books._due) < 70


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"units": 0}, Refusal.INVALID_AMOUNT),
        ({"units": -1}, Refusal.INVALID_AMOUNT),
        ({"units": 10**40}, Refusal.INVALID_AMOUNT),
        ({"price_units": 0}, Refusal.MALFORMED_ORDER),
        ({"price_units": -10}, Refusal.INVALID_PRICE),
        ({"price_units": 15}, Refusal.INVALID_PRICE),
        ({"price_units": 10**40}, Refusal.INVALID_PRICE),
        ({"stop_price_units": 10}, Refusal.MALFORMED_ORDER),
        ({"budget_units": 10}, Refusal.MALFORMED_ORDER),
        ({"display_units": 1}, Refusal.MALFORMED_ORDER),
        ({"kind": K.ICEBERG}, Refusal.MALFORMED_ORDER),
        ({"kind": K.ICEBERG, "display_units": 6}, Refusal.MALFORMED_ORDER),
        ({"kind": K.ICEBERG, "display_units": -1}, Refusal.MALFORMED_ORDER),
        ({"kind": K.MARKET}, Refusal.MALFORMED_ORDER),
        ({"kind": K.MARKET, "price_units": 0}, Refusal.MALFORMED_ORDER),
        ({"kind": K.MARKET, "price_units": 0, "budget_units": -5}, Refusal.INVALID_AMOUNT),
        ({"kind": K.STOP_LIMIT}, Refusal.MALFORMED_ORDER),
        ({"kind": K.STOP_LIMIT, "stop_price_units": 5}, Refusal.INVALID_PRICE),
        ({"kind": K.FILL_OR_KILL, "expires_at_ms": 500}, Refusal.MALFORMED_ORDER),
        ({"expires_at_ms": 100}, Refusal.EXPIRY_PAST),
        ({"expires_at_ms": -1}, Refusal.EXPIRY_PAST),
        ({"expires_at_ms": 101 + 90 * DAY_MS}, Refusal.EXPIRY_TOO_FAR),
        ({"account": "exchange/fees"}, Refusal.RESERVED_ACCOUNT),
        ({"account": "nobody"}, Refusal.INSUFFICIENT_FUNDS),
        ({"price_units": 20_000}, Refusal.INSUFFICIENT_FUNDS),
        ({"price_units": 19_910}, Refusal.INSUFFICIENT_FUNDS),
    ],
)
def test_a_refused_order_changes_nothing(fields, refusal):
    exchange = new_exchange(ExchangeParameters(tick_units=10))
    sell(exchange, "alice", 1, 50)
    before = state(exchange)
    good = {"account": "bob", "side": Side.BUY, "kind": K.LIMIT, "units": 5, "price_units": 10}
    assert exchange.submit(OrderRequest(**good | fields), 100) is refusal
    assert state(exchange) == before
    most = {"price_units": 19_900, "expires_at_ms": 100 + 90 * DAY_MS}
    assert exchange.submit(OrderRequest(**good | most), 100).number == 2


def test_a_payout_that_the_ledger_refuses_waits_to_be_claimed(exchange):
    sell(exchange, "alice", 5, 100)
    exchange.money.burn("alice", 100_000)
    exchange.asset.burn("alice", 995)
    assert exchange.money.close("alice") is None
    assert exchange.asset.close("alice") is None
    assert deals(buy(exchange, "bob", 3, 100)) == [(1, 3, 100)]
    assert exchange.cancel("alice", 1, 0) is None
    assert exchange.claim("alice", "alice", 0) is Refusal.NOTHING_TO_CLAIM
    claims = exchange.books.claims
    assert [claims[side].units for side in Side] == [{"alice": 300}, {"alice": 2}]
    assert exchange.audit() is None
    restored = Exchange(exchange.money, exchange.asset)
    restored.restore(exchange.encode())
    assert restored.claim("bob", "bob", 0) is Refusal.NOTHING_TO_CLAIM
    assert restored.claim("alice", "alison", 0) is None
    assert wealth(exchange, "alison") == (300, 2)
    assert restored.audit() is None
    assert restored.claim("alice", "alison", 0) is Refusal.NOTHING_TO_CLAIM


def test_an_account_that_may_not_pay_places_no_order(exchange):
    exchange.money.freeze("bob")
    before = state(exchange)
    assert buy(exchange, "bob", 1, 100) is Refusal.ACCOUNT_FROZEN
    assert state(exchange) == before


def test_an_audit_finds_money_that_is_not_the_books(exchange):
    buy(exchange, "bob", 1, 100)
    exchange.money.transfer("alice", "exchange/escrow", 1)
    assert "escrow has 102 units" in exchange.audit()


@pytest.mark.parametrize(
    "damage",
    [
        lambda books: setattr(books.orders[1], "escrow_units", 4),
        lambda books: setattr(books.orders[1], "filled_units", 5),
        lambda books: setattr(books.orders[2], "expires_at_ms", 5),
        lambda books: setattr(books.orders[2], "priority", books.resting.next_priority),
        lambda books: setattr(books, "next_number", 3),
        lambda books: books.orders.update({1: books.orders[2], 2: books.orders[1]}),
        lambda books: books.stops.remove(books.orders[3]),
        lambda books: books.orders.pop(2),
        lambda books: books.claims[Side.BUY].units.update(bob=0),
    ],
)
def test_an_audit_finds_what_is_wrong_in_the_books(exchange, damage):
    sell(exchange, "alice", 5, 100)
    buy(exchange, "bob", 1, 90)
    put(exchange, "bob", "sell", K.STOP, 1, stop_price_units=80)
    assert exchange.audit() is None
    damage(exchange.books)
    assert exchange.audit() is not None


def test_states_that_are_not_this_exchanges_are_rejected(exchange):
    sell(exchange, "alice", 5, 100)
    encoded = exchange.encode()
    for wrong in (b"", encoded[:-1], new_exchange().encode(), encoded + b"\0"):
        before = state(exchange)
        with pytest.raises(RemoteProtocolError):
            exchange.restore(wrong)
        assert state(exchange) == before
    exchange.restore(encoded)
    assert exchange.encode() == encoded


ACCOUNTS = st.sampled_from(TRADERS)
PRICES = st.integers(98, 102)
LIVES = st.sampled_from([0, 0, 0, 5, 20])


class ExchangeAgainstReference(RuleBasedStateMachine):
    @initialize(
        policy=st.sampled_from(SelfTrade),
        fees=st.sampled_from([(5_000, 0), (0, 0), (30_000, 70_000), (333_333, 1)]),
    )
    def begin(self, policy, fees):
        parameters = ExchangeParameters(*fees, max_slices=5, self_trade=policy)
        self.exchange = new_exchange(parameters, money=3_000, asset=30)
        money, asset = dict.fromkeys(TRADERS, 3_000), dict.fromkeys(TRADERS, 30)
        self.reference = ReferenceExchange(parameters, money, asset)
        self.now_ms = 0

    def both(self, method, *arguments):
        before = state(self.exchange)
        due = self.exchange.books.next_due(self.now_ms)
        answer = getattr(self.exchange, method)(*arguments, self.now_ms)
        expected = getattr(self.reference, method)(*arguments, self.now_ms)
        if isinstance(answer, Placed):
            trades = tuple(msgspec.structs.astuple(trade) for trade in answer.trades)
            answer = (*msgspec.structs.astuple(answer)[:-1], trades)
        assert answer == expected
        if isinstance(answer, Refusal) and due is None:
            assert state(self.exchange) == before

    @rule(
        account=ACCOUNTS,
        side=st.sampled_from(Side),
        kind=st.sampled_from(OrderKind),
        units=st.integers(1, 12),
        price=PRICES,
        stop=PRICES,
        budget=st.integers(1, 1_500),
        display=st.integers(1, 4),
        life=LIVES,
    )
    def submit(self, account, side, kind, units, price, stop, budget, display, life):
        unpriced = kind in (K.MARKET, K.STOP)
        timeless = kind in (K.MARKET, K.FILL_OR_KILL, K.IMMEDIATE_OR_CANCEL)
        request = OrderRequest(
            account,
            side,
            kind,
            units,
            price_units=0 if unpriced else price,
            stop_price_units=stop if kind in (K.STOP, K.STOP_LIMIT) else 0,
            budget_units=budget if unpriced and side is Side.BUY else 0,
            display_units=display if kind is K.ICEBERG else 0,
            expires_at_ms=self.now_ms + life if life and not timeless else 0,
        )
        self.both("submit", request)

    @rule(
        account=ACCOUNTS,
        side=st.sampled_from(Side),
        kind=st.sampled_from(OrderKind),
        figures=st.tuples(*[st.integers(-1, 6)] * 6),
    )
    def submit_anything(self, account, side, kind, figures):
        self.both("submit", OrderRequest(account, side, kind, *figures))

    @rule(account=ACCOUNTS, back=st.integers(0, 6))
    def cancel(self, account, back):
        self.both("cancel", account, self.reference.numbers - back)

    @rule(back=st.integers(0, 6), units=st.integers(0, 14), price=PRICES, own=st.booleans())
    def amend(self, back, units, price, own):
        entry = self.reference.find(self.reference.numbers - back)
        account = entry.account if own and entry else "alice"
        price = entry.price if entry and units % 3 == 0 else price
        self.both("amend", account, self.reference.numbers - back, units, price)

    @rule(span_ms=st.integers(0, 10))
    def wait(self, span_ms):
        self.now_ms += span_ms

    @rule()
    def expire(self):
        self.both("expire")

    @rule()
    def move_to_a_restored_exchange(self):
        old = self.exchange
        self.exchange = Exchange(old.money, old.asset, old.parameters)
        self.exchange.restore(old.encode())
        assert self.exchange.encode() == old.encode()

    @invariant()
    def is_sound(self):
        exchange, reference = self.exchange, self.reference
        assert exchange.audit() is None
        for ledger, side in ((exchange.money, Side.BUY), (exchange.asset, Side.SELL)):
            assert ledger.audit() is None
            totals = ledger.totals()
            assert totals.supply_units == (9_000 if side is Side.BUY else 90)
            for trader in TRADERS:
                assert ledger.balances.get(trader, 0) == reference.free[side][trader]
            assert ledger.balances.get("exchange/escrow", 0) == reference.held(side)
        assert exchange.money.balances.get("exchange/fees", 0) == reference.fees
        for side in Side:
            shown = {}
            for entry in reference.resting(side):
                shown[entry.price] = shown.get(entry.price, 0) + entry.shown
            assert exchange.books.resting.depth(side, 99) == tuple(shown.items())


TestExchangeAgainstReference = ExchangeAgainstReference.TestCase
TestExchangeAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
