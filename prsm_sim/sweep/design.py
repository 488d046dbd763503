"""Designs: which points of the parameter space are run.

An axis is a parameter and the values it takes; a grid is every combination. Axes are written as
people say them:

    replicas=4,7,10          these values
    timeout_links=2..10:5    five values, evenly spaced, both ends included
    rate=0.001..1:4*         four values, each the same multiple of the one before

A shard is a part of the replicas for one job of an array of jobs: of n shards, the i-th has those
replicas whose number leaves i − 1 when divided by n, so that the points, cheap and dear, are dealt
out evenly.
"""

import itertools
import math
from collections.abc import Sequence

import msgspec

from prsm_sim.actor.errors import UserError

Point = tuple[str, ...]
"""Overrides, ``name=value``: one an axis, in the order of the axes."""
MOST_POINTS = 1_000_000


class Axis(msgspec.Struct, frozen=True):
    """A parameter and its values.

    Attributes:
        name: of the parameter, with dots where it is nested.
        values: as texts, as ``--set`` takes them.
    """

    name: str
    values: tuple[str, ...]


class Shard(msgspec.Struct, frozen=True):
    """One of several parts of the replicas.

    Attributes:
        number: which one, from 1.
        count: of how many.
    """

    number: int = 1
    count: int = 1

    def holds(self, task: int) -> bool:
        """Whether a replica is one of its own."""
        return task % self.count == self.number - 1


WHOLE = Shard()


def parse_shard(text: str) -> Shard:
    """Read ``i/n``.

    Raises:
        UserError: it is no such thing.
    """
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UserError(f"--shard {text}: write it as --shard 1/4, with shards from 1/4 to 4/4")
    return Shard(int(number), int(count))


def parse_axis(text: str) -> Axis:
    """Read ``name=a,b,c``, ``name=low..high:count`` or ``name=low..high:count*``.

    Raises:
        UserError: it is none of these; the text says what is wrong.
    """
    name, equals, values = text.partition("=")
    name = name.strip()
    if not equals or not name or not values.strip():
        raise UserError(f"--vary {text}: write it as --vary name=1,2,3 or name=low..high:count")
    if ".." in values:
        return Axis(name, _range(text, values))
    listed = tuple(value.strip() for value in values.split(","))
    if not all(listed):
        raise UserError(f"--vary {text}: there is nothing between two commas")
    if len(set(listed)) < len(listed):
        raise UserError(f"--vary {text}: a value is there twice")
    return Axis(name, listed)


def _range(text: str, values: str) -> tuple[str, ...]:
    ends, colon, count_text = values.partition(":")
    low_text, _, high_text = ends.partition("..")
    is_geometric = count_text.endswith("*")
    try:
        low, high, count = float(low_text), float(high_text), int(count_text.removesuffix("*"))
    except ValueError as error:
        raise UserError(f"--vary {text}: a range is low..high:count, such as 0.1..1:10") from error
    if not colon or count < 2 or not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"--vary {text}: a range ascends and has at least 2 values")
    if is_geometric and low <= 0:
        raise UserError(f"--vary {text}: equal multiples need a positive beginning")
    if is_geometric:
        spaced = [low * (high / low) ** (step / (count - 1)) for step in range(count - 1)]
    else:
        spaced = [low + (high - low) * (step / (count - 1)) for step in range(count - 1)]
    whole = all(text.strip().lstrip("+-").isdigit() for text in (low_text, high_text))
    return tuple(dict.fromkeys(_text(value, whole=whole) for value in (*spaced, high)))


def _text(value: float, *, whole: bool) -> str:
    """A value to be typed: whole numbers between whole ends, else as few digits as it takes."""
    return str(round(value)) if whole else f"{value:.12g}"


def grid(axes: Sequence[Axis]) -> tuple[Point, ...]:
    """Every combination of the axes' values; the last axis varies fastest. Without axes one point.

    Raises:
        UserError: two axes have one name, or there are too many points.
    """
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--vary {name}: given twice; list all its values in one")
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_POINTS:
        raise UserError(f"{count:,} points are more than {MOST_POINTS:,}; take fewer values")
    return tuple(
        tuple(f"{axis.name}={value}" for axis, value in zip(axes, values, strict=True))
        for values in itertools.product(*(axis.values for axis in axes))
    )
