"""The embedded broker: pure-Python MQTT 3.1.1 on a free port of 127.0.0.1, if no other is named.

It makes `prsm live` work after nothing but an installation. It is not made for load or for other
machines: give a real broker's address for those. It keeps nothing on disk, and whoever else is on
this machine may connect to it, which is harmless, for envelopes are signed.
"""

import contextlib
import logging
import socket

from amqtt.broker import Broker
from amqtt.errors import AMQTTError, BrokerError

from prsm_sim.actor.errors import UserError

HOST = "127.0.0.1"
_ATTEMPTS = 5
_CHATTY_LOGGERS = ("amqtt", "transitions")


class EmbeddedBroker:
    """A broker that lives on the current event loop.

    Attributes:
        url: where it listens, once started.
    """

    def __init__(self) -> None:
        self.url = ""
        self._broker: Broker | None = None

    async def start(self) -> None:
        """Start to listen.

        Raises:
            UserError: no port of 127.0.0.1 can be had.
        """
        for name in _CHATTY_LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        for _ in range(_ATTEMPTS):
            # Between finding a free port and binding it, somebody else may take it: try again.
            port = free_port()
            broker = Broker(_configuration(port))
            try:
                await broker.start()
            except BrokerError:
                continue
            self._broker = broker
            self.url = f"mqtt://{HOST}:{port}"
            return
        raise UserError(
            f"the embedded MQTT broker finds no free port on {HOST}; "
            "name a running one: --broker mqtt://host:port"
        )

    async def stop(self) -> None:
        """Stop listening and drop every session."""
        broker, self._broker = self._broker, None
        if broker is not None:
            with contextlib.suppress(AMQTTError):
                await broker.shutdown()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _configuration(port: int) -> dict[str, object]:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
        "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
        },
    }
