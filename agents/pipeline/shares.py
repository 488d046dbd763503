"""A peer's share of a data set, and the data sets themselves.

A share is a stratified part of the rows that are not reserved: within each class the rows are put
in an order that a hash of (seed, data set, row) decides, and the first so many are taken. Two peers
with one seed hold the same rows, as replicas of one shard do; different seeds give different, but
overlapping, shares, and nobody needs to store or send the list.
"""

from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn import datasets as shipped

from agents.pipeline.datasets import is_reserved

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LOADERS = {
    "iris": shipped.load_iris,
    "wine": shipped.load_wine,
    "breast_cancer": shipped.load_breast_cancer,
    "digits": shipped.load_digits,
    "diabetes": shipped.load_diabetes,
}


class Share(msgspec.Struct, frozen=True):
    """Which part of the data a peer holds.

    Attributes:
        seed: peers with the same seed hold the same rows.
        thousandths: how much of the unreserved rows of each class, 1 to 1000.
        datasets: of which data sets.
    """

    seed: int
    thousandths: int
    datasets: tuple[str, ...]


class Table(NamedTuple):
    """Rows of a data set: `features` of shape (rows, columns), `target` of shape (rows,)."""

    features: Floats
    target: Floats


@cache
def load(name: str) -> Table:
    """The whole data set, as scikit-learn ships it."""
    bunch: Any = _LOADERS[name]()
    return Table(np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target, np.float64))


@cache
def share_rows(name: str, seed: int, thousandths: int) -> Integers:
    """Row numbers of a share, ascending; none of them reserved."""
    table = load(name)
    strata: dict[int, list[int]] = {}
    has_classes = name != "diabetes"
    for row, target in enumerate(table.target.tolist()):
        if not is_reserved(row):
            strata.setdefault(int(target) if has_classes else 0, []).append(row)
    taken: list[int] = []
    for _, rows in sorted(strata.items()):
        rows.sort(key=lambda row: blake2b(f"{seed}/{name}/{row}".encode(), digest_size=8).digest())
        taken.extend(rows[: -(-len(rows) * thousandths // 1000)])
    return np.array(sorted(taken), dtype=np.int64)


def share_of(name: str, share: Share) -> Table:
    """The rows of a share."""
    rows = share_rows(name, share.seed, share.thousandths)
    table = load(name)
    return Table(table.features[rows], table.target[rows])


def part(table: Table, classes: tuple[int, ...], features: tuple[int, ...]) -> Table:
    """Only these classes (empty: all) and these columns, in the order given (empty: all)."""
    rows = np.isin(table.target, classes) if classes else np.ones(len(table.target), dtype=bool)
    columns = list(features) if features else slice(None)
    return Table(table.features[rows][:, columns], table.target[rows])
