"""Aiming: who could do something with what there is, so that random operations get anywhere.

For an operation on something that exists, `aim` looks into the machine for one, and says which
client has the right to it and what the operation must name. Amounts and choices stay random.
"""

from machine_operations import PEERS

from economy.desks.auctions_desk import AuctionsDesk
from economy.desks.delivery_desk import DeliveryDesk
from economy.desks.exchange_desk import ExchangeDesk
from economy.desks.futures_desk import FuturesDesk
from economy.desks.marketplace_desk import MarketplaceDesk
from economy.desks.staking_desk import StakingDesk
from economy.holds import HoldState
from economy.listings import RentalKind
from economy.rentals import ENDED, RentalState
from economy.sealed_auction_state import AuctionState

HOLDS = {
    "PostHold": ("hold/", "hold"),
    "VoidHold": ("hold/", "hold"),
    "SettleQuery": ("query/", "query"),
    "RefundQuery": ("query/", "query"),
    "MeterSession": ("context/", "session"),
    "ChargeSession": ("context/", "session"),
    "RefundSession": ("context/", "session"),
}
DELIVERIES = {
    "ReportDelivery": "seller",
    "ConfirmDelivery": "buyer",
    "DisputeDelivery": "buyer",
    "RuleDelivery": "arbiter",
}
OF_SELLERS = ("DeliverRental", "DeclineRental", "MeterRental", "FinishRental")
OF_BUYERS = ("ConfirmRental", "DisputeRental", "RateRental", "CancelRenewal")
STATES = {
    "DeliverRental": (RentalState.RESERVED,),
    "DeclineRental": (RentalState.RESERVED,),
    "MeterRental": (RentalState.RUNNING,),
    "FinishRental": (RentalState.RUNNING,),
    "ConfirmRental": (RentalState.REVIEW,),
    "DisputeRental": (RentalState.REVIEW, RentalState.RETAINED),
    "DecideDispute": (RentalState.DISPUTED,),
    "RateRental": (RentalState.RETAINED, *ENDED),
    "CancelRenewal": tuple(RentalState),
}


def aim(machine, kind, chance, now_ms):
    """A client and fields for an operation of this kind, or None if there is nothing to aim at."""
    name = kind.__name__
    if name in HOLDS:
        prefix, field = HOLDS[name]
        holds = [
            hold
            for hold in machine.ledger.book.holds.values()
            if hold.state is HoldState.PENDING and hold.name.startswith(prefix)
        ]
        hold = pick(chance, holds)
        return hold and (hold.arbiter, {field: hold.name.removeprefix(prefix)})
    if name in DELIVERIES:
        delivery = pick(chance, machine.desk(DeliveryDesk).deliveries.open.values())
        return delivery and (getattr(delivery, DELIVERIES[name]), {"number": delivery.number})
    if name == "Transfer" and chance.random() < 0.3:
        # Who gives everything away may close, and then cannot be paid what is owed.
        balance = machine.ledger.balances.get("erin")
        return balance and ("erin", {"units": str(balance), "payee": "bob"})
    if name == "CloseAccount":
        empty = [peer for peer in PEERS if peer not in machine.ledger.balances]
        return (pick(chance, empty), {}) if empty else None
    if name in STATES:
        return aim_at_rental(machine.desk(MarketplaceDesk).marketplace, name, chance)
    return aim_at_market(machine, name, chance, now_ms)


def pick(chance, things):
    """Any of them, or None; one made lately twice as often."""
    found = list(things)
    return chance.choice(found + found[-4:]) if found else None


def aim_at_rental(market, name, chance):
    found = [r for r in market.rentals.values() if r.state in STATES[name]]
    if name == "MeterRental":
        found = [r for r in found if market.listings[r.listing].terms.kind is RentalKind.USAGE]
    rental = pick(chance, found)
    if rental is None:
        return None
    seller = market.listings[rental.listing].seller
    of_buyer, of_seller = (rental.buyer,), (seller,)
    clients = of_seller if name in OF_SELLERS else of_buyer if name in OF_BUYERS else ("chief",)
    if name == "FinishRental":
        clients = of_buyer + of_seller
    return chance.choice(clients), {"number": rental.number}


def aim_at_market(machine, name, chance, now_ms):
    if name in ("RelockBond", "UnbondStake", "WithdrawStake"):
        stakes = machine.desk(StakingDesk).staking.books.stakes
        owner = pick(chance, stakes)
        bond = pick(chance, stakes[owner].bonds) if owner else None
        return None if bond is None else (owner, {"number": bond})
    if name in ("AcceptFutures", "WithdrawOffer"):
        offer = pick(chance, machine.desk(FuturesDesk).offers.open.values())
        if offer is None:
            return None
        taker = offer.counterparty or chance.choice(("alice", "bob", "carol", "dave"))
        return offer.account if name == "WithdrawOffer" else taker, {"number": offer.number}
    if name in ("OfferFutures", "MarkSeries", "DepositMargin", "WithdrawMargin"):
        series = machine.desk(FuturesDesk).futures.series.values()
        is_mark = name == "MarkSeries"
        one = pick(chance, [s for s in series if not s.settled and (is_mark or s.positions)])
        if one is None:
            return None
        holder = pick(chance, one.positions)
        return "chief" if is_mark else holder, {"series": one.name}
    if name in ("CommitBid", "RevealBid"):
        auctions = machine.desk(AuctionsDesk).auctions.auctions.values()
        is_reveal = name == "RevealBid"
        auction = pick(
            chance,
            [
                a
                for a in auctions
                if a.state is AuctionState.OPEN and (now_ms >= a.commit_until_ms) == is_reveal
            ],
        )
        if auction is None:
            return None
        bidder = pick(chance, auction.bids) if is_reveal else pick(chance, ("alice", "bob", "dave"))
        return None if bidder is None else (bidder, {"number": auction.number})
    if name in ("CancelOrder", "AmendOrder"):
        order = pick(chance, machine.desk(ExchangeDesk).exchange.books.orders.values())
        return order and (order.account, {"number": order.number})
    if name == "RentListing":
        listings = machine.desk(MarketplaceDesk).marketplace.listings.values()
        listing = pick(chance, [one for one in listings if one.is_open])
        return listing and (pick(chance, ("alice", "bob", "dave")), {"listing": listing.number})
    return None
