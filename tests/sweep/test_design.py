"""Designs: what an axis means, and that a grid is every combination, once."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.design import Axis, grid, parse_axis


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("n=4,7,10", ("4", "7", "10")),
        ("link = fixed:1.0, exponential:1.0", ("fixed:1.0", "exponential:1.0")),
        ("x=0.1..0.5:5", ("0.1", "0.2", "0.3", "0.4", "0.5")),
        ("x=1..1000:4*", ("1", "10", "100", "1000")),
        ("n=1..4:4", ("1", "2", "3", "4")),
        ("n=1..3:6", ("1", "2", "3")),
        ("x=-1..1:3", ("-1", "0", "1")),
    ],
)
def test_what_an_axis_means(text: str, values: tuple[str, ...]) -> None:
    axis = parse_axis(text)
    assert axis.name == text.partition("=")[0].strip()
    assert axis.values == values


@pytest.mark.parametrize(
    "text",
    [
        "n", "=1", "n=", "n=1,,2", "n=1,1", "n=1..2", "n=1..2:1", "n=2..1:3", "n=a..b:3",
        "n=0..1:3*", "n=1..inf:3", "n=1..2:x",
    ],
)  # fmt: skip
def test_what_is_no_axis_is_told_with_what_was_typed(text: str) -> None:
    with pytest.raises(UserError, match="--vary "):
        parse_axis(text)


@given(st.floats(0.001, 1e6), st.floats(1.001, 1e6), st.integers(2, 40), st.booleans())
def test_a_range_holds_both_ends_and_is_evenly_spaced(
    low: float, factor: float, count: int, geometric: bool
) -> None:
    high = low * factor
    axis = parse_axis(f"x={low!r}..{high!r}:{count}{'*' if geometric else ''}")
    values = [float(value) for value in axis.values]
    assert values[0] == pytest.approx(low, rel=1e-6)
    assert values[-1] == pytest.approx(high, rel=1e-6)
    if len(values) == count:
        measure = [math.log(value) for value in values] if geometric else values
        steps = [b - a for a, b in pairwise(measure)]
        scale = max(abs(one) for one in measure) + 1.0
        assert max(steps) - min(steps) <= 1e-4 * scale


@given(st.lists(st.integers(1, 4), min_size=0, max_size=4))
def test_a_grid_is_every_combination_once(sizes: list[int]) -> None:
    axes = [Axis(f"a{n}", tuple(str(v) for v in range(size))) for n, size in enumerate(sizes)]
    points = grid(axes)
    assert len(points) == len(set(points)) == math.prod(sizes)
    assert all(len(point) == len(axes) for point in points)
    assert points == tuple(sorted(points)), "the last axis varies fastest"


def test_a_name_given_twice_or_too_many_points_are_refused() -> None:
    with pytest.raises(UserError, match="given twice"):
        grid([Axis("a", ("1",)), Axis("a", ("2",))])
    many = tuple(str(number) for number in range(1001))
    with pytest.raises(UserError, match="more than 1,000,000"):
        grid([Axis("a", many), Axis("b", many)])
