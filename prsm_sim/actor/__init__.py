"""Floor 0: the actor contract. It imports the standard library and msgspec, nothing else."""

from prsm_sim.actor.actor import Actor, Handler, find_handler, on, reentrant
from prsm_sim.actor.codec import Codec, decode, encode
from prsm_sim.actor.context import Context, Random, Store
from prsm_sim.actor.errors import (
    ForeignAwait,
    InvariantViolation,
    OperationError,
    OperationFailed,
    OperationTimedOut,
    PrsmError,
    RemoteProtocolError,
    UserError,
)
from prsm_sim.actor.once import Results, once
from prsm_sim.actor.operations import Done, Failed, Operation, Outcome, TimedOut
from prsm_sim.actor.types import Fact, Message, PeerId, Seconds, Topic
from prsm_sim.actor.wrapper import Lens, Wrapper

__all__ = [
    "Actor",
    "Codec",
    "Context",
    "Done",
    "Fact",
    "Failed",
    "ForeignAwait",
    "Handler",
    "InvariantViolation",
    "Lens",
    "Message",
    "Operation",
    "OperationError",
    "OperationFailed",
    "OperationTimedOut",
    "Outcome",
    "PeerId",
    "PrsmError",
    "Random",
    "RemoteProtocolError",
    "Results",
    "Seconds",
    "Store",
    "TimedOut",
    "Topic",
    "UserError",
    "Wrapper",
    "decode",
    "encode",
    "find_handler",
    "on",
    "once",
    "reentrant",
]
