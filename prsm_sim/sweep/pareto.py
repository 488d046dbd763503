"""The Pareto front: what nothing else beats in every respect.

One vector *dominates* another if it is nowhere worse and somewhere better; the front is what nobody
dominates (Pareto 1906; Kung, Luccio and Preparata 1975). In descending lexicographic order nothing
is dominated by what comes after it: where two first differ, the later one is worse. And if
something dominates a vector, so does something on the front, for domination is transitive. So each
vector is held against the front so far, and against nothing else: n·f comparisons for a front of f.
"""

from collections.abc import Sequence


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether `one` is nowhere smaller than `other`, and somewhere larger."""
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def front(vectors: Sequence[Sequence[float]]) -> list[int]:
    """Places of the vectors that none dominates, ascending; equal ones are all there.

    Args:
        vectors: of one length; more is better in each number, and none is NaN.
    """
    order = sorted(range(len(vectors)), key=lambda place: tuple(vectors[place]), reverse=True)
    kept: list[int] = []
    for place in order:
        if not any(dominates(vectors[other], vectors[place]) for other in kept):
            kept.append(place)
    return sorted(kept)
