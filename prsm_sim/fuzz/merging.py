"""Fewer faults that do at least as much: two of a plan become one.

Taking a fault away is not the only way to a shorter story. A network that is cut three times may as
well be cut once for longer, and a peer that lies in two ways may lie in one way always. The merged
fault is stronger than each of the two, which weakening later takes back where it can. It stays
within the fault model: it strikes nobody that was not struck, and is over when both were.
"""

from collections.abc import Iterator
from itertools import combinations

from prsm_sim.faults import BaseFault, Byzantine, Fault, LinkFault, Partition
from prsm_sim.plan import Plan


def merged_plans(plan: Plan) -> Iterator[Plan]:
    """Plans in which two faults have become one, the likelier to fail first."""
    for first, second in combinations(range(len(plan)), 2):
        for one in merged(plan[first], plan[second]):
            yield (*plan[:first], one, *plan[first + 1 : second], *plan[second + 1 :])


def merged(first: Fault, second: Fault) -> Iterator[Fault]:
    """Faults that may stand for both."""
    if isinstance(first, Byzantine) and isinstance(second, Byzantine):
        if first.peer == second.peer:
            yield from (_always(first), _always(second))
        return
    window = _window(first, second)
    if window is None or isinstance(first, Byzantine) or isinstance(second, Byzantine):
        return
    if isinstance(first, Partition) and isinstance(second, Partition):
        groups = _refined(first, second)
        if len(groups) > 1:
            yield _with(first, groups=groups, **window)
    if isinstance(first, LinkFault) and type(first) is type(second):
        assert isinstance(second, LinkFault)
        senders = _union(first.senders, second.senders)
        receivers = _union(first.receivers, second.receivers)
        yield _with(first, senders=senders, receivers=receivers, **window)
    yield _with(first, **window)
    yield _with(second, **window)


def _window(first: Fault, second: Fault) -> dict[str, float] | None:
    """From where the earlier begins to where the later ends; None: one is not bounded in time."""
    begins, ends = [], []
    for fault in (first, second):
        at_s, for_s = getattr(fault, "at_s", None), getattr(fault, "for_s", None)
        if not isinstance(at_s, float) or not isinstance(for_s, float):
            return None
        begins.append(at_s)
        ends.append(at_s + for_s)
    return {"at_s": min(begins), "for_s": float(f"{max(ends) - min(begins):.4g}")}


def _refined(first: Partition, second: Partition) -> tuple[tuple[str, ...], ...]:
    """The groups of those who are together in both; a peer in no group is in the first one."""
    names = list(dict.fromkeys(name for one in (first, second) for g in one.groups for name in g))
    parts: dict[tuple[tuple[int, ...], ...], list[str]] = {}
    for name in names:
        parts.setdefault((_places(first, name), _places(second, name)), []).append(name)
    return tuple(tuple(part) for part in parts.values())


def _places(partition: Partition, name: str) -> tuple[int, ...]:
    """In which groups a peer is."""
    found = tuple(i for i, group in enumerate(partition.groups) if name in group)
    return found or (0,)


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """The names of both; nobody means everybody."""
    return tuple(dict.fromkeys(first + second)) if first and second else ()


def _always(fault: Byzantine) -> Fault:
    """The same lie, told in every message to everybody."""
    return _with(fault, at_s=0.0, for_s=None, types=(), first=0, count=None, share=1.0)


def _with(fault: BaseFault, **changes: object) -> Fault:
    changed: Fault = fault.model_copy(update=changes)  # type: ignore[assignment]
    return changed
