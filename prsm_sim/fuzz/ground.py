"""The ground a strategy stands on: whom it may strike, when, and a source of chance.

Whoever is to be broken for good is drawn first, at most as many as the scenario's fault model
allows; every fault that a peer cannot recover from goes to these. All times end before the scenario
wants the world healed.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar, get_args

import msgspec

from prsm_sim.actor.context import Random
from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.chance import exp, log
from prsm_sim.exposure import Exposure
from prsm_sim.fuzz.census import Census
from prsm_sim.sim import Sim
from prsm_sim.treachery.values import is_signature

T = TypeVar("T")

_FIRST_ONES = 0.5
"""In this share of plans some of the first peers are broken."""


class Ground:
    """What one plan is drawn from.

    Args:
        exposure: what may be struck.
        types: of each message type that peers and bystanders accept, by name, its fields.
        link_s: how long a message takes, about; None: a hundredth of the time until all heals.
        census: what an undisturbed run has shown.
        rng: the strategy's own stream.
        seed: of the run.

    Attributes:
        everyone: all whose links may be struck.
        rare: names of the message types that an undisturbed run does not show.
        broken: the peers that may be broken for good.
    """

    def __init__(
        self,
        exposure: Exposure,
        types: Mapping[str, tuple[str, ...]],
        census: Census,
        rng: Random,
        link_s: Seconds | None = None,
        seed: int = 0,
    ) -> None:
        self.exposure = exposure
        self.types = types
        self.census = census
        self.rng = rng
        self.seed = seed
        self.link_s = exposure.heal_s / 100 if link_s is None else link_s
        self.rare = tuple(name for name in types if name not in census.common)
        self.everyone = exposure.peers + exposure.bystanders
        self.broken = self._draw_broken()

    @classmethod
    def of(cls, sim: Sim, rng: Random, census: Census) -> "Ground":
        """The ground of a world that is built and not yet run."""
        everyone = sim.exposure.peers + sim.exposure.bystanders
        accepted = {kind.__name__: kind for name in everyone for kind in sim.actor(name).accepts()}
        fields = {name: field_names(kind) for name, kind in sorted(accepted.items())}
        link_s = sim.network.latency.mean_s or None
        return cls(sim.exposure, fields, census, rng, link_s, sim.seed)

    def _draw_broken(self) -> tuple[PeerId, ...]:
        """Who may be broken for good: anybody, or some of the first ones, where most protocols look
        for their first leaders, and for those who come after them."""
        peers, most = self.exposure.peers, min(self.exposure.faulty, len(self.exposure.peers))
        if self.rng.random() < _FIRST_ONES:
            first = min(self.rng.choice((0, 0, 1, 1, 2)), len(peers) - most)
            return peers[first : first + most]
        return tuple(self.rng.sample(peers, most))

    def chance(self, share: float) -> bool:
        """True for this share of calls."""
        return self.rng.random() < share

    def peer(self) -> PeerId:
        """Any peer that may be struck for a while."""
        return self.rng.choice(self.exposure.peers)

    def anyone(self) -> PeerId:
        """Any peer whose links may be struck."""
        return self.rng.choice(self.everyone)

    def some(self, among: tuple[T, ...]) -> tuple[T, ...]:
        """A random non-empty part, in the order given."""
        count = self.rng.randint(1, max(1, len(among)))
        chosen = sorted(self.rng.sample(range(len(among)), count))
        return tuple(among[i] for i in chosen)

    def span_s(self, share: float = 0.5) -> Seconds:
        """How long something lasts: log-uniform, up to this share of the time until all heals.

        Short faults and long ones find different bugs, and which is which depends on time-outs
        that nobody here knows.
        """
        longest = share * self.exposure.heal_s
        return self.between_s(min(self.link_s / 2, longest / 2), longest)

    def between_s(self, shortest: Seconds, longest: Seconds) -> Seconds:
        """A log-uniform span."""
        low, high = log(shortest), log(longest)
        return rounded(exp(low + (high - low) * self.rng.random()))

    def window_s(self, share: float = 0.5) -> tuple[Seconds, Seconds]:
        """When a fault strikes and how long it lasts; it is over when all shall be healed."""
        for_s = self.span_s(share)
        at_s = self.rng.random() * max(self.exposure.heal_s - for_s, 0.0)
        return rounded(at_s), for_s

    def number(self) -> int:
        """The number of a message on its link: log-uniform, so that early ones are struck too, up
        to twice what a link carries when nothing is wrong."""
        return int(exp(log(2.0 * self.census.traffic + 1.0) * self.rng.random())) - 1

    def link(self) -> tuple[PeerId, PeerId]:
        """A sender and another peer that receives."""
        sender, receiver = self.rng.sample(self.everyone, 2)
        return sender, receiver


@lru_cache(maxsize=1024)
def field_names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Names of the fields of a message type and of the structs inside it, but for signatures."""
    names: dict[str, None] = {}
    for field in msgspec.structs.fields(kind):
        if not is_signature(field.name):
            names[field.name] = None
        for inner in _structs_in(field.type):
            names |= dict.fromkeys(field_names(inner))
    return tuple(names)


def _structs_in(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for argument in get_args(annotation):
        yield from _structs_in(argument)


def rounded(time_s: Seconds, digits: int = 4) -> Seconds:
    """A time of so many significant digits; few, for a plan is read by people."""
    return float(f"{time_s:.{digits}g}")
