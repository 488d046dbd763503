"""The view timer on its own: one request at a time, and longer after each vain view change."""

from consensus_desk import Desk, DeskContext
from consensus_group import members_of

from agents.consensus import Committee, Settings
from agents.consensus.messages import Reply, Request
from agents.consensus.patience import TIMER, Patience
from agents.consensus.state import ReplicaState

BASE_S = 4.0


class Watch(DeskContext):
    """Counts how often a timer was cancelled."""

    def __init__(self) -> None:
        super().__init__("replica-1")
        self.cancelled = 0

    def cancel_timer(self, name: str) -> None:
        self.cancelled += 1
        super().cancel_timer(name)


def backup() -> tuple[Patience, Watch]:
    state = ReplicaState(Committee(members_of(4)), Settings(view_timeout_s=BASE_S))
    state.me = "replica-1"
    return Patience(state), Watch()


def request(timestamp: int = 1, client: str = "a") -> Request:
    return Request(client, timestamp, b"operation", b"signature")


def execute(patience: Patience, ctx: Watch, *replies: Reply) -> None:
    for reply in replies:
        patience.state.replies[reply.client] = reply
    patience.executed(ctx, replies)


def reply(timestamp: int = 1, client: str = "a") -> Reply:
    return Reply(0, timestamp, client, b"result")


def test_of_each_client_the_latest_request_is_waited_for() -> None:
    patience, ctx = backup()
    first, again = request(2), Request("a", 2, b"other", b"signature")
    for one in (first, request(1), again):
        patience.wait_for(ctx, one)
    assert patience.waiting == {"a": first}
    patience.wait_for(ctx, request(3))
    assert patience.waiting == {"a": request(3)}


def test_execution_ends_the_wait_for_what_was_executed_only() -> None:
    patience, ctx = backup()
    for client in ("a", "b"):
        patience.wait_for(ctx, request(2, client))
    execute(patience, ctx, reply(1, "b"), reply(1, "c"))
    assert sorted(patience.waiting) == ["a", "b"], "an earlier one does not count"
    execute(patience, ctx, reply(2, "b"))
    assert sorted(patience.waiting) == ["a"]
    assert ctx.cancelled == 0
    ctx.now = 1.0
    execute(patience, ctx, reply(3, "a"))
    assert patience.waiting == {}
    assert TIMER not in ctx.timers
    assert ctx.cancelled == 1
    patience.rest(ctx)
    assert ctx.cancelled == 1, "what does not run is not stopped"


def test_a_request_is_struck_off_while_the_timer_rests() -> None:
    patience, ctx = backup()
    patience.wait_for(ctx, request(1))
    patience.rest(ctx)
    execute(patience, ctx, reply(1))
    assert patience.waiting == {}


def test_the_timer_stops_for_a_watched_request_that_another_has_replaced() -> None:
    patience, ctx = backup()
    patience.wait_for(ctx, request(1))
    patience.waiting.clear()
    execute(patience, ctx, reply(1))
    assert TIMER not in ctx.timers


def test_the_timer_starts_once_in_a_running_view_only() -> None:
    patience, ctx = backup()
    patience.state.active = False
    patience.wait_for(ctx, request())
    assert TIMER not in ctx.timers
    patience.state.active = True
    patience.watch(ctx)
    ctx.now = 1.0
    patience.watch(ctx)
    patience.await_new_view(ctx)
    assert ctx.timers[TIMER] == BASE_S


def test_pbft_4_5_2_the_wait_for_a_new_view_starts_once_and_again_after_it_fired() -> None:
    patience, ctx = backup()
    patience.await_new_view(ctx)
    ctx.now = 1.0
    patience.await_new_view(ctx)
    assert ctx.timers[TIMER] == BASE_S
    patience.fired()
    patience.await_new_view(ctx)
    assert ctx.timers[TIMER] == 1.0 + BASE_S
    patience.rest(ctx)
    assert TIMER not in ctx.timers
    patience.await_new_view(ctx)
    assert ctx.timers[TIMER] == 1.0 + BASE_S


def test_pbft_4_5_2_only_an_execution_in_a_running_view_ends_the_doubling() -> None:
    patience, ctx = backup()
    patience.attempts = 3
    assert patience.timeout_s == 4 * BASE_S
    execute(patience, ctx)
    assert patience.attempts == 3, "a null request is no progress"
    patience.state.active = False
    execute(patience, ctx, reply())
    assert patience.attempts == 3
    patience.state.active = True
    execute(patience, ctx, reply())
    assert patience.attempts == 0


def test_pbft_4_5_2_after_progress_the_first_view_change_waits_as_at_the_beginning() -> None:
    desk = Desk(me=3, settings=Settings(view_timeout_s=BASE_S))
    desk.execute(1)
    desk.hear("client", desk.request(9))
    desk.ctx.now = BASE_S
    desk.fire(TIMER)
    assert TIMER not in desk.ctx.timers, "no quorum is on its way"
    for replica in (0, 2):
        desk.hear(replica, desk.view_change(replica, 1))
    assert desk.ctx.timers[TIMER] == 2 * BASE_S


def test_pbft_4_4_the_primary_that_is_deposed_waits_for_what_it_had_not_ordered() -> None:
    desk = Desk(me=0, settings=Settings(window=1))
    for client in ("a", "b"):
        desk.hear(client, desk.request(1, client))
    for replica in (1, 2):
        desk.hear(replica, desk.view_change(replica, 1))
    assert (desk.state.view, desk.state.active) == (1, False)
    assert desk.replica.patience.waiting == {"b": desk.request(1, "b")}
    assert desk.replica.normal.queue == {}
