"""One run at a glance: figures, series with the faults behind them, verdicts and contributors."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import streamlit as st

from dashboards.charts import line_chart
from dashboards.faults import FaultBand
from dashboards.load import (
    Fingerprint,
    RunData,
    RunRow,
    Series,
    change,
    fingerprint,
    one_line,
    rate,
    read_run_data,
    thin,
    told,
)
from dashboards.look import GREEN, LINES, PURPLE
from dashboards.views import tables
from dashboards.views.empty import show_no_runs
from dashboards.views.figures import Known, compact, figures
from dashboards.views.status import badge
from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import RunFolder

CARDS_A_ROW = 4
FAULTS_NAMED = 8
KEPT_RUNS = 32
SPARK_POINTS = 80
PICKED = "run_name"
"""Key of the session under which the name of the run that is looked at is kept."""


def show(found: Sequence[RunRow], runs_dir: Path) -> None:
    """Draw the selected run, the newest if none is."""
    if not found:
        st.title("Overview")
        show_no_runs(runs_dir)
        return
    row = _pick(found)
    if row.run is None:
        st.title("Overview")
        st.error(row.error, icon=":material/error:")
        return
    _header(row.run)
    try:
        data = _read(str(row.run.path), fingerprint(row.run.path))
    except UserError as error:
        st.error(one_line(error), icon=":material/error:")
        data = None
    _draw(row.run, data)


def _pick(found: Sequence[RunRow]) -> RunRow:
    """The run of the link, else the one looked at before, else the newest."""
    names = [row.name for row in found]
    linked = st.query_params.get("run")
    wanted = linked or st.session_state.get(PICKED)
    if linked and linked not in names:
        st.warning(f"There is no run {linked}; this is the newest.", icon=":material/warning:")
    name = st.sidebar.selectbox("Run", names, index=names.index(wanted) if wanted in names else 0)
    st.session_state[PICKED] = name
    if linked != name and (linked is None or linked in names):
        st.query_params["run"] = name
    return found[names.index(name)]


@st.cache_resource(max_entries=KEPT_RUNS, show_spinner="Reading the run …")
def _read(folder: str, state: Fingerprint) -> RunData:
    """What is drawn of a run; `state` makes it anew when its files have changed."""
    del state
    return read_run_data(Path(folder))


def _header(run: RunFolder) -> None:
    manifest = run.manifest
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title("Overview", width="content", anchor=False)
        st.markdown(badge(manifest.status), width="content")
    facts = [
        f"<b>{escape(manifest.scenario)}</b>",
        f"seed <b>{manifest.seed}</b>",
        {"sim": "simulated", "live": "live"}[manifest.world],
        f"{manifest.events:,} events",
        f"{manifest.virtual_s:,.1f} s of world time in {manifest.wall_s:,.1f} s",
    ]
    if manifest.digest:
        facts.append(f"digest <code>{escape(manifest.digest[:16])}</code>")
    spans = "".join(f"<span>{fact}</span>" for fact in facts)
    st.html(f'<div class="facts">{spans}</div>')
    if manifest.replay:
        st.code(manifest.replay, language="bash", wrap_lines=True)


def _draw(run: RunFolder, data: RunData | None) -> None:
    manifest, series = run.manifest, data.series if data else {}
    _cards(Known(manifest.metrics, series, manifest.virtual_s))
    if data:
        _faults(data)
        if series:
            _panels(series, data.bands, manifest.virtual_s)
        else:
            st.info("This run sampled no series.", icon=":material/info:")
    tables.verdicts(run)
    tables.contributions(manifest.metrics)
    # Drawn only when asked for: a closed expander would cost the browser as much as an open one.
    if st.toggle("Figures, parameters, counters and coverage"):
        tables.details(run)
    if data and series and st.toggle("All series"):
        for name in sorted(series):
            _panel(name, "", {name: series[name]}, data.bands, manifest.virtual_s, LINES)


def _cards(known: Known) -> None:
    shown = figures(known)
    for start in range(0, len(shown), CARDS_A_ROW):
        columns = st.columns(CARDS_A_ROW, gap="small")
        for column, figure in zip(columns, shown[start : start + CARDS_A_ROW], strict=False):
            column.metric(
                figure.title,
                figure.value,
                figure.remark or None,
                delta_color="blue",
                delta_arrow="off",
                border=True,
                height="stretch",
                help=figure.help or None,
                chart_data=[value for _, value in thin(figure.spark, SPARK_POINTS)] or None,
                chart_type="area",
            )


def _faults(data: RunData) -> None:
    """One line that says what the shades are."""
    if data.bands:
        scheduled = any(band.scheduled for band in data.bands)
        lead = "Scheduled (no events were recorded)" if scheduled else "Faults that struck"
        parts = [f"<span><i></i>{_in_words(band)}</span>" for band in data.bands[:FAULTS_NAMED]]
        if len(data.bands) > FAULTS_NAMED:
            parts.append(f"<span>and {len(data.bands) - FAULTS_NAMED} more</span>")
        st.html(f'<div class="facts"><span>{lead}:</span>{"".join(parts)}</div>')
    if data.note:
        st.caption(data.note)


def _in_words(band: FaultBand) -> str:
    target = f", {escape(band.target)}" if band.target else ""
    return f"{escape(band.kind)} {band.start_s:,.1f}–{band.end_s:,.1f} s{target}"


def _panels(series: Mapping[str, Series], bands: Sequence[FaultBand], end_s: float) -> None:
    def pick(wanted: Mapping[str, str]) -> dict[str, Series]:
        return {label: series[name] for name, label in wanted.items() if series.get(name)}

    queries = pick({"queries_answered": "answered", "queries_asked": "asked"})
    latency = pick({"latency_p50_s": "p50", "latency_p99_s": "p99"})
    roles = pick({n: _role(n) for n in sorted(series) if n.startswith("balance_total_")})
    escrow = pick({"escrow_ftns": "in escrow"})
    price, fee = pick({"price_usd": "price"}), pick({"fee_ftns": "price"})
    ends = {label: f"{label} {compact(points[-1][1])}" for label, points in roles.items()}
    panels = (
        ("Queries", "per second", {k: rate(v) for k, v in queries.items()}, LINES),
        ("Latency of recent answers", "s", {k: told(v) for k, v in latency.items()}, LINES),
        ("Balances by role", "change in FTNS; total at the end",
         {ends[k]: change(v) for k, v in roles.items()}, LINES),
        ("Escrow", "FTNS held for open queries", escrow, (PURPLE, GREEN)),
        ("Price of FTNS", "USD", {k: told(v) for k, v in price.items()}, LINES),
        ("Price of a query", "FTNS", {k: told(v) for k, v in fee.items()}, LINES),
        ("Queries of a step", "", pick({"asked": "asked", "unserved": "unserved"}), LINES),
        ("Staked", "FTNS", pick({"staked_ftns": "staked"}), (PURPLE, GREEN)),
    )  # fmt: skip
    shown = [panel for panel in panels if any(panel[2].values())]
    for start in range(0, len(shown), 2):
        columns = st.columns(2, gap="medium")
        for column, (title, unit, lines, colours) in zip(
            columns, shown[start : start + 2], strict=False
        ):
            with column:
                _panel(title, unit, lines, bands, end_s, colours)


def _role(name: str) -> str:
    return name.removeprefix("balance_total_").removesuffix("_ftns").replace("_", " ")


def _panel(
    title: str,
    unit: str,
    lines: Mapping[str, Series],
    bands: Sequence[FaultBand],
    end_s: float,
    colours: Sequence[str],
) -> None:
    """A heading with the legend, and the chart below it."""
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{escape(label)}</span>'
        for label, colour in zip(lines, colours, strict=False)
    )
    heading = f"<div><b>{escape(title)}</b><small>{escape(unit)}</small></div>"
    with st.container(gap=None):
        st.html(f'<div class="panel">{heading}<div>{legend}</div></div>')
        st.vega_lite_chart(line_chart(lines, bands, end_s, colours), width="stretch")
