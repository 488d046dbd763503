"""The key figures of a run: what the scenario reported at its end, over what was sampled.

A card shows the final figure of ``manifest.metrics`` where the run has ended, and otherwise the
last sample. A figure that a run has neither of is left out; no figure is ever made up.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from dashboards.load import Series, rate, told


class Figure(NamedTuple):
    """One card: a title, a value, a remark below it, and the points of its sparkline."""

    title: str
    value: str
    remark: str
    spark: Series
    help: str


class Known(NamedTuple):
    """What a run says of itself: final figures, sampled series, and its length, s."""

    metrics: Mapping[str, object]
    series: Mapping[str, Series]
    virtual_s: float

    def final(self, *path: str) -> float | None:
        """A reported figure by its path in the metrics."""
        at: object = self.metrics
        for key in path:
            at = at.get(key) if isinstance(at, Mapping) else None
        return float(at) if isinstance(at, int | float) else None

    def last(self, name: str) -> float | None:
        """The last sample of a series."""
        points = self.series.get(name)
        return points[-1][1] if points else None


def compact(value: float) -> str:
    """A number in at most five places: ``360``, ``5.17 k``, ``100 M``."""
    for unit, size in ((" G", 1e9), (" M", 1e6), (" k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}" if value % 1 else f"{value:.0f}"


def figures(known: Known) -> list[Figure]:
    """The cards of a run, in order."""
    makers: tuple[Callable[[Known], Iterator[Figure]], ...] = (
        _answered,
        _latency,
        _accuracy,
        _committed,
        _cost,
        _escrow,
        _supply,
        _token_price,
        _attack,
        _harm,
    )
    return [figure for make in makers for figure in make(known)]


def paid(series: Mapping[str, Series]) -> Series:
    """FTNS that those who work hold, by time: the sum of every total but the clients'."""
    names = [n for n in series if n.startswith("balance_total_") and "clients" not in n]
    columns = [series[name] for name in names]
    if not columns or len({len(column) for column in columns}) > 1:
        return []
    return [(row[0][0], sum(value for _, value in row)) for row in zip(*columns, strict=True)]


def _answered(known: Known) -> Iterator[Figure]:
    answered = _either(known.final("queries", "answered"), known.last("queries_answered"))
    asked = _either(known.final("queries", "asked"), known.last("queries_asked"))
    if answered is not None:
        remark = "" if asked is None else f"of {asked:,.0f} asked"
        spark = rate(known.series.get("queries_answered", []))
        yield Figure("Answered", f"{answered:,.0f}", remark, spark, "Line: answers per second")


def _latency(known: Known) -> Iterator[Figure]:
    mean = known.final("latency_s", "mean")
    for name in ("p50", "p99"):
        spark = told(known.series.get(f"latency_{name}_s", []))
        value = _either(known.final("latency_s", name), spark[-1][1] if spark else None)
        if value is None:
            continue
        worst = max((sample for _, sample in spark), default=value)
        remark = f"mean {mean:.3g} s" if name == "p50" and mean is not None else ""
        remark = remark or f"worst {worst:.3g} s"
        yield Figure(
            f"Latency {name}",
            f"{value:.3g} s",
            remark,
            spark,
            "Of all answers; line: of recent ones",
        )


def _accuracy(known: Known) -> Iterator[Figure]:
    value = _either(known.final("accuracy", "mean"), known.final("accuracy"))
    if value is not None:
        kinds = known.metrics.get("accuracy")
        by_kind = kinds.get("by_kind") if isinstance(kinds, Mapping) else None
        scores = list(by_kind.values()) if isinstance(by_kind, Mapping) else []
        remark = f"lowest kind {min(scores):.1%}" if scores else ""
        yield Figure("Accuracy", f"{value:.1%}", remark, [], "Of answers, by the known truth")


def _committed(known: Known) -> Iterator[Figure]:
    value = _either(known.final("committed_operations"), known.last("committed_operations"))
    if value is not None:
        remark = f"{value / known.virtual_s:.3g} a second" if known.virtual_s else ""
        spark = rate(known.series.get("committed_operations", []))
        help_ = "Operations that the replicas committed; line: per second"
        yield Figure("Committed", f"{value:,.0f}", remark, spark, help_)


def _cost(known: Known) -> Iterator[Figure]:
    mean, total = known.final("cost_ftns", "mean"), known.final("cost_ftns", "total")
    if mean is not None:
        remark = "" if total is None else f"{compact(total)} in all"
        help_ = "Mean cost of an answer; line: earned so far by all who work"
        yield Figure("Cost, FTNS", f"{mean:,.1f}", remark, paid(known.series), help_)


def _escrow(known: Known) -> Iterator[Figure]:
    spark = known.series.get("escrow_ftns", [])
    if spark:
        peak = max(value for _, value in spark)
        value = compact(spark[-1][1])
        yield Figure("Escrow, FTNS", value, f"peak {compact(peak)}", spark, "Held at the end")


def _supply(known: Known) -> Iterator[Figure]:
    spark = told(known.series.get("supply_ftns", []))
    value = _either(known.final("supply_ftns"), spark[-1][1] if spark else None)
    if value is not None:
        moved = value - spark[0][1] if spark else 0.0
        remark = f"{moved:+,.4g} since start" if moved else "unchanged"
        yield Figure("Supply, FTNS", compact(value), remark if spark else "", spark, "")


def _token_price(known: Known) -> Iterator[Figure]:
    spark = told(known.series.get("price_usd", []))
    value = _either(known.final("price_usd"), spark[-1][1] if spark else None)
    if value is not None:
        lowest = min((sample for _, sample in spark), default=value)
        yield Figure("Price, USD", f"{value:.3g}", f"lowest {lowest:.3g}", spark, "Of one FTNS")


def _attack(known: Known) -> Iterator[Figure]:
    net, cost = known.final("attack", "net_ftns"), known.final("attack", "cost_ftns")
    if net is not None and cost is not None:
        gained = known.final("attack", "return")
        remark = f"cost {compact(cost)}" + ("" if gained is None else f", return {gained:+.1%}")
        help_ = "Gain less cost of the attacker, from the books"
        yield Figure("Attacker nets, FTNS", compact(net), remark, [], help_)


def _harm(known: Known) -> Iterator[Figure]:
    harm = known.final("attack", "harm_ftns")
    if harm is not None:
        step = known.final("attack", "break_even_step")
        remark = "never breaks even" if step is None else f"breaks even in step {step:,.0f}"
        help_ = "What honest agents lose against the same economy without the attacker"
        yield Figure("Harm, FTNS", compact(harm), remark, [], help_)


def _either(first: float | None, second: float | None) -> float | None:
    return second if first is None else first
