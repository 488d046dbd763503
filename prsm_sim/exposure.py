"""Exposure: what a nemesis may strike in a scenario, so that a fuzzer stays inside its fault model.

A protocol promises something for at most f faulty peers and a network that heals. A fuzzer that
strikes more than that finds no bugs, only the limits that the theory states. So a scenario says
whom it exposes, how many of them may be broken for good, and by when all else is whole again; what
is promised after that (liveness) is the scenario's oracles' business.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from prsm_sim.actor.context import Context, Random
from prsm_sim.actor.types import Message, PeerId, Seconds

Resign = Callable[[Context, Any], Message]
"""Makes an altered message as valid as its Byzantine sender can: with its own signature anew."""
Mutate = Callable[[Any, Random], Message | None]
"""A protocol's own way to alter a message, drawn from the stream; None: alter a field instead."""


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What may be struck.

    Attributes:
        peers: the peers that may be struck by process, storage, clock and Byzantine faults.
        bystanders: peers whose links may be struck, but which stay correct and up (clients).
        faulty: how many of `peers` may be broken for good: Byzantine, or crashed without restart,
            or with a store that forgets. Any number may crash and restart before `heal_s`.
        heal_s: by then every fault of the network and every crash with a restart is over.
        resign: re-signs a message that a Byzantine peer has altered; None: messages are unsigned.
        mutate: lies of the protocol's own, which Byzantine peers tell besides changes of one field
            where a fault leaves it to them what to change.
    """

    peers: tuple[PeerId, ...]
    bystanders: tuple[PeerId, ...] = ()
    faulty: int = 0
    heal_s: Seconds = 10.0
    resign: Resign | None = None
    mutate: Mutate | None = None
