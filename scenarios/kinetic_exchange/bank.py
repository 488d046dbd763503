"""The event path: agents that ask, and a bank whose ledger does what they ask for.

An agent knows its clock and its partners, not its balance: when its time has come it sends the bank
an `Act`. The bank applies the rule to the two balances and moves the difference by one balanced
transfer; an agent that owns no coin is refused by the ledger and nobody is told. After each step
the bank redistributes, audits the whole ledger and says how wealth is distributed.

Steps are a second long. What `sync` and `shuffled` agents do in a step is sent in its first half
and arrives after `LINK_S`, so that all of it is there when the bank closes the step: with `sync` it
is applied then, on the state in which the step began; with `shuffled` each agent acts at a random
moment of the half and is served in order of arrival, so that every order is equally probable.
Poisson clocks ring at any time, and a link of constant delay shifts them all alike.
"""

from collections.abc import Callable, Sequence

from economy.concentration import gini
from economy.ledger import Ledger
from economy.money import UnitsText, encode_units, split
from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, Seconds, on
from scenarios.kinetic_exchange.rules import (
    DRAW_BITS,
    GAINS,
    GRAINS_PER_COIN,
    PPM,
    Clock,
    Rule,
    unit,
)

BANK = "bank"
POT = "exchange/pot"
LINK_S: Seconds = 0.25
CLOSES_S: Seconds = 0.9
"""A step is closed so long after it began."""
HALF_S: Seconds = 0.5
WORD_BITS = 64


class Act(Message, frozen=True):
    """The sender's clock has rung: let it meet `other`, with this draw."""

    other: PeerId
    draw: int


class StepClosed(Fact, frozen=True):
    """A step is over, everything was added up, and wealth measured.

    Attributes:
        step: its number, from 1.
        supply_units: minted less burned; `balances_units` what all accounts hold, recounted.
        discrepancy: what the audit found wrong, or empty.
        gini: the Gini coefficient.
        variance_over_mean_sq: variance of the agents' balances over their squared mean.
        p_zero: share of agents that own nothing; with rule unit, no whole coin.
    """

    step: int
    supply_units: UnitsText
    balances_units: UnitsText
    discrepancy: str
    gini: float
    variance_over_mean_sq: float
    p_zero: float


class Agent(Actor):
    """Someone with a clock.

    Args:
        number: which of the agents it is.
        names: of all agents.
        clock: when it acts.
        draws: whether its meetings need a draw.
    """

    def __init__(self, number: int, names: Sequence[PeerId], clock: Clock, draws: bool) -> None:
        self.number = number
        self.names = names
        self.clock = clock
        self.draws = draws

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Wind up the clock."""
        if self.clock == "async":
            ctx.set_timer("act", ctx.rng.expovariate(1.0))
        else:
            ctx.set_timer("step", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Act, or wait for this step's moment."""
        if name == "step":
            ctx.set_timer("step", 1.0)
            if self.clock == "shuffled":
                ctx.set_timer("act", ctx.rng.random() * HALF_S)
                return
        elif self.clock == "async":
            ctx.set_timer("act", ctx.rng.expovariate(1.0))
        rng, names = ctx.rng, self.names
        # One of the others, each with the same probability but for 2⁻⁶⁴ · agents.
        other = rng.getrandbits(WORD_BITS) * (len(names) - 1) >> WORD_BITS
        draw = rng.getrandbits(DRAW_BITS) if self.draws else 0
        ctx.send(BANK, Act(names[other + (other >= self.number)], draw))


class Bank(Actor):
    """Serves the agents.

    Args:
        ledger: where their money is; the bank owns it.
        names: of all agents.
        rule: what two agents do when they meet.
        clock: whether they all act at once.
        saving_ppm: what they keep out of it.
        redistribution_ppm: what is divided equally after a step.
    """

    def __init__(
        self, ledger: Ledger, names: Sequence[PeerId], rule: Rule, clock: Clock,
        saving_ppm: int, redistribution_ppm: int,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.names = names
        self.rule = rule
        self.gain = GAINS[rule]
        self.saving_ppm = saving_ppm
        self.redistribution_ppm = redistribution_ppm
        self.waits = clock == "sync"
        self.waiting: list[tuple[PeerId, Act]] = []
        self.steps = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Wait for the first step's end."""
        ctx.set_timer("close", 1.0 + CLOSES_S)

    @on(Act)
    def act(self, ctx: Context, sender: PeerId, message: Act) -> None:
        """Let two agents meet, now or at the end of the step."""
        if self.waits:
            self.waiting.append((sender, message))
        else:
            self.meet(sender, message.other, message.draw)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Close a step."""
        ctx.set_timer("close", 1.0)
        if self.waits:
            self._all_at_once(ctx.rng.shuffle)
        if self.redistribution_ppm:
            self.redistribute()
        self.steps += 1
        ctx.emit(self.measured())

    def meet(self, acting: PeerId, other: PeerId, draw: int) -> None:
        """Apply the rule to two agents."""
        ledger, balances = self.ledger, self.ledger.balances
        if self.gain is unit:
            ledger.transfer(acting, other, GRAINS_PER_COIN)  # refused if it does not own one
            return
        gained = self.gain(balances.get(acting, 0), balances.get(other, 0), self.saving_ppm, draw)
        if gained > 0:
            refusal = ledger.transfer(other, acting, gained)
        elif gained < 0:
            refusal = ledger.transfer(acting, other, -gained)
        else:
            return
        assert refusal is None, f"{acting} and {other} staked what they do not have: {refusal}"

    def _all_at_once(self, shuffle: Callable[[list[tuple[PeerId, Act]]], None]) -> None:
        """Everyone acts on the state in which the step began.

        With rule unit, who owns a coin then can give it whoever gives it another one meanwhile.
        Other rules change both sides, so agents meet in random disjoint pairs; of an odd number one
        is left over.
        """
        waiting, self.waiting = self.waiting, []
        if self.gain is unit:
            balances = self.ledger.balances
            owners = [one for one in waiting if balances.get(one[0], 0) >= GRAINS_PER_COIN]
            for acting, act in owners:
                self.meet(acting, act.other, act.draw)
            return
        shuffle(waiting)
        half = len(waiting) // 2
        for (acting, act), (other, _) in zip(waiting[:half], waiting[half:], strict=False):
            self.meet(acting, other, act.draw)

    def redistribute(self) -> None:
        """Everyone pays a share, rounded down; it is divided equally, the rest one each to the
        first."""
        ledger = self.ledger
        for name in self.names:
            ledger.transfer(
                name, POT, ledger.balances.get(name, 0) * self.redistribution_ppm // PPM
            )
        pot_units = ledger.balances.get(POT, 0)
        for name, units in zip(self.names, split(pot_units, [1] * len(self.names)), strict=True):
            ledger.transfer(POT, name, units)

    def measured(self) -> StepClosed:
        """What the ledger says now, recounted; of unsound books no measure is taken."""
        ledger = self.ledger
        recounted = ledger.recount()
        discrepancy = ledger.audit() or ""
        owned = [0 if discrepancy else ledger.balances.get(name, 0) for name in self.names]
        total, count = sum(owned), len(owned)
        coin = GRAINS_PER_COIN if self.gain is unit else 1
        # The quotient of integers is rounded once.
        variance = (count * sum(x * x for x in owned) - total**2) / total**2 if total else 0.0
        return StepClosed(
            step=self.steps,
            supply_units=encode_units(recounted.supply_units),
            balances_units=encode_units(recounted.balances_units),
            discrepancy=discrepancy,
            gini=float(gini(owned)),
            variance_over_mean_sq=variance,
            p_zero=sum(x < coin for x in owned) / count,
        )


def conserved(fact: StepClosed, expected_units: int) -> str | None:
    """What is wrong with the money of a step, or None.

    Args:
        expected_units: what there was in the beginning.
    """
    if fact.discrepancy:
        return f"after step {fact.step}: {fact.discrepancy}"
    found = fact.supply_units, fact.balances_units
    if found != (encode_units(expected_units),) * 2:
        return f"after step {fact.step} there are {found} units, not {expected_units}"
    return None
