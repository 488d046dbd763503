"""Sealed-bid auctions with uniform values: what they bring the seller, and leave the bidders.

The question: does it matter to the seller whether the winner pays its own bid or the second one?
The null hypothesis is that it does not, on average: bidders shade their bids by as much as the
other rule would take off (Vickrey 1961; Myerson, "Optimal auction design", 1981). With n bidders
whose values are uniform from 0 to 1 and a reserve r, both rules bring (n − 1)/(n + 1) + rⁿ −
2n rⁿ⁺¹/(n + 1), which is most for r = ½ whatever n is; 5/12 instead of 1/3 for two bidders. They
differ in risk: the first price varies less. `prsm validate economy` tests all of this.
"""

from collections import defaultdict
from functools import partial

import numpy as np

from economy.money import decode_units
from economy.sealed_bids import PriceRule
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.checker import Always
from prsm_sim.intervals import student
from prsm_sim.network import Latency, Network
from prsm_sim.scenario import scenario
from prsm_sim.world import World
from scenarios.uniform_auction.bidder import Bidder, ThingValued
from scenarios.uniform_auction.house import (
    HOUSE,
    LINK_S,
    AuctionSettled,
    BooksClosed,
    House,
    conserved,
    funds,
)
from scenarios.uniform_auction.parameters import VALUE_MOST_UNITS, UniformAuctionParameters

LEVEL = 0.95
MEASURES = ("revenue", "surplus", "efficiency")


class Report:
    """Collects what auctions brought, and ends the run.

    Revenue is the seller's, surplus is what a bidder gains on average, efficiency the value to the
    winner as a share of the highest value there was, each in one auction, in FTNS. An auction in
    which nothing was sold counts as 0. Auctions are independent, so intervals are Student's.

    Args:
        world: what to watch.
        parameters: of the run.
    """

    def __init__(self, world: World, parameters: UniformAuctionParameters) -> None:
        self._world = world
        self._parameters = parameters
        self._values: dict[int, dict[PeerId, int]] = defaultdict(dict)
        self._sold = 0
        self._series: dict[str, list[float]] = {name: [] for name in MEASURES}
        world.observe(ThingValued, self._on_valued)
        world.observe(AuctionSettled, self._on_settled)
        world.observe(BooksClosed, self._on_books)
        world.gauge("auctions_done", lambda: len(self._series["revenue"]))
        world.at_end(self._close)

    def _on_valued(self, _time_s: Seconds, peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, ThingValued)
        self._values[fact.number][peer] = decode_units(fact.value_units)

    def _on_settled(self, _time_s: Seconds, _peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, AuctionSettled)
        values = self._values.pop(fact.number, {})
        price_units = decode_units(fact.price_units)
        value_units = values[fact.winner] if fact.winner else 0
        self._sold += bool(fact.winner)
        series, one = self._series, VALUE_MOST_UNITS
        series["revenue"].append(price_units / one)
        series["surplus"].append((value_units - price_units) / one / self._parameters.bidders)
        series["efficiency"].append(value_units / max(values.values()) if fact.winner else 0.0)

    def _on_books(self, _time_s: Seconds, _peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, BooksClosed)
        if fact.number == self._parameters.auctions:
            self._world.stop("every auction is settled")

    def _close(self) -> None:
        report, auctions = self._world.report, len(self._series["revenue"])
        report("auctions", auctions)
        if auctions < 2:
            return
        report("sold", self._sold / auctions)
        for name in MEASURES:
            values = np.array(self._series[name])
            report(name, float(values.mean()))
            report(f"{name}_ci95", list(student(values, LEVEL)))
        revenue = np.array(self._series["revenue"])
        report("revenue_variance", float(revenue.var(ddof=1)))
        report("ci95", list(student(revenue, LEVEL)))  # an auction's figure is what it brings


@scenario(UniformAuctionParameters, live_defaults={"bidders": 3, "auctions": 10})
def uniform_auction(world: World, parameters: UniformAuctionParameters) -> None:
    """Sealed bids for a thing of uniform value; what the seller gets, and what bidders keep."""
    p = parameters
    world.set_network(Network(latency=Latency(law="fixed", mean_s=LINK_S)))
    width = len(str(p.bidders - 1))
    names = tuple(f"bidder-{number:0{width}}" for number in range(p.bidders))
    world.spawn(HOUSE, partial(House, p, names), peers=names)
    rule = PriceRule(p.rule)
    for name in names:
        world.spawn(name, partial(Bidder, rule, p.bidders, p.reserve_units), peers=(HOUSE,))
    total = funds(p) * p.bidders
    world.check(Always("money is conserved", BooksClosed, lambda _, fact: conserved(fact, total)))
    Report(world, p)
