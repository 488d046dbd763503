"""A second, naive house of sealed-bid auctions: everything is a list, and sorting decides.

It shares the refusals and the price rules with the real one. Bids are never hashed: the test hands
over what was sealed, and the reference remembers it.
"""

from economy.refusals import Refusal
from economy.sealed_bids import PriceRule


class ReferenceAuctions:
    def __init__(self, parameters, cap_units, max_hold_ms, balances):
        self.figures = parameters
        self.cap_units = cap_units
        self.max_hold_ms = max_hold_ms
        self.money = dict(balances)
        self.auctions = []

    def pay(self, account, units):
        self.money[account] = self.money.get(account, 0) + units

    def take(self, account, units):
        if self.money.get(account, 0) < units:
            return Refusal.INSUFFICIENT_FUNDS
        self.money[account] -= units
        return None

    def open(self, seller, rule, reserve, deposit, commit_until_ms, reveal_until_ms, now_ms):
        if reserve <= 0 or deposit <= 0:
            return Refusal.INVALID_AMOUNT
        if reserve > self.cap_units or deposit > self.cap_units:
            return Refusal.OUT_OF_RANGE
        if commit_until_ms <= now_ms or reveal_until_ms <= commit_until_ms:
            return Refusal.EXPIRY_PAST
        if reveal_until_ms + self.figures.grace_ms > now_ms + self.max_hold_ms:
            return Refusal.EXPIRY_TOO_FAR
        self.auctions.append(
            {
                "seller": seller,
                "rule": rule,
                "reserve": reserve,
                "deposit": deposit,
                "ends": (commit_until_ms, reveal_until_ms),
                "state": "open",
                "bids": [],
                "winner": None,
            }
        )
        return len(self.auctions)

    def find(self, number):
        if not 1 <= number <= len(self.auctions):
            return Refusal.UNKNOWN_AUCTION
        auction = self.auctions[number - 1]
        return auction if auction["state"] == "open" else Refusal.WRONG_STATE

    def mine(self, auction, bidder):
        return next((bid for bid in auction["bids"] if bid["bidder"] == bidder), None)

    def commit(self, number, bidder, sealed, now_ms):
        auction = self.find(number)
        if isinstance(auction, Refusal):
            return auction
        if now_ms >= auction["ends"][0]:
            return Refusal.TOO_LATE
        if bidder == auction["seller"]:
            return Refusal.SAME_ACCOUNT
        if self.mine(auction, bidder):
            return Refusal.ALREADY_COMMITTED
        if len(auction["bids"]) == self.figures.most_bids:
            return Refusal.NO_CAPACITY
        refusal = self.take(bidder, auction["deposit"])
        if refusal is None:
            bid = {"bidder": bidder, "sealed": sealed, "amount": None}
            auction["bids"].append(bid | {"deposit": auction["deposit"], "held": 0})
        return refusal

    def reveal(self, number, bidder, opened, now_ms):
        """`opened` is the amount and the nonce, as `sealed` was."""
        auction = self.find(number)
        if isinstance(auction, Refusal):
            return auction
        if now_ms < auction["ends"][0]:
            return Refusal.TOO_EARLY
        if now_ms >= auction["ends"][1]:
            return Refusal.TOO_LATE
        bid = self.mine(auction, bidder)
        if bid is None:
            return Refusal.NO_COMMITMENT
        if bid["amount"] is not None:
            return Refusal.WRONG_STATE
        amount, nonce = opened
        if amount <= 0:
            return Refusal.INVALID_AMOUNT
        if len(nonce) not in range(16, 65):
            return Refusal.OUT_OF_RANGE
        if bid["sealed"] != (number, bidder, *opened):
            return Refusal.COMMITMENT_MISMATCH
        if amount >= auction["reserve"]:
            refusal = self.take(bidder, amount)
            if refusal is not None:
                return refusal
            bid["held"] = amount
        bid["amount"] = amount
        return None

    def expire(self, now_ms):
        """What the ledger does by itself."""
        for auction in self.auctions:
            if auction["ends"][1] + self.figures.grace_ms <= now_ms:
                for bid in auction["bids"]:
                    self.pay(bid["bidder"], bid["deposit"] + bid["held"])
                    bid |= {"deposit": 0, "held": 0}
                    auction["ran out"] = True

    def advance(self, now_ms):
        due = sorted(
            (auction["ends"][1], number)
            for number, auction in enumerate(self.auctions, 1)
            if auction["state"] == "open" and auction["ends"][1] <= now_ms
        )
        for _, number in due:
            self.settle(self.auctions[number - 1])
        return [number for _, number in due]

    def settle(self, auction):
        if auction.get("ran out"):
            auction["state"] = "lapsed"
            return
        # Sorting is stable, so among equal bids the first to commit stays in front.
        ranked = sorted((b for b in auction["bids"] if b["held"]), key=lambda b: -b["held"])
        auction["state"] = "sold" if ranked else "unsold"
        if ranked:
            paying = [auction["reserve"], *(bid["held"] for bid in ranked[1:])]
            first = auction["rule"] is PriceRule.FIRST
            price = ranked[0]["held"] if first else max(paying)
            ranked[0]["held"] -= price
            self.pay(auction["seller"], price)
            auction["winner"] = (ranked[0]["bidder"], price)
        for bid in auction["bids"]:
            opened = bid["amount"] is not None
            self.pay(bid["bidder"], bid["held"])
            self.pay(bid["bidder"] if opened else self.figures.forfeits, bid["deposit"])
            bid |= {"deposit": 0, "held": 0}
