"""The baseline's figures: the store against its specification, and intervals against references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agents.consensus.facts import Executed, ViewChanged
from agents.consensus.messages import Fetch, PrePrepare, Reply, Request
from prsm_sim.history import History, Invoked, Returned
from prsm_sim.sim import Sim
from prsm_sim.traffic import Traffic
from scenarios.consensus_baseline.executions import Executions
from scenarios.consensus_baseline.key_value import (
    MALFORMED,
    KeyValueMachine,
    StoreModel,
)
from scenarios.consensus_baseline.latencies import Latencies
from scenarios.consensus_baseline.report import (
    BATCHES,
    STUDENT_975,
    Report,
    half_width,
    messages,
    quantile,
    snake_case,
    summary,
)

WORD = st.sampled_from([b"", b"a", b"b;", b"client-0.1;"])
KEY = st.sampled_from([b"x", b"y"])
OPERATION = st.one_of(
    st.builds(lambda k: b"get %s" % k, KEY),
    st.builds(lambda k, v: b"put %s %s" % (k, v), KEY, WORD),
    st.builds(lambda k, v: b"append %s %s" % (k, v), KEY, WORD),
    st.builds(lambda k, a, b: b"cas %s %s %s" % (k, a, b), KEY, WORD, WORD),
)


@given(st.lists(OPERATION, max_size=30), st.integers(0, 30))
def test_the_store_does_what_its_specification_says_also_after_a_restart(
    operations: list[bytes], restart_at: int
) -> None:
    machine, model = KeyValueMachine(), StoreModel()
    states: dict[bytes, bytes] = {}
    for number, operation in enumerate(operations):
        if number == restart_at:
            state, digest = machine.snapshot(), machine.digest()
            machine = KeyValueMachine()
            machine.restore(state)
            assert machine.digest() == digest
        key = model.key(operation)
        before = states.get(key, model.initial)
        states[key], expected = model.step(before, operation)
        assert machine.apply(number, "client", operation, 0) == expected
        if model.reads(operation):
            assert states[key] == before


def test_results_tell_what_was_there() -> None:
    machine = KeyValueMachine()
    told = [
        machine.apply(1, "c", operation, 0)
        for operation in (
            b"get x", b"put x 1", b"append x 2", b"cas x 12 3", b"cas x 12 4", b"get x", b"get y",
        )
    ]  # fmt: skip
    assert told == [b"", b"", b"12", b"12", b"3", b"3", b""]


@given(st.binary(max_size=20))
def test_no_bytes_make_the_store_raise(payload: bytes) -> None:
    machine = KeyValueMachine()
    if machine.apply(1, "c", payload, 0) == MALFORMED:
        assert machine.values == {}


def applied(*operations: bytes) -> KeyValueMachine:
    machine = KeyValueMachine()
    for operation in operations:
        machine.apply(1, "c", operation, 0)
    return machine


def test_the_same_operations_in_another_order_are_another_state() -> None:
    first, second = applied(b"put x 1", b"put y 1"), applied(b"put y 1", b"put x 1")
    assert first.values == second.values
    assert first.digest() != second.digest()
    assert first.digest() == applied(b"put x 1", b"put y 1").digest()


def test_how_far_it_came_is_told_every_few_operations_and_survives_a_restore() -> None:
    machine = applied(*[b"put x %d" % n for n in range(5)])
    (told,) = machine.facts()
    assert (told.applied, machine.facts()) == (4, ())
    other = KeyValueMachine()
    other.restore(machine.snapshot())
    assert (other.applied, other.snapshot(), other.values) == (
        5,
        machine.snapshot(),
        machine.values,
    )
    assert other.facts() == ()


def test_students_t_is_what_tables_say() -> None:
    expected = [stats.t.ppf(0.975, freedom) for freedom in range(1, BATCHES)]
    assert pytest.approx(expected, abs=6e-5) == STUDENT_975


@given(st.lists(st.floats(0, 1e3), min_size=2, max_size=BATCHES))
def test_few_values_are_their_own_batches(values: list[float]) -> None:
    found = half_width(np.array(values))
    if np.std(values) > 1e-9:
        low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        assert found == pytest.approx((high - low) / 2, rel=1e-4)


def test_batches_make_the_interval_of_a_correlated_series_honest() -> None:
    """An AR(1) series with coefficient 0.9: the naive interval would be 4.4 times too short."""
    rng = np.random.default_rng(5)
    hits = naive_hits = 0
    for _ in range(300):
        shocks = rng.normal(size=4000)
        series = np.empty(4000)
        level = rng.normal() / np.sqrt(1 - 0.9**2)
        for i, shock in enumerate(shocks):
            level = 0.9 * level + shock
            series[i] = level
        half = half_width(series)
        assert half is not None
        hits += abs(series.mean()) <= half
        naive_hits += abs(series.mean()) <= 1.96 * series.std() / np.sqrt(4000)
    low, high = stats.binomtest(hits, 300).proportion_ci(0.999)
    assert low <= 0.95 <= high
    assert naive_hits < 0.6 * 300


def test_a_summary_is_over_all_values_and_its_interval_over_groups() -> None:
    found = summary(np.array([1.0, 3.0, 2.0, 6.0, 4.0]), np.array([2, 2, 1]))
    assert found["mean"] == pytest.approx(16 / 5)
    assert found["p50"] == 3.0
    half = half_width(np.array([2.0, 4.0, 4.0]))
    assert half is not None
    assert found["ci95"] == pytest.approx([16 / 5 - half, 16 / 5 + half])
    assert summary(np.array([])) == {"mean": None, "p50": None, "p99": None, "ci95": None}
    assert summary(np.array([5.0]))["ci95"] is None
    singly = summary(np.array([1.0, 3.0, 2.0]))
    assert singly == summary(np.array([1.0, 3.0, 2.0]), np.array([1, 1, 1]))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.99, 1.0])
def test_quantiles_are_those_of_numpy_to_the_last_bit(share: float) -> None:
    rng = np.random.default_rng(7)
    for count in range(1, 300):
        values = rng.exponential(size=count)
        assert quantile(np.sort(values), share) == np.quantile(values, share)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=12))
def test_latencies_of_a_run_are_those_taken_request_by_request(
    shapes: list[tuple[int, int]],
) -> None:
    """Batches of so many requests, executed by so many replicas; numbers like those of clocks."""
    history, executions = History(), Executions()
    expected: list[list[float]] = []
    for sequence, (size, replicas) in enumerate(shapes, start=1):
        requests = tuple((f"c{place}", sequence) for place in range(size))
        sent_s = [sequence + 0.1 * place for place in range(size)]
        done_s = [sequence + 1 / (3 + replica) for replica in range(replicas)]
        for (client, number), at_s in zip(requests, sent_s, strict=True):
            history.add(at_s, Invoked(client, number, b"get x"))
        for at_s in done_s:
            executions.add(at_s, Executed(sequence, 0, "", requests))
        expected += [[at_s - since_s for at_s in done_s] for since_s in sent_s]
    latencies = Latencies(history, executions)
    assert latencies.commit_s == expected
    assert latencies.commits().requests == len(expected)
    # One that nobody asked for is counted, and has no latency; the others stay as they are.
    executions.add(99.0, Executed(len(shapes) + 1, 0, "", (("stranger", 1),)))
    assert latencies.commit_s == expected
    assert latencies.commits().requests == len(expected) + 1


def test_what_liars_say_is_not_reported() -> None:
    sim = Sim(1)
    latencies = Latencies.of(sim, lambda peer: peer != "liar")
    Report(sim, ("a", "liar"), lambda peer: peer != "liar", Traffic(), latencies)
    for time_s, peer, fact in (
        (1.0, "c", Invoked("c", 1, b"get x")),
        (2.0, "liar", ViewChanged(3)),
        (2.0, "a", ViewChanged(1)),
        (3.0, "b", ViewChanged(1)),
        (3.5, "liar", Executed(1, 0, "d", (("c", 1),))),
        (4.0, "a", Executed(1, 0, "d", (("c", 1),))),
        (5.0, "a", Executed(2, 0, "d", ())),
        (5.0, "liar", Executed(2, 0, "d", (("c", 2),))),
        (6.0, "c", Returned("c", 1, b"")),
    ):
        sim.observatory.fact(time_s, peer, fact)
    sim.observatory.finish(7.0)
    found = sim.observatory.metrics
    assert (found["view_changes"], found["committed"], found["returned"]) == (1, 1, 1)
    assert found["commit_latency_s"] == {"mean": 3.0, "p50": 3.0, "p99": 3.0, "ci95": None}
    assert found["client_latency_s"] == {"mean": 5.0, "p50": 5.0, "p99": 5.0, "ci95": None}


def test_a_request_that_replicas_execute_in_different_batches_is_one_request() -> None:
    sim = Sim(1)
    latencies = Latencies.of(sim, lambda peer: peer != "liar")
    one, two = ("c", 1), ("d", 1)
    for time_s, peer, fact in (
        (1.0, "c", Invoked("c", 1, b"get a")),
        (1.0, "d", Invoked("d", 1, b"get a")),
        (2.0, "a", Executed(1, 0, "x", (one,))),
        (2.5, "liar", Executed(1, 0, "x", (one,))),
        (3.0, "b", Executed(1, 0, "y", (two, one))),
        (4.0, "a", Executed(2, 0, "z", (two,))),
        (5.0, "e", Executed(1, 0, "x", (one,))),
    ):
        sim.observatory.fact(time_s, peer, fact)
    assert latencies.commit_s == [[1.0, 2.0, 4.0], [2.0, 3.0]]
    assert latencies.commits().requests == 2


def test_messages_are_told_apart_by_type_and_by_who_sends_them() -> None:
    traffic = Traffic(
        {
            ("client-0", Request): 4, ("replica-1", Request): 2, ("replica-0", PrePrepare): 9,
            ("replica-1", Fetch): 3, ("replica-1", Reply): 7,
        }
    )  # fmt: skip
    found = messages(traffic, frozenset({"replica-0", "replica-1"}))
    assert found["pre_prepare"] == 9
    assert found["request"] == 2
    assert found["fetch"] == 3
    assert found["commit"] == found["checkpoint"] == 0
    assert found["replica_to_replica"] == 14
    assert found["total"] == 25
    assert snake_case("ViewChange") == "view_change"
