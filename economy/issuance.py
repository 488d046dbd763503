"""Issuance: 1 FTNS a second, halved every four years, exact for any interval.

The schedule is a rate that is constant within an era and half as large in the next. What it has
issued from its start to `elapsed_ms` is, with the rate r in units a second, eras of H ms, and
``k, rest = divmod(elapsed_ms, H)``,

    I(elapsed) = r/1000 · (H·(1 + 1/2 + … + 1/2^(k−1)) + rest/2^k)
               = r · (H·(2^(k+1) − 2) + rest) / (1000 · 2^k),

a rational number that one integer division rounds down to whole units: O(log elapsed) work,
whatever the interval. An interval issues the difference of two such totals; differences telescope:

    issue(a, c) = issue(a, b) + issue(b, c)    for all a ≤ b ≤ c,

with nothing lost to rounding, however often or rarely the issuance is brought up to date. The sum
over all time approaches 2·r·H/1000 and never reaches it. Eras are four years of 365.25 days, so the
defaults issue less than 252,460,800 FTNS in all: with the genesis amount, well below the cap.

The cap is the ledger's. What it keeps from being minted when it is due is *forgone*: it is not made
up for when something is burned later, or burning would destroy nothing. For the same reason a burn
through `burn` first settles what was due before it under the room there was before it.
"""

from typing import Final

import msgspec

from economy.genesis import TREASURY
from economy.ledger import DAY_MS, Ledger
from economy.money import UnitsText, decode_units, encode_units, ftns
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, UserError, decode, encode

FORMAT_VERSION: Final = 1
SECOND_MS: Final = 1000
FOUR_YEARS_MS: Final = 1461 * DAY_MS


class IssuanceParameters(msgspec.Struct, frozen=True):
    """The figures of the issuance.

    Attributes:
        units_per_second: issued each second of the first era.
        era_ms: time after which the rate is halved, each time.
        starts_at_ms: ledger time at which the first era begins.
        payee: the account that receives what is issued.

    Raises:
        UserError: a figure is out of range.
    """

    units_per_second: int = ftns("1")
    era_ms: int = FOUR_YEARS_MS
    starts_at_ms: int = 0
    payee: str = TREASURY

    def __post_init__(self) -> None:
        if self.units_per_second < 0:
            raise UserError(f"units_per_second is {self.units_per_second}; give an integer from 0")
        if self.era_ms < 1:
            raise UserError(f"era_ms is {self.era_ms}; give an integer from 1")

    def issued_until(self, time_ms: int) -> int:
        """What the schedule has issued from its start to `time_ms`, in units."""
        elapsed_ms = max(0, time_ms - self.starts_at_ms)
        era, rest_ms = divmod(elapsed_ms, self.era_ms)
        # Beyond this era all that is still to come is less than a thousandth of a unit, so the
        # total, a multiple of a thousandth at the limit, no longer changes when rounded down.
        last_era = (2 * self.units_per_second * self.era_ms).bit_length()
        if era > last_era:
            era, rest_ms = last_era, 0
        numerator = self.units_per_second * (self.era_ms * ((2 << era) - 2) + rest_ms)
        return numerator // (SECOND_MS << era)

    def issue(self, from_ms: int, until_ms: int) -> int:
        """What the schedule issues in the interval from `from_ms` to `until_ms`, in units."""
        assert from_ms <= until_ms, f"{from_ms} ms is after {until_ms} ms"
        return self.issued_until(until_ms) - self.issued_until(from_ms)


class Issued(msgspec.Struct, frozen=True):
    """The issuance was brought up to date.

    Attributes:
        minted_units: what the payee received.
        forgone_units: what was due as well, and the cap did not allow.
    """

    minted_units: int
    forgone_units: int


class Issuance:
    """Mints what the schedule says, as far as the cap allows.

    Args:
        ledger: where it is minted.
        parameters: the figures.

    Attributes:
        settled_at_ms: ledger time up to which everything due was minted or forgone.
        minted_units: what was minted by this schedule.
        forgone_units: what the cap did not allow.
        burned_units: what was burned by `burn`.
    """

    __slots__ = (
        "burned_units",
        "forgone_units",
        "ledger",
        "minted_units",
        "parameters",
        "settled_at_ms",
    )

    def __init__(self, ledger: Ledger, parameters: IssuanceParameters | None = None) -> None:
        self.ledger = ledger
        self.parameters = IssuanceParameters() if parameters is None else parameters
        self.settled_at_ms = self.parameters.starts_at_ms
        self.minted_units = 0
        self.forgone_units = 0
        self.burned_units = 0

    def advance(self, now_ms: int) -> Issued | Refusal:
        """Mint what fell due since the last time, up to `now_ms`; nothing if that is earlier."""
        now_ms = max(now_ms, self.settled_at_ms)
        due_units = self.parameters.issue(self.settled_at_ms, now_ms)
        return self._settle(due_units, self._room_units(), now_ms)

    def burn(self, payer: str, units: int, now_ms: int) -> Issued | Refusal:
        """Destroy `units` of `payer`'s, after issuing what was due until then.

        What is issued on this occasion cannot itself be burned: `payer` must have the units before.
        """
        now_ms = max(now_ms, self.settled_at_ms)
        due_units = self.parameters.issue(self.settled_at_ms, now_ms)
        room_units = self._room_units()
        refusal = self.ledger.accounts.why_not_enter(self.parameters.payee)
        if refusal is None or not min(due_units, room_units):
            refusal = self.ledger.burn(payer, units)
        if refusal is not None:
            return refusal
        issued = self._settle(due_units, room_units, now_ms)
        assert isinstance(issued, Issued), f"the payee was not paid: {issued}"
        self.burned_units += units
        return issued

    # --- as state ---------------------------------------------------------------------------

    def audit(self) -> str | None:
        """Check the books against the schedule and the ledger; returns what is wrong, or None."""
        due_units = self.parameters.issued_until(self.settled_at_ms)
        if self.minted_units + self.forgone_units != due_units:
            return (
                f"minted {self.minted_units} and forgone {self.forgone_units} units are not the "
                f"{due_units} that were due by {self.settled_at_ms} ms"
            )
        if min(self.minted_units, self.forgone_units, self.burned_units) < 0:
            return "what was minted, forgone or burned is negative"
        totals = self.ledger.totals()
        if self.minted_units > totals.minted_units or self.burned_units > totals.burned_units:
            return f"more was minted or burned here than in the whole ledger: {totals}"
        if totals.supply_units > self.ledger.parameters.cap_units:
            return f"a supply of {totals.supply_units} units is above the cap"
        return None

    def encode(self) -> bytes:
        """The whole state but the ledger's, as canonical bytes."""
        return encode(
            EncodedIssuance(
                version=FORMAT_VERSION,
                figures=_figures(self.parameters),
                settled_at_ms=self.settled_at_ms,
                minted_units=encode_units(self.minted_units),
                forgone_units=encode_units(self.forgone_units),
                burned_units=encode_units(self.burned_units),
            )
        )

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by one that `encode` gave; restore the ledger first.

        Raises:
            RemoteProtocolError: it is no sound state for these parameters and this ledger;
                nothing was replaced.
        """
        state: EncodedIssuance = decode(encoded, EncodedIssuance)
        if state.version != FORMAT_VERSION or state.figures != _figures(self.parameters):
            raise RemoteProtocolError(
                f"issuance of format {state.version} and figures {state.figures}; this is "
                f"{FORMAT_VERSION}, with {self.parameters}"
            )
        restored = Issuance(self.ledger, self.parameters)
        restored.settled_at_ms = state.settled_at_ms
        restored.minted_units = decode_units(state.minted_units)
        restored.forgone_units = decode_units(state.forgone_units)
        restored.burned_units = decode_units(state.burned_units)
        fault = restored.audit()
        if fault is not None:
            raise RemoteProtocolError(f"restored issuance: {fault}")
        self.settled_at_ms, self.burned_units = restored.settled_at_ms, restored.burned_units
        self.minted_units, self.forgone_units = restored.minted_units, restored.forgone_units

    # --- parts ------------------------------------------------------------------------------

    def _room_units(self) -> int:
        """How much may be minted before the supply reaches the cap."""
        return self.ledger.parameters.cap_units - self.ledger.totals().supply_units

    def _settle(self, due_units: int, room_units: int, now_ms: int) -> Issued | Refusal:
        """Mint of `due_units` what there is room for, and forgo the rest."""
        issued = Issued(min(due_units, room_units), max(0, due_units - room_units))
        if issued.minted_units:
            refusal = self.ledger.mint(self.parameters.payee, issued.minted_units)
            if refusal is not None:
                return refusal
        self.settled_at_ms = now_ms
        self.minted_units += issued.minted_units
        self.forgone_units += issued.forgone_units
        return issued


class EncodedIssuance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An `Issuance` as it is saved; `figures` are its parameters, in the order of their class."""

    version: int
    figures: tuple[str, ...]
    settled_at_ms: int
    minted_units: UnitsText
    forgone_units: UnitsText
    burned_units: UnitsText


def _figures(parameters: IssuanceParameters) -> tuple[str, ...]:
    return tuple(str(figure) for figure in msgspec.structs.astuple(parameters))
