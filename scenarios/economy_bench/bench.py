"""`prsm bench economy`: what exact books and real actors cost, against plain models without them.

Ratios are medians of alternating rounds in one process, of CPU seconds; more than 1 means that we
are faster. Both sides run the same model for the same number of acts on average.

- `event_vs_simpy`: unit exchange of 1,000 agents in 100 steps. Ours is scenario `kinetic_exchange`
  on its event path: one actor an agent, messages, every transfer at the ledger, conservation
  audited and wealth measured after each step; actors hand their dated orders in for 16 steps at a
  time (`ahead`). SimPy has one process an agent that wakes for each act and moves a coin in a
  dictionary. Each of the three clocks is compared with the same clock; the figure is the lowest
  of the three. No digest is computed, as SimPy has none.
- `population_vs_mesa`: the same on the population path with clock ``shuffled``, against Mesa's
  ``shuffle_do("step")``. Ours measures and audits each step.
- `population_100k_vs_mesa`: the same with 100,000 agents, both sides in five alternating pieces of
  20 steps.
- `scenario_agent_steps_per_s`: agents times steps of scenario `token_economy`, all of it, from
  building to report, a second of CPU time.
- `ledger_transfers_per_s`: calls of `Ledger.transfer` that succeed, in memory, a second of CPU
  time.
- `ledger_durable_per_s`: the same acknowledged by `Journalled`: encoded, in an SQLite log with one
  fsync a group, decoded and applied, a second of wall time, most of which the disk takes. The file
  is in the current folder, so that no file system in memory makes it look fast.

Rates are medians of three. A machine twice as fast doubles them, so the yardstick of `prsm bench
consensus` is measured too.
"""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from prsm_sim.parameters import build_parameters
from prsm_sim.runner import simulate
from prsm_sim.sim import Sim
from scenarios.consensus_baseline.bench import yardstick_mops
from scenarios.economy_bench.rivals import MesaExchange, SimpyExchange
from scenarios.economy_bench.transfers import durable_per_s, transfers_per_s
from scenarios.kinetic_exchange.parameters import KineticExchangeParameters
from scenarios.kinetic_exchange.rules import Clock
from scenarios.kinetic_exchange.scenario import kinetic_exchange
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.scenario import token_economy

Say = Callable[[str], None]
AGENTS, MANY, STEPS = 1_000, 100_000, 100
CLOCKS: tuple[Clock, ...] = ("async", "sync", "shuffled")
ECONOMY_STEPS = 168
ROUNDS, PIECES = 5, 5
SEED = 1


def run(say: Say = lambda _: None) -> dict[str, Any]:
    """All figures of the economy's benchmark.

    Args:
        say: called with what is being measured.
    """
    say("yardstick …")
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}",
        "yardstick_mops": round(yardstick_mops(), 2),
    }
    say(f"{AGENTS:,} agents against SimPy, three clocks …")
    result["event_vs_simpy"] = round(min(map(event_vs_simpy, CLOCKS)), 2)
    say(f"{AGENTS:,} agents against Mesa …")
    ratios = [ratio for _ in range(ROUNDS) for ratio in against_mesa(AGENTS, pieces=1)]
    result["population_vs_mesa"] = round(statistics.median(ratios), 2)
    say(f"{MANY:,} agents against Mesa …")
    ratios = list(against_mesa(MANY, pieces=PIECES))
    result["population_100k_vs_mesa"] = round(statistics.median(ratios), 1)
    say("a token economy …")
    result["scenario_agent_steps_per_s"] = round(median_of_three(agent_steps_per_s))
    say("the ledger …")
    result["ledger_transfers_per_s"] = round(median_of_three(transfers_per_s))
    say("the ledger with its journal …")
    result["ledger_durable_per_s"] = round(median_of_three(durable_per_s))
    return result


def exchange(agents: int, steps: int, path: str, clock: Clock, *, seed: int = SEED) -> Sim:
    """Unit exchange in a fresh world, built and not begun."""
    chosen = {"agents": agents, "steps": steps, "rule": "unit", "path": path, "clock": clock}
    sim = Sim(seed, digest=False)
    kinetic_exchange.build(sim, build_parameters(KineticExchangeParameters, chosen))
    return sim


def event_vs_simpy(clock: Clock) -> float:
    """How many times as long SimPy takes for what the event path does."""
    ratios = []
    for _ in range(ROUNDS):
        sim = exchange(AGENTS, STEPS, "event", clock)
        mine_s = cpu_s(lambda sim=sim: sim.run(until=STEPS + 1))  # type: ignore[misc]
        assert sim.stopped, "a benchmark that does not come to its end measures nothing"
        rival = SimpyExchange(AGENTS, clock, SEED)
        its_s = cpu_s(lambda rival=rival: rival.run(STEPS))  # type: ignore[misc]
        ratios.append(its_s / mine_s)
    return statistics.median(ratios)


def against_mesa(agents: int, *, pieces: int) -> Iterator[float]:
    """How many times as long Mesa takes as the population path, for each piece of the run."""
    sim, rival = exchange(agents, STEPS, "population", "shuffled"), MesaExchange(agents, SEED)
    steps = STEPS // pieces
    for piece in range(1, pieces + 1):
        mine_s = cpu_s(lambda until=piece * steps + 0.5: sim.run(until=until))  # type: ignore[misc]
        yield cpu_s(lambda: rival.run(steps)) / mine_s
    assert sim.stopped, "a benchmark that does not come to its end measures nothing"


def agent_steps_per_s(steps: int = ECONOMY_STEPS) -> float:
    """Agents times steps a second of a whole token economy of 1,000 agents."""
    parameters = build_parameters(EconomyParameters, {"steps": steps})
    gc.collect()
    started = time.process_time()
    result = simulate(token_economy, parameters, SEED, runs_dir=None)
    spent_s = time.process_time() - started
    assert result.status == "pass", result.failure
    return float(result.metrics["agents"] * result.metrics["steps"]) / spent_s


def median_of_three(measure: Callable[[], float]) -> float:
    """The median of three measurements."""
    return statistics.median(measure() for _ in range(3))


def cpu_s(run: Callable[[], object]) -> float:
    """CPU seconds of a call that begins without garbage."""
    gc.collect()
    started = time.process_time()
    run()
    return time.process_time() - started
