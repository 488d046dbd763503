"""The population path: all agents in arrays, a step of all of them at a time.

What is vectorised is what does not depend on the order within a step, and nothing else:

- unit, sync: who owns a coin gives it away; counts of receipts are added. Exact.
- unit, shuffled: each agent acts once a step, so who owns a coin at its beginning surely gives one;
  who owns none gives one if a coin reached it before its turn. Those are found in waves: agents
  that the givers so far have reached early enough become givers themselves, until there are no new
  ones. A step takes some ten passes over ever fewer agents. Exact.
- pooling and yard sale, sync: the pairs are disjoint, so all meet at once. Exact, in 64-bit integer
  arithmetic (the product of a pool and a 32-bit share is formed in two halves).
- Otherwise one meeting depends on the one before: they are drawn in arrays and done in a loop over
  plain integers. The Poisson clocks of `async` ring N times a unit of time on average, each time of
  a random agent, so a step is Poisson(N) meetings of random agents; equal in distribution to the
  event path, whose agents have a clock each.

With the same draws each function here moves exactly the grains that the ledger moves.
"""

import numpy as np
import numpy.typing as npt

from scenarios.kinetic_exchange.parameters import KineticExchangeParameters
from scenarios.kinetic_exchange.rules import (
    DRAW_BITS,
    GAINS,
    GRAINS_PER_COIN,
    PPM,
    SHARE_BITS,
    Gain,
)

Ints = npt.NDArray[np.int64]
_SHARE_MASK = (1 << SHARE_BITS) - 1


class Population:
    """Agents that exchange money.

    Args:
        parameters: how many, by which rule and clock.
        rng: decides all that is left to chance.

    Attributes:
        balances: shape (agents,), grains.
    """

    def __init__(self, parameters: KineticExchangeParameters, rng: np.random.Generator) -> None:
        self.parameters = parameters
        self.rng = rng
        self.balances = np.array(parameters.endowment, dtype=np.int64)
        self.total = int(self.balances.sum())

    def step(self) -> None:
        """Let a unit of time pass, then redistribute."""
        p, rng = self.parameters, self.rng
        if p.clock == "async":
            self._in_sequence(rng.integers(0, p.agents, int(rng.poisson(p.agents))))
        elif p.rule == "unit":
            if p.clock == "sync":
                unit_at_once(self.balances, self._others(np.arange(p.agents)))
            else:
                order = rng.permutation(p.agents)
                unit_in_order(self.balances, order, self._others(order))
        elif p.clock == "sync":
            order = rng.permutation(p.agents)
            half = p.agents // 2
            meet_at_once(self.balances, order[:half], order[half : 2 * half], self._draws(half), p)
        else:
            self._in_sequence(rng.permutation(p.agents))
        if p.redistribution_ppm:
            redistribute(self.balances, p.redistribution_ppm)

    def _in_sequence(self, acting: Ints) -> None:
        p = self.parameters
        draws = self._draws(0 if p.rule == "unit" else len(acting))
        others = self._others(acting)
        if p.rule == "unit":
            unit_in_sequence(self.balances, acting, others)
        else:
            meet_in_sequence(self.balances, acting, others, draws, GAINS[p.rule], p.saving_ppm)

    def _others(self, acting: Ints) -> Ints:
        """For each acting agent a random other one."""
        others = self.rng.integers(0, self.parameters.agents - 1, len(acting))
        others += others >= acting
        return others

    def _draws(self, count: int) -> Ints:
        return self.rng.integers(0, 1 << DRAW_BITS, count)


def unit_at_once(balances: Ints, others: Ints) -> None:
    """Every agent that owns a coin gives it to its `others[agent]`, all on the same state."""
    gives = balances >= GRAINS_PER_COIN
    received = np.bincount(others[gives], minlength=len(balances))
    balances += GRAINS_PER_COIN * (received - gives)


def unit_in_order(balances: Ints, order: Ints, others: Ints) -> None:
    """Each agent acts once, one after the other.

    Args:
        balances: shape (n,), grains; changed.
        order: shape (n,), a permutation: who acts first, second, …
        others: shape (n,), to whom the agent that acts at each place gives.
    """
    count = len(balances)
    owns = balances >= GRAINS_PER_COIN
    gives = owns[order]  # by place
    place_of = np.empty(count, dtype=np.int32)
    place_of[order] = np.arange(count, dtype=np.int32)
    reached = np.flatnonzero(gives).astype(np.int32)
    while len(reached):
        # Who is reached later than it acts does not act on it; nor does who gives already.
        targets = place_of[others[reached]]
        reached = targets[(targets > reached) & ~gives[targets]]  # some of them twice, or more
        gives[reached] = True
    change = np.bincount(others[gives], minlength=count)
    change -= gives[place_of]
    change *= GRAINS_PER_COIN
    balances += change


def unit_in_sequence(balances: Ints, acting: Ints, others: Ints) -> None:
    """The agents `acting`, in this order and as often as they occur, give `others` a coin."""
    coins, rest = np.divmod(balances, GRAINS_PER_COIN)
    owned: list[int] = coins.tolist()
    for giver, receiver in zip(acting.tolist(), others.tolist(), strict=True):
        if owned[giver]:
            owned[giver] -= 1
            owned[receiver] += 1
    balances[:] = np.array(owned, dtype=np.int64) * GRAINS_PER_COIN + rest


def meet_in_sequence(
    balances: Ints, acting: Ints, others: Ints, draws: Ints, gain: Gain, saving_ppm: int
) -> None:
    """The agents `acting` meet the `others`, one after the other."""
    owned: list[int] = balances.tolist()
    meetings = zip(acting.tolist(), others.tolist(), draws.tolist(), strict=True)
    for first, second, draw in meetings:
        mine, yours = owned[first], owned[second]
        gained = gain(mine, yours, saving_ppm, draw)
        owned[first] = mine + gained
        owned[second] = yours - gained
    balances[:] = owned


def meet_at_once(
    balances: Ints, first: Ints, second: Ints, draws: Ints, parameters: KineticExchangeParameters
) -> None:
    """Disjoint pairs meet by pooling or yard sale; `first` are the ones that act."""
    mine, yours = balances[first], balances[second]
    saving_ppm = parameters.saving_ppm
    if parameters.rule == "pooling":
        at_stake = mine - share_of(mine, saving_ppm)
        pool = at_stake + yours - share_of(yours, saving_ppm)
        gained = _part_of(pool, draws) - at_stake
    else:
        poorer = np.minimum(mine, yours)
        stake = _part_of(poorer - share_of(poorer, saving_ppm), draws)
        gained = np.where(draws >> SHARE_BITS, stake, -stake)
    balances[first] += gained
    balances[second] -= gained


def redistribute(balances: Ints, share_ppm: int) -> None:
    """Everyone pays a share, rounded down; it is divided equally, the first get what is left."""
    paid = share_of(balances, share_ppm)
    each, more = divmod(int(paid.sum()), len(balances))
    balances += each - paid
    balances[:more] += 1


def share_of(amounts: Ints, share_ppm: int) -> Ints:
    """``amounts · share_ppm // 10⁶`` without overflow."""
    whole, rest = np.divmod(amounts, PPM)
    share: Ints = whole * share_ppm + rest * share_ppm // PPM
    return share


def _part_of(amounts: Ints, draws: Ints) -> Ints:
    """``amounts · share >> 32`` of amounts below 2⁶², without overflow."""
    shares = (draws & _SHARE_MASK).astype(np.uint64)
    wide = amounts.astype(np.uint64)
    bits, mask = np.uint64(SHARE_BITS), np.uint64(_SHARE_MASK)
    high = (wide >> bits) * shares
    low = ((wide & mask) * shares) >> bits
    return (high + low).astype(np.int64)
