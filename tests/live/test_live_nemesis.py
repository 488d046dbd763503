"""Faults in the live world: which kinds there are, and whom they strike."""

import asyncio

import pytest

from live.faulty import Faulty
from live.inprocess import InProcess
from live.world import Live
from prsm_sim.actor import Actor, UserError
from prsm_sim.chance import Stream
from prsm_sim.faults import Fault, Loss, Partition
from prsm_sim.schedule import KINDS, parse_schedule

PEERS = ("a", "b", "c")
LIVE = ("partition a | b for 1 s", "loss 0.5 for 1 s", "crash a for 1 s", "pause a for 1 s")
SIMULATED = (
    "one-way from a for 1 s", "delay 1 s for 1 s", "duplication 0.5 for 1 s",
    "reordering 0.5 for 1 s", "corruption 0.5 for 1 s", "clog for 1 s",
    "throttle 10 bytes/s for 1 s", "slow a by 1 s for 1 s", "clock-skew a by 1 s for 1 s",
    "clock-drift a rate 2 for 1 s", "lying-disk a", "torn-writes a", "bit-rot a",
    "churn a for 1 s", "eclipse a for 1 s", "sybil like a count 1", "byzantine a withhold",
)  # fmt: skip


def scheduled(line: str) -> Live:
    world = Live(0)
    for name in PEERS:
        world.spawn(name, Actor)
    world.schedule(*parse_schedule(line, PEERS))
    return world


def test_every_kind_is_either_live_or_not() -> None:
    words = {line.split()[0].replace("-", "_") for line in (*LIVE, *SIMULATED)}
    assert words == set(KINDS)


@pytest.mark.parametrize("line", LIVE)
def test_some_kinds_strike_live(line: str) -> None:
    world = scheduled(f"at 0 s {line}")
    asyncio.run(world.run(0.05))
    assert world.observatory.faults_struck == {line.split()[0]: 1}


@pytest.mark.parametrize(
    "line",
    [
        *(f"at 0 s {line}" for line in SIMULATED),
        "message 0 from a to b dropped",
        "message 0 from a to b delayed 1 s",
        "message 0 from a to b duplicated after 1 s",
    ],
)
def test_the_others_are_refused_with_those_that_work(line: str) -> None:
    with pytest.raises(UserError, match="in the simulator only; live there are partition, loss"):
        asyncio.run(scheduled(line).run(0.05))


def test_no_live_store_is_deleted() -> None:
    with pytest.raises(UserError, match="asks for amnesia, and live no store is deleted"):
        asyncio.run(scheduled("at 0 s crash a with-amnesia for 1 s").run(0.05))


def passing(fault: Fault) -> set[str]:
    """The links on which anything passes while a fault holds, and all of them after it."""
    faulty = Faulty(InProcess(), Stream(0, "loss"))
    heal = faulty.separate(fault) if isinstance(fault, Partition) else None
    if isinstance(fault, Loss):
        heal = faulty.lose(fault)
    links = [(one, other) for one in PEERS for other in PEERS if one != other]
    during = {one + other for one, other in links if faulty.passes(one, other)}
    assert heal is not None
    heal()
    assert all(faulty.passes(one, other) for one, other in links)
    return during


def test_live_faults_strike_the_links_that_they_name() -> None:
    bridge, loss = parse_schedule(
        "at 0 s partition a b | b c for 1 s\nat 0 s loss 1 from a to b for 1 s", PEERS
    )
    assert passing(bridge) == {"ab", "ba", "bc", "cb"}
    assert passing(loss) == {"ac", "ba", "bc", "ca", "cb"}
