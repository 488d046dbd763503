"""Sensitivity: against functions whose indices are known in closed form."""

import math

import pytest

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.sensitivity import Bounds, Plan, Sensitivity, parse_bounds, values_at
from prsm_sim.sweep.study import Outcome

ANGLES = tuple(Bounds(name, -math.pi, math.pi, False) for name in ("a", "b", "c"))


def numbers(point: tuple[str, ...]) -> list[float]:
    return [float(each.partition("=")[2]) for each in point]


def ishigami(a: float, b: float, c: float) -> float:
    return math.sin(a) + 7.0 * math.sin(b) ** 2 + 0.1 * c**4 * math.sin(a)


def test_sobol_finds_the_shares_of_ishigamis_function() -> None:
    """Ishigami and Homma (1990): S1 = 0.3139, 0.4424, 0; ST = 0.5576, 0.4424, 0.2437."""
    plan = Plan(ANGLES, "sobol", 2048, 1)
    found = plan.analyse([ishigami(*numbers(point)) for point in plan.points])
    assert (found.blocks, found.dropped, found.doubt) == (2048, 0, "")
    by_name = {one.name: one for one in found.indices}
    for name, first, total in (("a", 0.3139, 0.5576), ("b", 0.4424, 0.4424), ("c", 0.0, 0.2437)):
        one = by_name[name]
        assert one.total_half is not None
        assert abs(one.first - first) <= 1.5 * one.first_half
        assert abs(one.total - total) <= 1.5 * one.total_half
        assert max(one.first_half, one.total_half) < 0.1
    assert [one.name for one in found.indices] == ["b", "a", "c"]


def test_morris_finds_the_slopes_of_a_linear_function_and_no_spread() -> None:
    bounds = (Bounds("x", 0.0, 1.0, False), Bounds("y", 10.0, 30.0, False))
    plan = Plan(bounds, "morris", 8, 3)
    found = plan.analyse([5.0 * x - 2.0 * y for x, y in map(numbers, plan.points)])
    assert [one.name for one in found.indices] == ["y", "x"]
    assert [one.first for one in found.indices] == pytest.approx([40.0, 5.0])
    assert [one.total for one in found.indices] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert found.indices[0].total_half is None


@pytest.mark.parametrize(("method", "size"), [("sobol", 5), ("morris", 4)])
def test_a_failed_point_takes_its_block_with_it_and_nothing_is_filled_in(
    method: str, size: int
) -> None:
    plan = Plan(ANGLES, method, 64, 1)  # type: ignore[arg-type]
    assert len(plan.points) == 64 * size
    values: list[float | None] = [ishigami(*numbers(point)) for point in plan.points]
    whole = plan.analyse(values)
    values[3 * size + 1] = values[3 * size] = values[10 * size - 1] = None
    found = plan.analyse(values)
    assert (found.blocks, found.dropped) == (62, 2)
    assert {one.name for one in found.indices} == {"a", "b", "c"}
    for one, other in zip(found.indices, whole.indices, strict=True):
        assert abs(one.first - other.first) < 0.5 * max(1.0, abs(other.first))
    assert any(one != other for one, other in zip(found.indices, whole.indices, strict=True))


def test_what_says_nothing_is_said_to() -> None:
    plan = Plan(ANGLES[:2], "morris", 4, 1)
    assert plan.analyse([1.0] * len(plan.points)).doubt == "the metric is the same everywhere"
    values: list[float | None] = [float(n) for n in range(len(plan.points))]
    values[0] = None
    assert plan.analyse(values) == Sensitivity((), 3, 1, "too few blocks without a failed replica")


def test_whole_numbers_are_drawn_as_often_as_each_other() -> None:
    plan = Plan((Bounds("n", 4, 7, True), Bounds("x", 0.0, 1.0, False)), "sobol", 256, 1)
    drawn = [point[0] for point in plan.points]
    counts = {value: drawn.count(value) for value in sorted(set(drawn))}
    assert list(counts) == ["n=4", "n=5", "n=6", "n=7"]
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_the_same_seed_gives_the_same_points() -> None:
    assert Plan(ANGLES, "sobol", 16, 5).points == Plan(ANGLES, "sobol", 16, 5).points
    assert Plan(ANGLES, "sobol", 16, 5).points != Plan(ANGLES, "sobol", 16, 6).points


def test_the_metric_of_a_point_is_the_mean_of_what_went_well() -> None:
    def outcome(task: int, status: str, **metrics: float) -> Outcome:
        return Outcome(task=task, point=(), seed=task, status=status, metrics=metrics)

    outcomes = [
        outcome(0, "pass", x=1.0), outcome(1, "fail", x=99.0), outcome(2, "pass", x=3.0),
        outcome(3, "error"), outcome(4, "fail", x=9.0), outcome(5, "pass", y=1.0),
    ]  # fmt: skip
    assert values_at(outcomes, 3, "x") == [2.0, None]
    with pytest.raises(UserError, match=r"no replica has it \(there are x, y\)"):
        values_at(outcomes, 3, "z")


@pytest.mark.parametrize("text", ["x", "x=1", "x=2..1", "=1..2", "x=a..b", "x=1..1"])
def test_what_is_no_range_is_told(text: str) -> None:
    with pytest.raises(UserError, match="--vary "):
        parse_bounds(text)


def test_ranges_and_numbers_of_samples() -> None:
    assert parse_bounds("n=4..7") == Bounds("n", 4.0, 7.0, True)
    assert parse_bounds("x = 0.5..2") == Bounds("x", 0.5, 2.0, False)
    with pytest.raises(UserError, match="power of two"):
        Plan(ANGLES, "sobol", 24, 1)
    with pytest.raises(UserError, match="given twice"):
        Plan((ANGLES[0], ANGLES[0]), "morris", 8, 1)
