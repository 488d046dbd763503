"""The figures of a ledger: what it allows, and how long it remembers.

Remembering costs space for ever, so each kind of memory is bounded by a time of its own. With any
of these times set the ledger *keeps time*: its clock is then part of its state.
"""

from typing import Final, NamedTuple

import msgspec

from economy.money import ftns

DAY_MS: Final = 24 * 60 * 60 * 1000


class LedgerParameters(msgspec.Struct, frozen=True):
    """The ledger's figures.

    Attributes:
        cap_units: the supply never exceeds this.
        genesis_units: minted before the first operation.
        max_hold_ms: longest time from the making of a hold to its expiry.
        key_window_ms: idempotency keys must name their end, at most this far away, and are
            forgotten then; 0: they name none, and are kept for good.
        hold_retention_ms: ended holds are kept this long after their expiry, with which their
            names must end; 0: for good, under any name.
        history_ms: how far back past balances are kept; 0: there is no history.
    """

    cap_units: int = ftns("1000000000")
    genesis_units: int = ftns("100000000")
    max_hold_ms: int = 30 * DAY_MS
    key_window_ms: int = 0
    hold_retention_ms: int = 0
    history_ms: int = 0

    @property
    def keeps_time(self) -> bool:
        """Whether the ledger's clock is part of its state."""
        return bool(self.key_window_ms or self.hold_retention_ms or self.history_ms)


class Totals(NamedTuple):
    """What the ledger holds in all, in units: ``minted − burned = balances + held``."""

    minted_units: int
    burned_units: int
    balances_units: int
    held_units: int

    @property
    def supply_units(self) -> int:
        """What was minted and not burned."""
        return self.minted_units - self.burned_units
