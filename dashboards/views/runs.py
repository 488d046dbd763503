"""The list of runs, newest first; choosing one opens its overview."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboards.load import RunRow
from dashboards.views.empty import show_no_runs
from dashboards.views.overview import PICKED
from dashboards.views.status import colour
from prsm_sim.run_folder import RunFolder


def show(found: Sequence[RunRow], runs_dir: Path, overview_page: StreamlitPage) -> None:
    """Draw the list; a broken folder is one line with its reason."""
    st.title("Runs", anchor=False)
    if not found:
        show_no_runs(runs_dir)
        return
    readable = [(row.name, row.run) for row in found if row.run is not None]
    if readable:
        st.caption(f"{len(readable)} in `{runs_dir}`, newest first. Tick a row to open it.")
        _table(readable, overview_page)
    for row in found:
        if row.run is None:
            st.warning(row.error, icon=":material/warning:")


def _table(rows: Sequence[tuple[str, RunFolder]], overview_page: StreamlitPage) -> None:
    statuses = sorted({run.manifest.status for _, run in rows})
    chosen = st.dataframe(
        [_cells(name, run) for name, run in rows],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="runs_table",
        column_config={
            "status": st.column_config.MultiselectColumn(
                options=statuses, color=[colour(status) for status in statuses]
            ),
            "events": st.column_config.NumberColumn(format="localized"),
            "world time, s": st.column_config.NumberColumn(format="%.1f"),
        },
    )
    if chosen.selection.rows:
        name = rows[chosen.selection.rows[0]][0]
        st.session_state[PICKED] = name
        st.switch_page(overview_page, query_params={"run": name})


def _cells(name: str, run: RunFolder) -> dict[str, object]:
    manifest, verdicts = run.manifest, run.verdicts
    passed = sum(verdict.status == "pass" for verdict in verdicts)
    return {
        "run": name,
        "status": [manifest.status],
        "scenario": manifest.scenario,
        "seed": str(manifest.seed),
        "world": manifest.world,
        "verdicts": f"{passed} of {len(verdicts)} pass" if verdicts else "none",
        "events": manifest.events,
        "world time, s": manifest.virtual_s,
        "started, UTC": manifest.started.replace("T", " ").removesuffix("+00:00"),
    }
