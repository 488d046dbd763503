"""What consensus tells the outside: the facts that checkers and metrics are made of."""

from prsm_sim.actor import Fact, PeerId, Seconds


class Executed(Fact, frozen=True):
    """A replica executed a request; also once for a batch in which nothing was applied.

    Attributes:
        sequence: the batch's sequence number.
        view: the replica's view at that moment.
        digest: the batch's digest, hex.
        client: whose request was applied; empty if nothing was (a null request, or one that had
            been executed under an earlier sequence number).
        timestamp: the request's, 0 if nothing was applied.
    """

    sequence: int
    view: int
    digest: str
    client: PeerId
    timestamp: int


class ViewChanged(Fact, frozen=True):
    """A replica entered `view`."""

    view: int


class ReplyAccepted(Fact, frozen=True):
    """A client accepted a result.

    Attributes:
        client: who asked.
        timestamp: of the request.
        result: what f + 1 replicas agree it is.
        latency_s: since the request was first sent.
    """

    client: PeerId
    timestamp: int
    result: bytes
    latency_s: Seconds


class ConflictingMessages(Fact, frozen=True):
    """A replica received two messages that no correct replica sends both.

    Attributes:
        accused: who sent them.
        view: the view of both.
        sequence: the sequence number of both.
        first: the message that counts, encoded.
        second: the one that was ignored, encoded.
    """

    accused: PeerId
    view: int
    sequence: int
    first: bytes
    second: bytes
