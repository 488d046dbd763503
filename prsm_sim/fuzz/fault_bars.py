"""Faults in a space-time diagram: a row with a bar for each, and what they do to a peer's lane."""

from html import escape
from typing import NamedTuple, Protocol

from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.faults import Crash, Fault, target_of
from prsm_sim.fuzz.timeline import Mark
from prsm_sim.plan import Plan
from prsm_sim.schedule import format_fault

ROWS = 10
"""At most so many faults are drawn."""
_ROW = 16
_PAINT = {
    "partition": "#ffcfc7", "one_way": "#ffcfc7", "eclipse": "#ffcfc7", "crash": "#f5a3a3",
    "churn": "#f5a3a3", "pause": "#ffdca8", "slow": "#ffdca8", "byzantine": "#e3c9f5",
}  # fmt: skip
_OTHER = "#d9e2ec"


class Row(NamedTuple):
    """A fault that is seen: what it is, from when to when, and its colour."""

    text: str
    begins_s: Seconds
    ends_s: Seconds
    paint: str


class Placed(Protocol):
    """Where times and peers are."""

    lanes: dict[PeerId, int]
    left: int
    width: int
    top: int
    bottom: int

    def x(self, time_s: Seconds) -> int:
        """Where a moment is."""


def xml_text(text: str) -> str:
    """Text that may stand in an SVG document, which knows no control characters."""
    return escape("".join(c if c.isprintable() else " " for c in text))


def fault_rows(plan: Plan, marks: list[Mark], since_s: Seconds, end_s: Seconds) -> list[Row]:
    """The faults of a plan that strike between two moments; those of one message as a moment.

    What struck before is told as well, at the left edge: it may be the cause of all.
    """
    rows, unseen = [], []
    struck = [mark for mark in marks if mark.fault.endswith("_message")]
    for fault in plan:
        window, paint = window_of(fault, end_s), _PAINT.get(fault.kind, _OTHER)
        if window is None:
            seen = any(mark.text.endswith(target_of(fault)) for mark in struck)
        else:
            seen = window[0] <= end_s and window[1] >= since_s
        if not seen:
            unseen.append(Row(f"not shown: {format_fault(fault)}", since_s, since_s, paint))
        elif window is not None:
            begins_s, ends_s = max(window[0], since_s), min(window[1], end_s)
            rows.append(Row(format_fault(fault), begins_s, ends_s, paint))
    rows += [Row(mark.text, mark.time_s, mark.time_s, "#c1121f") for mark in struck]
    rows += unseen
    if len(rows) > ROWS:
        rest = len(rows) - ROWS + 1
        rows = [*rows[: ROWS - 1], Row(f"and {rest} faults more", end_s, end_s, _OTHER)]
    return rows


def window_of(fault: Fault, end_s: Seconds) -> tuple[Seconds, Seconds] | None:
    """From when to when a fault strikes; None: it strikes one message."""
    at_s = getattr(fault, "at_s", None)
    if at_s is None:
        return None
    for_s = getattr(fault, "for_s", None)
    return at_s, end_s if for_s is None else at_s + for_s


def fault_bars(rows: list[Row], canvas: Placed, top: int) -> list[str]:
    """A bar for each row, and a line down through the lanes where it begins and where it ends."""
    parts = []
    for place, row in enumerate(rows):
        x1, x2, y = canvas.x(row.begins_s), canvas.x(row.ends_s), top + _ROW * place
        parts.append(
            f'<rect x="{x1}" y="{y}" width="{max(x2 - x1, 3)}" height="{_ROW - 3}" '
            f'fill="{row.paint}"/>'
        )
        room = int(5.6 * len(row.text))
        begin = max(12, min(x1 + 4, canvas.width - 8 - room))
        parts.append(
            f'<text x="{begin}" y="{y + 10}" font-size="10" fill="#333">{xml_text(row.text)}</text>'
        )
        parts += [
            f'<line x1="{x}" y1="{y + _ROW - 3}" x2="{x}" y2="{canvas.bottom}" '
            f'stroke="{row.paint}" stroke-dasharray="2 4"/>'
            for x in sorted({x1, x2})
        ]
    return parts


def struck_lanes(plan: Plan, canvas: Placed, since_s: Seconds, end_s: Seconds) -> list[str]:
    """The lanes of peers while a fault of their own strikes them; one that is down has none."""
    parts = []
    for fault in plan:
        peer, window = getattr(fault, "peer", None), window_of(fault, end_s)
        if peer not in canvas.lanes or window is None or window[1] < since_s or window[0] > end_s:
            continue
        x1, x2 = canvas.x(max(window[0], since_s)), canvas.x(min(window[1], end_s))
        y = canvas.lanes[peer]
        if isinstance(fault, Crash):
            parts.append(
                f'<rect x="{x1}" y="{y - 2}" width="{max(x2 - x1, 4)}" height="4" fill="#ffffff"/>'
                f'<line x1="{x1}" y1="{y}" x2="{x2}" y2="{y}" stroke="#c1121f" '
                'stroke-dasharray="1 5" stroke-width="2"/>'
                f'<text x="{x1}" y="{y + 12}" font-size="9" fill="#c1121f">down</text>'
            )
        else:
            paint = _PAINT.get(fault.kind, _OTHER)
            parts.append(
                f'<line x1="{x1}" y1="{y}" x2="{max(x2, x1 + 4)}" y2="{y}" stroke="{paint}" '
                'stroke-width="7" stroke-opacity="0.7"/>'
            )
    return parts


def traitors(plan: Plan) -> set[PeerId]:
    """Peers that lie or forget; sorted out by name only, so a set will do."""
    return {peer for peer in (fault.distrusted for fault in plan) if peer is not None}
