"""The census: what one undisturbed run of a scenario says about whom to strike with what.

It is taken once for each campaign, from the scenario's own parameters. Strategies learn from it how
many messages a link carries, so that they number messages that exist; which types of messages come
from outside the exposed peers, since that is what a peer can be deaf to; and which types never
occur while all is well, since these decide how a protocol recovers.
"""

from collections import Counter
from typing import Any

import msgspec

from prsm_sim.actor.types import Message, PeerId, Seconds
from prsm_sim.fuzz.trial import conclude
from prsm_sim.scenario import Scenario, ScenarioParameters
from prsm_sim.sim import Sim

EVENTS_LIMIT = 50_000
"""A census looks no further."""


class Census(msgspec.Struct, frozen=True):
    """What was counted.

    Attributes:
        traffic: mean number of messages on a link that was used.
        asked: names of the message types that bystanders send, sorted.
        common: names of all message types that were sent, sorted.
    """

    traffic: int = 64
    asked: tuple[str, ...] = ()
    common: tuple[str, ...] = ()


class _Counter:
    """Counts messages by link, and what each peer sends."""

    def __init__(self) -> None:
        self.links: Counter[tuple[PeerId, PeerId]] = Counter()
        self.sent: dict[tuple[PeerId, str], None] = {}

    def bucket(self, events: list[tuple[Seconds, PeerId, PeerId, Any]]) -> None:
        """Take in events."""
        for _, sender, receiver, message in events:
            if sender != receiver and isinstance(message, Message):
                self.links[sender, receiver] += 1
                self.sent[sender, type(message).__name__] = None


def take_census(scenario: Scenario[Any], parameters: ScenarioParameters) -> Census:
    """Run a scenario once without faults of a plan, and count."""
    counter = _Counter()
    sim = Sim(0, recorder=counter)
    scenario.build(sim, parameters)
    conclude(sim, parameters, EVENTS_LIMIT)
    bystanders = frozenset(sim.exposure.bystanders)
    asked = {kind for sender, kind in counter.sent if sender in bystanders}
    mean = counter.links.total() // max(1, len(counter.links))
    common = {kind for _, kind in counter.sent}
    return Census(max(2, mean), tuple(sorted(asked)), tuple(sorted(common)))
