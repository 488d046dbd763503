"""The ordinary population of a token economy, as parameters say."""

from scenarios.token_economy.crowd import Crowd
from scenarios.token_economy.kinds import (
    Asking,
    Contributing,
    Hoarding,
    Hosting,
    Padding,
    Staking,
    Trading,
)
from scenarios.token_economy.model import Generators
from scenarios.token_economy.parameters import EconomyParameters

WHALE_FTNS = 200_000.0
CAPACITY_PER_HOST = 4.0
"""Queries an hour."""


def ordinary_crowds(parameters: EconomyParameters, generators: Generators) -> list[Crowd]:
    """The honest crowds, free-riders among them, in the order of their turns."""
    p, hours = parameters, float(parameters.step_hours)
    kinds = (
        ("host", p.hosts, Hosting(hours, CAPACITY_PER_HOST)),
        ("researcher", p.researchers, Asking(hours)),
        ("data-provider", p.data_providers, Contributing(hours, 1 / 24, megabytes=100.0)),
        ("model-provider", p.model_providers, Contributing(hours, 1 / (20 * 24))),
        ("free-rider", p.free_riders, Padding(hours, 1.0, 100.0, p.review)),
        ("staker", p.stakers, Staking(hours, p.wealth_ftns)),
        ("trader", p.traders, Trading(hours, p.wealth_ftns, p.price_usd)),
        ("whale", p.whales, Hoarding(hours, WHALE_FTNS, p.price_usd)),
    )
    return [
        Crowd(name, count, strategy, generators(name), is_honest=name != "free-rider")
        for name, count, strategy in kinds
    ]
