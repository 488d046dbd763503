"""Node rewards as operations: operators let their nodes serve, the reporter measures, epochs pay.

Nobody's uptime is his own word: the reporter tells it, and closes the epochs.
"""

from economy.desks.desk import Answer, Count, Desk, DeskOperation, Reading, answer, refused
from economy.money import UnitsText, encode_units
from economy.node_rewards import Node, NodeRewards
from economy.operations import Name
from economy.refusals import Refusal
from prsm_sim.actor import Message


class JoinNode(DeskOperation, frozen=True):
    """Let a node of the client's serve in a region, with a capacity."""

    node: Name
    region: Name
    capacity: Count


class LeaveNode(DeskOperation, frozen=True):
    """Take a node of the client's out of service; its uptime in this epoch is forfeit."""

    node: Name


class ReportUptime(DeskOperation, frozen=True):
    """Set a node's uptime in the present epoch; the reporter's right."""

    node: Name
    uptime_ppm: Count


class CloseEpoch(DeskOperation, frozen=True):
    """Pay for the present epoch, which must be this one, and begin the next; the reporter's right.

    The epoch's number is its key: told twice, it is closed once.
    """

    epoch: Count


class ReadNode(Reading, frozen=True):
    """Ask about a node."""

    node: Name


class EpochClosed(Message, frozen=True):
    """What an epoch paid: each operator, and what was withheld for being too much for one."""

    epoch: int
    budget_units: UnitsText
    withheld_units: UnitsText
    payments: tuple[tuple[str, UnitsText], ...]


class NodeStatus(Message, frozen=True):
    """A node in the present epoch."""

    node: str
    operator: str
    region: str
    capacity: int
    uptime_ppm: int
    epoch: int


class NodesDesk(Desk):
    """Node rewards behind operations.

    Args:
        nodes: the mechanism.
        reporter: the client that measures; empty for none.
    """

    name = "nodes"
    operations = (JoinNode, LeaveNode, ReportUptime, CloseEpoch, ReadNode)
    results = (EpochClosed, NodeStatus)

    def __init__(self, nodes: NodeRewards, reporter: str = "") -> None:
        super().__init__(nodes)
        self.nodes = nodes
        self._reporter = reporter

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        nodes = self.nodes
        is_reporter = bool(self._reporter) and client == self._reporter
        match operation:
            case JoinNode(node, region, capacity):
                return answer(nodes.join(node, client, region, capacity))
            case LeaveNode(node):
                return answer(nodes.leave(node, client))
            case ReportUptime(node, uptime_ppm):
                if not is_reporter:
                    return refused(Refusal.NOT_AUTHORISED)
                return answer(nodes.report(node, uptime_ppm))
            case CloseEpoch(epoch):
                return self._close(epoch) if is_reporter else refused(Refusal.NOT_AUTHORISED)
            case ReadNode(node):
                known = nodes.nodes.get(node)
                return refused(Refusal.UNKNOWN_NODE) if known is None else self._told(node, known)
        raise AssertionError(f"{operation} is for another desk")

    def _close(self, epoch: int) -> Answer:
        paid = self.nodes.close_epoch(epoch)
        if isinstance(paid, Refusal):
            return refused(paid)
        payments = tuple((operator, encode_units(units)) for operator, units in paid.payments)
        budget, withheld = encode_units(paid.budget_units), encode_units(paid.withheld_units)
        return Answer(EpochClosed(epoch, budget, withheld, payments))

    def _told(self, name: str, node: Node) -> Answer:
        return Answer(
            NodeStatus(
                name, node.operator, node.region, node.capacity, node.uptime_ppm, self.nodes.epoch
            )
        )
