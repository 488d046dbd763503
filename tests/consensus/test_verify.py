"""What is signed by others is believed only as far as it proves itself (sections 4.3 and 4.4)."""

import pytest
from consensus_desk import Desk, sign
from msgspec.structs import replace

from agents.consensus import Settings, ViewChanged
from agents.consensus.messages import (
    Certificate,
    NewView,
    ViewChange,
    new_view_content,
    view_change_content,
)
from agents.consensus.verify import (
    is_valid_certificate,
    is_valid_new_view,
    is_valid_proof,
    is_valid_view_change,
)

K = 4


def desk_with_certificate() -> tuple[Desk, Certificate]:
    """A replica whose own certificate is of itself and replica 2 for sequence number 1."""
    desk = Desk()
    order = desk.pre_prepare()
    desk.hear(0, order)
    desk.hear(2, desk.prepare(2, order))
    own = desk.state.log.slots[1].certificate
    assert own is not None
    return desk, own


def accepts(desk: Desk, certificate: Certificate) -> bool:
    return is_valid_certificate(desk.ctx, desk.state, certificate)


def test_pbft_4_4_holding_a_certificate_makes_no_false_one_valid() -> None:
    desk, own = desk_with_certificate()
    assert accepts(desk, own)
    false = tuple((backup, b"nonsense") for backup, _ in own.prepares)
    assert not accepts(desk, Certificate(own.pre_prepare, false))
    other = desk.pre_prepare(now_ms=1)
    assert not accepts(desk, Certificate(other, own.prepares)), "prepares for another digest"
    assert not accepts(desk, Certificate(replace(other, signature=b"nonsense"), own.prepares))
    assert accepts(desk, desk.certificate(other, 2, 3)), "a true one of another view's batch"


def test_pbft_4_4_another_true_certificate_is_accepted_beside_the_own() -> None:
    desk, own = desk_with_certificate()
    assert accepts(desk, desk.certificate(own.pre_prepare, 2, 3))
    assert accepts(desk, desk.certificate(own.pre_prepare, 1, 2, 3)), "all backups may be in it"


def test_signatures_checked_on_receipt_are_not_checked_twice() -> None:
    desk, own = desk_with_certificate()
    checked: list[str] = []

    def verify(signer: str, payload: bytes, signature: bytes) -> bool:
        checked.append(signer)
        return sign(signer, payload) == signature

    desk.ctx.verify = verify
    assert accepts(desk, own)
    assert checked == []
    assert accepts(desk, desk.certificate(own.pre_prepare, 2, 3))
    assert checked == ["replica-3"], "replica 2's prepare and the pre-prepare are known"
    change = desk.view_change(2, 1, own)
    desk.hear(2, change)
    checked.clear()
    assert is_valid_view_change(desk.ctx, desk.state, change)
    assert checked == [], "the very one that was kept"


def test_pbft_4_3_all_replicas_may_sign_a_proof() -> None:
    desk = Desk(settings=Settings(checkpoint_interval=K))
    assert is_valid_proof(desk.ctx, desk.state, desk.proof(K, b"digest", 0, 1, 2, 3))
    assert not is_valid_proof(desk.ctx, desk.state, desk.proof(K, b"digest", 0, 1))


def test_pbft_4_4_a_view_change_of_a_stranger_or_for_view_0_is_invalid() -> None:
    desk = Desk()
    valid = desk.view_change(2, 1)
    assert is_valid_view_change(desk.ctx, desk.state, valid)
    for who, view in (("stranger", 1), ("replica-2", 0)):
        bare = ViewChange(view, who, 0, ())
        signed = ViewChange(view, who, 0, (), sign(who, view_change_content(bare)))
        assert not is_valid_view_change(desk.ctx, desk.state, signed)


def test_pbft_4_4_certificates_reach_up_to_the_high_watermark() -> None:
    desk = Desk(settings=Settings(checkpoint_interval=K, window=2 * K))
    for sequence, valid in ((2 * K, True), (2 * K + 1, False)):
        certificate = desk.certificate(desk.pre_prepare(sequence), 2, 3)
        change = desk.view_change(2, 1, certificate)
        assert is_valid_view_change(desk.ctx, desk.state, change) is valid


@pytest.mark.parametrize("what", ["view", "sequence", "digest", "time", "requests", "signature"])
def test_pbft_4_4_each_pre_prepare_of_o_must_be_what_v_demands(what: str) -> None:
    desk = Desk()
    order = desk.pre_prepare(now_ms=3)
    changes = (
        desk.view_change(1, 1, desk.certificate(order, 2, 3)),
        desk.view_change(2, 1),
        desk.view_change(3, 1),
    )
    again = desk.pre_prepare(1, 1, order.requests, now_ms=3)
    assert is_valid_new_view(desk.ctx, desk.state, desk.new_view(1, changes, (again,)))
    wrong = {
        "view": desk.pre_prepare(1, 2, order.requests, now_ms=3),
        "sequence": desk.pre_prepare(2, 1, order.requests, now_ms=3),
        "digest": desk.pre_prepare(1, 1, (), now_ms=3),
        "time": replace(again, now_ms=4),
        "requests": replace(again, requests=()),
        "signature": replace(again, signature=b"nonsense"),
    }[what]
    assert not is_valid_new_view(desk.ctx, desk.state, desk.new_view(1, changes, (wrong,)))
    assert desk.hear(1, desk.new_view(1, changes, (wrong,))) == []
    assert desk.emitted(ViewChanged) == []


def test_pbft_4_4_a_gap_in_o_must_be_the_null_request() -> None:
    desk = Desk()
    order = desk.pre_prepare(2, now_ms=3)
    changes = (
        desk.view_change(1, 1, desk.certificate(order, 2, 3)),
        desk.view_change(2, 1),
        desk.view_change(3, 1),
    )
    again = desk.pre_prepare(2, 1, order.requests, now_ms=3)
    smuggled = desk.pre_prepare(1, 1, (desk.request(7),))
    assert not is_valid_new_view(desk.ctx, desk.state, desk.new_view(1, changes, (smuggled, again)))


def test_pbft_4_4_o_is_neither_longer_nor_shorter_than_v_demands() -> None:
    desk = Desk()
    changes = tuple(desk.view_change(one, 1) for one in (1, 2, 3))
    extra = desk.pre_prepare(1, 1)
    assert is_valid_new_view(desk.ctx, desk.state, desk.new_view(1, changes, ()))
    assert not is_valid_new_view(desk.ctx, desk.state, desk.new_view(1, changes, (extra,)))


def test_pbft_4_4_v_is_a_quorum_for_this_view_signed_by_its_primary() -> None:
    desk = Desk()
    one, two, three = (desk.view_change(number, 1) for number in (1, 2, 3))
    for changes in ((one, two), (one, two, two), (one, two, desk.view_change(3, 2))):
        assert not is_valid_new_view(desk.ctx, desk.state, desk.new_view(1, changes, ()))
    bare = NewView(1, (one, two, three), ())
    usurped = NewView(1, bare.view_changes, (), sign("replica-2", new_view_content(bare)))
    assert not is_valid_new_view(desk.ctx, desk.state, usurped)
