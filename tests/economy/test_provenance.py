"""The provenance graph against a naive one, and what it refuses."""

import msgspec
import pytest
from earning_reference import ReferenceGraph
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from economy.impact import ImpactCounts
from economy.provenance import COUNT_MOST, Content, Kind, ProvenanceGraph, ProvenanceParameters
from economy.provenance_state import EncodedGraph, encode_graph, restore_graph
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

BASIC = Kind.FOUNDATIONAL


@pytest.fixture
def graph():
    """a ← b ← d, a ← c ← d, and e alone."""
    fresh = ProvenanceGraph(ProvenanceParameters(parents_most=3))
    assert fresh.open_field("law") is None
    for name, parents in (("a", ()), ("b", ("a",)), ("c", ("a",)), ("d", ("c", "b")), ("e", ())):
        made = fresh.register(name, f"creator of {name}", BASIC, "law", parents, 5)
        assert isinstance(made, Content)
    return fresh


def test_contents_are_ranked_by_field(graph):
    assert [graph.contents[name].rank for name in "abcde"] == [1, 2, 3, 4, 5]
    graph.open_field("art")
    made = graph.register("f", "x", Kind.DERIVATIVE, "art", ("a",), 9)
    assert made == Content("f", "x", Kind.DERIVATIVE, "art", 1, 1, 9, 1_000_000)


def test_opening_a_field_again_keeps_its_ranks(graph):
    assert graph.open_field("law") is None
    assert graph.register("f", "x", BASIC, "law", (), 9).rank == 6
    assert graph.open_field("") is Refusal.UNKNOWN_FIELD


def test_ancestors_come_nearest_first_and_once(graph):
    assert list(graph.ancestors("d")) == [("c", 1), ("b", 1), ("a", 2)]
    assert list(graph.ancestors("d", 1)) == [("c", 1), ("b", 1)]
    assert list(graph.ancestors("d", 0)) == list(graph.ancestors("a")) == []


def test_an_ancestor_counts_at_its_shortest_distance(graph):
    graph.derive("d", "a", "creator of d")
    assert list(graph.ancestors("d")) == [("c", 1), ("b", 1), ("a", 1)]


@pytest.mark.parametrize(
    ("child", "parent"), [("a", "a"), ("a", "b"), ("a", "d"), ("b", "d"), ("c", "d")]
)
def test_what_would_close_a_cycle_is_refused(graph, child, parent):
    before = encode_graph(graph)
    assert graph.derive(child, parent, f"creator of {child}") is Refusal.CYCLE
    assert encode_graph(graph) == before


def test_a_work_may_derive_from_a_later_one(graph):
    assert graph.derive("a", "e", "creator of a") is None
    assert list(graph.ancestors("d"))[-1] == ("e", 3)
    assert graph.derive("e", "d", "creator of e") is Refusal.CYCLE
    assert graph.audit() is None


def test_only_its_creator_says_what_a_work_owes(graph):
    assert graph.derive("e", "a", "creator of a") is Refusal.NOT_AUTHORISED
    assert graph.cite("e", "a", "creator of a") is Refusal.NOT_AUTHORISED


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("x", "me", BASIC, "tax", ()), Refusal.UNKNOWN_FIELD),
        (("x", "me", BASIC, "law", ("x",)), Refusal.CYCLE),
        (("x", "me", BASIC, "law", ("y",)), Refusal.UNKNOWN_CONTENT),
        (("", "me", BASIC, "law", ()), Refusal.UNKNOWN_CONTENT),
        (("x", "me", BASIC, "law", ("a", "a")), Refusal.TOO_MANY),
        (("x", "me", BASIC, "law", ("a", "b", "c", "d")), Refusal.TOO_MANY),
        (("d", "creator of d", BASIC, "law", ("b", "c")), Refusal.ID_TAKEN),
        (("d", "creator of d", BASIC, "law", ("c",)), Refusal.ID_TAKEN),
        (("d", "me", BASIC, "law", ("c", "b")), Refusal.ID_TAKEN),
        (("d", "creator of d", Kind.DERIVATIVE, "law", ("c", "b")), Refusal.ID_TAKEN),
        (("d", "creator of d", BASIC, "tax", ("c", "b")), Refusal.ID_TAKEN),
    ],
)
def test_a_registration_that_is_refused_changes_nothing(graph, arguments, refusal):
    before = encode_graph(graph)
    assert graph.register(*arguments, 9) is refusal
    assert encode_graph(graph) == before


def test_registering_again_gives_what_is_there(graph):
    graph.derive("d", "a", "creator of d")
    graph.assess("d", 7)
    before = encode_graph(graph)
    again = graph.register("d", "creator of d", BASIC, "law", ("c", "b"), 99)
    assert again == graph.contents["d"]
    assert (again.quality_ppm, again.registered_at_ms) == (7, 5)
    assert encode_graph(graph) == before


@pytest.mark.parametrize("quality_ppm", [0, 2_000_000])
def test_quality_may_be_anything_within_its_bounds(graph, quality_ppm):
    assert graph.assess("a", quality_ppm) is None
    assert graph.contents["a"].quality_ppm == quality_ppm
    assert graph.audit() is None


def test_a_work_has_so_many_parents_and_no_more(graph):
    assert graph.derive("d", "e", "creator of d") is None
    assert graph.derive("d", "a", "creator of d") is Refusal.TOO_MANY
    assert graph.derive("d", "e", "creator of d") is None


def test_impact_is_counted_from_what_others_did(graph):
    graph.register("mine", "creator of a", BASIC, "law", ("a",), 9)
    graph.cite("e", "a", "creator of e")
    graph.cite("e", "a", "creator of e")
    graph.cite("mine", "a", "creator of a")
    graph.use("a", "user", 2, 30)
    graph.use("a", "user", 1, 0)
    graph.use("a", "other", 0, 4)
    graph.use("a", "creator of a", 100, 100)
    assert graph.counts("a") == ImpactCounts(1, 3, 34, 3, 2, 2)
    assert graph.counts("d") == ImpactCounts()
    assert graph.audit() is None


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda graph: graph.use("x", "u"), Refusal.UNKNOWN_CONTENT),
        (lambda graph: graph.use("a", "u", 0, 0), Refusal.INVALID_FIGURE),
        (lambda graph: graph.use("a", "u", -1, 2), Refusal.INVALID_FIGURE),
        (lambda graph: graph.use("a", "u", 2, -1), Refusal.INVALID_FIGURE),
        (lambda graph: graph.use("a", "u", COUNT_MOST + 1), Refusal.INVALID_FIGURE),
        (lambda graph: graph.use("a", "u", 0, COUNT_MOST + 1), Refusal.INVALID_FIGURE),
        (lambda graph: graph.assess("x", 1), Refusal.UNKNOWN_CONTENT),
        (lambda graph: graph.assess("a", -1), Refusal.INVALID_FIGURE),
        (lambda graph: graph.assess("a", 2_000_001), Refusal.INVALID_FIGURE),
        (lambda graph: graph.cite("x", "a", "u"), Refusal.UNKNOWN_CONTENT),
        (lambda graph: graph.cite("a", "x", "u"), Refusal.UNKNOWN_CONTENT),
        (lambda graph: graph.cite("a", "a", "creator of a"), Refusal.CYCLE),
        (lambda graph: graph.derive("x", "a", "u"), Refusal.UNKNOWN_CONTENT),
        (lambda graph: graph.derive("a", "x", "u"), Refusal.UNKNOWN_CONTENT),
    ],
)
def test_what_is_refused_changes_nothing(graph, call, refusal):
    before = encode_graph(graph)
    assert call(graph) is refusal
    assert encode_graph(graph) == before


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda graph: graph.parents.pop("e"), "index"),
        (lambda graph: graph.tallies.pop("e"), "index"),
        (lambda graph: graph.children["a"].pop("b"), "inverse"),
        (lambda graph: graph.children["a"].update(e=None), "inverse"),
        (lambda graph: graph.parents.update(e=("a", "a")), "parents"),
        (lambda graph: graph.citations["a"].update(a=None), "itself"),
        (lambda graph: graph.citations["a"].update(nothing=None), "no content"),
        (lambda graph: graph.fields.update(law=6), "ranks"),
        (lambda graph: graph.fields.pop("law"), "no open field"),
        (lambda graph: graph.tallies.update(a=ImpactCounts(1)), "recount"),
        (lambda graph: replace(graph, "a", quality_ppm=-1), "quality"),
        (lambda graph: replace(graph, "a", founding_parents=1), "more parents"),
        (lambda graph: replace(graph, "b", rank=1), "ranks"),
        (lambda graph: close_a_cycle(graph), "cycle"),
    ],
)
def test_the_audit_finds_what_is_wrong(graph, break_it, words):
    assert graph.audit() is None
    break_it(graph)
    assert words in graph.audit()


def replace(graph, name, **changes):
    graph.contents[name] = msgspec.structs.replace(graph.contents[name], **changes)


def close_a_cycle(graph):
    graph.parents["a"] = ("d",)
    graph.children["d"]["a"] = None
    graph.tallies["d"] = ImpactCounts(derivatives=1, derivatives_of_others=1)


def test_bytes_do_not_depend_on_the_order_of_events():
    def made(*order):
        graph = ProvenanceGraph()
        for field in order:
            graph.open_field(field)
            graph.register(f"in {field}", field, BASIC, field, (), 1)
        for user in order:
            graph.use("in one", user)
            graph.cite(f"in {user}", "in one", user)
        return encode_graph(graph)

    assert made("one", "two", "three") == made("three", "one", "two")


def forged(graph, name, **changes):
    state = decode(encode_graph(graph), EncodedGraph)
    contents = tuple(
        msgspec.structs.replace(entry, **changes) if entry.content.name == name else entry
        for entry in state.contents
    )
    return encode(msgspec.structs.replace(state, contents=contents))


def test_restoring_trusts_nothing(graph):
    payload, figures = encode_graph(graph), graph.parameters
    assert encode_graph(restore_graph(payload, figures)) == payload
    for length in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            restore_graph(payload[:length], figures)
    with pytest.raises(RemoteProtocolError, match="figures"):
        restore_graph(payload, ProvenanceParameters())
    state = decode(payload, EncodedGraph)
    for changes, words in (
        ({"version": 2}, "format 2"),
        ({"fields": (("law", 4),)}, "ranks"),
        ({"contents": state.contents[::-1]}, "canonical"),
    ):
        with pytest.raises(RemoteProtocolError, match=words):
            restore_graph(encode(msgspec.structs.replace(state, **changes)), figures)
    for name, changes, words in (
        ("a", {"parents": ("d",)}, "cycle"),
        ("a", {"parents": ("nothing",)}, "derives from no content"),
        ("a", {"citations": ("nothing",)}, "cited by no content"),
        ("a", {"citations": ("e", "b")}, "canonical"),
    ):
        with pytest.raises(RemoteProtocolError, match=words):
            restore_graph(forged(graph, name, **changes), figures)


NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f"])
CREATORS = st.sampled_from(["x", "y", "z"])
FIELDS = st.sampled_from(["law", "art", "tax"])


class GraphAgainstReference(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.graph = ProvenanceGraph(ProvenanceParameters(parents_most=3))
        self.reference = ReferenceGraph(3, 2_000_000)
        for field in ("law", "art"):
            self.graph.open_field(field)
            self.reference.fields.add(field)

    def both(self, method, *arguments):
        answer = getattr(self.graph, method)(*arguments)
        assert answer is getattr(self.reference, method)(*arguments)

    @rule(
        name=NAMES,
        creator=CREATORS,
        kind=st.sampled_from(Kind),
        field=FIELDS,
        parents=st.lists(NAMES, max_size=4),
    )
    def register(self, name, creator, kind, field, parents):
        answer = self.graph.register(name, creator, kind, field, parents, 1)
        expected = self.reference.register(name, creator, kind, field, parents)
        if expected is None:
            assert answer == self.graph.contents[name]
        else:
            assert answer is expected

    @rule(name=NAMES, creator=CREATORS, kind=st.sampled_from(Kind), data=st.data())
    def register_something_new(self, name, creator, kind, data):
        if name in self.graph.contents:
            return
        known = list(self.graph.contents)
        parents = (
            data.draw(st.lists(st.sampled_from(known), unique=True, max_size=3)) if known else []
        )
        self.register(name, creator, kind, "law", parents)

    @rule(child=NAMES, parent=NAMES, claimant=CREATORS)
    def derive(self, child, parent, claimant):
        self.both("derive", child, parent, claimant)

    @rule(child=NAMES, parent=NAMES)
    def derive_by_right(self, child, parent):
        if child in self.graph.contents:
            self.both("derive", child, parent, self.reference.creator(child))

    @rule(citing=NAMES, cited=NAMES)
    def cite(self, citing, cited):
        if citing in self.graph.contents:
            self.both("cite", citing, cited, self.reference.creator(citing))

    @rule(name=NAMES, user=CREATORS, downloads=st.integers(-1, 3), used_ms=st.integers(-1, 3))
    def use(self, name, user, downloads, used_ms):
        self.both("use", name, user, downloads, used_ms)

    @rule(name=NAMES, quality_ppm=st.integers(-1, 2_000_001))
    def assess(self, name, quality_ppm):
        self.both("assess", name, quality_ppm)

    @rule()
    def move_to_a_restored_graph(self):
        payload = encode_graph(self.graph)
        self.graph = restore_graph(payload, self.graph.parameters)
        assert encode_graph(self.graph) == payload

    @invariant()
    def grew_alike(self):
        assert self.graph.audit() is None
        assert set(self.graph.contents) == set(self.reference.names())
        for name, content in self.graph.contents.items():
            assert content.rank == self.reference.rank(name)
            assert content.creator == self.reference.creator(name)
            assert content.quality_ppm == self.reference.quality[name]
            assert list(self.graph.parents[name]) == self.reference.parents(name)
            assert msgspec.structs.astuple(self.graph.counts(name)) == self.reference.counts(name)
            for depth in (1, 2, 6):
                found = list(self.graph.ancestors(name, depth))
                assert found == self.reference.ancestors(name, depth)


TestGraphAgainstReference = GraphAgainstReference.TestCase
TestGraphAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
