"""When faults held: the bands that are drawn behind the charts.

A band is built from the facts ``FaultStruck`` and ``FaultHealed`` of the trace, because these say
when a fault really took effect. A run that recorded events and holds no such fact was not struck,
whatever its parameters planned. Only a run without any events falls back to the plan: its bands are
marked as scheduled, and of those, only the kinds that the manifest counted as struck are drawn once
the run has ended.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import RunFolder

NAMED_PEERS = 3
"""A group of more peers than this is shown by its size."""


@dataclass(frozen=True)
class FaultBand:
    """An interval of world time, s, in which a fault of `kind` held, or was `scheduled` to."""

    kind: str
    target: str
    start_s: float
    end_s: float
    scheduled: bool = False

    @property
    def label(self) -> str:
        """What stands in the chart."""
        return f"{self.kind}, scheduled" if self.scheduled else self.kind


def read_fault_bands(run: RunFolder) -> list[FaultBand]:
    """The intervals in which faults held, by start; an unhealed one lasts to the end of the record.

    Raises:
        UserError: the events file is broken.
    """
    if not run.has_events:
        return sorted(_scheduled_bands(run), key=lambda band: (band.start_s, band.kind))
    facts = run.query(
        "SELECT time_s, type, payload FROM events "
        "WHERE kind = 'fact' AND type IN ('FaultStruck', 'FaultHealed') ORDER BY n"
    )
    if not facts:
        return []
    open_since: dict[tuple[str, str], list[float]] = defaultdict(list)
    bands = []
    for time_s, type_of_fact, payload in facts:
        key = _kind_and_target(run, payload)
        if type_of_fact == "FaultStruck":
            open_since[key].append(time_s)
        elif open_since[key]:
            bands.append(_band(key, open_since[key].pop(0), time_s))
    unhealed = [(key, start_s) for key, starts in open_since.items() for start_s in starts]
    if unhealed:
        end_s = recorded_until_s(run)
        bands += [_band(key, start_s, max(start_s, end_s)) for key, start_s in unhealed]
    return sorted(bands, key=lambda band: (band.start_s, band.kind))


def recorded_until_s(run: RunFolder) -> float:
    """World time, s, up to which events were recorded: the run's end unless that was bounded."""
    if run.manifest.virtual_s and not run.manifest.truncated:
        return run.manifest.virtual_s
    ((last_s,),) = run.query("SELECT max(time_s) FROM events")
    return float(last_s or 0.0)


def _kind_and_target(run: RunFolder, payload: str) -> tuple[str, str]:
    try:
        fact = json.loads(payload)
        return str(fact["kind"]), str(fact["target"])
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{run.path}: a recorded fault cannot be read ({error!r}); run it again"
        ) from error


def _band(key: tuple[str, str], start_s: float, end_s: float) -> FaultBand:
    kind, target = key
    return FaultBand(kind, _short(target), start_s, end_s)


def _short(target: str) -> str:
    """A target that fits a line: a partition lists every peer of every group."""
    groups = target.split(" | ")
    if len(groups) == 1:
        return target
    sizes = [group.split() for group in groups]
    return " | ".join(
        " ".join(peers) if len(peers) <= NAMED_PEERS else f"{len(peers)} peers" for peers in sizes
    )


def _scheduled_bands(run: RunFolder) -> Iterator[FaultBand]:
    """What the parameters planned, cut off at the run's end."""
    manifest = run.manifest
    ended = manifest.status != "running"
    end_s = manifest.virtual_s if ended else float("inf")
    for kind, target, start_s, for_s in _plans(manifest.parameters):
        if start_s < end_s and (not ended or manifest.faults.get(kind)):
            until_s = end_s if for_s is None else min(start_s + for_s, end_s)
            yield FaultBand(kind, target, start_s, until_s, scheduled=True)


def _plans(parameters: Mapping[str, object]) -> Iterator[tuple[str, str, float, float | None]]:
    """Kind, target, start and length, s, of planned faults.

    Two ways of planning are known: a list ``faults``, and pairs of parameters such as
    ``crash_at_s`` and ``crash_s``, where a length of 0 means never.
    """
    listed = parameters.get("faults")
    for fault in listed if isinstance(listed, list) else []:
        if isinstance(fault, Mapping) and isinstance(fault.get("at_s"), int | float):
            for_s = fault.get("for_s")
            length_s = float(for_s) if isinstance(for_s, int | float) else None
            target = str(fault.get("peer", ""))
            yield str(fault.get("kind", "fault")), target, float(fault["at_s"]), length_s
    for name, at_s in parameters.items():
        kind = name.removesuffix("_at_s")
        for_s = parameters.get(f"{kind}_s")
        if kind == name or not isinstance(at_s, int | float):
            continue
        if isinstance(for_s, int | float) and for_s > 0:
            yield kind, "", float(at_s), float(for_s)
