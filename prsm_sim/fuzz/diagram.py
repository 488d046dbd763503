"""A space-time diagram of the last rounds before a failure, as SVG (Lamport 1978).

Peers are horizontal lanes, time runs to the right, a message is a line from where it left to where
it arrived. A lost one ends in a cross, one that was still under way at the end in an arrow. Time is
stretched by rank, not by the clock: what happened one after the other is drawn apart however close
it was, because order is what a reader looks for. The clock is written at the foot. Above the lanes
a bar for each fault says from when to when it struck; a peer that is struck has its lane marked.
"""

import re
import textwrap
from bisect import bisect_right
from collections import Counter

from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.chance import log
from prsm_sim.fuzz.fault_bars import (
    fault_bars,
    fault_rows,
    struck_lanes,
    traitors,
    xml_text,
)
from prsm_sim.fuzz.timeline import Flight, Mark, Timeline
from prsm_sim.plan import Plan

MESSAGES = 80
"""So many messages that arrived are drawn, the last ones, and half as many that did not."""
_STEPS = (22, 100)
"""The least and the greatest distance between two moments."""
_USUAL_WIDTH = 1000
_CLOCK_ROOM = 72
"""How wide a time at the foot is."""
_ROW = 16
_LETTER = 6.4
"""Width of a letter at most, in pixels."""
_NAME = 28
"""Longer names are cut."""
_LONG = re.compile(r"[0-9a-f]{16,}")
"""Digests; a title shows their beginning."""
_LOST = "#c1121f"
_COLOURS = (
    "#4269d0", "#d99a00", "#a463f2", "#3ca951", "#e0569b", "#00798c", "#9c6b4e", "#6a7fdb",
    "#7a8b00", "#777777",
)  # fmt: skip


class Canvas:
    """Where everything stands.

    Attributes:
        lanes: the height of each peer's lane.
        top: where the lanes begin.
        bottom: where they end.
        width: of the whole.
        left: where time begins.
        step: the distance between two moments.
    """

    def __init__(
        self, flights: list[Flight], marks: list[Mark], since_s: Seconds, end_s: Seconds, top: int
    ) -> None:
        names = {flight.sender for flight in flights} | {flight.receiver for flight in flights}
        names |= {mark.peer for mark in marks if mark.peer}
        height = 52 if len(names) <= 12 else 34 if len(names) <= 30 else 22
        self.top = top
        self.lanes = {
            name: top + height * i + height // 2 + 6
            for i, name in enumerate(sorted(names, key=_natural))
        }
        self.bottom = top + height * len(names) + 8
        longest = max((min(len(name), _NAME) for name in names), default=0)
        self.left = 24 + int(_LETTER * longest)
        moments = {flight.sent_s for flight in flights} | {mark.time_s for mark in marks}
        moments |= {flight.arrived_s for flight in flights if flight.arrived_s is not None}
        self.moments = sorted({time_s for time_s in moments if time_s >= since_s} | {end_s})
        least, most = _STEPS
        self.step = max(least, min(most, _USUAL_WIDTH // len(self.moments)))
        self.width = max(self.left + self.step * (len(self.moments) + 2), 720)

    def x(self, time_s: Seconds) -> int:
        """Where a moment is; between two that are drawn it lies in proportion."""
        place = bisect_right(self.moments, time_s) - 1
        if place < 0:
            return self.left
        here = self.left + self.step * (place + 1)
        if place + 1 == len(self.moments) or self.moments[place] == time_s:
            return here
        share = (time_s - self.moments[place]) / (self.moments[place + 1] - self.moments[place])
        return here + int(self.step * share)


def space_time_svg(timeline: Timeline, title: str, plan: Plan = ()) -> str:
    """The last messages of a timeline as an SVG document."""
    flights, since_s = _last_rounds(timeline)
    marks = [mark for mark in timeline.marks if mark.time_s >= since_s]
    marks = marks[-4 * MESSAGES :]
    kinds = list(dict.fromkeys(flight.kind for flight in flights))
    colour = {kind: _COLOURS[i % len(_COLOURS)] for i, kind in enumerate(kinds)}
    rows = fault_rows(plan, marks, since_s, timeline.end_s)
    probe = Canvas(flights, marks, since_s, timeline.end_s, 0)
    short = _LONG.sub(lambda found: found[0][:8] + "…", title)
    heading = textwrap.wrap(short, (probe.width - 24) // 8) or [""]
    legend, legend_rows = _legend(kinds, colour, probe.width, 20 * len(heading) + 22)
    top = 20 * len(heading) + 22 + _ROW * legend_rows + 6
    canvas = Canvas(flights, marks, since_s, timeline.end_s, top + _ROW * len(rows) + 10)
    height = canvas.bottom + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{canvas.width}" height="{height}" '
        f'viewBox="0 0 {canvas.width} {height}" font-size="11" '
        'font-family="ui-sans-serif, system-ui, sans-serif">',
        f"<title>{xml_text(title)}</title>",
        f'<rect width="{canvas.width}" height="{height}" fill="#ffffff"/>',
        *(
            f'<text x="12" y="{22 + 20 * i}" font-size="14" font-weight="600">'
            f"{xml_text(line)}</text>"
            for i, line in enumerate(heading)
        ),
        *legend,
        *fault_bars(rows, canvas, top),
        *_lanes(canvas, traitors(plan)),
        *struck_lanes(plan, canvas, since_s, timeline.end_s),
        *(_flight(one, canvas, colour[one.kind]) for one in flights),
        *_marks(marks, canvas),
        *_end(canvas, timeline.end_s),
        *_clock(canvas),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _last_rounds(timeline: Timeline) -> tuple[list[Flight], Seconds]:
    """The messages to draw, and when the picture begins.

    The last that arrived, because these decided something. A few of them may have been under way
    for long; these begin at the left edge.
    """
    arrived = sorted(
        (flight for flight in timeline.flights if flight.arrived_s is not None),
        key=lambda flight: (flight.arrived_s, flight.sent_s),
    )[-MESSAGES:]
    sent = sorted(flight.sent_s for flight in arrived)
    since_s = sent[len(sent) // 10] if sent else 0.0
    others = [f for f in timeline.flights if f.arrived_s is None and f.sent_s >= since_s]
    return arrived + others[-MESSAGES // 2 :], since_s


def _natural(name: str) -> list[tuple[int, str]]:
    """Peers in the order people count: peer-2 before peer-10."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", name)]


def _legend(
    kinds: list[str], colour: dict[str, str], width: int, top: int
) -> tuple[list[str], int]:
    """What the colours and the signs mean, and how many rows that takes."""
    signs = (("●", "#444", "arrived"), ("×", _LOST, "lost"), ("→", "#444", "still under way"),
             ("■", "#222", "fact or timer"))  # fmt: skip
    entries = [("", colour[kind], kind) for kind in kinds] + list(signs)
    parts, x, row = [], 12, 0
    for sign, paint, text in entries:
        wide = 34 + int(_LETTER * len(text))
        if x + wide > width and x > 12:
            x, row = 12, row + 1
        y = top + _ROW * row
        if sign:
            parts.append(f'<text x="{x + 6}" y="{y}" fill="{paint}">{sign}</text>')
        else:
            parts.append(
                f'<line x1="{x}" y1="{y - 4}" x2="{x + 16}" y2="{y - 4}" stroke="{paint}" '
                'stroke-width="2"/>'
            )
        parts.append(f'<text x="{x + 20}" y="{y}" fill="#444">{xml_text(text)}</text>')
        x += wide
    return parts, row + 1


def _lanes(canvas: Canvas, liars: set[PeerId]) -> list[str]:
    parts = []
    for peer, y in canvas.lanes.items():
        shown = peer if len(peer) <= _NAME else peer[: _NAME - 1] + "…"
        paint = ' fill="#c1121f" font-weight="600"' if peer in liars else ""
        parts.append(
            f'<line x1="{canvas.left - 4}" y1="{y}" x2="{canvas.width - 8}" y2="{y}" '
            'stroke="#d0d0d0"/>'
            f'<text x="12" y="{y + 4}"{paint}>{xml_text(shown)}<title>{xml_text(peer)}'
            f"{', Byzantine' if peer in liars else ''}</title></text>"
        )
    return parts


def _flight(flight: Flight, canvas: Canvas, colour: str) -> str:
    x1, y1, y2 = canvas.x(flight.sent_s), canvas.lanes[flight.sender], canvas.lanes[flight.receiver]
    label = f"{flight.kind} {flight.sender} → {flight.receiver}, sent {flight.sent_s:.6f} s"
    dashes = ""
    if flight.arrived_s is None:  # shown for a part of the way
        x2, y2 = x1 + 15, y1 + (y2 - y1) // 3
        sign, paint, what = ("→", colour, "still under way") if flight.under_way else (
            "×", _LOST, "lost")  # fmt: skip
        end = (
            f'<text x="{x2}" y="{y2 + 4}" fill="{paint}" font-size="13" '
            f'text-anchor="middle">{sign}</text>'
        )
        dashes, label = ' stroke-dasharray="3 3"', f"{label}, {what}"
    else:
        x2 = canvas.x(flight.arrived_s)
        end = f'<circle cx="{x2}" cy="{y2}" r="2.5" fill="{colour}"/>'
        label += f", arrived {flight.arrived_s:.6f} s"
        if flight.again:
            dashes, label = ' stroke-dasharray="8 3 2 3"', label + " once more"
    return (
        f"<g><title>{xml_text(label)}</title>"
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"{dashes}/>{end}</g>'
    )


def _marks(marks: list[Mark], canvas: Canvas) -> list[str]:
    """Squares on the lanes. Their texts take the first free place above or below, if there is one;
    the rest is in what a browser shows where the mouse is."""
    at: dict[tuple[PeerId, Seconds], Counter[str]] = {}
    for mark in marks:
        if mark.peer in canvas.lanes:
            at.setdefault((mark.peer, mark.time_s), Counter())[mark.text] += 1
    parts: list[str] = []
    taken: dict[tuple[PeerId, int], int] = {}
    for (peer, time_s), texts in sorted(at.items(), key=lambda item: item[0][1]):
        x, y = canvas.x(time_s), canvas.lanes[peer]
        text = ", ".join(f"{t} ×{n}" if n > 1 else t for t, n in texts.items())
        parts.append(
            f"<g><title>{xml_text(text)} at {time_s:.6f} s</title>"
            f'<rect x="{x - 3}" y="{y - 3}" width="6" height="6" fill="#222"/>'
        )
        wide = int(4.6 * len(text)) + 6
        begin = min(x - 3, canvas.width - 8 - wide)
        for level in (-8, -17, 13):
            if taken.get((peer, level), -1) <= begin:
                taken[peer, level] = begin + wide
                parts.append(
                    f'<text x="{begin}" y="{y + level}" font-size="8.5" fill="#555" '
                    'stroke="#ffffff" stroke-width="2.5" paint-order="stroke">'
                    f"{xml_text(text)}</text>"
                )
                break
        parts.append("</g>")
    return parts


def _end(canvas: Canvas, end_s: Seconds) -> list[str]:
    """The moment of the failure."""
    x = canvas.x(end_s)
    return [
        f'<g><title>the oracle broke at {end_s:.6f} s</title><line x1="{x}" y1="{canvas.top}" '
        f'x2="{x}" y2="{canvas.bottom}" stroke="{_LOST}" stroke-width="1.5"/>'
        f'<text x="{x}" y="{canvas.bottom + 12}" fill="{_LOST}" font-size="9" '
        'text-anchor="middle">broke</text></g>'
    ]


def _clock(canvas: Canvas) -> list[str]:
    """The time at the foot, where there is room, with as many digits as tell moments apart."""
    every = -(-_CLOCK_ROOM // canvas.step)
    span_s = canvas.moments[-1] - canvas.moments[0]
    steps = max(len(canvas.moments) - 1, 1)
    digits = 2 if span_s <= 0 else min(9, max(1, 1 + int(-log(span_s / steps) / log(10.0) + 1)))
    return [
        f'<text x="{canvas.x(moment)}" y="{canvas.bottom + 28}" font-size="9" fill="#666" '
        f'text-anchor="middle">{moment:.{digits}f} s</text>'
        for i, moment in enumerate(canvas.moments)
        if i % every == 0
    ]
