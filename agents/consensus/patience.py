"""When a backup gives up on the primary: the view timer (OSDI 1999, sections 4.4 and 4.5.2).

A backup that knows a request which is not executed runs one timer, for one such request. When that
request is executed the timer stops, or starts anew if another is waiting; nothing else touches it.
If any activity reset the timer, a malicious primary could starve one client for ever by serving the
others. The wait doubles with each view change that brings no new execution, so that some view lasts
long enough once the network behaves.

A primary that is asked again for what it has ordered waits in the same way: where the votes that it
lacks are those of replicas that have left its view, nobody but itself can give that view up.
"""

from collections.abc import Sequence

from agents.consensus.messages import Reply, Request
from agents.consensus.rules import timeout_s
from agents.consensus.state import ReplicaState
from prsm_sim.actor import Context, PeerId, Seconds

TIMER = "consensus/view"


class Patience:
    """The requests this replica waits for, and the timer on the first of them."""

    def __init__(self, state: ReplicaState) -> None:
        self.state = state
        self.waiting: dict[PeerId, Request] = {}
        self.attempts = 0
        self._watched: tuple[PeerId, int] | None = None
        self._armed = False

    @property
    def timeout_s(self) -> Seconds:
        """How long to wait at present."""
        return timeout_s(self.state.settings.view_timeout_s, self.attempts)

    def wait_for(self, ctx: Context, request: Request) -> None:
        """Remember a valid request until it is executed; a client has one at a time."""
        known = self.waiting.get(request.client)
        if known is None or known.timestamp < request.timestamp:
            self.waiting[request.client] = request
        self.watch(ctx)

    def executed(self, ctx: Context, replies: Sequence[Reply]) -> None:
        """The requests that these answer were executed: stop waiting for them."""
        if self.state.active and replies:
            self.attempts = 0
        if not self.waiting and self._watched is None:
            return
        for reply in replies:
            known = self.waiting.get(reply.client)
            if known is not None and known.timestamp <= reply.timestamp:
                del self.waiting[reply.client]
        if self._watched is not None:
            client, timestamp = self._watched
            if self.state.is_executed(client, timestamp):
                self.rest(ctx)
                self.watch(ctx)

    def watch(self, ctx: Context) -> None:
        """Start the timer for the first waiting request, unless it runs."""
        state = self.state
        if self._watched is None and self.waiting and state.active:
            first = next(iter(self.waiting.values()))
            self._watched = (first.client, first.timestamp)
            self._armed = True
            ctx.set_timer(TIMER, self.timeout_s)

    def rest(self, ctx: Context) -> None:
        """Stop the timer."""
        self._watched = None
        if self._armed:
            self._armed = False
            ctx.cancel_timer(TIMER)

    def await_new_view(self, ctx: Context) -> None:
        """Start the timer for the new-view message, unless it runs: a quorum is on its way."""
        if not self._armed:
            self._armed = True
            ctx.set_timer(TIMER, self.timeout_s)

    def fired(self) -> None:
        """The timer has fired, so it runs no longer."""
        self._watched = None
        self._armed = False
