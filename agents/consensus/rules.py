"""The rules of PBFT as pure arithmetic (Castro and Liskov, OSDI 1999; sections 4.2 to 4.4).

Nothing here sends, stores or reads a clock, so each rule can be tested by itself.

Why the quorum is ``ceil((n + f + 1) / 2)``: two quorums of that size share at least
``2q - n >= f + 1`` replicas, hence one that is not faulty and does not contradict itself; and a
quorum can always answer, because ``n - f >= q`` whenever ``n >= 3f + 1``. The paper writes it
``2f + 1`` and assumes ``n = 3f + 1``; for n = 5 or 6 that would be 3, two quorums of 3 out of 6
need not meet, and agreement is lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from agents.consensus.messages import Certificate, PrePrepare, ViewChange
from prsm_sim.actor import PeerId, Seconds, UserError

DOUBLINGS_LIMIT = 16
"""Time-outs stop doubling here, so that a healed network is noticed within a day, not a century."""


def fault_limit(n: int) -> int:
    """f, the number of Byzantine replicas that `n` replicas survive: floor((n - 1) / 3)."""
    return (n - 1) // 3


def quorum(n: int) -> int:
    """q, the size of a quorum of `n` replicas: ceil((n + f + 1) / 2)."""
    return (n + fault_limit(n) + 2) // 2


@lru_cache(maxsize=256)
def _set_of(members: tuple[PeerId, ...]) -> frozenset[PeerId]:
    """One set for all replicas of one process: they look into it at every message."""
    return frozenset(members)


@dataclass(frozen=True)
class Committee:
    """The replicas, in the order in which they take turns as primary.

    Attributes:
        members: names of the replicas; all replicas and clients must be given the same order.
        n: how many there are.
        f: how many of them may be Byzantine.
        q: size of a quorum.
        join: f + 1, the smallest group that surely contains a correct replica.

    Raises:
        UserError: fewer than four members, or one named twice.
    """

    members: tuple[PeerId, ...]
    n: int = field(init=False)
    f: int = field(init=False)
    q: int = field(init=False)
    join: int = field(init=False)
    member_set: frozenset[PeerId] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n = len(self.members)
        if n < 4:
            raise UserError(f"a PBFT committee needs at least 4 replicas to survive one; got {n}")
        if len(set(self.members)) != n:
            raise UserError(f"a PBFT committee names a replica twice: {', '.join(self.members)}")
        for name, value in (
            ("n", n),
            ("f", fault_limit(n)),
            ("q", quorum(n)),
            ("join", fault_limit(n) + 1),
            ("member_set", _set_of(self.members)),
        ):
            object.__setattr__(self, name, value)

    def primary(self, view: int) -> PeerId:
        """The primary of `view`: replica number ``view mod n`` (section 4.1)."""
        return self.members[view % self.n]

    def is_prepared(self, matching_prepares: int) -> bool:
        """Whether a pre-prepare and so many matching prepares of distinct backups are a quorum.

        Section 4.2: the pre-prepare speaks for the primary, so q - 1 backups complete it.
        """
        return matching_prepares >= self.q - 1

    def is_committed(self, matching_commits: int) -> bool:
        """Whether so many matching commits of distinct replicas, one's own included, are enough."""
        return matching_commits >= self.q

    def is_stable(self, matching_checkpoints: int) -> bool:
        """Whether so many matching checkpoints of distinct replicas prove a checkpoint stable.

        Section 4.3: "with 2f + 1" (q for n = 3f + 1). At least f + 1 of them are correct, so the
        state is right and remains available from one of them whichever f fail.
        """
        return matching_checkpoints >= self.q

    def is_result(self, matching_replies: int) -> bool:
        """Whether so many equal replies of distinct replicas contain a correct one.

        Section 4.1: f + 1.
        """
        return matching_replies >= self.join

    def is_lasting(self, matching_replies: int) -> bool:
        """Whether so many equal tentative or read-only replies may be accepted.

        Section 5.1: 2f + 1 (q for n = 3f + 1): every later quorum then contains a correct replica
        that prepared what the reply reflects.
        """
        return matching_replies >= self.q

    def view_to_join(self, current_view: int, views: Iterable[int]) -> int | None:
        """The view that f + 1 other replicas make this one join, or None.

        Section 4.5.2: on valid view-changes of f + 1 other replicas for views above its own, a
        replica joins the smallest of those views even if its timer has not expired.

        Args:
            current_view: the view this replica is in or changing to.
            views: for each other replica the highest view it asked for.
        """
        above = [view for view in views if view > current_view]
        return min(above) if len(above) >= self.join else None


def timeout_s(base_s: Seconds, attempts: int) -> Seconds:
    """How long to wait for progress after `attempts` view changes in a row without any.

    Section 4.5.2: the first new view gets `base_s`, each next one twice as long.
    """
    return float(base_s * 2 ** min(max(attempts - 1, 0), DOUBLINGS_LIMIT))


def is_plausible_time(now_ms: int, local_s: Seconds, tolerance_s: Seconds) -> bool:
    """Whether a primary's clock reading is within `tolerance_s` of this replica's."""
    return abs(now_ms - local_s * 1000.0) <= tolerance_s * 1000.0


def advance_clock(clock_ms: int, now_ms: int) -> int:
    """The agreed time after a batch with reading `now_ms`: it never runs backwards.

    Taking the maximum at execution makes agreed time monotone on every replica by construction,
    whatever a primary wrote and in whatever order its pre-prepares arrived.
    """
    return max(clock_ms, now_ms)


def is_checkpoint(sequence: int, interval: int) -> bool:
    """Whether a checkpoint is taken after `sequence`.

    Section 4.3: when a request with a sequence number divisible by some constant is executed.
    """
    return interval > 0 and sequence > 0 and sequence % interval == 0


def select_reproposals(
    view_changes: Sequence[ViewChange],
) -> tuple[int, tuple[PrePrepare | None, ...]]:
    """What a new view must start with: the set O of section 4.4, computed from V alone.

    Returns:
        ``(low, choices)``. `low` is the paper's min-s, the latest stable checkpoint in V;
        ``choices[i]`` belongs to sequence number ``low + 1 + i``, up to max-s, the highest with a
        certificate: the pre-prepare of the prepared certificate with the highest view, or None
        where no certificate exists and a null request fills the gap.
    """
    low = max(view_change.low for view_change in view_changes)
    best: dict[int, Certificate] = {}
    for view_change in view_changes:
        for certificate in view_change.prepared:
            sequence = certificate.pre_prepare.sequence
            known = best.get(sequence)
            if known is None or known.pre_prepare.view < certificate.pre_prepare.view:
                best[sequence] = certificate
    high = max(best, default=low)
    chosen = (best.get(sequence) for sequence in range(low + 1, high + 1))
    return low, tuple(None if one is None else one.pre_prepare for one in chosen)
