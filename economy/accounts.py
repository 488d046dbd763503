"""What an account is allowed to do: constraints that the ledger checks before money moves.

An account needs no opening: it exists while there is money in it, and by default anything within
its balance may enter and leave. What departs from that default is its *standing*, kept only for
accounts that have one, so a ledger without constraints pays nothing for them:

- *frozen*: nothing leaves. What enters is kept, and holds made before go on to their end, for
  their money had left already.
- *closed*: nothing enters and nothing leaves, for good. Only an account with no balance and no
  pending hold closes, because a hold returns what it does not pay.
- a *minimum*: nothing leaves if less than the minimum would remain. The balance may well be below
  it; then nothing leaves at all.

The lifecycle is a table; a step that is not in the table does not exist. The checks are the rows of
one rule, `why_not_leave` and `why_not_enter`, whichever operation asks.
"""

from enum import Enum
from typing import Final

import msgspec

from economy.refusals import Refusal


def is_reserved(account: str) -> bool:
    """Whether an account is a mechanism's own, such as ``staking/bonds``: its name has a slash.

    What lies in it is exactly what the mechanism's books say, so nobody else pays into it.
    """
    return "/" in account


def is_account_of(account: str, mechanism: str) -> bool:
    """Whether an account is the own of the mechanism of this name."""
    return account.startswith(mechanism + "/")


class Status(Enum):
    """Whether money may leave and enter an account."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


class Step(Enum):
    """What can happen to an account."""

    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    CLOSE = "close"


LIFECYCLE: Final[dict[tuple[Status, Step], Status]] = {
    (Status.OPEN, Step.FREEZE): Status.FROZEN,
    (Status.FROZEN, Step.UNFREEZE): Status.OPEN,
    (Status.OPEN, Step.CLOSE): Status.CLOSED,
}

IMPOSSIBLE: Final = {
    Status.OPEN: Refusal.ACCOUNT_NOT_FROZEN,
    Status.FROZEN: Refusal.ACCOUNT_FROZEN,
    Status.CLOSED: Refusal.ACCOUNT_CLOSED,
}
"""The answer to a step that a status does not have."""


class Standing(msgspec.Struct, frozen=True):
    """The constraints on one account.

    Attributes:
        status: whether money may leave and enter.
        minimum_units: what must remain when money leaves, ≥ 0.
    """

    status: Status = Status.OPEN
    minimum_units: int = 0


UNCONSTRAINED: Final = Standing()


class AccountBook:
    """The standings of a ledger's accounts.

    Attributes:
        standings: by account; only those that are not `UNCONSTRAINED`.
        touched: accounts whose standing changed since the ledger's digest was last taken.
    """

    __slots__ = ("standings", "touched")

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.touched: dict[str, None] = {}

    def standing(self, account: str) -> Standing:
        """The constraints on `account`."""
        return self.standings.get(account, UNCONSTRAINED)

    def take(self, account: str, step: Step) -> Refusal | None:
        """Move `account` to the status that the lifecycle names."""
        standing = self.standing(account)
        status = LIFECYCLE.get((standing.status, step))
        if status is None:
            return IMPOSSIBLE[standing.status]
        minimum_units = 0 if status is Status.CLOSED else standing.minimum_units
        self._set(account, Standing(status, minimum_units))
        return None

    def require(self, account: str, minimum_units: int) -> Refusal | None:
        """Let at least `minimum_units` remain whenever money leaves `account`; 0 for none."""
        standing = self.standing(account)
        if minimum_units < 0:
            return Refusal.INVALID_AMOUNT
        if standing.status is Status.CLOSED:
            return Refusal.ACCOUNT_CLOSED
        self._set(account, Standing(standing.status, minimum_units))
        return None

    def why_not_leave(self, account: str, balance_units: int, units: int) -> Refusal | None:
        """Why `units` may not leave `account` while it has `balance_units`, or None."""
        standing = self.standings.get(account, UNCONSTRAINED)
        if standing.status is not Status.OPEN:
            return IMPOSSIBLE[standing.status]
        if balance_units < units:
            return Refusal.INSUFFICIENT_FUNDS
        if balance_units - units < standing.minimum_units:
            return Refusal.BELOW_MINIMUM
        return None

    def why_not_enter(self, account: str) -> Refusal | None:
        """Why nothing may enter `account`, or None."""
        standing = self.standings.get(account)
        if standing is not None and standing.status is Status.CLOSED:
            return Refusal.ACCOUNT_CLOSED
        return None

    def load(self, standings: dict[str, Standing]) -> None:
        """Replace the whole book by `standings`."""
        self.standings = standings
        self.touched = dict.fromkeys(standings)

    def _set(self, account: str, standing: Standing) -> None:
        if standing == UNCONSTRAINED:
            self.standings.pop(account, None)
        else:
            self.standings[account] = standing
        self.touched[account] = None
