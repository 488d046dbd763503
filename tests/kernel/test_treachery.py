"""Each Byzantine behaviour does to a recorded conversation what it says, and nothing else."""

import pytest

from prsm_sim.actor import Actor, Context, Message, PeerId, UserError, on
from prsm_sim.exposure import Exposure
from prsm_sim.faults import Crash, FaultStruck
from prsm_sim.network import Latency, Network
from prsm_sim.sim import Sim
from tests.kernel.treachery_parts import (
    DELAY_S,
    PEERS,
    ROUNDS,
    Assembly,
    Ballot,
    Remark,
    changed_fields,
    choice_of,
    lie_of,
    truth,
)

OTHERS = PEERS[1:]
BEHAVIOURS = (
    "withhold", "delay", "replay", "mutate", "equivocate", "contradict", "forge", "twin",
    "adaptive", "ignore",
)  # fmt: skip


def test_without_faults_everyone_hears_the_truth() -> None:
    assembly = Assembly()
    for receiver in OTHERS:
        assert assembly.ballots("a", receiver) == truth(assembly.sim, "a")
        assert all(assembly.is_valid(one, "a") for one in assembly.ballots("a", receiver))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_traitor_whose_time_has_not_come_is_the_actor_itself(behaviour: str) -> None:
    late = Assembly(lie_of("a", behaviour, at_s=1e6), speakers=PEERS)
    plain = Assembly(speakers=PEERS)
    assert late.heard == plain.heard
    assert late.effects == {}
    assert late.sim.digest == plain.sim.digest


# Which messages.


def test_withhold_keeps_everything_back() -> None:
    assembly = Assembly(lie_of("a", "withhold"), speakers=("a", "b"))
    assert {one.sender for one in assembly.heard} == {"b"}
    assert assembly.effects == {"fault effect: byzantine withhold": 2 * ROUNDS * 4}
    assert assembly.sim.observatory.faults_struck["byzantine"] >= 1


def test_withhold_sends_selectively() -> None:
    assembly = Assembly(lie_of("a", "withhold", receivers=("c", "d"), types=("Ballot",)))
    for receiver in OTHERS:
        heard = assembly.ballots("a", receiver)
        assert heard == ([] if receiver in ("c", "d") else truth(assembly.sim, "a"))
        assert len(assembly.from_to("a", receiver, Remark)) == ROUNDS


def test_a_fault_has_a_beginning_and_an_end() -> None:
    assembly = Assembly(lie_of("a", "withhold", at_s=2.0, for_s=2.0))
    for receiver in OTHERS:
        rounds = [one.round for one in assembly.ballots("a", receiver)]
        assert rounds == [1, *range(4, ROUNDS + 1)]  # 2 and 3 are said within [2, 4)


def test_first_and_count_number_the_messages_concerned() -> None:
    fault = lie_of("a", "withhold", types=("Ballot",), receivers=("b", "c"), first=3, count=2)
    assembly = Assembly(fault)
    # Concerned are b1 c1 b2 c2 b3 c3 …; the third and the fourth after the first are c2 and b3.
    assert [one.round for one in assembly.ballots("a", "b")] == [1, 2, 4, 5, 6]
    assert [one.round for one in assembly.ballots("a", "c")] == [1, 3, 4, 5, 6]
    assert len(assembly.ballots("a", "d")) == ROUNDS


def test_a_share_is_drawn_from_the_seed() -> None:
    kept = [
        sum(Assembly(lie_of("a", "withhold", share=0.3), seed=seed).effects.values())
        for seed in range(40)
    ]
    messages = 2 * ROUNDS * 4
    assert len(set(kept)) > 3
    # The mean of 40 × 48 draws at 0.3 has a standard deviation of 0.5 messages.
    assert abs(sum(kept) / len(kept) - 0.3 * messages) < 2.0


# What happens to them.


def test_delay_is_exact_and_keeps_the_order() -> None:
    assembly = Assembly(lie_of("a", "delay", by_s=2.5, receivers=("b",), for_s=3.5))
    late = [(one.message.round, one.at_s) for one in assembly.from_to("a", "b")]  # type: ignore[attr-defined]
    expected = [(n, n + DELAY_S + (2.5 if n < 3.5 else 0.0)) for n in range(1, ROUNDS + 1)]
    assert sorted(late) == expected
    assert late == sorted(late, key=lambda one: one[1])
    assert assembly.ballots("a", "c") == truth(assembly.sim, "a")
    assert assembly.effects == {"fault effect: byzantine delay": 2 * 3}


def test_replay_sends_an_old_message_as_well() -> None:
    assembly = Assembly(lie_of("a", "replay", types=("Ballot",)))
    said = truth(assembly.sim, "a")
    replayed = 0
    for receiver in OTHERS:
        for number, ballot in enumerate(said):
            heard = [one.message for one in assembly.from_to("a", receiver)
                     if one.at_s == pytest.approx(number + 1 + DELAY_S)]  # fmt: skip
            assert heard[0] == ballot
            assert all(one in said[:number] for one in heard[1:])
            replayed += len(heard) - 1
    assert replayed == 4 * (ROUNDS - 1)
    assert assembly.effects == {"fault effect: byzantine replay": replayed}


@pytest.mark.parametrize("seed", range(8))
def test_mutate_changes_one_field_and_signs_again(seed: int) -> None:
    assembly = Assembly(lie_of("a", "mutate", types=("Ballot",)), seed=seed)
    for receiver in OTHERS:
        for said, heard in zip(
            truth(assembly.sim, "a"), assembly.ballots("a", receiver), strict=True
        ):
            changed = changed_fields(said, heard)
            assert "signature" in changed
            assert len(changed) == 2
            assert assembly.is_valid(heard, "a")
        assert [one.message for one in assembly.from_to("a", receiver, Remark)] == [
            Remark(n, ("so", "be", f"it {n}")) for n in range(1, ROUNDS + 1)
        ]
    assert assembly.effects == {"fault effect: byzantine mutate": ROUNDS * 4}


def test_without_a_way_to_sign_again_a_mutant_keeps_its_signature() -> None:
    assembly = Assembly(lie_of("a", "mutate", field="round", types=("Ballot",)), resign=None)
    for said, heard in zip(truth(assembly.sim, "a"), assembly.ballots("a", "b"), strict=True):
        assert changed_fields(said, heard) == ["round"]
        assert not assembly.is_valid(heard, "a")


@pytest.mark.parametrize(("change", "step"), [("increment", 1), ("decrement", -1)])
def test_integers_move_by_one(change: str, step: int) -> None:
    fault = lie_of("a", "mutate", types=("Ballot",), field="round", change=change)
    assembly = Assembly(fault)
    for said, heard in zip(truth(assembly.sim, "a"), assembly.ballots("a", "b"), strict=True):
        assert heard.round == said.round + step
        assert heard.choice == said.choice


def test_another_value_comes_from_such_a_field_of_somebody_else() -> None:
    fault = lie_of("a", "mutate", types=("Ballot",), field="voter", change="other")
    assembly = Assembly(fault, speakers=("a", "b", "c"))
    voters = [one.voter for one in assembly.ballots("a", "d")]
    assert voters[0] == "a"  # nothing else is known yet
    assert set(voters[1:]) <= {"b", "c"}
    assert sum(assembly.effects.values()) == 4 * (ROUNDS - 1)


def test_an_old_value_is_one_that_the_liar_has_sent() -> None:
    fault = lie_of("a", "mutate", types=("Ballot",), field="choice", change="old")
    assembly = Assembly(fault, speakers=("a", "b"))
    heard = assembly.ballots("a", "d")
    assert heard[0] == truth(assembly.sim, "a")[0]
    for number, one in enumerate(heard[1:], 2):
        assert one.choice in {choice_of(earlier) for earlier in range(1, number)}
        assert one.round == number


def test_a_signature_that_is_named_is_false_and_stays_so() -> None:
    assembly = Assembly(lie_of("a", "mutate", types=("Ballot",), field="signature"))
    for said, heard in zip(truth(assembly.sim, "a"), assembly.ballots("a", "b"), strict=True):
        assert changed_fields(said, heard) == ["signature"]
        assert not assembly.is_valid(heard, "a")


def test_equivocate_tells_half_of_them_the_truth_and_the_others_one_lie() -> None:
    assembly = Assembly(lie_of("a", "equivocate", types=("Ballot",)))
    said = truth(assembly.sim, "a")
    assert assembly.ballots("a", "b") == assembly.ballots("a", "d") == said
    lies = assembly.ballots("a", "c")
    assert lies == assembly.ballots("a", "e")
    assert all(lie != true for lie, true in zip(lies, said, strict=True))
    assert assembly.effects == {"fault effect: byzantine equivocate": 2 * ROUNDS}


def test_the_receivers_of_a_second_story_can_be_named() -> None:
    assembly = Assembly(lie_of("a", "equivocate", types=("Ballot",), receivers=("b", "e")))
    said = truth(assembly.sim, "a")
    assert assembly.ballots("a", "c") == assembly.ballots("a", "d") == said
    assert assembly.ballots("a", "b") == assembly.ballots("a", "e") != said


def test_contradict_tells_the_same_receiver_both() -> None:
    assembly = Assembly(lie_of("a", "contradict", types=("Ballot",)))
    said = truth(assembly.sim, "a")
    lies_first = 0
    for receiver in OTHERS:
        heard = assembly.ballots("a", receiver)
        pairs = [heard[number : number + 2] for number in range(0, 2 * ROUNDS, 2)]
        for true, pair in zip(said, pairs, strict=True):
            assert true in pair
            assert pair[0] != pair[1]
            assert all(assembly.is_valid(one, "a") for one in pair)
            lies_first += pair[1] == true
    assert 0 < lies_first < 4 * ROUNDS
    assert assembly.effects == {"fault effect: byzantine contradict": 4 * ROUNDS}


def test_forge_claims_to_be_another_and_signs_as_oneself() -> None:
    assembly = Assembly(lie_of("a", "forge"))
    for heard in assembly.ballots("a", "b"):
        assert heard.voter in OTHERS
        assert assembly.is_valid(heard, "a")
        assert not assembly.is_valid(heard, heard.voter)
    assert len(assembly.from_to("a", "b", Remark)) == ROUNDS
    assert assembly.effects == {"fault effect: byzantine forge": ROUNDS * 4}


def test_a_forger_leaves_other_names_alone_where_its_own_is_told() -> None:
    class Pair(Message, frozen=True):
        one: str
        other: str

    heard: list[Pair] = []

    class Pairing(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            if ctx.id == "a":
                ctx.send("b", Pair("c", "a"))

        @on(Pair)
        def pair(self, ctx: Context, sender: PeerId, message: Pair) -> None:
            heard.append(message)

    for seed in range(10):
        sim = Sim(seed=seed)
        for name in ("a", "b", "c", "d"):
            sim.spawn(name, Pairing)
        sim.schedule(lie_of("a", "forge"))
        sim.run()
    assert {one.one for one in heard} == {"c"}
    assert {one.other for one in heard} == {"b", "c", "d"}


def test_where_a_message_does_not_name_the_forger_it_names_another_than_it_did() -> None:
    class Quote(Message, frozen=True):
        lines: tuple[Ballot, ...]

    heard: list[Quote] = []

    class Quoter(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            if ctx.id == "a":
                ctx.send(
                    "b", Quote((Ballot(1, b"", "c"), Ballot(2, b"", "x"), Ballot(3, b"", "c")))
                )

        @on(Quote)
        def quote(self, ctx: Context, sender: PeerId, message: Quote) -> None:
            heard.append(message)

    for seed in range(20):
        sim = Sim(seed=seed)
        for name in ("a", "b", "c", "x", "y"):
            sim.spawn(name, Quoter)
        sim.expose(Exposure(peers=("a", "b", "c"), bystanders=("x", "y")))
        sim.schedule(lie_of("a", "forge"))
        sim.run()
    names = {tuple(one.voter for one in quote.lines) for quote in heard}
    assert names == {("a", "x", "a"), ("b", "x", "b"), ("c", "y", "c")}


class Loud(Actor):
    """Sends `a` remarks between two times; counts what comes back."""

    def __init__(self, begin_s: float, end_s: float, every_s: float, answers: list[float]) -> None:
        self.begin_s, self.end_s, self.every_s = begin_s, end_s, every_s
        self.answers = answers

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("next", self.begin_s)

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.send("a", Remark(1))
        if ctx.now + self.every_s < self.end_s:
            ctx.set_timer("next", self.every_s)

    @on(Remark)
    def remark(self, ctx: Context, sender: PeerId, message: Remark) -> None:
        self.answers.append(ctx.now)


class Echo(Actor):
    """Answers every remark; says something of its own to all every second."""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("say", 1.0)

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.broadcast(Remark(3))
        ctx.set_timer("say", 1.0)

    @on(Remark)
    def remark(self, ctx: Context, sender: PeerId, message: Remark) -> None:
        ctx.send(sender, Remark(2))


def test_adaptive_cuts_itself_off_from_whoever_sends_most() -> None:
    loud: list[float] = []
    quiet: list[float] = []
    sim = Sim(seed=1)
    sim.spawn("a", Echo)
    sim.spawn("b", lambda: Loud(0.0, 100.0, 0.25, loud))
    sim.spawn("c", lambda: Loud(0.0, 100.0, 0.5, quiet))
    sim.schedule(lie_of("a", "adaptive", at_s=50.0))
    sim.run(until=100.5)
    # From 50 s on `a` neither hears b (4 a second) nor says anything to it (1 a second).
    assert max(loud) < 50.1
    assert len(loud) == pytest.approx(5 * 50, abs=3)
    assert len(quiet) == pytest.approx(3 * 100, abs=3)
    effects = sim.observatory.counters["fault effect: byzantine adaptive"]
    assert effects == pytest.approx(5 * 50, abs=3)


def test_adaptive_forgets_who_has_been_loud() -> None:
    first: list[float] = []
    second: list[float] = []
    sim = Sim(seed=1)
    sim.spawn("a", Echo)
    sim.spawn("b", lambda: Loud(0.0, 30.0, 0.1, first))
    sim.spawn("c", lambda: Loud(30.0, 55.0, 0.1, second))
    sim.schedule(lie_of("a", "adaptive", at_s=30.0))
    sim.run(until=56.0)
    # b has sent 300 and c never sends as many; but of b's only some 170 count when c has begun.
    assert max(second) == pytest.approx(30.0 + 17.3, abs=0.5)


def test_who_is_ignored_is_ignored_whoever_passes_on_what_it_said() -> None:
    sim = Sim(seed=1)
    heard: list[Message] = []

    class Listener(Actor):
        @on(Message)
        def hear(self, ctx: Context, sender: PeerId, message: Message) -> None:
            heard.append(message)

    class Relay(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send("b", Ballot(1, b"", "c"))
            ctx.send("b", Ballot(2, b"", "d"))
            ctx.send("b", Remark(3, ("d", "c")))

    sim.spawn("a", Relay)
    sim.spawn("b", Listener)
    sim.spawn("c", Actor)
    sim.schedule(lie_of("b", "ignore", receivers=("c",)))
    sim.run(until=1.0)
    assert heard == [Ballot(2, b"", "d")]


def test_ignore_is_deaf_to_all_or_to_some_contents_whoever_says_them() -> None:
    assembly = Assembly(lie_of("b", "ignore", types=("Ballot",)), speakers=("a", "c"))
    assert {type(one.message) for one in assembly.heard if one.receiver == "b"} == {Remark}
    assert assembly.effects == {"fault effect: byzantine ignore": 2 * ROUNDS}
    assembly = Assembly(lie_of("b", "ignore", receivers=("c",)), speakers=("a", "c"))
    assert {one.sender for one in assembly.heard if one.receiver == "b"} == {"a"}
    shares = []
    for seed in range(30):
        assembly = Assembly(lie_of("b", "ignore", share=0.4), speakers=("a", "c"), seed=seed)
        heard = {
            name: [one.message for one in assembly.from_to(name, "b", Remark)] for name in "ac"
        }
        assert heard["a"] == heard["c"]  # the same remarks, so both are heard or neither
        shares.append(1 - len(heard["a"]) / ROUNDS)
        assert len(assembly.from_to("b", "c", Remark)) == 0
        assert len(assembly.from_to("a", "c", Remark)) == ROUNDS
    # 180 draws at 0.4: the standard deviation of the mean is 0.037.
    assert abs(sum(shares) / len(shares) - 0.4) < 0.15


# Accomplices.


def test_accomplices_hear_the_truth_and_tell_the_same_lies() -> None:
    pair = (
        lie_of("a", "mutate", types=("Remark",), accomplices=("b",)),
        lie_of("b", "mutate", types=("Remark",), accomplices=("a",)),
    )
    assembly = Assembly(*pair, speakers=("a", "b"))
    honest = [Remark(n, ("so", "be", f"it {n}")) for n in range(1, ROUNDS + 1)]

    def remarks(sender: PeerId, receiver: PeerId) -> list[Message]:
        return [one.message for one in assembly.from_to(sender, receiver, Remark)]

    assert remarks("a", "b") == remarks("b", "a") == honest
    lies = remarks("a", "c")
    assert all(lie != true for lie, true in zip(lies, honest, strict=True))
    for receiver in ("c", "d", "e"):
        assert remarks("a", receiver) == remarks("b", receiver) == lies


def test_accomplices_lie_alike_about_what_each_signs_for_itself() -> None:
    class Mark(Message, frozen=True):
        number: int
        text: str
        signature: bytes

    heard: dict[PeerId, list[tuple[int, str]]] = {}

    class Marker(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            if ctx.id in "ab":
                for number in range(20):
                    ctx.broadcast(Mark(number, "text", ctx.id.encode()))

        @on(Mark)
        def mark(self, ctx: Context, sender: PeerId, message: Mark) -> None:
            if ctx.id == "c":
                heard.setdefault(sender, []).append((message.number, message.text))

    sim = Sim(seed=1)
    sim.set_network(Network(latency=Latency(mean_s=0.1)))
    for name in PEERS[:3]:
        sim.spawn(name, Marker)
    sim.schedule(*(lie_of(one, "mutate", accomplices=(other,)) for one, other in ("ab", "ba")))
    sim.run()
    assert heard["a"] == heard["b"]
    assert all(told != (number, "text") for number, told in enumerate(heard["a"]))


def test_who_lies_alone_lies_otherwise() -> None:
    alone = (lie_of("a", "mutate", types=("Remark",)), lie_of("b", "mutate", types=("Remark",)))
    assembly = Assembly(*alone, speakers=("a", "b"))
    ours, theirs = (
        [one.message for one in assembly.from_to(sender, "c", Remark)] for sender in "ab"
    )
    assert ours != theirs


def test_what_one_lie_has_replaced_all_later_ones_replace_too() -> None:
    """A digest told as another is told so by accomplices as well, in fields of other messages."""

    class Proof(Message, frozen=True):
        about: bytes

    proofs: dict[PeerId, list[bytes]] = {}

    class Witness(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("first", 1.0 if ctx.id == "a" else 2.0)

        def on_timer(self, ctx: Context, name: str) -> None:
            if ctx.id == "a":
                ctx.broadcast(Ballot(1, choice_of(1), "a"))
            if ctx.id == "b":
                ctx.broadcast(Proof(choice_of(1)))

        @on(Ballot, Proof)
        def hear(self, ctx: Context, sender: PeerId, message: Message) -> None:
            value = message.choice if isinstance(message, Ballot) else message.about  # type: ignore[attr-defined]
            proofs.setdefault(ctx.id, []).append(value)

    sim = Sim(seed=1)
    for name in PEERS:
        sim.spawn(name, Witness)
    sim.schedule(
        lie_of("a", "mutate", types=("Ballot",), field="choice", accomplices=("b",)),
        lie_of("b", "mutate", types=("Proof",), field="nothing", accomplices=("a",)),
    )
    sim.run(until=5.0)
    for name in ("c", "d", "e"):
        told, proven = proofs[name]
        assert told == proven != choice_of(1)


# The world around.


def test_several_faults_of_one_peer_compose() -> None:
    assembly = Assembly(
        lie_of("a", "mutate", types=("Ballot",), field="round", change="increment"),
        lie_of("a", "withhold", types=("Ballot",), receivers=("b",)),
        lie_of("a", "delay", types=("Ballot",), by_s=3.0),
    )
    assert assembly.ballots("a", "b") == []
    rounds = [(one.message.round, one.at_s) for one in assembly.from_to("a", "c")]  # type: ignore[attr-defined]
    assert rounds == [(n + 1, n + 3.0 + DELAY_S) for n in range(1, ROUNDS + 1)]


def test_a_restarted_traitor_is_a_traitor_still() -> None:
    assembly = Assembly(
        lie_of("a", "withhold", types=("Ballot",)), Crash(at_s=2.5, peer="a", for_s=1.0)
    )
    assert assembly.from_to("a", "b") == []
    rounds = [one.message.number for one in assembly.from_to("a", "b", Remark)]  # type: ignore[attr-defined]
    assert rounds == [1, 2, 4, 5, 6]


def test_the_numbering_goes_on_after_a_restart() -> None:
    crash = Crash(at_s=2.5, peer="a", for_s=1.0)
    fault = lie_of("a", "withhold", types=("Ballot",), receivers=("b",), first=2, count=1)
    assembly = Assembly(fault, crash)
    assert [one.round for one in assembly.ballots("a", "b")] == [1, 2, 5, 6]


def test_a_fault_is_told_once_and_every_alteration_counted() -> None:
    told: list[str] = []
    sim = Sim(seed=1)
    heard: list[object] = []

    class Talker(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("talk", 1.0)

        def on_timer(self, ctx: Context, name: str) -> None:
            ctx.broadcast(Remark(7))

        @on(Remark)
        def remark(self, ctx: Context, sender: PeerId, message: Remark) -> None:
            heard.append(message)

    for name in PEERS:
        sim.spawn(name, Talker)
    sim.observe(FaultStruck, lambda at, _, fact: told.append(f"{at} {fact.kind} {fact.target}"))  # type: ignore[attr-defined]
    sim.schedule(lie_of("a", "mutate", field="number"))
    assert not sim.is_honest("a")
    assert sim.is_honest("b")
    sim.run(until=3.0)
    assert told == ["1.0 byzantine a: mutate"]
    assert sim.observatory.faults_struck["byzantine"] == 4
    assert sim.observatory.counters["fault effect: byzantine mutate"] == 4


def test_what_a_peer_sends_to_itself_is_its_own_business() -> None:
    heard: list[Message] = []

    class Thinker(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.send(ctx.id, Remark(1))

        @on(Remark)
        def remark(self, ctx: Context, sender: PeerId, message: Remark) -> None:
            heard.append(message)

    for behaviour in BEHAVIOURS:
        for receivers in ((), ("a",)):
            sim = Sim(seed=1)
            for name in ("a", "b"):
                sim.spawn(name, Thinker)
            sim.schedule(lie_of("a", behaviour, receivers=receivers))
            sim.run()
            assert heard[:2] == [Remark(1), Remark(1)]
            assert len(heard) == (3 if behaviour == "twin" else 2)
            assert sim.observatory.faults_struck["byzantine"] == 0
            heard.clear()


class Question(Message, frozen=True):
    number: int


class Answer(Message, frozen=True):
    number: int


class Asker(Actor):
    """Asks `a` at 1 s and remembers what it is told; `a` thinks for a while."""

    def __init__(self, told: list[object]) -> None:
        self.told = told

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        if ctx.id == "b":
            ctx.set_timer("ask", 1.0)
        ctx.subscribe("news")

    def on_timer(self, ctx: Context, name: str) -> None:
        ctx.start(ctx.ask("a", Question(1), Answer, timeout=5.0), "question")

    def on_complete(self, ctx: Context, tag: str, outcome: object) -> None:
        self.told.append(outcome)

    @on(Question)
    async def question(self, ctx: Context, sender: PeerId, message: Question) -> Answer:
        await ctx.sleep(0.5)
        ctx.publish("news", Remark(10))
        return Answer(message.number + 1)

    @on(Remark)
    def remark(self, ctx: Context, sender: PeerId, message: Remark) -> None:
        self.told.append((ctx.id, message))


def asking_world(*faults: object) -> list[object]:
    told: list[object] = []
    sim = Sim(seed=1)
    for name in ("a", "b", "c"):
        sim.spawn(name, lambda: Asker(told))
    sim.schedule(*faults)  # type: ignore[arg-type]
    sim.run(until=10.0)
    return told


def test_async_handlers_replies_and_topics_pass_through_a_traitor() -> None:
    told = asking_world(lie_of("a", "mutate", field="number", change="increment"))
    news, answer = told[:2], told[2]
    assert sorted(news) == [("b", Remark(11)), ("c", Remark(11))]
    assert answer.value == Answer(3)  # type: ignore[attr-defined]


def test_a_question_is_altered_like_any_message() -> None:
    told = asking_world(lie_of("b", "mutate", types=("Question",), change="increment"))
    assert told[-1].value == Answer(3)  # type: ignore[attr-defined]


def test_a_withheld_answer_leaves_the_asker_with_a_refusal() -> None:
    told = asking_world(lie_of("a", "withhold", types=("Answer",)))
    assert "no answer" in told[-1].reason  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", [{"receivers": ("x",)}, {"accomplices": ("x",)}, {"peer": "x"}])
def test_whoever_is_named_must_exist(how: dict[str, object]) -> None:
    fault = lie_of(**{"peer": "a", "behaviour": "mutate", **how})  # type: ignore[arg-type]
    with pytest.raises(UserError, match="'x'"):
        Assembly(fault)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_same_seed_same_lies(behaviour: str) -> None:
    fault = lie_of("a", behaviour, share=0.6)
    first, again, other = (Assembly(fault, seed=seed, speakers=PEERS) for seed in (3, 3, 4))
    assert first.heard == again.heard
    assert first.sim.digest == again.sim.digest
    assert first.sim.digest != other.sim.digest


def test_a_protocol_can_bring_lies_of_its_own() -> None:
    def mutate(message: Message, rng: object) -> Message | None:
        return Ballot(99, b"?", "nobody") if isinstance(message, Ballot) else None

    assembly = Assembly(lie_of("a", "mutate", change="increment"), mutate=mutate)
    assert all(one.round != 99 for one in assembly.ballots("a", "b"))
    assembly = Assembly(lie_of("a", "mutate"), mutate=mutate)
    assert all(one.round == 99 for one in assembly.ballots("a", "b"))
    assert all(assembly.is_valid(one, "a") for one in assembly.ballots("a", "b"))
    remarks = [one.message for one in assembly.from_to("a", "b", Remark)]
    assert all(one != Remark(n, ("so", "be", f"it {n}")) for n, one in enumerate(remarks, 1))
