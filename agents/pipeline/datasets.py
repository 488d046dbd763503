"""The data sets that questions are about: their shapes and names, without their contents.

Architects, prompters and routers reason about a data set's size and vocabulary; only the
executors' sub-models ever open it. The five sets ship with scikit-learn (from the UCI repository;
diabetes from Efron et al. 2004, "Least angle regression"), and a test compares every figure here
with the shipped contents.

Every eighth row is *reserved*: no peer's share contains it, so a question about a reserved row is a
question about something that nobody has been fitted on.
"""

from typing import Final

import msgspec

RESERVED_EVERY: Final = 8


class DatasetCard(msgspec.Struct, frozen=True):
    """What anybody may know of a data set.

    Attributes:
        name: how it is called everywhere.
        domain: the field of research, one of the prompters' domains.
        rows: number of samples.
        features: names of the measurements, in column order.
        classes: names of the classes in label order; empty if the target is a quantity.
        class_rows: samples of each class.
        target: what the target column means.
    """

    name: str
    domain: str
    rows: int
    features: tuple[str, ...]
    classes: tuple[str, ...]
    class_rows: tuple[int, ...]
    target: str

    def cells(self, classes: tuple[int, ...] = (), features: tuple[int, ...] = ()) -> int:
        """Numbers in the part of the table with these classes and features (empty: all)."""
        rows = sum(self.class_rows[label] for label in classes) if classes else self.rows
        return rows * (len(features) or len(self.features))


def is_reserved(row: int) -> bool:
    """Whether no peer may be fitted on this row."""
    return row % RESERVED_EVERY == RESERVED_EVERY - 1


def reserved_rows(name: str) -> tuple[int, ...]:
    """The reserved rows of a data set, ascending."""
    return tuple(range(RESERVED_EVERY - 1, CARDS[name].rows, RESERVED_EVERY))


_CELL_MEASURES: Final = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
    "concave points", "symmetry", "fractal dimension",
)  # fmt: skip

_CARDS: Final = (
    DatasetCard(
        "iris",
        "botany",
        150,
        ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
        ("setosa", "versicolor", "virginica"),
        (50, 50, 50),
        "species",
    ),
    DatasetCard(
        "wine",
        "chemistry",
        178,
        (
            "alcohol",
            "malic_acid",
            "ash",
            "alcalinity_of_ash",
            "magnesium",
            "total_phenols",
            "flavanoids",
            "nonflavanoid_phenols",
            "proanthocyanins",
            "color_intensity",
            "hue",
            "od280/od315_of_diluted_wines",
            "proline",
        ),
        ("cultivar 1", "cultivar 2", "cultivar 3"),
        (59, 71, 48),
        "cultivar",
    ),
    DatasetCard(
        "breast_cancer",
        "medicine",
        569,
        tuple(f"mean {measure}" for measure in _CELL_MEASURES)
        + tuple(f"{measure} error" for measure in _CELL_MEASURES)
        + tuple(f"worst {measure}" for measure in _CELL_MEASURES),
        ("malignant", "benign"),
        (212, 357),
        "diagnosis",
    ),
    DatasetCard(
        "digits",
        "computer vision",
        1797,
        tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
        tuple(str(digit) for digit in range(10)),
        (178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
        "digit",
    ),
    DatasetCard(
        "diabetes",
        "medicine",
        442,
        ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        (),
        (),
        "disease progression after one year",
    ),
)

CARDS: Final[dict[str, DatasetCard]] = {card.name: card for card in _CARDS}
"""Every known data set by name."""
