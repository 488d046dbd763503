"""Small scenarios for the tests of the command line: peers that pass a number around."""

from pydantic import BaseModel, ConfigDict, Field

from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, UserError, on
from prsm_sim.checker import Always, Checker
from prsm_sim.faults import Crash
from prsm_sim.network import Latency, Network
from prsm_sim.scenario import ScenarioParameters, scenario
from prsm_sim.world import World


class Ping(Message, frozen=True):
    number: int
    path: tuple[str, ...] = ()


class Pinged(Fact, frozen=True):
    number: int


class Never(Fact, frozen=True):
    pass


class Pinger(Actor):
    def __init__(self, raise_at: int = 0) -> None:
        self.raise_at = raise_at

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.send(ctx.rng.choice(ctx.peers), Ping(0))

    @on(Ping)
    def ping(self, ctx: Context, sender: PeerId, message: Ping) -> None:
        ctx.emit(Pinged(message.number))
        ctx.sometimes("long path", len(message.path) == 3)
        if self.raise_at and message.number >= self.raise_at:
            raise ValueError("the number\nis too big")
        following = Ping(message.number + 1, (*message.path, ctx.id)[-3:])
        ctx.send(ctx.rng.choice(ctx.peers), following)


class Unfinished(Checker):
    name = "unfinished"
    facts = (Pinged,)

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        self.evaluations += 1
        return None

    def finish(self, time_s: float) -> str | None:
        return "something was left undone"


class Style(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    colour: str = "red"
    width_m: float = Field(1.0, gt=0)


class ToyParameters(ScenarioParameters):
    duration_s: float = Field(5.0, gt=0, le=1e9, description="the run ends at this time, s")
    executors: int = Field(4, ge=2, le=50, description="how many peers")
    loss: float = Field(0.01, ge=0, lt=1, description="of messages; in the end all are lost")
    fail_at: int = Field(0, ge=0, description="the checker fails at this number; 0: never")
    raise_at: int = Field(0, ge=0, description="a handler raises at this number; 0: never")
    vacuous: bool = Field(False, description="add a checker that has nothing to judge")
    unfinished: bool = Field(False, description="add a checker that fails at the end")
    refuse: bool = Field(False, description="refuse to be built")
    bad_report: bool = Field(False, description="raise in the report at the end")
    style: Style = Style()


@scenario(ToyParameters, live_defaults={"duration_s": 0.3})
def toy(world: World, parameters: ToyParameters) -> None:
    """Peers pass a number around."""
    if parameters.refuse:
        raise UserError("toy: refuse is set; leave it out")
    world.set_network(
        Network(latency=Latency(law="exponential", mean_s=0.05), loss=parameters.loss)
    )
    for index in range(parameters.executors):
        world.spawn(f"peer-{index}", lambda: Pinger(parameters.raise_at))
    world.schedule(Crash(at_s=1.0, peer="peer-0", for_s=0.5))
    seen: list[int] = []
    world.observe(Pinged, lambda _time, _peer, fact: seen.append(fact.number))

    def small(peer: PeerId, fact: Pinged) -> str | None:
        bad = parameters.fail_at and fact.number >= parameters.fail_at
        return f"{peer} saw {fact.number}" if bad else None

    world.check(Always("small", Pinged, small))
    if parameters.vacuous:
        world.check(Always("vacuous", Never, lambda _peer, _fact: None))
    if parameters.unfinished:
        world.check(Unfinished())
    world.gauge("pings", lambda: len(seen))

    def report() -> None:
        world.report("pings", len(seen))
        world.report("by_size", {"small": sum(n < 5 for n in seen), "mean": sum(seen) / len(seen)})
        if parameters.bad_report:
            raise RuntimeError("no figures")

    world.at_end(report)
