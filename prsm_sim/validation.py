"""Validations: claims of the project, each compared with an answer that was obtained otherwise.

A validation is a function that measures the shipped code and compares it with closed forms,
published figures or a second implementation. It is announced as an entry point of the group
``prsm_sim.validations`` and printed by ``prsm validate``. What is exact must be equal; what is
random is compared by confidence intervals, which shrink as more is sampled, never by a tolerance
that somebody chose.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

Figure: TypeAlias = float | int | str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One claim and what became of it.

    Attributes:
        what: what is claimed, in one line.
        expected: what it should be, and `measured` what it is.
        interval: the confidence interval that decided; None: the two must be equal.
        of: what `interval` is an interval of.
        verdict: whether the claim holds.
        detail: how it was measured.
    """

    what: str
    expected: Figure
    measured: Figure
    interval: tuple[float, float] | None = None
    of: str = ""
    verdict: Literal["pass", "fail"]
    detail: str = ""


Validation: TypeAlias = Callable[[bool, Callable[[str], None]], list[Claim]]
"""``validate(quick, note)`` measures all, or quickly fewer cases, and tells `note` what it does."""


def equal(what: str, expected: Figure, measured: Figure, detail: str = "") -> Claim:
    """A claim that leaves nothing to chance: both figures are the same."""
    verdict: Literal["pass", "fail"] = "pass" if expected == measured else "fail"
    return Claim(what=what, expected=expected, measured=measured, verdict=verdict, detail=detail)


def equal_real(what: str, expected: float, measured: float | None, detail: str = "") -> Claim:
    """A claim about a sum of floats: both are the same to the rounding of some thousand additions.

    The bound is 2⁻⁴⁰ of the expected figure, that of 8,000 roundings in a row.
    """
    found = float("nan") if measured is None else measured
    verdict: Literal["pass", "fail"] = (
        "pass" if abs(found - expected) <= abs(expected) * 2.0**-40 else "fail"
    )
    return Claim(what=what, expected=expected, measured=found, verdict=verdict, detail=detail)


def within(
    what: str,
    expected: Figure,
    measured: Figure,
    interval: tuple[float, float],
    contains: float,
    *,
    of: str,
    detail: str = "",
) -> Claim:
    """A claim about something random: the interval contains the value it must contain.

    Args:
        contains: the value, such as 0 for the difference of two means.
    """
    low, high = interval
    return Claim(
        what=what,
        expected=expected,
        measured=measured,
        interval=interval,
        of=of,
        verdict="pass" if low <= contains <= high else "fail",
        detail=detail,
    )
