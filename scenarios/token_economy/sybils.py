"""Sybils: one attacker under many names, who hands in worthless work for the reward.

A name costs nothing, so a limit per name limits nobody. What limits is a *bond* that a name must
have at stake before it hands anything in, and loses when a reviewer sees through it (a forgery: it
signed that this is work). Of the stake 70 % go to whoever reports it, 30 % to the reserve.

With reward R for a submission that passes, probability q that it is seen through, bond B and the
share s of it that is lost, a submission brings on average

    (1 − q) · R − q · s · B,     and breaks even at B* = (1 − q) · R / (q · s).

If the attacker is its own reporter, under yet another name, it gets the bounty back and only the
reserve's 30 % deter: B* is 1 / 0.3 times as large. The sums suppose that the pool can pay. From a
pool that runs dry all contributors are paid less, and so is the attacker.

The attacker is rational: it gives up when it has lost as much as it is willing to lose. Whether it
does so depends on the past alone, so n submissions still bring n times the expected gain on average
(Wald's identity).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from economy.earning import Data, EarningParameters, earned_units
from economy.refusals import Refusal
from economy.slashing import Offence, OffenceClass
from economy.staking_terms import PPM, StakingParameters
from scenarios.token_economy.books import amount, units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.kinds import BYTES_PER_MB
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

REVIEWER = "reviewer"
ACCOMPLICE = "accomplice"


def reward_ftns(claim_mb: float) -> float:
    """What data of so many megabytes earn, FTNS."""
    earned = earned_units(Data(int(claim_mb * BYTES_PER_MB)), EarningParameters())
    assert not isinstance(earned, Refusal), f"{claim_mb} MB are no data"
    return amount(earned)


def lost_share(terms: StakingParameters, *, colludes: bool) -> float:
    """What share of its bond a Sybil that is seen through has lost in the end."""
    back_ppm = terms.bounty_ppm if colludes else 0
    return terms.forgery_ppm / PPM * (1.0 - back_ppm / PPM)


def gain_per_submission(review: float, reward: float, lost: float) -> float:
    """Expected gain; `lost` is what being seen through costs. All in FTNS."""
    return (1.0 - review) * reward - review * lost


def break_even_bond(review: float, reward: float, share: float) -> float | None:
    """The bond at which a submission brings nothing on average; None: none is high enough."""
    return (1.0 - review) * reward / (review * share) if review * share else None


class Flooding(Strategy):
    """The names of one attacker, which hand in as often as they are told.

    Args:
        hours: of a step.
        rate_per_hour: of submissions, of each name.
        claim_mb: what each claims to be.
        review: probability that it is seen through.
        bond_ftns: that a name must have at stake to hand in; 0: nothing.
        budget_ftns: of each name; with nothing left to bond it is silent.
        stop_loss_ftns: when all names together have lost more than this, they give up.
        reporter: who is paid the bounty.

    Attributes:
        purse: of the attacker; to be set before the first step.
        submitted, caught, refused: how many; refused by a pool that was short.
    """

    rows = 2

    def __init__(
        self,
        hours: float,
        rate_per_hour: float,
        claim_mb: float,
        review: float,
        bond_ftns: float,
        budget_ftns: float,
        stop_loss_ftns: float,
        reporter: str,
    ) -> None:
        self.hours = hours
        self.rate_per_hour = rate_per_hour
        self.work = Data(int(claim_mb * BYTES_PER_MB))
        self.review = review
        self.bond_units = units(bond_ftns)
        self.budget_ftns = budget_ftns
        self.stop_loss_units = units(stop_loss_ftns)
        self.reporter = reporter
        self.purse: Purse
        self.submitted = self.caught = self.refused = 0

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """None: all names are one."""
        return {}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """Its part of the budget."""
        return self.budget_ftns, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """As often as it is told."""
        return draws[0] < self.rate_per_hour * self.hours

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Put up what the bond lacks, and hand in; or give up."""
        if self.purse.cost_units - self.purse.gain_units <= self.stop_loss_units:
            self.purse.watch(lambda: self._hand_in(economy, agent, draws))

    def _hand_in(
        self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]
    ) -> None:
        books = economy.books
        stake = books.staking.books.stakes.get(agent.name)
        lacking_units = self.bond_units - (0 if stake is None else stake.bonded_units)
        if lacking_units > 0:
            bonded = books.staking.bond(agent.name, lacking_units, 0, books.now_ms)
            if isinstance(bonded, Refusal):
                return
        self.submitted += 1
        name = f"{agent.name}/{self.submitted}"
        if draws[1] >= self.review:
            paid = books.earning.report(name, agent.name, self.work)
            self.refused += isinstance(paid, Refusal)
            return
        self.caught += 1
        economy.rejected += 1
        if self.bond_units:
            offence = Offence(name, agent.name, OffenceClass.FORGERY)
            slashed = books.staking.slash(offence, self.reporter, books.now_ms)
            assert not isinstance(slashed, Refusal), f"{agent.name} is not slashed: {slashed}"
