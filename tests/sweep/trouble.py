"""A scenario in which the replica of one seed goes wrong, in a way of one's choice."""

import math
import os
import signal
from collections.abc import Callable

from prsm_sim.scenario import ScenarioParameters, scenario
from prsm_sim.world import World


class TroubleParameters(ScenarioParameters):
    """How, and to whom."""

    how: str = "well"
    unlucky: int = 2
    share: float = 0.5
    duration_s: float = 1.0


def fall_ill(how: str) -> float:
    """Go wrong; the value to report if that is possible at all."""
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "gone":
        os._exit(0)
    if how == "left":
        raise SystemExit(0)
    if how == "raised":
        raise KeyError("lost")
    return {"nan": math.nan, "infinite": math.inf}[how]


@scenario(TroubleParameters)
def trouble(world: World, parameters: TroubleParameters) -> None:
    """Reports its seed, and something random; the unlucky one does not."""
    is_unlucky = world.seed == parameters.unlucky and parameters.how != "well"
    if is_unlucky and parameters.how == "unbuilt":
        raise ZeroDivisionError("no divisor")

    def close() -> None:
        value = fall_ill(parameters.how) if is_unlucky else float(world.seed)
        world.report("deep", {"seed": value})
        world.report("share", parameters.share * (1 + world.seed))

    report: Callable[[], None] = close
    world.at_end(report)
