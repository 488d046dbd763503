"""Envelopes: what is whole gets through, whatever is not is turned away with its reason."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.envelope import (
    MAX_ENVELOPE_BYTES,
    REPLAY_WINDOW,
    VERSION,
    Envelope,
    EnvelopeRejected,
    Kind,
    Rejection,
    ReplayWindow,
    Seal,
)
from live.keys import Keys
from prsm_sim.actor.codec import encode

KEYS = Keys(seed=1)
for _name in ("alice", "bob"):
    KEYS.enrol(_name)

envelopes = st.builds(
    Envelope,
    sender=st.sampled_from(["alice", "bob"]),
    address=st.sampled_from(["peer/bob", "topic/news", "peer/naïve ☃"]),
    kind=st.sampled_from(Kind),
    correlation=st.integers(0, 2**63 - 1),
    sequence=st.integers(0, 2**63 - 1),
    body=st.binary(max_size=200),
)


def sealed(envelope: Envelope, run: str = "run") -> bytes:
    return Seal(run, KEYS).close(envelope)


def rejection(wire: bytes, address: str = "peer/bob", seal: Seal | None = None) -> Rejection:
    with pytest.raises(EnvelopeRejected) as rejected:
        (seal or Seal("run", KEYS)).open(wire, address)
    assert str(rejected.value).startswith(rejected.value.reason.value)
    return rejected.value.reason


def example(**changes: object) -> Envelope:
    values: dict[str, object] = {
        "sender": "alice",
        "address": "peer/bob",
        "kind": Kind.SEND,
        "correlation": 0,
        "sequence": 5,
        "body": b"body",
    }
    return Envelope(**(values | changes))  # type: ignore[arg-type]


@given(envelopes)
def test_an_envelope_comes_out_as_it_went_in(envelope: Envelope) -> None:
    assert Seal("run", KEYS).open(sealed(envelope), envelope.address) == envelope


@given(envelopes, st.data())
def test_any_flipped_bit_is_found(envelope: Envelope, data: st.DataObject) -> None:
    wire = bytearray(sealed(envelope))
    bit = data.draw(st.integers(0, 8 * len(wire) - 1))
    wire[bit // 8] ^= 1 << bit % 8
    reason = rejection(bytes(wire), envelope.address)
    # Which check finds it depends on where it is; the signature alone is bytes 9 to 72.
    if 9 <= bit // 8 < 73:
        assert reason is Rejection.BAD_SIGNATURE
    if bit // 8 in (0, 1, 2, 3, 5, 6, 7, 8):
        assert reason is Rejection.MALFORMED
    if bit // 8 == 4:
        assert reason is Rejection.WRONG_VERSION


@given(envelopes, st.data())
def test_any_truncation_is_malformed(envelope: Envelope, data: st.DataObject) -> None:
    wire = sealed(envelope)
    kept = data.draw(st.integers(0, len(wire) - 1))
    assert rejection(wire[:kept], envelope.address) is Rejection.MALFORMED


@given(envelopes, st.binary(min_size=1, max_size=50))
def test_anything_appended_is_malformed(envelope: Envelope, more: bytes) -> None:
    assert rejection(sealed(envelope) + more, envelope.address) is Rejection.MALFORMED


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_noise_is_turned_away(noise: bytes) -> None:
    assert rejection(noise) is Rejection.MALFORMED


@given(st.binary(max_size=200), st.binary(min_size=64, max_size=64))
def test_noise_behind_a_true_header_is_turned_away(content: bytes, signature: bytes) -> None:
    header = struct.pack(">4sBI", b"PRSM", VERSION, len(content))
    expected = {Rejection.MALFORMED, Rejection.WRONG_RECEIVER}
    assert rejection(header + signature + content) in expected


@given(envelopes, st.integers(0, 255).filter(lambda version: version != VERSION))
def test_another_version_is_named(envelope: Envelope, version: int) -> None:
    wire = sealed(envelope)
    assert rejection(wire[:4] + bytes([version]) + wire[5:]) is Rejection.WRONG_VERSION


def test_the_size_limit_is_exact_at_both_ends() -> None:
    room = MAX_ENVELOPE_BYTES - len(sealed(example(body=b"x" * 70_000))) + 70_000
    fits = sealed(example(body=b"x" * room))
    assert len(fits) == MAX_ENVELOPE_BYTES
    assert len(Seal("run", KEYS).open(fits, "peer/bob").body) == room
    with pytest.raises(EnvelopeRejected, match="too large"):
        sealed(example(body=b"x" * (room + 1)))
    larger = Seal("run", KEYS, max_bytes=2 * MAX_ENVELOPE_BYTES)
    assert rejection(larger.close(example(body=b"x" * (room + 1)))) is Rejection.TOO_LARGE


def test_an_envelope_for_another_is_turned_away() -> None:
    assert rejection(sealed(example()), "peer/alice") is Rejection.WRONG_RECEIVER
    assert rejection(sealed(example()), "topic/bob") is Rejection.WRONG_RECEIVER


def test_an_unknown_sender_is_turned_away() -> None:
    others = Keys(seed=1)
    others.enrol("mallory")
    wire = Seal("run", others).close(example(sender="mallory"))
    assert rejection(wire) is Rejection.UNKNOWN_SENDER


def test_a_false_name_is_turned_away() -> None:
    others = Keys(seed=2)
    others.enrol("alice")
    assert rejection(Seal("run", others).close(example())) is Rejection.BAD_SIGNATURE


def test_a_recording_of_another_run_is_turned_away() -> None:
    assert rejection(sealed(example(), run="yesterday")) is Rejection.BAD_SIGNATURE


def test_an_actors_signature_is_no_envelopes_signature() -> None:
    # An actor may sign any payload; none of them may pass for an envelope.
    from live.world import Live

    world = Live(seed=1, keys=KEYS, run_name="run")
    content = encode(example())
    header = struct.pack(">4sBI", b"PRSM", VERSION, len(content))
    signed = world.sign("alice", b"prsm-envelope\0run\0" + header + content)
    assert rejection(header + signed + content) is Rejection.BAD_SIGNATURE


def test_a_malformed_content_with_a_true_signature_is_turned_away() -> None:
    for content in (encode(["alice", "peer/bob", 9, 0, 1, b""]), encode({"sender": "alice"}), b""):
        header = struct.pack(">4sBI", b"PRSM", VERSION, len(content))
        signature = KEYS.sign("alice", b"prsm-envelope\0run\0" + header + content)
        assert rejection(header + signature + content) is Rejection.MALFORMED


@given(st.integers(0, 2**62))
def test_a_copy_is_turned_away(sequence: int) -> None:
    seal = Seal("run", KEYS)
    wire = sealed(example(sequence=sequence))
    seal.open(wire, "peer/bob")
    assert rejection(wire, seal=seal) is Rejection.REPLAYED


def test_senders_have_windows_of_their_own() -> None:
    seal = Seal("run", KEYS)
    seal.open(sealed(example()), "peer/bob")
    assert seal.open(sealed(example(sender="bob")), "peer/bob").sender == "bob"


def test_a_forgery_does_not_use_a_number_up() -> None:
    seal = Seal("run", KEYS)
    wire = sealed(example())
    rejection(wire[:-1] + bytes([wire[-1] ^ 1]), seal=seal)
    assert seal.open(wire, "peer/bob") == example()


numbers = st.lists(
    st.one_of(st.integers(0, 50), st.integers(0, 3 * REPLAY_WINDOW), st.integers(-5, 2**63)),
    max_size=80,
)


@given(numbers)
@settings(max_examples=300)
def test_the_window_admits_what_a_plain_set_would(sequence: list[int]) -> None:
    window = ReplayWindow()
    admitted: set[int] = set()
    for number in sequence:
        highest = max(admitted, default=-1)
        expected = number >= 0 and number not in admitted and number > highest - REPLAY_WINDOW
        assert window.admit(number) is expected
        if expected:
            admitted.add(number)
