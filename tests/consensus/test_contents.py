"""What is signed, digested, refused in words and kept, to the byte and to the key."""

from hashlib import sha256

import pytest
from consensus_desk import Desk, DeskContext, sign
from consensus_group import AppendLog, members_of

from agents.consensus import (
    Committee,
    ConflictingMessages,
    ConsensusClient,
    Replica,
    Reply,
    Settings,
    durable,
    evidence,
)
from agents.consensus.client import _most_common_view
from agents.consensus.log import Log
from agents.consensus.messages import (
    Checkpoint,
    Commit,
    Entry,
    NewView,
    Prepare,
    PrePrepare,
    ReadRequest,
    Request,
    ViewChange,
    batch_digest,
    checkpoint_content,
    new_view_content,
    pieces_digest,
    read_content,
    request_content,
    view_change_content,
    vote_content,
)
from agents.consensus.order import Batch
from prsm_sim.actor import RemoteProtocolError, UserError, encode
from prsm_sim.store import MemoryStore

COMMITTEE = Committee(members_of(4))


def test_signed_contents_are_named_by_what_they_are_so_that_none_passes_for_another() -> None:
    desk = Desk()
    order = desk.pre_prepare()
    certificate = desk.certificate(order, 2, 3)
    proof = desk.proof(4, b"d")
    change = ViewChange(1, "replica-1", 4, (certificate,), b"s", proof)
    begin = NewView(1, (change,), (order,))
    for content, meant in (
        (request_content("c", 3, b"o"), ("request", "c", 3, b"o")),
        (read_content(ReadRequest("c", 3, b"o")), ("read", "c", 3, b"o")),
        (vote_content("prepare", 1, 2, b"d"), ("prepare", 1, 2, b"d")),
        (checkpoint_content(4, b"d"), ("checkpoint", 4, b"d")),
        (
            view_change_content(change),
            ("view-change", 1, "replica-1", 4, (certificate,), proof),
        ),
        (
            new_view_content(begin),
            ("new-view", 1, [("replica-1", b"s")], [(1, order.digest)]),
        ),
    ):
        assert content == encode(meant)


def test_digests_are_over_what_they_are_named_after() -> None:
    request = Request("c", 3, b"o", b"signature")
    batch = sha256(encode(("batch", 5, [("c", 3, b"o")]))).digest()
    assert batch_digest(5, (request,)) == batch
    assert pieces_digest((b"a", b"b")) == sha256(encode(("state", (b"a", b"b")))).digest()


def test_a_new_view_for_other_view_changes_or_orders_is_signed_otherwise() -> None:
    desk = Desk()
    one, two = desk.view_change(1, 1), desk.view_change(2, 1)
    order, other = desk.pre_prepare(1, 1), desk.pre_prepare(1, 1, now_ms=1)
    contents = {
        new_view_content(NewView(view, changes, orders))
        for view in (1, 2)
        for changes in ((), (one,), (two,))
        for orders in ((), (order,), (other,))
    }
    assert len(contents) == 18


def test_signed_votes_for_several_digests_are_each_judged_by_their_own_content() -> None:
    desk = Desk(n=7)
    orders = [desk.pre_prepare(now_ms=number) for number in range(3)]
    desk.hear(0, orders[0])
    for backup in (2, 3, 4):
        desk.hear(backup, desk.prepare(backup, orders[0]))
    for backup, order in ((2, orders[1]), (3, orders[2]), (4, orders[1])):
        desk.hear(backup, desk.prepare(backup, order))
    assert [fact.accused for fact in desk.emitted(ConflictingMessages)] == [
        "replica-2", "replica-3", "replica-4",
    ]  # fmt: skip


def test_forgetting_up_to_what_is_forgotten_already_forgets_nothing() -> None:
    log = Log(window=8)
    assert not log.has_checkpoints
    log.record(Entry(1, 0, ()), b"one")
    log.discard_to(0)
    assert [entry.sequence for entry in log.journal] == [1]
    assert log.executed_digest(1) == b"one"
    log.discard_to(1)
    log.discard_to(1)
    log.record(Entry(2, 0, ()), b"two")
    log.discard_to(1)
    assert (log.journal, log.digests) == ([Entry(2, 0, ())], [b"two"])


# Why evidence is refused.


def accused_of(first: evidence.Signed, second: evidence.Signed) -> evidence.Evidence:
    accusation = evidence.accuse("replica-1", first, second)
    assert accusation is not None
    return accusation


def vote(digest: bytes, signer: str = "replica-1") -> Prepare:
    return Prepare(0, 1, digest, sign(signer, vote_content("prepare", 0, 1, digest)))


def refusal(one: evidence.Evidence) -> str | None:
    def verify(signer: str, payload: bytes, signature: bytes) -> bool:
        return sign(signer, payload) == signature

    return evidence.verify_evidence(verify, COMMITTEE, one)


def test_evidence_that_does_not_convict_says_why_in_one_line() -> None:
    good = accused_of(vote(b"one"), vote(b"two"))
    assert refusal(good) is None
    one, two = good.first, good.second
    make = evidence.Evidence
    same = encode(vote(b"one"))
    assert refusal(make("nobody", "votes", one, two)) == (
        "the accused 'nobody' is no member of the committee"
    )
    assert refusal(make("replica-1", "votes", same, same)) == "both messages are the same"
    assert refusal(make("replica-1", "votes", two, one)) == (
        "the messages are not in the order of their bytes"
    )
    assert refusal(make("replica-1", "roles", one, two)) == (
        "the messages break the promise 'votes', not 'roles'"
    )
    assert refusal(make("replica-2", "votes", one, two)) == (
        "the first message is not signed by 'replica-2'"
    )
    forged = [accused_of(vote(b"one"), vote(b"two", "replica-2"))]
    forged.append(accused_of(vote(b"one", "replica-2"), vote(b"two")))
    assert sorted(refusal(each) or "" for each in forged) == [
        "the first message is not signed by 'replica-1'",
        "the second message is not signed by 'replica-1'",
    ]


def test_two_messages_that_go_together_are_no_evidence() -> None:
    first, second = (
        Prepare(0, number, b"d", sign("replica-1", vote_content("prepare", 0, number, b"d")))
        for number in (1, 2)
    )
    lesser, greater = sorted((encode(first), encode(second)))
    assert refusal(evidence.Evidence("replica-1", "votes", lesser, greater)) == (
        "the messages do not contradict each other"
    )


def test_evidence_is_read_in_its_canonical_encoding_only() -> None:
    payload = evidence.encode_evidence(accused_of(vote(b"one"), vote(b"two")))
    assert evidence.decode_evidence(payload).accused == "replica-1"
    loose = payload.replace(b"\xa5votes", b"\xd9\x05votes")
    assert loose != payload
    with pytest.raises(RemoteProtocolError, match=r"^evidence is not in its canonical encoding$"):
        evidence.decode_evidence(loose)


def test_evidence_holds_nothing_that_the_signatures_do_not_cover() -> None:
    desk = Desk()
    order, other = desk.pre_prepare(1, 1, now_ms=5), desk.pre_prepare(1, 1, now_ms=6)
    for message in (evidence._reduced(order), evidence._reduced(other)):
        assert isinstance(message, PrePrepare)
        assert (message.now_ms, message.requests) == (0, ())
    stable = desk.proof(4, b"d")
    begin = desk.new_view(1, (desk.view_change(1, 1, stable=stable),), (order,))
    reduced = evidence._reduced(begin)
    assert isinstance(reduced, NewView)
    assert [(one.low, one.prepared, one.stable) for one in reduced.view_changes] == [(0, (), None)]
    assert [(one.now_ms, one.requests, one.signature) for one in reduced.pre_prepares] == [
        (0, (), b"")
    ]
    assert new_view_content(reduced) == new_view_content(begin)
    for vote in (Commit(0, 1, b"d"), Checkpoint(4, b"d")):
        assert evidence._reduced(vote) == vote


# What a user is told.


def test_read_only_without_a_query_is_refused_with_the_name_of_the_machine() -> None:
    class Mute:
        apply = AppendLog.apply
        digest = AppendLog.digest
        snapshot = AppendLog.snapshot
        restore = AppendLog.restore
        facts = AppendLog.facts

    with pytest.raises(UserError) as error:
        Replica(members_of(4), Mute(), Settings(read_only=True))
    assert str(error.value) == (
        "consensus setting read_only is on, but Mute has no query method; give it one, or switch "
        "read_only off"
    )


def test_a_committee_that_cannot_work_is_refused() -> None:
    for members, complaint in (
        (members_of(3), "a PBFT committee needs at least 4 replicas to survive one; got 3"),
        (("a", "b", "c", "c"), "a PBFT committee names a replica twice: a, b, c, c"),
    ):
        with pytest.raises(UserError) as error:
            Committee(members)
        assert str(error.value) == complaint


def test_a_replica_outside_its_committee_is_refused() -> None:
    with pytest.raises(UserError) as error:
        Replica(members_of(4), AppendLog()).on_start(DeskContext("stranger"), None)
    assert str(error.value) == (
        "replica 'stranger' is not in its committee (replica-0, replica-1, replica-2, replica-3); "
        "spawn it under one of these names"
    )


def test_a_query_is_told_who_asks_and_the_agreed_time() -> None:
    asked: list[tuple[str, bytes, int]] = []

    class Curious(AppendLog):
        def query(self, client: str, operation: bytes, now_ms: int) -> bytes | None:
            asked.append((client, operation, now_ms))
            return b"answer"

    desk = Desk(settings=Settings(read_only=True), machine=Curious())
    desk.state.clock_ms = 17
    bare = ReadRequest("client", 1, b"count")
    read = ReadRequest("client", 1, b"count", sign("client", read_content(bare)))
    desk.hear("client", read)
    assert asked == [("client", b"count", 17)]


# Whom a client asks next.


def test_a_client_asks_the_primary_of_the_view_most_are_in_and_the_later_on_a_tie() -> None:
    for views, chosen in (((1, 1, 2), 1), ((1, 2, 2), 2), ((1, 3), 3), ((3, 1), 3), ((5, 5), 5)):
        assert _most_common_view([Reply(view, 1, "c", b"") for view in views]) == chosen
    assert _most_common_view([Reply(4, 1, "c", b"")]) == 4
    client = ConsensusClient(members_of(7))
    assert client.outstanding == 0


# What is in the store.


class Careful(MemoryStore):
    """A store that fails the test when a value is written twice under one key."""

    def put(self, key: str, value: bytes) -> None:
        assert self.get(key) in (None, value), f"{key} was overwritten"
        assert key not in written, f"{key} was written again"
        written.add(key)
        super().put(key, value)


written: set[str] = set()


def test_a_replica_forgets_the_views_it_has_left_and_overwrites_nothing() -> None:
    written.clear()
    store = Careful()
    ctx = DeskContext("replica-1", store)
    desk = Desk()

    def write(view: int, active: bool) -> list[str]:
        durable.write_view(ctx, view, active)
        return [key for key in sorted(store.keys()) if key.startswith(("view", "new-view"))]

    assert write(0, True) == ["view/0/1"]
    assert write(1, False) == ["view/1/0"]
    changes = tuple(desk.view_change(one, 1) for one in (1, 2, 3))
    durable.write_new_view(ctx, desk.new_view(1, changes, ()))
    assert write(1, True) == ["new-view/1", "view/1/1"]
    assert write(2, False) == ["new-view/1", "view/2/0"], "others may still lack view 1"
    durable.write_new_view(ctx, desk.new_view(2, changes, ()))
    assert write(2, True) == ["new-view/2", "view/2/1"]
    assert store.get("state") is not None


def test_a_stable_checkpoint_replaces_all_before_it() -> None:
    ctx = DeskContext("replica-1")
    desk = Desk()
    for sequence in (1, 2, 3):
        durable.write_pre_prepare(ctx, desk.pre_prepare(sequence, 1))
        durable.write_entry(ctx, Batch(Entry(sequence, 0, ()), b"digest"))
        durable.write_proof(ctx, desk.proof(sequence, b"d"))
        durable.write_checkpoint(ctx, desk.proof(sequence, b"d"), b"state")
    durable.discard_records(ctx, 2)
    assert ctx.store.keys() == [
        "checkpoint/2",
        "checkpoint/3",
        "entry/3",
        "pre-prepare/1/3",
        "proof/3",
    ]


def test_a_view_whose_beginning_is_not_known_has_not_started() -> None:
    ctx = DeskContext("replica-1")
    durable.write_view(ctx, 1, True)
    assert durable.read_all(ctx).position == durable.ViewRecord(1, False)
    first = DeskContext("replica-1")
    durable.write_view(first, 0, True)
    assert durable.read_all(first).position == durable.ViewRecord(0, True)


def test_without_a_whole_record_of_the_view_the_one_after_the_last_known_is_taken() -> None:
    ctx = DeskContext("replica-1")
    assert durable.read_all(ctx).position == durable.ViewRecord(1, False)
    durable.write_pre_prepare(ctx, Desk().pre_prepare(1, 3))
    assert durable.read_all(ctx).position == durable.ViewRecord(4, False)
