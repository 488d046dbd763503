"""Charts of series over world time, in one palette that is legible on light and on dark.

The palette is Okabe and Ito's, made to be told apart by colour-blind readers. Text and grid are
left to Streamlit's theme, which knows whether the page is light or dark.
"""

from collections.abc import Mapping, Sequence

import altair as alt

from dashboards.load import FaultBand, Series, thin

BLUE, GREEN, ORANGE, PURPLE = "#0a7fc4", "#009e73", "#d97706", "#cc6fa4"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, "#e0a100", "#56a4d8")
FAULT = "#e8762c"
HEIGHT_PX = 230


def line_chart(
    series: Mapping[str, Series], value_title: str, bands: Sequence[FaultBand], end_s: float
) -> alt.LayerChart:
    """Lines of `series` (label → points) over time in s, with fault bands behind them."""
    rows = [
        {"time_s": time_s, "value": value, "series": label}
        for label, points in series.items()
        for time_s, value in thin(points)
    ]
    span_s = max([end_s] + [row["time_s"] for row in rows])
    time = alt.X(
        "time_s:Q",
        title="world time, s",
        scale=alt.Scale(domain=[0, span_s], nice=False),
        axis=alt.Axis(grid=False, labelFlush=True, tickCount=7),
    )
    value = alt.Y(
        "value:Q",
        title=value_title,
        scale=alt.Scale(zero=False),
        axis=alt.Axis(tickCount=5, format="~s" if _large(rows) else "~g"),
    )
    names = list(series)
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=names, range=list(COLOURS[: len(names)])),
        legend=alt.Legend(orient="top", title=None) if len(names) > 1 else None,
    )
    tooltip = [
        alt.Tooltip("series:N"),
        alt.Tooltip("time_s:Q", title="time, s", format=".2f"),
        alt.Tooltip("value:Q", title=value_title, format=",.6~g"),
    ]
    line = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=2)
        .encode(x=time, y=value, color=colour, tooltip=tooltip)
    )
    return alt.layer(*_bands(bands, span_s), line).properties(height=HEIGHT_PX)


def _large(rows: Sequence[Mapping[str, object]]) -> bool:
    return any(abs(float(str(row["value"]))) >= 10_000 for row in rows)


def _bands(bands: Sequence[FaultBand], span_s: float) -> list[alt.Chart]:
    if not bands:
        return []
    rows = [
        {
            "start_s": band.start_s,
            "end_s": max(band.end_s, band.start_s + span_s / 400),
            "kind": band.kind,
            "target": band.target,
        }
        for band in bands
        if band.start_s <= span_s
    ]
    base = alt.Chart(alt.Data(values=rows))
    shade = base.mark_rect(color=FAULT, opacity=0.17).encode(
        x="start_s:Q",
        x2="end_s:Q",
        tooltip=["kind:N", "target:N", alt.Tooltip("start_s:Q"), alt.Tooltip("end_s:Q")],
    )
    label = base.mark_text(
        color=FAULT, align="left", baseline="top", dx=4, dy=3, fontSize=11
    ).encode(x="start_s:Q", y=alt.value(0), text="kind:N")
    return [shade, label]
