"""Raft's leader election, and nothing else of Raft: at most one leader a term.

A peer that hears no leader for a while becomes a candidate in a new term and asks all for their
vote. Each peer has one vote a term, and a majority makes a leader; two majorities share a peer, so
two leaders of one term would need a peer that voted twice. That is why a vote must be in the
durable store before it is on the network: a peer that restarts has to know what it promised.

Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), 5.2.
"""

import operator
from typing import Literal

from pydantic import Field

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, decode, encode, on
from prsm_sim.checker import Agreement
from prsm_sim.exposure import Exposure
from prsm_sim.network import Latency, Network
from prsm_sim.scenario import ScenarioParameters, scenario
from prsm_sim.world import World

HEARTBEAT_S = 0.05
PATIENCE_S = 0.15, 0.30


class RequestVote(Message, frozen=True):
    term: int


class Vote(Message, frozen=True):
    term: int


class Heartbeat(Message, frozen=True):
    term: int


class Elected(Fact, frozen=True):
    term: int
    leader: PeerId


class Candidate(Actor):
    def __init__(self, replicas: int, bug: bool) -> None:
        self.majority = replicas // 2 + 1
        self.bug = bug
        self.term = 0
        self.voted_for: PeerId | None = None
        self.votes: set[PeerId] = set()
        self.role: Literal["follower", "candidate", "leader"] = "follower"

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        if recovered is not None:
            self.term, self.voted_for = decode(recovered, tuple[int, PeerId | None])
            ctx.sometimes("restarted after a vote", self.voted_for is not None)
        self.wait(ctx)

    def on_timer(self, ctx: Context, name: str) -> None:
        if name == "patience":  # no leader is heard: be a candidate in a new term
            self.enter(ctx, self.term + 1, vote=ctx.id)
            self.role, self.votes = "candidate", {ctx.id}
            self.wait(ctx)
        if self.role != "follower":  # say it, and say it again: messages may be lost
            message = Heartbeat if self.role == "leader" else RequestVote
            ctx.broadcast(message(self.term))
            ctx.set_timer("again", HEARTBEAT_S)

    @on(RequestVote)
    def request_vote(self, ctx: Context, sender: PeerId, request: RequestVote) -> None:
        if request.term > self.term:
            self.enter(ctx, request.term)
        if request.term == self.term and self.voted_for in (None, sender):
            self.enter(ctx, self.term, vote=sender)
            self.wait(ctx)
            ctx.send(sender, Vote(self.term))

    @on(Vote)
    def vote(self, ctx: Context, sender: PeerId, vote: Vote) -> None:
        if vote.term != self.term or self.role != "candidate":
            return
        self.votes.add(sender)
        if len(self.votes) >= self.majority:
            self.role = "leader"
            ctx.cancel_timer("patience")
            ctx.emit(Elected(self.term, ctx.id))
            ctx.broadcast(Heartbeat(self.term))

    @on(Heartbeat)
    def heartbeat(self, ctx: Context, sender: PeerId, heartbeat: Heartbeat) -> None:
        if heartbeat.term < self.term:
            return
        if heartbeat.term > self.term:
            ctx.sometimes("a leader was replaced", self.role == "leader")
            self.enter(ctx, heartbeat.term)
        self.role = "follower"
        self.wait(ctx)

    def enter(self, ctx: Context, term: int, vote: PeerId | None = None) -> None:
        """Be in `term`, having voted for `vote`, and remember both before anybody hears of it."""
        if term > self.term:
            self.role = "follower"
        self.term, self.voted_for = term, vote
        if not self.bug:
            ctx.store.put("state", encode((term, vote)))
            ctx.store.sync()

    def wait(self, ctx: Context) -> None:
        ctx.set_timer("patience", ctx.rng.uniform(*PATIENCE_S))


class Election(ScenarioParameters):
    """Parameters of the election."""

    replicas: int = Field(3, ge=3, le=99, description="peers that vote")
    bug: bool = Field(False, description="plant it: votes are not put into the store")
    duration_s: float = Field(10.0, gt=0, le=1e9, description="length of the run, s")


@scenario(Election, live_defaults={"duration_s": 3.0})
def raft_election(world: World, parameters: Election) -> None:
    """Raft's leader election: at most one leader a term."""
    world.set_network(Network(latency=Latency(law="exponential", mean_s=0.01)))
    peers = tuple(f"peer-{i}" for i in range(parameters.replicas))
    for name in peers:
        world.spawn(name, lambda: Candidate(parameters.replicas, parameters.bug))
    world.expose(Exposure(peers=peers, heal_s=parameters.duration_s / 2))
    terms, leaders = operator.attrgetter("term"), operator.attrgetter("leader")
    world.check(Agreement(Elected, terms, leaders, world.is_honest, name="one leader a term"))
