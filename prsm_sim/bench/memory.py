"""What a peer costs in memory: 100,000 peers, each with one message in flight.

Counted is what Python allocates (tracemalloc) for the world and its queue, less what the actors
themselves hold. It runs in a process of its own: tracing slows everything that follows.
"""

import subprocess
import sys
import tracemalloc

from prsm_sim.actor import Actor, Context, Message, PeerId, on
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim

PEERS = 100_000


class Knock(Message, frozen=True):
    """A message without contents."""


class Neighbour(Actor):
    """Knocks at one other peer when it starts."""

    __slots__ = ("next_door",)

    def __init__(self) -> None:
        self.next_door: PeerId = ""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Send one message, which is on its way while memory is measured."""
        ctx.send("peer-0", Knock())

    @on(Knock)
    def knock(self, ctx: Context, sender: PeerId, message: Knock) -> None:
        """Hear it."""


def measure() -> float:
    """Peak bytes a peer, over the actor's own state."""
    tracemalloc.start()
    idle = [Neighbour() for _ in range(PEERS)]
    own = tracemalloc.get_traced_memory()[0]
    del idle
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    sim = Sim(1)
    sim.set_network(Network(latency=Latency(law="exponential", mean_s=1.0)))
    for i in range(PEERS):
        sim.spawn(f"peer-{i}", Neighbour)
    sim.run(until=1e-9)  # all have started, and hardly a message has arrived
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - before - own) / PEERS


def bytes_per_peer() -> float:
    """`measure`, in a process of its own."""
    command = [sys.executable, "-c", f"from {__name__} import measure; print(measure())"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


if __name__ == "__main__":
    sys.stdout.write(f"{measure():.0f}\n")
