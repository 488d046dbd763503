"""What consensus tells the outside: the facts that checkers and metrics are made of."""

from agents.consensus.evidence import Evidence
from prsm_sim.actor import Fact, PeerId, Seconds


class Executed(Fact, frozen=True):
    """A replica executed a batch.

    Attributes:
        sequence: the batch's sequence number.
        view: the replica's view at that moment.
        digest: the batch's digest, hex.
        requests: client and timestamp of each request that was applied, in order. A null request,
            and one that had been executed under an earlier sequence number, is not among them.
    """

    sequence: int
    view: int
    digest: str
    requests: tuple[tuple[PeerId, int], ...]


class ViewChanged(Fact, frozen=True):
    """A replica entered `view`."""

    view: int


class CheckpointTaken(Fact, frozen=True):
    """A replica fixed its state in a checkpoint, which is not stable yet.

    Attributes:
        sequence: the last sequence number whose effects the checkpoint contains.
        digest: of the state, hex.
    """

    sequence: int
    digest: str


class CheckpointStable(Fact, frozen=True):
    """A checkpoint became stable at a replica: q replicas signed the digest of its state.

    Attributes:
        sequence: the last sequence number whose effects the checkpoint contains.
        digest: of the state, hex.
    """

    sequence: int
    digest: str


class StateTransferred(Fact, frozen=True):
    """A replica replaced its state by the proved one of others.

    Attributes:
        sequence: of the stable checkpoint whose state it is.
    """

    sequence: int


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
    """A replica holds two signed messages that no correct replica signs both.

    Attributes:
        accused: who signed them.
        view: the view of both; 0 for checkpoints, which belong to no view.
        sequence: the sequence number of the first.
        evidence: both messages, for any third party to verify (`verify_evidence`).
    """

    accused: PeerId
    view: int
    sequence: int
    evidence: Evidence
