"""A Maelstrom node in Python: a linearizable key-value store with one node in charge.

The first node holds the store; the others pass requests on to it and its answers back. One place
decides the order, so the store is linearizable; while that place cannot be reached there is no
answer. A request passed on twice (the network may duplicate) must count once, so the one in charge
remembers what it has answered.
"""

import json
import sys

KEY_DOES_NOT_EXIST, PRECONDITION_FAILED = 20, 22

node_id = leader = ""
store: dict[str, object] = {}
done: dict[tuple[str, int], dict[str, object]] = {}


def send(to: str, body: dict[str, object]) -> None:
    sys.stdout.write(json.dumps({"src": node_id, "dest": to, "body": body}) + "\n")
    sys.stdout.flush()


def execute(request: dict[str, object]) -> dict[str, object]:
    key = json.dumps(request["key"])
    if request["type"] == "write":
        store[key] = request["value"]
        return {"type": "write_ok"}
    if key not in store:
        return {"type": "error", "code": KEY_DOES_NOT_EXIST, "text": "no such key"}
    if request["type"] == "read":
        return {"type": "read_ok", "value": store[key]}
    if store[key] != request["from"]:
        return {"type": "error", "code": PRECONDITION_FAILED, "text": f"it is {store[key]}"}
    store[key] = request["to"]
    return {"type": "cas_ok"}


def once(client: str, request: dict[str, object]) -> dict[str, object]:
    request_id = (client, request["msg_id"])
    if request_id not in done:
        done[request_id] = execute(request) | {"in_reply_to": request["msg_id"]}
    return done[request_id]


for line in sys.stdin:
    letter = json.loads(line)
    sender, body = letter["src"], letter["body"]
    if body["type"] == "init":
        node_id, leader = body["node_id"], body["node_ids"][0]
        send(sender, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif body["type"] == "pass_on":
        answer = once(body["client"], body["request"])
        send(sender, {"type": "pass_back", "client": body["client"], "answer": answer})
    elif body["type"] == "pass_back":
        send(body["client"], body["answer"])
    elif node_id == leader:
        send(sender, once(sender, body))
    else:
        send(leader, {"type": "pass_on", "client": sender, "request": body})
