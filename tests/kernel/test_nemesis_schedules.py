"""Every kind of fault strikes, is counted and heals; random schedules of them break no world."""

import math
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prsm_sim.actor import Context, UserError
from prsm_sim.faults import (
    Crash,
    Fault,
    FaultHealed,
    FaultStruck,
    Partition,
    TornWrites,
    peers_of,
    target_of,
)
from prsm_sim.nemesis import EFFECT
from prsm_sim.schedule import parse_schedule
from tests.kernel.nemesis_parts import ALL_LINKS, NAMES, Pinger, World
from tests.kernel.nemesis_strategies import KINDS, faults, strategies

EXAMPLES = parse_schedule(
    """
    at 1.05 s partition a b | c d e for 1 s
    at 1.05 s one-way from a for 1 s
    at 1.05 s loss 0.5 for 1 s
    at 1.05 s delay 0.3 s for 1 s
    at 1.05 s duplication 0.5 for 1 s
    at 1.05 s reordering 0.5 for 1 s
    at 1.05 s corruption 0.5 for 1 s
    at 1.05 s clog for 1 s
    at 1.05 s throttle 1000 bytes/s for 1 s
    at 1.05 s crash a for 1 s
    at 1.05 s pause a for 1 s
    at 1.05 s slow a by 0.05 s for 1 s
    at 1.05 s clock-skew a by -100 s for 1 s
    at 1.05 s clock-drift a rate 1.5 for 1 s
    at 1.05 s lying-disk a for 1 s
    at 1.05 s torn-writes a for 1 s
    at 1.05 s bit-rot a
    at 1.05 s churn a b c d e up 0.5 s down 0.5 s for 1 s
    at 1.05 s eclipse a attackers b for 1 s
    at 1.05 s sybil like a count 2 for 1 s
    message 20 from a to b dropped
    message 20 from a to b delayed 0.5 s
    message 20 from a to b duplicated after 0.5 s
    at 1.05 s byzantine a withhold for 1 s
    """,
    NAMES,
)


class Watcher(Pinger):
    """A pinger that also looks at its wall clock."""

    def on_timer(self, ctx: Context, name: str) -> None:
        assert math.isfinite(ctx.wall)
        super().on_timer(ctx, name)


def told(world: World) -> list[tuple[float, str, str, str]]:
    """Every strike and healing of a world, filled in while it runs."""
    facts: list[tuple[float, str, str, str]] = []
    for fact_type in (FaultStruck, FaultHealed):
        world.sim.observe(
            fact_type,
            lambda t, _, f: facts.append((t, type(f).__name__, f.kind, f.target)),  # type: ignore[attr-defined]
        )
    return facts


def test_there_is_an_example_and_a_strategy_of_every_kind() -> None:
    assert {fault.kind for fault in EXAMPLES} == set(KINDS)
    assert set(strategies(NAMES)) == set(KINDS) - {"byzantine"}


@pytest.mark.parametrize("fault", EXAMPLES, ids=lambda fault: fault.kind)
def test_every_kind_strikes_has_an_effect_and_heals(fault: Fault) -> None:
    # Torn writes need a crash to show; the crash is in both worlds.
    crash = [Crash(at_s=1.55, peer="a", for_s=0.1)] * isinstance(fault, TornWrites)
    whole = World(*crash, actor=Watcher)
    struck = World(*crash, fault, actor=Watcher)
    facts = told(struck)
    whole.run(5.0)
    struck.run(5.0)
    others = Counter({"crash": len(crash)})
    assert struck.sim.observatory.faults_struck - others == {fault.kind: struck.struck(fault.kind)}
    assert struck.struck(fault.kind) >= 1
    assert struck.effects(fault.kind) >= 1 or fault.kind == "byzantine"
    assert fault.kind == "byzantine" or struck.sim.nemesis.without_effect() == []
    assert struck.sim.digest != whole.sim.digest
    of_kind = [row for row in facts if row[2] == fault.kind]
    assert of_kind[0][1] == "FaultStruck"
    assert of_kind[0][3].startswith(target_of(fault))
    if "for_s" in type(fault).model_fields and fault.kind != "byzantine":
        assert of_kind[1:] == [(2.05, "FaultHealed", fault.kind, target_of(fault))]
    if fault.kind.endswith("_message"):
        assert of_kind[1:] == [(of_kind[0][0], "FaultHealed", fault.kind, target_of(fault))]
    assert not struck.sim.nemesis.wire.is_struck
    healthy = struck.links(3.5, 5.0)
    assert set(healthy) == ALL_LINKS
    assert all(14 <= count <= 15 for count in healthy.values())


@pytest.mark.parametrize(
    "fault", [one for one in EXAMPLES if one.kind != "byzantine"], ids=lambda fault: fault.kind
)
def test_a_fault_whose_time_never_comes_has_no_effect(fault: Fault) -> None:
    later = {"at_s": 90.0} if "at_s" in type(fault).model_fields else {"number": 1000}
    world = World(fault.model_copy(update=later), actor=Watcher).run(2.0)
    counters = world.sim.observatory.counters
    assert not world.sim.observatory.faults_struck
    assert not [name for name in counters if name.startswith(EFFECT)]
    assert world.rows == World(actor=Watcher).run(2.0).rows


@pytest.mark.parametrize("fault", EXAMPLES, ids=lambda fault: fault.kind)
def test_every_kind_names_its_peers_and_unknown_ones_are_mistakes(fault: Fault) -> None:
    assert set(peers_of(fault)) <= set(NAMES)
    renamed: dict[str, object] = {
        name: "nobody"
        for name in ("peer", "like", "victim", "sender")
        if name in type(fault).model_fields
    }
    for name in ("senders", "peers"):
        if name in type(fault).model_fields:
            renamed[name] = ("nobody",)
    if isinstance(fault, Partition):
        renamed["groups"] = (("a",), ("nobody",))
    world = World(fault.model_copy(update=renamed))
    with pytest.raises(UserError, match="'nobody', and there is no such peer"):
        world.run(1.0)


HEALED_S = 6.5
"""Every fault of the strategies has healed by then, and what was delayed has nearly all arrived."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(faults(NAMES), max_size=6), st.integers(0, 2**32))
def test_a_world_works_as_before_once_any_schedule_is_over(
    schedule: list[Fault], seed: int
) -> None:
    world = World(*schedule, seed=seed, actor=Watcher)
    facts = told(world)
    world.run(HEALED_S + 2.0)
    for one in NAMES:
        for other in set(NAMES) - {one}:
            numbers = [
                got.number
                for time_s, peer, got in world.got(HEALED_S)
                if (got.sender, peer) == (one, other)
                and got.text == "x" * 8
                and abs(time_s - got.sent_s - 0.01) < 1e-6
            ]
            assert len(numbers) in (19, 20, 21)
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    # Facts, counters and tallies tell one story.
    tallies = world.sim.nemesis.tallies
    strikes = Counter(kind for _, what, kind, _ in facts if what == "FaultStruck")
    assert strikes == world.sim.observatory.faults_struck
    assert sum(tally.struck for tally in tallies) == sum(strikes.values())
    for tally in tallies:
        assert tally.struck in (0, 1)
        assert tally.struck or not tally.effects
    effects = Counter[str]()
    for tally in tallies:
        effects[EFFECT + tally.fault.kind] += tally.effects
    counters = world.sim.observatory.counters
    assert +effects == Counter(
        {name: n for name, n in counters.items() if name[:12] == EFFECT[:12]}
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(faults(NAMES), min_size=1, max_size=6), st.integers(0, 2**32))
def test_a_schedule_is_the_same_run_every_time(schedule: list[Fault], seed: int) -> None:
    digests = {World(*schedule, seed=seed).run(4.0).sim.digest for _ in range(2)}
    assert len(digests) == 1
