// A Maelstrom node in JavaScript: gossip that survives partitions, because it repeats itself.
//
// Each node keeps, for every neighbour, the values that the neighbour has not confirmed. New values
// leave at once; what is unconfirmed is sent again every REPEAT_MS. A lost message, a lost
// confirmation or a partition therefore only delays, and values heard twice do no harm.

const readline = require("node:readline");

const REPEAT_MS = 100;

let nodeId = "";
const values = new Set();
const unconfirmed = new Map(); // neighbour -> Set of values it has not confirmed

function send(dest, body) {
  process.stdout.write(JSON.stringify({ src: nodeId, dest, body }) + "\n");
}

function learn(value, from) {
  if (values.has(value)) return;
  values.add(value);
  for (const [neighbour, waiting] of unconfirmed) {
    if (neighbour === from) continue;
    waiting.add(value);
    send(neighbour, { type: "gossip", values: [value] });
  }
}

function repeat() {
  for (const [neighbour, waiting] of unconfirmed) {
    if (waiting.size > 0) send(neighbour, { type: "gossip", values: [...waiting] });
  }
}

const handlers = {
  init(sender, body) {
    nodeId = body.node_id;
    setInterval(repeat, REPEAT_MS).unref();
    return { type: "init_ok" };
  },
  topology(sender, body) {
    for (const neighbour of body.topology[nodeId]) {
      if (!unconfirmed.has(neighbour)) unconfirmed.set(neighbour, new Set(values));
    }
    return { type: "topology_ok" };
  },
  broadcast(sender, body) {
    learn(body.message, sender);
    return { type: "broadcast_ok" };
  },
  read() {
    return { type: "read_ok", messages: [...values] };
  },
  gossip(sender, body) {
    for (const value of body.values) learn(value, sender);
    send(sender, { type: "gossip_ok", values: body.values });
  },
  gossip_ok(sender, body) {
    for (const value of body.values) unconfirmed.get(sender)?.delete(value);
  },
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { src, body } = JSON.parse(line);
  const answer = handlers[body.type]?.(src, body);
  if (answer) send(src, { ...answer, in_reply_to: body.msg_id });
});
