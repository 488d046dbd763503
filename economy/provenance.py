"""The provenance graph: who made what, what it derives from, who cites it and who uses it.

Contents are vertices; an edge leads from a work to each work it derives from (its *parents*), as
PROV-DM's `wasDerivedFrom` (W3C, 2013, section 5.2.1). Nothing can derive from itself, so the graph
must have no cycle; an edge that would close one is refused when it is offered, by a search upwards
from the parent for the child, and the graph is therefore acyclic at every moment. Citations are
edges of another kind, which may well go both ways, and no money follows them directly.

*Rank* is a content's place among those of its field, in the order of registration: what the rules
for first movers go by. Fields are opened one by one by whoever governs them; if a registration
could open a field, everyone would be first in one of his own.

The graph takes its callers' word for who is asking: whoever applies its operations must pass on an
authenticated account. It moves no money. All that it is told twice it counts once, except use.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final

import msgspec

from economy import provenance_audit
from economy.impact import ImpactCounts
from economy.refusals import Refusal

PPM: Final = 1_000_000
COUNT_MOST: Final = 2**62
"""No account uses a content more often, or longer, than this; an encoding has no room for more."""


class Kind(Enum):
    """How much a work stands on its own."""

    FOUNDATIONAL = "foundational"
    SPECIALISED = "specialised"
    INCREMENTAL = "incremental"
    DERIVATIVE = "derivative"


class ProvenanceParameters(msgspec.Struct, frozen=True):
    """The bounds of the graph.

    Attributes:
        parents_most: a work derives directly from at most so many.
        quality_most_ppm: the highest quality that can be assessed; 1,000,000 is ordinary.
    """

    parents_most: int = 32
    quality_most_ppm: int = 2 * PPM


class Content(msgspec.Struct, frozen=True):
    """A registered work.

    Attributes:
        name: unique in the graph.
        creator: the account that made it, and is paid for it.
        kind: how much it stands on its own.
        field: what it is about.
        rank: 1 for the first content of the field, and so on.
        founding_parents: how many of its parents were declared when it was registered.
        registered_at_ms: ledger time.
        quality_ppm: as last assessed; 1,000,000 is ordinary.
    """

    name: str
    creator: str
    kind: Kind
    field: str
    rank: int
    founding_parents: int
    registered_at_ms: int
    quality_ppm: int = PPM


class Use(msgspec.Struct, frozen=True):
    """What one account did with one content: how often it fetched it, how long it used it."""

    downloads: int = 0
    used_ms: int = 0


class ProvenanceGraph:
    """Contents, derivations, citations and use.

    Every method that changes something returns None (or what it made) when it did, and a `Refusal`
    when it did not.

    Attributes:
        contents: by name.
        parents: what each content derives from, in the order in which that was declared.
        children: what derives directly from each content; its order matters nowhere.
        fields: how many contents each open field has.
        citations: for each content, the contents that cite it.
        uses: for each content, what each account did with it.
        tallies: for each content, what others did with it, kept up to date.
    """

    __slots__ = (
        "children",
        "citations",
        "contents",
        "fields",
        "parameters",
        "parents",
        "tallies",
        "uses",
    )

    def __init__(self, parameters: ProvenanceParameters | None = None) -> None:
        self.parameters = ProvenanceParameters() if parameters is None else parameters
        self.contents: dict[str, Content] = {}
        self.parents: dict[str, tuple[str, ...]] = {}
        self.children: dict[str, dict[str, None]] = {}
        self.fields: dict[str, int] = {}
        self.citations: dict[str, dict[str, None]] = {}
        self.uses: dict[str, dict[str, Use]] = {}
        self.tallies: dict[str, ImpactCounts] = {}

    # --- what is told to it -----------------------------------------------------------------

    def open_field(self, field: str) -> Refusal | None:
        """Let contents be registered in `field`; the right of whoever governs the fields."""
        if not field:
            return Refusal.UNKNOWN_FIELD
        self.fields.setdefault(field, 0)
        return None

    def register(
        self,
        name: str,
        creator: str,
        kind: Kind,
        field: str,
        parents: Sequence[str],
        now_ms: int,
    ) -> Content | Refusal:
        """Enter a new work of `creator`'s that derives from `parents`.

        Doing it again on the same terms does nothing and gives the content as it is; derivations
        that were added since do not matter for that.
        """
        existing = self.contents.get(name)
        if existing is not None:
            same = (creator, kind, field) == (existing.creator, existing.kind, existing.field)
            founding = self.parents[name][: existing.founding_parents]
            return existing if same and founding == tuple(parents) else Refusal.ID_TAKEN
        refusal = self._bar(name, field, parents)
        if refusal is not None:
            return refusal
        rank = self.fields[field] + 1
        content = Content(name, creator, kind, field, rank, len(parents), now_ms)
        self.fields[field] = rank
        self.contents[name] = content
        self.parents[name] = tuple(parents)
        self.children[name] = {}
        self.citations[name] = {}
        self.uses[name] = {}
        self.tallies[name] = ImpactCounts()
        for parent in parents:
            self._add_edge(name, parent)
        return content

    def derive(self, child: str, parent: str, claimant: str) -> Refusal | None:
        """Declare later that `child` derives from `parent`; the right of the child's creator."""
        if child not in self.contents or parent not in self.contents:
            return Refusal.UNKNOWN_CONTENT
        if claimant != self.contents[child].creator:
            return Refusal.NOT_AUTHORISED
        if parent in self.parents[child]:
            return None
        if len(self.parents[child]) >= self.parameters.parents_most:
            return Refusal.TOO_MANY
        if child == parent or any(name == child for name, _ in self.ancestors(parent)):
            return Refusal.CYCLE
        self.parents[child] += (parent,)
        self._add_edge(child, parent)
        return None

    def cite(self, citing: str, cited: str, claimant: str) -> Refusal | None:
        """Declare that `citing` refers to `cited`; the right of the citing work's creator."""
        if citing not in self.contents or cited not in self.contents:
            return Refusal.UNKNOWN_CONTENT
        if citing == cited:
            return Refusal.CYCLE
        if claimant != self.contents[citing].creator:
            return Refusal.NOT_AUTHORISED
        if citing in self.citations[cited]:
            return None
        self.citations[cited][citing] = None
        if claimant != self.contents[cited].creator:
            counted = self.tallies[cited]
            self.tallies[cited] = msgspec.structs.replace(counted, citations=counted.citations + 1)
        return None

    def use(self, name: str, user: str, downloads: int = 1, used_ms: int = 0) -> Refusal | None:
        """Count that `user` fetched the content `downloads` times and used it for `used_ms`."""
        if name not in self.contents:
            return Refusal.UNKNOWN_CONTENT
        before = self.uses[name].get(user, Use())
        after = Use(before.downloads + downloads, before.used_ms + used_ms)
        if min(downloads, used_ms) < 0 or not downloads + used_ms:
            return Refusal.INVALID_FIGURE
        if max(after.downloads, after.used_ms) > COUNT_MOST:
            return Refusal.INVALID_FIGURE
        if user != self.contents[name].creator:
            counted = self.tallies[name]
            self.tallies[name] = msgspec.structs.replace(
                counted,
                downloads=counted.downloads + downloads,
                used_ms=counted.used_ms + used_ms,
                reach=counted.reach + (user not in self.uses[name]),
            )
        self.uses[name][user] = after
        return None

    def assess(self, name: str, quality_ppm: int) -> Refusal | None:
        """Set the quality of a content; the right of its reviewers."""
        content = self.contents.get(name)
        if content is None:
            return Refusal.UNKNOWN_CONTENT
        if not 0 <= quality_ppm <= self.parameters.quality_most_ppm:
            return Refusal.INVALID_FIGURE
        self.contents[name] = msgspec.structs.replace(content, quality_ppm=quality_ppm)
        return None

    # --- what it can be asked ---------------------------------------------------------------

    def ancestors(self, name: str, depth_most: int | None = None) -> Iterator[tuple[str, int]]:
        """What `name` derives from, nearest first, each once with its shortest distance (≥ 1).

        Among equally distant ones the order is that of declaration, breadth first.

        Args:
            name: a registered content.
            depth_most: how far to look; None for the whole graph.
        """
        seen: dict[str, None] = {}
        generation, depth = [name], 0
        while generation and (depth_most is None or depth < depth_most):
            depth += 1
            elders: dict[str, None] = {}
            for younger in generation:
                for parent in self.parents[younger]:
                    if parent not in seen:
                        seen[parent] = None
                        elders[parent] = None
            for elder in elders:
                yield elder, depth
            generation = list(elders)

    def counts(self, name: str) -> ImpactCounts:
        """What others did with the content, as far as impact goes by it; in O(1)."""
        return self.tallies[name]

    def audit(self) -> str | None:
        """Check everything from scratch; returns what is wrong, or None."""
        return provenance_audit.audit(self)

    # --- parts ------------------------------------------------------------------------------

    def _bar(self, name: str, field: str, parents: Sequence[str]) -> Refusal | None:
        """Why a new content cannot be entered, or None."""
        if field not in self.fields:
            return Refusal.UNKNOWN_FIELD
        if name in parents:
            return Refusal.CYCLE
        if any(parent not in self.contents for parent in parents) or not name:
            return Refusal.UNKNOWN_CONTENT
        if len(parents) > self.parameters.parents_most or len(set(parents)) < len(parents):
            return Refusal.TOO_MANY
        return None

    def _add_edge(self, child: str, parent: str) -> None:
        """Enter that `child` derives from `parent`, whose parents name it already."""
        self.children[parent][child] = None
        of_others = self.contents[child].creator != self.contents[parent].creator
        counted = self.tallies[parent]
        self.tallies[parent] = msgspec.structs.replace(
            counted,
            derivatives=counted.derivatives + 1,
            derivatives_of_others=counted.derivatives_of_others + of_others,
        )
