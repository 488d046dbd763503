"""Twins: Byzantine peers out of correct code (Bano et al., "Twins: BFT systems made robust", 2021).

A peer that runs twice under one name, each instance in its own part of the network, can do what the
Byzantine attacks of the literature do: equivocate, vote twice, forget. No lie has to be invented,
so the strategy fits every protocol, and since both instances are valid, nothing is refused at the
door. What is searched is only who is connected to whom in each round (`twins_scenarios`).

Here a scenario becomes a plan of ordinary faults: a partition for each round in which the network
is split, and for each node that runs twice a Byzantine fault that says whom its two instances
reach. Rounds are spans of time, because this package does not know what a round of the protocol is.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec

from prsm_sim.actor.context import Random
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.chance import exp, log
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Byzantine, Fault, Partition
from prsm_sim.faults.byzantine import Sides
from prsm_sim.fuzz.ground import rounded
from prsm_sim.fuzz.twins_scenarios import Round, Sets, Space, TwinsScenario, most_nodes, ordered
from prsm_sim.treachery.twin import SECOND

__all__ = [
    "Round",
    "TwinsFile",
    "TwinsScenario",
    "plan_of",
    "read_twins",
    "twins_plan",
    "twins_scenarios",
]

_MOST_ROUNDS = 8
_DIGITS = 9
"""Of a time: enough that rounds end where the next ones begin, and no noise of multiplication."""
_SHORTEST_SHARE = 1 / 100
"""The shortest round that is drawn, as a share of the longest."""


def twins_scenarios(
    nodes: int,
    twins: int,
    rounds: int,
    most_sets: int = 2,
    *,
    quorum: int = 1,
    with_leaders: bool = False,
    interchangeable: Sequence[Sequence[int]] | None = None,
    limit: int = 10_000,
    seed: int = 0,
) -> list[TwinsScenario]:
    """Scenarios up to renaming, in a fixed order; `limit` of them, drawn from `seed`, if more.

    Args: as of `Space`.

    Raises:
        UserError: the numbers make no sense.
    """
    space = Space(
        nodes, twins, rounds, most_sets,
        quorum=quorum, with_leaders=with_leaders, interchangeable=interchangeable,
    )  # fmt: skip
    return space.sample(limit, seed)


def plan_of(
    scenario: TwinsScenario,
    exposure: Exposure,
    round_s: Seconds,
    names: Sequence[PeerId] | None = None,
    *,
    apart: bool = False,
) -> tuple[Fault, ...]:
    """The faults that make a scenario happen.

    Args:
        exposure: whose peers are the nodes.
        round_s: length of a round, s.
        names: of the nodes, in order. By default the exposed peers, those first that lead in the
            scenario (in the order in which they do): where peers lead by turns, these turns come.
        apart: bystanders are dealt out to the sets by turns, so that each set hears another client
            and has something else to decide; else everyone is connected with every bystander.

    Raises:
        UserError: the scenario is for another number of peers than there are.
    """
    peers = exposure.peers if names is None else names
    if len(peers) != scenario.nodes:
        raise UserError(
            f"a Twins scenario for {scenario.nodes} nodes cannot be run by {len(peers)} peers; "
            "give the world as many replicas as the scenario has nodes, such as by "
            f"--set replicas={scenario.nodes}"
        )
    if names is None:
        names = _names_by_leadership(scenario, exposure.peers)
    cast = _Cast(scenario, tuple(names), exposure.bystanders, apart)
    return (*cast.twins(round_s), *cast.partitions(round_s))


def _names_by_leadership(scenario: TwinsScenario, peers: Sequence[PeerId]) -> list[PeerId]:
    """A name for each node, the first names for those that lead first."""
    leaders = [one.leader for one in scenario.rounds if one.leader is not None]
    order = dict.fromkeys((*leaders, *range(scenario.nodes)))
    names = dict(zip(order, peers, strict=False))
    return [names[node] for node in range(scenario.nodes) if node in names]


class _Cast(NamedTuple):
    """A scenario, and who plays in it."""

    scenario: TwinsScenario
    names: tuple[PeerId, ...]
    bystanders: tuple[PeerId, ...]
    apart: bool

    def partitions(self, round_s: Seconds) -> Iterator[Partition]:
        """The network's part: one partition for each stretch of rounds that are split alike.

        A node that runs twice may be in two groups; its own fault keeps its instances apart.
        """
        begin = 0
        for sets, stretch in groupby(one.sets for one in self.scenario.rounds):
            length = len(list(stretch))
            if len(sets) > 1:
                groups = tuple(
                    (*sorted({self._name(one) for one in each}), *self._beside(sets, each))
                    for each in sets
                )
                yield Partition(
                    at_s=rounded(begin * round_s, _DIGITS),
                    for_s=rounded(length * round_s, _DIGITS),
                    groups=groups,
                )
            begin += length

    def twins(self, round_s: Seconds) -> Iterator[Byzantine]:
        """The twins' part: whom each instance reaches, round by round."""
        nodes, rounds = self.scenario.nodes, self.scenario.rounds
        twins = self.names[: self.scenario.twins]
        for node, name in enumerate(twins):
            sides: tuple[Sides, ...] = tuple(
                (self._reached(one.sets, node), self._reached(one.sets, nodes + node))
                for one in rounds
            )
            yield Byzantine(
                peer=name,
                behaviour="twin",
                for_s=rounded(len(sides) * round_s, _DIGITS),
                rounds=sides,
                round_s=round_s,
                accomplices=tuple(one for one in twins if one != name),
            )

    def _reached(self, sets: Sets, instance: int) -> tuple[str, ...]:
        mine = next(one for one in sets if instance in one)
        name = self._name(instance)
        others = [self._label(one) for one in mine if self._name(one) != name]
        return (*sorted(others), *self._beside(sets, mine))

    def _beside(self, sets: Sets, mine: tuple[int, ...]) -> tuple[PeerId, ...]:
        """The bystanders that are connected with a set."""
        if not self.apart:
            return self.bystanders
        return self.bystanders[sets.index(mine) :: len(sets)]

    def _name(self, instance: int) -> PeerId:
        return self.names[instance % self.scenario.nodes]

    def _label(self, instance: int) -> str:
        return self._name(instance) + (SECOND if instance >= self.scenario.nodes else "")


def twins_plan(exposure: Exposure, rng: Random) -> tuple[Fault, ...]:
    """One scenario, drawn: how many twins, which peers they are, and how each round is split.

    Most rounds have a set in which a Byzantine quorum fits, because rounds in which nobody can
    decide anything rarely matter; but some do, so a few have none. All rounds end before the
    exposure wants the world healed.
    """
    nodes = len(exposure.peers)
    most = min(exposure.faulty, nodes)
    if most == 0:
        return ()
    twins = rng.randint(1, most)
    quorum = (nodes + (nodes - 1) // 3) // 2 + 1
    most_sets = rng.choice((2, 2, 3))
    rounds = tuple(
        Round(_drawn_sets(rng, nodes, twins, most_sets, quorum if rng.randrange(5) else 1))
        for _ in range(rng.randint(1, _MOST_ROUNDS))
    )
    round_s = drawn_round_s(exposure, rng, len(rounds))
    names = rng.sample(exposure.peers, nodes)
    scenario = TwinsScenario(nodes, twins, rounds)
    return plan_of(scenario, exposure, round_s, names, apart=rng.randrange(3) > 0)


def drawn_round_s(exposure: Exposure, rng: Random, rounds: int) -> Seconds:
    """How long a round is: log-uniform, and all are over before the exposure wants all healed."""
    longest_s = exposure.heal_s / rounds
    return rounded(longest_s * exp(log(_SHORTEST_SHARE) * rng.random()))


def _drawn_sets(rng: Random, nodes: int, twins: int, most_sets: int, quorum: int) -> Sets:
    """A random split with a set of at least `quorum` nodes: the largest draws others in."""
    sets: list[list[int]] = [[] for _ in range(most_sets)]
    for instance in range(nodes + twins):
        sets[rng.randrange(most_sets)].append(instance)
    largest = max(sets, key=len)
    while most_nodes([largest], nodes) < quorum:
        smaller = rng.choice([one for one in sets if one and one is not largest])
        largest.append(smaller.pop(rng.randrange(len(smaller))))
    return ordered(sets)


class _View(msgspec.Struct):
    leader: int
    partitions: list[list[int]]


class _Document(msgspec.Struct):
    num_nodes: int
    num_twins: int
    scenarios: list[list[_View]]


class TwinsFile(msgspec.Struct, frozen=True):
    """What a file of Twins scenarios holds.

    Attributes:
        nodes: how many nodes each scenario has.
        twins: how many of these run twice.
        scenarios: in the order of the file.
    """

    nodes: int
    twins: int
    scenarios: tuple[TwinsScenario, ...]


def read_twins(path: Path) -> TwinsFile:
    """Read scenarios in the published JSON format (that of relab/hotstuff's ``twins`` package).

    There, replicas and instances are numbered from 1; the replicas with a twin come first, and
    their two instances are neighbours. Leader 0 means none. An instance that a view does not
    mention is connected to nobody.

    Raises:
        UserError: there is no such file, or it is not of this format; the text says where.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; check the path")
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, _changed_ns: int) -> TwinsFile:
    """What `read_twins` reads, once for each time that the file was written."""
    try:
        document = msgspec.json.decode(path.read_bytes(), type=_Document)
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: not a file of Twins scenarios: {error}") from error
    nodes, twins = document.num_nodes, document.num_twins
    if not 0 <= twins <= nodes or nodes < 1:
        raise UserError(f"{path}: {twins} of {nodes} nodes cannot have a twin; correct num_twins")
    scenarios = []
    for number, views in enumerate(document.scenarios):
        rounds = []
        for index, view in enumerate(views):
            wrong = _wrong_with(view, nodes, twins)
            if wrong:
                raise UserError(f"{path}: scenarios[{number}][{index}]: {wrong}")
            rounds.append(_round_of(view, nodes, twins))
        scenarios.append(TwinsScenario(nodes, twins, tuple(rounds)))
    return TwinsFile(nodes, twins, tuple(scenarios))


def _wrong_with(view: _View, nodes: int, twins: int) -> str:
    """What is wrong with a view, with how to mend it; empty if nothing is."""
    if not 0 <= view.leader <= nodes:
        return f"leader {view.leader} is none of the {nodes} nodes; give 1 to {nodes}, or 0"
    named = [one for part in view.partitions for one in part]
    for one in named:
        if not 1 <= one <= nodes + twins:
            return f"{one} is none of the {nodes + twins} instances; give 1 to {nodes + twins}"
        if named.count(one) > 1:
            return f"instance {one} is in two partitions; leave it in one"
    return ""


def _round_of(view: _View, nodes: int, twins: int) -> Round:
    sets = [[_instance_of(one, nodes, twins) for one in part] for part in view.partitions]
    mentioned = {one for each in sets for one in each}
    alone = [[one] for one in range(nodes + twins) if one not in mentioned]
    return Round(ordered([*sets, *alone]), view.leader - 1 if view.leader else None)


def _instance_of(number: int, nodes: int, twins: int) -> int:
    """Our number of an instance, from the file's."""
    if number > 2 * twins:
        return number - twins - 1
    node, second = divmod(number - 1, 2)
    return nodes + node if second else node
