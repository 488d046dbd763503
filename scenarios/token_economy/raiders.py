"""A raid on a treasury: whoever has the majority of the votes may pay it out to itself.

A treasury belongs to all. Once a day its council votes; the weights are those of staking (units
times the multiplier of the remaining lock), cut by the caps of `economy.antimonopoly` if the rules
say so. Stakers turn out with a probability and vote against every raid. A motion passes with more
weight for it than against it, and with a quorum of all weight for it.

The raider buys FTNS for dollars over some days, stakes all of it on one day, and moves the next
one that the treasury be paid to it. Caps are by account, because a ledger knows no persons: a
raider with several accounts is several holders to them. When it has won, or lost patience, it
unbonds and sells what it can sell above the price at which it counts.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.antimonopoly import AntimonopolyParameters, capped_weights
from economy.power import banzhaf
from economy.refusals import Refusal
from scenarios.token_economy.books import units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.model import QUORUM
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

RAIDER = "raider"
STAKER = "staker"
PATIENCE_DAYS = 7
POWER_PARTS = 1000
"""Weights are rounded to so many parts of the whole before power is counted, which takes sums."""


def counted(weights: dict[str, int], is_capped: bool) -> dict[str, int]:
    """The weights that count in a vote; all 0 where so few hold any that every cap is broken."""
    if not is_capped:
        return weights
    cut = capped_weights(weights, AntimonopolyParameters())
    return dict.fromkeys(weights, 0) if isinstance(cut, Refusal) else cut


def weights_of(economy: "TokenEconomy") -> dict[str, int]:
    """The voting weight of each staker and raider now, before any cap."""
    staking, now_ms = economy.books.staking, economy.books.now_ms
    found = {}
    for name in (STAKER, RAIDER):
        crowd = economy.crowds.get(name)
        for agent in [] if crowd is None else crowd.agents:
            found[agent.name] = staking.weight(agent.name, now_ms)
    return found


def is_raider(account: str) -> bool:
    """Whether an account belongs to the raider."""
    return account.startswith(RAIDER + "-")


def raider_share(weights: dict[str, int]) -> Fraction:
    """The raider's part of all weight; 0 of nothing."""
    total = sum(weights.values())
    own = sum(weight for account, weight in weights.items() if is_raider(account))
    return Fraction(own, total) if total else Fraction(0)


def raider_power(weights: dict[str, int]) -> float:
    """The Banzhaf index of all the raider's accounts together, in a vote by majority of all."""
    total = sum(weights.values())
    if not total:
        return 0.0
    others = [weight for account, weight in weights.items() if not is_raider(account)]
    parts = [weight * POWER_PARTS // total for weight in (total - sum(others), *others)]
    return float(banzhaf(parts, sum(parts) // 2 + 1)[0])


def majority_stake(
    honest: Sequence[int], accounts: int, multiplier: Fraction, is_capped: bool, most: int
) -> int | None:
    """The least stake that outweighs all honest voters together, by bisection.

    Args:
        honest: weights of the others.
        accounts: that the stake is split over equally.
        multiplier: weight of a unit.
        is_capped: whether the caps hold.
        most: units that can be had at all.

    Returns:
        Units, or None: `most` do not suffice.
    """

    def wins(stake: int) -> bool:
        weights = {str(number): weight for number, weight in enumerate(honest)}
        each = int(stake * multiplier) // accounts
        weights |= {f"{RAIDER}-{number}": each for number in range(accounts)}
        return raider_share(counted(weights, is_capped)) > Fraction(1, 2)

    if not wins(most):
        return None
    fails, enough = 0, most
    while enough - fails > 10**15:
        middle = (fails + enough) // 2
        if wins(middle):
            enough = middle
        else:
            fails = middle
    return enough


class Council(Strategy):
    """The treasury, whose only act is to let vote on a raid.

    Args:
        treasury_ftns: what it has at first.
        turnout: probability that a staker turns out.
        is_capped: whether the caps hold.
        rng: decides who turns out.

    Attributes:
        raided_step: when the treasury was paid out; None: it was not.
        peak_weights: the counted weights when the raider's share was largest.
    """

    rows = 0

    def __init__(
        self, treasury_ftns: float, turnout: float, is_capped: bool, rng: np.random.Generator
    ) -> None:
        self.treasury_ftns = treasury_ftns
        self.turnout = turnout
        self.rng = rng
        self.is_capped = is_capped
        self.raided_step: int | None = None
        self.peak_weights: dict[str, int] = {}

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """What there `is` of it: one treasury."""
        return {"is": np.ones(count)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """The treasury."""
        return self.treasury_ftns, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Meets in every step."""
        return traits["is"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Vote on the raider's motion, if there is a raider with a stake."""
        stakers = economy.crowds[STAKER].agents
        turns_out = self.rng.random(len(stakers)) < self.turnout
        weights = counted(weights_of(economy), self.is_capped)
        share = raider_share(weights)
        if not self.peak_weights or share > raider_share(self.peak_weights):
            self.peak_weights = weights
        if not share or self.raided_step is not None:
            return
        in_favour = sum(weight for account, weight in weights.items() if is_raider(account))
        against = sum(weights[voter.name] for voter in stakers if turns_out[voter.number])
        if in_favour > against and in_favour >= QUORUM * sum(weights.values()):
            books = economy.books
            treasury_units = books.money.balances[agent.name]
            payee = economy.crowds[RAIDER].agents[0].name
            refusal = books.money.transfer(agent.name, payee, treasury_units)
            assert refusal is None, f"the treasury has what it pays, yet {refusal}"
            self.raided_step = economy.steps


class Raiding(Strategy):
    """The accounts of one raider.

    Args:
        budget_usd: of all accounts together.
        accounts: how many.
        buy_days: days of buying.
        lock_days: of the stake.
        identity_ftns: what each account must burn before it may stake.
        price_usd: opening price; it sells nothing below it.
    """

    rows = 0

    def __init__(
        self, budget_usd: float, accounts: int, buy_days: int, lock_days: int,
        identity_ftns: float, price_usd: float,
    ) -> None:  # fmt: skip
        self.budget_usd = budget_usd
        self.accounts = accounts
        self.buy_days = buy_days
        self.lock_days = lock_days
        self.identity_ftns = identity_ftns
        self.price_usd = price_usd

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `budget_usd` of each account."""
        return {"budget_usd": np.full(count, self.budget_usd / self.accounts)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """All in dollars."""
        return 0.0, float(traits["budget_usd"][number])

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """Is busy every day."""
        return traits["budget_usd"] > 0.0

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Buy, then stake, then wait, then leave."""
        economy.purses[0].watch(lambda: self._act(economy, agent))

    def _act(self, economy: "TokenEconomy", agent: EconomicAgent) -> None:
        books, council = economy.books, economy.crowds["treasury"].strategy
        assert isinstance(council, Council), "the treasury has a council"
        step = economy.steps
        if step <= self.buy_days:
            dollars = books.dollars.balances.get(agent.name, 0)
            books.buy(agent.name, dollars // (self.buy_days + 1 - step))
        elif step == self.buy_days + 1:
            fee_units = units(self.identity_ftns)
            if fee_units and books.money.burn(agent.name, fee_units) is not None:
                return
            held_units = books.money.balances.get(agent.name, 0)
            books.staking.bond(agent.name, held_units, self.lock_days, books.now_ms)
        elif council.raided_step is not None or step > self.buy_days + 1 + PATIENCE_DAYS:
            self._leave(economy, agent.name)

    def _leave(self, economy: "TokenEconomy", account: str) -> None:
        """Unbond what is free, and sell as much as the pool takes above the opening price."""
        books = economy.books
        staking, now_ms = books.staking, books.now_ms
        stake = staking.books.stakes.get(account)
        for bond in [] if stake is None else list(stake.bonds.values()):
            staking.unbond(account, bond.number, bond.units, now_ms)
        staking.withdraw(account, now_ms)
        staking.claim(account, now_ms)
        # With x FTNS and y dollars the price is y/x; it is the opening's where x = √(x·y/price).
        product = books.pool.money_units * books.pool.asset_units
        price = Fraction(self.price_usd).limit_denominator(10**6)
        room_units = isqrt(int(product / price)) - books.pool.money_units
        books.sell(account, min(books.money.balances.get(account, 0), max(0, room_units)))
