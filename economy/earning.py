"""What contributions earn: data, models, papers, teaching, governance, and being used.

    data        0.05 FTNS for each MB (10⁶ bytes)
    model       100 FTNS
    paper       500 FTNS + min(10 · citations, 500)
    teaching    20 FTNS · (1 + 2 · gain), gain from 0 to 1
    governance  5 FTNS an act
    access      0.01 FTNS each, 1.5 times that for each access after the 100th

A contribution is rewarded *up to* what its rule gives for what has been measured of it so far: a
paper that is cited later, or a data set that is used again, is simply reported again with the new
figure and gets the difference. Nothing is paid twice however often a report is repeated, reports
may arrive in any order, and how they were cut into batches leaves no mark; the 1.5 therefore counts
for the accesses beyond the hundredth and not, in a cliff, for all of them.

Money comes out of `POOL`, which issuance or anyone else fills; when it is short, the reward is
refused whole and can be asked for again. Rewards are rounded down, so the pool never pays a unit
more than the rules give. Who may vouch for a contribution is decided by whoever applies these
operations.
"""

from fractions import Fraction
from math import floor
from typing import Final, TypeAlias

import msgspec

from economy.ledger import Ledger
from economy.money import UnitsText, decode_units, encode_units, ftns
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

POOL: Final = "earning/pool"
"""The account that rewards are paid from. Its balance is the budget; there is no second record."""

PPM: Final = 1_000_000
BYTES_PER_MB: Final = 1_000_000
FORMAT_VERSION: Final = 1


class Data(msgspec.Struct, frozen=True, tag="data", forbid_unknown_fields=True):
    """A data set of `size_bytes`."""

    size_bytes: int


class Model(msgspec.Struct, frozen=True, tag="model", forbid_unknown_fields=True):
    """A model."""


class Paper(msgspec.Struct, frozen=True, tag="paper", forbid_unknown_fields=True):
    """A paper, cited `citations` times so far."""

    citations: int = 0


class Teaching(msgspec.Struct, frozen=True, tag="teaching", forbid_unknown_fields=True):
    """A lesson after which the student was better by `gain_ppm` millionths, from 0 to 1,000,000."""

    gain_ppm: int


class Governance(msgspec.Struct, frozen=True, tag="governance", forbid_unknown_fields=True):
    """An act of governance, such as a vote."""


class Access(msgspec.Struct, frozen=True, tag="access", forbid_unknown_fields=True):
    """Content that has been accessed `accesses` times so far."""

    accesses: int


Work: TypeAlias = Data | Model | Paper | Teaching | Governance | Access


class EarningParameters(msgspec.Struct, frozen=True):
    """What each kind of work earns.

    Attributes:
        data_units_per_mb: for 10⁶ bytes of data.
        model_units: for a model.
        paper_units: for a paper that nobody cites yet.
        citation_units: for each citation of it,
        citations_most_units: up to this in all.
        teaching_units: for teaching that gained nothing.
        gain_bonus_ppm: what a gain of 1 adds to that, as a share.
        governance_units: for an act of governance.
        access_units: for an access,
        popular_accesses: and after so many of them
        popular_ppm: times this, in millionths.
    """

    data_units_per_mb: int = ftns("0.05")
    model_units: int = ftns("100")
    paper_units: int = ftns("500")
    citation_units: int = ftns("10")
    citations_most_units: int = ftns("500")
    teaching_units: int = ftns("20")
    gain_bonus_ppm: int = 2_000_000
    governance_units: int = ftns("5")
    access_units: int = ftns("0.01")
    popular_accesses: int = 100
    popular_ppm: int = 1_500_000


def earned_units(work: Work, parameters: EarningParameters) -> int | Refusal:
    """What `work` is worth in all, in units, rounded down; refused if a figure is impossible."""
    figures = parameters
    match work:
        case Data(size_bytes) if size_bytes >= 0:
            return figures.data_units_per_mb * size_bytes // BYTES_PER_MB
        case Model():
            return figures.model_units
        case Paper(citations) if citations >= 0:
            for_citations = min(figures.citation_units * citations, figures.citations_most_units)
            return figures.paper_units + for_citations
        case Teaching(gain_ppm) if 0 <= gain_ppm <= PPM:
            bonus = Fraction(figures.gain_bonus_ppm * gain_ppm, PPM**2)
            return floor(figures.teaching_units * (1 + bonus))
        case Governance():
            return figures.governance_units
        case Access(accesses) if accesses >= 0:
            popular = max(0, accesses - figures.popular_accesses)
            ordinary = accesses - popular
            return figures.access_units * (ordinary * PPM + popular * figures.popular_ppm) // PPM
        case _:
            return Refusal.INVALID_FIGURE


class Reward(msgspec.Struct, frozen=True):
    """What a report has earned.

    Attributes:
        units: paid for this report; 0 if it says nothing new.
        units_in_all: paid for the contribution so far.
    """

    units: int
    units_in_all: int


class Contribution(msgspec.Struct, frozen=True):
    """What is on record of a contribution: whose it is, its kind of work, and what it was paid."""

    account: str
    kind: str
    paid_units: int


class EncodedContribution(msgspec.Struct, frozen=True, array_like=True):
    """A `Contribution` as it is saved, with its name."""

    name: str
    account: str
    kind: str
    paid_units: UnitsText


class EncodedEarning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An `Earning` as it is saved."""

    version: int
    contributions: tuple[EncodedContribution, ...]


class Earning:
    """Rewards for contributions, out of `POOL`.

    Attributes:
        contributions: all that were ever rewarded, by name. They are never dropped: a forgotten
            contribution would be paid a second time.
        paid_units: what was paid in all, by kind of work.
    """

    __slots__ = ("contributions", "ledger", "paid_units", "parameters")

    def __init__(self, ledger: Ledger, parameters: EarningParameters | None = None) -> None:
        self.ledger = ledger
        self.parameters = EarningParameters() if parameters is None else parameters
        self.contributions: dict[str, Contribution] = {}
        self.paid_units: dict[str, int] = {}

    def fund(self, payer: str, units: int) -> Refusal | None:
        """Move `units` of `payer`'s into the pool."""
        return self.ledger.transfer(payer, POOL, units)

    def report(self, name: str, account: str, work: Work) -> Reward | Refusal:
        """Pay `account` what the contribution `name` has earned and not been paid yet.

        Args:
            name: of the contribution; it belongs to the account and the kind of its first report.
            account: who made it.
            work: all that has been measured of it so far, not what is new. A figure below an
                earlier one pays nothing, and takes nothing back.
        """
        kind = type(work).__name__.lower()
        worth_units = earned_units(work, self.parameters)
        if isinstance(worth_units, Refusal):
            return worth_units
        record = self.contributions.get(name, Contribution(account, kind, 0))
        if (record.account, record.kind) != (account, kind):
            return Refusal.ID_TAKEN
        due_units = max(0, worth_units - record.paid_units)
        if due_units:
            refusal = self.ledger.transfer(POOL, account, due_units)
            if refusal is not None:
                return refusal
        paid_units = record.paid_units + due_units
        self.contributions[name] = Contribution(account, kind, paid_units)
        self.paid_units[kind] = self.paid_units.get(kind, 0) + due_units
        return Reward(due_units, paid_units)

    def audit(self) -> str | None:
        """Check the books from scratch; returns what is wrong, or None."""
        recounted: dict[str, int] = {}
        for name, record in self.contributions.items():
            if record.paid_units < 0:
                return f"contribution {name!r} was paid {record.paid_units} units"
            recounted[record.kind] = recounted.get(record.kind, 0) + record.paid_units
        if recounted != self.paid_units:
            return f"contributions were paid {recounted}, the totals say {self.paid_units}"
        return None

    def encode(self) -> bytes:
        """The whole state as canonical bytes."""
        return encode(
            EncodedEarning(
                version=FORMAT_VERSION,
                contributions=tuple(
                    EncodedContribution(
                        name, record.account, record.kind, encode_units(record.paid_units)
                    )
                    for name, record in sorted(self.contributions.items())
                ),
            )
        )

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`.

        Raises:
            RemoteProtocolError: it is not a sound state; nothing has changed.
        """
        state: EncodedEarning = decode(encoded, EncodedEarning)
        if state.version != FORMAT_VERSION:
            raise RemoteProtocolError(f"earnings of format {state.version}, not {FORMAT_VERSION}")
        fresh = Earning(self.ledger, self.parameters)
        for entry in state.contributions:
            paid_units = decode_units(entry.paid_units)
            fresh.contributions[entry.name] = Contribution(entry.account, entry.kind, paid_units)
            fresh.paid_units[entry.kind] = fresh.paid_units.get(entry.kind, 0) + paid_units
        if fresh.encode() != encoded:
            raise RemoteProtocolError("restored earnings: the bytes are not in canonical form")
        self.contributions, self.paid_units = fresh.contributions, fresh.paid_units
