"""The dashboard's entry: navigation, and the runs that the pages look at.

`dashboards.serve.serve` starts it with the folder of runs in ``PRSM_RUNS_DIR``. Each page is a
function of the run folders; nothing is computed here and nothing is kept but the selected name.
"""

import os
from pathlib import Path

import streamlit as st

from dashboards.load import read_runs
from dashboards.look import STYLE
from dashboards.views import overview, runs

FAVICON = Path(__file__).parent / "favicon.svg"


def main() -> None:
    """Draw the page that is navigated to."""
    st.set_page_config(page_title="PRSM sim", page_icon=str(FAVICON), layout="wide")
    st.html(STYLE)
    runs_dir = Path(os.environ.get("PRSM_RUNS_DIR", "runs"))
    found = read_runs(runs_dir)

    def show_runs() -> None:
        runs.show(found, runs_dir, overview_page)

    def show_overview() -> None:
        overview.show(found, runs_dir)

    overview_page = st.Page(
        show_overview, title="Overview", icon=":material/dashboard:", url_path="overview"
    )
    runs_page = st.Page(show_runs, title="Runs", icon=":material/list:", default=True)
    st.navigation({"Run": [runs_page, overview_page]}).run()


main()
