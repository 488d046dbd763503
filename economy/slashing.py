"""Slashing: what an offence costs, and who gets it.

A stake deters only if an offence costs more than it brings, if somebody is paid to prove it, and if
neither the offender nor his friends get the cost back. Hence

- the penalty is a share of all that is liable, bonded or unbonding, by the class of the offence:
  50 % for negligence, 100 % for equivocation and forgery; rounded up to a whole unit, so that no
  stake is too small to be punished;
- the bounty is 70 % of the penalty, rounded down, and goes to whoever reported it; the reserve gets
  the rest;
- who reports himself gets no bounty: all of it goes to the reserve. Who reports himself under
  another name is still poorer by 30 % of the penalty, and has used up the offence: no arrangement
  between an offender and a reporter gains anything from the stake.

Whether an offence took place is not decided here. The caller has verified the evidence and names
the offence; the name stands for what was done and not for the proof of it, so that two proofs of
one deed are one offence. An offence is punished once, for ever: its record is never dropped.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import msgspec

from economy.money import split
from economy.staking_terms import PPM, StakingParameters


class OffenceClass(Enum):
    """How grave an offence is."""

    NEGLIGENCE = "negligence"
    """It promised a service and provably did not render it."""
    EQUIVOCATION = "equivocation"
    """It signed two statements that contradict each other."""
    FORGERY = "forgery"
    """It signed a result, a proof or a receipt that is false."""


class Offence(msgspec.Struct, frozen=True):
    """A deed that was proved.

    Attributes:
        name: of the deed; the same deed has the same name, whoever proves it and how.
        offender: the account whose stake answers for it.
        offence_class: how grave it is.
    """

    name: str
    offender: str
    offence_class: OffenceClass


class Slashed(msgspec.Struct, frozen=True):
    """What was done about an offence; ``slashed = bounty + reserve``.

    Attributes:
        offence: which.
        reporter: who reported it.
        slashed_units: what the offender lost.
        bounty_units: what of it the reporter got.
        reserve_units: what of it the reserve got.
        at_ms: ledger time.
    """

    offence: Offence
    reporter: str
    slashed_units: int
    bounty_units: int
    reserve_units: int
    at_ms: int


class Penalty(NamedTuple):
    """What an offence costs, entry by entry, and the bounty in it; all in units."""

    shares: tuple[int, ...]
    slashed_units: int
    bounty_units: int


def rate_ppm(terms: StakingParameters, offence_class: OffenceClass) -> int:
    """The share of a stake that an offence of this class costs, in parts per million."""
    return {
        OffenceClass.NEGLIGENCE: terms.negligence_ppm,
        OffenceClass.EQUIVOCATION: terms.equivocation_ppm,
        OffenceClass.FORGERY: terms.forgery_ppm,
    }[offence_class]


def assess(
    terms: StakingParameters, offence: Offence, reporter: str, liable: Sequence[int]
) -> Penalty:
    """What `offence` costs.

    Args:
        terms: the figures.
        offence: what was proved.
        reporter: who reported it.
        liable: units of each entry of the offender's stake, all > 0; at least one.

    Returns:
        One share an entry, none larger than its entry, adding up to the penalty.
    """
    # -(-a // b) is the integer ceiling of a / b.
    slashed = -(-sum(liable) * rate_ppm(terms, offence.offence_class) // PPM)
    bounty = 0 if reporter == offence.offender else slashed * terms.bounty_ppm // PPM
    return Penalty(split(slashed, liable), slashed, bounty)
