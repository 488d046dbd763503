"""The order book and the stop book against lists that are scanned."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from economy.order_book import OrderBook, StopBook, reached
from economy.orders import ExchangeParameters, Order, OrderKind, Side


def order(number, side=Side.BUY, price=100, units=10, display=0, stop=0, account="alice"):
    kind = OrderKind.STOP_LIMIT if stop else OrderKind.ICEBERG if display else OrderKind.LIMIT
    return Order(number, account, side, kind, units, price, stop, display, 0)


class BookAgainstList(RuleBasedStateMachine):
    """The list has (order, shown units) in the order of arrival; nothing else is remembered."""

    def __init__(self):
        super().__init__()
        self.book = OrderBook()
        self.queue = []
        self.numbers = 0

    def side(self, side):
        rows = [row for row in self.queue if row[0].side is side]
        return sorted(rows, key=lambda row: -row[0].price_units * (1 if side is Side.BUY else -1))

    @rule(
        side=st.sampled_from(Side),
        price=st.integers(1, 6),
        units=st.integers(1, 9),
        display=st.integers(0, 4),
    )
    def enter(self, side, price, units, display):
        self.numbers += 1
        price += 10 if side is Side.SELL else 0
        resting = order(self.numbers, side, price, units, min(display, units))
        self.book.enter(resting)
        self.queue.append([resting, min(display or units, units)])

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def remove(self, data):
        row = data.draw(st.sampled_from(self.queue))
        self.book.remove(row[0])
        self.queue.remove(row)

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def shrink(self, data):
        row = data.draw(st.sampled_from(self.queue))
        units = data.draw(st.integers(row[0].filled_units + 1, row[0].units))
        self.book.shrink(row[0], units)
        row[1] = min(row[1], row[0].left_units)
        assert row[0].units == units

    @rule(side=st.sampled_from(Side), data=st.data())
    def fill_the_best(self, side, data):
        rows = self.side(side)
        best = self.book.best(side)
        assert best is (rows[0][0] if rows else None)
        if best is None:
            return
        row = rows[0]
        units = data.draw(st.integers(1, row[1]))
        left = best.left_units - units
        self.book.fill(best, units)
        assert best.left_units == left
        row[1] -= units
        if not left:
            self.queue.remove(row)
        elif not row[1]:
            self.queue.remove(row)
            self.queue.append([best, min(best.display_units, left)])

    @rule(
        side=st.sampled_from(Side),
        price=st.integers(1, 16),
        units=st.integers(1, 60),
    )
    def ask_what_could_trade(self, side, price, units):
        taker = order(0, side, price, units, account="bob")
        met = [r for r, _ in self.side(side.opposite) if taker.accepts(r.price_units)]
        assert self.book.would_trade(taker) is bool(met)
        there = sum(resting.left_units for resting in met)
        assert self.book.fillable_units(taker, stop_at_own=False) == min(units, there)
        taker.account = "alice"
        assert self.book.fillable_units(taker, stop_at_own=False) == 0
        assert self.book.fillable_units(taker, stop_at_own=True) == 0

    @invariant()
    def is_sound(self):
        assert self.book.audit() is None
        everyone = [row[0] for side in Side for row in self.side(side)]
        assert self.book.resting() == everyone
        for side in Side:
            rows = self.side(side)
            assert self.book.best_price(side) == (rows[0][0].price_units if rows else None)
            shown = {}
            for resting, units in rows:
                price = resting.price_units
                shown[price] = shown.get(price, 0) + units
            assert self.book.depth(side, 2) == tuple(shown.items())[:2]
            assert self.book.depth(side, 0) == ()


TestBookAgainstList = BookAgainstList.TestCase
TestBookAgainstList.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def filled_book():
    book = OrderBook()
    for number, price in enumerate((100, 100, 99), start=1):
        book.enter(order(number, price=price))
    book.enter(order(4, Side.SELL, 105))
    return book


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda b: b.enter(order(9, Side.SELL, 100)), "crossed"),
        (lambda b: setattr(b.best(Side.BUY), "filled_units", 1), "add up"),
        (lambda b: setattr(b.best(Side.BUY), "account", "bob"), "owners"),
        (lambda b: setattr(b.best(Side.BUY), "visible_units", 0), "shows"),
        (lambda b: setattr(b.best(Side.BUY), "visible_units", 11), "shows"),
        (lambda b: setattr(b.best(Side.BUY), "price_units", 98), "wrong queue"),
        (lambda b: setattr(b.best(Side.BUY), "side", Side.SELL), "wrong queue"),
        (lambda b: setattr(b.best(Side.BUY), "priority", 1), "out of order"),
        (lambda b: b._keys[Side.BUY].reverse(), "prices of side buy"),
        (lambda b: b._keys[Side.SELL].append(-104), "prices of side sell"),
    ],
)
def test_an_audit_finds_what_is_wrong(damage, word):
    book = filled_book()
    assert book.audit() is None
    damage(book)
    assert word in book.audit()


def test_only_what_the_book_shows_can_trade():
    book = OrderBook()
    book.enter(order(1, units=10, display=4))
    with pytest.raises(AssertionError, match="shows"):
        book.fill(book.best(Side.BUY), 5)


def test_own_orders_end_what_can_be_filled_or_give_way():
    book = OrderBook()
    book.enter(order(1, Side.SELL, 99, 2))
    book.enter(order(2, Side.SELL, 100, 9, display=3))
    book.enter(order(3, Side.SELL, 100, 5, account="bob"))
    book.enter(order(4, Side.SELL, 100, 7))
    book.enter(order(5, Side.SELL, 101, 50))
    taker = order(6, Side.BUY, 100, 100, account="bob")
    # Before bob's own order come 2 at 99 and the slice of 3 that the iceberg shows.
    assert book.fillable_units(taker, stop_at_own=True) == 5
    assert book.fillable_units(taker, stop_at_own=False) == 2 + 9 + 7


STOPS = st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 9), st.booleans()), max_size=12)


@given(STOPS, st.lists(st.integers(1, 9), max_size=6))
def test_stops_wake_at_their_price_and_once(stops, prices):
    book, waiting = StopBook(), {}
    for number, (side, stop, stays) in enumerate(stops, start=1):
        waiting[number] = order(number, side, stop=stop)
        book.add(waiting[number])
        if not stays:
            book.remove(waiting.pop(number))
    for price in prices:
        assert book.numbers() == list(waiting)
        due = [n for n, o in waiting.items() if reached(o, price)]
        for number in due:
            stop = waiting.pop(number)
            beyond = price - stop.stop_price_units
            assert beyond >= 0 if stop.side is Side.BUY else beyond <= 0
        assert book.wake(price) == due


def test_fees_are_charged_on_the_whole_life_of_an_order():
    """However a value is cut into trades, ⌈Σ value·rate⌉ is charged, and always affordable."""
    random = Random(4)
    for _ in range(200):
        rates = random.choice([(5_000, 0), (5_000, 90_000), (333_333, 1)])
        top = ExchangeParameters(*rates).top_fee_ppm
        units, limit = random.randint(1, 60), random.randint(1, 40)
        bid = order(1, units=units, price=limit)
        bid.escrow_units = bid.needed_units(top)
        exact = 0
        while bid.left_units:
            part, price = random.randint(1, bid.left_units), random.randint(1, limit)
            rate = random.choice(rates)
            assert bid.affordable_units(price, rate) >= part
            exact += price * part * rate
            bid.escrow_units -= price * part + bid.charge(price * part, rate)
            bid.filled_units += part
            assert bid.escrow_units >= bid.needed_units(top)
            assert bid.fee_paid_units == -(-exact // 10**6)


@pytest.mark.parametrize(
    "figures",
    [{"taker_fee_ppm": 10**6 + 1}, {"maker_fee_ppm": -1}, {"tick_units": 0}, {"max_slices": 0}],
)
def test_parameters_that_make_no_sense_are_a_bug(figures):
    with pytest.raises(AssertionError):
        ExchangeParameters(**figures)
