"""Equivocation: f replicas that lie are survived, f + 1 that collude break agreement."""

from functools import partial

import pytest
from consensus_group import Group, fixed, members_of
from msgspec.structs import replace

from agents.consensus import Equivocator, Executed, Replica, Settings
from agents.consensus.byzantine import resign
from agents.consensus.lies import LIES, mutate
from agents.consensus.messages import (
    Certificate,
    Checkpoint,
    Commit,
    Entries,
    Entry,
    Fetch,
    NewView,
    Prepare,
    PrePrepare,
    Reply,
    Request,
    Stable,
    StableProof,
    StatePiece,
    ViewChange,
    batch_digest,
    checkpoint_content,
    new_view_content,
    view_change_content,
    vote_content,
)
from prsm_sim.actor import (
    Actor,
    Context,
    InvariantViolation,
    Message,
    PeerId,
    decode,
    encode,
)
from prsm_sim.chance import Stream
from prsm_sim.checker import Agreement
from prsm_sim.exposure import Exposure, Mutate
from prsm_sim.faults import Byzantine, Crash, Fault
from prsm_sim.faults.byzantine import Behaviour
from prsm_sim.fuzz.twins import Round, TwinsScenario, plan_of, twins_plan
from prsm_sim.network import Latency, Network

BRISK = Settings(view_timeout_s=1.0, retry_s=0.3, status_s=2.0)


def corrupt(n: int, liars: tuple[PeerId, ...], name: PeerId, replica: Replica) -> Actor:
    return Equivocator(replica, members_of(n), liars) if name in liars else replica


def group_with(n: int, liars: tuple[PeerId, ...], seed: int = 1, requests: int = 5) -> Group:
    return Group(
        n, 2, requests, seed=seed, settings=BRISK, retry_s=0.5, byzantine=liars,
        network=Network(latency=Latency(law="exponential", mean_s=0.01)),
        wrap=partial(corrupt, n, liars),
    )  # fmt: skip


@pytest.mark.parametrize("n", [4, 5, 6, 7, 10])
def test_agreement_and_progress_under_an_equivocating_primary(n: int) -> None:
    group = group_with(n, ("replica-0",))
    group.run_until_settled(1.0)
    group.assert_exactly_once()
    assert group.accused <= {"replica-0"}


@pytest.mark.parametrize("n", [4, 5, 6, 7, 10])
def test_agreement_and_progress_under_an_equivocating_backup(n: int) -> None:
    group = group_with(n, (f"replica-{n - 1}",))
    group.run_until_settled(1.0)
    group.assert_exactly_once()


@pytest.mark.parametrize(("n", "f"), [(4, 1), (5, 1), (6, 1), (7, 2), (10, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_f_colluding_equivocators_the_primary_among_them_are_survived(
    n: int, f: int, seed: int
) -> None:
    group = group_with(n, tuple(f"replica-{number}" for number in range(f)), seed)
    group.run_until_settled(1.0)
    group.assert_exactly_once()


def test_the_primary_really_tells_two_stories() -> None:
    heard: dict[PeerId, set[bytes]] = {}

    class Listener(Replica):
        def pre_prepare(self, ctx, sender, message: PrePrepare) -> None:
            heard.setdefault(ctx.id, set()).add(message.digest)
            super().pre_prepare(ctx, sender, message)

    liars = ("replica-0",)

    def wrap(name: PeerId, replica: Replica) -> Actor:
        if name in liars:
            return Equivocator(replica, members_of(4))
        return Listener(members_of(4), replica.machine)

    group = Group(4, network=fixed(1.0), wrap=wrap, byzantine=liars)
    group.sim.run(until=3.0)
    assert heard["replica-1"] == heard["replica-2"] != heard["replica-3"]


@pytest.mark.parametrize(("n", "liars"), [(4, (0, 1)), (7, (0, 2, 4)), (10, (0, 3, 5, 7))])
def test_f_plus_1_colluding_equivocators_break_agreement(n: int, liars: tuple[int, ...]) -> None:
    group = group_with(n, tuple(f"replica-{number}" for number in liars))
    with pytest.raises(InvariantViolation, match="agreement"):
        group.sim.run(until=10.0)


def test_with_6_replicas_quorums_of_2f_plus_1_would_break_agreement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why q is not 2f + 1 for every n: with it even f equivocators are too many."""
    group_with(6, ("replica-0",)).run_until_settled(1.0)
    monkeypatch.setattr("agents.consensus.rules.quorum", lambda n: 2 * ((n - 1) // 3) + 1)
    group = group_with(6, ("replica-0",))
    with pytest.raises(InvariantViolation, match="agreement"):
        group.sim.run(until=30.0)


def test_a_liar_is_judged_by_nobody_and_an_honest_one_by_all() -> None:
    checker = Agreement(Executed, lambda f: f.sequence, lambda f: f.digest)
    group = Group(4, 1, 3, checkers=(checker,))
    group.sim.run(until=5.0)
    assert checker.evaluations == 12


# Liars that are told of PBFT only how to sign: `prsm_sim.treachery` with `resign`, and `lies`.

CHECKPOINTING = Settings(view_timeout_s=1.0, retry_s=0.3, status_s=2.0, checkpoint_interval=4)
BEHAVIOURS: tuple[Behaviour, ...] = (
    "withhold", "delay", "replay", "mutate", "equivocate", "contradict", "forge", "twin",
    "adaptive", "ignore",
)  # fmt: skip


def infiltrated(
    n: int,
    faults: tuple[Fault, ...],
    seed: int = 1,
    requests: int = 8,
    settings: Settings = CHECKPOINTING,
    lies: Mutate | None = mutate,
    crash: bool = False,
) -> Group:
    """A group with Byzantine faults, and a primary that is down at first if `crash`."""
    liars = tuple({one.peer: None for one in faults if isinstance(one, Byzantine)})
    group = Group(
        n, 2, requests, seed=seed, settings=settings, retry_s=0.5, byzantine=liars,
        network=Network(latency=Latency(law="exponential", mean_s=0.01)),
    )  # fmt: skip
    ground = Exposure(
        peers=group.members, bystanders=group.clients, faulty=len(liars), resign=resign, mutate=lies
    )
    group.sim.expose(ground)
    group.sim.schedule(*faults)
    if crash:
        group.sim.schedule(Crash(peer="replica-0", at_s=0.03, for_s=4.0))
    return group


def lie_of(peer: int, behaviour: Behaviour, *accomplices: int, **how: object) -> Byzantine:
    others = tuple(f"replica-{one}" for one in accomplices if one != peer)
    return Byzantine(  # type: ignore[call-overload, no-any-return]
        peer=f"replica-{peer}", behaviour=behaviour, accomplices=others, by_s=0.2, **how
    )


def lies_told(group: Group) -> int:
    return group.sim.observatory.faults_struck["byzantine"]


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("peer", [0, 2])
def test_one_liar_of_four_is_survived_whatever_it_does(behaviour: Behaviour, peer: int) -> None:
    told = 0
    for seed in range(4):
        group = infiltrated(4, (lie_of(peer, behaviour),), seed, crash=peer == 2)
        group.run_until_settled(5.0)
        group.assert_exactly_once()
        assert group.accused <= {f"replica-{peer}"}
        told += lies_told(group)
    assert told > 0


@pytest.mark.parametrize("behaviour", ["mutate", "equivocate", "contradict", "twin"])
@pytest.mark.parametrize("n", [7, 8])
def test_two_colluding_liars_of_seven_and_eight_are_survived(behaviour: Behaviour, n: int) -> None:
    for seed in range(4):
        faults = tuple(lie_of(peer, behaviour, 0, 3, share=0.7) for peer in (0, 3))
        group = infiltrated(n, faults, seed)
        group.run_until_settled(1.0)
        group.assert_exactly_once()
        assert group.accused <= {"replica-0", "replica-3"}
        assert lies_told(group) > 0


@pytest.mark.parametrize(
    "kind", ["Request", "PrePrepare", "Prepare", "Commit", "Checkpoint", "ViewChange", "NewView"]
)
def test_each_kind_of_message_is_lied_about_and_refused_or_outvoted(kind: str) -> None:
    """By the primary or, while that is down, by the next one; only backups prepare."""
    told = 0
    peer = 0 if kind in ("PrePrepare", "Commit", "Checkpoint") else 1
    for seed in range(12):
        fault = lie_of(peer, "mutate", types=(kind,), share=0.6)
        group = infiltrated(4, (fault,), seed, crash=peer == 1)
        group.run_until_settled(5.0)
        group.assert_exactly_once()
        told += lies_told(group)
    assert told > 0


@pytest.mark.parametrize(("n", "liars"), [(4, (0, 1)), (7, (0, 2, 4)), (10, (0, 3, 5, 7))])
def test_f_plus_1_that_tell_the_same_generic_lies_break_agreement(
    n: int, liars: tuple[int, ...]
) -> None:
    """Nothing but a changed agreed time and their own signatures, told to half the replicas."""
    how = {"field": "now_ms", "change": "increment", "types": ("PrePrepare", "Prepare", "Commit")}
    for seed in range(5):
        faults = tuple(lie_of(one, "equivocate", *liars, **how) for one in liars)
        group = infiltrated(n, faults, seed)
        with pytest.raises(InvariantViolation, match="agreement"):
            group.sim.run(until=10.0)
        f = len(liars) - 1
        within = tuple(lie_of(one, "equivocate", *liars[:f], **how) for one in liars[:f])
        infiltrated(n, within, seed).run_until_settled(1.0)


def split_brain(twins: int, seed: int) -> Group:
    """Two sets of n = 4 with a quorum each, if two nodes run twice, and a client of its own."""
    sets = ((0, 1, 2), (3, 4, 5)) if twins == 2 else ((0, 1, 2), (3, 4))
    scenario = TwinsScenario(4, twins, (Round(sets),))
    ground = Exposure(peers=members_of(4), bystanders=("client-0", "client-1"))
    return infiltrated(4, plan_of(scenario, ground, 5.0, apart=True), seed)


def test_f_twins_are_survived_and_f_plus_1_break_agreement() -> None:
    for seed in range(5):
        group = split_brain(1, seed)
        group.run_until_settled(5.0)
        group.assert_exactly_once()
        with pytest.raises(InvariantViolation, match="agreement"):
            split_brain(2, seed).sim.run(until=10.0)


@pytest.mark.parametrize("f", [1, 2])
def test_drawn_twins_are_survived(f: int) -> None:
    ground = Exposure(
        peers=members_of(3 * f + 1), bystanders=("client-0", "client-1"), faulty=f, heal_s=4.0
    )
    told = 0
    for seed in range(12):
        group = infiltrated(3 * f + 1, twins_plan(ground, Stream(seed, "test")), seed)
        group.run_until_settled(4.0)
        group.assert_exactly_once()
        told += lies_told(group)
    assert told > 0


def test_the_same_seed_tells_the_same_lies() -> None:
    faults = (lie_of(0, "equivocate", 0, 1), lie_of(1, "mutate", 0, 1, share=0.5))
    digests = []
    for seed in (1, 1, 2):
        group = infiltrated(7, faults, seed)
        group.sim.run(until=3.0)
        digests.append(group.sim.digest)
    assert digests[0] == digests[1] != digests[2]


# What `resign` can make valid, and what not.


def ctx_of(name: PeerId) -> Context:
    sim = Group(4).sim
    sim.run(until=0.1)
    return sim.peer(name)


REQUEST = Request("client-0", 1, b"operation", b"the client's")


def test_resign_signs_votes_anew() -> None:
    ctx = ctx_of("replica-1")
    for kind, vote in (("prepare", Prepare(3, 7, b"d")), ("commit", Commit(3, 7, b"d"))):
        signed = resign(ctx, replace(vote, signature=b"stale"))
        content = vote_content(kind, 3, 7, b"d")
        assert signed == replace(vote, signature=ctx.sign(content))
        assert ctx.verify("replica-1", content, signed.signature)


def test_resign_gives_most_altered_batches_their_true_digest() -> None:
    ctx = ctx_of("replica-0")
    true = 0
    for now_ms in range(400):
        altered = resign(ctx, PrePrepare(0, 1, now_ms, (REQUEST,), b"stale", b"stale"))
        content = vote_content("pre-prepare", 0, 1, altered.digest)
        assert ctx.verify("replica-0", content, altered.signature)
        assert altered.digest in (b"stale", batch_digest(now_ms, (REQUEST,)))
        true += altered.digest != b"stale"
    assert 270 < true < 330  # 3 of 4; the standard deviation is 9


def test_resign_signs_checkpoints_and_view_changes_anew() -> None:
    ctx = ctx_of("replica-2")
    checkpoint = resign(ctx, Checkpoint(8, b"state", b"stale"))
    assert ctx.verify("replica-2", checkpoint_content(8, b"state"), checkpoint.signature)
    change = resign(ctx, ViewChange(4, "replica-2", 0, (), b"stale"))
    assert ctx.verify("replica-2", view_change_content(change), change.signature)


def test_resign_signs_a_new_view_and_its_orders_but_not_what_others_said() -> None:
    ctx = ctx_of("replica-1")
    voice = ViewChange(1, "replica-3", 0, (), b"another's")
    order = PrePrepare(1, 1, 5, (REQUEST,), b"digest", b"stale")
    message = resign(ctx, NewView(1, (voice,), (order,), b"stale"))
    assert message.view_changes == (voice,)
    content = vote_content("pre-prepare", 1, 1, b"digest")
    assert message.pre_prepares == (replace(order, signature=ctx.sign(content)),)
    assert ctx.verify("replica-1", new_view_content(message), message.signature)


@pytest.mark.parametrize("message", [REQUEST, Reply(0, 1, "client-0", b"r"), Fetch(0, True, 1)])
def test_resign_leaves_alone_what_the_replica_does_not_sign(message: Message) -> None:
    assert resign(ctx_of("replica-0"), message) is message


# The lies themselves.

CERTIFICATES = tuple(
    Certificate(
        PrePrepare(0, n, n, (REQUEST,), batch_digest(n, (REQUEST,)), b"s"),
        (("replica-1", b"s1"), ("replica-2", b"s2")),
    )
    for n in (1, 2)
)
CHANGES = tuple(ViewChange(1, f"replica-{n}", 0, CERTIFICATES, b"s") for n in (1, 2, 3))
PROOF = StableProof(4, b"digest", (("replica-1", b"s1"),))
EXAMPLES: tuple[Message, ...] = (
    CERTIFICATES[0].pre_prepare, Prepare(0, 1, b"d", b"s"), Commit(0, 1, b"d", b"s"), CHANGES[0],
    NewView(1, CHANGES, tuple(one.pre_prepare for one in CERTIFICATES), b"s"),
    Checkpoint(4, b"d", b"s"), Entries((Entry(1, 1, (REQUEST,)), Entry(2, 2, ()))),
    StatePiece(PROOF, (b"one", b"two"), 1, b"content"), Stable(PROOF),
    Reply(0, 1, "client-0", b"result"),
)  # fmt: skip


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: type(one).__name__)
def test_lies_are_well_typed_and_differ_from_the_truth(message: Message) -> None:
    told = [mutate(message, Stream(seed, "test")) for seed in range(200)]
    lies = [one for one in told if one is not None]
    assert 60 < len(lies) < 140
    assert len({repr(one) for one in lies}) >= len(LIES[type(message)])
    for one in lies:
        assert type(one) is type(message)
        assert decode(encode(one), type(message)) == one != message


@pytest.mark.parametrize("message", [REQUEST, Fetch(0, True, 1)])
def test_about_some_messages_there_is_no_lie(message: Message) -> None:
    assert all(mutate(message, Stream(seed, "test")) is None for seed in range(20))


def test_what_would_change_nothing_is_no_lie() -> None:
    bare = ViewChange(1, "replica-1", 0, (), b"s")
    null = PrePrepare(0, 1, 0, (), batch_digest(0, ()), b"s")
    for message in (bare, null, NewView(1, (bare,), (null,), b"s"), Entries(())):
        told = [mutate(message, Stream(seed, "test")) for seed in range(200)]
        assert message not in told
        assert None in told


def test_there_is_an_example_of_every_message_that_is_lied_about() -> None:
    assert {type(one) for one in EXAMPLES} == set(LIES)
