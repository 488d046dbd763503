"""Figures, series and charts: closed forms and properties, no page."""

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_runs import DURATION_S, FAULTS, METRICS, write_synthetic_run, write_table

from dashboards import look
from dashboards.charts import line_chart
from dashboards.faults import FaultBand
from dashboards.load import change, gini, rate, read_run_data, read_series, thin, told
from dashboards.views.figures import Known, compact, figures, paid
from prsm_sim.run_folder import open_run

pytestmark = pytest.mark.slow

amounts = st.lists(st.integers(0, 10**6), min_size=1, max_size=30)


def test_rate_is_the_difference_per_second() -> None:
    assert rate([(0.0, 0.0), (2.0, 10.0), (2.0, 11.0), (3.0, 14.0)]) == [(2.0, 5.0), (3.0, 3.0)]


def test_change_begins_at_nothing() -> None:
    assert change([(0.0, 5.0), (1.0, 7.0), (2.0, 4.0)]) == [(0.0, 0.0), (1.0, 2.0), (2.0, -1.0)]


def test_a_sample_before_the_first_answer_tells_nothing() -> None:
    assert told([(0.0, 0.0), (1.0, 0.5)]) == [(1.0, 0.5)]


@given(st.lists(st.floats(-1e9, 1e9), max_size=4_000))
def test_thinning_keeps_ends_extremes_and_order(values: list[float]) -> None:
    series = list(enumerate(values))
    kept = thin(series, 100)
    assert len(kept) <= max(100, 0)
    assert kept == sorted(kept, key=lambda point: point[0])
    assert set(kept) <= set(series)
    if series:
        assert (kept[0], kept[-1]) == (series[0], series[-1])
        assert min(v for _, v in kept) == min(values)
        assert max(v for _, v in kept) == max(values)


@given(amounts)
def test_gini_is_the_mean_difference_over_twice_the_mean(shares: list[int]) -> None:
    count, total = len(shares), sum(shares)
    differences = sum(abs(a - b) for a in shares for b in shares)
    expected = differences / (2 * count * total) if total else 0.0
    assert gini(shares) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (360, "360"), (5169.56, "5.17 k"), (100_000_000, "100 M"), (0.1234, "0.123")],
)
def test_large_numbers_are_short(value: float, text: str) -> None:
    assert compact(value) == text


def test_cards_show_the_reported_figures(tmp_path: Path) -> None:
    series = read_series(open_run(write_synthetic_run(tmp_path)))
    cards = {card.title: card for card in figures(Known(METRICS, series, float(DURATION_S)))}
    assert (cards["Answered"].value, cards["Answered"].remark) == ("119", "of 120 asked")
    assert cards["Latency p50"].value == "0.125 s"
    assert cards["Latency p99"].value == "1.4 s"
    assert (cards["Accuracy"].value, cards["Accuracy"].remark) == ("95.0%", "lowest kind 90.0%")
    assert (cards["Cost, FTNS"].value, cards["Cost, FTNS"].remark) == ("12.0", "1.43 k in all")
    assert (cards["Supply, FTNS"].value, cards["Supply, FTNS"].remark) == ("50 k", "unchanged")
    assert cards["Escrow, FTNS"].remark == "peak 380"


def test_a_going_run_shows_its_last_samples_and_makes_nothing_up() -> None:
    series = {"queries_answered": [(0.0, 0.0), (1.0, 4.0)], "escrow_ftns": [(0.0, 7.0)]}
    cards = {card.title: card.value for card in figures(Known({}, series, 0.0))}
    assert cards == {"Answered": "4", "Escrow, FTNS": "7"}
    assert figures(Known({}, {}, 0.0)) == []


def test_what_is_paid_is_all_but_the_clients() -> None:
    totals = {
        "balance_total_clients_ftns": [(0.0, 9.0), (1.0, 5.0)],
        "balance_total_executors_ftns": [(0.0, 0.0), (1.0, 3.0)],
        "balance_total_others_ftns": [(0.0, 0.0), (1.0, 1.0)],
    }
    assert paid(totals) == [(0.0, 0.0), (1.0, 4.0)]


def test_all_charts_reserve_the_same_room_for_their_values() -> None:
    small = line_chart({"a": [(0.0, 1.0), (9.0, 2.0)]}, (), 10.0)
    large = line_chart({"a": [(0.0, 1e8)], "b": [(1.0, 3.0)]}, (), 10.0)
    axes = [chart["layer"][-2]["encoding"]["y"]["axis"] for chart in (small, large)]
    assert {(axis["minExtent"], axis["maxExtent"]) for axis in axes} == {(52, 52)}
    assert [axis["format"] for axis in axes] == [",~f", "~s"]
    assert small["padding"] == large["padding"]


def test_labels_of_bands_that_overlap_stand_in_lanes_of_their_own() -> None:
    bands = [FaultBand("a", "", 0, 10), FaultBand("b", "", 5, 8), FaultBand("c", "", 9, 20)]
    shade = line_chart({"x": [(0.0, 1.0)]}, bands, 15.0)["layer"][0]
    rows = shade["data"]["values"]
    assert [row["lane"] for row in rows] == [0, 1, 1]
    assert [row["end_s"] for row in rows] == [10, 8, 15.0], "a shade ends with the chart"


def test_bands_share_the_time_axis_with_the_lines() -> None:
    bands = [FaultBand(*fault) for fault in FAULTS]
    chart = line_chart({"x": [(0.0, 1.0), (200.0, 2.0)]}, bands, 120.0)
    assert chart["layer"][2]["encoding"]["x"]["scale"]["domain"] == [0, 200.0]


def test_the_palette_is_that_of_okabe_and_ito() -> None:
    published = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00"}
    published.add("#CC79A7")
    used = {*look.LINES, look.ORANGE, look.SKY_BLUE, look.FAULT_FILL, look.FAULT_TEXT}
    assert used <= published


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_stand_out_from_the_background(scheme: str) -> None:
    background = look.THEME[f"theme.{scheme}.backgroundColor"]
    for colour in look.LINES:
        assert contrast(colour, background) > 2.8


def contrast(one: str, other: str) -> float:
    """Contrast of two colours as WCAG 2.2 defines it."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_million_events_are_read_in_three_seconds(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    events = folder / "events.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT n + 10 AS n, n / 9000.0 AS time_s, 'message' AS kind, "
            "'peer-' || n % 200 AS sender, 'peer-' || n % 199 AS receiver, 'Ping' AS type, "
            '\'{"type":"Ping","nonce":"\' || md5(n::VARCHAR) || \'"}\' AS payload '
            f"FROM range(1000000) AS t(n) UNION ALL FROM '{events}') "
            f"TO '{folder / 'new'}' (FORMAT parquet, COMPRESSION zstd)"
        )
    (folder / "new").rename(events)
    began_s = time.perf_counter()
    data = read_run_data(folder)
    assert time.perf_counter() - began_s < 3
    assert [band.start_s for band in data.bands] == [40.0, 80.0]


def test_series_come_by_name_in_order_of_time_without_gaps_in_value(tmp_path: Path) -> None:
    folder = write_synthetic_run(tmp_path)
    (folder / "metrics.parquet").unlink()
    rows = [(2.0, "a", 1.0), (1.0, "a", 3.0), (3.0, "a", float("nan")), (4.0, "a", None)]
    columns = "time_s DOUBLE, name VARCHAR, value DOUBLE"
    write_table(folder / "metrics.parquet", columns, rows)
    assert read_series(open_run(folder)) == {"a": [(1.0, 3.0), (2.0, 1.0)]}


def test_starting_the_server_imports_no_large_library() -> None:
    code = (
        "import sys, dashboards.serve, dashboards.charts\n"
        "large = {'streamlit', 'altair', 'pandas', 'duckdb'} & set(sys.modules)\n"
        "assert not large, large"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_attack_is_told_with_what_it_cost_and_harmed() -> None:
    attack = {"cost_ftns": 100.0, "gain_ftns": 150.0, "net_ftns": 50.0, "return": 0.5,
              "break_even_step": 7, "harm_ftns": 2_000.0}  # fmt: skip
    price = [(0.0, 0.0), (1.0, 0.25), (2.0, 0.2), (3.0, 0.3)]
    known = Known({"attack": attack, "price_usd": 0.3}, {"price_usd": price}, 3.0)
    shown = {figure.title: (figure.value, figure.remark) for figure in figures(known)}
    assert shown == {
        "Price, USD": ("0.3", "lowest 0.2"),
        "Attacker nets, FTNS": ("50", "cost 100, return +50.0%"),
        "Harm, FTNS": ("2 k", "breaks even in step 7"),
    }
    free = {**attack, "cost_ftns": 0.0, "return": None, "break_even_step": None}
    remarks = [figure.remark for figure in figures(Known({"attack": free}, {}, 3.0))]
    assert remarks == ["cost 0", "never breaks even"]
