"""Schedules of faults as lines that people read and write.

::

    at 10 s partition majorities-ring for 20 s
    at 10 s partition a b | c d for 20 s         # comments are skipped
    at 1 s delay 0.5 s from a to b for 2 s
    at 3 s crash replica-2 with-amnesia for 5 s
    message 3 from a to b dropped

A line is a time, a kind of fault, what it needs, and clauses in any order. `grammar`
says what there is, `reader` parses, `writer` formats; what is formatted parses back to the same
fault. Names that could be mistaken for something else stand in double quotes. In YAML, a list of
faults may hold such lines besides mappings.
"""

from prsm_sim.schedule.grammar import DEVIATIONS, KINDS
from prsm_sim.schedule.reader import parse_entry, parse_schedule
from prsm_sim.schedule.writer import format_fault, format_schedule

__all__ = [
    "DEVIATIONS",
    "KINDS",
    "format_fault",
    "format_schedule",
    "parse_entry",
    "parse_schedule",
]
