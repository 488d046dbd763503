"""The search for an order, against the definition, the literature, and the clock."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prsm_sim.actor.errors import UserError
from prsm_sim.history import Call, History, Invoked, Returned
from prsm_sim.oracles import (
    Counter,
    KeyValue,
    Linearizable,
    Log,
    Queue,
    Register,
    Set,
    check_history,
)
from prsm_sim.oracles.explain import explain
from prsm_sim.oracles.search import Part, end_of, is_explained_by_returns, search
from tests.oracles.histories import Facts, is_linearizable, long_history, small_histories, told

WORKLOADS: dict[str, tuple[Any, list[bytes], list[bytes]]] = {
    "register": (
        Register(b"0"),
        [b"read", b"write 1", b"write 2", b"cas 0 1", b"cas 1 2"],
        [b"0", b"1", b"2", b"ok", b"no"],
    ),
    "key-value": (
        KeyValue(),
        [b"get x", b"get y", b"put x 1", b"put y 1", b"append x 1", b"delete x", b"cas x 1 2"],
        [b"", b"1", b"11", b"2", b"ok", b"no"],
    ),
    "counter": (Counter(), [b"read", b"next", b"add 2"], [b"0", b"1", b"2", b"3", b"ok"]),
    "set": (
        Set(),
        [b"add x", b"add y", b"remove x", b"has x", b"has y", b"members"],
        [b"ok", b"yes", b"no", b"x", b"x y"],
    ),
    "set in parts": (Set(), [b"add x", b"remove x", b"has x", b"has y", b"add y"], [b"yes", b"no"]),
    "queue": (Queue(), [b"enqueue 1", b"enqueue 2", b"dequeue"], [b"", b"1", b"2", b"ok"]),
    "log": (Log(), [b"append 1", b"append 2", b"read"], [b"", b"1", b"2", b"1 2", b"2 1"]),
}


class Opaque:
    """A model without the hints that make checking cheaper."""

    def __init__(self, model: Any) -> None:
        self.initial = model.initial
        self.step = model.step


@pytest.mark.parametrize("name", WORKLOADS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_it_says_what_the_definition_says(name: str, data: st.DataObject) -> None:
    model, operations, results = WORKLOADS[name]
    facts = data.draw(small_histories(operations, results, model))
    judgement = check_history(model, facts)
    blind = check_history(Opaque(model), facts)
    if not any(isinstance(fact, Returned) for fact in facts):
        assert judgement.status == blind.status == "inconclusive"
    elif is_linearizable(model, facts):
        assert judgement.status == blind.status == "pass", judgement.detail
        assert judgement.failed is None
    else:
        assert judgement.status == blind.status == "fail"
        # The prefix it names fails, and is the shortest that does.
        assert judgement.failed == blind.failed is not None
        assert not is_linearizable(model, facts[: judgement.failed])
        assert is_linearizable(model, facts[: judgement.failed - 1])


@pytest.mark.parametrize("name", ["register", "counter", "log"])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_operations_it_names_are_needed_and_enough(name: str, data: st.DataObject) -> None:
    model, operations, results = WORKLOADS[name]
    assert_window_is_exact(model, data.draw(small_histories(operations, results, model)))


def test_what_has_taken_effect_before_the_window_does_not_do_so_again() -> None:
    """The reader at first saw c's and d's operations, which return during the failing read."""
    facts = told("a read", "c next", "d next", "a: 2", "b read", "c: 1", "d: 2", "b: 3")
    assert assert_window_is_exact(Counter(), facts) == (["b"], 2)
    facts = told("a read", "c next", "d next", "a: 2", "b read", "c: 1", "d: 2", "e next", "b: 4")
    assert assert_window_is_exact(Counter(), facts) == (["b"], 3)
    facts = told("a read", "c next", "d next", "a: 1", "b read", "c: 1", "b: 0", "d: 2")
    assert assert_window_is_exact(Counter(), facts) == (["b"], 2)
    facts = told("a read", "c next", "a: 1", "b read", "d next", "c: 1", "d: 3", "b: 1")
    assert assert_window_is_exact(Counter(), facts) == (["d"], 2)


def test_what_a_free_operation_might_have_done_before_the_window_counts() -> None:
    """Had c been told ok, 1 would have become 5 before 2 was appended."""
    lines = ["a put x 1", "c cas x 1 5", "a: ok", "a append x 2", "a: ok", "b get x", "c: no"]
    assert assert_window_is_exact(KeyValue(), told(*lines, "b: 52")) == (["b", "c"], 1)
    assert check_history(KeyValue(), told(*lines[:-1], "c: ok", "b: 52")).status == "pass"


def assert_window_is_exact(model: Any, facts: Facts) -> tuple[list[str], int]:
    """Without the returns of the others the named calls cannot be ordered; any fewer of them can.

    Returns:
        The clients of the named calls, and how many others were under way.
    """
    calls = History.of(facts).calls
    returned = [call for call in calls if call.returned is not None]
    part = Part(model, returned, [call for call in calls if call.returned is None])
    found = search(part, 10_000)
    if found.explained:
        return [], 0
    window = explain(part, found.failed, 10_000)
    failing = window.calls[0]
    assert failing.returned == window.failed
    before = {(call.client, call.number) for call in before_the_window(returned, failing)}
    named = {(call.client, call.number) for call in window.calls}
    assert window.before == len(before)
    assert not before & named

    def told_only(keep: set[tuple[str, int]]) -> Facts:
        return [
            fact
            for fact in facts[: window.failed]
            if isinstance(fact, Invoked) or (fact.client, fact.number) in keep
        ]

    assert not is_linearizable(model, told_only(before | named))
    for one in named:
        assert is_linearizable(model, told_only((before | named) - {one}))
    return [call.client for call in window.calls], window.others


def before_the_window(returned: Sequence[Call], failing: Call) -> list[Call]:
    """The returned calls that were invoked before any that overlaps the failing one."""
    done = [call for call in returned if end_of(call) <= end_of(failing)]
    first = min(call.invoked for call in done if end_of(call) > failing.invoked)
    return [call for call in done if call.invoked < first]


# Histories from the literature.

HERLIHY_WING = [
    # Figure 1 of Herlihy and Wing 1990: overlapping enqueues may take effect in either order …
    ("H1", "pass", ["a enqueue x", "b enqueue y", "b: ok", "a: ok",
                    "b dequeue", "a dequeue", "b: x", "a: y", "a enqueue z"]),
    # … but x was in the queue before y was enqueued, so y cannot come out first …
    ("H2", "fail", ["a enqueue x", "a: ok", "b enqueue y", "a dequeue", "b: ok", "a: y"]),
    # … an enqueue may take effect before it returns …
    ("H3", "pass", ["a enqueue x", "b dequeue", "b: x"]),
    # … and y comes out once.
    ("H4", "fail", ["a enqueue x", "b enqueue y", "a: ok", "b: ok",
                    "a dequeue", "c dequeue", "a: y", "c: y"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "status", "lines"), HERLIHY_WING)
def test_herlihy_wing_figure_1(name: str, status: str, lines: list[str]) -> None:
    assert check_history(Queue(), told(*lines)).status == status


def test_a_stale_read_is_sequentially_consistent_but_not_linearizable() -> None:
    facts = told("a write 1", "a: ok", "a write 2", "a: ok", "b read", "b: 1")
    judgement = check_history(Register(), facts)
    assert (judgement.status, judgement.failed, judgement.operations) == ("fail", 6, 3)
    assert judgement.detail == (
        "no order explains b 'read' → '1' (5–6); the 2 earlier operations left '2', "
        "so it should have been told '2'"
    )


def test_new_then_old_while_a_write_is_under_way() -> None:
    facts = told("a write 1", "b read", "b: 1", "c read", "c: ", "a: ok")
    judgement = check_history(Register(), facts)
    assert (judgement.status, judgement.failed) == ("fail", 5)
    assert "c 'read' → ''" in judgement.detail


def test_an_unanswered_write_may_take_effect_late_or_never_but_once() -> None:
    def history(*reads: str) -> Facts:
        lines = ["a write 1", "a: ok", "lost write 2"]
        return told(*lines, *(line for value in reads for line in ("b read", f"b: {value}")))

    assert check_history(Register(), history("1", "1")).status == "pass"
    assert check_history(Register(), history("1", "2", "2")).status == "pass"
    assert check_history(Register(), history("1", "2", "1")).status == "fail"
    assert check_history(Register(), history("1", "2", "1")).failed == 9


def test_an_unanswered_write_takes_no_effect_before_it_is_asked_for() -> None:
    facts = told("b read", "b: 2", "lost write 2", "b read", "b: 2")
    judgement = check_history(Register(), facts)
    assert (judgement.status, judgement.failed) == ("fail", 2)
    assert check_history(Register(), [facts[2], *facts[:2], *facts[3:]]).status == "pass"


def test_equal_unanswered_operations_cost_no_more_than_their_number() -> None:
    """Any of them will do, so only how many have taken effect matters, not which."""
    facts: Facts = [Invoked(f"lost-{n}", 1, b"next") for n in range(20)]
    judgement = check_history(Counter(), [*facts, *told("d read", "d: 21")])
    assert judgement.status == "fail"
    assert judgement.configurations == 21


def test_of_equal_unanswered_operations_each_may_take_effect() -> None:
    lines = ["a next", "b next", "c next", "d read"]
    for value, status in (("0", "pass"), ("2", "pass"), ("3", "pass"), ("4", "fail")):
        assert check_history(Counter(), told(*lines, f"d: {value}")).status == status


def test_a_failing_part_is_named_and_the_first_to_fail_is() -> None:
    facts = told("a put x 1", "a: ok", "a put y 1", "a: ok", "b get y", "b: 7", "b get x", "b: 8")
    judgement = check_history(KeyValue(), facts)
    assert judgement.detail.startswith("at 'y': no order explains b 'get y' → '7'")
    assert judgement.failed == 6


def test_one_members_keeps_a_set_together() -> None:
    """x and y alone are linearizable; together they are not, and `members` sees both."""
    lines = ["a add x", "a: ok", "a add y", "b members"]
    assert check_history(Set(), told(*lines, "b: x")).status == "pass"
    assert check_history(Set(), told(*lines, "b: x y")).status == "pass"
    assert check_history(Set(), told(*lines, "b: y")).status == "fail"


def test_an_unanswered_question_about_all_does_not_keep_the_parts_together() -> None:
    answered = told("a add x", "a: ok", "a add y", "a: ok", "b members")
    assert check_history(Set(), answered).detail.startswith("2 parts,")
    assert check_history(Set(), [*answered, Returned("b", 1, b"x y")]).detail.startswith("1 part,")


# Bounds and cost.


def many_at_once(count: int) -> Facts:
    """Writers that overlap, and a reader that is told what none of them wrote."""
    facts: Facts = [Invoked(f"w{n}", 1, b"write %d" % n) for n in range(count)]
    facts += [Returned(f"w{n}", 1, b"ok") for n in range(count)]
    return [*facts, Invoked("r", 1, b"read"), Returned("r", 1, b"never")]


def test_what_it_cannot_decide_within_the_bound_is_inconclusive() -> None:
    judgement = check_history(Register(), many_at_once(16), bound=10_000)
    assert judgement.status == "inconclusive"
    assert judgement.detail == "gave up at the bound of 10,000 configurations"
    assert 10_000 < judgement.configurations < 11_000
    assert check_history(Register(), many_at_once(8), bound=10_000).status == "fail"


def test_parts_share_the_bound() -> None:
    parts: Facts = []
    for key in range(4):
        for fact in many_at_once(9):
            if isinstance(fact, Returned):
                parts.append(Returned(f"{fact.client}-{key}", 1, fact.result))
            else:
                verb, _, value = fact.operation.partition(b" ")
                operation = b"put %d %s" % (key, value) if verb == b"write" else b"get %d" % key
                parts.append(Invoked(f"{fact.client}-{key}", 1, operation))
    alone = check_history(KeyValue(), many_at_once_of(parts, 0), bound=3_000)
    assert alone.status == "fail"
    whole = check_history(KeyValue(), parts, bound=3_000)
    assert whole.status == "fail"  # one part was decided, the others were not
    assert whole.configurations < 3_000 + 2 * len(parts) < 4 * alone.configurations


def many_at_once_of(facts: Facts, key: int) -> Facts:
    return [fact for fact in facts if fact.client.endswith(f"-{key}")]


@pytest.mark.parametrize("name", ["register", "key-value", "counter", "log"])
def test_a_thousand_operations_of_five_clients_are_quick(name: str) -> None:
    model, operations, _ = WORKLOADS[name]
    facts = long_history(model, operations, 1_000, 5)
    began_s = time.perf_counter()
    judgement = check_history(model, facts)
    took_s = time.perf_counter() - began_s
    assert (judgement.status, judgement.operations) == ("pass", 1_000)
    assert judgement.configurations < 10_000
    assert took_s < 0.3


def test_length_is_no_obstacle() -> None:
    """No recursion, and a configuration does not grow with the history."""
    model = Register(b"0")
    facts = long_history(model, WORKLOADS["register"][1], 20_000, 3)
    assert check_history(model, facts, bound=20_000).status == "pass"
    last = max(number for number, fact in enumerate(facts) if isinstance(fact, Returned))
    facts[last] = Returned(facts[last].client, facts[last].number, b"never")
    judgement = check_history(model, facts, bound=50_000)
    assert (judgement.status, judgement.failed) == ("fail", last + 1)


# What a person may get wrong.


@pytest.mark.parametrize(
    ("model", "known"),
    [(Register(), "read, write V"), (KeyValue(), "get K"), (Counter(), "add N"),
     (Set(), "members"), (Queue(), "dequeue"), (Log(), "append X")],
)  # fmt: skip
def test_an_unknown_operation_is_refused_with_what_is_known(model: Any, known: str) -> None:
    with pytest.raises(UserError, match="model cannot read the operation b'jump'") as refused:
        check_history(model, told("a jump", "a: ok"))
    assert known in str(refused.value)


def test_facts_that_make_no_history() -> None:
    with pytest.raises(ValueError, match="a was told the result of operation 1, never asked for"):
        History.of([Returned("a", 1, b"")])
    with pytest.raises(ValueError, match="a was told two results of operation 1"):
        History.of([Invoked("a", 1, b"read"), Returned("a", 1, b"1"), Returned("a", 1, b"2")])
    with pytest.raises(ValueError, match="a asked for two operations under number 1"):
        History.of([Invoked("a", 1, b"read"), Invoked("a", 1, b"write 1")])
    again = [Invoked("a", 1, b"read"), Invoked("a", 1, b"read"), Returned("a", 1, b"")]
    assert check_history(Register(), [*again, again[-1]]).status == "pass"


def test_a_wrong_first_choice_is_taken_back_without_a_search() -> None:
    """Of two appends that may come first, the one that returned first came second."""
    facts = told("a append x 1", "b append x 2", "a: ok", "c get x", "c: 21", "b: ok")
    part = Part(KeyValue(), History.of(facts).calls, ())
    assert is_explained_by_returns(part, 1)
    assert not is_explained_by_returns(part, 0)
    assert check_history(KeyValue(), facts).configurations == len(part.returned) + 1
    facts[4] = Returned("c", 1, b"2")
    assert not is_explained_by_returns(Part(KeyValue(), History.of(facts).calls, ()), 1000)


@given(st.data())
def test_what_the_quick_way_explains_has_an_order(data: st.DataObject) -> None:
    model, operations, results = WORKLOADS["register"]
    facts = data.draw(small_histories(operations, results, model))
    calls = [call for call in History.of(facts).calls if call.returned is not None]
    if calls and is_explained_by_returns(Part(model, calls, ()), data.draw(st.integers(0, 6))):
        assert is_linearizable(model, facts)


def test_a_client_that_is_heard_by_type_is_heard_as_before() -> None:
    facts = told("a write 1", "b read", "a: ok", "b: 1", "b read", "b: 2")
    by_type, by_observe = Linearizable(Register()), Linearizable(Register(), trusted=lambda _: True)
    for checker in (by_type, by_observe):
        watch = checker.observers()
        assert set(watch) == {Invoked, Returned}
        wrongs = [watch[type(fact)](float(at), fact.client, fact) for at, fact in enumerate(facts)]
        assert wrongs == 6 * [None]
    assert by_type.history.calls == by_observe.history.calls
    assert by_type.finish(9.0) == by_observe.finish(9.0) is not None
    twice = Returned("b", 2, b"3")
    assert by_type.observers()[Returned](9.0, "b", twice) == by_observe.observe(9.0, "b", twice)


def explained_by_the_rule(part: Part[Any], patience: int) -> bool:
    """The rule of `is_explained_by_returns`, in the words of its docstring and no others."""
    calls, patience = part.returned, min(patience, len(part.returned))
    choices: list[tuple[frozenset[int], Any, list[int]]] = []
    done, state = frozenset[int](), part.model.initial
    while len(done) < len(calls):
        left = [number for number in range(len(calls)) if number not in done]
        limit = min(part.ends[number] for number in left)
        may_be_next = [number for number in left if calls[number].invoked <= limit]
        candidates = sorted(may_be_next, key=lambda number: part.ends[number])
        while True:
            if not candidates:
                patience -= 1
                if patience < 0 or not choices:
                    return False
                done, state, candidates = choices.pop()
            number, *candidates = candidates
            after, result = part.model.step(state, calls[number].operation)
            if result == calls[number].result:
                break
        if candidates and after != state:
            choices.append((done, state, candidates))
        done, state = done | {number}, after
    return True


@given(st.data())
def test_the_quick_way_takes_what_its_rule_says(data: st.DataObject) -> None:
    model, operations, results = WORKLOADS[data.draw(st.sampled_from(sorted(WORKLOADS)))]
    facts = data.draw(small_histories(operations, results, model))
    calls = [call for call in History.of(facts).calls if call.returned is not None]
    part, patience = Part(model, calls, ()), data.draw(st.integers(0, 4))
    assert is_explained_by_returns(part, patience) == explained_by_the_rule(part, patience)


@pytest.mark.parametrize("clients", [2, 5])
def test_the_quick_way_takes_what_its_rule_says_of_long_histories(clients: int) -> None:
    """Where many overlap it has to go back often; with how much patience it succeeds is exact."""
    needed = set()
    for seed in range(30):
        facts = long_history(Register(), WORKLOADS["register"][1], 40, clients, seed)
        part = Part(Register(), History.of(facts).calls, ())
        found = [is_explained_by_returns(part, patience) for patience in range(6)]
        assert found == [explained_by_the_rule(part, patience) for patience in range(6)]
        needed.add(found.count(False))
    assert len(needed) > 1


def test_a_history_may_be_kept_for_others() -> None:
    history = History()
    checker = Linearizable(Register(), history=history)
    watch = checker.observers()
    for at, fact in enumerate(told("a read", "a: 0")):
        watch[type(fact)](float(at), fact.client, fact)
    assert checker.history is history
    assert [call.result for call in history.calls] == [b"0"]
    assert checker.finish(9.0) is not None
