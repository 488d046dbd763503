"""The MQTT transport: one connection a process, one MQTT topic an address.

::

    prsm/<run>/peer/<id>        what is sent to one peer
    prsm/<run>/topic/<name>     what is published

Everything leaves through one outbox, subscriptions included, in the order it was handed in. So a
peer that subscribes and then speaks hears the answer, and a sender's messages keep their order:
QoS 1 over one TCP connection is acknowledged out of order but written in order (MQTT 3.1.1, section
4.6). Up to `IN_FLIGHT` messages await their acknowledgement at once, for waiting for each would
cost a round trip a message.

When the connection breaks, it is made again with growing pauses, subscriptions are renewed and what
was not acknowledged is sent again, in order and before anything newer. Copies that this makes are
recognised by their sequence numbers (see `live.envelope`). What others send meanwhile is lost, as
on any network.

A broker acknowledges what its access rules then discard, so before anything else a probe is sent
round: only what comes back proves that we may both speak and hear.

The embedded broker speaks 3.1.1 only, so correlation and reply address travel in our envelope.
"""

import asyncio
import functools
import math
import secrets
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast
from urllib.parse import quote, unquote, urlsplit

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from live.broker import EmbeddedBroker
from live.transport import PEER, TOPIC, Address, Count, Deliver
from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId

IN_FLIGHT = 64
OUTBOX_LIMIT = 100_000
CONNECT_TIMEOUT_S = 10.0
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
PROBE_TIMEOUT_S = 5.0
SUBSCRIPTIONS_AT_ONCE = 100
_NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Listen(NamedTuple):
    """Outbox entry: subscribe to this MQTT topic."""

    topic: str


class Unlisten(NamedTuple):
    """Outbox entry: unsubscribe from this MQTT topic."""

    topic: str


class Publish(NamedTuple):
    """Outbox entry: publish this wire."""

    topic: str
    wire: bytes


class Marker(NamedTuple):
    """Outbox entry: all that came before has been done."""

    reached: "asyncio.Future[None]"


Entry = Listen | Unlisten | Publish | Marker


class BrokerAddress(NamedTuple):
    """Where a broker is, and who we are to it."""

    host: str
    port: int
    username: str | None
    password: str | None
    encrypted: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Mqtt:
    """Carries wires over an MQTT broker.

    Args:
        broker: ``mqtt://[user:password@]host[:port]`` or ``mqtts://…``; None starts the embedded
            one for as long as the transport is open.
        run_name: keeps runs apart that share a broker.

    Raises:
        UserError: `broker` is not such an address.
    """

    def __init__(self, broker: str | None, run_name: str) -> None:
        self._address = None if broker is None else parse_broker(broker)
        self._prefix = f"prsm/{quote(run_name, safe='')}/"
        self._embedded: EmbeddedBroker | None = None
        self._probe = f"{self._prefix}probe/{secrets.token_hex(8)}"
        self._probed = asyncio.Event()
        self._listened: dict[str, Address] = {}
        self._outbox: deque[Entry] = deque()
        self._unacknowledged: dict[int, Publish] = {}
        self._publishing: dict[int, asyncio.Task[None]] = {}
        self._published = 0
        self._moved = asyncio.Event()
        self._connection: asyncio.Task[None] | None = None
        self._deliver: Deliver | None = None
        self._count: Count | None = None

    async def open(self, deliver: Deliver, count: Count) -> None:
        """Connect, and start the embedded broker first if there is no other.

        Raises:
            UserError: the broker is unreachable, or turns us away.
        """
        self._deliver, self._count = deliver, count
        if self._address is None:
            self._embedded = EmbeddedBroker()
            await self._embedded.start()
            self._address = parse_broker(self._embedded.url)
        connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connection = asyncio.create_task(self._stay_connected(self._address, connected))
        try:
            await connected
        except aiomqtt.MqttError as error:
            await self.close()
            raise UserError(
                f"no MQTT broker answers at {self._address} ({error}); start one there, "
                "give another address (--broker mqtt://host:port), or none to use the embedded one"
            ) from error
        await self._send_round()

    async def _send_round(self) -> None:
        self._put(Listen(self._probe))
        self._put(Publish(self._probe, b""))
        try:
            await asyncio.wait_for(self._probed.wait(), PROBE_TIMEOUT_S)
        except TimeoutError as error:
            await self.close()
            raise UserError(
                f"the MQTT broker at {self._address} lets us in, but what we say does not come "
                "back; give this user the right to read and write prsm/#"
            ) from error
        self._put(Unlisten(self._probe))

    async def close(self) -> None:
        """Disconnect and stop the embedded broker; what is under way is lost."""
        self._deliver = None
        if self._connection is not None:
            self._connection.cancel()
            await asyncio.gather(self._connection, return_exceptions=True)
            self._connection = None
        if self._embedded is not None:
            await self._embedded.stop()
            self._embedded = None

    async def ready(self) -> None:
        """Return once everything handed in so far has been done, subscriptions above all.

        Raises:
            UserError: the broker refuses a subscription.
        """
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(Marker(reached))
        await reached

    def listen(self, address: Address) -> None:
        """Have what is sent to `address` delivered here."""
        topic = self._topic(address)
        self._listened[topic] = address
        self._put(Listen(topic))

    def unlisten(self, address: Address) -> None:
        """Stop listening at `address`."""
        topic = self._topic(address)
        self._listened.pop(topic, None)
        self._put(Unlisten(topic))

    def send(self, sender: PeerId, address: Address, wire: bytes) -> None:
        """Put `wire` into the outbox; a full outbox drops and counts it."""
        if len(self._outbox) >= OUTBOX_LIMIT:
            self._tell("dropped: outbox full")
        else:
            self._put(Publish(self._topic(address), wire))

    def _topic(self, address: Address) -> str:
        """The MQTT topic of an address; wildcards and controls in names are percent-encoded."""
        if address.startswith(PEER):
            return f"{self._prefix}{PEER}{quote(address.removeprefix(PEER), safe='')}"
        return f"{self._prefix}{TOPIC}{quote(address.removeprefix(TOPIC), safe='/')}"

    def _put(self, entry: Entry) -> None:
        self._outbox.append(entry)
        self._moved.set()

    def _tell(self, name: str) -> None:
        if self._count is not None:
            self._count(name)

    def _arrive(self, message: aiomqtt.Message) -> None:
        topic = str(message.topic)
        if topic == self._probe:
            self._probed.set()
        address = self._listened.get(topic)
        if self._deliver is not None and address is not None and isinstance(message.payload, bytes):
            self._deliver(address, message.payload)

    async def _stay_connected(
        self, address: BrokerAddress, connected: "asyncio.Future[None]"
    ) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with self._client(address) as client:
                    if connected.done():
                        self._tell("reconnections")
                    else:
                        connected.set_result(None)
                    pause_s = FIRST_PAUSE_S
                    await self._converse(client)
            except aiomqtt.MqttError as error:
                if not connected.done():
                    connected.set_exception(error)
                    return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _client(self, address: BrokerAddress) -> aiomqtt.Client:
        inbox = cast("type[asyncio.Queue[aiomqtt.Message]]", functools.partial(Inbox, self._arrive))
        client = aiomqtt.Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            tls_context=ssl.create_default_context() if address.encrypted else None,
            timeout=CONNECT_TIMEOUT_S,
            queue_type=inbox,
            max_inflight_messages=IN_FLIGHT,
            socket_options=(_NO_DELAY,),
        )
        client.pending_calls_threshold = 2 * IN_FLIGHT
        return client

    async def _converse(self, client: aiomqtt.Client) -> None:
        """Send and receive until the connection breaks."""
        sending = asyncio.create_task(self._empty_outbox(client))
        listening = asyncio.create_task(_wait_for_break(client))
        try:
            done, _ = await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            tasks = (sending, listening, *self._publishing.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._publishing.clear()
            # Their order is that of their numbers, and they come before all that is newer.
            self._outbox.extendleft(reversed(self._unacknowledged.values()))
            self._unacknowledged.clear()

    async def _empty_outbox(self, client: aiomqtt.Client) -> None:
        await self._subscribe(client, list(self._listened))
        while True:
            while not self._outbox or len(self._unacknowledged) >= IN_FLIGHT:
                self._moved.clear()
                await self._moved.wait()
            entry = self._outbox[0]
            match entry:
                case Publish():
                    self._outbox.popleft()
                    self._begin_publish(client, entry)
                case Listen():
                    # Let the publications begun before this one hand their packets over first.
                    await asyncio.sleep(0)
                    await self._subscribe(client, self._pop_listens())
                case Unlisten():
                    self._outbox.popleft()
                    await asyncio.sleep(0)
                    await client.unsubscribe(entry.topic)
                case Marker():
                    self._outbox.popleft()
                    if not entry.reached.done():
                        entry.reached.set_result(None)

    def _pop_listens(self) -> list[str]:
        """Take subscriptions that wait one behind the other, so that one packet asks for them."""
        topics: list[str] = []
        while self._outbox and len(topics) < SUBSCRIPTIONS_AT_ONCE:
            entry = self._outbox[0]
            if not isinstance(entry, Listen):
                break
            topics.append(entry.topic)
            self._outbox.popleft()
        return topics

    async def _subscribe(self, client: aiomqtt.Client, topics: list[str]) -> None:
        for start in range(0, len(topics), SUBSCRIPTIONS_AT_ONCE):
            wanted = topics[start : start + SUBSCRIPTIONS_AT_ONCE]
            answers = await client.subscribe([(topic, 1) for topic in wanted])
            for topic, answer in zip(wanted, answers, strict=True):
                if isinstance(answer, ReasonCode) and answer.is_failure:
                    self._refused(topic)

    def _refused(self, topic: str) -> None:
        """The broker lets us not hear `topic`: tell whoever waits, or count it."""
        self._tell("refused: subscription")
        error = UserError(
            f"the MQTT broker at {self._address} refuses the subscription to {topic}; "
            "give this user the right to read and write prsm/#"
        )
        for entry in self._outbox:
            if isinstance(entry, Marker) and not entry.reached.done():
                entry.reached.set_exception(error)

    def _begin_publish(self, client: aiomqtt.Client, entry: Publish) -> None:
        # Tasks begin in the order they are made, and each hands its packet over as it begins.
        self._published += 1
        number = self._published
        self._unacknowledged[number] = entry
        self._publishing[number] = asyncio.create_task(self._publish(client, number, entry))

    async def _publish(self, client: aiomqtt.Client, number: int, entry: Publish) -> None:
        try:
            await client.publish(entry.topic, entry.wire, qos=1, timeout=math.inf)
        except aiomqtt.MqttError:
            return  # it stays unacknowledged, and is sent again over the next connection
        self._unacknowledged.pop(number, None)
        self._publishing.pop(number, None)
        self._moved.set()


class Inbox(asyncio.Queue[aiomqtt.Message]):
    """A queue that hands every message on at once.

    The client's own iterator makes two tasks and a wait of each message; handing it straight on
    takes a message in about a tenth of the time.
    """

    def __init__(self, take: Callable[[aiomqtt.Message], None], maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._take = take

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Take `item` in."""
        self._take(item)


async def _wait_for_break(client: aiomqtt.Client) -> None:
    """Return, or raise `MqttError`, when the connection breaks; the inbox yields nothing here."""
    async for _ in client.messages:
        pass


def parse_broker(url: str) -> BrokerAddress:
    """The address that ``mqtt://[user:password@]host[:port]`` (or ``mqtts://…``) names.

    Raises:
        UserError: it names none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/"):
        raise UserError(
            f"{url!r} is not the address of an MQTT broker; write mqtt://host:port, "
            "or mqtts://user:password@host:port for an encrypted one"
        )
    encrypted = parts.scheme == "mqtts"
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    default = 8883 if encrypted else 1883
    return BrokerAddress(parts.hostname, port or default, username, password, encrypted)
