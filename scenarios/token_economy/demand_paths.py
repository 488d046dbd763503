"""Demand that moves, and what a controller of the price makes of it.

A *path* is a factor on how often researchers ask, one a step:

    pulse   1, then `size` for a while, then 1 again
    step    1 in the first half, `size` in the second
    ramp    from 1 to `size`, in equal steps
    wave    between 1 and `size` and back, once a day
    noise   size^(x/2), x an autoregressive normal process with variance 1 and half-life of a day

A `DemandLog` keeps what came of it, step by step. Three things can happen to a question that comes
up: its answer is not worth the price (*priced out*), no host has room (*turned away*), or it is
*answered*. Shares of what was asked do not see the first, so a price that is too high looks good in
them; shares of what came up do.

The *clearing fee* is the least price at which, on average, no more is asked than hosts can serve.
With values v₁ ≥ v₂ ≥ … of answers and probabilities pᵢ that researcher i has a question it is the
least v such that Σ {pᵢ : vᵢ > v} fits into the supply: a demand curve read at the supply. A dearer
price leaves hosts idle, a cheaper one turns people away at random instead of those who want least.
"""

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import Any, Final, Literal

import numpy as np

from scenarios.token_economy.books import amount
from scenarios.token_economy.crowd import Crowd, Floats
from scenarios.token_economy.model import TokenEconomy
from scenarios.token_economy.view import View

DAY_HOURS: Final = 24
TARGET_LOAD: Final = 0.5
"""The share of the supply in use at which a base fee stands still; half is ordinary demand."""

DemandPath = Literal["step", "ramp", "wave", "noise"]
PATHS: Final[tuple[DemandPath, ...]] = ("step", "ramp", "wave", "noise")


def pulse(steps: int, first: int, length: int, size: float) -> Floats:
    """`size` for `length` steps from the `first` (from 0), 1 before and after; shape (steps,)."""
    factors = np.ones(steps)
    factors[first : first + length] = size
    return factors


def demand_path(
    kind: DemandPath, steps: int, step_hours: int, size: float, rng: np.random.Generator
) -> Floats:
    """The factors of one path, shape (steps,).

    Args:
        kind: which.
        steps: how many.
        step_hours: ledger time of a step, h.
        size: how far it goes, > 0.
        rng: draws the noise; as much of it for all kinds.
    """
    shocks = rng.standard_normal(steps)
    if kind == "step":
        return pulse(steps, steps // 2, steps, size)
    if kind == "ramp":
        return np.linspace(1.0, size, steps)
    if kind == "wave":
        hours = step_hours * np.arange(steps)
        return 1.0 + (size - 1.0) * (1.0 - np.cos(2 * np.pi * hours / DAY_HOURS)) / 2
    kept = exp(-log(2) * step_hours / DAY_HOURS)
    level, levels = float(shocks[0]), []
    for shock in shocks.tolist():
        level = kept * level + sqrt(1 - kept * kept) * shock
        levels.append(level)
    return np.asarray(size ** (np.array(levels) / 2))


def clearing_fee_usd(researchers: Crowd, demand: float, hours: float, supply: float) -> float:
    """The clearing fee, in dollars; 0 if there is room for everyone.

    Args:
        researchers: who ask; traits `value_usd` and `rate`.
        demand: factor on their rates.
        hours: of a step.
        supply: queries that can be served in a step.
    """
    order = np.argsort(-researchers.traits["value_usd"], kind="stable")
    chances = np.minimum(1.0, researchers.traits["rate"][order] * demand * hours)
    fits = np.cumsum(chances) <= supply
    return 0.0 if fits.all() else float(researchers.traits["value_usd"][order][fits.argmin()])


class DemandLog:
    """Moves the demand of an economy along a path, and keeps what comes of it.

    Args:
        economy: a fresh one.
        factors: of the path, one a step.

    Attributes:
        rows: of each closed step its `FIGURES`.
    """

    FIGURES: Final = (
        "came_up", "asked", "turned_away", "answered", "fee_ftns", "price_usd", "supply",
        "value_usd", "value_answered_usd",
    )  # fmt: skip

    def __init__(self, economy: TokenEconomy, factors: Sequence[float] | Floats) -> None:
        self.economy = economy
        self.factors = [float(factor) for factor in factors]
        self.rows: list[tuple[float, ...]] = []
        self._opened: tuple[float, ...] | None = None
        economy.before_turns.append(self._begin)

    def series(self) -> dict[str, Floats]:
        """The figures by name, each of shape (steps,); closes the step that has just ended."""
        self._close()
        return dict(zip(self.FIGURES, np.array(self.rows).T, strict=True))

    def _begin(self, view: View) -> None:
        self._close()
        economy, books = self.economy, self.economy.books
        economy.demand = self.factors[economy.steps - 1]
        supply = float(economy.hosts.traits["online"].sum()) * economy.capacity
        fee_ftns = amount(view.fee_units)
        self._opened = (supply, fee_ftns, view.price_usd, books.questions, economy.served_usd)

    def _close(self) -> None:
        """Write down the step that is over, if there is one; how many questions had come up."""
        if self._opened is None:
            return
        supply, fee_ftns, price_usd, questions, served_usd = self._opened
        economy, crowd = self.economy, self.economy.crowds["researcher"]
        chances = crowd.traits["rate"] * (crowd.view.demand * economy.parameters.step_hours)
        came_up = crowd.draws[0] < chances
        self.rows.append((
            float(came_up.sum()), economy.last_asked, economy.last_unserved,
            economy.books.questions - questions, fee_ftns, price_usd, supply,
            float(crowd.traits["value_usd"][came_up].sum()), economy.served_usd - served_usd,
        ))  # fmt: skip
        self._opened = None


def outcome(series: dict[str, Floats], first: int, last: int) -> dict[str, Any]:
    """What came of the steps from `first` (from 0) to before `last`.

    Returns:
        answered_share, value_answered_share: of what came up, by number and by value; None if
            nothing came up.
        turned_away_share: of what was asked, found no room; None if nothing was asked.
        tracking_error: root mean square of the share of the supply in use less its target.
        fee_volatility: standard deviation of the change of the fee's logarithm, a step.
        revenue_ftns: what hosts were paid.
    """
    part = {name: values[first:last] for name, values in series.items()}
    asked, came_up = part["asked"].sum(), part["came_up"].sum()
    value_usd, answered = part["value_usd"].sum(), part["answered"].sum()
    in_use = np.minimum(1.0, part["asked"] / np.maximum(1.0, part["supply"]))
    changes = np.diff(np.log(part["fee_ftns"]))
    return {
        "answered_share": float(answered / came_up) if came_up else None,
        "value_answered_share": (
            float(part["value_answered_usd"].sum() / value_usd) if value_usd else None
        ),
        "turned_away_share": float(part["turned_away"].sum() / asked) if asked else None,
        "tracking_error": float(np.sqrt(np.mean((in_use - TARGET_LOAD) ** 2))),
        "fee_volatility": float(changes.std()) if len(changes) else 0.0,
        "revenue_ftns": float((part["answered"] * part["fee_ftns"]).sum()),
    }


def settling_steps(values: Floats, level: float, band: float) -> int:
    """After how many values all later ones are within `band` (a share) of `level`; len if never."""
    outside = np.flatnonzero(np.abs(values - level) > band * level)
    return int(outside[-1]) + 1 if len(outside) else 0
