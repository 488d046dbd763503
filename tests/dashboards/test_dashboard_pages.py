"""The pages without a browser, and what they read."""

import socket
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from synthetic_runs import DURATION_S, write_synthetic_run, write_table

import dashboards.serve
from dashboards.load import FaultBand, rate, read_fault_bands, read_series, thin
from prsm_sim.actor.errors import UserError
from prsm_sim.run_folder import open_run

APP = Path(dashboards.serve.__file__).parent / "app.py"
OVERVIEW = """
from pathlib import Path
from dashboards.load import read_runs
from dashboards.pages import overview
overview.show(read_runs(Path({runs!r})), Path({runs!r}))
"""


def overview_of(runs_dir: Path) -> AppTest:
    app = AppTest.from_string(OVERVIEW.format(runs=str(runs_dir)), default_timeout=20).run()
    assert not app.exception
    return app


def runs_page_of(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PRSM_RUNS_DIR", str(runs_dir))
    app = AppTest.from_file(str(APP), default_timeout=20).run()
    assert not app.exception
    return app


def test_no_run_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for app in (runs_page_of(tmp_path, monkeypatch), overview_of(tmp_path)):
        assert app.code[0].value == "prsm run research_market"


def test_runs_page_lists_each_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_synthetic_run(tmp_path, "one", seed=7)
    write_synthetic_run(tmp_path, "two", seed=8, failing=True)
    table = runs_page_of(tmp_path, monkeypatch).dataframe[0].value
    rows = {row["run"]: row for _, row in table.iterrows()}
    assert rows["one"]["verdicts"] == "2 of 2 pass"
    assert rows["two"]["status"] == "fail"
    assert (rows["two"]["seed"], rows["two"]["verdicts"]) == ("8", "1 of 2 pass")


def test_a_broken_folder_is_one_line_beside_the_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_synthetic_run(tmp_path, "good")
    (write_synthetic_run(tmp_path, "bad") / "manifest.json").write_text("{")
    app = runs_page_of(tmp_path, monkeypatch)
    assert [row["run"] for _, row in app.dataframe[0].value.iterrows()] == ["good"]
    assert len(app.warning) == 1
    assert "manifest.json: broken JSON" in app.warning[0].value


@pytest.mark.parametrize("name", ["metrics.parquet", "events.parquet"])
def test_a_truncated_table_is_one_line(tmp_path: Path, name: str) -> None:
    file = write_synthetic_run(tmp_path, "cut") / name
    file.write_bytes(file.read_bytes()[:100])
    app = overview_of(tmp_path)
    assert len(app.error) == 1
    assert "truncated or corrupt Parquet" in app.error[0].value
    assert "\n" not in app.error[0].value


def test_overview_shows_figures_and_the_first_violation(tmp_path: Path) -> None:
    write_synthetic_run(tmp_path, failing=True)
    app = overview_of(tmp_path)
    assert [metric.label for metric in app.metric][:2] == ["Answered, queries/s", "Latency p50, s"]
    failed = app.dataframe[0].value.iloc[1]
    assert (failed["check"], failed["evaluations"]) == ("agreement", 120)
    assert failed["first violation"] == "41.500 s, event 9001"


def test_overview_shows_a_run_of_unknown_series_only(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    (folder / "metrics.parquet").unlink()
    columns = "time_s DOUBLE, name VARCHAR, value DOUBLE"
    write_table(folder / "metrics.parquet", columns, [(0.0, "odd", 1.0), (1.0, "odd", 2.0)])
    app = overview_of(tmp_path)
    assert not app.metric
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 1


def test_fault_bands_are_what_struck_and_healed(tmp_path: Path) -> None:
    run = open_run(write_synthetic_run(tmp_path))
    assert read_fault_bands(run) == [
        FaultBand("partition", "a | b", 40.0, 50.0),
        FaultBand("crash", "replica-3", 80.0, 95.0),
    ]


def test_an_unhealed_fault_lasts_to_the_end(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    (folder / "events.parquet").unlink()
    (folder / "events.ndjson").write_text(
        '{"n":0,"time_s":5.0,"kind":"fact","sender":"","receiver":"","type":"FaultStruck",'
        '"payload":{"kind":"crash","target":"a"}}\n'
    )
    expected = [FaultBand("crash", "a", 5.0, float(DURATION_S))]
    assert read_fault_bands(open_run(folder)) == expected


def test_rate_is_the_difference_per_second() -> None:
    assert rate([(0.0, 0.0), (2.0, 10.0), (2.0, 11.0), (3.0, 14.0)]) == [(2.0, 5.0), (3.0, 3.0)]


def test_thinning_keeps_the_only_spike() -> None:
    series = [(float(t), 100.0 if t == 4_321 else 0.0) for t in range(10_000)]
    assert len(thin(series)) <= 600
    assert (4_321.0, 100.0) in thin(series)


def test_series_come_by_name_in_order_of_time(tmp_path: Path) -> None:
    series = read_series(open_run(write_synthetic_run(tmp_path)))
    assert [t for t, _ in series["supply_ftns"]] == [float(t) for t in range(DURATION_S + 1)]


def test_a_taken_port_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert dashboards.serve.choose_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_it_listens_on_loopback_only_and_sends_no_statistics() -> None:
    flags = dashboards.serve.command(8501, headless=True)
    assert "--server.address=127.0.0.1" in flags
    assert "--browser.gatherUsageStats=false" in flags


def test_missing_streamlit_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"prsm-sim\[dashboard\]"):
        dashboards.serve.serve(Path("runs"))
