"""Faults of the network: what strikes all links, or those from some peers to some others.

A link leads one way, from a sender to a receiver. `senders` and `receivers` narrow a fault down to
the links from one of these to one of those; left empty they mean every peer. What a peer sends to
itself never touches the network.
"""

from typing import Annotated, Literal

from pydantic import Field

from prsm_sim.faults.base import At, BaseFault, Names, Rate, Span


class Partition(BaseFault):
    """The network falls apart: two peers reach each other only if a group holds both.

    Groups may overlap, which makes bridges and rings (see `prsm_sim.faults.shapes`). A peer that is
    in no group belongs to the first.
    """

    kind: Literal["partition"] = "partition"
    at_s: At
    for_s: Span
    groups: tuple[tuple[str, ...], ...] = Field(min_length=2, description="names of peers")


def sides_of(partition: Partition) -> dict[str, int]:
    """The groups that each peer is in, as a set of bits; a peer that is missing is in the first."""
    sides: dict[str, int] = {}
    for side, group in enumerate(partition.groups):
        for name in group:
            sides[name] = sides.get(name, 0) | 1 << side
    return sides


class LinkFault(BaseFault):
    """Base of faults that strike links: when, and which."""

    at_s: At
    for_s: Span
    senders: Names = ()
    receivers: Names = ()

    def strikes(self, sender: str, receiver: str) -> bool:
        """Whether it strikes the link from `sender` to `receiver`."""
        return (not self.senders or sender in self.senders) and (
            not self.receivers or receiver in self.receivers
        )


class OneWay(LinkFault):
    """Nothing that a sender sends reaches a receiver; the other way stays open."""

    kind: Literal["one_way"] = "one_way"


class Loss(LinkFault):
    """Links lose this share of their messages, on top of what the network loses anyway."""

    kind: Literal["loss"] = "loss"
    rate: Rate


class Delay(LinkFault):
    """Every message takes `by_s` longer."""

    kind: Literal["delay"] = "delay"
    by_s: Span


class Duplication(LinkFault):
    """This share of messages arrives a second time, up to `within_s` after the first."""

    kind: Literal["duplication"] = "duplication"
    rate: Rate
    within_s: Span = 0.1


class Reordering(LinkFault):
    """This share of messages is held back for up to `within_s`, so that others overtake it."""

    kind: Literal["reordering"] = "reordering"
    rate: Rate
    within_s: Span = 0.1


class Corruption(LinkFault):
    """One bit of the encoding of this share of messages is flipped on the way.

    What does not decode any more is dropped, as a receiver would; the rest arrives altered.
    """

    kind: Literal["corruption"] = "corruption"
    rate: Rate


class Clog(LinkFault):
    """Messages are held back, and all arrive when the fault heals."""

    kind: Literal["clog"] = "clog"


class Throttle(LinkFault):
    """Each link carries `bytes_s` bytes a second; messages queue behind each other."""

    kind: Literal["throttle"] = "throttle"
    bytes_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]
