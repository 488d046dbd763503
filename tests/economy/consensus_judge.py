"""Evidence for tests: votes that contradict each other, and what stands for their signatures."""

from hashlib import sha256

import msgspec

from agents.consensus.evidence import accuse, encode_evidence, signed_content
from agents.consensus.judge import ConsensusJudge
from agents.consensus.messages import Commit
from agents.consensus.rules import Committee

MEMBERS = tuple(f"replica-{number}" for number in range(4))


def sign(signer, payload):
    """What stands for a signature here: a hash that names the signer."""
    return sha256(signer.encode() + payload).digest()


def verify(signer, payload, signature):
    return sign(signer, payload) == signature


def judge_of():
    return ConsensusJudge(Committee(MEMBERS), verify)


def proof_of(accused, one, two, signer=None):
    """Evidence that `accused` committed to two digests in one slot, signed by `signer`."""
    votes = []
    for digest in (one, two):
        vote = Commit(0, 7, digest)
        signature = sign(signer or accused, signed_content(vote))
        votes.append(msgspec.structs.replace(vote, signature=signature))
    return encode_evidence(accuse(accused, *votes))
