"""Named shapes of partitions, each of which some consensus implementation has failed under.

The names are those of Jepsen's nemeses (Kingsbury, "Jepsen", 2013–), where most of them were found
to matter: a bridge or a ring leaves everybody with a majority in sight and still no agreement about
who that majority is.
"""

from collections.abc import Callable, Sequence

from prsm_sim.actor.errors import UserError
from prsm_sim.faults.network import Partition

Groups = tuple[tuple[str, ...], ...]


def halves(peers: Sequence[str], _: str | None) -> Groups:
    """The first half and the rest, which is larger by one if the number is odd."""
    middle = len(peers) // 2
    return tuple(peers[:middle]), tuple(peers[middle:])


def isolate_one(peers: Sequence[str], alone: str | None) -> Groups:
    """One peer (the last unless said otherwise) reaches nobody."""
    lonely = peers[-1] if alone is None else alone
    return tuple(peer for peer in peers if peer != lonely), (lonely,)


def primary_alone(peers: Sequence[str], alone: str | None) -> Groups:
    """The first peer, which is where most protocols begin to look for a leader, reaches nobody."""
    return isolate_one(peers, peers[0] if alone is None else alone)


def bridge(peers: Sequence[str], middle: str | None) -> Groups:
    """Two halves that only one peer (the middle one unless said otherwise) connects."""
    linking = peers[len(peers) // 2] if middle is None else middle
    left, right = halves([peer for peer in peers if peer != linking], None)
    return (*left, linking), (linking, *right)


def star(peers: Sequence[str], middle: str | None) -> Groups:
    """One peer (the first unless said otherwise) reaches everybody, and the others only it."""
    if len(peers) < FEWEST["star"]:
        raise UserError(f"a star needs at least 3 peers, and there are {len(peers)}")
    hub = peers[0] if middle is None else middle
    return tuple((hub, peer) for peer in peers if peer != hub)


def majorities_ring(peers: Sequence[str], _: str | None) -> Groups:
    """Every peer reaches a majority, its nearest ones on a ring, and no two the same.

    Windows of k + 1 neighbours on the ring join exactly the peers at most k apart, so each peer
    reaches 2k + 1; the smallest k is taken that makes this a majority.
    """
    count = len(peers)
    if count < 4:
        raise UserError(f"a majorities-ring needs at least 4 peers, and there are {count}")
    reach = (count // 2 + 1) // 2
    return tuple(
        tuple(peers[(start + step) % count] for step in range(reach + 1)) for start in range(count)
    )


SHAPES: dict[str, Callable[[Sequence[str], str | None], Groups]] = {
    "halves": halves,
    "isolate-one": isolate_one,
    "primary-alone": primary_alone,
    "bridge": bridge,
    "star": star,
    "majorities-ring": majorities_ring,
}
"""Shapes by name; each takes the peers in order and the one that stands out, if that is chosen."""
FEWEST = {"majorities-ring": 4, "star": 3}
"""So few peers a shape may have, if more than two."""


def shaped_partition(
    shape: str,
    peers: Sequence[str],
    *,
    at_s: float,
    for_s: float,
    peer: str | None = None,
    bystanders: Sequence[str] = (),
) -> Partition:
    """A partition of a named shape.

    Args:
        shape: one of `SHAPES`.
        peers: who is parted, in an order that matters to halves and rings.
        at_s: when it strikes, s.
        for_s: how long it lasts, s.
        peer: who stands alone, or in the middle; None: as the shape says.
        bystanders: peers that go on reaching everybody, such as clients.

    Raises:
        UserError: there is no such shape, or too few peers for it, or no such peer.
    """
    make = SHAPES.get(shape)
    if make is None:
        raise UserError(f"no partition has the shape {shape!r}; there are {', '.join(SHAPES)}")
    if len(peers) < 2:
        raise UserError(f"a partition needs at least 2 peers, and there are {len(peers)}")
    if peer is not None and peer not in peers:
        raise UserError(f"a partition cannot leave {peer!r} alone: there is no such peer")
    groups = tuple((*group, *bystanders) for group in make(peers, peer))
    return Partition(at_s=at_s, for_s=for_s, groups=groups)
