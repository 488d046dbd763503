"""A Maelstrom node in Python: it answers every echo with the same text."""

import json
import sys

node_id = ""
for line in sys.stdin:
    letter = json.loads(line)
    request = letter["body"]
    if request["type"] == "init":
        node_id = request["node_id"]
        answer = {"type": "init_ok"}
    else:
        answer = {"type": "echo_ok", "echo": request["echo"]}
    answer["in_reply_to"] = request["msg_id"]
    sys.stdout.write(json.dumps({"src": node_id, "dest": letter["src"], "body": answer}) + "\n")
    sys.stdout.flush()
