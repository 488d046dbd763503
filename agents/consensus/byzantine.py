"""Byzantine replicas as wrappers around honest ones; the replica's own code knows no malice.

An `Equivocator` tells two stories about each sequence number it has seen a pre-prepare for. The
first half of the honest replicas hears what the wrapped replica says; the second half hears of a
*variant*: the same requests with an agreed time one millisecond later. The variant passes every
check of an honest backup (its client signatures are real, its time plausible, its digest right and,
if the equivocator is primary, its signature valid), so only quorums stand against it. As primary it
sends conflicting pre-prepares; as backup it votes for different digests to different peers.

One equivocator among n >= 4 is within f. With *accomplices* that tell the same two stories to the
same halves, f + 1 of them together do break agreement, as the theory says they can.

Liars that know nothing of PBFT change any field of any message. `resign` is what they need of the
protocol: it puts the liar's own signature under what it has altered. Only its own: a client's
request, another's vote in a certificate and another's view-change stay as they are, and an honest
replica finds out what was done to them.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TypeVar

from msgspec.structs import replace

from agents.consensus.messages import (
    Checkpoint,
    Commit,
    NewView,
    Prepare,
    PrePrepare,
    ViewChange,
    VoteKind,
    batch_digest,
    checkpoint_content,
    new_view_content,
    view_change_content,
    vote_content,
)
from prsm_sim.actor import Actor, Context, Message, PeerId, Wrapper, encode

VARIANT_MS = 1
"""How much later the variant's agreed time is, ms."""
MEMORY = 1024
"""How many pre-prepares it remembers."""
FALSE_DIGESTS = 4
"""One altered pre-prepare in so many keeps a digest that is not its batch's, duly signed."""
V = TypeVar("V", PrePrepare, Prepare, Commit)


def resign(ctx: Context, message: Message) -> Message:
    """An altered message as valid as the sender can make it, with its own signature anew.

    The digest of an altered batch is computed anew, or else every backup would refuse it at once;
    but not always, so that this very check is tried too. Which, the message itself decides.

    Args:
        ctx: of the sender; lends its signature.
        message: any message; those that carry no signature of the sender's come back as they are.
    """
    match message:
        case PrePrepare():
            return _resigned_vote(ctx, "pre-prepare", _with_true_digest(message))
        case Prepare():
            return _resigned_vote(ctx, "prepare", message)
        case Commit():
            return _resigned_vote(ctx, "commit", message)
        case Checkpoint():
            content = checkpoint_content(message.sequence, message.digest)
        case ViewChange():
            content = view_change_content(message)
        case NewView():
            votes = (_resigned_vote(ctx, "pre-prepare", one) for one in message.pre_prepares)
            message = replace(message, pre_prepares=tuple(votes))
            content = new_view_content(message)
        case _:
            return message
    return replace(message, signature=ctx.sign(content))


def _resigned_vote(ctx: Context, kind: VoteKind, vote: V) -> V:
    content = vote_content(kind, vote.view, vote.sequence, vote.digest)
    return replace(vote, signature=ctx.sign(content))


def _with_true_digest(message: PrePrepare) -> PrePrepare:
    digest = batch_digest(message.now_ms, message.requests)
    if digest == message.digest or sha256(encode(message)).digest()[0] % FALSE_DIGESTS == 0:
        return message
    return replace(message, digest=digest)


class Equivocator(Wrapper):
    """Says one thing to one half of the replicas and another to the other half.

    Args:
        inner: the honest replica it corrupts.
        members: the committee.
        accomplices: other equivocators, which all hear the first story.
    """

    def __init__(
        self, inner: Actor, members: Sequence[PeerId], accomplices: Sequence[PeerId] = ()
    ) -> None:
        super().__init__(inner)
        self._members = tuple(members)
        self._accomplices = frozenset(accomplices)
        self._seen: dict[tuple[int, int], PrePrepare] = {}

    def forward(self, ctx: Context, sender: PeerId, message: Message) -> Message | None:
        """Remember pre-prepares on their way in, to know what the variant is."""
        if isinstance(message, PrePrepare):
            self._remember(message)
        return super().forward(ctx, sender, message)

    def outgoing(
        self, ctx: Context, to: PeerId, message: Message
    ) -> Iterable[tuple[PeerId, Message]]:
        """Replace what goes to the second half by the variant."""
        if isinstance(message, PrePrepare):
            self._remember(message)
        if isinstance(message, PrePrepare | Prepare | Commit) and to in self._second_half(ctx):
            return ((to, self._variant_of(ctx, message)),)
        return ((to, message),)

    def _second_half(self, ctx: Context) -> tuple[PeerId, ...]:
        honest = [one for one in self._members if one != ctx.id and one not in self._accomplices]
        return tuple(honest[(len(honest) + 1) // 2 :])

    def _remember(self, message: PrePrepare) -> None:
        self._seen.setdefault((message.view, message.sequence), message)
        if len(self._seen) > MEMORY:
            del self._seen[next(iter(self._seen))]

    def _variant_of(self, ctx: Context, message: PrePrepare | Prepare | Commit) -> Message:
        """The message as the second half hears it; unaltered if nothing is known of its slot."""
        original = self._seen.get((message.view, message.sequence))
        if original is None or original.digest != message.digest:
            return message
        view, sequence, now_ms = message.view, message.sequence, original.now_ms + VARIANT_MS
        digest = batch_digest(now_ms, original.requests)
        if isinstance(message, Commit):
            signature = ctx.sign(vote_content("commit", view, sequence, digest))
            return Commit(view, sequence, digest, signature)
        if isinstance(message, Prepare):
            signature = ctx.sign(vote_content("prepare", view, sequence, digest))
            return Prepare(view, sequence, digest, signature)
        signature = ctx.sign(vote_content("pre-prepare", view, sequence, digest))
        return PrePrepare(view, sequence, now_ms, original.requests, digest, signature)
