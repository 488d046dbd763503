"""A small market for tests: one bank keeps the real ledger in place of the committee."""

from collections.abc import Callable

from agents.pipeline.architect import Architect
from agents.pipeline.client import Client, ClientRules
from agents.pipeline.compiler import Compiler
from agents.pipeline.datasets import CARDS
from agents.pipeline.executor import Executor
from agents.pipeline.facts import QueryAnswered, QueryFailed
from agents.pipeline.layers import Layers
from agents.pipeline.messages import Announce
from agents.pipeline.orchestrator import Orchestrator
from agents.pipeline.prompter import Prompter
from agents.pipeline.questions import Question
from agents.pipeline.router import Router
from agents.pipeline.shares import Share
from agents.pipeline.submodels import SKILLS, SubmodelAdapter
from agents.pipeline.work import WorkRules
from economy.genesis import open_ledger
from economy.money import encode_units, ftns
from economy.state_machine import LedgerMachine
from prsm_sim.actor import Actor, Context, Message, PeerId, on
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim

Make = Callable[[], Actor]
BUDGET_UNITS = encode_units(ftns("5000"))


class Deposit(Message, frozen=True):
    number: int
    operation: bytes


class Receipt(Message, frozen=True):
    number: int
    result: bytes


class Bank(Actor):
    """Applies each client's operations once, in order of arrival."""

    def __init__(self, machine: LedgerMachine) -> None:
        self.machine = machine
        self.sequence = 0
        self.done: dict[tuple[PeerId, int], bytes] = {}

    @on(Deposit)
    def deposit(self, ctx: Context, sender: PeerId, message: Deposit) -> Receipt:
        key = (sender, message.number)
        if key not in self.done:
            self.sequence += 1
            now_ms = int(1000 * ctx.now)
            self.done[key] = self.machine.apply(self.sequence, sender, message.operation, now_ms)
        return Receipt(message.number, self.done[key])


class BankClient:
    """A `Committee` of one, which resends until it is answered."""

    message_types = (Receipt,)

    def __init__(self, bank: PeerId = "bank") -> None:
        self.bank = bank
        self.open: dict[int, tuple[str, bytes]] = {}

    def submit(self, ctx: Context, operation: bytes, tag: str) -> None:
        number = int(ctx.store.get("deposits") or b"0") + 1
        ctx.store.put("deposits", str(number).encode())
        ctx.store.sync()
        self.open[number] = (tag, operation)
        self.send(ctx, number)

    def send(self, ctx: Context, number: int) -> None:
        ctx.send(self.bank, Deposit(number, self.open[number][1]))
        ctx.set_timer("bank", 0.5)

    def on_message(self, ctx: Context, sender: PeerId, message: Message):
        assert isinstance(message, Receipt)
        tag_and_operation = self.open.pop(message.number, None)
        return None if tag_and_operation is None else (tag_and_operation[0], message.result)

    def on_timer(self, ctx: Context, name: str) -> bool:
        if name == "bank":
            for number in self.open:
                self.send(ctx, number)
        return name == "bank"


class Market:
    """A simulated market; facts of answered and failed queries are kept."""

    def __init__(
        self,
        questions: tuple[Question, ...],
        *,
        seed: int = 1,
        loss: float = 0.0,
        executors: int = 6,
        clients: int = 1,
        orchestrators: int = 1,
        rules: WorkRules | None = None,
        make_executor: Callable[[int, Callable[[], Actor]], Callable[[], Actor]] = lambda _, one: (
            one
        ),
        make_router: Make = Router,
        skills_of: Callable[[int], tuple[str, ...]] = lambda _: SKILLS,
        budget_units: str = BUDGET_UNITS,
    ) -> None:
        self.sim = sim = Sim(seed)
        sim.set_network(Network(latency=Latency(law="exponential", mean_s=0.02), loss=loss))
        names = [f"client-{index}" for index in range(clients)]
        machine = LedgerMachine(open_ledger({name: ftns("100000") for name in names}))
        self.machine = machine
        bank = Bank(machine)
        sim.spawn("bank", lambda: bank)
        layers = Layers(
            tuple(f"architect-{index}" for index in range(2)),
            tuple(f"prompter-{index}" for index in range(2)),
            tuple(f"router-{index}" for index in range(2)),
            tuple(f"compiler-{index}" for index in range(2)),
        )
        for peers, kind in zip(
            (layers.architects, layers.prompters, layers.routers, layers.compilers),
            (Architect, Prompter, make_router, Compiler),
            strict=True,
        ):
            for name in peers:
                sim.spawn(name, kind)
        shares = {f"executor-{i}": Share(i % 4, 800, tuple(CARDS)) for i in range(executors)}
        self.adapter = SubmodelAdapter(shares)
        sim.provide("models", self.adapter)
        for index, name in enumerate(shares):
            announcement = Announce(skills_of(index), tuple(CARDS), 800, encode_units(ftns("8")))
            honest = lambda a=announcement: Executor(layers.routers, a)  # noqa: E731
            sim.spawn(name, make_executor(index, honest))
        boss = tuple(f"orchestrator-{index}" for index in range(orchestrators))
        for name in boss:
            sim.spawn(name, lambda: Orchestrator(layers, BankClient(), rules))
        for index, name in enumerate(names):
            mine = questions[index::clients]
            client_rules = ClientRules(budget_units, first_after_s=0.5, pause_s=0.2)
            sim.spawn(name, lambda m=mine, r=client_rules: Client(m, boss, BankClient(), r))
        self.answered: list[QueryAnswered] = []
        self.failed: list[QueryFailed] = []
        sim.observe(QueryAnswered, lambda _t, _p, fact: self.answered.append(fact))
        sim.observe(QueryFailed, lambda _t, _p, fact: self.failed.append(fact))
