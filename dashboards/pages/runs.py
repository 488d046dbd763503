"""The list of runs, newest first; choosing one opens its overview."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboards.load import RunRow
from dashboards.pages.empty import show_no_runs


def show(found: Sequence[RunRow], runs_dir: Path, overview_page: StreamlitPage) -> None:
    """Draw the list; a broken folder is one line with its reason."""
    st.title("Runs")
    if not found:
        show_no_runs(runs_dir)
        return
    readable = [row for row in found if row.run is not None]
    broken = [row for row in found if row.run is None]
    if readable:
        st.caption(f"{len(readable)} in `{runs_dir}`, newest first. Select a row to open it.")
        _table(readable, overview_page)
    for row in broken:
        st.warning(row.error, icon=":material/warning:")


def _table(rows: Sequence[RunRow], overview_page: StreamlitPage) -> None:
    chosen = st.dataframe(
        [_cells(row) for row in rows],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="runs_table",
        column_config={
            "events": st.column_config.NumberColumn(format="localized"),
            "world time, s": st.column_config.NumberColumn(format="%.1f"),
        },
    )
    if chosen.selection.rows:
        st.session_state["run_name"] = rows[chosen.selection.rows[0]].name
        st.switch_page(overview_page)


def _cells(row: RunRow) -> dict[str, object]:
    assert row.run is not None
    manifest, verdicts = row.run.manifest, row.run.verdicts
    passed = sum(verdict.status == "pass" for verdict in verdicts)
    return {
        "run": row.name,
        "scenario": manifest.scenario,
        "seed": str(manifest.seed),
        "world": manifest.world,
        "status": manifest.status,
        "verdicts": f"{passed} of {len(verdicts)} pass" if verdicts else "none",
        "events": manifest.events,
        "world time, s": manifest.virtual_s,
        "started, UTC": manifest.started.replace("T", " ").removesuffix("+00:00"),
    }
