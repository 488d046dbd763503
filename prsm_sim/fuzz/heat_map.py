"""The scoreboard as a picture and as a table: bugs down, strategies across, mean seeds to a kill.

The scale is logarithmic, because a bug that needs ten times as many seeds is one step harder. A bug
that a strategy did not find within its budget is left white and says so.
"""

from collections.abc import Sequence
from html import escape
from math import log10

from prsm_sim.fuzz.scoreboard import Score

_ROW, _COLUMN, _LEFT, _TOP = 22, 96, 250, 56
_DARKEST = (8, 81, 156)
_LIGHTEST = (222, 235, 247)


def by_bug(scores: Sequence[Score]) -> dict[str, dict[str, Score]]:
    """Scores by bug and strategy, in the order given."""
    table: dict[str, dict[str, Score]] = {}
    for score in scores:
        table.setdefault(score.bug, {})[score.strategy] = score
    return table


def heat_map_svg(scores: Sequence[Score], strategies: Sequence[str]) -> str:
    """The scoreboard as an SVG document."""
    table = by_bug(scores)
    width = _LEFT + _COLUMN * len(strategies) + 16
    height = _TOP + _ROW * len(table) + 16
    budget = max((score.seeds for score in scores), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="ui-sans-serif, system-ui, sans-serif" '
        'font-size="12">',
        "<title>Seeds to kill a seeded bug, by strategy</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<text x="12" y="20" font-size="14" font-weight="600">Mean seeds to a kill</text>',
    ]
    for column, name in enumerate(strategies):
        x = _LEFT + _COLUMN * column + _COLUMN // 2
        parts.append(f'<text x="{x}" y="44" text-anchor="middle">{escape(name)}</text>')
    for row, (bug, cells) in enumerate(table.items()):
        y = _TOP + _ROW * row
        parts.append(f'<text x="12" y="{y + 15}">{escape(bug)}</text>')
        for column, name in enumerate(strategies):
            parts.append(_cell(cells[name], _LEFT + _COLUMN * column, y, budget))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _cell(score: Score, x: int, y: int, budget: int) -> str:
    mean = score.mean_seeds()
    box = f'x="{x + 1}" y="{y + 1}" width="{_COLUMN - 2}" height="{_ROW - 2}" rx="3"'
    label = f'x="{x + _COLUMN // 2}" y="{y + 15}" text-anchor="middle"'
    if mean is None:
        text = f'<text {label} fill="#888">&gt; {score.seeds:,}</text>'
        return f'<rect {box} fill="#ffffff" stroke="#dddddd"/>{text}'
    ease = 1.0 - log10(max(mean, 1.0)) / log10(max(budget, 10))
    colour = "#" + "".join(
        f"{round(light + (dark - light) * ease):02x}"
        for light, dark in zip(_LIGHTEST, _DARKEST, strict=True)
    )
    ink = "#ffffff" if ease > 0.55 else "#222222"
    return f'<rect {box} fill="{colour}"/><text {label} fill="{ink}">{mean:,.0f}</text>'


def scores_markdown(scores: Sequence[Score], strategies: Sequence[str]) -> str:
    """The scoreboard as a Markdown table, with 95 % intervals."""
    lines = [
        "| bug | " + " | ".join(strategies) + " | oracles |",
        "|---|" + "---:|" * len(strategies) + "---|",
    ]
    for bug, cells in by_bug(scores).items():
        oracles = sorted({one.oracle for one in cells.values() if one.oracle})
        row = " | ".join(cell_text(cells[name]) for name in strategies)
        lines.append(f"| {bug} | {row} | {', '.join(oracles)} |")
    return "\n".join(lines) + "\n"


def cell_text(score: Score) -> str:
    """A score in a table: the mean and its interval."""
    mean = score.mean_seeds()
    if mean is None:
        return f"> {score.seeds:,}"
    low, high = score.interval()
    return f"{mean:,.0f} [{low:,.0f}, {'∞' if high is None else f'{high:,.0f}'}]"
