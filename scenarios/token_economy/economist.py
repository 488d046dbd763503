"""The token economy as an actor: it steps the model, checks it, and says how it stands.

Chance comes from the actor's own stream. If there is an attack, a second economy lives beside the
first, with the same population, the same chances and no attacker; what honest agents are worth less
in the first is the harm.
"""

from collections.abc import Callable

import numpy as np

from economy.money import UnitsText, encode_units
from prsm_sim.actor import Actor, Context, Fact
from scenarios.token_economy.model import Generators, TokenEconomy

ECONOMIST = "economy"
SEED_BITS = 128

Build = Callable[[Generators, bool], TokenEconomy]
"""Makes an economy; the second argument says whether attackers are part of it."""


class StepClosed(Fact, frozen=True):
    """A step is over, and all books were added up.

    Attributes:
        step: its number, from 1.
        supply_units: minted less burned; `counted_units` what balances and holds add up to.
        discrepancy: what an audit found wrong, or empty; audits are as often as parameters say.
        price_usd: of an FTNS; `fee_units` the price of a query; `asked` how many there were.
    """

    step: int
    supply_units: UnitsText
    counted_units: UnitsText
    discrepancy: str
    price_usd: float
    fee_units: UnitsText
    asked: int


class Economist(Actor):
    """Steps an economy.

    Args:
        build: makes it.
        steps: how many.
        step_s: world time between two.
        audit_every: steps between audits.
        has_attack: whether there is one, and so a second economy without it.
        on_end: called with both economies (the second may be None) after the last step.
    """

    def __init__(
        self,
        build: Build,
        steps: int,
        step_s: float,
        audit_every: int,
        *,
        has_attack: bool,
        on_end: Callable[[TokenEconomy, TokenEconomy | None], None],
    ) -> None:
        self.build = build
        self.steps = steps
        self.step_s = step_s
        self.audit_every = audit_every
        self.has_attack = has_attack
        self.on_end = on_end
        self.economy: TokenEconomy | None = None
        self.peaceful: TokenEconomy | None = None

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Make the economies."""
        seed = ctx.rng.getrandbits(SEED_BITS)

        def generators(purpose: str) -> np.random.Generator:
            words = [seed, *purpose.encode()]
            return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))

        self.economy = self.build(generators, self.has_attack)
        if self.has_attack:
            self.peaceful = self.build(generators, False)
        ctx.set_timer("step", self.step_s)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Step, check, and say how it stands."""
        economy = self.economy
        assert economy is not None, "a timer fires after the start"
        economy.step()
        if self.peaceful is not None:
            self.peaceful.step()
        is_last = economy.steps >= self.steps
        ctx.emit(closed(economy, audit=is_last or economy.steps % self.audit_every == 0))
        if is_last:
            self.on_end(economy, self.peaceful)
        else:
            ctx.set_timer("step", self.step_s)


def closed(economy: TokenEconomy, *, audit: bool) -> StepClosed:
    """How an economy stands after a step."""
    books = economy.books
    totals = books.money.totals()  # kept as money moves; an audit recounts them
    return StepClosed(
        step=economy.steps,
        supply_units=encode_units(totals.supply_units),
        counted_units=encode_units(totals.balances_units + totals.held_units),
        discrepancy=books.audit() if audit else "",
        price_usd=books.price_usd,
        fee_units=encode_units(books.price.price_units),
        asked=economy.last_asked,
    )


def conserved(fact: StepClosed) -> str | None:
    """What is wrong with the money after a step, or None."""
    if fact.discrepancy:
        return f"after step {fact.step}: {fact.discrepancy}"
    if fact.supply_units != fact.counted_units:
        return (
            f"after step {fact.step} accounts and holds add up to {fact.counted_units} units, "
            f"supply is {fact.supply_units}"
        )
    return None
