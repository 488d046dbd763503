"""A rumour spreads through a small world: how many hear it, and how soon?"""

import networkx

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, on
from prsm_sim.scenario import ScenarioParameters, scenario
from prsm_sim.world import World


class Rumour(Message, frozen=True):
    hops: int


class Heard(Fact, frozen=True):
    hops: int


class Gossip(Actor):
    knows = False

    @on(Rumour)
    def rumour(self, ctx: Context, sender: PeerId, rumour: Rumour) -> None:
        if not self.knows:
            self.knows = True
            ctx.emit(Heard(rumour.hops))
            ctx.broadcast(Rumour(rumour.hops + 1))

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        if ctx.id == "peer-0":
            ctx.send(ctx.id, Rumour(0))


@scenario(ScenarioParameters, live_defaults={"duration_s": 2.0})
def rumour(world: World, parameters: ScenarioParameters) -> None:
    """A rumour spreads through a small world of 50 peers."""
    world.connect(networkx.watts_strogatz_graph(50, 4, 0.1, seed=world.seed), "peer-{}")
    for i in range(50):
        world.spawn(f"peer-{i}", Gossip)
    world.observe(Heard, lambda time_s, peer, fact: world.report("last_heard_s", time_s))
