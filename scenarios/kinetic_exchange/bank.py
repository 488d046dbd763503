"""The event path: agents that write orders, and a bank whose ledger carries them out.

At the beginning of a step the bank opens its book for the next few steps, and the agents hand their
dated orders in (`agent`). When a step is over, the bank takes the orders of that step by date. With
each it applies the rule to the two balances and moves the difference by one balanced transfer; an
agent that owns no coin is refused by the ledger and nobody is told. With clock `sync` all orders of
a step have the same date and are carried out on the state in which it began. Then the bank
redistributes, audits the whole ledger and says how wealth is distributed.

Steps are a second long, and a letter takes `LINK_S`: the orders are there before the first of their
steps is closed. What comes later nevertheless is carried out when the next step is closed.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import compress, repeat
from operator import mul

from economy.ledger import Ledger
from economy.money import UnitsText, encode_units, split
from prsm_sim.actor import Actor, Context, Fact, PeerId, Seconds, on
from scenarios.kinetic_exchange.agent import AHEAD, Open
from scenarios.kinetic_exchange.book import Book, Due, Orders
from scenarios.kinetic_exchange.rules import GAINS, GRAINS_PER_COIN, PPM, Clock, Rule, unit

BANK = "bank"
POT = "exchange/pot"
LINK_S: Seconds = 0.25
CLOSES_S: Seconds = 0.9
"""A step is closed so long after it began."""


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


class Bank(Actor):
    """Serves the agents.

    Args:
        ledger: where their money is; the bank owns it.
        names: of all agents.
        rule: what two agents do when they meet.
        clock: whether they all act at once.
        saving_ppm: what they keep out of it.
        redistribution_ppm: what is divided equally after a step.
        ahead: for how many steps the book is opened at a time.
    """

    def __init__(
        self, ledger: Ledger, names: Sequence[PeerId], rule: Rule, clock: Clock,
        saving_ppm: int, redistribution_ppm: int, ahead: int = AHEAD,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.names = tuple(names)
        self.rule = rule
        self.gain = GAINS[rule]
        self.saving_ppm = saving_ppm
        self.redistribution_ppm = redistribution_ppm
        self.at_once = clock == "sync"
        self.ahead = ahead
        self.book = Book()
        self.steps = 0

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Wait for the first step, and for its end."""
        ctx.set_timer("open", 1.0)
        ctx.set_timer("close", 1.0 + CLOSES_S)

    @on(Orders)
    def enter(self, ctx: Context, sender: PeerId, message: Orders) -> None:
        """Enter an agent's orders in the book."""
        self.book.enter(sender, message)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Open the book, or close a step."""
        if name == "open":
            ctx.broadcast(Open(self.steps + 1), self.names)
            return
        ctx.set_timer("close", 1.0)
        self.steps += 1
        if self.steps % self.ahead == 0:
            ctx.set_timer("open", 1.0 - CLOSES_S)
        due = self.book.take(self.steps + 1)
        if self.at_once:
            self._all_at_once(due, ctx.rng.shuffle)
        elif self.gain is unit:
            self.ledger.transfer_each(due.acting, due.others, GRAINS_PER_COIN)
        else:
            for acting, other, draw in zip(*due, strict=True):
                self.meet(acting, other, draw)
        if self.redistribution_ppm:
            self.redistribute()
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

    def _all_at_once(self, due: Due, shuffle: Callable[[list[int]], None]) -> None:
        """Everyone acts on the state in which the step began.

        With rule unit, who owns a coin then can give it whoever gives it another one meanwhile.
        Other rules change both sides, so agents meet in random disjoint pairs; of an odd number one
        is left over.
        """
        acting, others, draws = due
        if self.gain is unit:
            owned = map(self.ledger.balances.get, acting, repeat(0))
            owns = [units >= GRAINS_PER_COIN for units in owned]
            givers, receivers = list(compress(acting, owns)), list(compress(others, owns))
            self.ledger.transfer_each(givers, receivers, GRAINS_PER_COIN)
            return
        places = list(range(len(acting)))
        shuffle(places)
        half = len(places) // 2
        for first, second in zip(places[:half], places[half:], strict=False):
            self.meet(acting[first], acting[second], draws[first])

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
        ledger, count = self.ledger, len(self.names)
        recounted = ledger.recount()
        discrepancy = ledger.audit() or ""
        # Between steps only agents own anything, and who owns nothing has no account.
        owned = [] if discrepancy else sorted(ledger.balances.values())
        owned[:0] = [0] * (count - len(owned))
        total = sum(owned)
        # Quotients of integers, rounded once; the first is `economy.concentration.gini`.
        weighted = sum(map(mul, range(1 - count, count, 2), owned))
        squares = count * sum(map(mul, owned, owned)) - total**2
        coin = GRAINS_PER_COIN if self.gain is unit else 1
        return StepClosed(
            step=self.steps,
            supply_units=encode_units(recounted.supply_units),
            balances_units=encode_units(recounted.balances_units),
            discrepancy=discrepancy,
            gini=weighted / (count * total) if total else 0.0,
            variance_over_mean_sq=squares / total**2 if total else 0.0,
            p_zero=bisect_left(owned, coin) / count,
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
