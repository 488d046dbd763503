"""The network between nodes: delays, losses and partitions, on real time.

Each letter from node to node draws its fate from the stream of its link, so the draws are those of
the seed, letter by letter; which letter comes when is the processes' doing, and no seed fixes that.
What a fault does to a letter is the simulator's code, on this world's letters. Clients sit beside
their node: what they send is neither delayed nor lost, or a lost answer could not be told from a
node that owes it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from live.maelstrom.protocol import Letter
from prsm_sim.actor.context import Random
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId
from prsm_sim.engine import Entry
from prsm_sim.faults import (
    Clog,
    Delay,
    Duplication,
    Loss,
    OneWay,
    Partition,
    Reordering,
)
from prsm_sim.links import delay_law, laws_of_links
from prsm_sim.nemesis import link_faults
from prsm_sim.nemesis.link_faults import Alteration, Draws, Drop
from prsm_sim.nemesis.tally import Tally
from prsm_sim.network import Network

WireFault = Partition | OneWay | Loss | Delay | Duplication | Reordering | Clog
KINDS = ("partition", "one_way", "loss", "delay", "duplication", "reordering", "clog")
"""Kinds of the faults that strike the links between processes."""
Deliver = Callable[[Letter], None]


class Wire:
    """Carries letters between nodes.

    Args:
        network: latency, loss, duplication and reordering of every link.
        seed: of the draws.
        deliver: takes a letter that has arrived.
        drop: told the reason when a letter is lost.
        counters: where the effects of faults are counted.

    Raises:
        UserError: the network has what this world has not (regions, bandwidth).
    """

    def __init__(
        self, network: Network, seed: int, deliver: Deliver, drop: Drop, counters: Counter[str]
    ) -> None:
        if network.regional or network.bandwidth_bytes_s is not None:
            raise UserError(
                "network: between processes there are no regions and no bandwidth; "
                "leave out regional and bandwidth_bytes_s, and set latency"
            )
        self._network = network
        self._seed = seed
        self._deliver = deliver
        self._drop = drop
        self._counters = counters
        self._law = delay_law(network.latency)
        self._laws = laws_of_links(network)
        self._draws = Draws(seed, "network")
        self._begun = 0
        self._alterations: list[Alteration] = []

    def begin(self, fault: WireFault) -> Callable[[], None]:
        """Let a fault strike the links; returns what heals it."""
        draws = Draws(self._seed, "fault", str(self._begun))
        self._begun += 1
        tally = Tally(fault, self._counters)
        alteration = _alteration(fault, tally, draws, self._drop)
        self._alterations.append(alteration)
        self._alterations.sort(key=lambda one: one.rank)

        def heal() -> None:
            self._alterations.remove(alteration)
            for entry in alteration.release():
                self._carry(entry)

        return heal

    def send(self, letter: Letter) -> None:
        """Send a letter from node to node; it arrives later, or not at all."""
        now = asyncio.get_running_loop().time()
        if letter.src == letter.dest:
            self._carry((now, letter.src, letter.dest, letter))
            return
        rng = self._draws.of(letter.src, letter.dest)
        network = self._network
        if network.loss and rng.random() < network.loss:
            self._drop("loss")
            return
        times = 2 if network.duplication and rng.random() < network.duplication else 1
        for _ in range(times):
            at = now + self._delay_s((letter.src, letter.dest), rng)
            entries: list[Entry] = [(at, letter.src, letter.dest, letter)]
            for alteration in self._alterations:
                entries = [result for one in entries for result in alteration.alter(one)]
            for entry in entries:
                self._carry(entry)

    def _delay_s(self, link: tuple[PeerId, PeerId], rng: Random) -> float:
        delay_s = self._laws.get(link, self._law)(rng.expovariate(1.0))
        if self._network.reordering and rng.random() < self._network.reordering:
            delay_s += self._network.reordering_s * rng.random()
        return delay_s

    def _carry(self, entry: Entry) -> None:
        at, _, _, letter = entry
        assert isinstance(letter, Letter)
        asyncio.get_running_loop().call_at(at, self._deliver, letter)


def _alteration(fault: WireFault, tally: Tally, draws: Draws, drop: Drop) -> Alteration:
    """What a fault does to letters."""
    match fault:
        case Partition():
            return link_faults.Parting(fault, tally, draws, drop)
        case OneWay():
            return link_faults.Blocking(fault, tally, draws, drop)
        case Loss():
            return link_faults.Losing(fault, tally, draws, drop)
        case Delay():
            return link_faults.Delaying(fault, tally, draws, drop)
        case Duplication():
            return link_faults.Doubling(fault, tally, draws, drop)
        case Reordering():
            return link_faults.HoldingBack(fault, tally, draws, drop)
        case Clog():
            return link_faults.Clogging(fault, tally, draws, drop)
