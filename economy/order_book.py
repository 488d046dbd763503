"""The order book: who trades first, kept so that every step is cheap.

Price–time priority: the best price first, and at one price the order that has been there longest.
Each side has a sorted list of its prices, best last (asks are stored negated), and at each price a
queue. The best order is read in O(1). Entering and removing cost O(log n) comparisons to find the
price in the list, and O(1) in the queue: an `OrderedDict`, whose first entry is found in constant
time however many were removed before it, which a plain dict does not offer.

An iceberg shows one slice at a time. When it is gone the next one goes to the back of its queue: it
is new to the book, so it must not pass those who showed themselves before.

Stop orders sleep in a second structure, sorted by stop price. A trade at price p wakes buys with a
stop ≤ p and sells with a stop ≥ p; those that one trade wakes go in the order of their numbers.
"""

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from typing import NamedTuple

from economy.orders import DORMANT, Order, Side


class Level:
    """The orders at one price, first come first.

    Attributes:
        orders: by number, in priority order.
        owners: how many of them each account has.
        units: what is left of them in all, hidden slices included.
    """

    __slots__ = ("orders", "owners", "units")

    def __init__(self) -> None:
        self.orders: OrderedDict[int, Order] = OrderedDict()
        self.owners: dict[str, int] = {}
        self.units = 0

    def append(self, order: Order) -> None:
        """Let an order stand behind all others."""
        self.orders[order.number] = order
        self.owners[order.account] = self.owners.get(order.account, 0) + 1
        self.units += order.left_units

    def drop(self, order: Order) -> None:
        """Take an order out."""
        del self.orders[order.number]
        self.units -= order.left_units
        self.owners[order.account] -= 1
        if not self.owners[order.account]:
            del self.owners[order.account]


class Depth(NamedTuple):
    """One price of the book as the public sees it."""

    price_units: int
    visible_units: int


class OrderBook:
    """The resting orders of one market. It moves no money and refuses nothing."""

    __slots__ = ("_keys", "_levels", "_next_priority")

    def __init__(self, next_priority: int = 0) -> None:
        self._levels: dict[Side, dict[int, Level]] = {Side.BUY: {}, Side.SELL: {}}
        self._keys: dict[Side, list[int]] = {Side.BUY: [], Side.SELL: []}
        self._next_priority = next_priority

    @property
    def next_priority(self) -> int:
        """The priority that the next order gets."""
        return self._next_priority

    # --- reading ----------------------------------------------------------------------------

    def best_price(self, side: Side) -> int | None:
        """The best price of a side, in money units; None if it is empty."""
        keys = self._keys[side]
        return abs(keys[-1]) if keys else None

    def best(self, side: Side) -> Order | None:
        """The order of a side that trades first."""
        price_units = self.best_price(side)
        if price_units is None:
            return None
        return next(iter(self._levels[side][price_units].orders.values()))

    def would_trade(self, order: Order) -> bool:
        """Whether the order would meet another one at once."""
        price_units = self.best_price(order.side.opposite)
        return price_units is not None and order.accepts(price_units)

    def fillable_units(self, order: Order, stop_at_own: bool) -> int:
        """How much of an order with a limit could trade now, up to what it asks for.

        Costs one step a price that it would reach, and looks into a queue only where the account
        has an order itself.

        Args:
            order: not in the book.
            stop_at_own: the order ends when it meets one of its account; else that one gives way.
        """
        side, found_units = order.side.opposite, 0
        for key in reversed(self._keys[side]):
            level = self._levels[side][abs(key)]
            if found_units >= order.left_units or not order.accepts(abs(key)):
                break
            found_units += level.units
            if order.account in level.owners:
                own = [each for each in level.orders.values() if each.account == order.account]
                if stop_at_own:
                    return min(order.left_units, found_units - _behind(level, own[0]))
                found_units -= sum(each.left_units for each in own)
        return min(order.left_units, found_units)

    def depth(self, side: Side, prices: int) -> tuple[Depth, ...]:
        """The best `prices` prices of a side, best first, with what each shows."""
        best_first = [abs(key) for key in reversed(self._keys[side][-prices:])] if prices else []
        return tuple(
            Depth(price, sum(o.visible_units for o in self._levels[side][price].orders.values()))
            for price in best_first
        )

    # --- changing ---------------------------------------------------------------------------

    def enter(self, order: Order) -> None:
        """Let an order rest behind all others at its price."""
        order.priority = self._next_priority
        self._next_priority += 1
        self.place(order)

    def place(self, order: Order) -> None:
        """Let an order rest that has its priority, greater than those at its price."""
        levels = self._levels[order.side]
        level = levels.get(order.price_units)
        if level is None:
            level = levels[order.price_units] = Level()
            insort(self._keys[order.side], _key(order))
        if not order.visible_units:
            order.visible_units = order.slice_units()
        level.append(order)

    def remove(self, order: Order) -> None:
        """Take a resting order out, whatever is left of it."""
        level = self._levels[order.side][order.price_units]
        level.drop(order)
        order.visible_units = 0
        self._drop_if_empty(order, level)

    def fill(self, order: Order, units: int) -> None:
        """Trade `units` of a resting order's visible slice; it leaves when nothing is left."""
        assert 0 < units <= order.visible_units, "only what the book shows can trade"
        level = self._levels[order.side][order.price_units]
        level.units -= units
        order.filled_units += units
        order.visible_units -= units
        if not order.left_units:
            level.drop(order)
            self._drop_if_empty(order, level)
        elif not order.visible_units:
            order.visible_units = order.slice_units()
            order.priority = self._next_priority
            self._next_priority += 1
            level.orders.move_to_end(order.number)

    def shrink(self, order: Order, units: int) -> None:
        """Lower what a resting order asks for to `units` in all; it keeps its place."""
        assert order.filled_units < units <= order.units, "shrinking leaves something, not more"
        self._levels[order.side][order.price_units].units -= order.units - units
        order.units = units
        order.visible_units = min(order.visible_units, order.left_units)

    def _drop_if_empty(self, order: Order, level: Level) -> None:
        if not level.orders:
            keys = self._keys[order.side]
            del self._levels[order.side][order.price_units]
            del keys[bisect_left(keys, _key(order))]

    # --- checking ---------------------------------------------------------------------------

    def resting(self) -> list[Order]:
        """Every resting order: buys then sells, each side best price first, by priority."""
        return [
            order
            for side in Side
            for key in reversed(self._keys[side])
            for order in self._levels[side][abs(key)].orders.values()
        ]

    def audit(self) -> str | None:
        """Check the structure from scratch; returns what is wrong, or None."""
        bid_units, ask_units = self.best_price(Side.BUY), self.best_price(Side.SELL)
        if bid_units is not None and ask_units is not None and bid_units >= ask_units:
            return f"the book is crossed: {bid_units} is bid and {ask_units} asked"
        for side in Side:
            prices = [abs(key) for key in self._keys[side]]
            if prices != sorted(self._levels[side], reverse=side is Side.SELL):
                return f"the prices of side {side.value} are not those of its queues"
            for price_units, level in self._levels[side].items():
                orders = list(level.orders.values())
                priorities = [order.priority for order in orders]
                if not orders or priorities != sorted(set(priorities)):
                    return f"the queue at {price_units} is empty or out of order"
                if level.owners != Counter(order.account for order in orders):
                    return f"the queue at {price_units} has other owners than {level.owners}"
                if level.units != sum(order.left_units for order in orders):
                    return f"the queue at {price_units} does not add up to {level.units} units"
                for order in orders:
                    if (order.price_units, order.side) != (price_units, side):
                        return f"order {order.number} is in the wrong queue"
                    if not 0 < order.visible_units <= order.slice_units():
                        return f"order {order.number} shows {order.visible_units} units"
        return None


class StopBook:
    """The stop orders that wait for their price."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Side, list[tuple[int, int]]] = {Side.BUY: [], Side.SELL: []}
        """Pairs of key and number, the next to wake last: buys by −stop, sells by stop."""

    def add(self, order: Order) -> None:
        """Let a stop order wait."""
        assert order.kind in DORMANT, "only stop orders wait"
        insort(self._waiting[order.side], _stop_key(order))

    def remove(self, order: Order) -> None:
        """Take a waiting order out."""
        waiting = self._waiting[order.side]
        index = bisect_left(waiting, _stop_key(order))
        assert waiting[index] == _stop_key(order), f"order {order.number} does not wait"
        del waiting[index]

    def wake(self, price_units: int) -> list[int]:
        """Take out the orders that a trade at this price wakes; their numbers, ascending."""
        woken = []
        buys, sells = self._waiting[Side.BUY], self._waiting[Side.SELL]
        while buys and -buys[-1][0] <= price_units:
            woken.append(buys.pop()[1])
        while sells and sells[-1][0] >= price_units:
            woken.append(sells.pop()[1])
        return sorted(woken)

    def numbers(self) -> list[int]:
        """The numbers of all waiting orders, ascending."""
        return sorted(number for side in Side for _, number in self._waiting[side])


def reached(order: Order, price_units: int) -> bool:
    """Whether a trade at this price wakes the stop order."""
    if order.side is Side.BUY:
        return order.stop_price_units <= price_units
    return order.stop_price_units >= price_units


def _key(order: Order) -> int:
    return order.price_units if order.side is Side.BUY else -order.price_units


def _stop_key(order: Order) -> tuple[int, int]:
    stop_units = order.stop_price_units
    return (-stop_units if order.side is Side.BUY else stop_units, order.number)


def _behind(level: Level, own: Order) -> int:
    """What of a queue cannot trade before `own` is reached, `own` itself included.

    Of the icebergs ahead only the visible slice comes first; the next one queues behind `own`.
    """
    ahead_units = 0
    for order in level.orders.values():
        if order is own:
            break
        ahead_units += order.visible_units
    return level.units - ahead_units
