"""What a protocol's own tests need.

``assert_holds`` runs one case. The rest needs Hypothesis (``pip install hypothesis``)::

    from hypothesis import given
    from prsm_sim.testing import cases, patient

    @patient
    @given(cases("my_protocol.py"))
    def test_my_protocol(case):
        case.check()

and a failing example is shrunk to a minimal story, saved, and tried first the next time.
"""

from typing import TYPE_CHECKING, Any

from prsm_sim.testing.case import Case, assert_holds

if TYPE_CHECKING:
    from prsm_sim.testing.machine import WorldMachine
    from prsm_sim.testing.plans import cases, deviations, fault_plans, patient, workloads

_DRAWN = {
    "WorldMachine": "machine",
    "cases": "plans",
    "deviations": "plans",
    "fault_plans": "plans",
    "patient": "plans",
    "workloads": "plans",
}

__all__ = [
    "Case",
    "WorldMachine",
    "assert_holds",
    "cases",
    "deviations",
    "fault_plans",
    "patient",
    "workloads",
]


def __getattr__(name: str) -> Any:
    """Import what needs Hypothesis only when it is asked for: generated tests do without."""
    if name not in _DRAWN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_DRAWN[name]}"), name)
