"""What every replica makes of the same pre-prepare, worked out by the first that needs it.

Each replica of a committee signs the same two votes on a pre-prepare, writes the same record of it,
checks the same requests, and writes and tells the same of the batch when it executes it. All of
that follows from the pre-prepare alone. In a process that runs one replica it is worked out once
anyway; where many run in one process, as in a simulation, the others find it done (`once`).
"""

from zlib import crc32

from agents.consensus.messages import Entry, PrePrepare, Request, request_content, vote_content
from prsm_sim.actor import PeerId, encode, once

_CHECKSUM_BYTES = 4


def sealed(payload: bytes) -> bytes:
    """A durable record: its CRC-32 and then `payload`, so that a torn or decayed one is found."""
    return crc32(payload).to_bytes(_CHECKSUM_BYTES) + payload


def unsealed(record: bytes) -> bytes | None:
    """What `sealed` was given, or None if that is not what came back."""
    payload = record[_CHECKSUM_BYTES:]
    return payload if sealed(payload) == record else None


class Batch:
    """A batch to be executed.

    Attributes:
        entry: what the journal keeps of it.
        digest: of the agreed time and the requests.
        digest_hex: the same, for facts.
        record: the durable record of `entry`.
        names: client and timestamp of each request.
    """

    __slots__ = ("digest", "digest_hex", "entry", "names", "record")

    def __init__(self, entry: Entry, digest: bytes) -> None:
        self.entry = entry
        self.digest = digest
        self.digest_hex = digest.hex()
        self.record = sealed(encode(entry))
        self.names: tuple[tuple[PeerId, int], ...] = tuple(
            [(request.client, request.timestamp) for request in entry.requests]
        )


class Order:
    """An accepted pre-prepare.

    Attributes:
        batch: what it orders.
        prepare_content: the bytes that a backup signs to vote for it (section 4.2).
        commit_content: the bytes that a replica signs once it is prepared.
        record: the durable record of the pre-prepare.
    """

    __slots__ = ("batch", "commit_content", "prepare_content", "record")

    def __init__(self, pre_prepare: PrePrepare) -> None:
        view, sequence, digest = pre_prepare.view, pre_prepare.sequence, pre_prepare.digest
        self.batch = Batch(Entry(sequence, pre_prepare.now_ms, pre_prepare.requests), digest)
        self.prepare_content = vote_content("prepare", view, sequence, digest)
        self.commit_content = vote_content("commit", view, sequence, digest)
        self.record = sealed(encode(pre_prepare))


order_of = once(Order)
"""What is made of a pre-prepare."""


@once
def claims_of(
    requests: tuple[Request, ...],
) -> tuple[tuple[PeerId, ...], tuple[bytes, ...], tuple[bytes, ...]]:
    """Who claims to have signed what in a batch: clients, what each signs, and its signatures."""
    return (
        tuple([one.client for one in requests]),
        tuple([request_content(one.client, one.timestamp, one.operation) for one in requests]),
        tuple([one.signature for one in requests]),
    )
