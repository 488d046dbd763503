"""A continuous double auction of one asset against FTNS, which settles every trade as it happens.

The traded asset (compute-hours, shares of a model) is counted in whole units by a second `Ledger`.
One ledger is one asset, so no sum can ever mix two of them, and conservation, audit, history and
digest of the asset are the ledger's own and need no second implementation.

An incoming order trades with the best resting orders, at *their* price, as long as it accepts it;
what is left rests, if its kind does (price–time priority; Harris, "Trading and Exchanges", ch. 6).
So the book is never crossed between two calls. What an order may have to give is in escrow from the
moment it is accepted (see `orders`), and no step of a trade can fail. Both legs of a trade are
booked in the same call, so nobody ever waits for the other side to deliver, and there is nothing to
dispute (what no ledger can see is traded through `delivery`). Escrow that a limit order no longer
needs, because it traded at a better price or as a maker, goes back at once, hence what an open
order holds is always exactly what it needs.

When an account meets itself, the resting order is cancelled (or the incoming one, see
`SelfTrade`): such a trade would move nothing but the published price. Lowering the size of a
resting order keeps its place; any other change enters it anew, behind all others.

Time passes first: every call first cancels the orders that are due by then, whatever it answers
afterwards. A refused call has changed nothing else.

Payouts that a ledger refuses, because the account was closed meanwhile, are kept as a claim of that
account. A trade never depends on whether a third party can be paid.
"""

from collections import deque

import msgspec

from economy.accounts import is_account_of
from economy.exchange_books import ExchangeBooks, restore_books
from economy.ledger import Ledger
from economy.order_book import reached
from economy.orders import (
    DORMANT,
    IMMEDIATE,
    ExchangeParameters,
    Most,
    Order,
    OrderKind,
    OrderRequest,
    SelfTrade,
    Side,
    order_of,
    why_malformed,
    why_not_amended,
)
from economy.refusals import Refusal
from economy.trades import Placed, Trade, placed
from prsm_sim.actor import RemoteProtocolError


class Exchange:
    """One market. Its methods answer a `Refusal`, or that they did it.

    Args:
        money: the FTNS ledger.
        asset: the ledger of what is traded, another one.
        parameters: the figures.
        name: prefix of its accounts, ``name/escrow`` in both ledgers and ``name/fees`` in `money`;
            no two mechanisms on one ledger may share it.

    Attributes:
        books: open orders, claims and statistics. Read them, do not write them.
    """

    def __init__(
        self,
        money: Ledger,
        asset: Ledger,
        parameters: ExchangeParameters | None = None,
        name: str = "exchange",
    ) -> None:
        assert money is not asset, "the traded asset is booked in a ledger of its own"
        self.money = money
        self.asset = asset
        self.parameters = ExchangeParameters() if parameters is None else parameters
        self.name = name
        self.escrow_account = f"{name}/escrow"
        self.fees_account = f"{name}/fees"
        self.books = ExchangeBooks()
        self._most = Most(asset.parameters.cap_units, money.parameters.cap_units)

    # --- what traders do --------------------------------------------------------------------

    def submit(self, request: OrderRequest, now_ms: int) -> Placed | Refusal:
        """Enter an order: it trades, rests or waits, as its kind says.

        Args:
            request: what is asked for; its account was authenticated by the caller.
            now_ms: ledger time.
        """
        self.expire(now_ms)
        if is_account_of(request.account, self.name):
            return Refusal.RESERVED_ACCOUNT
        refusal = why_malformed(request, self.parameters, self._most, now_ms)
        if refusal is not None:
            return refusal
        order = order_of(request, self.books.next_number, self.parameters.top_fee_ppm)
        refusal = self._bar(order) or self._collect(order, order.escrow_units)
        if refusal is not None:
            return refusal
        self.books.admit(order)
        last_units = self.books.statistics.last_price_units
        if order.kind in DORMANT:
            if not (last_units and reached(order, last_units)):
                self.books.stops.add(order)
                return placed(order, ())
            order.awaken()
        return self._run(order)

    def cancel(self, account: str, number: int, now_ms: int) -> Refusal | None:
        """End an open order; what it holds in escrow goes back to its account."""
        self.expire(now_ms)
        order = self.books.orders.get(number)
        if order is None:
            return Refusal.UNKNOWN_ORDER
        if order.account != account:
            return Refusal.NOT_AUTHORISED
        self._close(order)
        return None

    def amend(
        self, account: str, number: int, units: int, price_units: int, now_ms: int
    ) -> Placed | Refusal:
        """Change the size and price of a resting order.

        Args:
            account: whose order it must be.
            number: the order.
            units: what it shall ask for in all, counting what was traded already; so a fill that
                comes in between cannot make it trade more than was meant. If that much was traded
                already, the order ends.
            price_units: its limit.
            now_ms: ledger time.
        """
        self.expire(now_ms)
        order = self.books.orders.get(number)
        if order is None:
            return Refusal.UNKNOWN_ORDER
        if order.account != account:
            return Refusal.NOT_AUTHORISED
        refusal = why_not_amended(order, units, price_units, self.parameters, self._most)
        if refusal is not None:
            return refusal
        if units <= order.filled_units:
            self._close(order)
            return placed(order, ())
        if price_units == order.price_units and units <= order.units:
            self.books.resting.shrink(order, units)
            self._release_surplus(order)
            return placed(order, ())
        amended = msgspec.structs.replace(order, units=units, price_units=price_units)
        needed_units = amended.needed_units(self.parameters.top_fee_ppm)
        refusal = self._bar(amended) or self._collect(order, needed_units - order.escrow_units)
        if refusal is not None:
            return refusal
        self.books.resting.remove(order)
        order.units, order.price_units = units, price_units
        order.escrow_units = max(order.escrow_units, needed_units)
        self._release_surplus(order)
        return self._run(order)

    def expire(self, now_ms: int) -> list[int]:
        """Cancel all orders due by `now_ms`; returns their numbers, the first due first."""
        expired = []
        while (order := self.books.next_due(now_ms)) is not None:
            expired.append(order.number)
            self._close(order)
        return expired

    def claim(self, account: str, payee: str, now_ms: int) -> Refusal | None:
        """Pay to `payee` what was kept for `account` because a ledger refused to pay it."""
        self.expire(now_ms)
        answers = [
            self.books.claims[side].collect(ledger, self.escrow_account, account, payee)
            for side, ledger in ((Side.BUY, self.money), (Side.SELL, self.asset))
        ]
        return None if None in answers else Refusal.NOTHING_TO_CLAIM

    # --- matching ---------------------------------------------------------------------------

    def _bar(self, order: Order) -> Refusal | None:
        """Why an order may not enter the book as it is now, or None."""
        if order.kind is OrderKind.POST_ONLY and self.books.resting.would_trade(order):
            return Refusal.WOULD_CROSS
        if order.kind is OrderKind.FILL_OR_KILL:
            stop_at_own = self.parameters.self_trade is SelfTrade.CANCEL_NEWEST
            if self.books.resting.fillable_units(order, stop_at_own) < order.left_units:
                return Refusal.NOT_FILLABLE
        return None

    def _run(self, order: Order) -> Placed:
        """Let an order trade, and then, in turn, the stop orders that its trades wake."""
        trades: list[Trade] = []
        awake = deque([order])
        while awake:
            taker = awake.popleft()
            self._match(taker, trades, awake)
            if not taker.left_units or taker.kind in IMMEDIATE:
                self._close(taker)
            elif taker.number in self.books.orders:
                self.books.resting.enter(taker)
        return placed(order, tuple(trades))

    def _match(self, taker: Order, trades: list[Trade], awake: deque[Order]) -> None:
        while taker.left_units and self.books.resting.would_trade(taker):
            maker = self.books.resting.best(taker.side.opposite)
            assert maker is not None, "an order that would trade has a partner"
            if maker.account == taker.account:
                if self.parameters.self_trade is SelfTrade.CANCEL_NEWEST:
                    self._close(taker)
                    return
                self._close(maker)
                continue
            units = min(taker.left_units, maker.visible_units)
            if taker.side is Side.BUY:
                fee_ppm = self.parameters.taker_fee_ppm
                units = min(units, taker.affordable_units(maker.price_units, fee_ppm))
                if not units:
                    assert taker.kind is OrderKind.MARKET, "a limit order affords what it asks for"
                    return
            trade = self._settle(maker, taker, units)
            trades.append(trade)
            self.books.statistics = self.books.statistics.after(trade)
            for number in self.books.stops.wake(trade.price_units):
                woken = self.books.orders[number]
                woken.awaken()
                awake.append(woken)

    def _settle(self, maker: Order, taker: Order, units: int) -> Trade:
        """Book both legs of a trade and its fees, out of the two escrows."""
        price_units = maker.price_units
        value_units = price_units * units
        taker.filled_units += units
        self.books.resting.fill(maker, units)
        maker_fee_units = maker.charge(value_units, self.parameters.maker_fee_ppm)
        taker_fee_units = taker.charge(value_units, self.parameters.taker_fee_ppm)
        if maker.side is Side.BUY:
            buyer, seller, fees = maker, taker, (maker_fee_units, taker_fee_units)
        else:
            buyer, seller, fees = taker, maker, (taker_fee_units, maker_fee_units)
        buyer.escrow_units -= value_units + fees[0]
        seller.escrow_units -= units
        assert buyer.escrow_units >= 0 <= seller.escrow_units, "an order brings what it gives"
        self._pay(Side.SELL, buyer.account, units)
        self._pay(Side.BUY, seller.account, value_units - fees[1])
        self._pay(Side.BUY, self.fees_account, sum(fees))
        self._release_surplus(buyer)
        if not maker.left_units:
            self._close(maker)
        return Trade(
            maker=maker.number,
            taker=taker.number,
            buyer=buyer.account,
            seller=seller.account,
            price_units=price_units,
            units=units,
            buyer_fee_units=fees[0],
            seller_fee_units=fees[1],
        )

    # --- escrow -----------------------------------------------------------------------------

    def _collect(self, order: Order, units: int) -> Refusal | None:
        """Bring `units` more of what the order gives into escrow (nothing, if not positive)."""
        if units <= 0:
            return None
        return self._ledger(order.side).transfer(order.account, self.escrow_account, units)

    def _release_surplus(self, order: Order) -> None:
        """Return what an order holds and no longer needs."""
        surplus_units = order.escrow_units - order.needed_units(self.parameters.top_fee_ppm)
        order.escrow_units -= surplus_units
        self._pay(order.side, order.account, surplus_units)

    def _close(self, order: Order) -> None:
        """End an order, wherever it is, and return its escrow; ended already: nothing."""
        if self.books.dismiss(order):
            escrow_units, order.escrow_units = order.escrow_units, 0
            order.units = order.filled_units
            self._pay(order.side, order.account, escrow_units)

    def _pay(self, side: Side, account: str, units: int) -> None:
        """Pay out of escrow: money, or the asset for `SELL`."""
        self.books.claims[side].pay(self._ledger(side), self.escrow_account, account, units)

    def _ledger(self, side: Side) -> Ledger:
        """The ledger of what an order of this side gives."""
        return self.money if side is Side.BUY else self.asset

    # --- checking ---------------------------------------------------------------------------

    def audit(self) -> str | None:
        """Check books, escrow and ledgers from scratch; returns what is wrong, or None."""
        return self._why_unsound(self.books)

    def _why_unsound(self, books: ExchangeBooks) -> str | None:
        for side in Side:
            owed_units = books.owed_units(side)
            held_units = self._ledger(side).balances.get(self.escrow_account, 0)
            if held_units != owed_units:
                return f"escrow has {held_units} units, {side.value} orders hold {owed_units}"
        return books.audit(self.parameters.top_fee_ppm)

    def encode(self) -> bytes:
        """The whole state but the ledgers', as canonical bytes."""
        return self.books.encode()

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`; the ledgers were restored before.

        Raises:
            RemoteProtocolError: it is no sound state of an exchange on these ledgers. Nothing has
                changed then.
        """
        books = restore_books(encoded, self.parameters.top_fee_ppm)
        discrepancy = self._why_unsound(books)
        if discrepancy is not None:
            raise RemoteProtocolError(f"restored exchange: {discrepancy}")
        self.books = books
