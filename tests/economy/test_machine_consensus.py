"""A whole economy behind PBFT: four replicas, a crash, lost messages, and one digest."""

from random import Random

from machine_console import BALANCES, parameters
from machine_operations import Draw

from agents.consensus.client import ConsensusClient
from agents.consensus.facts import Executed
from agents.consensus.messages import Reply
from agents.consensus.replica import Replica
from agents.consensus.settings import Settings
from economy.desks.exchange_desk import ExchangeDesk, PlaceOrder
from economy.desks.opening import open_economy
from economy.desks.pool_desk import AddLiquidity
from economy.desks.staking_desk import BondStake
from economy.facts import InvariantBroken, OperationApplied
from economy.orders import OrderKind, Side
from prsm_sim.actor import Actor, encode, on
from prsm_sim.checker import Agreement
from prsm_sim.faults import Crash
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim

MEMBERS = tuple(f"replica-{number}" for number in range(4))


def order(key, side, units, price):
    kind = OrderKind.LIMIT
    return PlaceOrder(key, side, kind, units, price, "0", "0", "0", 0)


class Trader(Actor):
    """Asks for one thing after the other: some that is meant, and much at random."""

    def __init__(self, seed):
        self.consensus = ConsensusClient(MEMBERS, retry_s=1.0)
        self.chance = Random(seed)
        self.plan = [
            BondStake("bond", "100", 30),
            AddLiquidity("liquidity", "500", "500", "1"),
            order("sell", Side.SELL, "20", str(3 + seed)),
            order("buy", Side.BUY, "15", "4"),
        ]
        self.results = []

    def on_start(self, ctx, recovered):
        draw = Draw(Random(len(ctx.id)))
        kinds = open_economy(BALANCES, parameters())._operations.types
        for _ in range(25):
            operation = draw.operation(self.chance.choice(kinds))
            self.plan.append(
                draw.damaged(encode(operation)) if draw.chance.random() < 0.1 else operation
            )
        self.ask(ctx)

    def ask(self, ctx):
        if len(self.results) < len(self.plan):
            wanted = self.plan[len(self.results)]
            self.consensus.submit(ctx, wanted if isinstance(wanted, bytes) else encode(wanted))

    def on_timer(self, ctx, name):
        self.consensus.on_timer(ctx, name)

    @on(Reply)
    def reply(self, ctx, sender, message):
        result = self.consensus.on_reply(ctx, sender, message)
        if result is not None:
            self.results.append(result.value)
            self.ask(ctx)


def test_four_replicas_reach_one_state():
    sim = Sim(5)
    sim.set_network(Network(latency=Latency(law="exponential", mean_s=0.02), loss=0.02))
    machines = {}

    def replica(name):
        machines[name] = open_economy(BALANCES, parameters(audit_every=1))
        return Replica(
            MEMBERS,
            machines[name],
            Settings(view_timeout_s=1.0, status_s=0.5, checkpoint_interval=16),
        )

    for name in MEMBERS:
        sim.spawn(name, lambda name=name: replica(name))
    traders = {name: Trader(number) for number, name in enumerate(("alice", "bob", "carol"))}
    for name, trader in traders.items():
        sim.spawn(name, lambda trader=trader: trader)
    sim.schedule(Crash(at_s=2.0, peer=MEMBERS[0], for_s=3.0))
    sim.check(Agreement(Executed, lambda fact: fact.sequence, lambda fact: fact.digest))
    told, broken = {}, []
    sim.observe(
        OperationApplied,
        lambda _t, peer, fact: told.setdefault(fact.sequence, {}).setdefault(peer, fact.digest),
    )
    sim.observe(InvariantBroken, lambda _t, _p, fact: broken.append(fact))
    sim.run(120.0)

    assert all(len(trader.results) == len(trader.plan) for trader in traders.values())
    assert broken == []
    assert len(told) > 50
    assert all(len(set(digests.values())) == 1 for digests in told.values())
    assert len({machine.digest() for machine in machines.values()}) == 1
    assert len({machine.snapshot() for machine in machines.values()}) == 1
    assert machines[MEMBERS[1]].desk(ExchangeDesk).exchange.books.statistics.trades > 0
    assert machines[MEMBERS[1]].digest() != open_economy(BALANCES, parameters()).digest()
