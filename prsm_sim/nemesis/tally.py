"""Tallies: how often each scheduled fault struck, and how often that made a difference.

A fault that strikes proves nothing yet: a partition that no message ever tried to cross has tested
nobody. So whatever carries a fault out counts every single effect: each message that a partition
dropped, each write that a crash tore.
"""

from collections import Counter

from prsm_sim.faults import Fault

EFFECT = "fault effect: "
"""What the observatory's counters of effects begin with; the fault's kind follows."""


class Tally:
    """The effects of one scheduled fault.

    Attributes:
        fault: which.
        struck: how often it struck.
        effects: how often that made a difference.
    """

    __slots__ = ("_counters", "_name", "effects", "fault", "struck")

    def __init__(self, fault: Fault, counters: Counter[str]) -> None:
        self.fault = fault
        self.struck = 0
        self.effects = 0
        self._counters = counters
        self._name = EFFECT + fault.kind

    def effect(self, times: int = 1) -> None:
        """The fault made a difference."""
        self.effects += times
        self._counters[self._name] += times
