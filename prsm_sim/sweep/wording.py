"""Estimates as people read them.

A mean is shown to the digits that its interval leaves it, and of the interval's half two digits
count: more would suggest a certainty that is not there.
"""

import math

from prsm_sim.sweep.analysis import Estimate

MOST_DIGITS = 8
"""Behind the point; smaller intervals are shown by a power of ten."""


def mean_text(found: Estimate) -> str:
    """A mean with half of its interval."""
    if found.mean is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.mean:.5g}"
    return plus_minus(found.mean, (found.high - found.low) / 2)


def plus_minus(mean: float, half: float) -> str:
    """A mean and half of its interval, to the same digit."""
    if not half:
        return f"{mean:.6g} ± 0"
    digits = 1 - math.floor(math.log10(half))
    if digits > MOST_DIGITS:
        return f"{mean:.6g} ± {half:.2g}"
    shown = max(digits, 0)
    return f"{round(mean, digits):,.{shown}f} ± {round(half, digits):,.{shown}f}"
