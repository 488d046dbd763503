"""Staking and slashing as operations.

Owners bond, lock, unbond, withdraw and claim what is their own. A deed is punished on two roads:

- *proved*: anyone hands in evidence, and a judge that was given to the desk says whether it
  convicts, and of which deed. A judge is a pure function, the same on every replica, for instance
  one that checks two signatures under contradicting statements. Who handed it in is the reporter.
- *judged*: where no machine can see it (a service promised and not rendered), the arbiter names the
  deed, the offender and the reporter.

A deed has one name on both roads, and is punished once. The name of a proved deed comes from its
judge and never from the client, so nobody can use up the name of a deed to protect its doer.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

from economy.desks.desk import Answer, Count, Desk, DeskOperation, KeyedOperation, Reading, refused
from economy.facts import StakeSlashed
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Name
from economy.refusals import Refusal
from economy.slashing import Offence, OffenceClass
from economy.staking import Paid, Staking
from economy.staking_terms import Bond, Unbonding
from economy.teller import bar_payees
from prsm_sim.actor import Message

Evidence: TypeAlias = Annotated[bytes, Meta(max_length=65_536)]
"""What a judge can read."""


class BondStake(KeyedOperation, frozen=True):
    """Stake money of the client's, locked for so many days."""

    units: UnitsText
    lock_days: Count


class RelockBond(KeyedOperation, frozen=True):
    """Lock a bond of the client's again, for so many days from now."""

    number: Count
    lock_days: Count


class UnbondStake(KeyedOperation, frozen=True):
    """Begin to take money out of a bond of the client's."""

    number: Count
    units: UnitsText


class WithdrawStake(DeskOperation, frozen=True):
    """Pay the client everything whose unbonding has ended."""


class ClaimYield(DeskOperation, frozen=True):
    """Pay the client the yield that is owed, as far as the reserve goes."""


class ReportOffence(DeskOperation, frozen=True):
    """Hand in evidence against `offender`; the bounty is the client's."""

    offender: Name
    offence_class: OffenceClass
    evidence: Evidence


class JudgeOffence(DeskOperation, frozen=True):
    """Have a deed punished that the client, the arbiter, has found; `reporter` gets the bounty."""

    deed: Name
    offender: Name
    offence_class: OffenceClass
    reporter: Name


class ReadStake(Reading, frozen=True):
    """Ask how the stake of `owner` stands."""

    owner: Name


class Bonded(Message, frozen=True):
    """A bond as it is now."""

    number: int
    units: UnitsText
    lock_ends_at_ms: int


class UnbondingBegun(Message, frozen=True):
    """So many units can be withdrawn from `ends_at_ms` on."""

    units: UnitsText
    ends_at_ms: int


class StakePaid(Message, frozen=True):
    """The client was paid `units`; `left_units` are still unbonding, or owed."""

    units: UnitsText
    left_units: UnitsText


class StakeCut(Message, frozen=True):
    """What a deed cost, and how much of it its reporter got."""

    slashed_units: UnitsText
    bounty_units: UnitsText


class StakeStatus(Message, frozen=True):
    """How the stake of an owner stands.

    Attributes:
        owner: whose.
        tier: the number of the `Tier` that the bonds reach.
        bonds: each bond.
        liable_units: what a slash could take now.
        owed_units: the yield that could be claimed if the reserve has it.
        weight_units: bonded units, each times its multiplier.
    """

    owner: str
    tier: int
    bonds: tuple[Bonded, ...]
    liable_units: UnitsText
    owed_units: UnitsText
    weight_units: UnitsText


class Judge:
    """Decides whether evidence convicts. This one has no means to, and convicts nobody."""

    def deed_of(self, offender: str, offence_class: OffenceClass, evidence: bytes) -> str | None:
        """The name of the deed that `evidence` proves, or None if it proves nothing.

        It must depend on its arguments only, and give one deed one name whatever proves it. It must
        not raise on any bytes.
        """
        return None


class StakingDesk(Desk):
    """Staking behind operations.

    Args:
        staking: the mechanism.
        arbiter: the client that may judge; empty for none.
        judge: decides about evidence.
    """

    name = "staking"
    operations = (
        *(BondStake, RelockBond, UnbondStake, WithdrawStake, ClaimYield),
        *(ReportOffence, JudgeOffence, ReadStake),
    )
    results = (Bonded, UnbondingBegun, StakePaid, StakeCut, StakeStatus)

    def __init__(self, staking: Staking, arbiter: str = "", judge: Judge | None = None) -> None:
        super().__init__(staking)
        self.staking = staking
        self._arbiter = arbiter
        self._judge = Judge() if judge is None else judge

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        staking = self.staking
        match operation:
            case BondStake(_, units, lock_days):
                return _told(staking.bond(client, decode_units(units), lock_days, now_ms))
            case RelockBond(_, number, lock_days):
                return _told(staking.relock(client, number, lock_days, now_ms))
            case UnbondStake(_, number, units):
                return _told(staking.unbond(client, number, decode_units(units), now_ms))
            case WithdrawStake():
                return _told(staking.withdraw(client, now_ms))
            case ClaimYield():
                return _told(staking.claim(client, now_ms))
            case ReportOffence():
                return self._report(client, operation, now_ms)
            case JudgeOffence(deed, offender, offence_class, reporter):
                if not self._arbiter or client != self._arbiter:
                    return refused(Refusal.NOT_AUTHORISED)
                return self._slash(Offence(deed, offender, offence_class), reporter, now_ms)
            case ReadStake(owner):
                return Answer(self._status(owner, now_ms))
        raise AssertionError(f"{operation} is for another desk")

    def _report(self, client: str, report: ReportOffence, now_ms: int) -> Answer:
        deed = self._judge.deed_of(report.offender, report.offence_class, report.evidence)
        if deed is None:
            return refused(Refusal.NOT_PROVED)
        return self._slash(Offence(deed, report.offender, report.offence_class), client, now_ms)

    def _slash(self, offence: Offence, reporter: str, now_ms: int) -> Answer:
        slashed = bar_payees(reporter) or self.staking.slash(offence, reporter, now_ms)
        if isinstance(slashed, Refusal):
            return refused(slashed)
        slashed_units = encode_units(slashed.slashed_units)
        bounty_units = encode_units(slashed.bounty_units)
        told = StakeSlashed(
            offence.name,
            offence.offender,
            offence.offence_class.value,
            reporter,
            slashed_units,
            bounty_units,
        )
        return Answer(StakeCut(slashed_units, bounty_units), (told,))

    def _status(self, owner: str, now_ms: int) -> StakeStatus:
        staking = self.staking
        stake = staking.books.stakes.get(owner)
        return StakeStatus(
            owner=owner,
            tier=int(staking.tier(owner)),
            bonds=() if stake is None else tuple(map(_bonded, stake.bonds.values())),
            liable_units=encode_units(staking.liable(owner, now_ms)),
            owed_units=encode_units(staking.owed(owner, now_ms)),
            weight_units=encode_units(staking.weight(owner, now_ms)),
        )


def _told(outcome: Bond | Unbonding | Paid | Refusal) -> Answer:
    match outcome:
        case Refusal():
            return refused(outcome)
        case Bond():
            return Answer(_bonded(outcome))
        case Unbonding(units, ends_at_ms):
            return Answer(UnbondingBegun(encode_units(units), ends_at_ms))
        case Paid(units, left_units):
            return Answer(StakePaid(encode_units(units), encode_units(left_units)))


def _bonded(bond: Bond) -> Bonded:
    return Bonded(bond.number, encode_units(bond.units), bond.lock_ends_at_ms)
