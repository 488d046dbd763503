"""A second, naive marketplace: money in fractions of a price, time-outs found by looking at all.

It shares the refusals, the price laws and the enumerations with the marketplace, and no arithmetic,
no book-keeping and no queue. Shares are rounded half up, which is what largest remainders means for
two; demand is counted from the log of who used what from when to when.
"""

from fractions import Fraction
from math import ceil, floor

from economy.listings import RentalKind
from economy.price_models import HOUR_MS, Conditions, multiplier
from economy.refusals import Refusal

MILLION = 10**6


def half_up(amount):
    return floor(amount + Fraction(1, 2))


class ReferenceMarketplace:
    def __init__(self, parameters, cap_units, max_hold_ms, balances):
        self.figures = parameters
        self.cap_units = cap_units
        self.max_hold_ms = max_hold_ms
        self.money = dict(balances)
        self.offers = []
        self.rentals = []

    # --- arithmetic -------------------------------------------------------------------------

    def fee(self, price):
        if price == 0:
            return 0
        return ceil(Fraction(price * self.figures.fee_ppm, MILLION)) + self.figures.fee_flat_units

    def sellers(self, price):
        return half_up(Fraction(price * self.figures.seller_ppm, MILLION))

    def held_back(self, price):
        return half_up(Fraction(price * self.figures.retained_ppm, MILLION))

    def pay(self, account, units):
        assert units >= 0
        self.money[account] = self.money.get(account, 0) + units

    # --- demand -----------------------------------------------------------------------------

    def uses_of(self, offer):
        return [rental["use"] for rental in self.rentals if rental["offer"] is offer]

    def in_use(self, offer):
        return sum(end is None for _, end in self.uses_of(offer))

    def unit_price(self, offer, now_ms):
        width, terms = self.figures.window_ms, offer["terms"]
        window = now_ms // width
        uses = [(a // width, None if b is None else b // width) for a, b in self.uses_of(offer)]
        first = max(offer["window"], window - self.figures.windows)
        recent = [
            sum(start <= earlier and (end is None or end > earlier) for start, end in uses)
            for earlier in range(first, window)
        ]
        in_use = self.in_use(offer)
        conditions = Conditions(
            in_use,
            terms.capacity,
            sum(start == window for start, _ in uses),
            terms.capacity - in_use,
            tuple(recent),
        )
        clock = now_ms if terms.follows_clock else None
        factor = multiplier(terms.model, conditions, self.figures.prices, clock)
        return ceil(terms.base_units * factor)

    # --- operations -------------------------------------------------------------------------

    def offer(self, seller, terms, now_ms):
        if seller.startswith(self.figures.name + "/"):
            return Refusal.RESERVED_ACCOUNT
        if seller == self.figures.arbiter:
            return Refusal.NOT_AUTHORISED
        if terms.base_units < 1:
            return Refusal.INVALID_AMOUNT
        if terms.base_units > self.cap_units or terms.capacity < 1 or terms.period_ms < 1:
            return Refusal.OUT_OF_RANGE
        fee = self.figures.listing_fee_units
        if self.money.get(seller, 0) < fee:
            return Refusal.INSUFFICIENT_FUNDS
        self.pay(self.figures.platform, fee)
        self.money[seller] -= fee
        window = now_ms // self.figures.window_ms
        self.offers.append(
            {"seller": seller, "terms": terms, "open": True, "window": window, "stars": []}
            | {"undelivered": 0}
        )
        return len(self.offers)

    def withdraw(self, number, seller):
        if not 1 <= number <= len(self.offers):
            return Refusal.UNKNOWN_LISTING
        if self.offers[number - 1]["seller"] != seller:
            return Refusal.NOT_AUTHORISED
        self.offers[number - 1]["open"] = False
        return None

    def rent(self, number, buyer, quantity, limit_units, now_ms):
        if not 1 <= number <= len(self.offers):
            return Refusal.UNKNOWN_LISTING
        if not 1 <= quantity <= 10**9:
            return Refusal.OUT_OF_RANGE
        offer = self.offers[number - 1]
        if not offer["open"]:
            return Refusal.LISTING_CLOSED
        if offer["seller"] == buyer:
            return Refusal.SAME_ACCOUNT
        if self.in_use(offer) >= offer["terms"].capacity:
            return Refusal.NO_CAPACITY
        if buyer.startswith(self.figures.name + "/"):
            return Refusal.RESERVED_ACCOUNT
        if buyer == self.figures.arbiter:
            return Refusal.NOT_AUTHORISED
        periodic = offer["terms"].kind is RentalKind.SUBSCRIPTION
        unit, count = self.unit_price(offer, now_ms), 1 if periodic else quantity
        if unit * count + self.fee(unit * count) > limit_units:
            return Refusal.SLIPPAGE
        return self.open(offer, buyer, unit, count, quantity - 1 if periodic else 0, now_ms)

    def open(self, offer, buyer, unit, count, periods, now_ms, renewed=False):
        figures, kind = self.figures, offer["terms"].kind
        price = unit * count
        until = now_ms + figures.review_ms + figures.decision_ms + figures.grace_ms
        if not renewed:
            run = {RentalKind.HOURLY: count * HOUR_MS, RentalKind.USAGE: figures.usage_ms}
            until += figures.delivery_ms + run.get(kind, 0)
        if until - now_ms > self.max_hold_ms:
            return Refusal.EXPIRY_TOO_FAR
        if self.money.get(buyer, 0) < price + self.fee(price):
            return Refusal.INSUFFICIENT_FUNDS
        self.money[buyer] -= price + self.fee(price)
        self.rentals.append(
            {
                "offer": offer,
                "buyer": buyer,
                "unit": unit,
                "count": count,
                "metered": 1 if renewed else 0,
                "escrow": price + self.fee(price),
                "until": until,
                "kept": 0,
                "state": "review" if renewed else "reserved",
                "deadline": now_ms + (figures.review_ms if renewed else figures.delivery_ms),
                "start": now_ms,
                "ends": now_ms + offer["terms"].period_ms if renewed else None,
                "periods": periods,
                "use": [now_ms, None],
                "stars": 0,
            }
        )
        return len(self.rentals)

    def find(self, number, now_ms, *states, buyer=None, seller=None):
        if not 1 <= number <= len(self.rentals):
            return Refusal.UNKNOWN_RENTAL
        rental = self.rentals[number - 1]
        if buyer not in (None, rental["buyer"]) or seller not in (None, rental["offer"]["seller"]):
            return Refusal.NOT_AUTHORISED
        if states and rental["state"] not in states:
            return Refusal.WRONG_STATE
        if states and now_ms >= rental["deadline"]:
            return Refusal.TOO_LATE
        return rental

    def deliver(self, number, seller, now_ms):
        rental = self.find(number, now_ms, "reserved", seller=seller)
        if isinstance(rental, Refusal):
            return rental
        terms = rental["offer"]["terms"]
        rental["start"] = now_ms
        if terms.kind is RentalKind.HOURLY:
            rental |= {"state": "running", "deadline": now_ms + rental["count"] * HOUR_MS}
        elif terms.kind is RentalKind.USAGE:
            rental |= {"state": "running", "deadline": now_ms + self.figures.usage_ms}
        else:
            rental["metered"] = rental["count"]
            rental |= {"state": "review", "deadline": now_ms + self.figures.review_ms}
            if terms.kind is RentalKind.SUBSCRIPTION:
                rental["ends"] = now_ms + terms.period_ms
            else:
                rental["use"][1] = now_ms
        return None

    def decline(self, number, seller, now_ms):
        rental = self.find(number, now_ms, "reserved", seller=seller)
        return rental if isinstance(rental, Refusal) else self.settle(rental, 0, now_ms)

    def meter(self, number, seller, quantity, now_ms):
        rental = self.find(number, now_ms, "running", seller=seller)
        if isinstance(rental, Refusal):
            return rental
        if rental["offer"]["terms"].kind is not RentalKind.USAGE:
            return Refusal.WRONG_STATE
        if quantity < 1:
            return Refusal.OUT_OF_RANGE
        if rental["metered"] + quantity > rental["count"]:
            return Refusal.METER_EXCEEDED
        rental["metered"] += quantity
        return None

    def finish(self, number, party, now_ms):
        rental = self.find(number, now_ms, "running")
        if isinstance(rental, Refusal):
            return rental
        if party not in (rental["buyer"], rental["offer"]["seller"]):
            return Refusal.NOT_AUTHORISED
        return self.stop(rental, now_ms)

    def stop(self, rental, now_ms):
        if rental["offer"]["terms"].kind is RentalKind.HOURLY:
            hours = ceil(Fraction(now_ms - rental["start"], HOUR_MS))
            rental["metered"] = min(max(hours, 1), rental["count"])
        rental |= {"state": "review", "deadline": now_ms + self.figures.review_ms}
        rental["use"][1] = now_ms

    def confirm(self, number, buyer, now_ms):
        rental = self.find(number, now_ms, "review", buyer=buyer)
        return rental if isinstance(rental, Refusal) else self.accept(rental, now_ms)

    def accept(self, rental, now_ms):
        price = rental["unit"] * rental["metered"]
        kept = self.held_back(price)
        rental["kept"] = kept
        self.distribute(rental, price - kept, self.fee(price), kept)
        if kept:
            rental |= {"state": "retained", "deadline": now_ms + self.figures.retention_ms}
        else:
            rental |= {"state": "settled", "deadline": None}

    def distribute(self, rental, price, fee, kept):
        """Empty the escrow: the price is shared, the rest is the buyer's."""
        share = self.sellers(price)
        self.pay(rental["offer"]["seller"], share)
        self.pay(self.figures.platform, price - share + fee)
        self.pay(rental["buyer"], rental["escrow"] - price - fee - kept)
        rental["escrow"] = 0

    def settle(self, rental, price, now_ms):
        self.distribute(rental, price, self.fee(price), 0)
        rental |= {"state": "settled" if price else "refunded", "deadline": None}
        if not price and rental["use"][1] is None:
            rental["use"][1] = now_ms

    def dispute(self, number, buyer, now_ms):
        rental = self.find(number, now_ms, "review", "retained", buyer=buyer)
        if isinstance(rental, Refusal):
            return rental
        rental |= {"state": "disputed", "deadline": now_ms + self.figures.decision_ms}
        return None

    def decide(self, number, arbiter, award_ppm, now_ms):
        rental = self.find(number, now_ms, "disputed")
        if isinstance(rental, Refusal):
            return rental
        if arbiter != self.figures.arbiter:
            return Refusal.NOT_AUTHORISED
        if not 0 <= award_ppm <= MILLION:
            return Refusal.OUT_OF_RANGE
        return self.rule(rental, award_ppm, now_ms)

    def rule(self, rental, award_ppm, now_ms):
        price, kept = rental["unit"] * rental["metered"], rental["kept"]
        if not kept:
            return self.settle(rental, half_up(Fraction(price * award_ppm, MILLION)), now_ms)
        awarded = half_up(Fraction(kept * award_ppm, MILLION))
        share = self.sellers(price - kept + awarded) - self.sellers(price - kept)
        self.pay(rental["offer"]["seller"], share)
        self.pay(self.figures.platform, awarded - share)
        self.pay(rental["buyer"], kept - awarded)
        rental |= {"state": "settled", "deadline": None, "kept": 0}
        return None

    def cancel_renewal(self, number, buyer):
        rental = self.find(number, 0, buyer=buyer)
        if isinstance(rental, Refusal):
            return rental
        if not rental["periods"]:
            return Refusal.WRONG_STATE
        rental["periods"] = 0
        return None

    def rate(self, number, buyer, stars):
        rental = self.find(number, 0, buyer=buyer)
        if isinstance(rental, Refusal):
            return rental
        if stars not in range(1, 6):
            return Refusal.OUT_OF_RANGE
        if rental["stars"]:
            return Refusal.ALREADY_RATED
        if rental["state"] not in ("retained", "settled", "refunded"):
            return Refusal.WRONG_STATE
        rental["stars"] = stars
        rental["offer"]["stars"].append(stars)
        return None

    # --- time -------------------------------------------------------------------------------

    def expire(self, now_ms):
        """What the ledger does by itself."""
        for rental in self.rentals:
            if rental["escrow"] and rental["until"] <= now_ms:
                self.pay(rental["buyer"], rental["escrow"])
                rental |= {"escrow": 0, "lapsed": True}

    def advance(self, now_ms):
        moved = []
        while True:
            due = [(r["deadline"], n, 0) for n, r in enumerate(self.rentals) if r["deadline"]]
            due += [
                (r["ends"], n, 1)
                for n, r in enumerate(self.rentals)
                if r["ends"] is not None and r["use"][1] is None
            ]
            if not due or min(due)[0] > now_ms:
                return moved
            at_ms, index, is_period = min(due)
            moved.append(index + 1)
            if is_period:
                self.end_period(self.rentals[index], at_ms)
            else:
                self.time_out(self.rentals[index], at_ms)

    def time_out(self, rental, at_ms):
        if rental.get("lapsed"):
            rental |= {"state": "refunded", "deadline": None}
            if rental["use"][1] is None:
                rental["use"][1] = at_ms
        elif rental["state"] == "reserved":
            rental["offer"]["undelivered"] += 1
            self.settle(rental, 0, at_ms)
        elif rental["state"] == "running":
            self.stop(rental, at_ms)
        elif rental["state"] == "review":
            self.accept(rental, at_ms)
        elif rental["state"] == "retained":
            self.rule(rental, MILLION, at_ms)
        else:
            self.rule(rental, self.figures.default_award_ppm, at_ms)

    def end_period(self, rental, at_ms):
        rental["use"][1] = at_ms
        if rental["periods"] and rental["offer"]["open"] and rental["state"] != "disputed":
            self.open(
                rental["offer"],
                rental["buyer"],
                rental["unit"],
                1,
                rental["periods"] - 1,
                at_ms,
                renewed=True,
            )
