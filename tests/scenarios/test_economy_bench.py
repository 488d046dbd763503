"""The benchmark's rivals are the same model, and each of its figures is measured."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from economy.concentration import gini
from prsm_sim.actor import UserError
from scenarios.economy_bench import bench, transfers
from scenarios.economy_bench.rivals import MesaExchange, SimpyExchange
from scenarios.economy_validation import exchange_theory as theory
from scenarios.economy_validation.comparison import Comparison, decide
from scenarios.kinetic_exchange.book import Book

pytestmark = pytest.mark.slow

CLOCKS = ("async", "sync", "shuffled")
KEYS = {
    "machine", "yardstick_mops", "event_vs_simpy", "population_vs_mesa", "population_100k_vs_mesa",
    "scenario_agent_steps_per_s", "ledger_transfers_per_s", "ledger_durable_per_s",
}  # fmt: skip


def rival_of(kind: str, agents: int, seed: int) -> SimpyExchange | MesaExchange:
    return MesaExchange(agents, seed) if kind == "mesa" else SimpyExchange(agents, kind, seed)  # type: ignore[arg-type]


def coins_of(rival: SimpyExchange | MesaExchange) -> list[int]:
    return list(rival.coins.values() if isinstance(rival, SimpyExchange) else rival.coins)


@pytest.mark.parametrize("kind", [*CLOCKS, "mesa"])
def test_a_rival_conserves_and_is_in_the_equilibrium_of_its_clock(kind: str) -> None:
    """Three agents with three coins: the chain of all states is solved exactly."""
    expected = theory.few_agents(3, 3, "shuffled" if kind == "mesa" else kind)  # type: ignore[arg-type]
    ginis, empty = [], []
    for seed in range(6):
        rival = rival_of(kind, 3, seed)
        rival.run(50)
        seen = []
        for _ in range(600):
            rival.run(1)
            seen.append(coins_of(rival))
            assert sum(seen[-1]) == 3
            assert min(seen[-1]) >= 0
        ginis.append(np.mean([float(gini(coins)) for coins in seen]))
        empty.append(np.mean([coins.count(0) / 3 for coins in seen]))
        if kind == "async":
            assert abs(rival.acts - 3 * 650) < 5 * (3 * 650) ** 0.5
        else:
            assert rival.acts == 3 * 650
    claims = decide(
        [
            Comparison("gini", expected.gini, np.array(ginis)),
            Comparison("p_zero", expected.p_zero, np.array(empty)),
        ]
    )
    assert [claim for claim in claims if claim.verdict == "fail"] == []


@pytest.mark.parametrize("clock", CLOCKS)
def test_our_event_path_acts_as_often_as_its_rival(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried_out = 0
    take = Book.take

    def count(self: Book, end: int) -> Any:
        nonlocal carried_out
        due = take(self, end)
        carried_out += len(due.acting)
        return due

    monkeypatch.setattr(Book, "take", count)
    sim = bench.exchange(50, 40, "event", clock)
    sim.run(until=41)
    assert sim.stopped
    assert sim.observatory.verdicts()[0].status == "pass"
    assert sim.observatory.verdicts()[0].evaluations == 40
    if clock == "async":
        assert abs(carried_out - 2000) < 5 * 2000**0.5
    else:
        assert carried_out == 2000


def test_the_keys_are_the_promised_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "yardstick_mops", lambda: 9.0)
    for name, value in {"AGENTS": 40, "MANY": 60, "STEPS": 10, "ROUNDS": 1}.items():
        monkeypatch.setattr(bench, name, value)
    small = {"agent_steps_per_s": {"steps": 3}, "transfers_per_s": {"count": 500}}
    small["durable_per_s"] = {"count": 500}
    for name, arguments in small.items():
        monkeypatch.setattr(bench, name, partial(getattr(bench, name), **arguments))
    said: list[str] = []
    figures = bench.run(said.append)
    assert set(figures) == KEYS
    assert all(figures[key] > 0 for key in KEYS - {"machine"})
    assert len(said) == 7
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Any) -> None:
    with pytest.raises(UserError, match="nowhere: No such file or directory; run the benchmark"):
        transfers.durable_per_s(10, tmp_path / "nowhere")
