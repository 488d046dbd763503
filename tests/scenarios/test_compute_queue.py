"""The compute queue: pathwise against a recursion, on average against theory."""

import heapq
import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from prsm_sim.intervals import correlation_factor, student
from prsm_sim.runner import RunResult, simulate
from scenarios.compute_queue.parameters import ComputeQueueParameters
from scenarios.compute_queue.pool import ESCROW, PRICE_UNITS, Job, JobStarted, Pool
from scenarios.compute_queue.scenario import compute_queue
from scenarios.economy_validation.comparison import Comparison, Frequency, decide
from scenarios.economy_validation.queue_theory import (
    crommelin,
    erlang_c,
    pollaczek_khinchine,
    waits,
)
from scenarios.economy_validation.steady_state import estimate, warmup_length


def parameters(**chosen: Any) -> ComputeQueueParameters:
    return ComputeQueueParameters.model_validate(chosen)


def run(seed: int = 1, **chosen: Any) -> RunResult:
    return simulate(compute_queue, parameters(**chosen), seed, runs_dir=None)


@pytest.mark.parametrize("servers", [1, 3])
@pytest.mark.parametrize("service", ["exponential", "deterministic"])
def test_every_job_waits_as_long_as_the_recursion_says(
    servers: int, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[tuple[float, float]] = []
    found: dict[int, float] = {}
    arrive, handler = Pool.arrive, Pool.handlers[Job]

    def watch(self: Pool, ctx: Any, sender: str, message: Job) -> None:
        assert message.number == len(arrived) + 1
        arrived.append((ctx.now, message.work_s))
        arrive(self, ctx, sender, message)

    serve = Pool._serve

    def note(self: Pool, ctx: Any, host: str, job: Job, waited_s: float) -> None:
        found[job.number] = waited_s
        serve(self, ctx, host, job, waited_s)

    monkeypatch.setattr(Pool, "_serve", note)
    monkeypatch.setattr(Pool, "handlers", {Job: handler._replace(function=watch)})
    result = run(arrival_rate=0.85 * servers, servers=servers, service=service, jobs=2000)
    assert result.status == "pass"
    times_s, work_s = np.array(arrived).T
    expected = waits(times_s, work_s, servers)
    assert [found[number + 1] for number in range(2000)] == pytest.approx(expected, abs=1e-8)
    assert (expected > 0).sum() > 500
    warmup = result.metrics["warmup_jobs"]
    assert result.metrics["mean_wait_s"] == pytest.approx(expected[warmup:].mean())
    assert result.metrics["p_wait"] == pytest.approx((expected[warmup:] > 1e-12).mean())
    assert stats.kstest(np.diff(times_s), "expon", (0, 1 / (0.85 * servers))).pvalue > 1e-4
    if service == "exponential":
        assert stats.kstest(work_s, "expon").pvalue > 1e-4
    else:
        assert set(work_s) == {1.0}


def naive_waits(arrivals_s: list[float], work_s: list[float], servers: int) -> list[float]:
    """By the clock: at each moment someone comes or someone is done."""
    events = [(at_s, 1, number) for number, at_s in enumerate(arrivals_s)]
    heapq.heapify(events)
    queue: list[int] = []
    free, found = servers, [0.0] * len(work_s)
    while events:
        now_s, kind, number = heapq.heappop(events)
        if kind:
            queue.append(number)
        else:
            free += 1
        while free and queue:
            free -= 1
            first = queue.pop(0)
            found[first] = now_s - arrivals_s[first]
            heapq.heappush(events, (now_s + work_s[first], 0, first))
    return found


@pytest.mark.parametrize("servers", [1, 2, 5])
def test_the_recursion_is_the_queue(servers: int) -> None:
    rng = np.random.default_rng(servers)
    arrivals_s = np.cumsum(rng.exponential(1 / servers, 500))
    work_s = rng.gamma(0.7, 1.3, 500)
    expected = naive_waits(arrivals_s.tolist(), work_s.tolist(), servers)
    assert waits(arrivals_s, work_s, servers) == pytest.approx(expected, abs=1e-9)


def test_published_values() -> None:
    assert erlang_c(0.8, 1.0, 1) == pytest.approx((0.8, 4.0))
    assert pollaczek_khinchine(0.8, 1.0) == pytest.approx((0.8, 2.0))
    assert erlang_c(2.0, 1.0, 3) == pytest.approx((4 / 9, 4 / 9))  # a = 2, c = 3, by hand
    for load in (0.2, 0.5, 0.8):
        assert crommelin(load, 1.0, 1) == pytest.approx(pollaczek_khinchine(load, 1.0), abs=1e-8)
        # Whole queues of c customers at a time are no shorter than a pool of c servers.
        assert crommelin(3 * load, 1.0, 3).mean_s < pollaczek_khinchine(load, 1.0).mean_s
    assert crommelin(1.6, 0.5, 1) == pytest.approx(pollaczek_khinchine(1.6, 0.5))


@pytest.mark.parametrize(("servers", "load"), [(1, 0.3), (4, 0.7), (10, 0.95), (60, 0.9)])
def test_erlang_c_is_its_sum(servers: int, load: float) -> None:
    offered = servers * load
    last = offered**servers / math.factorial(servers) / (1 - load)
    total = sum(offered**k / math.factorial(k) for k in range(servers)) + last
    found = erlang_c(offered / 3.0, 3.0, servers)
    assert found.probability == pytest.approx(last / total)
    assert found.mean_s == pytest.approx(last / total * 3.0 / (servers * (1 - load)))


@pytest.mark.parametrize(
    ("service", "servers"), [("exponential", 1), ("exponential", 4), ("deterministic", 3)]
)
def test_waiting_is_what_theory_says(service: str, servers: int) -> None:
    chosen = {"service": service, "servers": servers, "service_s": 0.5}
    rate, jobs = 1.4 * servers, 4000
    runs = [
        run(seed, arrival_rate=rate, jobs=jobs, warmup_jobs=400, **chosen).metrics
        for seed in range(6)
    ]
    theory = erlang_c if service == "exponential" else crommelin
    expected = theory(rate, 0.5, servers)
    claims = decide(
        [
            Comparison(name, value, np.array([one[name] for one in runs]))
            for name, value in zip(("p_wait", "mean_wait_s"), expected, strict=True)
        ]
    )
    assert [claim for claim in claims if claim.verdict == "fail"] == []


def test_a_run_reports_its_intervals_and_is_a_function_of_its_seed() -> None:
    first, again = run(5, jobs=3000), run(5, jobs=3000)
    assert (first.digest, first.metrics) == (again.digest, again.metrics)
    metrics = first.metrics
    assert metrics["ci95"][0] < metrics["mean_wait_s"] < metrics["ci95"][1]
    assert metrics["p_wait_ci95"][0] < metrics["p_wait"] < metrics["p_wait_ci95"][1]
    assert metrics["jobs"] == 3000
    (verdict,) = first.verdicts
    assert (verdict.status, verdict.evaluations) == ("pass", 12)


def test_a_price_paid_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    serve = Pool._serve

    def twice(self: Pool, ctx: Any, host: str, job: Job, waited_s: float) -> None:
        if job.number == 300:
            self.ledger.transfer("requesters", ESCROW, PRICE_UNITS)
        serve(self, ctx, host, job, waited_s)

    monkeypatch.setattr(Pool, "_serve", twice)
    result = run(jobs=1000)
    assert result.status == "fail"
    assert "the escrow holds" in result.failure


def test_an_unsound_ledger_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    books = Pool.books

    def fold(self: Pool) -> Any:
        self.ledger.balances["nobody"] = 0
        return books(self)

    monkeypatch.setattr(Pool, "books", fold)
    assert "'nobody' has 0 units" in run(jobs=300).failure


def test_facts_name_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert JobStarted(3, 0.5).number == 3
    result = run(jobs=50, duration_s=20.0)
    assert result.metrics["jobs"] < 50
    assert 700 < run(duration_s=1000.0).metrics["jobs"] < 900


@pytest.mark.parametrize(
    "wrong",
    [{"arrival_rate": 1.0}, {"servers": 0}, {"service": "slow"}, {"jobs": 5, "warmup_jobs": 5}],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameters(**wrong)


def test_the_higher_the_load_the_more_jobs() -> None:
    assert parameters(arrival_rate=0.8).jobs == 200_000
    assert parameters(arrival_rate=0.1).jobs == 50_000
    assert parameters(arrival_rate=0.99).jobs == 1_000_000
    until = parameters(arrival_rate=2, servers=3, duration_s=500)
    assert (until.jobs, until.duration_s) == (52_000, 500.0)


# Steady states.


def naive_warmup(series: list[float]) -> int:
    means = [sum(series[i : i + 5]) / 5 for i in range(0, len(series) - 4, 5)]
    errors = []
    for d in range(len(means) // 2 + 1):
        rest = means[d:]
        centre = sum(rest) / len(rest)
        errors.append(sum((x - centre) ** 2 for x in rest) / len(rest) ** 2)
    return 5 * errors.index(min(errors))


def test_mser_5_is_its_definition_and_finds_a_transient() -> None:
    rng = np.random.default_rng(5)
    for length in (20, 57, 400):
        noise = rng.normal(100.0, 1.0, length)
        assert warmup_length(noise) == naive_warmup(noise.tolist())
    decaying = rng.normal(0.0, 1.0, 1000) + 50 * np.exp(-np.arange(1000) / 20)
    assert warmup_length(decaying) == naive_warmup(decaying.tolist())
    assert 60 <= warmup_length(decaying) <= 200
    assert warmup_length(np.arange(100.0)) == 50  # never settles: half, and no more
    assert warmup_length(np.arange(19.0)) == 0


def test_batch_means_cover_the_mean_of_a_correlated_series() -> None:
    rng, hits, trials = np.random.default_rng(8), 0, 200
    for _ in range(trials):
        noise = rng.normal(size=2100)
        series = np.empty(2100)
        level = 0.0
        for index, value in enumerate(noise.tolist()):  # an autoregression of memory 5
            series[index] = level = 0.8 * level + value
        found = estimate(series, warmup=100)
        assert found.interval is not None
        hits += found.interval[0] <= 0.0 <= found.interval[1]
    (claim,) = decide([Frequency("coverage", 0.95, hits, trials)])
    assert claim.verdict == "pass", claim
    alone = estimate(np.array([3.0]))
    assert (alone.mean, alone.interval) == (3.0, None)


def test_batches_that_are_too_short_widen_the_interval() -> None:
    assert correlation_factor(np.array([1.0, -1.0] * 10)) == 1.0
    assert correlation_factor(np.full(20, 2.0)) == 1.0
    drift = np.arange(20.0) - 9.5  # Σ x(k) x(k+1) / Σ x² = 565.25/665
    assert correlation_factor(drift) == pytest.approx(3.0)  # bounded: (1.8/0.2)^½
    pairs = np.array([1.0, 1.0, -1.0, -1.0] * 5)  # 10 − 9 of 20, and 1/20 more
    assert correlation_factor(pairs) == pytest.approx(math.sqrt(1.1 / 0.9))
    rng, hits, trials = np.random.default_rng(9), 0, 200
    for _ in range(trials):
        level, series = 0.0, []
        for value in rng.normal(size=700).tolist():  # memory 10, batches of 30
            level = 0.9 * level + value
            series.append(level)
        interval = estimate(np.array(series), warmup=100).interval
        assert interval is not None
        hits += interval[0] <= 0.0 <= interval[1]
    assert hits >= 0.9 * trials


def test_students_interval_is_that_of_scipy() -> None:
    values = np.array([1.0, 2.5, 2.0, 4.0])
    reference = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert student(values, 0.9) == pytest.approx((reference.low, reference.high))
