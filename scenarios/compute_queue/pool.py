"""The actors: a source of jobs, and a pool of servers with one queue and a ledger.

Jobs arrive by a Poisson process and bring their work along. A job is served by any free server, or
waits behind those that came before. Its price goes into escrow when it arrives and to the host of
the server when it is done, so at every moment the escrow holds the price of each job in the system:
the ledger counts the customers of the queue a second time.
"""

from collections import deque

from economy.ledger import Ledger
from economy.money import UnitsText, encode_units
from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, Seconds, on
from scenarios.compute_queue.parameters import Service

POOL = "pool"
REQUESTERS = "requesters"
ESCROW = "queue/escrow"
PRICE_UNITS = 10**17
AUDIT_EVERY = 250
"""Jobs between two audits."""


class Job(Message, frozen=True):
    """Work to be done, `work_s` of it."""

    number: int
    work_s: Seconds


class JobStarted(Fact, frozen=True):
    """A server has taken up a job that waited so long."""

    number: int
    waited_s: Seconds


class JobDone(Fact, frozen=True):
    """A server has done a job, and its host was paid."""

    number: int


class BooksClosed(Fact, frozen=True):
    """Everything was added up.

    Attributes:
        jobs: in the system, waiting or served.
        supply_units: minted less burned; `balances_units` what all accounts hold, recounted.
        escrow_units: what is paid for jobs not done.
        discrepancy: what the ledger's audit found wrong, or empty.
    """

    jobs: int
    supply_units: UnitsText
    balances_units: UnitsText
    escrow_units: UnitsText
    discrepancy: str


class Source(Actor):
    """Sends jobs.

    Args:
        rate: jobs a second.
        service: law of their work.
        service_s: its mean, s.
        jobs: how many.
    """

    def __init__(self, rate: float, service: Service, service_s: Seconds, jobs: int) -> None:
        self.rate = rate
        self.exponential = service == "exponential"
        self.service_s = service_s
        self.jobs = jobs
        self.sent = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Wait for the first arrival."""
        ctx.set_timer("arrival", ctx.rng.expovariate(self.rate))

    def on_timer(self, ctx: Context, name: str) -> None:
        """A job arrives."""
        self.sent += 1
        work_s = ctx.rng.expovariate(1.0 / self.service_s) if self.exponential else self.service_s
        ctx.send(POOL, Job(self.sent, work_s))
        if self.sent < self.jobs:
            ctx.set_timer("arrival", ctx.rng.expovariate(self.rate))


class Pool(Actor):
    """Serves jobs first come, first served.

    Args:
        ledger: where the money is; the pool owns it.
        hosts: the accounts of the servers' hosts, one a server.
    """

    def __init__(self, ledger: Ledger, hosts: tuple[PeerId, ...]) -> None:
        self.ledger = ledger
        self.hosts = hosts
        self.free = list(hosts[::-1])
        self.serving: dict[PeerId, int] = {}
        self.queue: deque[tuple[Job, Seconds]] = deque()
        self.arrived = 0

    @on(Job)
    def arrive(self, ctx: Context, sender: PeerId, message: Job) -> None:
        """Take the price into escrow, and serve the job or have it wait."""
        refusal = self.ledger.transfer(REQUESTERS, ESCROW, PRICE_UNITS)
        assert refusal is None, f"requesters have enough for all jobs, yet {refusal}"
        if self.free:
            self._serve(ctx, self.free.pop(), message, 0.0)
        else:
            self.queue.append((message, ctx.now))
        self.arrived += 1
        if self.arrived % AUDIT_EVERY == 0:
            ctx.emit(self.books())

    def on_timer(self, ctx: Context, name: str) -> None:
        """The server of the host `name` has done its job."""
        refusal = self.ledger.transfer(ESCROW, name, PRICE_UNITS)
        assert refusal is None, f"the escrow holds the price of every job, yet {refusal}"
        ctx.emit(JobDone(self.serving.pop(name)))
        if self.queue:
            job, since_s = self.queue.popleft()
            self._serve(ctx, name, job, ctx.now - since_s)
        else:
            self.free.append(name)

    def _serve(self, ctx: Context, host: PeerId, job: Job, waited_s: Seconds) -> None:
        self.serving[host] = job.number
        ctx.set_timer(host, job.work_s)
        ctx.emit(JobStarted(job.number, waited_s))

    def books(self) -> BooksClosed:
        """Add everything up."""
        recounted = self.ledger.recount()
        return BooksClosed(
            jobs=len(self.serving) + len(self.queue),
            supply_units=encode_units(recounted.supply_units),
            balances_units=encode_units(recounted.balances_units),
            escrow_units=encode_units(self.ledger.balances.get(ESCROW, 0)),
            discrepancy=self.ledger.audit() or "",
        )


def conserved(fact: BooksClosed, expected_units: int) -> str | None:
    """What is wrong with the money, or None.

    Args:
        expected_units: what there was in the beginning.
    """
    if fact.discrepancy:
        return fact.discrepancy
    found = fact.supply_units, fact.balances_units
    if found != (encode_units(expected_units),) * 2:
        return f"there are {found} units, not {expected_units}"
    if fact.escrow_units != encode_units(PRICE_UNITS * fact.jobs):
        return f"the escrow holds {fact.escrow_units} units for {fact.jobs} jobs"
    return None
