"""The durable store: a power failure at any write leaves a replica that goes on honestly."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from consensus_desk import Desk

from agents.consensus import Settings, StateTransferred
from agents.consensus.messages import (
    Certificate,
    Checkpoint,
    Commit,
    Fetch,
    FetchState,
    Prepare,
    PrePrepare,
    Stable,
    StatePiece,
    ViewChange,
)
from prsm_sim.actor import Message, PeerId
from prsm_sim.store import MemoryStore

EVERY_2 = Settings(checkpoint_interval=2, window=4)
Step = Callable[[Desk], object]


class PowerFailure(Exception):
    """The machine stops in the middle of a handler."""


class FailingStore(MemoryStore):
    """A store whose machine loses power instead of performing the write number `fails_at`."""

    __slots__ = ("fails_at", "writes")

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self.fails_at = fails_at
        self.writes = 0

    def _count(self) -> None:
        self.writes += 1
        if self.writes == self.fails_at:
            raise PowerFailure

    def lose(self, fates: tuple[int, ...]) -> None:
        """Lose what was not synced, or part of it; power is back and stays."""
        self.fails_at = -1
        self.crash(Fate(*fates))

    def put(self, key: str, value: bytes) -> None:
        self._count()
        super().put(key, value)

    def delete(self, key: str) -> None:
        self._count()
        super().delete(key)

    def sync(self) -> None:
        self._count()
        super().sync()


class Fate:
    """What becomes of writes that were not synced: 0 lost, 1 kept, 2 torn; or each in turn."""

    def __init__(self, *fates: int) -> None:
        self.fates = fates
        self.calls = 0

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        if start != 3:
            return start // 2  # where a value is torn
        self.calls += 1
        return self.fates[self.calls % len(self.fates)]


FATES = {"lost": (0,), "kept": (1,), "torn": (2,), "mixed": (0, 1, 2), "mixed later": (2, 0, 1, 1)}


def hears(sender: int, make: Callable[[Desk], Message]) -> Step:
    return lambda desk: desk.hear(sender, make(desk))


def orders(sequence: int, view: int) -> list[Step]:
    """All messages of the others that execute one request at replica 1."""

    def order(desk: Desk) -> PrePrepare:
        return desk.pre_prepare(sequence, view)

    primary = view % 4
    backups = [one for one in (0, 2, 3) if one != primary]
    return [
        hears(primary, order),
        *(hears(one, lambda desk, one=one: desk.prepare(one, order(desk))) for one in backups),
        *(hears(one, lambda desk, one=one: desk.commit(order(desk), one)) for one in (0, 2, 3)),
    ]


def reference(last: int) -> Desk:
    """A replica that executed `last` requests and never failed."""
    desk = Desk(me=2, settings=EVERY_2)
    for sequence in range(1, last + 1):
        desk.execute(sequence)
        if sequence % 2 == 0:
            desk.stabilise(sequence)
    return desk


DIGESTS = {sequence: reference(sequence).state.stable.digest for sequence in (2, 4, 6, 12)}


def stabilises(sequence: int) -> list[Step]:
    return [
        hears(one, lambda desk, one=one: desk.checkpoint(one, sequence, DIGESTS[sequence]))
        for one in (0, 2, 3)
    ]


def enters(view: int, low: int) -> Step:
    """The new-view message of `view`, in which sequence number ``low + 1`` is ordered again."""

    def new_view(desk: Desk) -> Message:
        proof = desk.proof(low, DIGESTS[low])
        order = desk.pre_prepare(low + 1, 0)
        certificate = desk.certificate(order, 1, 2)
        v = (
            desk.view_change(0, view, stable=proof),
            desk.view_change(2, view, certificate, stable=proof),
            desk.view_change(3, view),
        )
        return desk.new_view(view, v, (desk.pre_prepare(low + 1, view, order.requests),))

    return hears(view % 4, new_view)


def transfers(last: int) -> list[Step]:
    source = reference(last)
    held, proof = source.replica.checkpoints.held, source.state.stable
    return [
        hears(2, lambda desk: Stable(proof)),
        *(
            hears(2, lambda desk, n=number: StatePiece(proof, held.digests, n, held.pieces[n]))
            for number in range(len(held.pieces))
        ),
    ]


STORY: list[Step] = [
    *orders(1, 0), *orders(2, 0), *stabilises(2),
    *orders(3, 0), *orders(4, 0), *stabilises(4),
    *orders(5, 0)[:3],
    hears(0, lambda desk: desk.view_change(0, 2)),
    hears(3, lambda desk: desk.view_change(3, 2)),
    enters(2, 4),
    *orders(5, 2), *orders(6, 2), *stabilises(6),
    *transfers(12),
    *orders(13, 2), *orders(14, 2),
]  # fmt: skip
"""Normal case, checkpoints, a view change that re-proposes, a transfer; told to replica 1."""


def live(store: MemoryStore, sent: list[tuple[PeerId, Message]]) -> Desk:
    """Start on this store and hear the whole story; what was sent is added to `sent`."""
    desk = None
    with suppress(PowerFailure):
        desk = Desk(settings=EVERY_2, store=store, sent=sent)
        for step in STORY:
            step(desk)
    return desk


def total_writes() -> int:
    store = FailingStore(-1)
    desk = live(store, [])
    assert len(desk.emitted(StateTransferred)) == 1
    return store.writes


WRITES = total_writes()


def assert_honest(sent: list[tuple[PeerId, Message]]) -> None:
    """No two votes contradict each other, no vote is for a view left, no commit is concealed."""
    first: dict[tuple[type[Message], int, int], Message] = {}
    commits: list[Commit] = []
    left = 0
    for _, message in sent:
        if isinstance(message, Prepare | Commit):
            key = (type(message), message.view, message.sequence)
            assert first.setdefault(key, message) == message, "two votes"
            assert message.view >= left, "a vote in a view that was left"
        if isinstance(message, Checkpoint):
            key = (Checkpoint, 0, message.sequence)
            assert first.setdefault(key, message) == message, "two states"
        if isinstance(message, Commit):
            commits.append(message)
        if isinstance(message, ViewChange):
            left = max(left, message.view)
            shown: dict[int, Certificate] = {
                one.pre_prepare.sequence: one for one in message.prepared
            }
            for commit in commits:
                if commit.view < message.view and commit.sequence > message.low:
                    certificate = shown[commit.sequence]
                    assert certificate.pre_prepare.view >= commit.view
                    if certificate.pre_prepare.view == commit.view:
                        assert certificate.pre_prepare.digest == commit.digest


@pytest.mark.parametrize("fates", FATES.values(), ids=FATES)
def test_after_a_power_failure_at_any_write_the_replica_goes_on_honestly(
    fates: tuple[int, ...],
) -> None:
    whole = live(MemoryStore(), [])
    assert WRITES > 80
    for fails_at in range(1, WRITES + 1):
        store, sent = FailingStore(fails_at), []
        live(store, sent)
        assert store.writes == fails_at
        store.lose(fates)
        again = live(store, sent)
        assert_honest(sent)
        assert again.machine.applied == whole.machine.applied, fails_at
        assert again.state.replies == whole.state.replies
        assert (again.state.log.low, again.state.log.executed) == (12, 14)
        assert (again.state.view, again.state.active) == (2, True)


@pytest.mark.parametrize("fates", FATES.values(), ids=FATES)
def test_two_power_failures_in_a_row_do_no_more_harm_than_one(fates: tuple[int, ...]) -> None:
    for fails_at in range(1, WRITES + 1, 5):
        for fails_again in range(1, 40, 7):
            store, sent = FailingStore(fails_at), []
            live(store, sent)
            store.lose(fates)
            store.writes, store.fails_at = 0, fails_again
            live(store, sent)
            store.lose(fates)
            again = live(store, sent)
            assert_honest(sent)
            assert (again.state.log.low, again.state.log.executed) == (12, 14)


def test_a_damaged_record_is_skipped_and_damages_nothing_else() -> None:
    """Bit rot: whichever record decays, the replica starts, and never votes twice knowingly."""
    keys = live(MemoryStore(), []).ctx.store.keys()
    for key in keys:
        store = MemoryStore()
        live(store, [])
        value = store.get(key)
        store.put(key, bytes([*value[:-1], value[-1] ^ 1]))
        again = Desk(settings=EVERY_2, store=store)
        assert again.state.view >= 2
        if key == "checkpoint/12":
            assert (again.state.log.low, again.state.log.executed) == (0, 0)
            for step in transfers(12):
                step(again)
            assert again.state.log.low == 12
        if key.startswith("new-view/"):
            assert (again.state.view, again.state.active) == (2, False), "it asks how it began"
        if key.startswith("view/"):
            assert (again.state.view, again.state.active) == (3, False)


def test_what_a_checkpoint_replaces_is_deleted_after_it_is_durable() -> None:
    """The order of writes itself: at the first delete the new checkpoint is synced."""
    desk = Desk(settings=EVERY_2)
    desk.execute(1, 2)
    store = desk.ctx.store
    seen: list[bytes | None] = []
    delete = MemoryStore.delete

    class Watching(MemoryStore):
        __slots__ = ()

        def delete(self, key: str) -> None:
            seen.append(self._durable.get("checkpoint/2"))
            delete(self, key)

    watching = Watching()
    keys = store.keys()
    for key in keys:
        watching.put(key, store.get(key))
    watching.sync()
    again = Desk(settings=EVERY_2, store=watching)
    for replica in (0, 2, 3):
        again.hear(replica, desk.checkpoint(replica, 2, DIGESTS[2]))
    assert len(seen) >= 4
    assert None not in seen


def test_pbft_4_4_a_crash_while_entering_a_view_leaves_no_slot_of_it_without_a_vote() -> None:
    """Replaying the durable new-view message completes what the crash interrupted."""
    desk = Desk(settings=EVERY_2, store=FailingStore(-1))
    desk.execute(1, 2)
    desk.stabilise(2)
    enters_2 = enters(2, 2)
    for fails_at in range(1, 12):
        store = FailingStore(-1)
        victim = Desk(settings=EVERY_2, store=store)
        victim.execute(1, 2)
        victim.stabilise(2)
        store.writes, store.fails_at = 0, fails_at
        with suppress(PowerFailure):
            enters_2(victim)
        store.lose((0,))
        again = Desk(settings=EVERY_2, store=store)
        if again.state.active and again.state.view == 2:
            sent = again.hear(0, Fetch(2, True, 2, 2))
            votes = [m for _, m in sent if isinstance(m, Prepare)]
            assert [(vote.view, vote.sequence) for vote in votes] == [(2, 3)], fails_at


def test_a_crash_during_a_transfer_leaves_the_proven_watermark_and_resumes_the_transfer() -> None:
    desk = Desk(settings=EVERY_2)
    desk.execute(1)
    first, *rest = transfers(12)
    first(desk)
    order = desk.pre_prepare(14)
    desk.hear(0, order)
    for backup in (2, 3):
        desk.hear(backup, desk.prepare(backup, order))
    desk.ctx.store.crash(Fate(0))
    again = Desk(settings=EVERY_2, store=desk.ctx.store)
    assert (again.state.log.low, again.state.log.executed) == (12, 1)
    assert [type(message) for _, message in again.ctx.sent].count(FetchState) == 1
    again.hear("client", again.request(99))
    again.fire("consensus/view")
    change = again.sent(ViewChange)[0][1]
    assert (change.low, [one.pre_prepare for one in change.prepared]) == (12, [order])
    for step in rest:
        step(again)
    assert (again.state.log.low, again.state.log.executed) == (12, 12)
    assert again.ctx.store.get("proof/12") is None


def test_a_primary_that_forgot_everything_orders_only_beyond_what_it_learns() -> None:
    """Amnesia is a fault, but no reason to stop: the numbers it gave before are not given again."""
    desk = Desk(me=0, settings=EVERY_2)
    for step in transfers(12):
        step(desk)
    assert desk.state.log.low == 12
    sent = desk.hear("client", desk.request(20))
    assert [message.sequence for _, message in sent] == [13, 13, 13]
