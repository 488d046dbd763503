"""Schedules as lines and as YAML: what is written reads back, and mistakes come with a remedy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor import UserError
from prsm_sim.faults import (
    BitRot,
    Byzantine,
    Churn,
    ClockDrift,
    ClockSkew,
    Clog,
    Crash,
    Delay,
    DelayMessage,
    DropMessage,
    DuplicateMessage,
    Eclipse,
    Fault,
    Loss,
    OneWay,
    Partition,
    Slow,
    Sybil,
    Throttle,
    shaped_partition,
)
from prsm_sim.plan import dump_plan, load_plan
from prsm_sim.schedule import (
    DEVIATIONS,
    KINDS,
    format_fault,
    format_schedule,
    parse_entry,
    parse_schedule,
)
from tests.kernel import nemesis_strategies

PEERS = ("a", "b", "c", "d", "replica-2")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("at 3 s crash replica-2 for 5 s", Crash(at_s=3, peer="replica-2", for_s=5)),
        ("at 3 s crash a", Crash(at_s=3, peer="a")),
        ("at 3 s crash a with-amnesia for 1 s", Crash(at_s=3, peer="a", for_s=1, amnesia=True)),
        (
            "at 1 s delay 0.5 s from a to b for 2 s",
            Delay(at_s=1, by_s=0.5, senders=("a",), receivers=("b",), for_s=2),
        ),
        ("at 0 s loss 0.25 to b c for 2 s", Loss(at_s=0, rate=0.25, receivers=("b", "c"), for_s=2)),
        ("at 0 s one-way from a for 2 s", OneWay(at_s=0, senders=("a",), for_s=2)),
        ("at 0 s clog for 2 s", Clog(at_s=0, for_s=2)),
        ("at 0 s throttle 1000 bytes/s for 2 s", Throttle(at_s=0, bytes_s=1000, for_s=2)),
        (
            "at 10 s partition a b | c d for 20 s",
            Partition(at_s=10, for_s=20, groups=(("a", "b"), ("c", "d"))),
        ),
        ("at 0 s slow a by 0.05 s for 2 s", Slow(at_s=0, peer="a", by_s=0.05, for_s=2)),
        ("at 0 s clock-skew a by -3 s for 2 s", ClockSkew(at_s=0, peer="a", by_s=-3, for_s=2)),
        ("at 0 s clock-drift a rate 1.5 for 2 s", ClockDrift(at_s=0, peer="a", rate=1.5, for_s=2)),
        ("at 0 s bit-rot a share 0.5", BitRot(at_s=0, peer="a", share=0.5)),
        (
            "at 0 s churn a b up 3 s down 1 s for 60 s",
            Churn(at_s=0, peers=("a", "b"), up_s=3, down_s=1, for_s=60),
        ),
        (
            "at 0 s eclipse a attackers b c for 2 s",
            Eclipse(at_s=0, victim="a", attackers=("b", "c"), for_s=2),
        ),
        ("at 0 s sybil like a count 5", Sybil(at_s=0, like="a", count=5)),
        ("message 3 from a to b dropped", DropMessage(sender="a", receiver="b", number=3)),
        (
            "message 3 from a to b delayed 0.5 s",
            DelayMessage(sender="a", receiver="b", number=3, by_s=0.5),
        ),
        (
            "message 3 from a to b duplicated after 0.5 s",
            DuplicateMessage(sender="a", receiver="b", number=3, after_s=0.5),
        ),
        (
            "at 2 s byzantine a mutate of Prepare to b first 3 count 1 field digest change old",
            Byzantine(
                peer="a", behaviour="mutate", at_s=2, types=("Prepare",), receivers=("b",), first=3,
                count=1, field="digest", change="old",
            ),
        ),
    ],
)  # fmt: skip
def test_a_line_is_a_fault_and_a_fault_is_that_line(line: str, fault: Fault) -> None:
    assert parse_schedule(line, PEERS) == (fault,)
    assert format_fault(fault) == line


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ("halves", {}),
        ("majorities-ring", {}),
        ("bridge", {}),
        ("bridge d", {"peer": "d"}),
        ("star d", {"peer": "d"}),
        ("primary-alone", {}),
        ("isolate-one replica-2", {"peer": "replica-2"}),
    ],
)
def test_shapes_go_by_the_order_of_all_peers(shape: str, options: dict[str, str]) -> None:
    (fault,) = parse_schedule(f"at 10 s partition {shape} for 20 s", PEERS)
    name = shape.split()[0]
    assert fault == shaped_partition(name, PEERS, at_s=10, for_s=20, peer=options.get("peer"))


def test_a_shape_of_some_peers_leaves_the_others_in_touch_with_all() -> None:
    (fault,) = parse_schedule("at 10 s partition isolate-one b of a b c for 20 s", PEERS)
    assert fault == shaped_partition(
        "isolate-one", ("a", "b", "c"), at_s=10, for_s=20, peer="b", bystanders=("d", "replica-2")
    )


def test_lines_units_comments_and_free_order() -> None:
    text = """
    # first comes the crash
    at 500ms crash a for 1 min   # a minute
    at .5 s delay 200 ms for 2s to "b" from a

    at 1 lying-disk a
    """
    assert format_schedule(parse_schedule(text, PEERS)) == (
        "at 0.5 s crash a for 60 s\nat 0.5 s delay 0.2 s from a to b for 2 s\nat 1 s lying-disk a\n"
    )


NAMES = st.one_of(
    st.sampled_from(
        ["a", "for", "to", "|", "/", "at", "#1", 'say "hi"', "two  words", "halves", "3"]
    ),
    st.text(min_size=1, max_size=6),
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_fault_reads_back_from_its_line(data: st.DataObject) -> None:
    peers = data.draw(st.lists(NAMES, min_size=4, max_size=6, unique=True), "peers")
    any_fault = nemesis_strategies.faults(peers) | nemesis_strategies.byzantine(peers)
    schedule = tuple(data.draw(st.lists(any_fault, max_size=4), "schedule"))
    text = format_schedule(schedule)
    assert text.count("\n") == len(schedule)
    assert parse_schedule(text, peers) == schedule
    assert load_plan(dump_plan(schedule), "here") == schedule


def test_the_grammar_covers_every_field_of_every_kind() -> None:
    lines = dict((*KINDS.values(), *DEVIATIONS.values()))
    assert set(lines) == set(nemesis_strategies.KINDS.values())
    for model, clauses in lines.items():
        said = {"kind", "at_s", *(clause.field for clause in clauses)}
        named = {"sender", "receiver", "number"} & set(model.model_fields)
        assert said | named == set(model.model_fields) | {"at_s"}


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("att 10 s crash a", "a line begins with 'at' or 'message', and not with 'att'; did you"),
        ("at x s crash a", "the time after 'at' is a number, and 'x' is none"),
        ("at 1 parsec crash a", "no fault is called 'parsec'"),
        ("at 1parsec crash a", "the time after 'at': no unit is called 'parsec'; the names are"),
        (
            "at 1 s partiton a | b for 1 s",
            "no fault is called 'partiton'; did you mean 'partition'",
        ),
        ("at 1 s crash replca-2", "no peer is called 'replca-2'; did you mean 'replica-2'?"),
        ("at 1 s crash a fro 3 s", "'fro' is no part of 'crash'; did you mean 'for'?"),
        ("at 1 s crash", "'crash' needs more: say 'a peer'"),
        ("at 1 s delay from a for 1 s", "'delay' needs more: say '5 s'"),
        ("at 1 s delay 0.5 s from a", "'delay' needs more: say 'for 5 s'"),
        ("at 1 s partition halves", "'partition' needs more: say 'for 5 s'"),
        ("at 1 s loss 2 for 3 s", "rate: 2.0 is out of range, it must be above 0 and at most 1"),
        ("at -1 s crash a", "at_s: -1.0 is out of range, it must be at least 0"),
        ("at 1 s sybil like a count 2.5", "count: must be a whole number"),
        ("at 1 s crash a for 3 s for 3 s", "'for' is said twice"),
        ("message 3 form a to b dropped", "expected 'from', as in"),
        ("message 3 from a to b droped", "a message cannot be 'droped'; did you mean 'dropped'?"),
        ("message 3 from a to x dropped", "no peer is called 'x'"),
        ('at 1 s crash "a', "a double quote is not closed"),
        ('at 1 s crash "\\q"', "broken text in quotes"),
        ("at 1 s partition halfs for 2 s", "no partition has the shape 'halfs'; did you mean"),
        ("at 1 s partition halves for -2 s", "for_s: -2.0 is out of range"),
        ("at 1 s partition bridge x for 2 s", "a partition cannot leave 'x' alone"),
        ("at 1 s partition a | b of a for 2 s", "'of' goes with a shape"),
        ("at 1 s byzantine a mutatee", "behaviour: must be 'withhold'"),
        ("at 1 s sybil like for 2 s", "what follows 'like' is missing: say a peer"),
    ],
)
def test_a_mistake_names_the_line_what_is_wrong_and_the_remedy(line: str, mistake: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_schedule(f"at 1 s crash a\n{line}", PEERS)
    assert str(caught.value).startswith(f"line 2: {mistake}")
    assert "\n" not in str(caught.value)


WORDS = [
    "at",
    "3",
    "s",
    "for",
    "from",
    "|",
    "/",
    "a",
    '"',
    "#",
    "of",
    "message",
    "dropped",
    "halves",
]


@given(st.lists(st.sampled_from([*KINDS, *WORDS, "-1", "1e999"]), max_size=12))
def test_no_text_breaks_the_parser(words: list[str]) -> None:
    for text in (" ".join(words), "at 1 s " + " ".join(words)):
        try:
            assert len(parse_schedule(text, PEERS)) <= 1
        except UserError as error:
            said = str(error)
            assert said.startswith("line 1: ")  # either is fine


def test_an_entry_of_a_list_is_a_mapping_or_a_line() -> None:
    crash = Crash(at_s=3, peer="a", for_s=5)
    assert parse_entry("at 3 s crash a for 5 s", PEERS) == crash
    assert parse_entry({"kind": "crash", "at_s": 3, "peer": "a", "for_s": 5}, PEERS) == crash


@pytest.mark.parametrize(
    ("entry", "mistake"),
    [
        ("at 3 s crash x", "no peer is called 'x'"),
        ({"kind": "crash", "at_s": 1, "peer": "x"}, "no peer is called 'x'"),
        (
            {"kind": "crsh", "at_s": 1, "peer": "a"},
            "no kind of fault is called 'crsh'; did you mea",
        ),
        ({"at_s": 1, "peer": "a"}, "no kind of fault is called ''; the names are partition"),
        ({"kind": "crash", "at": 1, "peer": "a"}, "at: unknown name; did you mean 'at_s'?"),
        (
            {"kind": "crash", "at_s": -1, "peer": "a"},
            "at_s: -1 is out of range, it must be at least",
        ),
        ("# nothing", "an empty line is no fault"),
    ],
)
def test_a_mistake_in_an_entry_is_named(entry: str | dict[str, object], mistake: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_entry(entry, PEERS)
    assert str(caught.value).startswith(mistake)


def test_bystanders_may_be_named_and_are_not_parted_by_shapes() -> None:
    text = "at 1 s partition halves for 2 s\nmessage 0 from client to a dropped"
    partition, drop = parse_schedule(text, ("a", "b"), ("client",))
    assert partition == Partition(at_s=1, for_s=2, groups=(("a", "client"), ("b", "client")))
    assert drop == DropMessage(sender="client", receiver="a", number=0)
    with pytest.raises(UserError, match="line 2: no peer is called 'client'"):
        parse_schedule(text, ("a", "b"))
