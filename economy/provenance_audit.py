"""The audit of a provenance graph: everything it keeps besides what it was told, worked out anew.

Edges kept in both directions must be each other's inverse, tallies must be what a recount gives,
ranks must run from 1 without a gap, and the derivations must have an order in which every work
comes after all that it derives from, which they have exactly if there is no cycle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from economy.impact import ImpactCounts

if TYPE_CHECKING:
    from economy.provenance import ProvenanceGraph


def audit(graph: ProvenanceGraph) -> str | None:
    """What is wrong with `graph`, or None."""
    return (
        _audit_contents(graph) or _audit_edges(graph) or _audit_fields(graph) or _audit_order(graph)
    )


def recount(graph: ProvenanceGraph, name: str) -> ImpactCounts:
    """What others did with a content, counted from the edges and the uses."""
    creator = graph.contents[name].creator

    def of_others(names: dict[str, None]) -> int:
        return sum(graph.contents[other].creator != creator for other in names)

    uses = [use for user, use in graph.uses[name].items() if user != creator]
    return ImpactCounts(
        citations=of_others(graph.citations[name]),
        downloads=sum(use.downloads for use in uses),
        used_ms=sum(use.used_ms for use in uses),
        derivatives=len(graph.children[name]),
        derivatives_of_others=of_others(graph.children[name]),
        reach=len(uses),
    )


def _audit_contents(graph: ProvenanceGraph) -> str | None:
    contents, figures = graph.contents, graph.parameters
    for index in (graph.parents, graph.children, graph.citations, graph.uses, graph.tallies):
        if index.keys() != contents.keys():
            return "an index has other contents than the graph"
    for name, content in contents.items():
        parents = graph.parents[name]
        if len(set(parents)) < len(parents) or len(parents) > figures.parents_most:
            return f"content {name!r} has the parents {parents}"
        if not 0 <= content.founding_parents <= len(parents):
            return f"content {name!r} was registered with more parents than it has"
        if not 0 <= content.quality_ppm <= figures.quality_most_ppm:
            return f"content {name!r} has quality {content.quality_ppm} ppm"
        for user, use in graph.uses[name].items():
            if min(use.downloads, use.used_ms) < 0 or not use.downloads + use.used_ms:
                return f"content {name!r} was used by {user!r} like this: {use}"
    return None


def _audit_edges(graph: ProvenanceGraph) -> str | None:
    contents = graph.contents
    down = {(parent, child) for parent in contents for child in graph.children[parent]}
    if down != {(parent, child) for child in contents for parent in graph.parents[child]}:
        return "children are not the parents' inverse"
    for name, citing in graph.citations.items():
        if name in citing or citing.keys() - contents.keys():
            return f"content {name!r} is cited by itself or by no content"
    for name, counted in graph.tallies.items():
        if counted != recount(graph, name):
            return f"content {name!r} counts {counted}, a recount gives {recount(graph, name)}"
    return None


def _audit_fields(graph: ProvenanceGraph) -> str | None:
    ranks: dict[str, list[int]] = {field: [] for field in graph.fields}
    for content in graph.contents.values():
        if content.field not in ranks:
            return f"content {content.name!r} is of no open field"
        ranks[content.field].append(content.rank)
    for field, found in ranks.items():
        if sorted(found) != list(range(1, graph.fields[field] + 1)):
            return f"field {field!r} of {graph.fields[field]} contents has the ranks {found}"
    return None


def _audit_order(graph: ProvenanceGraph) -> str | None:
    """Topological sorting (Kahn, CACM 5(11), 1962) reaches every vertex if there is no cycle."""
    missing = {name: len(parents) for name, parents in graph.parents.items()}
    ready = [name for name, count in missing.items() if not count]
    for name in ready:
        for child in graph.children[name]:
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    return None if len(ready) == len(missing) else "the derivations have a cycle"
