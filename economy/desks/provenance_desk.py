"""Who made what from what, as operations.

Creators register, derive and cite what is their own; anyone's use is counted as his own. Fields are
opened by the governor, and quality is what the reviewer says.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

from economy.desks.desk import (
    Answer,
    Count,
    Desk,
    DeskOperation,
    KeyedOperation,
    Reading,
    answer,
    refused,
    take_over,
)
from economy.impact import THOUSANDTHS, ImpactParameters, impact
from economy.money import UnitsText, encode_units
from economy.operations import Name
from economy.provenance import Content, Kind, ProvenanceGraph
from economy.provenance_state import encode_graph, restore_graph
from economy.refusals import Refusal
from prsm_sim.actor import Message

Names: TypeAlias = Annotated[tuple[Name, ...], Meta(max_length=64)]


class OpenField(DeskOperation, frozen=True):
    """Let contents be registered in a field; the governor's right."""

    field: Name


class RegisterContent(DeskOperation, frozen=True):
    """Enter a new work of the client's that derives from these. Names are first come, first served.

    Repeating it on the same terms does nothing.
    """

    content: Name
    kind: Kind
    field: Name
    parents: Names


class DeriveContent(DeskOperation, frozen=True):
    """Declare later that a work of the client's derives from another."""

    content: Name
    parent: Name


class CiteContent(DeskOperation, frozen=True):
    """Declare that a work of the client's refers to another."""

    content: Name
    cited: Name


class UseContent(KeyedOperation, frozen=True):
    """Count that the client fetched a work so often, and used it for so long."""

    content: Name
    downloads: Count
    used_ms: Count


class AssessContent(DeskOperation, frozen=True):
    """Set the quality of a work; the reviewer's right."""

    content: Name
    quality_ppm: Count


class ReadContent(Reading, frozen=True):
    """Ask about a work."""

    content: Name


class ContentStatus(Message, frozen=True):
    """A work as it is registered.

    Attributes:
        content: its name.
        creator: who made it.
        kind: how much it stands on its own.
        field: what it is about.
        rank: which of its field it was.
        quality_ppm: as last assessed.
        parents: what it derives from.
        impact_thousandths: its impact, rounded down to a thousandth.
    """

    content: str
    creator: str
    kind: Kind
    field: str
    rank: int
    quality_ppm: int
    parents: tuple[str, ...]
    impact_thousandths: UnitsText


class ProvenanceDesk(Desk):
    """The provenance graph behind operations.

    Args:
        graph: the mechanism.
        governor: the client that opens fields; empty for none.
        reviewer: the client that assesses; empty for none.
        weights: those of impact.
    """

    name = "provenance"
    operations = (
        *(OpenField, RegisterContent, DeriveContent, CiteContent, UseContent),
        *(AssessContent, ReadContent),
    )
    results = (ContentStatus,)

    def __init__(
        self,
        graph: ProvenanceGraph,
        governor: str = "",
        reviewer: str = "",
        weights: ImpactParameters | None = None,
    ) -> None:
        super().__init__(_GraphBooks(graph))
        self.graph = graph
        self._governor = governor
        self._reviewer = reviewer
        self._weights = weights

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        graph = self.graph
        match operation:
            case OpenField(field):
                if not self._governor or client != self._governor:
                    return refused(Refusal.NOT_AUTHORISED)
                return answer(graph.open_field(field))
            case RegisterContent(name, kind, field, parents):
                return self._told(graph.register(name, client, kind, field, parents, now_ms))
            case DeriveContent(name, parent):
                return answer(graph.derive(name, parent, client))
            case CiteContent(name, cited):
                return answer(graph.cite(name, cited, client))
            case UseContent(_, name, downloads, used_ms):
                return answer(graph.use(name, client, downloads, used_ms))
            case AssessContent(name, quality_ppm):
                if not self._reviewer or client != self._reviewer:
                    return refused(Refusal.NOT_AUTHORISED)
                return answer(graph.assess(name, quality_ppm))
            case ReadContent(name):
                return self._told(graph.contents.get(name, Refusal.UNKNOWN_CONTENT))
        raise AssertionError(f"{operation} is for another desk")

    def _told(self, outcome: Content | Refusal) -> Answer:
        if isinstance(outcome, Refusal):
            return refused(outcome)
        worth = impact(self.graph.counts(outcome.name), self._weights)
        return Answer(
            ContentStatus(
                content=outcome.name,
                creator=outcome.creator,
                kind=outcome.kind,
                field=outcome.field,
                rank=outcome.rank,
                quality_ppm=outcome.quality_ppm,
                parents=self.graph.parents[outcome.name],
                impact_thousandths=encode_units(worth.numerator * THOUSANDTHS // worth.denominator),
            )
        )


class _GraphBooks:
    """A graph as the books of a desk: royalties refer to it, so it is filled and not replaced."""

    def __init__(self, graph: ProvenanceGraph) -> None:
        self._graph = graph

    def audit(self) -> str | None:
        return self._graph.audit()

    def encode(self) -> bytes:
        return encode_graph(self._graph)

    def restore(self, encoded: bytes) -> None:
        take_over(self._graph, restore_graph(encoded, self._graph.parameters))
