"""The whole provenance graph as bytes, and back.

The encoding is canonical (contents, fields, citations and users in name order; parents in the order
of their declaration, which is part of the state), so equal graphs have equal bytes. Restoring
trusts nothing: what comes out must pass the graph's audit, and must encode to the same bytes again.
"""

from typing import Final

import msgspec

from economy.provenance import Content, ProvenanceGraph, ProvenanceParameters, Use
from economy.provenance_audit import recount
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1


class EncodedContent(msgspec.Struct, frozen=True, array_like=True):
    """A content with all that hangs on it."""

    content: Content
    parents: tuple[str, ...]
    citations: tuple[str, ...]
    uses: tuple[tuple[str, Use], ...]


class EncodedGraph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `ProvenanceGraph` as it is saved; the parameters travel with it."""

    version: int
    parameters: ProvenanceParameters
    fields: tuple[tuple[str, int], ...]
    contents: tuple[EncodedContent, ...]


def encode_graph(graph: ProvenanceGraph) -> bytes:
    """The whole state of `graph` as canonical bytes."""
    return encode(
        EncodedGraph(
            version=FORMAT_VERSION,
            parameters=graph.parameters,
            fields=tuple(sorted(graph.fields.items())),
            contents=tuple(
                EncodedContent(
                    content=graph.contents[name],
                    parents=graph.parents[name],
                    citations=tuple(sorted(graph.citations[name])),
                    uses=tuple((user, graph.uses[name][user]) for user in sorted(graph.uses[name])),
                )
                for name in sorted(graph.contents)
            ),
        )
    )


def restore_graph(payload: bytes, parameters: ProvenanceParameters) -> ProvenanceGraph:
    """The graph that `encode_graph` made `payload` of.

    Args:
        payload: the bytes; they may come from a peer.
        parameters: the figures that this graph must have.

    Raises:
        RemoteProtocolError: the bytes encode no graph, another version's, one with other
            parameters, one that is not in canonical order, or one that does not pass its audit.
    """
    state: EncodedGraph = decode(payload, EncodedGraph)
    if state.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"graph of format {state.version}, this is {FORMAT_VERSION}")
    if state.parameters != parameters:
        raise RemoteProtocolError(f"graph of figures {state.parameters}, not of {parameters}")
    graph = ProvenanceGraph(parameters)
    graph.fields = dict(state.fields)
    for entry in state.contents:
        name = entry.content.name
        graph.contents[name] = entry.content
        graph.parents[name] = entry.parents
        graph.children[name] = {}
        graph.citations[name] = dict.fromkeys(entry.citations)
        graph.uses[name] = dict(entry.uses)
    for name, parents in graph.parents.items():
        for parent in parents:
            if parent not in graph.contents:
                raise RemoteProtocolError(f"restored graph: {name!r} derives from no content")
            graph.children[parent][name] = None
    for name, citing in graph.citations.items():
        if citing.keys() - graph.contents.keys():
            raise RemoteProtocolError(f"restored graph: {name!r} is cited by no content")
        graph.tallies[name] = recount(graph, name)
    discrepancy = graph.audit()
    if discrepancy is not None:
        raise RemoteProtocolError(f"restored graph: {discrepancy}")
    if encode_graph(graph) != payload:
        raise RemoteProtocolError("restored graph: its bytes are not in canonical form")
    return graph
