"""The node: one scenario, put together and run live, to its end or until Ctrl-C."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from live.node import run_live
from live.world import Live
from prsm_sim.actor import Actor, Context, Fact, InvariantViolation, Message, PeerId, UserError, on
from prsm_sim.checker import Settled
from prsm_sim.scenario import ScenarioParameters, scenario
from prsm_sim.world import World

pytestmark = pytest.mark.slow


class Ball(Message, frozen=True):
    n: int


class Served(Fact, frozen=True):
    n: int


class Returned(Fact, frozen=True):
    n: int


class Player(Actor):
    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        self.rounds = int(recovered or b"0")
        if ctx.id == "left":
            ctx.set_timer("serve", 0.02)

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.emit(Served(0))
        ctx.send("right", Ball(0))

    @on(Ball)
    def hit(self, ctx: Context, sender: PeerId, message: Ball) -> None:
        self.rounds += 1
        ctx.store.put("state", str(self.rounds).encode())
        ctx.store.sync()
        if ctx.id == "left":
            ctx.emit(Returned(message.n))
            ctx.emit(Served(message.n + 1))
        ctx.send(sender, Ball(message.n + (ctx.id == "left")))


class Rally(ScenarioParameters):
    duration_s: float = 0.4
    sample_s: float = 0.1
    settled: bool = False


@scenario(Rally)
def rally(world: World, parameters: Rally) -> None:
    """Two players."""
    assert world.kind == "live"
    for name in ("left", "right"):
        world.spawn(name, Player)
    world.gauge("served", lambda: world.observatory.counters["Served"])
    world.at_end(lambda: world.report("rounds", world.observatory.counters["Returned"]))
    grace_s = 0.0 if parameters.settled else 10.0
    opened, closed = (Served, lambda f: f.n), ((Returned, lambda f: f.n),)
    world.check(Settled("returned", opened, closed, grace_s=grace_s))  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", ["inprocess", "mqtt"])
def test_a_scenario_runs_live_to_its_end(transport: str) -> None:
    progress: list[tuple[float, int]] = []
    begun: list[Live] = []
    world = run_live(
        rally,
        Rally(),
        7,
        transport=transport,
        progress=lambda time_s, events: progress.append((time_s, events)),
        begin=begun.append,
    )
    assert begun == [world]
    assert 0.4 <= world.now < 2.0
    rounds = world.observatory.metrics["rounds"]
    assert isinstance(rounds, int)
    assert rounds > 10
    assert world.events >= 2 * rounds
    (verdict,) = world.observatory.verdicts()
    assert (verdict.status, verdict.evaluations >= rounds) == ("pass", True)
    samples = [value for _, name, value in world.observatory.series if name == "served"]
    assert samples == sorted(samples)
    assert len(samples) >= 4
    assert len(progress) >= 3


def test_the_run_is_judged_as_a_whole() -> None:
    with pytest.raises(InvariantViolation, match="never closed"):
        run_live(rally, Rally(settled=True), 7, transport="inprocess")
    world = run_live(rally, Rally(settled=True), 7, transport="inprocess", judge=False)
    assert "rounds" not in world.observatory.metrics


def test_a_store_folder_outlives_the_run(tmp_path: Path) -> None:
    first = run_live(rally, Rally(), 7, transport="inprocess", store=tmp_path)
    second = run_live(rally, Rally(), 7, transport="inprocess", store=tmp_path)
    left = second.actor("left")
    assert isinstance(left, Player)
    played = sum(world.observatory.counters["Returned"] for world in (first, second))
    assert left.rounds == played


@pytest.mark.parametrize(
    ("transport", "broker", "says"),
    [
        ("pigeon", None, "mqtt, inprocess"),
        ("inprocess", "mqtt://host", "--broker"),
        ("mqtt", "mqtt://127.0.0.1:1", "127.0.0.1:1"),
        ("mqtt", "host", "mqtt://host:port"),
    ],
)
def test_a_mistake_is_one_clear_line(transport: str, broker: str | None, says: str) -> None:
    with pytest.raises(UserError) as error:
        run_live(rally, Rally(), 7, transport=transport, broker=broker)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


ENDLESS = """
    from live.node import run_live
    from tests.live.test_node import Rally, rally
    world = run_live(
        rally, Rally(duration_s=60, sample_s=0.05), 7, transport="{transport}",
        progress=lambda time_s, events: print(events, flush=True),
    )
    watched = world.observatory
    print("ended", world.stopped, watched.metrics["rounds"], len(watched.series))
"""


@pytest.mark.parametrize("transport", ["inprocess", "mqtt"])
def test_ctrl_c_ends_the_run_and_keeps_what_was_measured(transport: str) -> None:
    code = textwrap.dedent(ENDLESS.format(transport=transport))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert err == ""
    last = out.splitlines()[-1].split()
    assert last[:2] == ["ended", "interrupted"]
    assert int(last[2]) > 0
    assert int(last[3]) >= 4
