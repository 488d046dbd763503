import decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from economy.ledger import DAY_MS
from economy.money import ftns
from economy.price_models import (
    HOUR_MS,
    POWER_ERROR,
    PPM,
    Conditions,
    PriceModel,
    PriceParameters,
    auction,
    exponential,
    forecast,
    linear,
    multiplier,
    power_of_two,
    price_units,
    surge,
    time_of_day,
)

FIGURES = PriceParameters()
SHARES = st.integers(0, PPM).map(lambda ppm: Fraction(ppm, PPM))
RATIOS = st.fractions(0, 20, max_denominator=1000)
CONDITIONS = st.builds(
    Conditions,
    st.integers(0, 12),
    st.integers(1, 10),
    st.integers(0, 50),
    st.integers(0, 10),
    st.lists(st.integers(0, 12), max_size=8).map(tuple),
)


def exact(text):
    return Fraction(decimal.Decimal(text))


class TestLaws:
    @pytest.mark.parametrize(
        ("demand", "factor"),
        [("0", "0.5"), ("0.4", "1.1"), ("1", "2"), ("1.7", "2"), ("-1", "0.5")],
    )
    def test_linear(self, demand, factor):
        assert linear(exact(demand), FIGURES) == exact(factor)

    @pytest.mark.parametrize(
        ("demand", "factor"), [("0", "0.5"), ("0.5", "1"), ("1", "2"), ("3", "2"), ("-2", "0.5")]
    )
    def test_exponential_is_exact_where_the_power_is(self, demand, factor):
        assert exponential(exact(demand)) == exact(factor)

    @pytest.mark.parametrize(
        ("ratio", "factor"),
        [
            ("0", "1"),
            ("2", "1"),
            ("2.5", "1.75"),
            ("3", "2"),
            ("8.9", "4.95"),
            ("9", "5"),
            ("20", "5"),
        ],
    )
    def test_surge(self, ratio, factor):
        assert surge(exact(ratio), FIGURES) == exact(factor)

    def test_a_surge_begins_with_a_jump_to_half_more(self):
        assert surge(Fraction(2), FIGURES) == 1
        assert surge(2 + Fraction(1, 10**18), FIGURES) > exact("1.5")

    @pytest.mark.parametrize(
        ("ratio", "factor"), [("0", "0.5"), ("1", "1"), ("2.5", "1.75"), ("3", "2"), ("7", "2")]
    )
    def test_auction(self, ratio, factor):
        assert auction(exact(ratio), FIGURES) == exact(factor)

    @settings(max_examples=40)
    @given(RATIOS, RATIOS, SHARES, SHARES)
    def test_more_demand_never_costs_less(self, ratio, other, share, second):
        (ratio, other), (share, second) = sorted((ratio, other)), sorted((share, second))
        assert surge(ratio, FIGURES) <= surge(other, FIGURES)
        assert auction(ratio, FIGURES) <= auction(other, FIGURES)
        assert linear(share, FIGURES) <= linear(second, FIGURES)
        assert exponential(share) <= exponential(second)


def power_by_decimal(exponent, digits=90):
    """2^exponent to `digits` significant digits, by the decimal module's own exponential."""
    with decimal.localcontext() as context:
        context.prec = digits
        quotient = decimal.Decimal(exponent.numerator) / decimal.Decimal(exponent.denominator)
        return Fraction(decimal.Decimal(2) ** quotient)


class TestPowerOfTwo:
    @settings(deadline=None)
    @given(st.fractions(-8, 8, max_denominator=10**9))
    @example(Fraction(1, 2))
    @example(Fraction(-1, PPM))
    @example(1 - Fraction(1, PPM))
    @example(1 - Fraction(1, 2**128))
    @example(1 - Fraction(1, 2**140))
    def test_it_is_below_the_exact_value_by_less_than_the_bound(self, exponent):
        precise = power_by_decimal(exponent)
        noise = precise / 10**80
        error = precise - power_of_two(exponent)
        assert -noise <= error < precise * POWER_ERROR + noise

    def test_the_bound_is_as_stated(self):
        assert POWER_ERROR.as_integer_ratio() == (1, 2**128)

    def test_the_bound_is_not_idle(self):
        """An exponent that is cut as much as one can be comes near to it."""
        exponent = Fraction(2**128 - 1, 2**128) + Fraction(2**12 - 1, 2**140)
        precise = power_by_decimal(exponent)
        assert precise - power_of_two(exponent) > precise * POWER_ERROR / 2

    @given(st.integers(-60, 60))
    def test_whole_exponents_are_exact(self, exponent):
        assert power_of_two(Fraction(exponent)) == Fraction(2) ** exponent

    @settings(max_examples=40)
    @given(st.integers(0, PPM - 1))
    def test_it_tells_a_millionth_from_the_next(self, ppm):
        assert power_of_two(Fraction(ppm, PPM)) < power_of_two(Fraction(ppm + 1, PPM))

    @settings(max_examples=40)
    @given(st.fractions(-3, 3, max_denominator=10**6))
    def test_squaring_doubles_the_exponent(self, exponent):
        squared, doubled = power_of_two(exponent) ** 2, power_of_two(2 * exponent)
        assert abs(squared - doubled) <= 3 * POWER_ERROR * doubled


class TestForecast:
    @given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 30))
    def test_a_line_is_continued(self, start, slope, count):
        history = [start + slope * x for x in range(count)]
        # One value has no slope, it forecasts itself.
        assert forecast(history) == start + (slope * count if count > 1 else 0)

    @settings(max_examples=40)
    @given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=12))
    def test_it_solves_the_normal_equations(self, history):
        """Solved another way: by Cramer's rule on X'X b = X'y, with 1 and x as the columns."""
        xs = range(len(history))
        a, b, d = len(xs), sum(xs), sum(x * x for x in xs)
        e, f = sum(history), sum(x * y for x, y in zip(xs, history, strict=True))
        determinant = a * d - b * b
        intercept, slope = (
            Fraction(e * d - b * f, determinant),
            Fraction(a * f - b * e, determinant),
        )
        assert forecast(history) == intercept + slope * len(history)
        residuals = [y - intercept - slope * x for x, y in enumerate(history)]
        assert sum(residuals) == 0
        assert sum(x * residual for x, residual in enumerate(residuals)) == 0

    def test_worked_by_hand(self):
        assert forecast([1, 2, 4]) == Fraction(16, 3)  # slope 3/2 through (1, 7/3)
        assert forecast([7]) == 7
        assert forecast([0, 10]) == 20

    def test_nothing_forecasts_nothing(self):
        with pytest.raises(AssertionError):
            forecast([])


class TestTimeOfDay:
    @pytest.mark.parametrize(
        ("day", "hour", "factor"),
        [
            *((0, hour, "0.7") for hour in (0, 6, 23)),
            *((0, hour, "1") for hour in (7, 8)),
            *((0, hour, "1.3") for hour in (9, 12, 17)),
            *((0, hour, "1.1") for hour in (18, 22)),
            *((1, hour, "1.3") for hour in (9, 17)),  # Friday
            *((day, hour, "0.9") for day in (2, 3) for hour in (7, 9, 17)),  # Saturday, Sunday
            *((2, hour, "1.1") for hour in (18, 22)),
            (3, 23, "0.7"),
            (4, 9, "1.3"),  # Monday
            (8, 9, "1.3"),
            (9, 9, "0.9"),
        ],
    )
    def test_bands(self, day, hour, factor):
        """Day 0 is 1970-01-01, a Thursday."""
        start_ms = day * DAY_MS + hour * HOUR_MS
        assert time_of_day(start_ms, FIGURES) == exact(factor)
        assert time_of_day(start_ms + HOUR_MS - 1, FIGURES) == exact(factor)


class TestMultiplier:
    @given(CONDITIONS, st.sampled_from(PriceModel), st.none() | st.integers(0, 9 * DAY_MS))
    def test_it_is_the_law_times_the_hour_clamped(self, conditions, model, now_ms):
        demand = min(Fraction(1), Fraction(conditions.in_use, conditions.capacity))
        if conditions.offered:
            ratio = Fraction(conditions.wanted, conditions.offered)
        else:
            ratio = Fraction(10 if conditions.wanted else 0)
        history = [
            Fraction(n, conditions.capacity) for n in (*conditions.recent, conditions.in_use)
        ]
        next_demand = max(Fraction(0), min(Fraction(1), forecast(history)))
        law = {
            PriceModel.FIXED: lambda: Fraction(1),
            PriceModel.LINEAR: lambda: (1 + 3 * demand) / 2,
            PriceModel.EXPONENTIAL: lambda: power_of_two(2 * demand - 1),
            PriceModel.SURGE: lambda: min(5, (ratio + 1) / 2) if ratio > 2 else Fraction(1),
            PriceModel.AUCTION: lambda: (1 + min(Fraction(3), ratio)) / 2,
            PriceModel.PREDICTED: lambda: (1 + 3 * next_demand) / 2,
        }[model]()
        hour = Fraction(1) if now_ms is None else time_of_day(now_ms, FIGURES)
        factor = multiplier(model, conditions, FIGURES, now_ms)
        assert factor == max(Fraction(3, 10), min(Fraction(5), law * hour))

    def test_the_clamp_comes_last(self):
        """0.5 at night would be 0.35, 5 in business hours 6.5."""
        figures = PriceParameters(floor=Fraction(2, 5))
        idle, busy = Conditions(0, 1, 0, 1), Conditions(1, 1, 99, 1)
        assert multiplier(PriceModel.LINEAR, idle, FIGURES, 0) == exact("0.35")
        assert multiplier(PriceModel.LINEAR, idle, figures, 0) == exact("0.4")
        assert multiplier(PriceModel.SURGE, busy, figures, 9 * HOUR_MS) == 5

    def test_every_figure_can_be_overridden(self):
        figures = PriceParameters(
            linear_base=Fraction(1),
            linear_slope=Fraction(1),
            surge_from=Fraction(1),
            surge_base=Fraction(2),
            surge_slope=Fraction(3),
            surge_most=Fraction(4),
            auction_base=Fraction(2),
            auction_slope=Fraction(1),
            auction_ratio_most=Fraction(2),
            ratio_without_offer=Fraction(3, 2),
        )
        scarce = Conditions(1, 2, 3, 0)
        assert multiplier(PriceModel.LINEAR, scarce, figures) == exact("1.5")
        assert multiplier(PriceModel.SURGE, scarce, figures) == exact("3.5")
        assert multiplier(PriceModel.AUCTION, scarce, figures) == exact("3.5")


class TestPrice:
    @settings(max_examples=40)
    @given(st.integers(1, 10**27), st.integers(1, 1000), st.fractions(Fraction(3, 10), 5))
    def test_it_is_rounded_up_once(self, base_units, quantity, factor):
        price = price_units(base_units, quantity, factor)
        assert 0 <= price - base_units * quantity * factor < 1

    def test_worked_by_hand(self):
        assert price_units(ftns("2"), 3, exact("1.3")) == ftns("7.8")
        assert price_units(1, 1, exact("0.3")) == 1
