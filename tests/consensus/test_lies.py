"""Each lie breaks exactly what it is told against, and leaves the rest as it was."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

import pytest
from consensus_desk import Desk, DeskContext
from consensus_group import members_of
from msgspec.structs import replace

from agents.consensus import Equivocator, Replica, lies
from agents.consensus.byzantine import FALSE_DIGESTS, MEMORY, VARIANT_MS, _with_true_digest
from agents.consensus.messages import (
    NULL_DIGEST,
    Checkpoint,
    Commit,
    Entries,
    Entry,
    NewView,
    Prepare,
    PrePrepare,
    Reply,
    Request,
    Stable,
    StatePiece,
    ViewChange,
    batch_digest,
    pieces_digest,
)
from agents.consensus.settings import Settings
from agents.consensus.verify import is_valid_certificate, is_valid_proof
from prsm_sim.actor import Message, encode

T = TypeVar("T")


class Scripted:
    """A source of chance that says what it was told to, and within what it was asked."""

    def __init__(self, *places: int) -> None:
        self.places = list(places)
        self.asked: list[int] = []

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        assert stop is None
        self.asked.append(start)
        place = self.places.pop(0)
        assert 0 <= place < start
        return place

    def choice(self, items: Sequence[T]) -> T:
        return items[self.randrange(len(items))]


ONE, TWO, THREE = (Request(name, 5, b"do " + name.encode(), b"sig") for name in "abc")
ORDER = PrePrepare(1, 2, 1000, (ONE, TWO, THREE), b"digest", b"sig")
DESK = Desk()
CERTIFICATES = tuple(DESK.certificate(DESK.pre_prepare(one), 2, 3) for one in (1, 2, 3))
CHANGE = ViewChange(2, "replica-1", 0, CERTIFICATES, b"sig")
VOTERS = tuple(DESK.view_change(one, 1, CERTIFICATES[0]) for one in (0, 1, 2))
ORDERS = tuple(DESK.pre_prepare(one, 1, now_ms=7) for one in (1, 2, 3))
BEGIN = NewView(1, VOTERS, ORDERS, b"sig")


@pytest.mark.parametrize(("place", "by_ms"), [(0, -1), (1, 1)])
def test_later_time(place: int, by_ms: int) -> None:
    assert lies.later_time(ORDER, Scripted(place)) == replace(ORDER, now_ms=1000 + by_ms)
    far = replace(ORDER, now_ms=1000 + by_ms * 10**9)
    assert lies.absurd_time(ORDER, Scripted(place)) == far


@pytest.mark.parametrize("place", range(3))
def test_forged_request(place: int) -> None:
    told = lies.forged_request(ORDER, Scripted(place, 0))
    asked = ORDER.requests[place]
    forged = replace(asked, operation=asked.operation + b"!")
    requests = list(ORDER.requests)
    requests[place] = forged
    assert told == replace(ORDER, requests=tuple(requests))
    later = lies.forged_request(ORDER, Scripted(place, 1))
    assert later is not None
    assert later.requests[place] == replace(asked, timestamp=6)
    assert lies.forged_request(replace(ORDER, requests=()), Scripted()) is None


def test_batches_of_the_wrong_size() -> None:
    twice = lies.request_twice(ORDER, Scripted())
    assert twice == replace(ORDER, requests=(ONE, TWO, THREE, ONE, TWO, THREE))
    empty = lies.empty_batch(ORDER, Scripted())
    assert empty == PrePrepare(1, 2, 0, (), NULL_DIGEST, b"sig")


@pytest.mark.parametrize(("place", "far"), [(0, 1), (1, 2), (2, 64), (3, 100_000)])
def test_numbers_far_ahead(place: int, far: int) -> None:
    for message in (ORDER, Prepare(1, 2, b"d"), Commit(1, 2, b"d"), Checkpoint(2, b"d")):
        told = lies.far_sequence(message, Scripted(place))
        assert told == replace(message, sequence=2 + far)
    for message in (ORDER, Prepare(1, 2, b"d"), CHANGE):
        told = lies.far_view(message, Scripted(place))
        assert told == replace(message, view=message.view + far)


def test_a_vote_for_nothing() -> None:
    told = lies.vote_for_nothing(Prepare(1, 2, b"d", b"sig"), Scripted())
    assert told == Prepare(1, 2, NULL_DIGEST, b"sig")


def test_certificates_left_out() -> None:
    assert lies.nothing_prepared(CHANGE, Scripted()) == replace(CHANGE, prepared=())
    for place in range(3):
        left = tuple(one for number, one in enumerate(CERTIFICATES) if number != place)
        told = lies.one_certificate_less(CHANGE, Scripted(place))
        assert told == replace(CHANGE, prepared=left)
    bare = replace(CHANGE, prepared=())
    assert lies.one_certificate_less(bare, Scripted()) is None
    assert lies.false_certificate(bare, Scripted()) is None


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("which", range(len(lies.FALSE_CERTIFICATES)))
def test_false_certificates(place: int, which: int) -> None:
    told = lies.false_certificate(CHANGE, Scripted(place, which, 1))
    assert told is not None
    true, false = CERTIFICATES[place], told.prepared[place]
    others = [one for number, one in enumerate(told.prepared) if number != place]
    assert others == [one for one in CERTIFICATES if one is not true]
    assert replace(told, prepared=CERTIFICATES) == CHANGE
    desk = Desk()
    assert is_valid_certificate(desk.ctx, desk.state, true)
    assert not is_valid_certificate(desk.ctx, desk.state, false)
    order, votes = true.pre_prepare, true.prepares
    later = replace(
        order, now_ms=order.now_ms + 1, digest=batch_digest(order.now_ms + 1, order.requests)
    )
    assert (false.pre_prepare, false.prepares) == (
        (later, votes),
        (replace(order, view=order.view + 1), votes),
        (order, votes[:-1]),
        (order, (votes[0], votes[0])),
        (replace(order, now_ms=order.now_ms + 1), votes),
    )[which]


def test_a_certificate_of_other_requests_under_the_same_digest() -> None:
    true = replace(CERTIFICATES[1], pre_prepare=ORDER)
    forged = replace(ONE, operation=ONE.operation + b"!")
    script = Scripted(0, 0)
    false = lies._other_content(true, script)
    assert script.asked == [2, 2]
    assert false == replace(true, pre_prepare=replace(ORDER, requests=(forged, TWO, THREE)))
    bare = replace(true, pre_prepare=replace(ORDER, requests=()))
    later = replace(bare, pre_prepare=replace(ORDER, requests=(), now_ms=1001))
    assert lies._other_content(bare, Scripted()) == later
    false = lies._other_content(CERTIFICATES[1], Scripted(0, 0))
    assert not is_valid_certificate(DESK.ctx, DESK.state, false)


@pytest.mark.parametrize("which", range(len(lies.FALSE_PROOFS)))
def test_false_proofs_of_checkpoints(which: int) -> None:
    desk = Desk(settings=Settings(checkpoint_interval=2))
    true = desk.proof(4, b"digest")
    assert is_valid_proof(desk.ctx, desk.state, true)
    script = Scripted(which, 0)
    told = lies.false_stable(Stable(true), script)
    assert not is_valid_proof(desk.ctx, desk.state, told.proof)
    signed = true.signatures
    assert (
        told.proof
        == (
            replace(true, signatures=signed[:-1]),
            replace(true, signatures=(*signed[:-1], signed[0])),
            replace(true, sequence=6),
            replace(true, digest=sha256(b"digest").digest()),
        )[which]
    )
    change = ViewChange(2, "replica-1", 4, (), stable=true)
    start = lies.false_start(change, Scripted(which, 0))
    assert start == replace(change, low=told.proof.sequence, stable=told.proof)
    assert lies.false_start(CHANGE, Scripted()) is None


def test_a_false_start_shows_no_certificate_below_it() -> None:
    far = replace(CHANGE, low=5)
    for place, low, left in (
        (0, 1, 2), (1, 3, 0), (2, 4, 0), (3, 6, 0), (4, 7, 0), (5, 9, 0), (6, 13, 0),
    ):  # fmt: skip
        told = lies.other_low(far, Scripted(place))
        assert told == replace(far, low=low, prepared=CERTIFICATES[3 - left :])
    assert lies.other_low(CHANGE, Scripted(0)) == CHANGE, "there is nothing below nothing"
    proof = Desk(settings=Settings(checkpoint_interval=2)).proof(2, b"digest")
    holding = replace(CHANGE, low=2, stable=proof)
    start = lies.false_start(holding, Scripted(0))
    assert start == replace(
        holding, stable=replace(proof, signatures=proof.signatures[:-1]), prepared=CERTIFICATES[2:]
    )


@pytest.mark.parametrize(("place", "ahead"), [(0, 2), (1, 4), (2, 8)])
def test_a_proof_under_a_later_number(place: int, ahead: int) -> None:
    proof = DESK.proof(4, b"digest")
    assert lies._later_proof(proof, Scripted(place)) == replace(proof, sequence=4 + ahead)


def test_another_order_than_v_demands() -> None:
    told = lies.other_order(BEGIN, Scripted(1))
    old = ORDERS[1]
    other = replace(old, now_ms=8, digest=batch_digest(8, old.requests))
    assert told == replace(BEGIN, pre_prepares=(ORDERS[0], other, ORDERS[2]))
    assert lies.other_order(replace(BEGIN, pre_prepares=()), Scripted()) is None


def test_one_vote_too_few() -> None:
    seven = Desk(n=7)
    true = seven.certificate(seven.pre_prepare(1), 2, 3, 4, 5)
    false = lies._too_few_votes(true, Scripted())
    assert false == replace(true, prepares=true.prepares[:3])


def test_as_many_votes_but_not_of_distinct_voters() -> None:
    assert lies._first_again((1, 2, 3)) == (1, 2, 1)
    assert lies._first_again(()) == ()
    assert lies.one_voter_twice(BEGIN, Scripted()).view_changes == (*VOTERS[:2], VOTERS[0])
    assert lies.too_small_quorum(BEGIN, Scripted()) == replace(BEGIN, view_changes=VOTERS[:2])


@pytest.mark.parametrize("place", range(3))
def test_new_views_that_do_not_match_v(place: int) -> None:
    voters, orders = list(VOTERS), list(ORDERS)
    voters[place] = replace(voters[place], prepared=())
    orders[place] = replace(orders[place], now_ms=0, requests=(), digest=NULL_DIGEST)
    altered = lies.altered_voter(BEGIN, Scripted(place))
    assert altered == replace(BEGIN, view_changes=tuple(voters))
    forgotten = lies.forgotten_order(BEGIN, Scripted(place))
    assert forgotten == replace(BEGIN, pre_prepares=tuple(orders))


def test_new_views_without_orders() -> None:
    assert lies.shorter_order(BEGIN, Scripted()) == replace(BEGIN, pre_prepares=ORDERS[:2])
    bare = replace(BEGIN, pre_prepares=())
    assert lies.shorter_order(bare, Scripted()) is None
    assert lies.forgotten_order(bare, Scripted()) is None


def test_another_state_and_another_result() -> None:
    told = lies.other_state(Checkpoint(4, b"d", b"sig"), Scripted())
    assert told == Checkpoint(4, sha256(b"d").digest(), b"sig")
    reply = Reply(1, 2, "c", b"42")
    assert lies.false_result(reply, Scripted()) == replace(reply, result=b"lie about 42")


def test_a_false_history() -> None:
    batches = (Entry(1, 0, (ONE, TWO)), Entry(2, 0, ()), Entry(3, 0, (THREE,)))
    forged = replace(THREE, operation=b"do c!")
    script = Scripted(1, 0)
    told = lies.false_history(Entries(batches), script)
    assert script.asked == [2, 2], "only batches that hold a request come into question"
    assert told == Entries((batches[0], batches[1], Entry(3, 0, (forged,))))
    first = lies.false_history(Entries(batches), Scripted(0, 1))
    assert first == Entries((Entry(1, 0, (replace(ONE, timestamp=6), TWO)), *batches[1:]))
    assert lies.false_history(Entries((batches[1],)), Scripted()) is None


@pytest.mark.parametrize("with_proof", [False, True])
def test_a_false_piece(with_proof: bool) -> None:
    proof = DESK.proof(4, b"digest")
    message = StatePiece(proof, (b"x", b"y", b"z"), 1, b"content")
    script = Scripted(int(with_proof))
    told = lies.false_piece(message, script)
    assert script.asked == [2]
    digests = (b"x", sha256(b"content!").digest(), b"z")
    claimed = replace(proof, digest=pieces_digest(digests)) if with_proof else proof
    assert told == StatePiece(claimed, digests, 1, b"content!")


@pytest.mark.parametrize(("place", "ahead"), [(0, 2), (1, 4), (2, 8)])
def test_a_later_piece(place: int, ahead: int) -> None:
    proof = DESK.proof(4, b"digest")
    message = StatePiece(proof, (b"x", b"y", b"z"), 1, b"content")
    digests = (b"x", sha256(b"content!").digest(), b"z")
    claimed = replace(proof, sequence=4 + ahead, digest=pieces_digest(digests))
    told = lies.later_piece(message, Scripted(place))
    assert told == StatePiece(claimed, digests, 1, b"content!")


def test_one_lie_in_four_is_told_by_those_who_know_nothing() -> None:
    reply = Reply(1, 2, "c", b"42")
    assert lies.mutate(reply, Scripted(0)) is None
    script = Scripted(1, 0)
    assert lies.mutate(reply, script) == replace(reply, result=b"lie about 42")
    assert script.asked == [4, len(lies.LIES[Reply])]
    nothing: Message = replace(CHANGE, prepared=())
    assert lies.mutate(nothing, Scripted(1, 0)) is None, "what changes nothing is no lie"
    assert lies.mutate(ONE, Scripted()) is None, "about a request there is none"


# Re-signing and equivocating.


def test_which_altered_batches_keep_a_false_digest_the_message_itself_decides() -> None:
    for now_ms in range(64):
        order = replace(ORDER, now_ms=now_ms)
        keeps = sha256(encode(order)).digest()[0] % FALSE_DIGESTS == 0
        digest = order.digest if keeps else batch_digest(now_ms, order.requests)
        assert _with_true_digest(order) == replace(order, digest=digest)


def equivocator() -> tuple[Equivocator, DeskContext]:
    wrapped = Equivocator(Replica(members_of(4), DESK.machine), members_of(4))
    return wrapped, DeskContext("replica-0")


def told(wrapped: Equivocator, ctx: DeskContext, to: str, message: Message) -> Message:
    ((receiver, heard),) = wrapped.outgoing(ctx, to, message)
    assert receiver == to
    return heard


def test_the_variant_is_the_same_batch_one_millisecond_later() -> None:
    wrapped, ctx = equivocator()
    order = DESK.pre_prepare(1, now_ms=7)
    variant = DESK.pre_prepare(1, now_ms=7 + VARIANT_MS)
    for to, heard in (("replica-1", order), ("replica-2", order), ("replica-3", variant)):
        assert told(wrapped, ctx, to, order) == heard
    for about, heard in (
        (DESK.prepare(0, order), DESK.prepare(0, variant)),
        (DESK.commit(order, 0), DESK.commit(variant, 0)),
    ):
        assert told(wrapped, ctx, "replica-1", about) == about
        assert told(wrapped, ctx, "replica-3", about) == heard
    other = DESK.prepare(0, DESK.pre_prepare(1, now_ms=9))
    assert told(wrapped, ctx, "replica-3", other) == other, "a vote for something else"


def test_an_equivocator_remembers_the_latest_pre_prepares_up_to_a_bound() -> None:
    wrapped, ctx = equivocator()
    orders = [DESK.pre_prepare(one, requests=(ONE,)) for one in range(1, MEMORY + 2)]
    for order in orders[:MEMORY]:
        wrapped._remember(order)
    assert len(wrapped._seen) == MEMORY
    wrapped._remember(orders[MEMORY])
    assert len(wrapped._seen) == MEMORY
    forgotten, first = DESK.commit(orders[0], 0), DESK.commit(orders[1], 0)
    assert told(wrapped, ctx, "replica-3", forgotten) == forgotten
    assert told(wrapped, ctx, "replica-3", first) != first
