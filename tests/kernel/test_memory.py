"""What a peer costs in a world of 100,000, each with one message in flight."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_BYTES = 600
"""Over the actor's own state."""

SCRIPT = """
import gc, json, sys, tracemalloc
from prsm_sim.actor import Actor, Message, on
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim

PEERS, HOPS = int(sys.argv[1]), int(sys.argv[2])
NAMES = [f"peer-{i}" for i in range(PEERS)]

class Token(Message, frozen=True):
    hops: int

class Runner(Actor):
    def __init__(self):
        self.seen = 0

    def on_start(self, ctx, recovered):
        ctx.send(NAMES[(int(ctx.id[5:]) * 7919 + 1) % PEERS], Token(0))

    @on(Token)
    def token(self, ctx, sender, message) -> None:
        self.seen += 1
        if message.hops < HOPS:
            ctx.send(sender, Token(message.hops + 1))

def peak(build):
    gc.collect()
    tracemalloc.start()
    kept = build()
    bytes_used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return bytes_used, kept

def actors_alone():
    return [Runner() for _ in range(PEERS)]

def world():
    sim = Sim(1)
    sim.set_network(Network(latency=Latency(law="exponential", mean_s=0.05)))
    for name in NAMES:
        sim.spawn(name, Runner)
    sim.run()
    return sim

own, _ = peak(actors_alone)
del _
total, sim = peak(world)
received = sum(sim.actor(name).seen for name in NAMES)
print(json.dumps({"bytes_per_peer": (total - own) / PEERS, "events": sim.events,
                  "received": received}))
"""


def measure(peers: int, hops: int) -> dict[str, float]:
    """Peak memory of a world of `peers` over their actors' own, measured in a process of its own.

    Args:
        peers: how many; each sends one message.
        hops: how often the receiver of a message sends it back, so that one is always in flight.

    Returns:
        ``bytes_per_peer``, and ``events`` and ``received`` to show that the world really ran.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(peers), str(hops)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@pytest.mark.slow
@pytest.mark.parametrize("hops", [0, 3])
def test_a_peer_costs_at_most_600_bytes(hops: int) -> None:
    peers = 100_000
    figures = measure(peers, hops)
    assert figures["events"] == (2 + hops) * peers  # each starts, and its message goes to and fro
    assert figures["received"] == (1 + hops) * peers
    assert 100 < figures["bytes_per_peer"] <= LIMIT_BYTES
