"""A space-time diagram of the last rounds before a failure, as SVG (Lamport 1978).

Peers are horizontal lanes, time runs to the right, a message is a line from where it left to where
it arrived. A lost one ends in a cross, one that was still under way at the end in an arrow. Time is
stretched by rank, not by the clock: what happened one after the other is drawn apart however close
it was, because order is what a reader looks for. The clock is written at the foot.
"""

import re
from html import escape

from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.fuzz.timeline import Flight, Mark, Timeline

MESSAGES = 80
"""So many messages are drawn, the last ones."""
_LANE = 56
_STEP = 22
_LEFT = 120
_TOP = 64
_LONG = re.compile(r"[0-9a-f]{16,}")
"""Digests; a title shows their beginning."""
_COLOURS = (
    "#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5",
    "#9c6b4e", "#9498a0",
)  # fmt: skip


def space_time_svg(timeline: Timeline, title: str) -> str:
    """The last messages of a timeline as an SVG document."""
    title = _LONG.sub(lambda found: found[0][:8] + "…", title)
    flights = timeline.flights[-MESSAGES:]
    since_s = flights[0].sent_s if flights else 0.0
    marks = [mark for mark in timeline.marks if mark.time_s >= since_s][-MESSAGES:]
    lanes = _lanes(flights, marks)
    columns = _columns(flights, marks)
    kinds = list(dict.fromkeys(flight.kind for flight in flights))
    colour = {kind: _COLOURS[i % len(_COLOURS)] for i, kind in enumerate(kinds)}
    width = _LEFT + _STEP * (len(columns) + 2)
    height = _TOP + _LANE * len(lanes) + 56
    width = max(width, 640)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="ui-sans-serif, system-ui, sans-serif" '
        'font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="14" font-weight="600">{escape(title)}</text>',
        *_legend(kinds, colour),
        *(_lane(peer, y, width) for peer, y in lanes.items()),
        *(_flight(one, lanes, columns, colour[one.kind]) for one in flights),
        *_marks(marks, lanes, columns),
        *_clock(columns, height),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _lanes(flights: list[Flight], marks: list[Mark]) -> dict[PeerId, int]:
    """The peers that take part, and the height of each one's lane."""
    names = {flight.sender for flight in flights} | {flight.receiver for flight in flights}
    names |= {mark.peer for mark in marks if mark.peer}
    return {name: _TOP + _LANE * i + _LANE // 2 for i, name in enumerate(sorted(names))}


def _columns(flights: list[Flight], marks: list[Mark]) -> dict[Seconds, int]:
    """Each moment at which something happened, and its place."""
    moments = {flight.sent_s for flight in flights} | {mark.time_s for mark in marks}
    moments |= {flight.arrived_s for flight in flights if flight.arrived_s is not None}
    return {moment: _LEFT + _STEP * (i + 1) for i, moment in enumerate(sorted(moments))}


def _legend(kinds: list[str], colour: dict[str, str]) -> list[str]:
    parts, x = [], 12
    for kind in kinds:
        parts.append(f'<line x1="{x}" y1="40" x2="{x + 18}" y2="40" stroke="{colour[kind]}"/>')
        parts.append(f'<text x="{x + 22}" y="44" fill="#444">{escape(kind)}</text>')
        x += 40 + 7 * len(kind)
    return parts


def _lane(peer: PeerId, y: int, width: int) -> str:
    return (
        f'<line x1="{_LEFT - 8}" y1="{y}" x2="{width - 8}" y2="{y}" stroke="#d0d0d0"/>'
        f'<text x="12" y="{y + 4}">{escape(peer)}</text>'
    )


def _flight(
    flight: Flight, lanes: dict[PeerId, int], columns: dict[Seconds, int], colour: str
) -> str:
    x1, y1, y2 = columns[flight.sent_s], lanes[flight.sender], lanes[flight.receiver]
    label = f"{flight.kind} {flight.sender} → {flight.receiver}, sent {flight.sent_s:.6f} s"
    if flight.arrived_s is None:  # shown for a third of the way
        x2, y2 = x1 + _STEP, y1 + (y2 - y1) // 3
        sign, what = ("→", "still under way") if flight.under_way else ("×", "never arrived")
        end = f'<text x="{x2 - 3}" y="{y2 + 4}" fill="{colour}">{sign}</text>'
        dashes, label = ' stroke-dasharray="3 3"', f"{label}, {what}"
    else:
        x2 = columns[flight.arrived_s]
        end = f'<circle cx="{x2}" cy="{y2}" r="2.5" fill="{colour}"/>'
        dashes, label = "", label + f", arrived {flight.arrived_s:.6f} s"
    return (
        f"<g><title>{escape(label)}</title>"
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"{dashes}/>{end}</g>'
    )


def _marks(marks: list[Mark], lanes: dict[PeerId, int], columns: dict[Seconds, int]) -> list[str]:
    """Squares on the lanes; what concerns the world as a whole is a line through all of them."""
    parts = []
    for mark in marks:
        x = columns[mark.time_s]
        label = f"<title>{escape(mark.text)} at {mark.time_s:.6f} s</title>"
        if mark.peer in lanes:
            y = lanes[mark.peer]
            shape = f'<rect x="{x - 3}" y="{y - 3}" width="6" height="6" fill="#222"/>'
            text = f'<text x="{x - 3}" y="{y - 8}" font-size="8" fill="#666">{escape(mark.text)}'
            parts.append(f"<g>{label}{shape}{text}</text></g>")
        else:
            bottom = _TOP + _LANE * len(lanes)
            line = f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}" stroke="#c33"'
            parts.append(f'<g>{label}{line} stroke-dasharray="2 4"/></g>')
    return parts


def _clock(columns: dict[Seconds, int], height: int) -> list[str]:
    """The time of every fourth moment at the foot."""
    return [
        f'<text x="{x}" y="{height - 16}" font-size="9" fill="#666" text-anchor="middle">'
        f"{moment:.4g} s</text>"
        for i, (moment, x) in enumerate(columns.items())
        if i % 4 == 0
    ]
