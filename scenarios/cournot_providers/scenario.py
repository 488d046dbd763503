"""Providers of compute in Cournot competition, and whether their cartel holds.

The question: what does compute cost, if those who offer it know that their offers move the price?
The null hypothesis for rivals is Cournot's: although none of them computes an equilibrium, they
come to offer (a − c)/(b (n + 1)) each, at the price (a + n c)/(n + 1), however they began. The null
hypothesis for a cartel that punishes betrayal for ever is Friedman's: it holds exactly if the
discount factor is at least (n + 1)²/((n + 1)² + 4n). With profits π_b of betrayal, π_c of a share
and π_r of rivals, betrayal earns π_b now and π_r ever after, so it does not pay if π_c/(1 − δ) ≥
π_b + δ π_r/(1 − δ), that is δ ≥ (π_b − π_c)/(π_b − π_r). `prsm validate economy` tests both.
"""

from functools import partial

from economy.money import UNITS_PER_FTNS
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.checker import Always
from prsm_sim.network import Latency, Network
from prsm_sim.scenario import scenario
from prsm_sim.world import World
from scenarios.cournot_providers.demand import GRAINS, Demand
from scenarios.cournot_providers.market import (
    LINK_S,
    MARKET,
    Market,
    PeriodClosed,
    Provider,
    genesis,
    rival,
)
from scenarios.cournot_providers.parameters import CournotProvidersParameters
from scenarios.cournot_providers.strategies import Grim, Strategy


def conserved(fact: PeriodClosed, demand: Demand, total_units: int) -> str | None:
    """What is wrong with the money or the price of a period, or None."""
    where = f"after period {fact.period}"
    if fact.discrepancy:
        return f"{where}: {fact.discrepancy}"
    if (int(fact.supply_units), int(fact.owned_units)) != (total_units, total_units):
        return f"{where} {fact.owned_units} of {fact.supply_units} units are owned"
    price_units = demand.price(sum(map(int, fact.offers_grains)))
    if int(fact.price_units) != price_units:
        return f"{where} the price is {fact.price_units}, demand would pay {price_units}"
    return None


class Report:
    """Says what the market came to, from what the ledger has paid.

    Args:
        world: what to watch.
        parameters: of the run.
        first_units: what each provider owned at first.
    """

    def __init__(
        self, world: World, parameters: CournotProvidersParameters, first_units: int
    ) -> None:
        self._world = world
        self._parameters = parameters
        self._balances = [first_units] * parameters.providers
        self._profits_units = [0] * parameters.providers
        self._first: PeriodClosed | None = None
        self._last: PeriodClosed | None = None
        self._discounted = 0.0
        self._broken = 0
        world.observe(PeriodClosed, self._on_closed)
        world.gauge("price", lambda: 0.0 if self._last is None else ftns_of(self._last.price_units))
        world.at_end(self._close)

    def _on_closed(self, _time_s: Seconds, _peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, PeriodClosed)
        balances = list(map(int, fact.balances_units))
        self._profits_units = [b - a for a, b in zip(self._balances, balances, strict=True)]
        self._balances = balances
        weight = self._parameters.discount ** (fact.period - 1)
        self._discounted += weight * self._profits_units[0] / UNITS_PER_FTNS
        share_grains = self._parameters.demand.cartel_grains
        if not self._broken and max(map(int, fact.offers_grains)) > share_grains:
            self._broken = fact.period
        self._first = self._first or fact
        self._last = fact
        if fact.period == self._parameters.periods:
            self._world.stop("every period is over")

    def _close(self) -> None:
        report, providers = self._world.report, self._parameters.providers
        report("periods", 0 if self._last is None else self._last.period)
        if self._first is None or self._last is None:
            return
        offers = list(map(int, self._last.offers_grains))
        first = list(map(int, self._first.offers_grains))
        report("first_quantity", sum(first) / providers / GRAINS)
        report("first_spread", (max(first) - min(first)) / GRAINS)
        report("quantity", sum(offers) / providers / GRAINS)
        report("spread", (max(offers) - min(offers)) / GRAINS)
        report("price", ftns_of(self._last.price_units))
        report("profit", sum(self._profits_units) / providers / UNITS_PER_FTNS)
        report("discounted_profit", self._discounted)
        if self._parameters.conduct == "cartel":
            report("cartel_holds", not self._broken)
            report("broken_in_period", self._broken or None)


def ftns_of(units: str) -> float:
    """Units as a float of FTNS, for figures."""
    return int(units) / UNITS_PER_FTNS


@scenario(CournotProvidersParameters, live_defaults={"periods": 15})
def cournot_providers(world: World, parameters: CournotProvidersParameters) -> None:
    """Providers that choose how much compute to offer: rivals, or a cartel that may break."""
    p, demand = parameters, parameters.demand
    world.set_network(Network(latency=Latency(law="fixed", mean_s=LINK_S)))
    width = len(str(p.providers - 1))
    names = tuple(f"provider-{number:0{width}}" for number in range(p.providers))

    def member(number: int, _first_grains: int) -> Strategy:
        betrayal = p.betrayal if number < p.tempted else "never"
        return Grim(demand, p.discount_exactly, betrayal)

    inertia_ppm = p.inertia_ppm if p.conduct == "best_reply" else None
    world.spawn(MARKET, partial(Market, demand, names, p.periods), peers=names)
    for number, name in enumerate(names):
        makes = partial(member, number) if p.conduct == "cartel" else rival(demand, inertia_ppm)
        world.spawn(name, partial(Provider, demand, makes), peers=(MARKET,))
    owned = genesis(demand, names, p.periods)
    total_units = sum(owned.values())
    world.check(
        Always(
            "money and price are right",
            PeriodClosed,
            lambda _, fact: conserved(fact, demand, total_units),
        )
    )
    Report(world, p, owned[names[0]])
