"""The event path: an urn is an actor with a ledger, and stakers whose bonds lie in it.

Each second one staker is drawn with the probability of its share of all bonds. The treasury pays it
the reward, and it bonds what it got, locked for as many days as make the multiplier 1, so that
weight and bonded units are the same. What the urn says of itself is read from the staking's books,
after an audit of these and of the ledger.
"""

from collections.abc import Sequence
from itertools import accumulate

from economy.genesis import TREASURY, open_ledger
from economy.ledger import LedgerParameters
from economy.money import UnitsText, encode_units
from economy.refusals import Refusal
from economy.staking import Staking
from economy.staking_terms import StakingParameters
from prsm_sim.actor import Actor, Context, Fact
from scenarios.polya_staking.parameters import DRAW_BITS, PolyaStakingParameters

AUDITS = 4
"""So many times in a run everything is added up."""
MS = 1000


class UrnAudited(Fact, frozen=True):
    """The books of an urn were added up.

    Attributes:
        replica: which urn.
        step: how many rewards were paid.
        stakes_units: what each staker has bonded.
        treasury_units: what is left to be paid out.
        supply_units: all that there is.
        discrepancy: what the audits found wrong, or empty.
    """

    replica: int
    step: int
    stakes_units: tuple[UnitsText, ...]
    treasury_units: UnitsText
    supply_units: UnitsText
    discrepancy: str


def winner_of(stakes: Sequence[int], draw: int) -> int:
    """Whose stake the draw falls on: the first with draw · total < 2³² · (its own and all before).

    Args:
        stakes: by staker, in any unit.
        draw: of `DRAW_BITS` random bits.
    """
    ticket = draw * sum(stakes) >> DRAW_BITS
    return next(number for number, upto in enumerate(accumulate(stakes)) if ticket < upto)


class Urn(Actor):
    """One urn.

    Args:
        replica: which one.
        parameters: of the run.
    """

    def __init__(self, replica: int, parameters: PolyaStakingParameters) -> None:
        p = parameters
        self.replica = replica
        self.reward_units = p.reward_units
        self.steps = p.steps
        self.step = 0
        self.names = tuple(f"staker-{number}" for number in range(len(p.stakes)))
        total = sum(p.stakes_units) + p.steps * p.reward_units
        self.ledger = open_ledger(
            dict(zip(self.names, p.stakes_units, strict=True)),
            LedgerParameters(cap_units=total, genesis_units=total),
        )
        # One bond a reward, and the first one.
        self.staking = Staking(self.ledger, StakingParameters(most_entries=p.steps + 1))
        for name, units in zip(self.names, p.stakes_units, strict=True):
            self.bond(name, units, 0)

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Wait for the first reward."""
        ctx.set_timer("reward", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Pay a reward."""
        if self.step + 1 < self.steps:
            ctx.set_timer("reward", 1.0)
        self.reward(ctx.rng.getrandbits(DRAW_BITS), round(ctx.now * MS))
        if self.step == self.steps or self.step % max(1, self.steps // AUDITS) == 0:
            ctx.emit(self.audited())

    def reward(self, draw: int, now_ms: int) -> None:
        """Pay a reward to the staker on whom the draw falls, who stakes it."""
        name = self.names[winner_of(self.stakes(), draw)]
        refusal = self.ledger.transfer(TREASURY, name, self.reward_units)
        assert refusal is None, f"the treasury has all rewards, yet {refusal}"
        self.bond(name, self.reward_units, now_ms)
        self.step += 1

    def bond(self, name: str, units: int, now_ms: int) -> None:
        """Stake `units`."""
        bonded = self.staking.bond(name, units, self.staking.parameters.lock_step_days, now_ms)
        assert not isinstance(bonded, Refusal), f"{name} stakes what it was paid, yet {bonded}"

    def stakes(self) -> list[int]:
        """What each staker has bonded, in units."""
        stakes = self.staking.books.stakes
        return [stakes[name].bonded_units for name in self.names]

    def audited(self) -> UrnAudited:
        """Add everything up."""
        stakes, staking, ledger = self.stakes(), self.staking, self.ledger
        discrepancy = ledger.audit() or staking.audit() or ""
        weights = [staking.weight(name, staking.books.now_ms) for name in self.names]
        if not discrepancy and weights != stakes:
            discrepancy = f"the stakers weigh {weights}, their bonds are {stakes}"
        return UrnAudited(
            replica=self.replica,
            step=self.step,
            stakes_units=tuple(map(encode_units, stakes)),
            treasury_units=encode_units(ledger.balances.get(TREASURY, 0)),
            supply_units=encode_units(ledger.recount().supply_units),
            discrepancy=discrepancy,
        )
