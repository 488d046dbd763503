"""The network model against closed forms: laws of delay, loss, duplication, bandwidth, cuts.

Seeds are fixed, so these tests never flicker; their bounds are such that a right implementation
with another seed would fail one of them once in a thousand changes.
"""

import math
from collections import Counter

import pytest
from scipy import stats

from prsm_sim.actor import Actor, Context, Fact, PeerId, UserError, encode, on
from prsm_sim.faults import Loss, Partition
from prsm_sim.network import REGIONS, ROUND_TRIP_MS, Latency, Link, Network
from prsm_sim.sim import Sim
from tests.kernel.kernel_parts import Listener, Log, Note, Saw, fixed, timed_actor

COUNT = 20_000
MEAN_S = 0.05
SIGMA = 0.7
MEDIAN_S = MEAN_S * math.exp(-SIGMA * SIGMA / 2)
LAWS = {
    "exponential": stats.expon(scale=MEAN_S),
    "uniform": stats.uniform(0, 2 * MEAN_S),
    "lognormal": stats.lognorm(SIGMA, scale=MEDIAN_S),
}


def arrivals(network: Network, count: int = COUNT, seed: int = 5) -> list[tuple[float, int]]:
    """Send `count` numbered notes from a to b at second 1; when which arrived."""

    def send(ctx: Context) -> None:
        for number in range(count):
            ctx.send("b", Note(number))

    sim = Sim(seed)
    sim.set_network(network)
    log = Log(sim)
    sim.spawn("a", timed_actor({1.0: send}))
    sim.spawn("b", Listener)
    sim.run()
    return [(row[0], row[3]) for row in log.rows]


def delays(network: Network, count: int = COUNT, seed: int = 5) -> list[float]:
    return [at - 1.0 for at, _ in arrivals(network, count, seed)]


def follows(sample: list[float], law: object) -> None:
    """The sample has the law's distribution, mean and variance."""
    n = len(sample)
    mean, variance = law.mean(), law.var()  # type: ignore[attr-defined]
    fourth = law.expect(lambda x: (x - mean) ** 4) if n else 0.0  # type: ignore[attr-defined]
    found = sum(sample) / n
    spread = sum((x - found) ** 2 for x in sample) / (n - 1)
    assert abs(found - mean) < 4 * math.sqrt(variance / n)
    assert abs(spread - variance) < 4 * math.sqrt((fourth - variance**2) / n)
    assert stats.kstest(sample, law.cdf).pvalue > 1e-3  # type: ignore[attr-defined]


@pytest.mark.parametrize("law", LAWS)
def test_a_delay_has_the_law_that_the_network_names(law: str) -> None:
    network = Network(latency=Latency(law=law, mean_s=MEAN_S, sigma=SIGMA))  # type: ignore[arg-type]
    sample = delays(network)
    assert len(sample) == COUNT
    follows(sample, LAWS[law])


def test_the_general_path_has_the_same_exponential_law_as_the_plain_one() -> None:
    """With a bandwidth so high that it does not matter, `send` takes the general path."""
    latency = Latency(law="exponential", mean_s=MEAN_S)
    plain = delays(Network(latency=latency))
    general = delays(Network(latency=latency, bandwidth_bytes_s=1e15))
    follows(general, LAWS["exponential"])
    assert general == pytest.approx(plain, abs=1e-6)


def test_a_fixed_delay_is_exact_and_keeps_the_order() -> None:
    rows = arrivals(fixed(0.25), 100)
    assert rows == [(1.25, number) for number in range(100)]


@pytest.mark.parametrize("law", ["exponential", "fixed", "uniform", "lognormal"])
@pytest.mark.parametrize("receivers", [31, 32, 200])
def test_a_broadcast_has_the_same_law_as_single_sends(law: str, receivers: int) -> None:
    """From 32 receivers up the delays are drawn and added as vectors."""
    rounds = 6000 // receivers
    network = Network(
        latency=Latency(law=law, mean_s=MEAN_S, sigma=SIGMA)  # type: ignore[arg-type]
    )
    steps = {
        float(second): (lambda ctx, second=second: ctx.broadcast(Note(second)))
        for second in range(1, rounds + 1)
    }
    sim = Sim(9)
    sim.set_network(network)
    log = Log(sim)
    sim.spawn("a", timed_actor(steps))  # type: ignore[arg-type]
    for i in range(receivers):
        sim.spawn(f"b{i}", Listener)
    sim.run()
    each = Counter((peer, number) for _, peer, _, number in log.rows)
    names = {f"b{i}" for i in range(receivers)}
    assert set(each) == {(name, second) for name in names for second in range(1, rounds + 1)}
    assert set(each.values()) == {1}
    sample = [at - number for at, _, _, number in log.rows]
    if law == "fixed":
        assert sample == pytest.approx([MEAN_S] * len(sample), abs=1e-12)
    else:
        follows(sample, LAWS[law])


def test_a_late_peer_gets_broadcasts_too() -> None:
    sim = Sim(0)
    sim.set_network(fixed())
    log = Log(sim)
    steps = {float(at): (lambda ctx: ctx.broadcast(Note())) for at in (1, 3)}
    sim.spawn("a", timed_actor(steps))  # type: ignore[arg-type]
    for i in range(40):
        sim.spawn(f"b{i}", Listener)
    sim.run(until=2.0)
    sim.spawn("late", Listener)
    sim.run()
    assert Counter(row[1] for row in log.rows)["late"] == 1
    assert len(log.rows) == 40 + 41


def within(found: int, count: int, share: float) -> bool:
    """Whether a binomial count lies in its 99.98 % interval."""
    low, high = stats.binom(count, share).interval(0.9998)
    return bool(low <= found <= high)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.99])
def test_the_share_of_lost_messages_is_binomial(share: float) -> None:
    rows = arrivals(Network(loss=share))
    assert within(COUNT - len(rows), COUNT, share)
    assert all(at == 1.01 for at, _ in rows)


def test_losses_are_counted() -> None:
    sim = Sim(1)
    sim.set_network(Network(loss=0.3))
    log = Log(sim)
    sim.spawn("a", timed_actor({1.0: lambda ctx: [ctx.send("b", Note(i)) for i in range(500)]}))  # type: ignore[dict-item,return-value]
    sim.spawn("b", Listener)
    sim.run()
    assert sim.observatory.counters["dropped: loss"] == 500 - len(log.rows) > 100


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_the_share_of_doubled_messages_is_binomial(share: float) -> None:
    latency = Latency(law="exponential", mean_s=MEAN_S)
    rows = arrivals(Network(latency=latency, duplication=share))
    copies = Counter(number for _, number in rows)
    assert set(copies) == set(range(COUNT))
    assert set(copies.values()) == {1, 2}
    assert within(len(rows) - COUNT, COUNT, share)
    follows([at - 1.0 for at, _ in rows], LAWS["exponential"])  # a copy has a delay of its own


def test_reordering_holds_a_share_back_for_a_uniform_while() -> None:
    share, longest_s = 0.2, 0.4
    sample = delays(Network(latency=Latency(law="fixed", mean_s=0.01), reordering=share,
                            reordering_s=longest_s))  # fmt: skip
    held = [delay - 0.01 for delay in sample if delay > 0.01 + 1e-9]
    assert within(len(held), COUNT, share)
    follows(held, stats.uniform(0, longest_s))


def test_bandwidth_lets_messages_out_one_after_the_other() -> None:
    """n messages of b bytes take n·b/B, whatever their receivers."""
    bytes_each, rate = len(encode(Note(1))), 1000.0
    network = Network(latency=Latency(law="fixed", mean_s=0.5), bandwidth_bytes_s=rate)
    sim = Sim(0)
    sim.set_network(network)
    log = Log(sim)
    sim.spawn("a", timed_actor({
        1.0: lambda ctx: [ctx.send(f"b{i % 2}", Note(1)) for i in range(50)],  # type: ignore[dict-item,return-value]
        100.0: lambda ctx: ctx.send("b0", Note(1)),
    }))  # fmt: skip
    for name in ("b0", "b1"):
        sim.spawn(name, Listener)
    sim.run()
    expected = [1.5 + bytes_each * (i + 1) / rate for i in range(50)]
    expected.append(100.5 + bytes_each / rate)  # the uplink has been idle since
    assert log.times == pytest.approx(expected, abs=1e-9)


def test_regions_add_half_their_round_trip() -> None:
    sim = Sim(0)
    sim.set_network(Network(latency=Latency(law="fixed", mean_s=0.001), regional=True))
    log = Log(sim)
    for i, region in enumerate(REGIONS):
        sim.spawn(region, timed_actor({1.0 + i: lambda ctx: ctx.broadcast(Note())}), region=region)
    sim.spawn("twin", Listener, region=REGIONS[0])
    sim.run()
    found = {(peer, sender): at for at, peer, sender, _ in log.rows}
    for i, sender in enumerate(REGIONS):
        for j, receiver in enumerate(REGIONS):
            if i != j:
                delay = ROUND_TRIP_MS[i][j] / 2000 + 0.001
                assert found[receiver, sender] == pytest.approx(1.0 + i + delay, abs=1e-9)
    assert found["twin", REGIONS[0]] == pytest.approx(1.0 + 0.0005 + 0.001, abs=1e-9)


@pytest.mark.parametrize("law", ["fixed", "exponential"])
def test_a_vector_broadcast_knows_the_regions(law: str) -> None:
    sim = Sim(0)
    sim.set_network(Network(latency=Latency(law=law, mean_s=1e-6), regional=True))  # type: ignore[arg-type]
    log = Log(sim)
    sim.spawn("a", timed_actor({1.0: lambda ctx: ctx.broadcast(Note())}), region="eu-west")
    for i in range(64):
        sim.spawn(f"b{i}", Listener, region=REGIONS[i % 8])
    sim.run()
    row = ROUND_TRIP_MS[REGIONS.index("eu-west")]
    assert len(log.rows) == 64
    for at, peer, _, _ in log.rows:
        assert at - 1.0 == pytest.approx(row[int(peer[1:]) % 8] / 2000, abs=2e-5)


def test_the_table_of_round_trips_is_a_distance() -> None:
    for i in range(len(REGIONS)):
        assert len(ROUND_TRIP_MS[i]) == len(REGIONS)
        for j in range(len(REGIONS)):
            assert ROUND_TRIP_MS[i][j] == ROUND_TRIP_MS[j][i] > 0


@pytest.mark.parametrize("region", ["atlantis", ""])
def test_an_unknown_region_is_a_mistake_that_names_the_known_ones(region: str) -> None:
    sim = Sim(0)
    sim.set_network(Network(regional=True))
    with pytest.raises(UserError, match="us-east, us-west"):
        sim.spawn("a", Listener, region=region)


PAIRS = [(a, b) for a in "abcd" for b in "abcd" if a != b]


class Beacon(Listener):
    """Sends to everyone ten times a second."""

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        ctx.set_timer("beat", 0.1)

    def on_timer(self, ctx: Context, name: str) -> None:
        for peer in ctx.peers:
            ctx.send(peer, Note(round(ctx.now * 10)))
        ctx.set_timer("beat", 0.1)


def test_a_partition_cuts_exactly_the_links_between_its_sides_while_it_lasts() -> None:
    sim = Sim(0)
    sim.set_network(fixed(0.01))
    log = Log(sim)
    for name in "abcd":
        sim.spawn(name, Beacon)
    # d is in no group, so it belongs to the first.
    sim.schedule(Partition(at_s=1.05, for_s=2, groups=(("a",), ("b",), ("c",))))
    sim.run(until=5.0)
    heard = {(sender, peer): set() for sender, peer in PAIRS}  # type: ignore[var-annotated]
    for _, peer, sender, number in log.rows:
        heard[sender, peer].add(number)
    everything = set(range(1, 50))
    cut = set(range(11, 31))
    for pair in PAIRS:
        whole = set(pair) == {"a", "d"}
        assert heard[pair] & everything == (everything if whole else everything - cut), pair
    assert sim.observatory.counters["dropped: partition"] == 10 * len(cut)


def test_two_partitions_at_once_cut_what_either_cuts() -> None:
    sim = Sim(0)
    log = Log(sim)
    for name in "abcd":
        sim.spawn(name, Beacon)
    sim.schedule(
        Partition(at_s=1.0, for_s=3, groups=(("a", "b"), ("c", "d"))),
        Partition(at_s=2.0, for_s=1, groups=(("a", "c"), ("b", "d"))),
    )
    sim.run(until=5.0)
    between = {(row[2], row[1]) for row in log.rows if 2.05 < row[0] < 2.95}
    assert between == set()
    later = {(row[2], row[1]) for row in log.rows if 3.05 < row[0] < 3.95}
    assert later == {("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")}
    assert len({(row[2], row[1]) for row in log.rows if row[0] > 4.15}) == 12


@pytest.mark.parametrize(("loss", "rate"), [(0.0, 0.3), (0.2, 0.5), (0.0, 1.0)])
def test_a_loss_fault_comes_on_top_of_the_networks_loss(loss: float, rate: float) -> None:
    def send(ctx: Context) -> None:
        for _ in range(5000):
            ctx.send("b", Note(round(ctx.now)))

    sim = Sim(2)
    sim.set_network(Network(loss=loss))
    log = Log(sim)
    sim.spawn("a", timed_actor({1.0: send, 2.0: send, 3.0: send}))
    sim.spawn("b", Listener)
    sim.schedule(Loss(at_s=1.5, for_s=1.0, rate=rate))
    sim.run()
    arrived = Counter(log.numbers)
    assert within(arrived[1], 5000, 1 - loss)
    assert within(arrived[2], 5000, (1 - loss) * (1 - rate))
    assert within(arrived[3], 5000, 1 - loss)


def test_to_oneself_there_is_no_network() -> None:
    """Neither delay nor loss, and after the current handler."""

    class Selfish(Actor):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            self.inside = True
            for number in range(200):
                ctx.send(ctx.id, Note(number))
            ctx.broadcast(Note(999), (ctx.id,))  # never to oneself
            ctx.broadcast(Note(999))
            self.inside = False

        @on(Note)
        def note(self, ctx: Context, sender: PeerId, message: Note) -> None:
            assert not self.inside
            assert ctx.now == 0.0
            assert sender == "a"
            self.heard = [*getattr(self, "heard", []), message.number]

    for network in (fixed(5.0), Network(loss=0.9, bandwidth_bytes_s=1.0, duplication=0.9)):
        sim = Sim(0)
        sim.set_network(network)
        sim.spawn("a", Selfish)
        sim.run()
        assert sim.actor("a").heard == list(range(200))  # type: ignore[attr-defined]


def test_a_link_may_have_a_law_of_its_own() -> None:
    class Sender(Listener):
        def on_start(self, ctx: Context, recovered: bytes | None) -> None:
            ctx.broadcast(Note())

    slow = Link(sender="a", receiver="b", latency=Latency(mean_s=2.0))
    one_way = Link(sender="c", receiver="b", latency=Latency(mean_s=3.0), both_ways=False)
    sim = Sim(1)
    sim.set_network(Network(latency=Latency(mean_s=0.5), links=(slow, one_way)))
    arrived: dict[tuple[str, str], float] = {}

    def note(time_s: float, peer: PeerId, fact: Fact) -> None:
        assert isinstance(fact, Saw)
        arrived[fact.what, peer] = time_s

    sim.observe(Saw, note)
    for name in "abc":
        sim.spawn(name, Sender)
    sim.run()
    assert arrived == {
        ("a", "b"): 2.0, ("b", "a"): 2.0, ("c", "b"): 3.0, ("b", "c"): 0.5,
        ("a", "c"): 0.5, ("c", "a"): 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("law", ["fixed", "exponential", "uniform", "lognormal"])
def test_a_network_that_is_even_is_only_a_short_way_to_the_same_delays(
    law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(latency=Latency(law=law, mean_s=MEAN_S, sigma=SIGMA))  # type: ignore[arg-type]
    even = arrivals(network, 500)
    monkeypatch.setattr("prsm_sim.links._is_whole", lambda _: False)
    assert arrivals(network, 500) == even
