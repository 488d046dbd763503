"""Each fault of the network: what it does, to whom, and that it is over when it heals."""

import itertools

import pytest

from prsm_sim.actor import (
    Actor,
    Context,
    Operation,
    PeerId,
    RemoteProtocolError,
    decode,
    encode,
    on,
)
from prsm_sim.chance import Stream
from prsm_sim.faults import (
    Clog,
    Corruption,
    Delay,
    Duplication,
    Fault,
    Loss,
    OneWay,
    Partition,
    Reordering,
    Throttle,
)
from prsm_sim.nemesis.link_faults import with_a_bit_flipped
from prsm_sim.network import Latency, Network
from tests.kernel.nemesis_parts import ALL_LINKS, EXPONENTIAL, Got, Ping, Pong, Talker, World

FROM_S, TO_S, END_S = 1.05, 3.05, 5.0
BEFORE, DURING, AFTER = (0.15, 1.05), (1.2, 3.05), (3.2, 5.0)


def reached(world: World, span: tuple[float, float]) -> set[str]:
    return set(world.links(*span))


def test_a_healthy_world_has_all_links_all_the_time() -> None:
    world = World().run(END_S)
    assert all(reached(world, span) == ALL_LINKS for span in (BEFORE, DURING, AFTER))
    assert not world.sim.nemesis.wire.is_struck


def test_one_way_cuts_one_direction_only() -> None:
    fault = OneWay(at_s=FROM_S, for_s=2, senders=("a", "b"), receivers=("c",))
    world = World(fault).run(END_S)
    assert reached(world, BEFORE) == reached(world, AFTER) == ALL_LINKS
    assert reached(world, DURING) == ALL_LINKS - {"ac", "bc"}
    # Nothing to answer for c, and what c asks is answered on the cut links.
    assert set(world.links(*DURING, "pong")) == ALL_LINKS - {"ac", "bc", "ca", "cb"}
    assert world.effects("one_way") == world.sim.observatory.counters["dropped: one-way"] == 80


@pytest.mark.parametrize(
    ("senders", "receivers", "cut"),
    [
        ((), (), ALL_LINKS),
        (("a",), (), {"ab", "ac", "ad", "ae"}),
        ((), ("a",), {"ba", "ca", "da", "ea"}),
        (("a", "b"), ("b", "c"), {"ab", "ac", "bc"}),
    ],
)
def test_senders_and_receivers_narrow_a_fault_down(
    senders: tuple[PeerId, ...], receivers: tuple[PeerId, ...], cut: set[str]
) -> None:
    kinds: list[Fault] = [
        OneWay(at_s=FROM_S, for_s=2, senders=senders, receivers=receivers),
        Loss(at_s=FROM_S, for_s=2, senders=senders, receivers=receivers, rate=1.0),
        Clog(at_s=FROM_S, for_s=2, senders=senders, receivers=receivers),
        Delay(at_s=FROM_S, for_s=2, senders=senders, receivers=receivers, by_s=2.0),
    ]
    for fault in kinds:
        assert reached(World(fault).run(END_S), DURING) == ALL_LINKS - cut, fault.kind


def test_overlapping_groups_reach_each_other_through_whoever_is_in_both() -> None:
    fault = Partition(at_s=FROM_S, for_s=2, groups=(("a", "b", "c"), ("c", "d", "e")))
    world = World(fault).run(END_S)
    cut = {a + b for a, b in itertools.product("ab", "de")}
    assert reached(world, DURING) == ALL_LINKS - cut - {link[::-1] for link in cut}
    assert reached(world, AFTER) == ALL_LINKS
    assert world.effects("partition") > 0


def test_a_delay_adds_exactly_what_it_says() -> None:
    fault = Delay(at_s=FROM_S, for_s=2, by_s=0.5, senders=("a",))
    world = World(fault).run(END_S)
    struck = 0
    for time_s, _, got in world.got():
        late = got.sender == "a" and FROM_S <= got.sent_s < TO_S
        struck += late
        assert time_s - got.sent_s == pytest.approx(0.51 if late else 0.01)
    # Pongs of a are delayed as well.
    assert struck == 80
    assert world.effects("delay") == 160


def test_two_delays_add_up() -> None:
    faults = [Delay(at_s=FROM_S, for_s=2, by_s=by_s) for by_s in (0.5, 0.25)]
    world = World(*faults).run(END_S)
    delays = {round(time_s - got.sent_s, 6) for time_s, _, got in world.got()}
    assert delays == {0.01, 0.76}


def test_loss_loses_its_share_and_composes_with_the_networks_own() -> None:
    network = Network(latency=Latency(law="fixed", mean_s=0.01), loss=0.2)
    world = World(Loss(at_s=0.0, for_s=60.0, rate=0.5), network=network, seed=3).run(60.0)
    sent = 20 * 599
    assert 0.4 * sent == pytest.approx(len(world.got()), rel=0.05)
    assert world.effects("loss") > 0


def test_duplication_doubles_its_share_within_the_span() -> None:
    fault = Duplication(at_s=FROM_S, for_s=40, rate=0.25, within_s=0.3)
    world = World(fault, seed=1).run(50.0)
    arrivals: dict[tuple[PeerId, PeerId, int], list[float]] = {}
    for time_s, peer, got in world.got():
        arrivals.setdefault((got.sender, peer, got.number), []).append(time_s)
    twice = [times for times in arrivals.values() if len(times) == 2]
    assert max(map(len, arrivals.values())) == 2
    assert len(twice) == pytest.approx(0.25 * 400 * 20, rel=0.1)
    gaps = [second - first for first, second in twice]
    assert all(0 <= gap <= 0.3 for gap in gaps)
    assert sum(gaps) / len(gaps) == pytest.approx(0.15, rel=0.1)
    assert all(times[0] < FROM_S + 40 + 0.02 and times[0] >= FROM_S for times in twice)


def test_reordering_holds_its_share_back_so_that_others_overtake() -> None:
    fault = Reordering(at_s=FROM_S, for_s=40, rate=0.25, within_s=0.5)
    world = World(fault, seed=1).run(50.0)
    late = [
        time_s - got.sent_s - 0.01
        for time_s, _, got in world.got()
        if time_s - got.sent_s > 0.01 + 1e-6
    ]
    assert len(late) == pytest.approx(0.25 * 400 * 20, rel=0.1)
    assert 0.45 < max(late) <= 0.5
    numbers = [got.number for _, peer, got in world.got() if (got.sender, peer) == ("a", "b")]
    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_corruption_alters_or_kills_and_never_anything_else() -> None:
    world = World(Corruption(at_s=FROM_S, for_s=40, rate=0.5), seed=2, actor=Talker).run(50.0)
    altered = [got for _, _, got in world.got() if got.text != "x" * 8]
    assert len(altered) > 100
    for got in altered:  # one bit is in one field, or in the name of one, which is then missing
        assert got.number == round(got.sent_s / 0.1)
        wrong = [one for one in got.text if one != "x"]
        assert got.text == "" or (len(got.text) == 8 and len(wrong) == 1)
    dropped = world.sim.observatory.counters["dropped: corruption"]
    assert 0 < dropped < world.effects("corruption")
    assert world.effects("corruption") == pytest.approx(0.5 * 20 * 400, rel=0.05)
    assert len(world.got()) == 20 * 499 - dropped
    assert all(got.text == "x" * 8 for _, _, got in world.got(FROM_S + 40.1))


def test_a_flipped_bit_is_one_bit_of_the_encoding() -> None:
    message = Ping(3, 0.5, "abc")
    payload = encode(message)
    possible, impossible = set(), 0
    for place in range(8 * len(payload)):
        changed = bytearray(payload)
        changed[place // 8] ^= 1 << place % 8
        try:
            possible.add(repr(decode(bytes(changed), Ping | Pong)))
        except RemoteProtocolError:
            impossible += 1
    seen, refused = set(), 0
    for seed in range(3000):
        try:
            seen.add(repr(with_a_bit_flipped(message, Stream(seed, "bits"))))
        except RemoteProtocolError:
            refused += 1
    assert seen == possible
    assert refused / 3000 == pytest.approx(impossible / (8 * len(payload)), abs=0.05)


def test_a_clog_lets_everything_through_when_it_heals() -> None:
    world = World(Clog(at_s=FROM_S, for_s=2, senders=("a",), receivers=("b",))).run(END_S)
    on_link = [(t, g.number) for t, peer, g in world.got() if (g.sender, peer) == ("a", "b")]
    assert [number for _, number in on_link] == list(range(1, 50))
    burst = [number for time_s, number in on_link if time_s == TO_S]
    assert burst == list(range(11, 31))
    assert world.effects("clog") == 40  # as many pongs


def test_a_throttle_serves_a_link_at_its_rate() -> None:
    class Burst(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("go", 1.0)

        def on_timer(self, ctx: Context, name: str) -> None:
            for peer in ctx.peers * (ctx.id == "a"):
                for number in range(3):
                    ctx.send(peer, Ping(number, ctx.now))

        @on(Ping)
        def ping(self, ctx: Context, sender: PeerId, message: Ping) -> None:
            ctx.emit(Got(sender, "ping", message.number))

    size = len(encode(Ping(0, 1.0)))
    fault = Throttle(at_s=0.5, for_s=9, bytes_s=size / 2, receivers=("b", "c"))
    world = World(fault, actor=Burst).run(20.0)
    times = {
        peer: [time_s for time_s, to, _ in world.got() if to == peer] for peer in ("b", "c", "d")
    }
    assert times["b"] == times["c"] == pytest.approx([3.01, 5.01, 7.01])
    assert times["d"] == [1.01] * 3
    assert world.effects("throttle") == 6


@pytest.mark.parametrize(
    "network",
    [
        EXPONENTIAL,
        Network(latency=Latency(law="exponential", mean_s=0.01), loss=0.1, duplication=0.1),
        Network(latency=Latency(law="lognormal", mean_s=0.01), reordering=0.2),
        Network(latency=Latency(law="exponential", mean_s=0.01), bandwidth_bytes_s=1e5),
    ],
)
@pytest.mark.parametrize(
    "fault",
    [
        OneWay(at_s=FROM_S, for_s=2, senders=("a",), receivers=("b",)),
        Loss(at_s=FROM_S, for_s=2, rate=0.5, senders=("a",), receivers=("b",)),
        Duplication(at_s=FROM_S, for_s=2, rate=0.5, senders=("a",), receivers=("b",)),
        Partition(at_s=FROM_S, for_s=2, groups=(("b", "c", "d", "e"), ("a",))),
    ],
)
def test_a_fault_leaves_the_delays_of_all_other_messages_as_they_are(
    network: Network, fault: Fault
) -> None:
    def arrivals(*faults: Fault) -> list[tuple[float, PeerId, PeerId]]:
        world = World(*faults, network=network, actor=Talker).run(END_S)
        return [(time_s, peer, got.sender) for time_s, peer, got in world.got()]

    whole, struck = arrivals(), arrivals(fault)
    concerned = {("a", "b")} if not isinstance(fault, Partition) else {
        pair for other in "bcde" for pair in ((other, "a"), ("a", other))
    }  # fmt: skip
    assert whole != struck
    assert [row for row in whole if (row[2], row[1]) not in concerned] == [
        row for row in struck if (row[2], row[1]) not in concerned
    ]


@pytest.mark.parametrize("law", ["fixed", "exponential"])
def test_a_broadcast_to_many_keeps_its_delays_too(law: str) -> None:
    names = tuple(f"p{number:02d}" for number in range(40))
    latency = Latency.model_validate({"law": law, "mean_s": 0.01})

    def arrivals(*faults: Fault) -> list[tuple[float, PeerId, PeerId]]:
        world = World(*faults, network=Network(latency=latency), actor=Talker, names=names).run(1.0)
        return sorted((time_s, peer, got.sender) for time_s, peer, got in world.got())

    struck = arrivals(Partition(at_s=0.35, for_s=0.4, groups=(names[:39], names[39:])))
    last = names[39]
    whole = arrivals()
    others = [row for row in whole if last not in row]
    assert len(struck) < len(whole)
    assert others == [row for row in struck if last not in row]


def test_faults_draw_nothing_from_each_other() -> None:
    both = [
        Loss(at_s=FROM_S, for_s=3, rate=0.3, senders=("a",)),
        Loss(at_s=FROM_S, for_s=3, rate=0.3, senders=("b",)),
    ]

    def heard_of_b(*faults: Fault) -> list[tuple[float, PeerId, int]]:
        world = World(*faults, actor=Talker).run(END_S)
        return sorted((t, peer, got.number) for t, peer, got in world.got() if got.sender == "b")

    assert heard_of_b(*both) == heard_of_b(both[1])
    assert heard_of_b(*both) != heard_of_b()


def test_a_weaker_fault_strikes_some_of_what_a_stronger_one_does() -> None:
    def heard(rate: float) -> set[tuple[PeerId, PeerId, int]]:
        world = World(Loss(at_s=FROM_S, for_s=3, rate=rate), actor=Talker).run(END_S)
        return {(got.sender, peer, got.number) for _, peer, got in world.got()}

    assert heard(0.6) < heard(0.3) < heard(0.1)


def test_faults_compose_in_the_same_way_whichever_struck_first() -> None:
    clog = Clog(at_s=1.0, for_s=1.0, senders=("a",))
    delay = Delay(at_s=1.05, for_s=0.5, senders=("a",), by_s=3.0)
    for faults in ((clog, delay), (delay, clog)):
        world = World(*faults, actor=Talker).run(6.0)
        ((arrival_s, got),) = (
            (t, got)
            for t, peer, got in world.got()
            if (got.sender, peer, got.number) == ("a", "b", 11)
        )
        assert arrival_s == pytest.approx(got.sent_s + 0.01 + 3.0)
    early = Delay(at_s=0.5, for_s=1.5, senders=("a",), by_s=3.0)
    world = World(early, clog, actor=Talker).run(6.0)
    assert max(t - got.sent_s for t, _, got in world.got()) == pytest.approx(3.01)


def test_links_are_struck_independently_and_differently_for_each_seed() -> None:
    def heard(seed: int, link: str) -> tuple[int, ...]:
        world = World(Loss(at_s=0.0, for_s=9.0, rate=0.5), actor=Talker, seed=seed).run(9.0)
        return tuple(got.number for _, peer, got in world.got() if got.sender + peer == link)

    assert len({heard(seed, link) for seed in (1, 2) for link in ("ab", "ac", "ba", "cb")}) == 8


def test_two_equal_faults_are_independent() -> None:
    held = Reordering(at_s=0.0, for_s=60.0, rate=0.25)
    world = World(held, held, actor=Talker).run(60.0)
    late = [time_s - got.sent_s > 0.010001 for time_s, _, got in world.got()]
    assert sum(late) / len(late) == pytest.approx(1 - 0.75 * 0.75, abs=0.02)


def test_questions_and_answers_are_struck_too() -> None:
    class Asking(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.set_timer("ask", 1.0)

        def on_timer(self, ctx: Context, name: str) -> None:
            if ctx.id == "a":
                asked: Operation[Pong] = ctx.ask("b", Ping(7), Pong, timeout=3.0)
                ctx.start(asked, "asked")

        @on(Ping)
        def ping(self, ctx: Context, sender: PeerId, message: Ping) -> Pong:
            return Pong(message.number)

        def on_complete(self, ctx: Context, tag: str, outcome: object) -> None:
            ctx.emit(Got("", repr(outcome), 0))

    def outcome(*faults: Fault) -> tuple[float, str]:
        ((time_s, _, got),) = World(*faults, actor=Asking).run(10.0).rows
        return round(time_s, 6), got.what

    assert outcome() == (1.02, "Done(Pong(number=7))")
    slow = Delay(at_s=0.5, for_s=2, by_s=0.5, senders=("a",))
    assert outcome(slow) == (1.52, "Done(Pong(number=7))")
    cut = OneWay(at_s=0.5, for_s=2, senders=("b",))
    assert outcome(cut) == (4.0, "TimedOut()")
    wrong = {outcome(Corruption(at_s=0.5, for_s=2, rate=1.0, receivers=("a",)))}
    assert wrong != {(1.02, "Done(Pong(number=7))")}


def test_links_are_whole_again_after_the_last_fault() -> None:
    world = World(
        Delay(at_s=1, for_s=2, by_s=0.1), Loss(at_s=2, for_s=2, rate=0.5), network=EXPONENTIAL
    )
    states = []
    for until in (0.5, 1.5, 2.5, 3.5, 4.5):
        world.run(until)
        states.append((world.sim.nemesis.wire.is_struck, world.sim.context_type.send.__qualname__))
    assert [state for state, _ in states] == [False, True, True, True, False]
    assert states[0][1] == states[4][1] == "_plain_send.<locals>.send"
