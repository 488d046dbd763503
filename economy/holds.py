"""Holds: money set aside that ends exactly once, posted, voided or expired.

A hold is the first phase of a two-phase transfer (the design of TigerBeetle's pending transfers):
the amount leaves the payer's balance at once, so it cannot be spent twice, and reaches no one until
the second phase. The lifecycle is a table; a step that is not in the table does not exist, so a
hold that has ended can never pay again. Every hold has an expiry, so none can lock money for ever.

The book keeps pending holds in a heap by expiry. Holds that were posted or voided stay in the heap
until their time comes up and are skipped then. Ties in time are broken by the hold's name, hence
the order in which holds expire is a function of the state and not of its history.
"""

from enum import Enum
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

from economy.refusals import Refusal


class HoldState(Enum):
    """Where a hold is in its life."""

    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"


class Signal(Enum):
    """What can happen to a hold."""

    POST = "post"
    VOID = "void"
    EXPIRE = "expire"


LIFECYCLE: Final[dict[tuple[HoldState, Signal], HoldState]] = {
    (HoldState.PENDING, Signal.POST): HoldState.POSTED,
    (HoldState.PENDING, Signal.VOID): HoldState.VOIDED,
    (HoldState.PENDING, Signal.EXPIRE): HoldState.EXPIRED,
}

ENDED: Final = {
    HoldState.POSTED: Refusal.ALREADY_POSTED,
    HoldState.VOIDED: Refusal.ALREADY_VOIDED,
    HoldState.EXPIRED: Refusal.ALREADY_EXPIRED,
}


class Hold(msgspec.Struct, frozen=True):
    """An amount set aside.

    Attributes:
        name: unique in its ledger.
        payer: whose money it is, and where what is not posted returns.
        arbiter: the account whose word posts or voids the hold.
        amount_units: how much is set aside, > 0.
        expires_at_ms: ledger time from which it can only expire.
        state: where it is in its life.
        posted_units: how much was paid out of it when it was posted, else 0.
    """

    name: str
    payer: str
    arbiter: str
    amount_units: int
    expires_at_ms: int
    state: HoldState = HoldState.PENDING
    posted_units: int = 0

    def has_terms(self, payer: str, arbiter: str, amount_units: int, expires_at_ms: int) -> bool:
        """Whether the hold was made on exactly these terms."""
        return (payer, arbiter, amount_units, expires_at_ms) == (
            self.payer,
            self.arbiter,
            self.amount_units,
            self.expires_at_ms,
        )


class HoldBook:
    """All holds of a ledger by name, and what is due to expire.

    Attributes:
        holds: every hold ever made, by name. Ended ones stay, so that a late second post is told
            what happened rather than that the hold never existed.
        pending_units: sum of the amounts of pending holds, kept up to date in O(1).
        touched: names of holds that changed since the ledger's digest was last taken.
    """

    __slots__ = ("_due", "holds", "pending_units", "touched")

    def __init__(self) -> None:
        self.holds: dict[str, Hold] = {}
        self.pending_units = 0
        self.touched: dict[str, None] = {}
        self._due: list[tuple[int, str]] = []

    def add(self, hold: Hold) -> None:
        """Enter a new pending hold."""
        assert hold.name not in self.holds, f"hold {hold.name!r} exists"
        assert hold.state is HoldState.PENDING, "a new hold is pending"
        self.holds[hold.name] = hold
        self.touched[hold.name] = None
        self.pending_units += hold.amount_units
        heappush(self._due, (hold.expires_at_ms, hold.name))

    def end(self, hold: Hold, signal: Signal, posted_units: int = 0) -> Hold:
        """Move a pending hold to the state the lifecycle names; returns it as it is now."""
        ended = msgspec.structs.replace(
            hold, state=LIFECYCLE[hold.state, signal], posted_units=posted_units
        )
        self.holds[hold.name] = ended
        self.touched[hold.name] = None
        self.pending_units -= hold.amount_units
        return ended

    def next_due(self, now_ms: int) -> Hold | None:
        """The pending hold that should expire first, if it is due by `now_ms`."""
        while self._due and self._due[0][0] <= now_ms:
            hold = self.holds[self._due[0][1]]
            if hold.state is HoldState.PENDING:
                return hold
            heappop(self._due)
        return None

    def load(self, holds: dict[str, Hold]) -> None:
        """Replace the whole book by `holds`."""
        pending = [hold for hold in holds.values() if hold.state is HoldState.PENDING]
        self.holds = holds
        self.touched = dict.fromkeys(holds)
        self.pending_units = sum(hold.amount_units for hold in pending)
        self._due = [(hold.expires_at_ms, hold.name) for hold in pending]
        heapify(self._due)
