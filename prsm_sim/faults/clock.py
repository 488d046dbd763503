"""Faults of a peer's clocks. `ctx.now` is world time and stays right; protocols may not compare it.

A wall clock can be wrong by any amount. The oscillator behind timers can be off as well, usually by
parts in a million; a large `rate` finds code that takes two peers' time-outs for equal.
"""

from typing import Annotated, Literal

from pydantic import Field

from prsm_sim.faults.base import At, BaseFault, Span


class ClockSkew(BaseFault):
    """A peer's wall clock is `by_s` ahead (negative: behind)."""

    kind: Literal["clock_skew"] = "clock_skew"
    at_s: At
    peer: str
    by_s: Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
    for_s: Span


class ClockDrift(BaseFault):
    """A peer's clock runs `rate` times as fast: its timers, sleeps, time-outs and wall clock.

    Named timers that are armed when it strikes or heals are adjusted; sleeps and time-outs under
    way end when they would have. When it heals, the wall clock is set right.
    """

    kind: Literal["clock_drift"] = "clock_drift"
    at_s: At
    peer: str
    rate: Annotated[float, Field(ge=0.01, le=100)]
    for_s: Span
