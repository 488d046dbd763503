"""The nemesis: makes scheduled faults strike a simulated world, and heals them when it is time.

It is the only part of the simulator that breaks things. Every strike and every healing is a fact in
the trace, and every effect is counted, so a run can say how often each fault really mattered.

- `nemesis`: when each fault strikes and heals, and what it takes hold of;
- `wire`, `link_faults`: faults of the network and of single messages;
- `slowness`, `clocks`, `population`: faults of processes, clocks and the population;
- `tally`: what is counted.

Faults of storage are `prsm_sim.store`'s own, Byzantine ones `prsm_sim.treachery`'s.
"""

from prsm_sim.nemesis.nemesis import Nemesis
from prsm_sim.nemesis.tally import EFFECT, Tally

__all__ = ["EFFECT", "Nemesis", "Tally"]
