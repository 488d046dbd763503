"""What every page shows when there is nothing to show: what to do next."""

from pathlib import Path

import streamlit as st


def show_no_runs(runs_dir: Path) -> None:
    """Say that `runs_dir` holds no run, and the command that makes one."""
    st.info(f"No run yet in `{runs_dir}`. Make one:", icon=":material/info:")
    st.code("prsm run research_market", language="bash")
