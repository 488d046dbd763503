"""The actors: providers that offer compute, and a market whose ledger pays them.

In each period, a second long, every provider sends its offer. Half a second into the period the
market is cleared: buyers pay each provider the price for what it offered, each provider pays its
cost to the power company, and all are told how much there was. What is offered too late is not
bought, and counts for nothing.
"""

from collections.abc import Callable

from economy.genesis import open_ledger
from economy.ledger import LedgerParameters
from economy.money import UnitsText, decode_units, encode_units
from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, Seconds, on
from scenarios.cournot_providers.demand import GRAINS, Demand
from scenarios.cournot_providers.strategies import BestReply, FictitiousPlay, Strategy

MARKET = "market"
BUYERS = "buyers"
POWER = "power"
PERIOD_S: Seconds = 1.0
CLEARS_S: Seconds = 0.5
LINK_S: Seconds = 0.1
DRAW_BITS = 64


class Offer(Message, frozen=True):
    """What the sender offers in a period, in grains."""

    period: int
    grains: UnitsText


class MarketCleared(Message, frozen=True):
    """What all offered together in a period, in grains, and the price for one, in units."""

    period: int
    total_grains: UnitsText
    price_units: UnitsText


class PeriodClosed(Fact, frozen=True):
    """A period is over, everyone was paid, and everything added up.

    Attributes:
        period: its number, from 1.
        offers_grains: of each provider.
        price_units: for one.
        balances_units: of each provider, afterwards.
        supply_units: minted less burned; `owned_units` what all accounts hold, recounted.
        discrepancy: what the audit found wrong, or empty.
    """

    period: int
    offers_grains: tuple[UnitsText, ...]
    price_units: UnitsText
    balances_units: tuple[UnitsText, ...]
    supply_units: UnitsText
    owned_units: UnitsText
    discrepancy: str


class Provider(Actor):
    """Someone who offers compute.

    Args:
        demand: of the market.
        strategy: makes its strategy, given a first offer in grains.
    """

    def __init__(self, demand: Demand, strategy: Callable[[int], Strategy]) -> None:
        self.demand = demand
        self.make_strategy = strategy
        self.strategy: Strategy | None = None
        self.period = 0
        self.offered_grains = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Begin anywhere from nothing to the offer at which n such leave no margin."""
        demand = self.demand
        margin = (demand.intercept_units - demand.cost_units) * GRAINS
        most_grains = margin // (demand.slope_units * demand.providers)
        first_grains = ctx.rng.getrandbits(DRAW_BITS) * most_grains >> DRAW_BITS
        self.strategy = self.make_strategy(first_grains)
        ctx.set_timer("offer", PERIOD_S)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Offer."""
        ctx.set_timer("offer", PERIOD_S)
        assert self.strategy is not None, "a timer fires after the start"
        self.period += 1
        self.offered_grains = self.strategy.offer()
        ctx.send(MARKET, Offer(self.period, encode_units(self.offered_grains)))

    @on(MarketCleared)
    def cleared(self, ctx: Context, sender: PeerId, message: MarketCleared) -> None:
        """Learn what others offered."""
        if self.strategy is not None and message.period == self.period:
            total_grains = decode_units(message.total_grains)
            self.strategy.learn(max(0, total_grains - self.offered_grains))


class Market(Actor):
    """Clears the market.

    Args:
        demand: what buyers pay.
        names: of the providers.
        periods: for so many there is money.
    """

    def __init__(self, demand: Demand, names: tuple[PeerId, ...], periods: int) -> None:
        self.demand = demand
        self.names = names
        owned = genesis(demand, names, periods)
        total = sum(owned.values())
        self.ledger = open_ledger(owned, LedgerParameters(cap_units=total, genesis_units=total))
        self.periods = periods
        self.period = 0
        self.offers: dict[PeerId, int] = {}

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Wait for the first period."""
        ctx.set_timer("clear", PERIOD_S + CLEARS_S)

    @on(Offer)
    def offered(self, ctx: Context, sender: PeerId, message: Offer) -> None:
        """Take an offer for this period."""
        if message.period == self.period + 1:
            self.offers[sender] = decode_units(message.grains)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Clear the market."""
        offers, self.offers = self.offers, {}
        self.period += 1
        if self.period < self.periods:
            ctx.set_timer("clear", PERIOD_S)
        total_grains = sum(offers.values())
        for provider in self.names:
            self.pay(provider, offers.get(provider, 0), total_grains)
        price = encode_units(self.demand.price(total_grains))
        ctx.broadcast(MarketCleared(self.period, encode_units(total_grains), price), self.names)
        ctx.emit(self.closed(offers, price))

    def pay(self, provider: PeerId, offer_grains: int, total_grains: int) -> None:
        """Pay a provider for its offer, and have it pay its cost."""
        for payer, payee, units in (
            (BUYERS, provider, self.demand.revenue(offer_grains, total_grains)),
            (provider, POWER, self.demand.cost(offer_grains)),
        ):
            if units:
                refusal = self.ledger.transfer(payer, payee, units)
                assert refusal is None, f"{payer} has enough for all periods, yet {refusal}"

    def closed(self, offers: dict[PeerId, int], price_units: UnitsText) -> PeriodClosed:
        """Add everything up."""
        totals, balances = self.ledger.recount(), self.ledger.balances
        return PeriodClosed(
            period=self.period,
            offers_grains=tuple(encode_units(offers.get(name, 0)) for name in self.names),
            price_units=price_units,
            balances_units=tuple(encode_units(balances.get(name, 0)) for name in self.names),
            supply_units=encode_units(totals.supply_units),
            owned_units=encode_units(totals.balances_units),
            discrepancy=self.ledger.audit() or "",
        )


def genesis(demand: Demand, names: tuple[PeerId, ...], periods: int) -> dict[PeerId, int]:
    """What everyone owns at first: enough to pay whatever is offered, in each period.

    Nobody offers more than the best reply to nothing, nor more than the most it begins with; both
    are at most (a − c)/(2b). Buyers pay at most a · a/b, more than any p Q.
    """
    most_grains = demand.best_reply(0) + 1
    dearest_units = demand.intercept_units**2 // demand.slope_units + 1
    owned = dict.fromkeys(names, periods * demand.cost(most_grains) + periods)
    return {BUYERS: periods * dearest_units, **owned}


def rival(demand: Demand, inertia_ppm: int | None) -> Callable[[int], Strategy]:
    """What makes a rival: with inertia, or one that plays fictitiously if there is none."""
    if inertia_ppm is None:
        return lambda first: FictitiousPlay(demand, first)
    return lambda first: BestReply(demand, first, inertia_ppm)
