"""Byzantine fault-tolerant replication: PBFT ordering opaque operations for a state machine.

`Replica` runs at each committee member, `ConsensusClient` inside any actor that wants something
ordered. Consensus never looks into an operation; scenarios and live nodes inject a `StateMachine`.
"""

from agents.consensus.byzantine import Equivocator
from agents.consensus.client import ConsensusClient, Result
from agents.consensus.evidence import Evidence, verify_evidence
from agents.consensus.facts import (
    CheckpointStable,
    CheckpointTaken,
    ConflictingMessages,
    Executed,
    ReplyAccepted,
    StateTransferred,
    ViewChanged,
)
from agents.consensus.machine import ReadableMachine, StateMachine
from agents.consensus.messages import Reply, Request
from agents.consensus.replica import Replica
from agents.consensus.rules import Committee, fault_limit, quorum
from agents.consensus.settings import Settings

__all__ = [
    "CheckpointStable",
    "CheckpointTaken",
    "Committee",
    "ConflictingMessages",
    "ConsensusClient",
    "Equivocator",
    "Evidence",
    "Executed",
    "ReadableMachine",
    "Replica",
    "Reply",
    "ReplyAccepted",
    "Request",
    "Result",
    "Settings",
    "StateMachine",
    "StateTransferred",
    "ViewChanged",
    "fault_limit",
    "quorum",
    "verify_evidence",
]
