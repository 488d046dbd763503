"""The oracles in a whole run: a store that answers from a copy, and one that does not."""

from prsm_sim.actor import Actor, Context, Message, PeerId, on
from prsm_sim.history import Invoked, Returned
from prsm_sim.network import Latency, Network
from prsm_sim.oracles import Linearizable, Recovers, Register, Sometimes
from prsm_sim.runner import RunResult, simulate
from prsm_sim.scenario import ScenarioParameters, scenario
from prsm_sim.world import World
from tests.oracles.telling import asks, hears, judge


class Serve(Message, frozen=True):
    number: int
    operation: bytes


class Result(Message, frozen=True):
    number: int
    value: bytes


class Copy(Message, frozen=True):
    value: bytes


class Server(Actor):
    """Holds a register; a backup holds what it has last been sent."""

    def __init__(self, backup: PeerId = "") -> None:
        self.backup = backup
        self.state = b""

    @on(Serve)
    def serve(self, ctx: Context, sender: PeerId, message: Serve) -> Result:
        self.state, value = Register().step(self.state, message.operation)
        if self.backup:
            ctx.send(self.backup, Copy(self.state))
        return Result(message.number, value)

    @on(Copy)
    def copy(self, ctx: Context, sender: PeerId, message: Copy) -> None:
        self.state = message.value


class Client(Actor):
    """Asks `server` for one operation after the other, and tells of it."""

    def __init__(self, server: PeerId, verb: bytes, count: int) -> None:
        self.server = server
        self.verb = verb
        self.count = count
        self.number = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.ask(ctx)

    def ask(self, ctx: Context) -> None:
        if self.number < self.count:
            self.number += 1
            words = b"%s %d" % (self.verb, self.number) if self.verb == b"write" else self.verb
            ctx.emit(Invoked(ctx.id, self.number, words))
            ctx.send(self.server, Serve(self.number, words))

    @on(Result)
    def result(self, ctx: Context, sender: PeerId, message: Result) -> None:
        ctx.emit(Returned(ctx.id, message.number, message.value))
        ctx.sometimes("a client was answered")
        self.ask(ctx)


class Parameters(ScenarioParameters):
    duration_s: float = 60.0
    read_from: str = "primary"
    bound: int = 1_000


@scenario(Parameters)
def copied_register(world: World, parameters: Parameters) -> None:
    """A register with a copy."""
    world.set_network(Network(latency=Latency(law="exponential", mean_s=0.1)))
    world.spawn("primary", lambda: Server("backup"))
    world.spawn("backup", Server)
    world.spawn("writer", lambda: Client("primary", b"write", 50))
    world.spawn("reader", lambda: Client(parameters.read_from, b"read", 50))
    world.check(
        Linearizable(Register(), bound=parameters.bound, trusted=world.is_honest),
        Recovers(5.0),
        Sometimes("a client was answered"),
        Sometimes("the backup took over"),
    )


def run(**changes: object) -> RunResult:
    return simulate(copied_register, Parameters.model_validate(changes), 7, runs_dir=None)


def test_reading_from_the_primary_is_linearizable() -> None:
    result = run()
    assert result.status == "pass"
    verdicts = {verdict.name: verdict for verdict in result.verdicts}
    assert list(verdicts) == ["linearizability", "recovery"]
    assert verdicts["linearizability"].evaluations == 100
    assert verdicts["recovery"].evaluations == 100
    assert result.manifest.coverage == {"a client was answered": 100, "the backup took over": 0}


def test_reading_from_the_copy_is_not() -> None:
    result = run(read_from="backup")
    assert result.status == "fail"
    (verdict, recovery) = result.verdicts
    assert (verdict.status, recovery.status) == ("fail", "pass")
    assert "linearizability: no order explains reader 'read' → " in result.failure
    assert "earlier operations left" in verdict.detail


def test_giving_up_makes_the_run_inconclusive() -> None:
    result = run(bound=0)
    assert result.status == "inconclusive"
    assert "gave up at the bound" in result.verdicts[0].detail


def test_a_client_that_is_not_trusted_may_have_been_told_anything() -> None:
    def checker() -> Linearizable:
        return Linearizable(Register(), trusted=lambda client: client != "liar")

    wrote = [asks(1, "liar", 1, b"write 5"), hears(2, "liar", 1, b"nonsense")]
    told = [*wrote, asks(3, "c", 1), hears(4, "c", 1, b"5")]
    assert judge(checker(), told).status == "pass"
    never = [*wrote, asks(3, "c", 1), hears(4, "c", 1, b"")]
    assert judge(checker(), never).status == "pass"  # nor need it have taken effect
    other = judge(checker(), [*wrote, asks(3, "c", 1), hears(4, "c", 1, b"6")])
    assert (other.status, other.time_s) == ("fail", 100)
    assert "c 'read' → '6' (3–4 s)" in other.detail
    assert judge(checker(), wrote).status == "inconclusive"


def test_a_client_that_is_told_what_it_did_not_ask_for() -> None:
    verdict = judge(Linearizable(Register()), [hears(1, "c", 1)])
    assert (verdict.status, verdict.time_s) == ("fail", 1)
    told = [asks(1, "c", 1), hears(2, "c", 1, b""), hears(3, "c", 1, b"1")]
    assert judge(Linearizable(Register()), told).time_s == 3
