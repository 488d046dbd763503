"""Newcomers: agents who are known beforehand, and not there before their time.

Numbers grow at a monthly rate g: N(t) = N₀ (1 + g)^(t/month). Agent i (from 0) enters when N
reaches i + 1, hence at

    t_i = month · ln((i + 1) / N₀) / ln(1 + g),

and those with i < N₀ are there from the start. Agents of a kind differ by chance and not by
number, so who comes early is no other than who comes late. Until then a researcher asks nothing
(its rate is 0) and a host is offline.
"""

from math import log

import numpy as np

from scenarios.token_economy.crowd import Crowd, Floats
from scenarios.token_economy.kinds import Asking, Hosting
from scenarios.token_economy.view import View

MONTH_HOURS = 30 * 24


def head_count(first: int, monthly: float, hours: float) -> int:
    """How many there are after so many hours, if `first` are there at first."""
    return int(first * (1.0 + monthly) ** (hours / MONTH_HOURS))


def entry_hours(count: int, first: int, monthly: float) -> Floats:
    """When each of `count` enters, in hours; shape (count,). `first` of them, ≥ 1, at 0."""
    if monthly <= 0 or count <= first:
        return np.where(np.arange(count) < first, 0.0, np.inf)
    ratios = np.maximum(1.0, np.arange(1, count + 1) / first)
    return np.asarray(MONTH_HOURS * np.log(ratios) / log(1.0 + monthly))


class NewResearchers(Asking):
    """Researchers who ask from `enters_at_h` on."""

    def learn(self, view: View, traits: dict[str, Floats]) -> None:
        """Let those begin who enter before the next step does."""
        are_there = traits["enters_at_h"] < view.hour + self.hours
        traits["rate"] = np.where(are_there, traits["full_rate"], 0.0)


class NewHosts(Hosting):
    """Hosts who come online at `enters_at_h`, and go and come as others do from then on."""

    def learn(self, view: View, traits: dict[str, Floats]) -> None:
        """Learn; who enters now is full of hope, who has not entered is not there."""
        super().learn(view, traits)
        until = view.hour + self.hours
        enters = (traits["enters_at_h"] >= view.hour) & (traits["enters_at_h"] < until)
        traits["online"][enters] = 1.0
        traits["expected_usd"][enters] = 2 * traits["cost_usd"][enters]
        traits["online"][traits["enters_at_h"] >= until] = 0.0


def let_enter(crowd: Crowd, first: int, monthly: float) -> None:
    """Turn a crowd of a fresh economy, of researchers or hosts, into one that grows."""
    enters_at_h = entry_hours(crowd.count, first, monthly)
    crowd.traits["enters_at_h"] = enters_at_h
    old = crowd.strategy
    if isinstance(old, Hosting):
        crowd.strategy = NewHosts(old.hours, old.capacity)
        crowd.traits["online"][enters_at_h > 0] = 0.0
        return
    assert isinstance(old, Asking), f"{crowd.name}: researchers and hosts can grow"
    crowd.strategy = NewResearchers(old.hours, old.value_usd, old.rate_per_hour)
    crowd.traits["full_rate"] = crowd.traits["rate"].copy()
    crowd.traits["rate"][enters_at_h > 0] = 0.0
