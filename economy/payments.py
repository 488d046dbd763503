"""Paying for a query: quote, hold, then settle among those who worked or refund.

The escrow of a query *is* a hold of the ledger, under a name of its own kind, and the query's
state is the hold's state. There is no second record that could disagree with the money, and the
hold's lifecycle gives what a market needs: every opened query ends exactly once, settled (posted),
refunded (voided) or expired, and what the contributors do not earn goes back to the payer in the
same call.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from economy.holds import Hold
from economy.ledger import Ledger
from economy.money import split
from economy.pricing import ContextDemand, Pricing, Stage
from economy.refusals import Refusal

QUERY_PREFIX: Final = "query/"

Payments = tuple[tuple[str, int], ...]
"""Pairs of account and units, each account once."""


class Quote(NamedTuple):
    """What a query may cost at most, in FTNS units."""

    context_units: int
    stages_units: int

    @property
    def total_units(self) -> int:
        """What to put in escrow."""
        return self.context_units + self.stages_units


def quote(pricing: Pricing, demand: ContextDemand, stages: Iterable[Stage]) -> Quote:
    """The price of a query that needs `demand` and passes `stages` (each as often as listed)."""
    return Quote(
        context_units=pricing.context.charge(demand),
        stages_units=sum(pricing.stages.price(stage) for stage in stages),
    )


def stage_pay(pricing: Pricing, work: Iterable[tuple[str, Stage]]) -> Payments:
    """What each account earned by `work`, pairs of account and the stage it served once."""
    return merge((account, pricing.stages.price(stage)) for account, stage in work)


def merge(payments: Iterable[tuple[str, int]]) -> Payments:
    """The payments with one entry an account, in the order in which accounts first occur."""
    earned: dict[str, int] = {}
    for account, units in payments:
        earned[account] = earned.get(account, 0) + units
    return tuple(earned.items())


def fit(payments: Sequence[tuple[str, int]], budget_units: int) -> Payments:
    """The payments, scaled down in proportion if together they exceed the budget."""
    merged = merge(payments)
    amounts = [units for _, units in merged]
    if sum(amounts) <= budget_units:
        return merged
    return tuple(
        (account, share)
        for (account, _), share in zip(merged, split(budget_units, amounts), strict=True)
    )


class Escrow:
    """The queries of a ledger. It keeps nothing of its own.

    Args:
        ledger: where the money is held.
    """

    __slots__ = ("_ledger",)

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def find(self, query: str) -> Hold | None:
        """The hold behind `query`: its payer, its orchestrator (the arbiter), amount and state."""
        return self._ledger.book.holds.get(QUERY_PREFIX + query)

    def open(
        self,
        query: str,
        payer: str,
        orchestrator: str,
        units: int,
        expires_at_ms: int,
        now_ms: int,
    ) -> Refusal | None:
        """Put `units` of `payer`'s in escrow; repeating it on the same terms does nothing."""
        name = QUERY_PREFIX + query
        return self._ledger.hold(name, payer, orchestrator, units, expires_at_ms, now_ms)

    def settle(
        self, query: str, contributions: Sequence[tuple[str, int]], now_ms: int
    ) -> Refusal | None:
        """Pay the contributors out of the escrow and return the rest to the payer."""
        return self._ledger.post(QUERY_PREFIX + query, contributions, now_ms)

    def refund(self, query: str, now_ms: int) -> Refusal | None:
        """Return the whole escrow to the payer."""
        return self._ledger.void(QUERY_PREFIX + query, now_ms)


def query_of(hold: Hold) -> str | None:
    """The query whose escrow `hold` is, or None if it is another kind of hold."""
    name = hold.name
    return name.removeprefix(QUERY_PREFIX) if name.startswith(QUERY_PREFIX) else None
