"""Ports: how a world answers an actor's operations on models, blobs, chain and tools.

One adapter serves both worlds. In the simulator an operation issued at *t* is answered at
*t* + `duration_s` of virtual time with the value that `call` really computes; live, `call` runs in
a worker thread and takes as long as it takes. So the work is real in both, and only its duration is
modelled in the simulator.
"""

from typing import Any, Protocol

from prsm_sim.actor.context import Random
from prsm_sim.actor.types import PeerId, Seconds


class Adapter(Protocol):
    """Answers the operations of one port."""

    @property
    def mode(self) -> str:
        """How it answers: ``modelled``, ``cassette``, ``real compute`` or ``external``."""

    def call(self, peer: PeerId, verb: str, arguments: tuple[Any, ...]) -> Any:
        """The answer to ``port.verb(*arguments)`` issued by `peer`. Must be deterministic.

        Raises:
            OperationFailed: the answer is a refusal.
        """

    def duration_s(
        self, peer: PeerId, verb: str, arguments: tuple[Any, ...], rng: Random
    ) -> Seconds:
        """How long the operation takes in virtual time."""
