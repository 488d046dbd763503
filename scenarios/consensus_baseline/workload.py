"""The clients: each has one request outstanding and sends the next as soon as it has a result.

Such a closed loop is what latency is measured with: nothing ever waits behind the same client's
other requests. What is asked for is drawn from the client's own stream, over as many keys as there
are clients (three at least), so that clients interfere with each other and their history is worth
judging, and can be judged however many there are.

After its last result a client waits until the network must be quiet, so that messages are counted
to the last one, and then says that it has finished.
"""

from collections.abc import Sequence

from agents.consensus.client import ConsensusClient
from agents.consensus.messages import Reply
from agents.consensus.settings import Settings
from prsm_sim.actor import Actor, Context, Fact, PeerId, Seconds, on
from prsm_sim.history import Invoked, Returned
from scenarios.consensus_baseline.key_value import is_read

KEYS = (b"k0", b"k1", b"k2")
QUIET = "baseline/quiet"


def keys_for(clients: int) -> tuple[bytes, ...]:
    """The keys that so many clients use."""
    return KEYS + tuple(b"k%d" % number for number in range(len(KEYS), clients))


class Finished(Fact, frozen=True):
    """A client has all its results, and what it caused has come to an end."""

    requests: int


class Caller(Actor):
    """A closed-loop client of a key-value store.

    Args:
        members: the committee.
        requests: how many requests it makes.
        retry_s: how long it waits before it sends a request to all replicas.
        quiet_s: how long after its last result it says that it has finished.
        keys: the keys that its requests concern.
        settings: the committee's, if it executes tentatively or does not order reads.
    """

    def __init__(
        self,
        members: Sequence[PeerId],
        requests: int,
        retry_s: Seconds,
        quiet_s: Seconds,
        keys: Sequence[bytes] = KEYS,
        settings: Settings | None = None,
    ) -> None:
        self.consensus = ConsensusClient(members, retry_s, settings=settings)
        self._has_reads = settings is not None and settings.read_only
        self.requests = requests
        self.quiet_s = quiet_s
        self.made = 0
        self.keys = keys
        self.key = b""
        self.seen: dict[bytes, bytes] = {}

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Make the first request."""
        self._next(ctx)

    def on_timer(self, ctx: Context, name: str) -> None:
        """Retransmit, or say that all is over."""
        if name == QUIET:
            ctx.emit(Finished(self.made))
        else:
            self.consensus.on_timer(ctx, name)

    @on(Reply)
    def reply(self, ctx: Context, sender: PeerId, message: Reply) -> None:
        """Take a reply; with the result, make the next request."""
        consensus = self.consensus
        if message.timestamp != consensus.awaited:
            return  # half of all replies: those that come after enough others
        result = consensus.on_reply(ctx, sender, message)
        if result is not None:
            ctx.emit(Returned(ctx.id, result.ticket, result.value))
            self.seen[self.key] = result.value
            self._next(ctx)

    def _next(self, ctx: Context) -> None:
        if self.made == self.requests:
            ctx.set_timer(QUIET, self.quiet_s)
            return
        self.made += 1
        operation = self._draw(ctx)
        read_only = self._has_reads and is_read(operation)
        ticket = self.consensus.submit(ctx, operation, read_only)
        ctx.emit(Invoked(ctx.id, ticket, operation))

    def _draw(self, ctx: Context) -> bytes:
        """A random operation; what it writes is written by no other."""
        chance, verb = divmod(ctx.rng.getrandbits(48), 10)
        self.key = key = self.keys[chance % len(self.keys)]
        if verb < 3:
            return b"get %s" % key
        fresh = b"%s.%d;" % (ctx.id.encode(), self.made)
        if verb < 6:
            return b"put %s %s" % (key, fresh)
        if verb < 8:
            return b"cas %s %s %s" % (key, self.seen.get(key, b""), fresh)
        return b"append %s %s" % (key, fresh)
