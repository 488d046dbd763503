"""Holds: money set aside that ends exactly once, posted, voided or expired.

A hold is the first phase of a two-phase transfer (the design of TigerBeetle's pending transfers):
the amount leaves the payer's balance at once, so it cannot be spent twice, and reaches no one until
the second phase. The lifecycle is a table; a step that is not in the table does not exist, so a
hold that has ended can never pay again. Every hold has an expiry, so none can lock money for ever.

The book keeps pending holds in a heap by expiry. Holds that were posted or voided stay in the heap
until their time comes up and are skipped then. Ties in time are broken by the hold's name, hence
the order in which holds expire is a function of the state and not of its history.

Ended holds are kept, so that a late second post is told what happened. A ledger with
`LedgerParameters.hold_retention_ms` keeps them only that long after their expiry. The name of a
hold is its idempotency key, and there it must end with the hold's expiry (`windows`): a name that
was dropped can then never be made again, and an old order to post it finds nothing to pay from.
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

    Args:
        retention_ms: how long after its expiry an ended hold is kept; 0: for good.

    Attributes:
        holds: every hold that was made and not dropped, by name.
        pending_units: sum of the amounts of pending holds, kept up to date in O(1).
        pending_of: how many pending holds each payer has, for those that have any.
        touched: names of holds that changed since the ledger's digest was last taken.
        is_followed: whether a digest follows, and must hear of holds that are dropped.
    """

    __slots__ = (
        "_due",
        "_ended",
        "holds",
        "is_followed",
        "pending_of",
        "pending_units",
        "retention_ms",
        "touched",
    )

    def __init__(self, retention_ms: int = 0) -> None:
        self.retention_ms: Final = retention_ms
        self.holds: dict[str, Hold] = {}
        self.pending_units = 0
        self.pending_of: dict[str, int] = {}
        self.touched: dict[str, None] = {}
        self.is_followed = False
        self._due: list[tuple[int, str]] = []
        self._ended: list[tuple[int, str]] = []

    def add(self, hold: Hold) -> None:
        """Enter a new pending hold."""
        assert hold.name not in self.holds, f"hold {hold.name!r} exists"
        assert hold.state is HoldState.PENDING, "a new hold is pending"
        self.holds[hold.name] = hold
        self.touched[hold.name] = None
        self.pending_units += hold.amount_units
        self.pending_of[hold.payer] = self.pending_of.get(hold.payer, 0) + 1
        heappush(self._due, (hold.expires_at_ms, hold.name))

    def end(self, hold: Hold, signal: Signal, posted_units: int = 0) -> Hold:
        """Move a pending hold to the state the lifecycle names; returns it as it is now."""
        ended = msgspec.structs.replace(
            hold, state=LIFECYCLE[hold.state, signal], posted_units=posted_units
        )
        self.holds[hold.name] = ended
        self.touched[hold.name] = None
        self.pending_units -= hold.amount_units
        left = self.pending_of[hold.payer] - 1
        if left:
            self.pending_of[hold.payer] = left
        else:
            del self.pending_of[hold.payer]
        if self.retention_ms:
            heappush(self._ended, (hold.expires_at_ms, hold.name))
        return ended

    def next_due(self, now_ms: int) -> Hold | None:
        """The pending hold that should expire first, if it is due by `now_ms`."""
        while self._due and self._due[0][0] <= now_ms:
            hold = self.holds.get(self._due[0][1])
            if hold is not None and hold.state is HoldState.PENDING:
                return hold
            heappop(self._due)
        return None

    def drop_ended(self, now_ms: int) -> None:
        """Forget the ended holds whose time of retention is over."""
        ended = self._ended
        while ended and ended[0][0] + self.retention_ms <= now_ms:
            name = heappop(ended)[1]
            del self.holds[name]
            if self.is_followed:
                self.touched[name] = None
            else:
                self.touched.pop(name, None)

    def load(self, holds: dict[str, Hold]) -> None:
        """Replace the whole book by `holds`."""
        pending = [hold for hold in holds.values() if hold.state is HoldState.PENDING]
        self.holds = holds
        self.touched = dict.fromkeys(holds)
        self.pending_units = sum(hold.amount_units for hold in pending)
        self.pending_of = self.count_pending()
        self._due = [(hold.expires_at_ms, hold.name) for hold in pending]
        heapify(self._due)
        ended = (hold for hold in holds.values() if hold.state is not HoldState.PENDING)
        self._ended = [(h.expires_at_ms, h.name) for h in ended] if self.retention_ms else []
        heapify(self._ended)

    def count_pending(self) -> dict[str, int]:
        """How many pending holds each payer has, counted anew."""
        counted: dict[str, int] = {}
        for hold in self.holds.values():
            if hold.state is HoldState.PENDING:
                counted[hold.payer] = counted.get(hold.payer, 0) + 1
        return counted
