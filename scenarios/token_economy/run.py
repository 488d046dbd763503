"""Put a token economy into a world: the economist, its checks, its gauges, and its figures."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from prsm_sim.checker import Always
from prsm_sim.world import World
from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.economist import ECONOMIST, Economist, StepClosed, conserved
from scenarios.token_economy.model import REPORTERS, Generators, TokenEconomy
from scenarios.token_economy.parameters import EconomyParameters
from scenarios.token_economy.populations import ordinary_crowds

PACED = {"step_s": 0.05, "sample_s": 0.5}
"""A live run's pace: nobody waits an hour for an hour."""

Recruit = Callable[[Generators], Sequence[Crowd]]
"""Makes the crowds that a scenario adds to the ordinary ones."""
Prepare = Callable[[TokenEconomy], None]
"""Changes a fresh economy: shocks, purses, opening positions."""
Figures = Callable[[TokenEconomy], dict[str, Any]]
"""What a scenario measures at the end."""


def run_economy(
    world: World,
    parameters: EconomyParameters,
    *,
    attackers: Recruit | None = None,
    recruit: Recruit | None = None,
    prepare: Prepare | None = None,
    measure: Figures | None = None,
) -> None:
    """Let an economy run in a world.

    Args:
        world: where.
        parameters: of the economy.
        attackers: makes the attackers. Then a second economy without them runs beside the first,
            and the run reports `attack` (`Purse.figures`); whoever makes them sets `purses`.
        recruit: makes further crowds, which are there with and without attackers.
        prepare: changes the fresh economy, with and without attackers.
        measure: what to report besides the ordinary figures.
    """

    watched: list[TokenEconomy] = []

    def build(generators: Generators, attacked: bool) -> TokenEconomy:
        crowds = ordinary_crowds(parameters, generators)
        if recruit is not None:
            crowds += recruit(generators)
        if attacked and attackers is not None:
            crowds += attackers(generators)
        economy = TokenEconomy(parameters, generators, crowds)
        if prepare is not None:
            prepare(economy)
        if attacked == (attackers is not None):
            watched[:] = [economy]
        return economy

    def close(economy: TokenEconomy, peaceful: TokenEconomy | None) -> None:
        for name, value in {**ordinary_figures(economy), **(measure or _nothing)(economy)}.items():
            world.report(name, value)
        if peaceful is not None:
            harm = peaceful.honest_welfare_ftns() - economy.honest_welfare_ftns()
            assert economy.purses, "whoever recruits attackers gives them a purse"
            world.report("attack", economy.purses[0].figures(harm))
        world.stop("every step is done")

    for name, read in REPORTERS.items():
        world.gauge(name, lambda read=read: float(read(watched[0])) if watched else 0.0)  # type: ignore[misc]
    world.check(Always("conservation of money", StepClosed, lambda _, fact: conserved(fact)))
    world.spawn(
        ECONOMIST,
        lambda: Economist(
            build, parameters.steps, parameters.step_s, parameters.audit_every,
            has_attack=attackers is not None, on_end=close,
        ),
    )  # fmt: skip


def _nothing(_economy: TokenEconomy) -> dict[str, Any]:
    return {}


def ordinary_figures(economy: TokenEconomy) -> dict[str, Any]:
    """What every economy reports at its end."""
    series = economy.datacollector.get_model_vars_dataframe()
    asked = int(series["asked"].sum())
    prices = series["price_usd"].to_numpy()
    returns = np.diff(np.log(prices)) if len(prices) > 1 else np.zeros(1)
    return {
        "agents": len(economy.agents),
        "steps": economy.steps,
        "acts": sum(crowd.acts for crowd in economy.crowds.values()),
        "queries": asked,
        "served_share": 1.0 - int(series["unserved"].sum()) / asked if asked else None,
        "price_usd": float(prices[-1]),
        "price_volatility": float(returns.std()),
        "fee_ftns": float(series["fee_ftns"].iloc[-1]),
        "fee_ftns_mean": float(series["fee_ftns"].mean()),
        "hosts_online": int(series["hosts_online"].iloc[-1]),
        "staked_ftns": float(series["staked_ftns"].iloc[-1]),
        "votes_adopted": economy.votes_adopted,
        "gini": economy.gini,
        "welfare_ftns": economy.honest_welfare_ftns(),
    }
