"""`explore`: every order of events of a small world, within bounds; and the shortest story found.

Unlike the other strategies this one can prove something: where it reports `complete`, no order of
deliveries, timers and budgeted faults violates a checker in this world. Worlds must be small, for
the number of states grows exponentially with the messages under way at once.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from prsm_sim.explore.search import Failing, Progress, Reduction, Search
from prsm_sim.explore.space import Budget, Space
from prsm_sim.explore.tape import Choice, Make, Replay, Replayer, acts_of, shorten
from prsm_sim.explore.world import StillWorld
from prsm_sim.scenario import Scenario

Build = Callable[[Any, Any], None]
NO_FAULTS = Budget()


class Exploration(msgspec.Struct, frozen=True, kw_only=True):
    """What an exploration found.

    Attributes:
        states: global states visited.
        transitions: steps taken between them.
        ends: states in which nothing more can happen.
        deepest: length of the longest path.
        local_states: states of single peers, over all peers.
        local_steps: handler runs that were needed.
        coverage: labels of `Context.sometimes` that were reached, sorted.
        complete: nothing was left out, so without a violation there is none.
        violation: what is wrong; None if nothing is.
        by: the checker that says so, or the peer whose handler raised; empty if nothing is wrong.
        tape: the path to the violation, as short as it could be made.
        story: the same for people, a line a choice.
    """

    states: int
    transitions: int
    ends: int
    deepest: int
    local_states: int
    local_steps: int
    coverage: tuple[str, ...]
    complete: bool
    violation: str | None = None
    by: str = ""
    tape: tuple[Choice, ...] = ()
    story: tuple[str, ...] = ()


def explore(
    scenario: Scenario[Any] | Build,
    parameters: Any = None,
    *,
    seed: int = 0,
    depth: int = 1_000,
    states: int = 100_000,
    faults: Budget = NO_FAULTS,
    reduction: Reduction = "dynamic",
    shortest: bool = False,
    progress: Progress | None = None,
) -> Exploration:
    """Explore all orders of events in the world that `scenario` builds.

    Args:
        scenario: a scenario, or its build function ``build(world, parameters)``.
        parameters: given to it.
        seed: of the actors' own chance.
        depth: longest path, in choices.
        states: most states to visit.
        faults: how many faults a path may have.
        reduction: ``dynamic`` leaves out orders that make no difference; ``none`` tries them all.
        shortest: deepen step by step, without reduction, so that the first violation has the
            shortest path there is. Slower.
        progress: called now and then with the number of states and transitions so far; False ends
            the exploration.

    Raises:
        UserError: an actor cannot be explored (async handlers, shared memory), or the scenario
            schedules faults.
    """
    make = maker(scenario, parameters, seed)
    space = Space(make(), faults)
    search, failing = _deepen(space, depth, states, progress) if shortest else _run(
        space, depth, states, reduction, progress
    )  # fmt: skip
    told = {} if failing is None else _tell(make, space, failing)
    automata = space.automata
    return Exploration(
        states=search.visited,
        transitions=search.transitions,
        ends=len(search.ends),
        deepest=search.deepest,
        local_states=sum(map(len, automata.states)),
        local_steps=automata.executed,
        coverage=tuple(sorted(space.coverage)),
        complete=search.is_complete and failing is None,
        **told,
    )


def replay_tape(
    scenario: Scenario[Any] | Build,
    parameters: Any,
    tape: tuple[Choice, ...],
    *,
    seed: int = 0,
) -> Replay:
    """Play a tape once more.

    Raises:
        UserError: one of its choices is not possible; the tape is from another world.
    """
    return Replayer(maker(scenario, parameters, seed)()).play(tape, strictly=True)


def maker(scenario: Scenario[Any] | Build, parameters: Any, seed: int) -> Make:
    """What builds the scenario's world anew, each time the same."""
    build = scenario.build if isinstance(scenario, Scenario) else scenario

    def make() -> StillWorld:
        world = StillWorld(seed)
        build(world, parameters)
        return world

    return make


def _run(
    space: Space, depth: int, states: int, reduction: Reduction, progress: Progress | None
) -> tuple[Search, Failing | None]:
    search = Search(space, depth=depth, states=states, reduction=reduction, progress=progress)
    return search, search.run()


def _deepen(
    space: Space, depth: int, states: int, progress: Progress | None
) -> tuple[Search, Failing | None]:
    for bound in range(1, depth + 1):
        search, failing = _run(space, bound, states, "none", progress)
        if failing is not None or search.is_complete or search.visited >= states:
            break
    return search, failing


def _tell(make: Make, space: Space, failing: Failing) -> dict[str, Any]:
    """The shortest story found of a failing path; replayed, so that nothing is claimed unseen."""
    acts = acts_of(space, failing.choices)
    replayed = Replayer(make()).play(acts, strictly=True)
    assert replayed.by == failing.by, f"replay says {replayed!r}, the search said {failing!r}"
    replayed = Replayer(make()).play(shorten(make, acts, failing.by), strictly=False)
    return {
        "violation": replayed.wrong,
        "by": replayed.by,
        "tape": replayed.tape,
        "story": replayed.story,
    }
