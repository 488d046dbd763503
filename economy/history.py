"""What accounts held in the past: balances at an instant, and since when they have been held.

A balance is a step function of ledger time, so its history is the list of its steps ``(time_ms,
units)``: from `time_ms` on the account has `units`, until the next step. Any instant is found by
bisection. Several changes in one instant leave one step, the balance after the last of them, and a
change that is taken back within its instant leaves none; the history is thus a function of what
the accounts held and not of how they came to hold it. An instant is final once ledger time is past
it: until then a later operation of the same instant may still change it. Whoever counts votes
should therefore take a `snapshot` of an instant that is over.

**Horizon.** Only the last `horizon_ms` are kept in full. With ``floor_ms = now_ms − horizon_ms``,
each account keeps its steps after the floor and the last one at or before it, its base, with the
base's own time; an account whose base is empty and who has no later step is forgotten. So at most
one step an account outlives the horizon, and the size is bounded by the accounts that had money at
the floor plus the changes since. Every answer about ``time_ms ≥ floor_ms`` stays exact. A holding
that began after the floor is dated exactly, an older one never too early: the money was surely
there at the time that is named, so no one is paid for holding longer than he did. Compaction costs
O(1) a step, amortised: steps wait for the floor in the order of their times.

A ledger feeds its history when ``LedgerParameters.history_ms`` is set::

    ledger = Ledger(LedgerParameters(history_ms=400 * DAY_MS))
    ledger.pass_time(now_ms)             # or expire(now_ms); what moves now is dated now_ms
    ledger.history.balance_at("alice", now_ms - DAY_MS)
    ledger.history.held_since("alice", ftns("1"), now_ms)

Balances exclude what is set aside in holds, as they do in the ledger.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

Step: TypeAlias = tuple[int, int]
"""A time in ms and the balance in units from then on."""


class _Series:
    """The steps of one balance, oldest first; no two neighbours have the same units."""

    __slots__ = ("times_ms", "units")

    def __init__(self) -> None:
        self.times_ms: list[int] = []
        self.units: list[int] = []

    def at(self, time_ms: int) -> int:
        """The balance at `time_ms`; 0 before the first step."""
        index = bisect_right(self.times_ms, time_ms)
        return self.units[index - 1] if index else 0

    def note(self, units: int, now_ms: int) -> bool:
        """Let the balance be `units` from `now_ms` on; whether any step changed."""
        times_ms, steps = self.times_ms, self.units
        if (steps[-1] if steps else 0) == units:
            return False
        if not times_ms or times_ms[-1] < now_ms:
            times_ms.append(now_ms)
            steps.append(units)
            return True
        assert times_ms[-1] == now_ms, "the past does not change"
        if (steps[-2] if len(steps) > 1 else 0) == units:
            times_ms.pop()
            steps.pop()
        else:
            steps[-1] = units
        return True

    def drop_before(self, floor_ms: int) -> list[int]:
        """Keep the last step at or before the floor and all later ones; the times dropped."""
        times_ms = self.times_ms
        first_kept = max(bisect_right(times_ms, floor_ms) - 1, 0)
        if times_ms and times_ms[first_kept] <= floor_ms and not self.units[first_kept]:
            first_kept += 1  # an empty base says what no base says too
        dropped = times_ms[:first_kept]
        del times_ms[:first_kept]
        del self.units[:first_kept]
        return dropped


class BalanceSnapshot(NamedTuple):
    """All balances at one instant. It costs nothing to take: it is the instant, read later.

    Attributes:
        history: where it is read.
        time_ms: the instant. It can be read until the history's horizon has passed it.
    """

    history: "BalanceHistory"
    time_ms: int

    @property
    def is_readable(self) -> bool:
        """Whether the instant is still within the horizon."""
        return self.time_ms >= self.history.floor_ms

    def units(self, account: str) -> int:
        """What `account` held, in units."""
        return self.history.balance_at(account, self.time_ms)

    def total_units(self) -> int:
        """What all accounts held together, in units; holds are not included."""
        return self.history.total_at(self.time_ms)

    def accounts(self) -> dict[str, int]:
        """Units by account, for all that had any, in name order; in O(accounts)."""
        held = ((account, self.units(account)) for account in self.history.accounts())
        return {account: units for account, units in held if units}


class BalanceHistory:
    """Past balances by account.

    Args:
        horizon_ms: how far back every answer is exact, > 0.

    Attributes:
        floor_ms: the earliest instant that can still be asked for.
        touched: steps ``(account, time_ms)`` that changed since the ledger's digest was last
            taken; None while no digest follows, so that nothing piles up unread.
    """

    __slots__ = ("_series", "_total", "_waiting", "floor_ms", "horizon_ms", "touched")

    def __init__(self, horizon_ms: int) -> None:
        assert horizon_ms > 0, "a history without a horizon remembers nothing"
        self.horizon_ms = horizon_ms
        self.floor_ms = 0
        self.touched: dict[tuple[str, int], None] | None = None
        self._series: dict[str, _Series] = {}
        self._total = _Series()
        self._waiting: deque[tuple[int, str]] = deque()

    # --- what may be asked ------------------------------------------------------------------

    def balance_at(self, account: str, time_ms: int) -> int:
        """What `account` held at `time_ms`, after the last operation of that instant, in units.

        Args:
            account: any name; an unknown one held nothing.
            time_ms: from `floor_ms` on. Later than the last change: the present balance.
        """
        assert time_ms >= self.floor_ms, f"{time_ms} ms is before the floor, {self.floor_ms} ms"
        series = self._series.get(account)
        return 0 if series is None else series.at(time_ms)

    def held_since(self, account: str, units: int, now_ms: int) -> int:
        """Ledger time since when `account` has held at least `units`, up to `now_ms` (ms).

        ``now_ms − held_since(…)`` is the holding period. It is exact if it began after the floor,
        and otherwise never longer than the true one.

        Args:
            account: any name.
            units: how much it must have held all the time, > 0.
            now_ms: from `floor_ms` on.

        Returns:
            `now_ms` if the account has less than `units` at `now_ms`.
        """
        assert units > 0, f"everyone has always held {units} units"
        assert now_ms >= self.floor_ms, f"{now_ms} ms is before the floor, {self.floor_ms} ms"
        since_ms = now_ms
        series = self._series.get(account)
        if series is None:
            return since_ms
        for index in range(bisect_right(series.times_ms, now_ms) - 1, -1, -1):
            if series.units[index] < units:
                break
            since_ms = series.times_ms[index]
        return since_ms

    def total_at(self, time_ms: int) -> int:
        """What all accounts held together at `time_ms` ≥ `floor_ms`, in units; without holds."""
        assert time_ms >= self.floor_ms, f"{time_ms} ms is before the floor, {self.floor_ms} ms"
        return self._total.at(time_ms)

    def snapshot(self, time_ms: int) -> BalanceSnapshot:
        """All balances at `time_ms` ≥ `floor_ms`, to be read while the horizon reaches back."""
        assert time_ms >= self.floor_ms, f"{time_ms} ms is before the floor, {self.floor_ms} ms"
        return BalanceSnapshot(self, time_ms)

    def accounts(self) -> list[str]:
        """All accounts that the history knows, in name order."""
        return sorted(self._series)

    def steps(self, account: str) -> tuple[Step, ...]:
        """The steps that are kept of `account`, oldest first."""
        series = self._series.get(account)
        return () if series is None else tuple(zip(series.times_ms, series.units, strict=True))

    def size(self) -> int:
        """How many steps are kept in all; in O(accounts)."""
        return sum(len(series.times_ms) for series in self._series.values())

    # --- what the ledger feeds --------------------------------------------------------------

    def note(self, account: str, units: int, now_ms: int) -> None:
        """`account` has `units` (≥ 0) from `now_ms` on; times never decrease."""
        series = self._series.get(account)
        if series is None:
            if not units:
                return
            series = self._series[account] = _Series()
        if series.note(units, now_ms):
            self._waiting.append((now_ms, account))
            if self.touched is not None:
                self.touched[account, now_ms] = None
            if not series.times_ms:
                del self._series[account]

    def note_total(self, units: int, now_ms: int) -> None:
        """All accounts together have `units` from `now_ms` on."""
        self._total.note(units, now_ms)

    def advance(self, now_ms: int) -> None:
        """Let the floor follow `now_ms`, and forget what lies before it."""
        self.floor_ms = floor_ms = max(self.floor_ms, now_ms - self.horizon_ms)
        waiting = self._waiting
        while waiting and waiting[0][0] <= floor_ms:
            account = waiting.popleft()[1]
            series = self._series.get(account)
            if series is None:
                continue
            dropped_ms = series.drop_before(floor_ms)
            if self.touched is not None:
                self.touched.update(dict.fromkeys((account, time_ms) for time_ms in dropped_ms))
            if not series.times_ms:
                del self._series[account]
        self._total.drop_before(floor_ms)

    # --- as state ---------------------------------------------------------------------------

    def follow(self) -> None:
        """Begin to note in `touched` what changes, with all that is there now."""
        self.touched = dict.fromkeys(
            (account, time_ms) for account in self._series for time_ms, _ in self.steps(account)
        )

    def step_at(self, account: str, time_ms: int) -> int | None:
        """The units of the step that was made at exactly `time_ms`, or None if there is none."""
        series = self._series.get(account)
        index = -1 if series is None else bisect_right(series.times_ms, time_ms) - 1
        if series is None or index < 0 or series.times_ms[index] != time_ms:
            return None
        return series.units[index]

    def __iter__(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """Accounts in name order, each with its steps."""
        return ((account, self.steps(account)) for account in self.accounts())

    def load(self, accounts: Iterable[tuple[str, tuple[Step, ...]]], now_ms: int) -> str | None:
        """Become the history of these steps as of `now_ms`; what is wrong with them, or None.

        Nothing is loaded unless they are a history that this one, at `now_ms`, could have become.
        """
        floor_ms = max(0, now_ms - self.horizon_ms)
        loaded: dict[str, _Series] = {}
        for account, steps in accounts:
            series = loaded[account] = _Series()
            previous_ms = -1
            for time_ms, units in steps:
                if not previous_ms < time_ms <= now_ms or units < 0:
                    return f"the history of {account!r} has an impossible step at {time_ms} ms"
                if not series.note(units, time_ms):
                    return f"the history of {account!r} has an idle step at {time_ms} ms"
                previous_ms = time_ms
            if not steps or series.drop_before(floor_ms):
                return f"the history of {account!r} is not compact"
        self.floor_ms, self._series = floor_ms, loaded
        ordered = sorted((time_ms, name) for name in loaded for time_ms, _ in self.steps(name))
        self._waiting = deque(ordered)
        self._reload_total()
        return None

    def _reload_total(self) -> None:
        """Add the accounts up again; exact from the floor on, as the total is anyway."""
        self._total = _Series()
        total_units = 0
        for time_ms, account in self._waiting:
            series = self._series[account]
            total_units += series.at(time_ms) - series.at(time_ms - 1)
            self._total.note(total_units, time_ms)
        self._total.drop_before(self.floor_ms)
