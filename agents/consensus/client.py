"""The client's side of PBFT (OSDI 1999, section 4.1), as a component for any actor.

A client sends its request to the primary and waits for f + 1 replies with the same result from
distinct replicas: one of them is correct, so the result is. If that takes too long it sends the
request to all replicas. It has one request outstanding and numbers them in ascending order, which
is what exactly-once execution rests on; later submissions wait in line.

Where replicas execute tentatively or answer reads without ordering them (`Settings`), tentative and
read-only replies count only by the quorum (thesis, sections 5.1.2 and 5.1.3); and where reads are
not ordered, so do all replies, since otherwise a read could miss a write accepted before it. A read
that finds no quorum in time is ordered like any request.

The last number is kept in the actor's durable store, so a restarted client does not reuse one.

Use it inside an actor::

    self.consensus = ConsensusClient(members)
    ticket = self.consensus.submit(ctx, operation)          # in any handler

    @on(Reply)
    def reply(self, ctx, sender, message):
        result = self.consensus.on_reply(ctx, sender, message)
        if result is not None: ...                          # result.ticket, result.value

    def on_timer(self, ctx, name):
        if self.consensus.on_timer(ctx, name):
            return
"""

from collections import Counter, deque
from collections.abc import Sequence

import msgspec

from agents.consensus.facts import ReplyAccepted
from agents.consensus.messages import ReadRequest, Reply, Request, read_content, request_content
from agents.consensus.rules import Committee
from agents.consensus.settings import Settings
from prsm_sim.actor import Context, PeerId, Seconds


class Result(msgspec.Struct, frozen=True, gc=False):
    """An accepted result.

    Attributes:
        ticket: what `ConsensusClient.submit` returned.
        value: what the state machine returned.
        latency_s: since the request was first sent.
    """

    ticket: int
    value: bytes
    latency_s: Seconds


class ConsensusClient:
    """Submits operations to a committee and accepts results that f + 1 replicas vouch for.

    Args:
        members: the committee, in the order its replicas use.
        retry_s: how long to wait for a result before sending to all replicas, and again.
        name: prefix of its timer and its store key; two clients in one actor need two names.
        settings: the committee's, if it executes tentatively or does not order reads.

    Attributes:
        awaited: the ticket of the outstanding request, 0 if there is none: no other reply counts.
        replies: of each replica its last reply to the outstanding request, or to the one before.
    """

    def __init__(
        self,
        members: Sequence[PeerId],
        retry_s: Seconds = 2.0,
        name: str = "consensus-client",
        settings: Settings | None = None,
    ) -> None:
        self.committee = Committee(tuple(members))
        self.retry_s = retry_s
        self.view = 0
        self.awaited = 0
        self.name = name
        self.replies: dict[PeerId, Reply] = {}
        self._has_reads = settings is not None and settings.read_only
        self._last_ticket: int | None = None
        self._line: deque[tuple[int, bytes, bool]] = deque()
        self._is_reading = False
        self._request: Request | None = None
        self._sent_s: Seconds = 0.0

    @property
    def outstanding(self) -> int:
        """How many submitted operations have no accepted result yet."""
        return len(self._line) + (self._request is not None)

    def submit(self, ctx: Context, operation: bytes, read_only: bool = False) -> int:
        """Have the committee execute `operation` once; return the ticket its result will carry.

        Tickets ascend. The operation is sent at once, or after those submitted before it.

        Args:
            ctx: the actor's.
            operation: for the state machine.
            read_only: it changes nothing, so it need not be ordered if the settings allow that.
        """
        store, ticket = ctx.store, self._last_ticket
        if ticket is None:
            ticket = int(store.get(self.name) or b"0")
        self._last_ticket = ticket = ticket + 1
        store.put(self.name, b"%d" % ticket)
        store.sync()
        read_only = read_only and self._has_reads
        if self._request is None:
            self._send(ctx, ticket, operation, read_only)
        else:
            self._line.append((ticket, operation, read_only))
        return ticket

    def on_reply(self, ctx: Context, sender: PeerId, reply: Reply) -> Result | None:
        """Count a reply; return the result once enough distinct replicas agree on it."""
        request = self._request
        if request is None or reply.timestamp != self.awaited:
            return None  # about half of all replies: those that come after enough others
        if reply.client != request.client or reply.read_only != self._is_reading:
            return None
        if sender not in self.committee.member_set:
            return None
        self.replies[sender] = reply
        if len(self.replies) < self.committee.join:
            return None
        same = [one for one in self.replies.values() if one.result == reply.result]
        if not self._is_enough(same):
            return None
        self.view = _most_common_view(same)
        latency_s = ctx.now - self._sent_s
        result = Result(request.timestamp, reply.result, latency_s)
        ctx.cancel_timer(self.name)
        ctx.emit(ReplyAccepted(request.client, request.timestamp, reply.result, latency_s))
        self._request, self.awaited = None, 0
        if self._line:
            self._send(ctx, *self._line.popleft())
        return result

    def _is_enough(self, same: list[Reply]) -> bool:
        """Whether these equal replies make their result acceptable.

        Tentative replies add up within one view only: what a replica executed tentatively in an
        earlier view may have been undone, so it says nothing about who has prepared it now.
        """
        if not self.committee.is_result(len(same)):
            return False
        for one in same:
            if one.tentative or self._has_reads:
                break
        else:
            return True  # as mostly: all are final
        tentative = [one.view for one in same if one.tentative]
        final = len(same) - len(tentative)
        if not self._has_reads and self.committee.is_result(final):
            return True
        in_one_view = max(Counter(tentative).values()) if tentative else 0
        return self.committee.is_lasting(final + in_one_view)

    def on_timer(self, ctx: Context, name: str) -> bool:
        """Send the outstanding request to all replicas; return whether the timer was ours."""
        if name != self.name:
            return False
        if self._request is not None and self._is_reading:
            ctx.sometimes("consensus: read without a quorum is ordered")
            self._order(ctx, self._request)
        elif self._request is not None:
            ctx.sometimes("consensus: client sent its request to all replicas")
            ctx.broadcast(self._request, self.committee.members)
            ctx.set_timer(self.name, self.retry_s)
        return True

    def _send(self, ctx: Context, ticket: int, operation: bytes, read_only: bool) -> None:
        """Send a request, none being outstanding."""
        self._sent_s = ctx.now
        signature = ctx.sign(request_content(ctx.id, ticket, operation))
        request = Request(ctx.id, ticket, operation, signature)
        if read_only:
            self._read(ctx, request)
        else:
            self._order(ctx, request)

    def _order(self, ctx: Context, request: Request) -> None:
        """Send a request to the primary (section 4.1)."""
        self._request, self.awaited = request, request.timestamp
        self._is_reading, self.replies = False, {}
        ctx.send(self.committee.primary(self.view), request)
        ctx.set_timer(self.name, self.retry_s)

    def _read(self, ctx: Context, request: Request) -> None:
        """Ask all replicas directly (thesis, section 5.1.3)."""
        self._request, self.awaited = request, request.timestamp
        self._is_reading, self.replies = True, {}
        read = ReadRequest(ctx.id, request.timestamp, request.operation)
        signature = ctx.sign(read_content(read))
        ctx.broadcast(
            ReadRequest(ctx.id, request.timestamp, request.operation, signature),
            self.committee.members,
        )
        ctx.set_timer(self.name, self.retry_s)


def _most_common_view(replies: list[Reply]) -> int:
    """The view most of the replicas are in, the later one on a tie; only a hint whom to ask."""
    first = replies[0].view
    for reply in replies:
        if reply.view != first:
            break
    else:
        return first
    counts = Counter(reply.view for reply in replies)
    return max(counts, key=lambda view: (counts[view], view))
