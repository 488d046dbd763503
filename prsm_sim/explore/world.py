"""A world without time: it only writes down who lives there and who watches.

A scenario builds it as it builds a simulation. What happens then, and in which order, is not
decided here but tried out: `space` makes every possible next step a choice.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from prsm_sim.actor.actor import Actor
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId, Seconds
from prsm_sim.checker import Checker
from prsm_sim.explore.peer import Peer
from prsm_sim.notary import Notary
from prsm_sim.world import World


class StillWorld(World):
    """A world as it stands before anything has happened.

    Attributes:
        checkers: who watches, in the order they were added.
    """

    kind: Literal["sim", "live"] = "sim"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._factories: dict[PeerId, Callable[[], Actor]] = {}
        self._friends: dict[PeerId, tuple[PeerId, ...] | None] = {}
        self.notary = Notary(seed)

    def __deepcopy__(self, memo: dict[int, object]) -> "StillWorld":
        """Itself: a checker that asks its world something is copied without the world."""
        return self

    def canonical_state(self) -> object:
        """Nothing, for nothing changes here."""
        return None

    @property
    def now(self) -> Seconds:
        """Always 0."""
        return 0.0

    @property
    def checkers(self) -> list[Checker]:
        """Who watches."""
        return self.observatory.checkers

    def spawn(
        self,
        name: PeerId,
        factory: Callable[[], Actor],
        *,
        region: str = "",
        peers: Sequence[PeerId] | None = None,
    ) -> None:
        """Add a peer; see `World.spawn`."""
        if name in self._factories or not name:
            raise UserError(f"a peer cannot be called {name!r}: the name is taken or not allowed")
        self.inhabited = True
        self._factories[name] = factory
        self._friends[name] = self.neighbours.get(name) if peers is None else tuple(sorted(peers))

    def peers(self) -> list[Peer]:
        """All peers, anew, in the order they were spawned; none has started.

        Raises:
            UserError: there are none, or the scenario schedules faults at set times.
        """
        if not self._factories:
            raise UserError("the scenario spawns no peer, so there is nothing to explore")
        if self.faults:
            raise UserError(
                f"the scenario schedules a fault ({self.faults[0].kind}), and exploration has no "
                "time at which it could strike; leave it out and give a budget of faults instead"
            )
        everyone = sorted(self._factories)
        made = []
        for name, factory in self._factories.items():
            friends = self._friends[name]
            if friends is None:
                friends = tuple(one for one in everyone if one != name)
            made.append(Peer(name, factory, friends, self.seed, self.notary))
        return made
