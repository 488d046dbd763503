"""The MQTT transport: clear words where no broker is, and patience with one that goes."""

import asyncio
import contextlib
import time

import pytest

from live.mqtt import Mqtt, parse_broker
from live.transport import peer_address
from live.world import Live
from prsm_sim.actor import Actor, Context, Fact, Message, PeerId, UserError, on
from tests.servers import Mosquitto, find_server, free_port


def ignore(*_: object) -> None:
    pass


async def open_and_close(broker: str) -> None:
    transport = Mqtt(broker, "run")
    await transport.open(ignore, ignore)
    await transport.close()


def refusal(broker: str) -> str:
    with pytest.raises(UserError) as error:
        asyncio.run(open_and_close(broker))
    text = str(error.value)
    assert "\n" not in text
    return text


def test_an_unreachable_broker_is_one_clear_line() -> None:
    port = free_port()
    text = refusal(f"mqtt://user:secret@127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in text
    assert "--broker" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    "address",
    ["localhost:1883", "http://localhost", "mqtt://", "mqtt://host:port", "mqtt://h:99999", "",
     "mqtt://host/path"],
)  # fmt: skip
def test_what_is_no_address_is_named_and_an_example_given(address: str) -> None:
    with pytest.raises(UserError, match="mqtt://host:port") as error:
        Mqtt(address, "run")
    assert repr(address) in str(error.value)


def test_an_address_is_taken_apart() -> None:
    assert parse_broker("mqtt://h")[:] == ("h", 1883, None, None, False)
    assert parse_broker("mqtts://u:p%40ss@h")[:] == ("h", 8883, "u", "p@ss", True)
    assert parse_broker("mqtt://[::1]:5")[:] == ("::1", 5, None, None, False)


@pytest.mark.server
def test_a_wrong_password_is_refused_and_a_right_one_let_in() -> None:
    with Mosquitto(password="right") as server:
        assert "uthori" in refusal(server.url.replace("right", "wrong"))
        asyncio.run(open_and_close(server.url))


@pytest.mark.server
@pytest.mark.parametrize("rules", ["topic read prsm/#", "topic write prsm/#", "topic other/#"])
def test_missing_rights_are_found_although_the_broker_says_nothing(
    rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.mqtt.PROBE_TIMEOUT_S", 0.3)
    with Mosquitto(password="right", rules=f"user prsm\n{rules}\n") as server:
        assert "prsm/#" in refusal(server.url)


@pytest.mark.server
def test_runs_that_share_a_broker_hear_nothing_of_each_other(mosquitto: Mosquitto) -> None:
    async def story() -> list[bytes]:
        heard: list[bytes] = []
        one, other = Mqtt(mosquitto.url, "one"), Mqtt(mosquitto.url, "other")
        await one.open(lambda _, wire: heard.append(wire), ignore)
        await other.open(lambda _, wire: heard.append(wire), ignore)
        for transport in (one, other):
            transport.listen(peer_address("a"))
            await transport.ready()
        one.send("b", peer_address("a"), b"from one")
        await asyncio.sleep(0.2)
        await one.close()
        await other.close()
        return heard

    assert asyncio.run(story()) == [b"from one"]


@pytest.mark.server
def test_a_broker_that_goes_and_comes_back_loses_nothing_of_ours_and_no_order() -> None:
    async def story() -> tuple[list[int], list[str]]:
        heard: list[int] = []
        counted: list[str] = []

        async def until(count: int) -> None:
            deadline = time.monotonic() + 10
            while len(set(heard)) < count and time.monotonic() < deadline:
                await asyncio.sleep(0.01)

        port = free_port()
        server = Mosquitto(port=port)
        with contextlib.ExitStack() as running:
            running.enter_context(server)
            transport = Mqtt(server.url, "run")
            await transport.open(lambda _, wire: heard.append(int(wire)), counted.append)
            transport.listen(peer_address("a"))
            await transport.ready()
            for n in range(100):
                transport.send("b", peer_address("a"), str(n).encode())
            await until(100)
        for n in range(100, 200):
            transport.send("b", peer_address("a"), str(n).encode())
        await asyncio.sleep(0.3)
        assert len(heard) == 100
        with Mosquitto(port=port):
            await until(200)
            await transport.close()
        return heard, counted

    heard, counted = asyncio.run(story())
    assert list(dict.fromkeys(heard)) == list(range(200))
    assert "reconnections" in counted


class Ask(Message, frozen=True):
    n: int


class Told(Message, frozen=True):
    n: int


class Finished(Fact, frozen=True):
    pass


class Teller(Actor):
    @on(Ask)
    def tell(self, ctx: Context, sender: PeerId, message: Ask) -> Told:
        return Told(message.n)


class Asker(Actor):
    def __init__(self, count: int) -> None:
        self.count = count

    @on(Ask)
    async def begin(self, ctx: Context, sender: PeerId, message: Ask) -> None:
        for n in range(self.count):
            assert (await ctx.ask("teller", Ask(n), Told, timeout=5)).n == n
        ctx.emit(Finished())


@pytest.mark.server
def test_questions_one_after_another_do_not_wait_for_full_packets(mosquitto: Mosquitto) -> None:
    # Nagle's algorithm against delayed acknowledgements would cost 40 ms a message: 8 s in all.
    world = Live(seed=1, transport=Mqtt(mosquitto.url, "run"), run_name="run")
    world.spawn("teller", Teller)
    world.spawn("asker", lambda: Asker(100))
    world.observe(Finished, lambda *_: world.stop("finished"))
    world.post("asker", Ask(0))
    asyncio.run(world.run(10.0))
    assert world.stopped == "finished"
    assert world.now < 4.0


@pytest.mark.server
def test_two_processes_share_a_run_by_trusting_each_others_keys(mosquitto: Mosquitto) -> None:
    async def story() -> Live:
        tellers, askers = (
            Live(seed=1, transport=Mqtt(mosquitto.url, "shared"), run_name="shared")
            for _ in range(2)
        )
        tellers.spawn("teller", Teller)
        askers.spawn("asker", lambda: Asker(3))
        askers.keys.trust("teller", tellers.keys.public_key("teller"))
        tellers.keys.trust("asker", askers.keys.public_key("asker"))
        askers.observe(Finished, lambda *_: askers.stop("finished"))
        telling = asyncio.create_task(tellers.run(8.0))
        await asyncio.sleep(0.2)
        askers.post("asker", Ask(0))
        await askers.run(5.0)
        tellers.stop()
        await telling
        return askers

    assert asyncio.run(story()).stopped == "finished"


def test_a_missing_server_is_skipped_locally_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install-servers"):
        find_server("no-such-program-anywhere")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install-servers"):
        find_server("no-such-program-anywhere")
