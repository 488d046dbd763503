"""The judge: what it convicts of, and by which name, so that a deed is punished once."""

import msgspec
import pytest
from consensus_desk import sign
from consensus_group import members_of
from consensus_transcript import verify

from agents.consensus.evidence import accuse, encode_evidence, signed_content
from agents.consensus.judge import ConsensusJudge
from agents.consensus.messages import Commit, Prepare
from agents.consensus.rules import Committee
from economy.slashing import OffenceClass
from prsm_sim.actor import PeerId

LIAR = "replica-1"


def proof(
    *digests: bytes,
    accused: PeerId = LIAR,
    signer: PeerId = LIAR,
    sequence: int = 7,
    vote: type[Commit] | type[Prepare] = Commit,
) -> bytes:
    votes = [vote(0, sequence, digest) for digest in digests]
    signed = [
        msgspec.structs.replace(one, signature=sign(signer, signed_content(one))) for one in votes
    ]
    evidence = accuse(accused, *signed)
    assert evidence is not None
    return encode_evidence(evidence)


def deed(
    evidence: bytes, offender: PeerId = LIAR, kind: OffenceClass = OffenceClass.EQUIVOCATION
) -> str | None:
    judge = ConsensusJudge(Committee(members_of(4)), verify)
    return judge.deed_of(offender, kind, evidence)


def test_two_votes_in_one_slot_are_a_deed() -> None:
    assert deed(proof(b"one", b"two"))


@pytest.mark.parametrize("same", [(b"two", b"one"), (b"one", b"three")])
def test_one_deed_has_one_name_however_it_is_proved(same: tuple[bytes, bytes]) -> None:
    assert deed(proof(*same)) == deed(proof(b"one", b"two"))


def test_prepares_and_commits_of_one_slot_are_one_deed_and_another_slot_is_another() -> None:
    name = deed(proof(b"one", b"two"))
    assert deed(proof(b"one", b"two", vote=Prepare)) == name
    assert deed(proof(b"one", b"two", sequence=8)) != name
    assert str(name).split("/") == [LIAR, "votes", "0", "7"]


def test_nobody_is_convicted_by_what_another_signed() -> None:
    assert deed(proof(b"one", b"two", signer="replica-2")) is None
    assert deed(proof(b"one", b"two"), offender="replica-2") is None
    assert deed(proof(b"one", b"two", accused="stranger", signer="stranger"), "stranger") is None


def test_equivocation_is_all_it_judges() -> None:
    evidence = proof(b"one", b"two")
    for other in OffenceClass:
        if other is not OffenceClass.EQUIVOCATION:
            assert deed(evidence, kind=other) is None


@pytest.mark.parametrize("junk", [b"", b"\x00", b"evidence", proof(b"one", b"two")[:-1]])
def test_what_is_no_evidence_convicts_nobody(junk: bytes) -> None:
    assert deed(junk) is None
