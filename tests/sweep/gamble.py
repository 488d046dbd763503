"""A gamble whose best stake is known: the tests' scenario that asks a question and can be attacked.

Staking x ∈ [0, 1] brings ``factor·x·(1 − x) + noise``, costs ``price·x`` and harms others by x². So
the net gain is greatest at x* = (factor − price) / 2·factor, and is (factor − price)² / 4·factor.
The noise is the run's seed's alone: whatever is staked, it is the same.
"""

from pydantic import BaseModel, ConfigDict, Field

from prsm_sim.actor import Actor, Context, Fact, UserError
from prsm_sim.checker import Always
from prsm_sim.scenario import (
    Attack,
    Choice,
    Knob,
    Measure,
    Question,
    ScenarioParameters,
    scenario,
)
from prsm_sim.world import World

NOISE = 0.05


class Odds(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: float = Field(2.0, ge=0)
    price: float = Field(0.5, ge=0)


class GambleParameters(ScenarioParameters):
    duration_s: float = Field(1.0, gt=0, le=1e9)
    stake: float = Field(0.0, ge=0, le=1)
    tables: int = Field(1, ge=1, le=3, description="that the stake is spread over; all the same")
    house: str = Field("honest", description="honest, or closed: nothing is won there")
    odds: Odds = Odds()
    breaks_above: float = Field(2.0, description="larger stakes break an invariant")
    refuses_above: float = Field(2.0, description="larger stakes are refused")
    breaks_on_luck: bool = Field(False, description="half of the seeds break an invariant")
    is_silent: bool = Field(False, description="no costs are reported")


class Drawn(Fact, frozen=True):
    noise: float
    stake: float


class Gambler(Actor):
    def __init__(self, stake: float) -> None:
        self.stake = stake

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.emit(Drawn(NOISE * (ctx.rng.random() - 0.5), self.stake))


QUESTION = Question(
    question="Does staking half of it pay?",
    null_hypothesis="Staking half of it brings no more than staking nothing.",
    control={"stake": 0.0},
    treatment={"stake": 0.5, "odds.factor": 3.0},
    measures=(
        Measure("attack.gain_ftns", "what the stake brings in, FTNS", "greater"),
        Measure("noise", "the luck of the run, FTNS"),
    ),
    seeds=6,
)
ATTACK = Attack(
    (Knob("stake", 0.0, 1.0), Knob("tables", 1, 3), Choice("house", ("honest", "closed")))
)


@scenario(GambleParameters, question=QUESTION, attack=ATTACK)
def gamble(world: World, parameters: GambleParameters) -> None:
    """A stake is staked, and what it brings is known."""
    p = parameters
    if p.stake > p.refuses_above:
        raise UserError("gamble: this stake is refused; take a smaller one")
    drawn: list[Drawn] = []
    world.spawn("gambler", lambda: Gambler(p.stake))
    world.observe(Drawn, lambda _time, _peer, fact: drawn.append(fact))

    def allowed(_peer: str, fact: Drawn) -> str | None:
        too_much = fact.stake > p.breaks_above or (p.breaks_on_luck and fact.noise > 0)
        return f"a stake of {fact.stake}" if too_much else None

    world.check(Always("stakes are allowed", Drawn, allowed))

    def report() -> None:
        x = p.stake
        brings = 0.0 if p.house == "closed" else p.odds.factor * x * (1 - x)
        costs = {} if p.is_silent else {"cost_ftns": p.odds.price * x}
        world.report("noise", drawn[0].noise)
        world.report("attack", {"gain_ftns": brings + drawn[0].noise, "harm_ftns": x * x} | costs)

    world.at_end(report)
