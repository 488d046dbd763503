"""The line that tells how far work is: rewritten on a terminal, now and then in a log."""

import sys
import time

import pytest

from prsm_sim.cli.long_work import Line
from prsm_sim.cli.output import ProgressLine


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time, "monotonic", found)
    return found


def be_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """What stderr is from here on; it is another one before the test has begun."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))


def shown(line: Line, clock: Clock, seconds: float, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed if ten texts are offered a second."""
    for step in range(round(seconds * 10)):
        clock.now_s = 1000.0 + step / 10 + 0.001 * step
        line.show(f"{step}")
    return capsys.readouterr().err


def test_on_a_terminal_one_line_is_rewritten_and_wiped(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be_a_terminal(monkeypatch, 10)
    line = Line(None)
    line.show("a long text that does not fit")
    line.show("too early")
    clock.now_s += 0.2
    line.show("short")
    line.close()
    line.close()
    assert capsys.readouterr().err == "\ra long te" + "\rshort    " + "\r     \r"


def test_in_a_log_there_is_a_line_now_and_then_and_only_if_asked_for(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(Line(True), clock, 3.0, capsys) == "0\n10\n20\n"
    assert shown(Line(None), clock, 3.0, capsys) == ""
    assert shown(Line(False), clock, 3.0, capsys) == ""


def test_a_run_tells_its_share_and_its_rate(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be_a_terminal(monkeypatch, 100)
    line = ProgressLine(40.0)
    clock.now_s += 2.0
    line(10.0, 5_000)
    line(11.0, 6_000)
    line.close()
    text, wiped = capsys.readouterr().err.removeprefix("\r").split("\r", 1)
    assert text == " 25%  virtual 10.0 of 40.0 s  5,000 events  2,500/s"
    assert wiped == " " * len(text) + "\r"
    quiet = ProgressLine(40.0, False)
    quiet(10.0, 5_000)
    quiet.close()
    assert capsys.readouterr().err == ""
