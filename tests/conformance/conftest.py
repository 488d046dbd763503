"""One bench for every world: the contract tests see only what `World` and actors promise."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from live.inprocess import InProcess
from live.mqtt import Mqtt
from live.transport import Transport
from live.world import Live
from prsm_sim.actor import Actor, Fact, Message
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim
from prsm_sim.world import World
from tests.servers import Mosquitto, mosquitto

__all__ = ["mosquitto"]

LIMIT_S = 5.0
"""A story that has not said `Finished` by then goes on no longer."""


class Seen(Fact, frozen=True):
    """An actor tells the test what it saw."""

    what: str


class Finished(Fact, frozen=True):
    """An actor tells the test that its story is over."""


class Bench:
    """A world, what its actors saw, and a way to run it.

    Attributes:
        seen: ``(time_s, peer, what)`` for each `Seen`, in order.
    """

    def __init__(self, world: Sim | Live) -> None:
        self.world = world
        self.seen: list[tuple[float, str, str]] = []
        world.observe(Seen, self._see)
        world.observe(Finished, lambda *_: world.stop("finished"))

    def _see(self, time_s: float, peer: str, fact: Fact) -> None:
        assert isinstance(fact, Seen)
        self.seen.append((time_s, peer, fact.what))

    def spawn(self, name: str, factory: Callable[[], Actor], **options: Any) -> None:
        self.world.spawn(name, factory, **options)

    def post(self, to: str, message: Message) -> None:
        self.world.post(to, message)

    def run(self, until: float) -> None:
        """Run for `until` seconds of world time, or until an actor says `Finished`."""
        if isinstance(self.world, Sim):
            self.world.run(until=until)
        else:
            asyncio.run(self.world.run(until))

    def finish(self) -> None:
        """Run until an actor says `Finished`."""
        self.run(LIMIT_S)
        assert self.world.stopped == "finished", f"never finished; saw {self.words()}"

    def words(self, peer: str | None = None) -> list[str]:
        """What was seen, by one peer or by all."""
        return [what for _, who, what in self.seen if peer in (None, who)]

    def times(self, what: str) -> list[float]:
        """When `what` was seen."""
        return [time_s for time_s, _, seen in self.seen if seen == what]

    @property
    def counters(self) -> dict[str, int]:
        return dict(self.world.observatory.counters)


def make_live(transport: Transport, run_name: str) -> Live:
    return Live(seed=7, transport=transport, run_name=run_name)


@pytest.fixture(
    params=[
        "sim",
        "live",
        pytest.param("mqtt-embedded", marks=pytest.mark.slow),
        pytest.param("mqtt-mosquitto", marks=pytest.mark.server),
    ]
)
def bench(request: pytest.FixtureRequest) -> Bench:
    run_name = request.node.name
    world: World
    match request.param:
        case "sim":
            world = Sim(seed=7)
            world.set_network(Network(latency=Latency(law="fixed", mean_s=0.005)))
        case "live":
            world = make_live(InProcess(), run_name)
        case "mqtt-embedded":
            world = make_live(Mqtt(None, run_name), run_name)
        case _:
            server: Mosquitto = request.getfixturevalue("mosquitto")
            world = make_live(Mqtt(server.url, run_name), run_name)
    assert isinstance(world, Sim | Live)
    return Bench(world)
