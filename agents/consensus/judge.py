"""Evidence before the economy: a stake is slashed for what its owner signed, and for nothing else.

Consensus finds contradictions and makes them portable (`evidence`); the economy punishes, and knows
nothing of consensus. A judge stands between: it reads the bytes that a reporter hands in, checks
them by public keys alone, and names the deed, so that each is punished once, however it is proved.
Every replica judges for itself and reaches the same verdict, because a verdict depends on the
bytes, the committee and its keys.
"""

from agents.consensus.evidence import Verify, decode_evidence, offence, verify_evidence
from agents.consensus.rules import Committee
from economy.desks.staking_desk import Judge
from economy.slashing import OffenceClass
from prsm_sim.actor import RemoteProtocolError


class ConsensusJudge(Judge):
    """Convicts members of a committee of equivocation.

    Args:
        committee: who could be accused.
        verify: checks one signature; the same answer on every replica.
    """

    def __init__(self, committee: Committee, verify: Verify) -> None:
        self.committee = committee
        self.verify = verify

    def deed_of(self, offender: str, offence_class: OffenceClass, evidence: bytes) -> str | None:
        """The name of the deed that the evidence proves of `offender`, or None."""
        try:
            accusation = decode_evidence(evidence)
        except RemoteProtocolError:
            return None
        if offence_class is not OffenceClass.EQUIVOCATION or accusation.accused != offender:
            return None
        if verify_evidence(self.verify, self.committee, accusation) is not None:
            return None
        return "/".join(str(part) for part in offence(accusation))
