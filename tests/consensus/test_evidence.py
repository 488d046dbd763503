"""Evidence convicts liars before anyone who has their public keys, and nobody else."""

import random
from collections.abc import Iterable

import msgspec
import pytest
from consensus_desk import Desk, sign
from consensus_group import Group
from consensus_transcript import ACTIONS, Transcript, Wild, verify
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.consensus import (
    ConflictingMessages,
    Equivocator,
    Evidence,
    Executed,
    Replica,
    Settings,
    verify_evidence,
)
from agents.consensus.evidence import (
    Signed,
    accuse,
    decode_evidence,
    encode_evidence,
    offence,
    signed_content,
)
from agents.consensus.messages import (
    Checkpoint,
    Commit,
    NewView,
    Prepare,
    ViewChange,
)
from agents.consensus.rules import Committee
from prsm_sim.actor import Actor, Context, Message, PeerId, RemoteProtocolError, Wrapper, encode
from prsm_sim.faults import Crash
from prsm_sim.network import Latency, Network

COMMITTEE = Committee(("replica-0", "replica-1", "replica-2", "replica-3"))
LIAR = "replica-1"
ONE, TWO = b"digest one", b"digest two"


def signed(message: Signed, signer: PeerId = LIAR) -> Signed:
    return msgspec.structs.replace(message, signature=sign(signer, signed_content(message)))


def judge(evidence: Evidence) -> str | None:
    return verify_evidence(verify, COMMITTEE, evidence)


def certificate(view: int, sequence: int, now_ms: int = 0):
    desk = Desk()
    order = desk.pre_prepare(sequence, view, now_ms=now_ms)
    return desk.certificate(order, 2, 3)


def contradictions() -> dict[str, tuple[str, Signed, Signed]]:
    """Of each kind a pair of messages, with the promise that they break."""
    desk = Desk()
    order, other = desk.pre_prepare(1, 1, now_ms=0), desk.pre_prepare(1, 1, now_ms=1)
    proof = certificate(0, 1)
    digest = proof.pre_prepare.digest
    v = tuple(desk.view_change(one, 1) for one in (0, 1, 2))
    w = tuple(desk.view_change(one, 1) for one in (1, 2, 3))
    return {
        "two pre-prepares": ("votes", order, other),
        "two prepares": ("votes", Prepare(0, 1, ONE), Prepare(0, 1, TWO)),
        "two commits": ("votes", Commit(0, 1, ONE), Commit(0, 1, TWO)),
        "prepared one, committed another": ("votes", Prepare(0, 1, ONE), Commit(0, 1, TWO)),
        "ordered one, committed another": ("votes", order, Commit(1, 1, TWO)),
        "primary that prepares": ("roles", order, Prepare(1, 5, ONE)),
        "two states": ("checkpoint", Checkpoint(4, ONE), Checkpoint(4, TWO)),
        "two beginnings": ("new-view", NewView(1, v, ()), NewView(1, w, ())),
        "another O": ("new-view", NewView(1, v, (order,)), NewView(1, v, (other,))),
        "commit left out": ("omission", Commit(0, 1, digest), ViewChange(2, LIAR, 0, ())),
        "commit hidden behind another batch": (
            "omission",
            Commit(0, 1, ONE),
            ViewChange(2, LIAR, 0, (proof,)),
        ),
        "commit hidden behind an older view": (
            "omission",
            Commit(1, 1, digest),
            ViewChange(2, LIAR, 0, (proof,)),
        ),
        "commit hidden behind another number": (
            "omission",
            Commit(0, 2, digest),
            ViewChange(2, LIAR, 0, (proof,)),
        ),
    }


@pytest.mark.parametrize("name", contradictions())
def test_a_contradiction_convicts_by_public_keys_alone_in_whichever_order(name: str) -> None:
    kind, first, second = contradictions()[name]
    first, second = signed(first), signed(second)
    evidence = accuse(LIAR, first, second)
    assert evidence is not None
    assert evidence == accuse(LIAR, second, first), "one contradiction, one form"
    assert (evidence.accused, evidence.kind) == (LIAR, kind)
    assert judge(decode_evidence(encode_evidence(evidence))) is None
    assert offence(evidence)[:2] == (LIAR, kind)


CONSISTENT: dict[str, tuple[Signed, Signed]] = {
    "another sequence number": (Prepare(0, 1, ONE), Prepare(0, 2, TWO)),
    "another view": (Prepare(0, 1, ONE), Prepare(1, 1, TWO)),
    "prepare and commit": (Prepare(0, 1, ONE), Commit(0, 1, ONE)),
    "roles in two views": (Desk().pre_prepare(1, 1), Prepare(2, 1, ONE)),
    "states after two numbers": (Checkpoint(4, ONE), Checkpoint(8, TWO)),
    "two view-changes for one view": (
        ViewChange(2, LIAR, 0, ()),
        ViewChange(2, LIAR, 0, (certificate(0, 1),)),
    ),
    "new views": (NewView(1, (), ()), NewView(5, (), ())),
    "a new view with another's view-change altered": (
        NewView(1, (ViewChange(1, "replica-2", 0, ()),), ()),
        NewView(1, (ViewChange(1, "replica-2", 7, ()),), ()),
    ),
    "a commit after the view-change": (Commit(2, 1, ONE), ViewChange(2, LIAR, 0, ())),
    "a commit below the watermark": (Commit(0, 1, ONE), ViewChange(2, LIAR, 1, ())),
    "a commit that is shown": (
        Commit(0, 1, certificate(0, 1).pre_prepare.digest),
        ViewChange(2, LIAR, 0, (certificate(0, 1),)),
    ),
    "a commit replaced in a later view": (
        Commit(0, 1, ONE),
        ViewChange(3, LIAR, 0, (certificate(1, 1),)),
    ),
    "a vote and a checkpoint": (Commit(0, 1, ONE), Checkpoint(1, TWO)),
}


@pytest.mark.parametrize("name", CONSISTENT)
def test_what_a_correct_replica_may_sign_is_no_contradiction(name: str) -> None:
    first, second = CONSISTENT[name]
    assert accuse(LIAR, signed(first), signed(second)) is None
    assert accuse(LIAR, signed(second), signed(first)) is None
    for kind in ("votes", "roles", "checkpoint", "new-view", "omission"):
        lesser, greater = sorted((encode(signed(first)), encode(signed(second))))
        assert judge(Evidence(LIAR, kind, lesser, greater)) is not None


def of_two_commits() -> Evidence:
    evidence = accuse(LIAR, signed(Commit(0, 1, ONE)), signed(Commit(0, 1, TWO)))
    assert evidence is not None
    return evidence


def test_false_evidence_is_refused_with_the_reason() -> None:
    good = of_two_commits()
    replace = msgspec.structs.replace
    forged = accuse(LIAR, signed(Commit(0, 1, ONE)), signed(Commit(0, 1, TWO), "replica-2"))
    own_work = accuse(
        LIAR, signed(Commit(0, 1, ONE), "replica-2"), signed(Commit(0, 1, TWO), "replica-2")
    )
    alike = encode(signed(Commit(0, 1, ONE)))
    agreeing = encode(signed(Prepare(0, 1, ONE)))
    others = accuse(
        LIAR, signed(Commit(0, 1, ONE)), signed(ViewChange(1, "replica-2", 0, ()), LIAR)
    )
    request = encode(Desk().request())
    for evidence, reason in (
        (replace(good, accused="stranger"), "no member"),
        (replace(good, second=good.first), "the same"),
        (replace(good, first=good.second, second=good.first), "order of their bytes"),
        (replace(good, first=b"garbage"), "first message cannot be read"),
        (replace(good, second=b"\xff garbage"), "second message cannot be read"),
        (replace(good, first=b""), "first message cannot be read"),
        (replace(good, second=request), "cannot be read"),
        (replace(good, kind="roles"), "break the promise 'votes'"),
        (Evidence(LIAR, "votes", *sorted((alike, agreeing))), "do not contradict"),
        (replace(good, accused="replica-0"), "not signed by 'replica-0'"),
        (forged, "not signed by 'replica-1'"),
        (own_work, "not signed by 'replica-1'"),
        (others, "view-change of 'replica-2'"),
    ):
        assert evidence is not None
        refusal = judge(evidence)
        assert refusal is not None
        assert reason in refusal


def test_there_is_one_form_of_each_piece_of_evidence() -> None:
    order = Desk().pre_prepare(1, 1)
    other = Desk().pre_prepare(1, 1, now_ms=1)
    evidence = accuse(LIAR, order, other)
    assert evidence is not None
    assert len(evidence.first) < 150, "requests are not covered by the signature, so left out"
    dressed = sorted((encode(order), encode(other)))
    assert "canonical" in str(judge(Evidence(LIAR, "votes", *dressed)))
    v = tuple(Desk().view_change(one, 1, certificate(0, 1)) for one in (0, 1, 2))
    begun = [signed(NewView(1, v, one)) for one in ((order,), (other,))]
    short = accuse(LIAR, *begun)
    assert short is not None
    assert len(short.first) < len(encode(begun[0])) / 2
    assert "canonical" in str(judge(Evidence(LIAR, "new-view", *sorted(map(encode, begun)))))
    padded = msgspec.structs.replace(evidence, second=evidence.second + b"\x00")
    assert judge(padded) is not None
    as_map = msgspec.msgpack.encode(
        {"second": evidence.second, "first": evidence.first, "kind": "votes", "accused": LIAR}
    )
    with pytest.raises(RemoteProtocolError, match="canonical"):
        decode_evidence(as_map)
    with pytest.raises(RemoteProtocolError):
        decode_evidence(b"garbage")


def test_many_pieces_of_evidence_of_one_offence_have_one_name() -> None:
    votes = [signed(Commit(3, 7, bytes([number]))) for number in range(3)]
    votes.append(signed(Prepare(3, 7, b"prepared")))
    pieces = [accuse(LIAR, one, two) for one in votes for two in votes if one != two]
    assert len({encode(piece) for piece in pieces}) == 6
    assert {offence(piece) for piece in pieces if piece} == {(LIAR, "votes", 3, 7)}
    left_out = accuse(LIAR, votes[0], signed(ViewChange(5, LIAR, 0, ())))
    left_out_again = accuse(LIAR, votes[0], signed(ViewChange(6, LIAR, 2, ())))
    assert left_out != left_out_again
    assert left_out is not None
    assert left_out_again is not None
    assert offence(left_out) == offence(left_out_again) == (LIAR, "omission", 3, 7)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("two prepares", (LIAR, "votes", 0, 1)),
        ("primary that prepares", (LIAR, "roles", 1, 0)),
        ("two states", (LIAR, "checkpoint", 0, 4)),
        ("two beginnings", (LIAR, "new-view", 1, 0)),
        ("commit left out", (LIAR, "omission", 0, 1)),
    ],
)
def test_an_offence_is_named_by_what_it_concerns(
    name: str, named: tuple[PeerId, str, int, int]
) -> None:
    _, first, second = contradictions()[name]
    for evidence in (accuse(LIAR, first, second), accuse(LIAR, second, first)):
        assert evidence is not None
        assert offence(evidence) == named


def test_real_signatures_do_as_well() -> None:
    keys = {name: Ed25519PrivateKey.generate() for name in COMMITTEE.members}
    public = {name: key.public_key() for name, key in keys.items()}

    def check(signer: PeerId, payload: bytes, signature: bytes) -> bool:
        try:
            public[signer].verify(signature, payload)
        except InvalidSignature:
            return False
        return True

    pair = [
        msgspec.structs.replace(one, signature=keys[LIAR].sign(signed_content(one)))
        for one in (Checkpoint(4, ONE), Checkpoint(4, TWO))
    ]
    evidence = accuse(LIAR, *pair)
    assert evidence is not None
    assert verify_evidence(check, COMMITTEE, evidence) is None
    framed = msgspec.structs.replace(evidence, accused="replica-2")
    assert verify_evidence(check, COMMITTEE, framed) is not None


@given(st.data())
def test_altered_evidence_never_convicts_anybody_of_anything_else(data: st.DataObject) -> None:
    _, first, second = contradictions()[data.draw(st.sampled_from(sorted(contradictions())))]
    evidence = accuse(LIAR, signed(first), signed(second))
    assert evidence is not None
    payload = bytearray(encode(evidence))
    place = data.draw(st.integers(0, len(payload) - 1), "place")
    payload[place] ^= data.draw(st.integers(1, 255), "change")
    try:
        altered = decode_evidence(bytes(payload))
    except RemoteProtocolError:
        return
    assert judge(altered) is not None


@given(st.binary(max_size=60), st.binary(max_size=60), st.text(max_size=4))
def test_noise_is_refused_and_never_raises(first: bytes, second: bytes, kind: str) -> None:
    assert judge(Evidence(LIAR, kind, first, second)) is not None


WEIGHTED = st.sampled_from([*3 * ["rush", "timer", "ask"], *2 * ["deliver", "restart"], *ACTIONS])


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(WEIGHTED, st.integers(0, 40)), min_size=20, max_size=120),
    st.sampled_from([0, 1, 2]),
    st.booleans(),
    st.sampled_from([2, 4, 256]),
)
def test_a_correct_replica_is_never_framed(
    steps: list[tuple[str, int]], interval: int, tentative: bool, window: int
) -> None:
    """No two messages that it ever signs, across crashes and restarts, make evidence."""
    wild = Wild(Settings(checkpoint_interval=interval, tentative=tentative, window=window))
    for action, number in steps:
        wild.step(action, number)
    assert_nobody_is_framed(wild)


@pytest.mark.parametrize("seed", range(8))
def test_long_and_wild_runs_frame_nobody(seed: int) -> None:
    rng = random.Random(seed)
    often = [*3 * ["rush", "timer", "ask"], *2 * ["deliver", "restart", "crash"], *ACTIONS]
    for _ in range(20):
        wild = Wild(
            Settings(
                checkpoint_interval=rng.choice([0, 1, 2]),
                tentative=rng.random() < 0.5,
                window=rng.choice([2, 4, 256]),
                batch_limit=rng.choice([1, 3]),
                in_flight_limit=rng.choice([1, 256]),
            )
        )
        for _ in range(rng.randint(40, 250)):
            wild.step(rng.choice(often), rng.randint(0, 40))
        assert_nobody_is_framed(wild)


def assert_nobody_is_framed(wild: Wild) -> None:
    assert not wild.transcript.convictions()
    told = [one.what for one in wild.world.happened]
    assert not [fact for fact in told if isinstance(fact, ConflictingMessages)]
    executed = {(fact.sequence, fact.digest) for fact in told if isinstance(fact, Executed)}
    assert len(executed) == len({sequence for sequence, _ in executed}), "they also agree"


class Ear(Wrapper):
    """Hears what really leaves a peer, after whatever lies its inner actor tells."""

    def __init__(self, inner: Actor, transcript: Transcript) -> None:
        super().__init__(inner)
        self.transcript = transcript

    def outgoing(
        self, ctx: Context, to: PeerId, message: Message
    ) -> Iterable[tuple[PeerId, Message]]:
        self.transcript.hear(ctx.id, message)
        return ((to, message),)


def overheard(seed: int, liar: PeerId | None) -> tuple[Transcript, list[Evidence], Group]:
    """A run with loss, crashes and perhaps a liar: what was signed, and the evidence told."""
    heard: list[Transcript] = []
    told: list[Evidence] = []

    def wrap(name: PeerId, replica: Replica) -> Actor:
        actor = Equivocator(replica, COMMITTEE.members) if name == liar else replica
        return Ear(actor, heard[0])

    heard.append(Transcript(COMMITTEE, lambda *one: group.sim.notary.verify(*one)))
    group = Group(
        4,
        2,
        20,
        seed=seed,
        network=Network(latency=Latency(law="exponential", mean_s=0.02), loss=0.05),
        settings=Settings(
            view_timeout_s=0.5, retry_s=0.2, status_s=2.0, checkpoint_interval=2, window=8
        ),
        retry_s=0.6,
        think_s=0.5,
        wrap=wrap,
        byzantine=() if liar is None else (liar,),
    )
    group.sim.observe(ConflictingMessages, lambda _at, _who, fact: told.append(fact.evidence))
    group.sim.schedule(
        *(
            Crash(at_s=0.3 + 1.5 * number, peer=f"replica-{(seed + number) % 4}", for_s=1.4)
            for number in range(8)
        )
    )
    group.run_until_settled(13.0)
    return heard[0], told, group


@pytest.mark.parametrize("seed", range(20))
def test_crashes_and_loss_in_the_simulator_frame_nobody(seed: int) -> None:
    transcript, told, group = overheard(seed, liar=None)
    assert group.coverage["consensus: replica restarted from its store"] == 8
    assert max(group.views.values()) >= 1, "some primary was replaced"
    assert sum(map(len, transcript.said.values())) > 200
    assert transcript.convictions() == []
    assert told == []


@pytest.mark.parametrize("seed", range(6))
def test_only_the_liar_is_convicted_and_what_replicas_tell_convicts_it(seed: int) -> None:
    transcript, told, _ = overheard(seed, liar=LIAR)
    convictions = transcript.convictions()
    assert {one.accused for one in convictions} == {LIAR}
    for evidence in told:
        assert verify_evidence(transcript.verify, COMMITTEE, evidence) is None
        assert evidence.accused == LIAR
        assert evidence in convictions
