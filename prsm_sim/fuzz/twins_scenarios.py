"""Twins scenarios, one of each kind: who is connected to whom in each round, up to symmetry.

A scenario of Bano et al. ("Twins: BFT systems made robust", OPODIS 2021, section 4) has n nodes, t
of which run twice, and R rounds; each round splits the n + t instances into at most P sets, and may
name who leads. Instances are numbered: i < n is node i, and n + j is the second instance of node j,
j < t. There are X^R scenarios if a round can be in X ways (partitions times leaders), and most are
one another under other names: correct nodes may change places, so may nodes with twins (with their
twins), and so may the two instances of a node.

These renamings are a group G, and scenarios that a renaming turns into one another are an *orbit*.
One scenario of each orbit is enumerated without making the others: the first round needs one
representative of each orbit of G on rounds; whatever is chosen there is left alone by a subgroup,
its stabiliser, and the second round needs one representative of each orbit of *that*, and so on.
Burnside's lemma says how many there are: the mean over G of (rounds left alone)^R. With n = 4,
t = 1 and P = 2, of 16, 256 and 4096 scenarios of 1, 2 and 3 rounds 6, 50 and 540 are left.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations, product

import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.chance import Stream

Sets = tuple[tuple[int, ...], ...]
Permutation = tuple[int, ...]
_MOST_RENAMINGS = 50_000


class Round(msgspec.Struct, frozen=True):
    """One round.

    Attributes:
        sets: the instances, by who is connected to whom; each in one set, each set ascending, the
            sets ascending by their first instance.
        leader: the node that leads; None: the protocol sees to that itself.
    """

    sets: Sets
    leader: int | None = None


class TwinsScenario(msgspec.Struct, frozen=True):
    """A scenario.

    Attributes:
        nodes: how many nodes there are.
        twins: how many of them run twice: nodes 0 … twins − 1.
        rounds: what happens, one after the other.
    """

    nodes: int
    twins: int
    rounds: tuple[Round, ...]


def ordered(sets: Sequence[Sequence[int]]) -> Sets:
    """A partition in the one order in which it is written; empty sets are left out."""
    return tuple(sorted(tuple(sorted(one)) for one in sets if one))


def most_nodes(sets: Sequence[Sequence[int]], nodes: int) -> int:
    """How many nodes are in the set with the most; the two instances of a twin are one node."""
    return max(len({instance % nodes for instance in one}) for one in sets)


def partitions_of(instances: int, most_sets: int) -> Iterator[Sets]:
    """All ways to split `instances` into at most `most_sets` sets, in a fixed order."""

    def place(instance: int, sets: list[list[int]]) -> Iterator[Sets]:
        if instance == instances:
            yield ordered(sets)
            return
        for index in range(min(len(sets) + 1, most_sets)):
            if index == len(sets):
                yield from place(instance + 1, [*sets, [instance]])
            else:
                grown = [*sets[index], instance]
                yield from place(instance + 1, [*sets[:index], grown, *sets[index + 1 :]])

    yield from place(0, [])


class Space:
    """All scenarios of one size.

    Args:
        nodes: n.
        twins: t ≤ n.
        rounds: R.
        most_sets: P.
        quorum: rounds in which no set has so many nodes are left out; they only waste time.
        with_leaders: whether a round names its leader.
        interchangeable: groups of nodes that may change places. By default all nodes with a twin
            are one group and all others another. A protocol that gives nodes different parts by
            their names (the first leads the first view) needs finer groups; what is in none stays.

    Raises:
        UserError: the numbers make no sense, or there are too many renamings to go through.
    """

    def __init__(
        self,
        nodes: int,
        twins: int,
        rounds: int,
        most_sets: int = 2,
        *,
        quorum: int = 1,
        with_leaders: bool = False,
        interchangeable: Sequence[Sequence[int]] | None = None,
    ) -> None:
        if not 0 <= twins <= nodes or rounds < 1 or most_sets < 1 or quorum > nodes:
            raise UserError(
                f"twins: {nodes} nodes, {twins} twins, {rounds} rounds, {most_sets} sets, quorum "
                f"{quorum}: there must be at most one twin a node, at least one round and set, and "
                "no larger quorum than nodes"
            )
        self.nodes, self.twins, self.length = nodes, twins, rounds
        leaders: list[int | None] = list(range(nodes)) if with_leaders else [None]
        splits = (
            sets
            for sets in partitions_of(nodes + twins, most_sets)
            if most_nodes(sets, nodes) >= quorum
        )
        self.choices = sorted(
            (Round(sets, leader) for sets, leader in product(splits, leaders)),
            key=lambda one: (one.sets, -1 if one.leader is None else one.leader),
        )
        if interchangeable is None:
            interchangeable = (range(twins), range(twins, nodes))
        self._renamings = self._act_on_choices(_renamings(nodes, twins, interchangeable))

    def _act_on_choices(self, renamings: list[Permutation]) -> list[Permutation]:
        """What each renaming of instances does to the possible rounds, by their indices."""
        index_of = {choice: index for index, choice in enumerate(self.choices)}
        return [
            tuple(index_of[_renamed(choice, renaming, self.nodes)] for choice in self.choices)
            for renaming in renamings
        ]

    @property
    def raw_count(self) -> int:
        """How many scenarios there are, each under every name."""
        count: int = len(self.choices) ** self.length
        return count

    @property
    def count(self) -> int:
        """How many scenarios there are up to renaming (Burnside's lemma)."""
        total: int = sum(
            sum(index == image for index, image in enumerate(one)) ** self.length
            for one in self._renamings
        )
        assert total % len(self._renamings) == 0, "the number of orbits is an integer"
        return total // len(self._renamings)

    def all(self) -> Iterator[TwinsScenario]:
        """One scenario of each orbit, in lexicographic order of the rounds' indices."""
        yield from map(self._scenario, self._extend((), self._renamings))

    def _extend(
        self, begun: tuple[int, ...], stabiliser: list[Permutation]
    ) -> Iterator[tuple[int, ...]]:
        if len(begun) == self.length:
            yield begun
            return
        for index in range(len(self.choices)):
            if all(one[index] >= index for one in stabiliser):  # the least of its orbit
                left = [one for one in stabiliser if one[index] == index]
                yield from self._extend((*begun, index), left)

    def sample(self, limit: int, seed: int) -> list[TwinsScenario]:
        """`limit` different scenarios up to renaming, in the order of `all`; all if there are less.

        A large orbit is more likely than a small one: it stands for more scenarios.
        """
        if self.count <= limit:
            return list(self.all())
        rng = Stream(seed, "twins", f"{self.nodes} {self.twins} {self.length}")
        drawn: set[tuple[int, ...]] = set()
        while len(drawn) < limit:
            indices = [rng.randrange(len(self.choices)) for _ in range(self.length)]
            drawn.add(self._least(indices))
        return [self._scenario(indices) for indices in sorted(drawn)]

    def canonical(self, scenario: TwinsScenario) -> TwinsScenario:
        """The scenario of the same orbit that `all` has."""
        return self._scenario(self._least([self.choices.index(one) for one in scenario.rounds]))

    def _least(self, indices: Sequence[int]) -> tuple[int, ...]:
        """The least image of a scenario: round by round, by what still attains it."""
        least, renamings = [], self._renamings
        for index in indices:
            image = min(one[index] for one in renamings)
            renamings = [one for one in renamings if one[index] == image]
            least.append(image)
        return tuple(least)

    def _scenario(self, indices: Sequence[int]) -> TwinsScenario:
        return TwinsScenario(self.nodes, self.twins, tuple(self.choices[i] for i in indices))


def _renamings(
    nodes: int, twins: int, interchangeable: Sequence[Sequence[int]]
) -> list[Permutation]:
    """The group: where each instance goes, for every way to rename."""
    size = 2**twins
    for group in interchangeable:
        if min(group, default=0) < twins <= max(group, default=0):
            raise UserError(
                f"twins: the nodes {', '.join(map(str, group))} are not interchangeable: those "
                f"below {twins} have a twin, the others have none"
            )
        for factor in range(2, len(group) + 1):
            size *= factor
        if size > _MOST_RENAMINGS:
            raise UserError(
                f"twins: {nodes} nodes can be renamed in more than {_MOST_RENAMINGS} ways; give "
                "smaller groups of interchangeable nodes"
            )
    renamings = []
    for images in product(*(permutations(group) for group in interchangeable)):
        node = list(range(nodes))
        for group, image in zip(interchangeable, images, strict=True):
            for old, new in zip(group, image, strict=True):
                node[old] = new
        for swapped in product((False, True), repeat=twins):
            first = [_instance(nodes, twins, new, swapped, second=False) for new in node]
            second = [_instance(nodes, twins, new, swapped, second=True) for new in node[:twins]]
            renamings.append((*first, *second))
    return renamings


def _instance(nodes: int, twins: int, node: int, swapped: Sequence[bool], *, second: bool) -> int:
    """The number of a node's instance after its two have been swapped, or not."""
    if node < twins and swapped[node] != second:
        return nodes + node
    return node


def _renamed(choice: Round, renaming: Permutation, nodes: int) -> Round:
    sets = ordered([[renaming[instance] for instance in one] for one in choice.sets])
    if choice.leader is None:
        return Round(sets)
    image = renaming[choice.leader]
    return Round(sets, image if image < nodes else image - nodes)
