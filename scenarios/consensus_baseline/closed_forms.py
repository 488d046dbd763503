"""What a baseline run costs on fixed links, in closed form, and the claims that it does.

Without faults one request among n replicas takes a pre-prepare to each backup (n−1), a prepare of
each backup to all others ((n−1)²), and a commit of each replica to all others (n(n−1)): together
2n(n−1); with the request and n replies 2n²−n+1 (Castro and Liskov, OSDI 1999, section 4.2). A
message to a crashed replica is sent like any other; what it would have sent is missing.
"""

from collections.abc import Iterator
from typing import Any

from prsm_sim.runner import RunResult, simulate
from prsm_sim.validation import Claim, equal, equal_real
from scenarios.consensus_baseline.parameters import ConsensusBaselineParameters
from scenarios.consensus_baseline.scenario import consensus_baseline

SEED = 7
REQUESTS = 12


def measure(seed: int = SEED, **parameters: Any) -> RunResult:
    """One baseline run."""
    chosen = ConsensusBaselineParameters.model_validate(parameters)
    return simulate(consensus_baseline, chosen, seed, runs_dir=None)


def claims(sizes: tuple[int, ...]) -> Iterator[Claim]:
    """Compare runs on fixed links with the closed forms.

    Args:
        sizes: of committees; not only those of the form 3f + 1.
    """
    for number, n in enumerate(sizes):
        delay_s = (1.0, 0.37, 2.5)[number % 3]
        yield from undisturbed(n, delay_s)
        yield from crashed_backup(n, delay_s)
        yield from crashed_primary(n, delay_s)
        yield from batches(n)
        yield from checkpoints(n)
        yield from shortcuts(n, delay_s)


def undisturbed(n: int, delay_s: float) -> Iterator[Claim]:
    """No fault, one request at a time."""
    metrics = measure(replicas=n, requests=REQUESTS, link=f"fixed:{delay_s}").metrics
    messages, how = metrics["messages"], f"{REQUESTS} requests, links of {delay_s} s"
    ordering = [messages[kind] for kind in ("pre_prepare", "prepare", "commit")]
    expected = [REQUESTS * each for each in (n - 1, (n - 1) ** 2, n * (n - 1))]
    what = f"n = {n}: pre-prepares, prepares, commits"
    yield equal(what, _sum(expected), _sum(ordering), how)
    for what, kind, each in (
        ("messages between replicas", "replica_to_replica", 2 * n * (n - 1)),
        ("messages with the client's", "total", 2 * n * n - n + 1),
    ):
        yield equal(f"n = {n}: {what}", REQUESTS * each, messages[kind])
    commit_s, client_s = metrics["commit_latency_s"], metrics["client_latency_s"]
    yield equal_real(f"n = {n}: commit after 4 links, s", 4 * delay_s, commit_s["mean"])
    yield equal_real(f"n = {n}: 99 % committed after 4 links, s", 4 * delay_s, commit_s["p99"])
    yield equal_real(f"n = {n}: result after 5 links, s", 5 * delay_s, client_s["mean"])


def crashed_backup(n: int, delay_s: float) -> Iterator[Claim]:
    """One backup is down from the start."""
    metrics = measure(
        replicas=n, requests=REQUESTS, link=f"fixed:{delay_s}", crashed="backup"
    ).metrics
    each = (n - 1) + (n - 2) * (n - 1) + (n - 1) ** 2
    what = f"n = {n}, a backup crashed: messages between replicas"
    yield equal(what, REQUESTS * each, metrics["messages"]["replica_to_replica"])
    client_s = metrics["client_latency_s"]["mean"]
    yield equal_real(f"n = {n}, a backup crashed: result after 5 links, s", 5 * delay_s, client_s)


def crashed_primary(n: int, delay_s: float) -> Iterator[Claim]:
    """The first primary is down from the start."""
    metrics = measure(
        replicas=n, requests=REQUESTS, link=f"fixed:{delay_s}", crashed="primary"
    ).metrics
    messages, name = metrics["messages"], f"n = {n}, the primary crashed: "
    yield equal(name + "view-changes", (n - 1) ** 2, messages["view_change"])
    yield equal(name + "new-views", n - 1, messages["new_view"])
    yield equal(name + "views entered after the first", 1, metrics["view_changes"])
    each = (n - 1) + (n - 2) * (n - 1) + (n - 1) ** 2
    ordering = messages["pre_prepare"] + messages["prepare"] + messages["commit"]
    yield equal(name + "messages that order requests", REQUESTS * each, ordering)


def batches(n: int) -> Iterator[Claim]:
    """Requests that come while a batch is under way share the cost of the next one (4.1).

    Of clients that ask at the same instant the first has a batch of its own, since the primary
    waits for nobody, and all others share the second.
    """
    clients = 6
    metrics = measure(replicas=n, requests=clients, clients=clients, batch=clients - 1).metrics
    what = f"n = {n}, {clients} clients at once, batches of {clients - 1}: messages of replicas"
    yield equal(what, 2 * 2 * n * (n - 1), metrics["messages"]["replica_to_replica"])


def checkpoints(n: int) -> Iterator[Claim]:
    """Every K-th request each replica sends a checkpoint to all others (section 4.3)."""
    interval = 5
    metrics = measure(replicas=n, requests=REQUESTS, checkpoint_interval=interval).metrics
    expected = REQUESTS // interval * n * (n - 1)
    what = f"n = {n}, K = {interval}: checkpoint messages"
    yield equal(what, expected, metrics["messages"]["checkpoint"], f"{REQUESTS} requests")


def shortcuts(n: int, delay_s: float) -> Iterator[Claim]:
    """Tentative execution saves a link; a read that is not ordered needs two (thesis, 5.1)."""
    link, name = f"fixed:{delay_s}", f"n = {n}, "
    found = measure(replicas=n, requests=REQUESTS, link=link, tentative=True).metrics
    client_s, commit_s = found["client_latency_s"], found["commit_latency_s"]
    yield equal_real(name + "tentative: result after 4 links, s", 4 * delay_s, client_s["mean"])
    yield equal_real(name + "tentative: commit after 4 links, s", 4 * delay_s, commit_s["mean"])
    found = measure(replicas=n, requests=REQUESTS, link=link, read_only=True).metrics
    writes, client_s = found["committed"], found["client_latency_s"]
    mean_s = delay_s * (5 * writes + 2 * (REQUESTS - writes)) / REQUESTS
    what = f"{REQUESTS - writes} reads not ordered: results after 2 and 5 links, s"
    yield equal_real(name + what, mean_s, client_s["mean"])
    messages = found["messages"]["total"]
    expected = writes * (2 * n * n - n + 1) + (REQUESTS - writes) * 2 * n
    yield equal(name + "reads not ordered: messages with the client's", expected, messages)


def _sum(parts: list[int]) -> str:
    return " + ".join(map(str, parts))
