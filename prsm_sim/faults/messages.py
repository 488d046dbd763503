"""Deviations: faults that strike one message, so that a counter-example is a short story.

A message is named by its sender, its receiver and its number on that link, from 0, counted from the
start of the run in the order of sending. That name stays the same when something elsewhere in the
run changes, which is what lets a shrinker remove one deviation without moving all others.
"""

from typing import Annotated, Literal

from pydantic import Field

from prsm_sim.faults.base import BaseFault, Span

Number = Annotated[int, Field(ge=0, description="its number on the link from sender to receiver")]


class DropMessage(BaseFault):
    """One message is lost."""

    kind: Literal["drop_message"] = "drop_message"
    sender: str
    receiver: str
    number: Number


class DelayMessage(BaseFault):
    """One message takes `by_s` longer than it would."""

    kind: Literal["delay_message"] = "delay_message"
    sender: str
    receiver: str
    number: Number
    by_s: Span


class DuplicateMessage(BaseFault):
    """One message arrives a second time, `after_s` after the first."""

    kind: Literal["duplicate_message"] = "duplicate_message"
    sender: str
    receiver: str
    number: Number
    after_s: Span
