"""Claims about providers: `cournot_providers` against Cournot, Theocharis and Friedman.

Nothing is random but where providers begin, so all of it is exact, but for rounding to units and
floats. With price p = a − b Q and n providers of cost c, let m = a − c. Then rivals offer
m/(b (n + 1)) each at the price (a + n c)/(n + 1) and earn π_r = m²/(b (n + 1)²); a cartel's members
earn π_c = m²/(4 b n), and one that breaks it earns π_b = m² (n + 1)²/(16 b n²) once. It pays to
break it if δ < (π_b − π_c)/(π_b − π_r) = (n + 1)²/((n + 1)² + 4n).

The threshold is found by playing: markets are run with one discount factor after the other, in
steps of a millionth, and the provider who would break the cartel decides by itself. What it then
earns, and what it would have earned, is what the ledger paid in runs where it did the one and the
other.
"""

import math
from fractions import Fraction
from typing import Any

from prsm_sim.validation import Claim, equal, equal_real
from scenarios.cournot_providers.parameters import CournotProvidersParameters
from scenarios.cournot_providers.scenario import cournot_providers
from scenarios.cournot_providers.strategies import PPM
from scenarios.economy_validation.extent import Extent, Found
from scenarios.economy_validation.runs import figures_of

SETTLED = 2.0**-40
"""Closer to equilibrium than this share of it is as close as floats tell."""


def run(seed: int = 0, **parameters: Any) -> dict[str, Any]:
    """The figures of one market."""
    chosen = CournotProvidersParameters.model_validate(parameters)
    return figures_of(cournot_providers, chosen, seed)


def rivals(_: Extent) -> Found:
    """Where rivals come to, how fast, and when they do not come there at all."""
    for n, a, b, c in ((2, 100.0, 1.0, 10.0), (3, 50.0, 0.5, 0.0), (5, 7.5, 0.25, 1.5)):
        market: dict[str, Any] = {"providers": n, "intercept": a, "slope": b, "cost": c}
        quantity = (a - c) / (b * (n + 1))
        for seed in range(2):
            name = f"p = {a:g} − {b:g} Q, {n} rivals of cost {c:g}, seed {seed}"
            found = run(seed, inertia=round((n - 1) / (n + 1), 6), periods=60 * n, **market)
            how = f"began with {found['first_quantity']:.4g} each"
            yield equal_real(f"{name}: each offers", quantity, found["quantity"], how)
            yield equal_real(f"{name}: price", (a + n * c) / (n + 1), found["price"])
            yield equal_real(f"{name}: profit", (a - c) ** 2 / (b * (n + 1) ** 2), found["profit"])
    yield from speeds()
    for n, moved in ((2, 1.0), (3, 0.95), (3, 1.0), (4, 0.75), (4, 0.85), (9, 0.36), (9, 0.44)):
        found = run(1, providers=n, inertia=round(1 - moved, 6), periods=300)
        away = abs(found["quantity"] - 90.0 / (n + 1)) / (90.0 / (n + 1))
        what = f"{n} rivals that move {moved:g} of the way settle, which takes < {4 / (n + 1):.4g}"
        settles = "yes" if moved < 4 / (n + 1) else "no"
        yield equal(what, settles, "yes" if away < SETTLED else "no", f"{away:.2g} away")


def speeds() -> Found:
    """How far from equilibrium, and from each other, rivals are after some periods.

    In one period the reply turns the mean distance to equilibrium to −(n − 1)/2 of it, and what
    sets one apart from the mean to ½ of it: they reply to others, of whom they are not one.
    """
    for n, inertia, periods in ((2, 0.0, 9), (3, 0.25, 8), (3, 0.0, 12), (6, 0.6, 10)):
        found = run(2, providers=n, inertia=inertia, periods=periods)
        moves = 1 - inertia
        name = f"{n} rivals, inertia {inertia:g}, {periods} periods"
        factor = (1 - moves * (n + 1) / 2) ** (periods - 1)
        yield from speed(name, n, found, factor, (1 - moves / 2) ** (periods - 1))
    for n, periods in ((2, 30), (3, 20), (3, 400)):
        # In fictitious play the past's mean moves 1/(t + 1) of the way to the reply to it.
        found = run(3, providers=n, conduct="fictitious_play", periods=periods)
        past = math.prod(1 - (n + 1) / (2 * (t + 1)) for t in range(1, periods - 1))
        apart = math.prod(1 - 1 / (2 * (t + 1)) for t in range(1, periods - 1))
        name = f"{n} rivals, fictitious play, {periods} periods"
        yield from speed(name, n, found, -(n - 1) / 2 * past, apart / 2)


def speed(name: str, n: int, found: dict[str, Any], mean: float, apart: float) -> Found:
    """The mean distance and the spread, given by which factors they have changed."""
    goal = 90.0 / (n + 1)
    quantity = goal + mean * (found["first_quantity"] - goal)
    yield equal_real(f"{name}: mean offer", quantity, found["quantity"])
    yield equal_real(f"{name}: spread of offers", apart * found["first_spread"], found["spread"])


def cartels(extent: Extent) -> Found:
    """From which discount factor on a cartel holds, and what breaking it earns on both sides."""
    for n in extent.cartels:
        threshold = Fraction((n + 1) ** 2, (n + 1) ** 2 + 4 * n)
        least = math.ceil(threshold * PPM)
        name = f"cartel of {n}"
        what = f"{name}: least discount, in millionths, with which nobody breaks it"
        yield equal(what, least, least_discount_ppm(n), f"threshold {threshold}")
        for ppm in (least - 50_000, least - 1, least, least + 50_000):
            yield from betrayal(name, n, ppm)
    m, n = 90.0, 5
    holds = run(providers=n, conduct="cartel", betrayal="never", periods=5)
    yield equal_real("cartel of 5: price (a + c)/2", 55.0, holds["price"])
    yield equal_real("cartel of 5: profit of each", m**2 / (4 * n), holds["profit"])
    broken = run(providers=n, conduct="cartel", betrayal="always", periods=5)
    yield equal_real("cartel of 5, broken: price (a + n c)/(n + 1)", 25.0, broken["price"])
    yield equal_real("cartel of 5, broken: profit of each", m**2 / (n + 1) ** 2, broken["profit"])


def least_discount_ppm(n: int) -> int:
    """The least discount factor, in millionths, with which the cartel is not broken.

    It is bisected, so the answer is between a market where it broke and one where it held.
    """
    breaks, holds = 0, PPM
    while holds - breaks > 1:
        middle = (breaks + holds) // 2
        found = run(providers=n, conduct="cartel", discount=middle / PPM, periods=2)
        breaks, holds = (breaks, middle) if found["cartel_holds"] else (middle, holds)
    return holds


def betrayal(name: str, n: int, discount_ppm: int) -> Found:
    """What a provider earns by breaking the cartel and by keeping it, and what it chooses."""
    discount, m, periods = discount_ppm / PPM, 90.0, 90
    chosen: dict[str, Any] = {
        "providers": n, "conduct": "cartel", "discount": discount, "periods": periods,
    }  # fmt: skip
    earned = {
        done: run(betrayal=done, **chosen)["discounted_profit"] for done in ("always", "never")
    }
    share, rival = m**2 / (4 * n), m**2 / (n + 1) ** 2
    once = m**2 * (n + 1) ** 2 / (16 * n**2)
    rest = (1 - discount ** (periods - 1)) / (1 - discount)
    name = f"{name}, discount {discount:g}"
    yield equal_real(f"{name}: kept, earns", share * (1 + discount * rest), earned["never"])
    yield equal_real(f"{name}: broken, earns", once + discount * rest * rival, earned["always"])
    pays = earned["always"] > earned["never"]
    below = discount_ppm * ((n + 1) ** 2 + 4 * n) < PPM * (n + 1) ** 2
    yield said(f"{name}: breaking it pays", below, pays)
    holds = run(betrayal="if_it_pays", **chosen)["cartel_holds"]
    yield said(f"{name}: who may break it does", below, not holds)


def said(what: str, expected: bool, measured: bool) -> Claim:
    """A claim of yes or no."""
    return equal(what, "yes" if expected else "no", "yes" if measured else "no")
