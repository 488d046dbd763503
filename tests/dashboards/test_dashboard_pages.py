"""The pages without a browser."""

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from synthetic_runs import write_synthetic_run, write_table

import dashboards.serve
from dashboards.load import read_runs
from dashboards.views import overview

pytestmark = pytest.mark.slow

APP = Path(dashboards.serve.__file__).parent / "app.py"
OVERVIEW = """
from pathlib import Path
from dashboards.load import read_runs
from dashboards.views import overview
overview.show(read_runs(Path({runs!r})), Path({runs!r}))
"""


def overview_of(runs_dir: Path, run: str | None = None) -> AppTest:
    app = AppTest.from_string(OVERVIEW.format(runs=str(runs_dir)), default_timeout=20)
    if run is not None:
        app.query_params["run"] = run
    app.run()
    assert not app.exception
    return app


def runs_page_of(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PRSM_RUNS_DIR", str(runs_dir))
    app = AppTest.from_file(str(APP), default_timeout=20).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    return "\n".join(str(element.proto.body) for element in app.get("html"))


def charts(app: AppTest) -> int:
    return len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart"))


def three_runs(runs_dir: Path) -> None:
    for day in (1, 3, 2):
        started = f"2026-01-0{day}T00:00:00+00:00"
        write_synthetic_run(runs_dir, f"run-{day}", seed=day, started=started)


def test_no_run_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for app in (runs_page_of(tmp_path, monkeypatch), overview_of(tmp_path / "absent")):
        assert app.code[0].value == "prsm run research_market"


def test_runs_page_lists_each_run_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_runs(tmp_path)
    write_synthetic_run(tmp_path, "bad", seed=8, failing=True, started="2025-01-01T00:00:00+00:00")
    table = runs_page_of(tmp_path, monkeypatch).dataframe[0].value
    assert list(table["run"]) == ["run-3", "run-2", "run-1", "bad"]
    last = table.iloc[3]
    assert (list(last["status"]), last["seed"], last["verdicts"]) == (["fail"], "8", "1 of 2 pass")


def test_the_newest_run_is_preselected_and_another_can_be_picked(tmp_path: Path) -> None:
    three_runs(tmp_path)
    app = overview_of(tmp_path)
    assert app.sidebar.selectbox[0].value == "run-3"
    assert "seed <b>3</b>" in texts(app)
    app.sidebar.selectbox[0].select("run-1").run()
    assert "seed <b>1</b>" in texts(app)
    assert app.query_params["run"] in ("run-1", ["run-1"])
    app.run()
    assert "seed <b>1</b>" in texts(app), "a rerun keeps the pick"


def test_a_link_opens_its_run_and_a_stale_one_says_so(tmp_path: Path) -> None:
    three_runs(tmp_path)
    assert "seed <b>2</b>" in texts(overview_of(tmp_path, "run-2"))
    stale = overview_of(tmp_path, "gone")
    assert "There is no run gone" in stale.warning[0].value
    assert "seed <b>3</b>" in texts(stale)


def break_json(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def break_format(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format":1', '"format":99'))


def break_missing(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def break_verdicts(folder: Path) -> None:
    (folder / "verdicts.json").write_text("[{]")


HARMS = {
    "bad-format": (break_format, "format 99"),
    "bad-json": (break_json, "manifest.json: broken JSON"),
    "bad-missing": (break_missing, "it has no manifest.json"),
    "bad-verdicts": (break_verdicts, "verdicts.json: broken JSON"),
}


def test_broken_folders_are_a_line_each_beside_the_good_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_synthetic_run(tmp_path, "good")
    for name, (harm, _) in HARMS.items():
        harm(write_synthetic_run(tmp_path, name, started="2027-01-01T00:00:00+00:00"))
    app = runs_page_of(tmp_path, monkeypatch)
    assert list(app.dataframe[0].value["run"]) == ["good"]
    assert len(app.warning) == len(HARMS)
    for warning, (_, says) in zip(app.warning, HARMS.values(), strict=True):
        assert says in warning.value
        assert "\n" not in warning.value
    page = overview_of(tmp_path)
    assert page.sidebar.selectbox[0].value == "good", "a broken run is not preselected"
    page.sidebar.selectbox[0].select("bad-json").run()
    assert "manifest.json: broken JSON" in page.error[0].value
    assert not page.metric


@pytest.mark.parametrize("name", ["metrics.parquet", "events.parquet"])
def test_a_truncated_table_is_one_line_and_the_manifest_still_speaks(
    tmp_path: Path, name: str
) -> None:
    file = write_synthetic_run(tmp_path, "cut") / name
    file.write_bytes(file.read_bytes()[:100])
    app = overview_of(tmp_path)
    assert len(app.error) == 1
    assert "truncated or corrupt Parquet" in app.error[0].value
    assert "\n" not in app.error[0].value
    assert app.metric[0].value == "119"
    assert len(app.table[0].value) == 2


@pytest.mark.parametrize("name", ["metrics.parquet", "events.parquet", "verdicts.json"])
def test_a_missing_file_leaves_the_rest(tmp_path: Path, name: str) -> None:
    (write_synthetic_run(tmp_path, "part") / name).unlink()
    app = overview_of(tmp_path)
    assert not app.error
    assert app.metric[0].value == "119"
    assert charts(app) == (0 if name == "metrics.parquet" else 4)


def test_every_series_and_the_small_print_are_drawn_when_asked_for(tmp_path: Path) -> None:
    write_synthetic_run(tmp_path, parameters={"replicas": 7}, counters={"QueryAsked": 3})
    app = overview_of(tmp_path)
    tables = len(app.dataframe)
    assert charts(app) == 4
    small_print, all_series = app.toggle
    small_print.set_value(True)
    all_series.set_value(True).run()
    assert charts(app) == 4 + 9
    assert "an_unknown_series" in texts(app)
    figures, parameters, _told = app.dataframe[tables:]
    assert "latency_s.mean" in list(figures.value["name"])
    assert list(parameters.value["name"]) == ["replicas"]


def test_the_header_says_what_was_run_and_how_to_replay_it(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    app = overview_of(tmp_path)
    for part in ("synthetic_market", "seed <b>7</b>", "simulated", "123,456 events", "ab" * 8):
        assert part in texts(app)
    assert app.code[0].value == f"prsm replay {folder}"
    assert "pass" in app.markdown[0].value


def test_verdicts_have_icons_and_the_first_violation(tmp_path: Path) -> None:
    write_synthetic_run(tmp_path, failing=True)
    table = overview_of(tmp_path).table[0].value
    held, failed = table.iloc[0], table.iloc[1]
    assert held["verdict"] == ":green[:material/check_circle: pass]"
    assert failed["verdict"] == ":red[:material/cancel: fail]"
    assert failed["evaluations"] == "120"
    assert failed["first violation"] == "41.500 s, event 9001: two replicas differ"


def test_contributors_are_ranked_with_their_share(tmp_path: Path) -> None:
    write_synthetic_run(tmp_path)
    app = overview_of(tmp_path)
    table = app.dataframe[0].value
    assert list(table["peer"]) == ["executor-0", "executor-1", "executor-2"]
    assert table["share"].sum() == pytest.approx(1.0)
    assert "first 3 of 3 contributors hold 100% of 7 answers" in app.caption[-1].value
    assert "coefficient 0.19" in app.caption[-1].value
    kinds = app.dataframe[1].value
    assert list(kinds["accuracy"]) == [1.0, 0.9]


def test_faults_are_named_and_scheduled_ones_are_called_so(tmp_path: Path) -> None:
    folder = write_synthetic_run(
        tmp_path, parameters={"crash_at_s": 3.0, "crash_s": 2.0}, faults={"crash": 1}
    )
    assert "Faults that struck" in texts(overview_of(tmp_path))
    assert "crash 80.0–95.0 s, replica-3" in texts(overview_of(tmp_path))
    (folder / "events.parquet").unlink()
    assert "Scheduled (no events were recorded)" in texts(overview_of(tmp_path))


def test_names_from_a_run_are_text_not_markup(tmp_path: Path) -> None:
    write_synthetic_run(tmp_path, scenario="<img src=x onerror=alert(1)>")
    assert "&lt;img" in texts(overview_of(tmp_path))
    assert "<img" not in texts(overview_of(tmp_path))


def test_a_run_of_unknown_series_shows_them(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path, metrics={})
    (folder / "metrics.parquet").unlink()
    columns = "time_s DOUBLE, name VARCHAR, value DOUBLE"
    write_table(folder / "metrics.parquet", columns, [(0.0, "odd", 1.0), (1.0, "odd", 2.0)])
    app = overview_of(tmp_path)
    assert not app.metric
    app.toggle[1].set_value(True).run()
    assert charts(app) == 1


def test_a_run_is_read_again_only_when_its_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_synthetic_run(tmp_path)
    reads, read = [], overview.read_run_data
    monkeypatch.setattr(overview, "read_run_data", lambda path: (reads.append(path), read(path))[1])
    app = overview_of(tmp_path)
    app.run()
    assert len(reads) == 1
    os.utime(folder / "manifest.json", (1, 1))
    app.run()
    assert len(reads) == 2
    metrics = folder / "metrics.parquet"
    os.utime(metrics, (2, 2))
    app.run()
    assert len(reads) == 3, "a going run grows while its manifest stands still"


def test_links_and_strangers_in_the_folder_are_no_runs(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path, "one")
    (tmp_path / "latest").symlink_to(folder)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("")
    assert [row.name for row in read_runs(tmp_path)] == ["one"]
