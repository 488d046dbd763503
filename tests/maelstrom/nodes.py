"""Nodes for the tests, good ones and ones that are broken on purpose: ``nodes.py BEHAVIOUR``."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

Body = dict[str, Any]
me = ""
everyone: list[str] = []


def send(to: str, body: Body, src: str | None = None) -> None:
    sys.stdout.write(json.dumps({"src": src or me, "dest": to, "body": body}) + "\n")
    sys.stdout.flush()


def letters() -> Iterator[tuple[str, Body]]:
    """Every letter after init, which is answered here."""
    global me, everyone
    for line in sys.stdin:
        letter = json.loads(line)
        body = letter["body"]
        if body["type"] == "init":
            me, everyone = body["node_id"], body["node_ids"]
            send(letter["src"], {"type": "init_ok", "in_reply_to": body["msg_id"]})
        elif body["type"] == "topology":
            send(letter["src"], {"type": "topology_ok", "in_reply_to": body["msg_id"]})
        else:
            yield letter["src"], body


def reply(to: str, request: Body, body: Body) -> None:
    send(to, body | {"in_reply_to": request["msg_id"]})


def refuse(to: str, request: Body, code: object) -> None:
    reply(to, request, {"type": "error", "code": code, "text": "no"})


def echo(alter: Callable[[str], object] = lambda text: text) -> None:
    for sender, body in letters():
        reply(sender, body, {"type": "echo_ok", "echo": alter(body["echo"])})


def grow(
    add: str = "add",
    field: str = "element",
    read: str = "value",
    *,
    tells: bool = True,
    keeps: Callable[[int], bool] = lambda _: True,
    shows: Callable[[list[int]], object] = lambda values: values,
) -> None:
    """A set that grows: g-set by default, and broadcast. Each value is told once."""
    held: list[int] = []
    for sender, body in letters():
        if body["type"] == add:
            if keeps(body[field]):
                held.append(body[field])
                for other in everyone:
                    if tells and other != me:
                        send(other, {"type": "also", "value": body[field]})
            reply(sender, body, {"type": f"{add}_ok"})
        elif body["type"] == "also":
            held.append(body["value"])
        else:
            reply(sender, body, {"type": "read_ok", read: shows(held)})


def broadcast(**faults: Any) -> None:
    grow("broadcast", "message", "messages", **faults)


def store_of_its_own() -> None:
    """A key-value store on every node, which tells the others nothing."""
    store: dict[int, int] = {}
    for sender, body in letters():
        key = body["key"]
        if body["type"] == "write":
            store[key] = body["value"]
            reply(sender, body, {"type": "write_ok"})
        elif key not in store:
            refuse(sender, body, 20)
        elif body["type"] == "read":
            reply(sender, body, {"type": "read_ok", "value": store[key]})
        elif store[key] != body["from"]:
            refuse(sender, body, 22)
        else:
            store[key] = body["to"]
            reply(sender, body, {"type": "cas_ok"})


def on_third(act: Callable[[str, Body], None]) -> None:
    """An echo that does something else at its third request."""
    for number, (sender, body) in enumerate(letters(), 1):
        if number == 3:
            act(sender, body)
        else:
            reply(sender, body, {"type": "echo_ok", "echo": body["echo"]})


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def die(last_words: str) -> None:
    sys.stderr.write(f"starting\n{last_words}\n")
    sys.exit(7)


def silent() -> None:
    for _ in letters():
        pass


def ask_a_stranger() -> None:
    """Asks a node that does not exist, and answers echoes only once it was told so."""
    told = False
    for sender, body in letters():
        if body["type"] == "error":
            told = body["code"] == 1 and body["in_reply_to"] == 99
        elif not told:
            send("n77", {"type": "hello", "msg_id": 99})
            refuse(sender, body, 11)
        else:
            reply(sender, body, {"type": "echo_ok", "echo": body["echo"]})


BEHAVIOURS: dict[str, Callable[[], None]] = {
    "echo": echo,
    "echo-shouts": lambda: echo(str.upper),
    "broadcast": broadcast,
    "broadcast-keeps-to-itself": lambda: broadcast(tells=False),
    "broadcast-invents": lambda: broadcast(shows=lambda values: [*values, 4242]),
    "g-set": grow,
    "g-set-forgets": lambda: grow(keeps=lambda value: value % 3 != 1),
    "g-set-twice": lambda: grow(shows=lambda values: values * 2),
    "g-set-no-list": lambda: grow(shows=lambda values: len(values)),
    "g-set-floats": lambda: grow(shows=lambda values: [float(value) for value in values]),
    "lin-kv-own-store": store_of_its_own,
    "babbles": lambda: on_third(lambda _, __: say("debug: here I am")),
    "says-an-array": lambda: on_third(lambda _, __: say("[1, 2]")),
    "dies": lambda: on_third(lambda _, __: die("out of luck")),
    "poses": lambda: on_third(lambda to, request: send(to, {"type": "echo_ok"}, src="n9")),
    "other-type": lambda: on_third(lambda to, request: reply(to, request, {"type": "read_ok"})),
    "no-field": lambda: on_third(lambda to, request: reply(to, request, {"type": "echo_ok"})),
    "odd-code": lambda: on_third(lambda to, request: refuse(to, request, "eleven")),
    "answers-nothing-asked": lambda: on_third(
        lambda to, request: send(to, {"type": "echo_ok", "in_reply_to": 1000, "echo": ""})
    ),
    "closes-stdout": lambda: on_third(lambda _, __: (os.close(1), time.sleep(60))),  # type: ignore[arg-type,func-returns-value]
    "refuses": lambda: [refuse(sender, body, 11) for sender, body in letters()],  # type: ignore[arg-type,func-returns-value]
    "crashes-inside": lambda: [refuse(sender, body, 13) for sender, body in letters()],  # type: ignore[arg-type,func-returns-value]
    "silent": silent,
    "falls-silent": lambda: on_third(lambda _, __: silent()),
    "asks-a-stranger": ask_a_stranger,
}

if __name__ == "__main__":
    BEHAVIOURS[sys.argv[1]]()
