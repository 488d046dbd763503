"""Facts as a protocol that nobody knows would tell them, and a run made of them."""

from contextlib import suppress

from prsm_sim.actor import Fact, InvariantViolation, PeerId
from prsm_sim.checker import Checker, Verdict
from prsm_sim.history import Invoked, Returned
from prsm_sim.observatory import Observatory


class Asked(Fact, frozen=True):
    key: str
    by: PeerId = ""


class Applied(Fact, frozen=True):
    key: str
    slot: int = 1
    result: str = ""


class Answered(Fact, frozen=True):
    key: str
    result: str = ""


class Grew(Fact, frozen=True):
    size: int


Told = tuple[float, PeerId, Fact]


def honest(peer: PeerId) -> bool:
    return not peer.startswith("liar")


def judge(checker: Checker, told: list[Told], end_s: float = 100.0) -> Verdict:
    """The verdict of a run in which this is told."""
    watched = Observatory()
    watched.check(checker)
    with suppress(InvariantViolation):
        for time_s, peer, fact in told:
            watched.fact(time_s, peer, fact)
        watched.finish(end_s)
    (verdict,) = watched.verdicts()
    return verdict


def asks(time_s: float, client: PeerId, number: int, operation: bytes = b"read") -> Told:
    return (time_s, client, Invoked(client, number, operation))


def hears(time_s: float, client: PeerId, number: int, result: bytes = b"") -> Told:
    return (time_s, client, Returned(client, number, result))
