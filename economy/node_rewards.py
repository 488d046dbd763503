"""Node incentives: pay for serving, more to the small and the rare, and never much to one.

For a whole epoch of service a node earns

    100 FTNS · class · uptime · (1 + 0.5 · (1 − share of its region))

*Class* goes by the node's share of the capacity of all nodes that served: micro (up to 0.1 %) 2,
standard 1, large (from 1 %) 0.5, massive (from 5 %) 0.1, so that many small nodes are worth more to
run than one big one. *Share of its region* is that of the nodes that served in the epoch, by
capacity: a node in an empty region earns half as much again, one in the only region nothing extra.

The epoch's *budget* is a share of the pool. Where the earnings exceed it, they are scaled down to
it in proportion (largest remainders; among equals the first by name). No operator gets more than
15 % of the budget, whatever his nodes earn; what is over the limit stays in the pool for later
epochs. With fewer than seven operators some of the budget is therefore never paid: the limit would
otherwise fail exactly where it is needed. An operator is an account; a rule about accounts cannot
see that two are one person.

Nodes report nothing about themselves: `report` is the word of whoever measures uptime. Money comes
out of `POOL`, which issuance or anyone else fills; its balance is the only record of it.
"""

from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from math import floor
from typing import Final

import msgspec

from economy.ledger import Ledger
from economy.money import UnitsText, decode_units, encode_units, ftns, split
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

POOL: Final = "nodes/pool"
PPM: Final = 1_000_000
CAPACITY_MOST: Final = 2**62
FORMAT_VERSION: Final = 1


class NodeClass(Enum):
    """How big a node is among those that serve."""

    MICRO = "micro"
    STANDARD = "standard"
    LARGE = "large"
    MASSIVE = "massive"


class NodeParameters(msgspec.Struct, frozen=True):
    """The figures of node incentives; ppm are millionths.

    Attributes:
        base_units: what a standard node earns for a whole epoch.
        micro_ppm, standard_ppm, large_ppm, massive_ppm: the multiplier of each class.
        micro_most_ppm: a node with at most this share of the capacity is micro.
        large_least_ppm, massive_least_ppm: one with at least this share is large, or massive.
        diversity_ppm: what a node alone in its region would earn on top, as a share.
        operator_most_ppm: the most that one operator gets of an epoch's budget.
        budget_ppm: the epoch's budget, of the pool.
    """

    base_units: int = ftns("100")
    micro_ppm: int = 2_000_000
    standard_ppm: int = 1_000_000
    large_ppm: int = 500_000
    massive_ppm: int = 100_000
    micro_most_ppm: int = 1_000
    large_least_ppm: int = 10_000
    massive_least_ppm: int = 50_000
    diversity_ppm: int = 500_000
    operator_most_ppm: int = 150_000
    budget_ppm: int = PPM

    def class_of(self, capacity: int, capacity_in_all: int) -> NodeClass:
        """The class of a node that has so much of the capacity of all."""
        share = capacity * PPM
        if share >= self.massive_least_ppm * capacity_in_all:
            return NodeClass.MASSIVE
        if share >= self.large_least_ppm * capacity_in_all:
            return NodeClass.LARGE
        if share <= self.micro_most_ppm * capacity_in_all:
            return NodeClass.MICRO
        return NodeClass.STANDARD

    def class_ppm(self, node_class: NodeClass) -> int:
        """The multiplier of `node_class`."""
        return {
            NodeClass.MICRO: self.micro_ppm,
            NodeClass.STANDARD: self.standard_ppm,
            NodeClass.LARGE: self.large_ppm,
            NodeClass.MASSIVE: self.massive_ppm,
        }[node_class]


class Node(msgspec.Struct, frozen=True):
    """A node that serves.

    Attributes:
        operator: the account that is paid.
        region: where it stands.
        capacity: what it can do, in any measure all nodes share; > 0.
        uptime_ppm: of the present epoch, as last reported.
    """

    operator: str
    region: str
    capacity: int
    uptime_ppm: int = 0


def earnings(nodes: Mapping[str, Node], parameters: NodeParameters) -> dict[str, Fraction]:
    """What each node that served has earned in the epoch, exactly, before budget and limit."""
    serving = {name: node for name, node in nodes.items() if node.uptime_ppm}
    capacity_in_all = sum(node.capacity for node in serving.values())
    regions: dict[str, int] = {}
    for node in serving.values():
        regions[node.region] = regions.get(node.region, 0) + node.capacity
    earned = {}
    for name, node in serving.items():
        node_class = parameters.class_of(node.capacity, capacity_in_all)
        rarity = 1 - Fraction(regions[node.region], capacity_in_all)
        earned[name] = (
            parameters.base_units
            * Fraction(parameters.class_ppm(node_class) * node.uptime_ppm, PPM**2)
            * (1 + Fraction(parameters.diversity_ppm, PPM) * rarity)
        )
    return earned


class EpochPaid(msgspec.Struct, frozen=True):
    """What an epoch paid, in units.

    Attributes:
        budget_units: what it could have paid.
        withheld_units: what operators had earned beyond the limit, within the budget.
        payments: each operator that was paid, in name order.
    """

    budget_units: int
    withheld_units: int
    payments: tuple[tuple[str, int], ...]


class EncodedNodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `NodeRewards` as it is saved."""

    version: int
    epoch: int
    paid_units: UnitsText
    nodes: tuple[tuple[str, Node], ...]


class NodeRewards:
    """The nodes of a network, and their rewards epoch by epoch.

    Attributes:
        nodes: those that serve, by name.
        epoch: the present one; they count from 0.
        paid_units: what all epochs have paid.
    """

    __slots__ = ("epoch", "ledger", "nodes", "paid_units", "parameters")

    def __init__(self, ledger: Ledger, parameters: NodeParameters | None = None) -> None:
        self.ledger = ledger
        self.parameters = NodeParameters() if parameters is None else parameters
        self.nodes: dict[str, Node] = {}
        self.epoch = 0
        self.paid_units = 0

    def fund(self, payer: str, units: int) -> Refusal | None:
        """Move `units` of `payer`'s into the pool."""
        return self.ledger.transfer(payer, POOL, units)

    def join(self, name: str, operator: str, region: str, capacity: int) -> Refusal | None:
        """Let a node of `operator`'s serve; repeating it on the same terms does nothing."""
        node = self.nodes.get(name)
        if node is not None:
            same = (operator, region, capacity) == (node.operator, node.region, node.capacity)
            return None if same else Refusal.ID_TAKEN
        if not 0 < capacity <= CAPACITY_MOST:
            return Refusal.INVALID_FIGURE
        if operator == POOL:
            return Refusal.NOT_AUTHORISED
        self.nodes[name] = Node(operator, region, capacity)
        return None

    def leave(self, name: str, operator: str) -> Refusal | None:
        """Take a node out of service; its uptime in the present epoch is forfeit."""
        node = self.nodes.get(name)
        if node is None:
            return Refusal.UNKNOWN_NODE
        if node.operator != operator:
            return Refusal.NOT_AUTHORISED
        del self.nodes[name]
        return None

    def report(self, name: str, uptime_ppm: int) -> Refusal | None:
        """Set a node's uptime in the present epoch; the right of whoever measures it."""
        node = self.nodes.get(name)
        if node is None:
            return Refusal.UNKNOWN_NODE
        if not 0 <= uptime_ppm <= PPM:
            return Refusal.INVALID_FIGURE
        self.nodes[name] = msgspec.structs.replace(node, uptime_ppm=uptime_ppm)
        return None

    def close_epoch(self, epoch: int) -> EpochPaid | Refusal:
        """Pay for the present epoch, which must be `epoch`, and begin the next.

        An operator whose account takes no money gets none; his part stays in the pool.
        """
        if epoch != self.epoch:
            return Refusal.ALREADY_CLOSED if epoch < self.epoch else Refusal.INVALID_FIGURE
        paid = self._share_out()
        refused = self.ledger.transfer_linked(
            [(POOL, operator, units) for operator, units in paid.payments]
        )
        if refused is not None:
            return refused.refusal
        self.paid_units += sum(units for _, units in paid.payments)
        self.epoch += 1
        self.nodes = {
            name: msgspec.structs.replace(node, uptime_ppm=0) for name, node in self.nodes.items()
        }
        return paid

    def audit(self) -> str | None:
        """Check the books; returns what is wrong, or None."""
        for name, node in self.nodes.items():
            if not (0 < node.capacity <= CAPACITY_MOST and 0 <= node.uptime_ppm <= PPM):
                return f"node {name!r} is not possible: {node}"
            if node.operator == POOL:
                return f"node {name!r} would be paid by itself"
        if self.epoch < 0 or self.paid_units < 0 or (self.paid_units and not self.epoch):
            return f"{self.epoch} epochs have paid {self.paid_units} units"
        return None

    def encode(self) -> bytes:
        """The whole state as canonical bytes."""
        nodes = tuple(sorted(self.nodes.items(), key=lambda pair: pair[0]))
        paid = encode_units(self.paid_units)
        return encode(EncodedNodes(FORMAT_VERSION, self.epoch, paid, nodes))

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`.

        Raises:
            RemoteProtocolError: it is not a sound state; nothing has changed.
        """
        state: EncodedNodes = decode(encoded, EncodedNodes)
        if state.version != FORMAT_VERSION:
            raise RemoteProtocolError(f"nodes of format {state.version}, not {FORMAT_VERSION}")
        fresh = NodeRewards(self.ledger, self.parameters)
        fresh.nodes, fresh.epoch = dict(state.nodes), state.epoch
        fresh.paid_units = decode_units(state.paid_units)
        discrepancy = fresh.audit()
        if discrepancy is None and fresh.encode() != encoded:
            discrepancy = "the bytes are not in canonical form"
        if discrepancy is not None:
            raise RemoteProtocolError(f"restored nodes: {discrepancy}")
        self.nodes, self.epoch, self.paid_units = fresh.nodes, fresh.epoch, fresh.paid_units

    def _share_out(self) -> EpochPaid:
        figures = self.parameters
        budget_units = self.ledger.balances.get(POOL, 0) * figures.budget_ppm // PPM
        by_operator: dict[str, Fraction] = {}
        for name, units in earnings(self.nodes, figures).items():
            operator = self.nodes[name].operator
            by_operator[operator] = by_operator.get(operator, Fraction(0)) + units
        # In name order, so that a unit left over goes to the same operator whoever joined first.
        earned = dict(sorted(by_operator.items()))
        due = [floor(units) for units in earned.values()]
        if sum(due) > budget_units:
            due = list(split(budget_units, due))
        most_units = budget_units * figures.operator_most_ppm // PPM
        payments = tuple(
            (operator, min(units, most_units))
            for operator, units in zip(earned, due, strict=True)
            if min(units, most_units) and self.ledger.accounts.why_not_enter(operator) is None
        )
        withheld_units = sum(max(0, units - most_units) for units in due)
        return EpochPaid(budget_units, withheld_units, payments)
