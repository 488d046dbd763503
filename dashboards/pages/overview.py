"""One run at a glance: figures, series with the faults behind them, and verdicts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from dashboards.charts import line_chart
from dashboards.load import (
    FaultBand,
    RunRow,
    Series,
    rate,
    read_fault_bands,
    read_series,
    thin,
)
from dashboards.pages.empty import show_no_runs
from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import RunFolder

STATUS = {
    "pass": ("green", "check_circle"),
    "fail": ("red", "cancel"),
    "running": ("blue", "progress_activity"),
}
KPIS = (
    ("throughput", "Answered, queries/s", 2),
    ("latency_p50_s", "Latency p50, s", 3),
    ("latency_p99_s", "Latency p99, s", 3),
    ("committed_operations", "Committed operations", 0),
    ("escrow_ftns", "In escrow, FTNS", 0),
    ("supply_ftns", "Supply, FTNS", 0),
)
PANELS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("Queries answered", "queries per second", {"throughput": "answered"}),
    ("Latency", "latency, s", {"latency_p50_s": "p50", "latency_p99_s": "p99"}),
    (
        "Balances",
        "FTNS",
        {"balance_total_clients_ftns": "clients", "balance_total_executors_ftns": "executors"},
    ),
    ("Escrow", "FTNS", {"escrow_ftns": "escrow"}),
)


def show(found: Sequence[RunRow], runs_dir: Path) -> None:
    """Draw the selected run, the newest if none is."""
    st.title("Overview")
    if not found:
        show_no_runs(runs_dir)
        return
    names = [row.name for row in found]
    wanted = st.session_state.get("run_name")
    name = st.sidebar.selectbox("Run", names, index=names.index(wanted) if wanted in names else 0)
    st.session_state["run_name"] = name
    row = found[names.index(name)]
    if row.run is None:
        st.error(row.error, icon=":material/error:")
        return
    try:
        series, bands = read_series(row.run), read_fault_bands(row.run)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    _header(row.run)
    _draw(row.run, series, bands)


def _header(run: RunFolder) -> None:
    manifest = run.manifest
    colour, icon = STATUS.get(manifest.status, ("orange", "help"))
    st.markdown(
        f":{colour}-badge[:material/{icon}: {manifest.status}] &nbsp; `{manifest.scenario}` · "
        f"seed **{manifest.seed}** · {manifest.world} · {manifest.events:,} events · "
        f"{manifest.virtual_s:,.1f} s of world time"
    )
    if manifest.digest:
        st.sidebar.caption(f"digest `{manifest.digest[:16]}`")


def _draw(run: RunFolder, series: dict[str, Series], bands: Sequence[FaultBand]) -> None:
    if "queries_answered" in series:
        series = {**series, "throughput": rate(series["queries_answered"])}
    if series:
        _kpis(series)
        _panels(series, bands, run.manifest.virtual_s)
    else:
        st.info(
            "This run sampled no series. Scenarios sample them with a metric each second.",
            icon=":material/info:",
        )
    _verdicts(run)
    if run.manifest.metrics:
        with st.expander("Final figures", icon=":material/table_chart:"):
            st.table({key: str(value) for key, value in run.manifest.metrics.items()})
    with st.expander("All series", icon=":material/show_chart:"):
        for name in sorted(series):
            chart = line_chart({name: series[name]}, name, bands, run.manifest.virtual_s)
            st.altair_chart(chart, width="stretch")


def _kpis(series: Mapping[str, Series]) -> None:
    shown = [(title, places, series[key]) for key, title, places in KPIS if series.get(key)]
    if not shown:
        return
    for column, (title, places, points) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(
            title,
            f"{points[-1][1]:,.{places}f}",
            border=True,
            chart_data=[value for _, value in thin(points, 60)],
            chart_type="area",
        )


def _panels(series: Mapping[str, Series], bands: Sequence[FaultBand], end_s: float) -> None:
    panels = []
    for title, unit, wanted in PANELS:
        chosen = {label: series[key] for key, label in wanted.items() if series.get(key)}
        if chosen:
            panels.append((title, unit, chosen))
    for start in range(0, len(panels), 2):
        pair = panels[start : start + 2]
        for column, (title, unit, chosen) in zip(st.columns(2, gap="medium"), pair, strict=False):
            column.markdown(f"**{title}**")
            column.altair_chart(line_chart(chosen, unit, bands, end_s), width="stretch")


def _verdicts(run: RunFolder) -> None:
    st.subheader("Verdicts")
    if not run.verdicts:
        st.info("No verdict: the run has not ended, or has no checker.", icon=":material/info:")
        return
    st.dataframe(
        [
            {
                "check": verdict.name,
                "verdict": verdict.status,
                "evaluations": verdict.evaluations,
                "first violation": "—"
                if verdict.time_s is None
                else f"{verdict.time_s:.3f} s, event {verdict.event}",
                "detail": verdict.detail or "—",
            }
            for verdict in run.verdicts
        ],
        hide_index=True,
        width="stretch",
    )
