"""A second, naive exchange: one list of orders that is scanned, fees as exact fractions.

It shares the request, its enums and `Refusal` with the exchange, and no code. Balances are plain
numbers; what an order holds is worked out anew from its trades whenever someone asks for it.
"""

from fractions import Fraction
from math import ceil

from economy.orders import OrderKind, SelfTrade, Side
from economy.refusals import Refusal

K = OrderKind
MILLION = 1_000_000


class Entry:
    def __init__(self, number, request):
        self.number, self.account, self.side = number, request.account, request.side
        self.kind, self.units = request.kind, request.units
        self.price, self.stop = request.price_units, request.stop_price_units
        self.budget, self.display = request.budget_units, request.display_units
        self.expires_at_ms = request.expires_at_ms
        self.trades = []  # (price, units, rate)
        self.shown = 0
        self.rank = None

    @property
    def buys(self):
        return self.side is Side.BUY

    @property
    def left(self):
        return self.units - sum(units for _, units, _ in self.trades)

    @property
    def value(self):
        return sum(price * units for price, units, _ in self.trades)

    def fee(self, *more):
        parts = [Fraction(p * u * rate, MILLION) for p, u, rate in (*self.trades, *more)]
        return ceil(sum(parts, Fraction(0)))

    def held(self, top):
        """What it brought and did not give yet; for a limit only what it may still give."""
        if not self.buys:
            return self.left
        if self.kind in (K.MARKET, K.STOP):
            return self.budget - self.value - self.fee()
        return self.left * self.price + self.fee((self.price, self.left, top)) - self.fee()

    def takes(self, price):
        if self.kind in (K.MARKET, K.STOP):
            return True
        return price <= self.price if self.buys else price >= self.price


class ReferenceExchange:
    def __init__(self, parameters, money, asset):
        self.parameters = parameters
        self.top = max(parameters.taker_fee_ppm, parameters.maker_fee_ppm)
        self.free = {Side.BUY: dict(money), Side.SELL: dict(asset)}
        self.fees = 0
        self.entries = []
        self.ranks = 0
        self.numbers = 0
        self.last = None
        self.log = []

    # --- questions ---

    def resting(self, side):
        here = [e for e in self.entries if e.side is side and e.rank is not None]
        return sorted(here, key=lambda e: (-e.price if e.buys else e.price, e.rank))

    def held(self, side):
        return sum(e.held(self.top) for e in self.entries if e.side is side)

    def find(self, number):
        return next((e for e in self.entries if e.number == number), None)

    # --- calls ---

    def submit(self, request, now_ms):
        self.expire(now_ms)
        refusal = self.why_not(request, now_ms)
        if refusal is not None:
            return refusal
        entry = Entry(self.numbers + 1, request)
        refusal = self.bar(entry)
        if refusal is not None:
            return refusal
        if entry.held(self.top) > self.free[entry.side].get(entry.account, 0):
            return Refusal.INSUFFICIENT_FUNDS
        self.numbers += 1
        self.move(entry, -entry.held(self.top))
        self.entries.append(entry)
        self.log = []
        if entry.stop:
            if self.last is None or not self.woken_by(entry, self.last):
                return self.answer(entry)
            self.wake(entry)
        self.run(entry)
        return self.answer(entry)

    def why_not(self, request, now_ms):
        kind, cap = request.kind, 10**27
        priced = kind not in (K.MARKET, K.STOP)
        stopped = kind in (K.STOP, K.STOP_LIMIT)
        budgeted = not priced and request.side is Side.BUY
        if request.units < 1 or request.units > cap:
            return Refusal.INVALID_AMOUNT
        if bool(request.price_units) != priced or bool(request.stop_price_units) != stopped:
            return Refusal.MALFORMED_ORDER
        if bool(request.budget_units) != budgeted:
            return Refusal.MALFORMED_ORDER
        if bool(request.display_units) != (kind is K.ICEBERG):
            return Refusal.MALFORMED_ORDER
        tick = self.parameters.tick_units
        for price in (request.price_units, request.stop_price_units):
            if price < 0 or price > cap or price % tick != 0:
                return Refusal.INVALID_PRICE
        if request.budget_units < 0:
            return Refusal.INVALID_AMOUNT
        if kind is K.ICEBERG and not self.slices(request.units, request.display_units):
            return Refusal.MALFORMED_ORDER
        if request.expires_at_ms != 0:
            if kind in (K.MARKET, K.IMMEDIATE_OR_CANCEL, K.FILL_OR_KILL):
                return Refusal.MALFORMED_ORDER
            if request.expires_at_ms <= now_ms:
                return Refusal.EXPIRY_PAST
            if request.expires_at_ms > now_ms + self.parameters.max_life_ms:
                return Refusal.EXPIRY_TOO_FAR
        return None

    def slices(self, units, display):
        return 1 <= display <= units and Fraction(units, display) <= self.parameters.max_slices

    def bar(self, entry):
        others = [e for e in self.resting(entry.side.opposite) if entry.takes(e.price)]
        if entry.kind is K.POST_ONLY and others:
            return Refusal.WOULD_CROSS
        if entry.kind is K.FILL_OR_KILL and self.dry_run(entry, others) < entry.left:
            return Refusal.NOT_FILLABLE
        return None

    def dry_run(self, entry, others):
        """Trade against copies, one visible slice after the other, and say how much traded."""
        queue = [[e.price, e.rank, e.shown, e.left, e.display, e.account] for e in others]
        rank, traded = self.ranks, 0
        sign = 1 if entry.buys else -1
        while queue and traded < entry.left:
            queue.sort(key=lambda item: (sign * item[0], item[1]))
            item = queue[0]
            if item[5] == entry.account:
                if self.parameters.self_trade is SelfTrade.CANCEL_NEWEST:
                    break
                queue.pop(0)
                continue
            units = min(item[2], entry.left - traded)
            traded += units
            item[2] -= units
            item[3] -= units
            if item[3] == 0:
                queue.pop(0)
            elif item[2] == 0:
                item[2] = min(item[3], item[4])
                rank += 1
                item[1] = rank
        return traded

    def cancel(self, account, number, now_ms):
        self.expire(now_ms)
        entry = self.find(number)
        if entry is None:
            return Refusal.UNKNOWN_ORDER
        if entry.account != account:
            return Refusal.NOT_AUTHORISED
        self.end(entry)
        return None

    def amend(self, account, number, units, price, now_ms):
        self.expire(now_ms)
        entry = self.find(number)
        if entry is None:
            return Refusal.UNKNOWN_ORDER
        if entry.account != account:
            return Refusal.NOT_AUTHORISED
        if entry.stop:
            return Refusal.NOT_AMENDABLE
        if units < 1 or units > 10**27:
            return Refusal.INVALID_AMOUNT
        if price < 1 or price > 10**27 or price % self.parameters.tick_units:
            return Refusal.INVALID_PRICE
        if entry.display and units > entry.units and not self.slices(units, entry.display):
            return Refusal.MALFORMED_ORDER
        self.log = []
        traded = entry.units - entry.left
        if units <= traded:
            self.end(entry)
            return self.answer(entry)
        old, before = (entry.units, entry.price), entry.held(self.top)
        entry.units, entry.price = units, price
        more = entry.held(self.top) - before
        if price == old[1] and units <= old[0]:
            self.move(entry, -more)
            entry.shown = min(entry.shown, entry.left)
            return self.answer(entry)
        refusal = self.bar(entry)
        if refusal is None and more > self.free[entry.side].get(entry.account, 0):
            refusal = Refusal.INSUFFICIENT_FUNDS
        if refusal is not None:
            entry.units, entry.price = old
            return refusal
        self.move(entry, -more)
        entry.rank = None
        self.run(entry)
        return self.answer(entry)

    def expire(self, now_ms):
        due = [e for e in self.entries if e.expires_at_ms and e.expires_at_ms <= now_ms]
        due.sort(key=lambda e: (e.expires_at_ms, e.number))
        for entry in due:
            self.end(entry)
        return [e.number for e in due]

    # --- matching ---

    def run(self, entry):
        waiting = [entry]
        while waiting:
            taker = waiting.pop(0)
            waiting += self.match(taker)
            if taker not in self.entries:
                continue
            if taker.left == 0 or taker.kind in (K.MARKET, K.IMMEDIATE_OR_CANCEL, K.FILL_OR_KILL):
                self.end(taker)
            else:
                self.rest(taker)

    def rest(self, entry):
        self.ranks += 1
        entry.rank = self.ranks
        entry.shown = min(entry.left, entry.display) if entry.display else entry.left

    def match(self, taker):
        woken = []
        while taker.left:
            makers = [m for m in self.resting(taker.side.opposite) if taker.takes(m.price)]
            if not makers:
                break
            maker = makers[0]
            if maker.account == taker.account:
                if self.parameters.self_trade is SelfTrade.CANCEL_NEWEST:
                    self.end(taker)
                    break
                self.end(maker)
                continue
            units = min(taker.left, maker.shown)
            if taker.buys and taker.kind is K.MARKET:
                while units and self.cost(taker, maker.price, units) > taker.budget:
                    units -= 1
                if not units:
                    break
            self.trade(maker, taker, units)
            for entry in sorted(self.entries, key=lambda e: e.number):
                if entry.stop and self.woken_by(entry, maker.price):
                    self.wake(entry)
                    woken.append(entry)
        return woken

    def cost(self, taker, price, units):
        one_more = (price, units, self.parameters.taker_fee_ppm)
        return taker.value + price * units + taker.fee(one_more)

    def trade(self, maker, taker, units):
        price = maker.price
        buyer, seller = (maker, taker) if maker.buys else (taker, maker)
        before = {e: (e.held(self.top), e.fee()) for e in (maker, taker)}
        maker.trades.append((price, units, self.parameters.maker_fee_ppm))
        taker.trades.append((price, units, self.parameters.taker_fee_ppm))
        fees = {e: e.fee() - before[e][1] for e in (maker, taker)}
        released = before[buyer][0] - buyer.held(self.top)
        self.add(Side.BUY, buyer.account, released - price * units - fees[buyer])
        self.add(Side.BUY, seller.account, price * units - fees[seller])
        self.add(Side.SELL, buyer.account, units)
        self.fees += fees[maker] + fees[taker]
        self.last = price
        row = (maker.number, taker.number, buyer.account, seller.account)
        self.log.append((*row, price, units, fees[buyer], fees[seller]))
        maker.shown -= units
        if maker.left == 0:
            self.end(maker)
        elif maker.shown == 0:
            self.rest(maker)

    def woken_by(self, entry, price):
        return price >= entry.stop if entry.buys else price <= entry.stop

    def wake(self, entry):
        entry.stop = 0
        entry.kind = K.MARKET if entry.kind is K.STOP else K.LIMIT

    # --- money ---

    def add(self, side, account, units):
        self.free[side][account] = self.free[side].get(account, 0) + units

    def move(self, entry, units):
        self.add(entry.side, entry.account, units)

    def end(self, entry):
        self.move(entry, entry.held(self.top))
        self.entries.remove(entry)

    def answer(self, entry):
        still = entry.left if entry in self.entries else 0
        filled = entry.units - entry.left
        return (entry.number, filled, entry.value, entry.fee(), still, tuple(self.log))
