"""Why no order explains a history, in one sentence.

Three reductions leave what matters. Each is exact: what is said cannot be ordered, cannot.

- **The shortest prefix.** An operation that is still under way when a prefix ends may have any
  result. Prefixes only get harder to explain as they grow, so the shortest that cannot be explained
  is found by bisection; its last return is the failing one.
- **The window.** What had returned before the failing operation was invoked can be put in order, or
  a shorter prefix would have failed. What matters of it is the states that its orders lead to. The
  window begins with the first operation that overlaps the failing one.
- **Only what is needed.** An operation of the window is set free: it may take effect at any time
  after its invocation, with any result, or never. If the rest still cannot be put in order, it did
  not matter. What remains cannot be ordered whatever else happened at that time.
"""

from collections.abc import Sequence
from typing import Generic

import msgspec

from prsm_sim.history import Call
from prsm_sim.oracles.models import S
from prsm_sim.oracles.search import Part, end_of, search

TRIAL_BOUND = 2_000
"""Configurations spent on setting one operation free; undecided, it is kept."""
TRIALS_BOUND = 20_000
"""Configurations spent on all of them."""
SHOWN = 5
"""States or operations that a sentence lists."""


class Window(msgspec.Struct, Generic[S], frozen=True):
    """What cannot be ordered.

    Attributes:
        failed: position of the return with which it became impossible.
        before: how many operations had returned before it all began.
        states: what these may have left behind.
        calls: the operations, each of which is needed; the failing one first.
        others: how many more were under way then, which make no difference.
        expected: what the only operation should have been told, if there is only one.
    """

    failed: int
    before: int
    states: tuple[S, ...]
    calls: tuple[Call, ...]
    others: int
    expected: tuple[bytes, ...]

    def sentence(self, unit: str = " s") -> str:
        """The finding in words; `unit` follows a time."""
        calls = [_call_text(call, unit) for call in self.calls]
        said = f"no order explains {_listed(calls, 'with')}"
        states = _listed([_state_text(state) for state in self.states], "or")
        if self.before:
            s = "" if self.before == 1 else "s"
            said += f"; the {self.before} earlier operation{s} left {states}"
        else:
            said += f"; it began with {states}"
        if self.expected:
            said += f", so it should have been told {_listed(list(map(text, self.expected)), 'or')}"
        if self.others:
            s = "" if self.others == 1 else "s"
            said += f", whatever came of {self.others} other{s} under way"
        return said


def explain(part: Part[S], failed: int, bound: int) -> Window[S]:
    """The window of a part that no order explains.

    Args:
        part: the calls.
        failed: position of the return that a search for an order got not past.
        bound: what that search was allowed.
    """
    prefix = _shortest(part, failed, bound)
    ends = prefix.ends
    failing = ends.index(max(ends))
    invoked = prefix.returned[failing].invoked
    cut = next(number for number, end in enumerate(ends) if end > invoked)
    window = prefix.returned[cut:]
    needed, freed = _needed(prefix, cut, failing - cut)
    kept = _part(prefix, cut, needed, freed)
    states = sorted(_states(kept, cut, bound), key=repr)
    others = len(freed) + len(prefix.pending)
    expected: set[bytes] = set()
    if len(needed) == 1 and not others:
        operation = prefix.returned[failing].operation
        expected = {part.model.step(state, operation)[1] for state in states}
    calls = sorted((window[number] for number in needed), key=end_of)
    return Window(
        ends[failing],
        cut,
        tuple(states),
        (calls[-1], *calls[:-1]),
        others,
        tuple(sorted(expected)),
    )


def prefix_of(part: Part[S], failed: int) -> Part[S]:
    """The calls as they stand when the return at `failed` has come."""
    returned = [call for call in part.returned if end_of(call) <= failed]
    under_way = [call for call in part.returned if call.invoked < failed < end_of(call)]
    unanswered = [call for call in part.pending if call.invoked < failed]
    return Part(part.model, returned, unanswered + under_way)


def _shortest(part: Part[S], failed: int, bound: int) -> Part[S]:
    """The shortest prefix that is known to have no order; no shorter than that up to `failed`."""
    ends = sorted(end for end in part.ends if end >= failed)
    low, high = 0, len(ends) - 1  # the whole part, at `high`, has no order
    stride = 1
    while low < high:
        # Most often it is one of the first.
        middle = min(low + stride - 1, (low + high) // 2)
        if search(prefix_of(part, ends[middle]), bound).explained is False:
            high, stride = middle, 1
        else:
            low, stride = middle + 1, 2 * stride
    return prefix_of(part, ends[high])


def _part(prefix: Part[S], cut: int, needed: Sequence[int], freed: Sequence[int]) -> Part[S]:
    """A prefix in which some calls of the window have their returns, and some are set free."""
    window = prefix.returned[cut:]
    returned = [*prefix.returned[:cut], *(window[number] for number in needed)]
    return Part(prefix.model, returned, [*prefix.pending, *(window[number] for number in freed)])


def _needed(prefix: Part[S], cut: int, failing: int) -> tuple[list[int], list[int]]:
    """The calls of a window that it takes to make it impossible, and those that it does not."""
    total = len(prefix.returned)
    needed, freed = list(range(total - cut)), list[int]()
    left = TRIALS_BOUND + 10 * total
    for number in [one for one in needed if one != failing]:
        rest = [one for one in needed if one != number]
        found = search(_part(prefix, cut, rest, [*freed, number]), TRIAL_BOUND + 2 * total)
        if found.explained is False:
            needed, freed = rest, [*freed, number]
        left -= found.configurations
        if left < 0:
            break
    return needed, freed


def _states(part: Part[S], cut: int, bound: int) -> set[S]:
    """What the first `cut` calls may leave; what others did meanwhile counts if it must have."""
    if cut == 0:
        return {part.model.initial}
    crossed = search(part, 2 * bound, until=cut).crossed
    alone = {state for low, ahead, used, state in crossed if low == cut and not ahead | used}
    return alone or {state for _, _, _, state in crossed}


def text(value: bytes) -> str:
    """Bytes as a person reads them, shortened."""
    shown = value.decode("ascii", "replace")
    if not shown.isprintable() or not value.isascii():
        return f"0x{value[:16].hex()}{'…' if len(value) > 16 else ''}"
    return f"'{shown[:40]}{'…' if len(shown) > 40 else ''}'"


def _call_text(call: Call, unit: str) -> str:
    span = f"{_number(call.invoked_s)}–{_number(call.returned_s)}{unit}"
    return f"{call.client} {text(call.operation)} → {text(call.result)} ({span})"


def _number(time_s: float) -> str:
    return f"{time_s:.6f}".rstrip("0").rstrip(".")


def _state_text(state: object) -> str:
    """A state as a person reads it, shortened."""
    if isinstance(state, bytes):
        return text(state)
    if isinstance(state, tuple | frozenset):
        items = sorted(state, key=repr) if isinstance(state, frozenset) else state
        shown = [_state_text(item) for item in items[:SHOWN]]
        return f"({', '.join(shown)}{', …' if len(items) > SHOWN else ''})"
    shown_whole = repr(state)
    return shown_whole if len(shown_whole) <= 60 else shown_whole[:59] + "…"


def _listed(items: list[str], word: str) -> str:
    """``a, b with c``; no more than a few."""
    if len(items) > SHOWN:
        items = [*items[: SHOWN - 1], f"{len(items) - SHOWN + 1} more"]
    return f" {word} ".join(filter(None, (", ".join(items[:-1]), items[-1])))
