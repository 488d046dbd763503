"""Six ways to follow the market: by what factor a price differs from its base.

With *d* the share of the capacity that is in use (0 to 1) and *r* the ratio of what is wanted to
what is offered:

    fixed        1
    linear       0.5 + 1.5·d
    exponential  2^(2d − 1)
    surge        min(5, 1.5 + 0.5·(r − 2)) if r > 2, else 1
    auction      0.5 + 0.5·min(3, r)
    predicted    the linear law at the demand forecast for the next window

Linear and auction prices answer to every change; a surge price stands still until demand is twice
the supply and then jumps, on purpose, since a price that moves late must move far. The predicted
price follows the least-squares line through the recent windows, read one window ahead: the line is
the best linear unbiased predictor when demand drifts, and it can be fitted exactly.

The time of day may multiply each of them (1.3 in business hours, 1.1 in the evening, 0.7 at night,
0.9 on other hours of a weekend). The clamp to 0.3 … 5 comes last, so it bounds what is charged.

Replicas must agree to the last unit, so nothing here is a float: every factor is a fraction. Five
of the six are exact. A power of two with a fractional exponent is irrational, hence the exponential
one is computed by integer fixed point with a stated bound (`power_of_two`). A price is rounded
once, at the end, up to a whole unit (`price_units`).
"""

from collections.abc import Sequence
from enum import Enum
from fractions import Fraction
from math import ceil, isqrt
from typing import Final, assert_never

import msgspec

from economy.ledger_parameters import DAY_MS

PPM: Final = 1_000_000
"""Parts per million: one whole."""

HOUR_MS: Final = 60 * 60 * 1000

EXPONENT_BITS: Final = 128
"""Binary digits of an exponent's fraction that `power_of_two` looks at."""

GUARD_BITS: Final = 160
"""Binary digits behind the point that it computes with."""

POWER_ERROR: Final = Fraction(1, 2**EXPONENT_BITS)
"""Bound on the relative error of `power_of_two`, which is never above the exact value."""

EPOCH_WEEKDAY: Final = 3
"""Monday is 0. Ledger time counts from 1970-01-01, a Thursday, like Unix time."""


class PriceModel(Enum):
    """How a price follows the market."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    SURGE = "surge"
    AUCTION = "auction"
    PREDICTED = "predicted"


class Conditions(msgspec.Struct, frozen=True):
    """The market that a price follows.

    Attributes:
        in_use: how much of the capacity is in use now, ≥ 0.
        capacity: how much there is, > 0.
        wanted: how much was asked for lately, ≥ 0.
        offered: how much was on offer meanwhile, ≥ 0.
        recent: how much was in use in each recent window, the oldest first; may be empty.
    """

    in_use: int
    capacity: int
    wanted: int
    offered: int
    recent: tuple[int, ...] = ()


class PriceParameters(msgspec.Struct, frozen=True):
    """The figures of the laws above; every one is a factor on the base price or a pure number.

    Attributes:
        floor, ceiling: the clamp.
        linear_base, linear_slope: the linear law.
        surge_from, surge_base, surge_slope, surge_most: the surge law.
        auction_base, auction_slope, auction_ratio_most: the auction law.
        ratio_without_offer: the ratio r where something is wanted and nothing is offered.
        peak: 9 to 18 o'clock (UTC) on weekdays.
        evening: 18 to 23 o'clock.
        night: 23 to 7 o'clock.
        weekend: the other hours of a Saturday or Sunday. Other hours of a weekday have factor 1.
    """

    floor: Fraction = Fraction(3, 10)
    ceiling: Fraction = Fraction(5)
    linear_base: Fraction = Fraction(1, 2)
    linear_slope: Fraction = Fraction(3, 2)
    surge_from: Fraction = Fraction(2)
    surge_base: Fraction = Fraction(3, 2)
    surge_slope: Fraction = Fraction(1, 2)
    surge_most: Fraction = Fraction(5)
    auction_base: Fraction = Fraction(1, 2)
    auction_slope: Fraction = Fraction(1, 2)
    auction_ratio_most: Fraction = Fraction(3)
    ratio_without_offer: Fraction = Fraction(10)
    peak: Fraction = Fraction(13, 10)
    evening: Fraction = Fraction(11, 10)
    night: Fraction = Fraction(7, 10)
    weekend: Fraction = Fraction(9, 10)


def linear(demand: Fraction, parameters: PriceParameters) -> Fraction:
    """The linear law; `demand` is a share, beyond 0 … 1 it counts as 0 or 1."""
    return parameters.linear_base + parameters.linear_slope * clamp(
        demand, Fraction(0), Fraction(1)
    )


def exponential(demand: Fraction) -> Fraction:
    """The exponential law: 1/2 at no demand, 1 at half, 2 at full; within `POWER_ERROR`."""
    return power_of_two(2 * clamp(demand, Fraction(0), Fraction(1)) - 1)


def surge(ratio: Fraction, parameters: PriceParameters) -> Fraction:
    """The surge law of the ratio of what is wanted to what is offered."""
    if ratio <= parameters.surge_from:
        return Fraction(1)
    above = ratio - parameters.surge_from
    return min(parameters.surge_most, parameters.surge_base + parameters.surge_slope * above)


def auction(ratio: Fraction, parameters: PriceParameters) -> Fraction:
    """The auction law of the ratio of what is wanted to what is offered."""
    ratio = min(parameters.auction_ratio_most, ratio)
    return parameters.auction_base + parameters.auction_slope * ratio


def forecast(history: Sequence[int]) -> Fraction:
    """The next value of `history` by its least-squares line, exactly.

    With x = 0 … n − 1 the line's slope is (n·Σxy − Σx·Σy) / (n·Σx² − (Σx)²), and it passes through
    the means. One value forecasts itself.

    Args:
        history: at least one integer, the oldest first.
    """
    count = len(history)
    assert count > 0, "no line passes through nothing"
    if count == 1:
        return Fraction(history[0])
    sum_x = count * (count - 1) // 2
    sum_xx = (count - 1) * count * (2 * count - 1) // 6
    sum_y = sum(history)
    sum_xy = sum(x * y for x, y in enumerate(history))
    slope = Fraction(count * sum_xy - sum_x * sum_y, count * sum_xx - sum_x * sum_x)
    return Fraction(sum_y, count) + slope * (count - Fraction(sum_x, count))


def time_of_day(now_ms: int, parameters: PriceParameters) -> Fraction:
    """The factor of the hour and the weekday (UTC) at ledger time `now_ms`."""
    days, since_midnight_ms = divmod(now_ms, DAY_MS)
    hour = since_midnight_ms // HOUR_MS
    is_weekend = (days + EPOCH_WEEKDAY) % 7 >= 5
    if hour >= 23 or hour < 7:
        return parameters.night
    if hour >= 18:
        return parameters.evening
    if is_weekend:
        return parameters.weekend
    return parameters.peak if hour >= 9 else Fraction(1)


def multiplier(
    model: PriceModel,
    conditions: Conditions,
    parameters: PriceParameters,
    now_ms: int | None = None,
) -> Fraction:
    """By what factor a price differs from its base, within the clamp.

    Args:
        model: the law.
        conditions: the market it follows.
        parameters: the law's figures.
        now_ms: ledger time, if the time of day counts; else None.
    """
    factor = _factor(model, conditions, parameters)
    if now_ms is not None:
        factor *= time_of_day(now_ms, parameters)
    return clamp(factor, parameters.floor, parameters.ceiling)


def price_units(base_units: int, quantity: int, factor: Fraction) -> int:
    """What `quantity` costs at `base_units` each, times `factor`; rounded up to a whole unit."""
    return ceil(base_units * quantity * factor)


def clamp(value: Fraction, least: Fraction, most: Fraction) -> Fraction:
    """The number from `least` to `most` that is nearest to `value`."""
    return max(least, min(most, value))


def power_of_two(exponent: Fraction) -> Fraction:
    """2^exponent: exact for whole exponents, else too low by less than `POWER_ERROR` of it.

    The fraction of the exponent is cut to `EXPONENT_BITS` binary digits, b₁b₂…, and
    2^(0.b₁b₂…) is the product of those 2^(2^−i) whose digit is set. Cutting the exponent costs at
    most ln 2·2^−128 of the value. Each factor is a chain of integer square roots and each product
    is cut at 160 digits, which costs less than 3·2^−160 a digit, 2^−151 in all; the sum of both is
    below 2^−128. All cuts are downwards.
    """
    whole, fraction = divmod(exponent, 1)
    digits = (fraction.numerator << EXPONENT_BITS) // fraction.denominator
    mantissa = 1 << GUARD_BITS
    for place, root in enumerate(_ROOTS):
        if digits >> (EXPONENT_BITS - 1 - place) & 1:
            mantissa = mantissa * root >> GUARD_BITS
    return Fraction(mantissa, 1 << GUARD_BITS) * Fraction(2) ** whole


def _roots() -> tuple[int, ...]:
    """2^(1/2), 2^(1/4), 2^(1/8), … in fixed point, each the square root of the one before."""
    roots: list[int] = []
    root = 2 << GUARD_BITS
    for _ in range(EXPONENT_BITS):
        root = isqrt(root << GUARD_BITS)
        roots.append(root)
    return tuple(roots)


_ROOTS: Final = _roots()


def _factor(model: PriceModel, conditions: Conditions, parameters: PriceParameters) -> Fraction:
    demand = Fraction(conditions.in_use, conditions.capacity)
    match model:
        case PriceModel.FIXED:
            return Fraction(1)
        case PriceModel.LINEAR:
            return linear(demand, parameters)
        case PriceModel.EXPONENTIAL:
            return exponential(demand)
        case PriceModel.SURGE:
            return surge(_ratio(conditions, parameters), parameters)
        case PriceModel.AUCTION:
            return auction(_ratio(conditions, parameters), parameters)
        case PriceModel.PREDICTED:
            expected = forecast((*conditions.recent, conditions.in_use)) / conditions.capacity
            return linear(expected, parameters)
        case _:
            assert_never(model)


def _ratio(conditions: Conditions, parameters: PriceParameters) -> Fraction:
    if conditions.offered:
        return Fraction(conditions.wanted, conditions.offered)
    return parameters.ratio_without_offer if conditions.wanted else Fraction(0)
