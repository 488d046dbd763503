"""Charts of series over world time, as Vega-Lite specifications.

They are plain values: nothing but Streamlit's own script in the browser draws them. Text and grid
are left to Streamlit's theme, which knows whether the page is light or dark. Every chart reserves
the same width for its value axis and keeps its legend outside, so that neighbours line up and a
moment in one stands above the same moment in the next.
"""

from collections.abc import Mapping, Sequence

from dashboards.faults import FaultBand
from dashboards.load import Series, thin
from dashboards.look import FAULT_FILL, FAULT_TEXT, LINES

HEIGHT_PX = 215
AXIS_PX = 52
LETTER_PX = 6.5
LANE_PX = 13

Spec = dict[str, object]


def line_chart(
    series: Mapping[str, Series],
    bands: Sequence[FaultBand],
    end_s: float,
    colours: Sequence[str] = LINES,
) -> Spec:
    """Lines of `series` (label → points) over time in s, with fault bands behind them."""
    points = [
        (time_s, value, label) for label, all_ in series.items() for time_s, value in thin(all_)
    ]
    span_s = max([end_s, *(time_s for time_s, _, _ in points)])
    labels = list(series)
    lanes = max(_lanes(bands), default=-1) + 1
    largest = max((abs(value) for _, value, _ in points), default=0.0)
    encoding: Spec = {
        "x": _time(span_s),
        "y": _value("~s" if largest >= 10_000 else ",~f"),
        "color": {
            "field": "series",
            "type": "nominal",
            "legend": None,
            "scale": {"domain": labels, "range": list(colours[: len(labels)])},
        },
    }
    line: Spec = {"mark": {"type": "line", "strokeWidth": 1.9}, "encoding": encoding}
    return {
        "height": HEIGHT_PX,
        "data": {"values": [{"time_s": t, "value": v, "series": s} for t, v, s in points]},
        "layer": [*_bands(bands, span_s), line, _hover(encoding)],
        "padding": {"left": 0, "right": 8, "top": 4 + LANE_PX * min(lanes, 3), "bottom": 0},
        "autosize": {"type": "fit", "contains": "padding"},
        "config": {"view": {"stroke": None}},
    }


def _time(span_s: float) -> Spec:
    return {
        "field": "time_s",
        "type": "quantitative",
        "scale": {"domain": [0, span_s], "nice": False},
        "axis": {
            "title": "world time, s",
            "titleFontWeight": "normal",
            "titlePadding": 2,
            "grid": False,
            "labelFlush": True,
            "tickCount": 7,
        },
    }


def _value(number_format: str) -> Spec:
    return {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {
            "title": None,
            "tickCount": 5,
            "format": number_format,
            "labelPadding": 6,
            "labelLimit": AXIS_PX - 6,
            "minExtent": AXIS_PX,
            "maxExtent": AXIS_PX,
        },
    }


def _hover(encoding: Spec) -> Spec:
    """A point and its figures, shown where the pointer is nearest."""
    return {
        "mark": {"type": "point", "filled": True, "size": 55},
        "params": [
            {
                "name": "hover",
                "select": {"type": "point", "on": "pointerover", "nearest": True},
            }
        ],
        "encoding": {
            **encoding,
            "opacity": {"condition": {"param": "hover", "empty": False, "value": 1}, "value": 0},
            "tooltip": [
                {"field": "series", "type": "nominal", "title": "series"},
                {"field": "time_s", "type": "quantitative", "title": "time, s", "format": ".2f"},
                {"field": "value", "type": "quantitative", "title": "value", "format": ",.6~g"},
            ],
        },
    }


def _bands(bands: Sequence[FaultBand], span_s: float) -> list[Spec]:
    """Shades, and labels above them that show only where the band is wide enough."""
    rows = [
        {
            "start_s": band.start_s,
            "end_s": max(min(band.end_s, span_s), band.start_s + span_s / 400),
            "label": band.label,
            "lane": lane,
        }
        for band, lane in zip(bands, _lanes(bands), strict=True)
        if band.start_s <= span_s
    ]
    if not rows:
        return []
    start: Spec = {"field": "start_s", "type": "quantitative"}
    width = "scale('x', datum.end_s) - scale('x', datum.start_s)"
    shade: Spec = {
        "data": {"values": rows},
        "mark": {"type": "rect", "color": FAULT_FILL, "opacity": 0.2},
        "encoding": {"x": start, "x2": {"field": "end_s"}},
    }
    label: Spec = {
        "data": {"values": rows},
        "mark": {
            "type": "text",
            "color": FAULT_TEXT,
            "align": "left",
            "baseline": "bottom",
            "fontSize": 11,
            "dy": {"expr": f"-2 - {LANE_PX} * datum.lane"},
            "opacity": {"expr": f"{width} > {LETTER_PX} * length(datum.label) ? 1 : 0"},
        },
        "encoding": {"x": start, "y": {"value": 0}, "text": {"field": "label", "type": "nominal"}},
    }
    return [shade, label]


def _lanes(bands: Sequence[FaultBand]) -> list[int]:
    """A line for each band's label, so that labels of bands that overlap do not."""
    ends_s: list[float] = []
    lanes = []
    for band in bands:
        free = next((i for i, end_s in enumerate(ends_s) if end_s <= band.start_s), len(ends_s))
        ends_s[free : free + 1] = [band.end_s]
        lanes.append(free)
    return lanes
