"""Exploration: every order of events of a small world, depth first, each equivalent order once.

`explore` searches, `replay_tape` plays a finding again.

Modules: `canonical` writes states as bytes, `peer` is one peer as a function of events, `automaton`
numbers its states, `watch` does the same for checkers, `space` has the global states and choices,
`search` goes through them, `tape` tells and replays.
"""

from prsm_sim.explore.canonical import canonical, digest
from prsm_sim.explore.exploration import Exploration, explore, replay_tape
from prsm_sim.explore.space import Budget
from prsm_sim.explore.tape import Choice, Replay
from prsm_sim.explore.world import StillWorld

__all__ = [
    "Budget",
    "Choice",
    "Exploration",
    "Replay",
    "StillWorld",
    "canonical",
    "digest",
    "explore",
    "replay_tape",
]
