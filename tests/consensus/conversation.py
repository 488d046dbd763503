"""Golden conversations: a script of events, and under it the exchange that it produced.

A file is a row of blocks. A block is one command or several, a line ``----``, the exchange, and an
empty line; lines that begin with ``#`` explain. The commands:

    cluster 4 view_timeout_s=2    a committee a, b, c, d, all with these settings; always first
    ann: request put x 1          a client asks for put, get or add; other names join when used
    ann: read get x               a client reads without ordering, if the settings allow it
    deliver                       all messages, until it is quiet (deliver 3: the next three)
    deliver prepare               only these, in order; also a -> b, a -> b commit, * -> d
    step                          the next message only
    drop a -> b commit            messages on their way vanish; duplicate: they arrive twice
    lose * -> d pre-prepare       all such messages vanish from now on, until heal
    partition a | b c d           nothing passes between the groups, until heal
    heal                          no more partitions and losses
    b: timer view                 a timer fires at once: view, retry, status, transfer
    advance 5 s                   time passes, timers fire, nothing is delivered
    run 5 s                       time passes, timers fire, everything is delivered at once
    crash b / restart b           all but the durable store is lost
    inject a -> b commit view=0 seq=1 digest=1f3a        a says this to b, truthfully signed
    b: status / b: log / b: timers                       what b knows

And the exchange, in the order of delivery, where a broadcast is one line:

    a -> b,c pre-prepare v0 n1 d=1f3a [ann:1]    delivered; the batch holds ann's first request
    a -x d pre-prepare v0 n1 d=1f3a [ann:1]      lost
    a => b commit v0 n1 d=1f3a                   injected
    @ 4 s b timer view                           a timer fired
    * b,c executed n1 v0 d=1f3a [ann:1]          what b and c told the outside because of it
    ! b request with a false signature refused   what b refused, or holds against another
    . b v0 active, executed=1 …                  what the script asked about
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from conversation_words import (
    Memory,
    fact_words,
    hostile,
    kind_of,
    log_words,
    message_words,
    status_words,
)
from conversation_world import LIMIT, Envelope, World

from agents.consensus import ConflictingMessages, Settings
from prsm_sim.actor import PeerId, UserError

REWRITE = "REWRITE_CONVERSATIONS"
"""Set this environment variable to have the exchanges written anew; then read the difference."""


class ScriptError(UserError):
    """A script that makes no sense; says where and why."""


@dataclass
class Block:
    """Commands with the exchange that they are said to produce.

    Attributes:
        before: the comments and empty lines above it.
        commands: line number and text of each.
        expected: the exchange.
        line: where the exchange begins.
    """

    before: list[str] = field(default_factory=list)
    commands: list[tuple[int, str]] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    line: int = 0


def read_blocks(path: Path) -> list[Block]:
    """The blocks of a file.

    Raises:
        ScriptError: commands without an exchange.
    """
    blocks: list[Block] = []
    block, in_exchange = Block(), False
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        if in_exchange and line:
            block.expected.append(line)
        elif in_exchange:
            blocks.append(block)
            block, in_exchange = Block(), False
        elif line == "----":
            block.line, in_exchange = number + 1, True
        elif not line or line.startswith("#"):
            if block.commands:
                raise ScriptError(f"{path.name}:{number}: the commands above lack their '----'")
            block.before.append(line)
        else:
            block.commands.append((number, line))
    return blocks


def write_blocks(path: Path, blocks: list[Block], exchanges: list[list[str]]) -> None:
    """Write the file anew with these exchanges."""
    lines: list[str] = []
    for block, exchange in zip(blocks, exchanges, strict=True):
        lines += block.before
        lines += [text for _, text in block.commands]
        lines += ["----", *exchange, ""]
    path.write_text("\n".join(lines))


def is_rewriting() -> bool:
    return bool(os.environ.get(REWRITE))


class Conversation:
    """Runs the blocks of one file in one world."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.memory = Memory()
        self.lines: list[str] = []
        self.world: World | None = None

    def run(self, block: Block) -> list[str]:
        """The exchange that the commands of the next block produce.

        Raises:
            ScriptError: a command makes no sense.
        """
        self.lines = []
        for number, text in block.commands:
            try:
                self._command(text)
            except (ValueError, UserError) as error:
                raise ScriptError(f"{self.path.name}:{number}: {text!r}: {error}") from error
        return self.lines or ["(nothing)"]

    def _command(self, text: str) -> None:
        first, _, rest = text.partition(" ")
        if first == "cluster":
            if self.world is not None:
                raise ValueError("the cluster stands already")
            self.world = _cluster(rest)
        elif self.world is None:
            raise ValueError("begin with a cluster, as in 'cluster 4'")
        elif first.endswith(":"):
            self._of_actor(self.world, first[:-1], rest)
        else:
            action = self._actions(self.world).get(first)
            if action is None:
                raise ValueError(f"no such command as {first!r}")
            action(rest)
        self._tell()

    def _actions(self, world: World) -> dict[str, Callable[[str], None]]:
        def select(words: str) -> list[Envelope]:
            chosen = [one for one in world.queue if _selector(world, words)(one)]
            if not chosen:
                raise ValueError("no such message is on its way")
            return chosen

        def duplicate(words: str) -> None:
            world.queue.extend(select(words))

        def drop(words: str) -> None:
            chosen = select(words)
            world.queue[:] = [one for one in world.queue if one not in chosen]
            for group in _broadcasts(chosen):
                self.lines.append(_line(group, "-x"))

        def partition(words: str) -> None:
            groups = [set(part.split()) for part in words.split("|")]
            for name in set().union(*groups):
                self._known(name)
            world.wiring.groups = groups

        def crash(name: str) -> None:
            if not world.hosts[self._known(name)].is_up:
                raise ValueError(f"{name} is down already")
            world.hosts[name].crash()

        def restart(name: str) -> None:
            if world.hosts[self._known(name)].is_up:
                raise ValueError(f"{name} is up; crash it first")
            world.restart(name)

        return {
            "deliver": self._deliver,
            "step": lambda _: self._deliver("1"),
            "drop": drop,
            "duplicate": duplicate,
            "lose": lambda words: world.wiring.losing.append(_selector(world, words)),
            "partition": partition,
            "heal": lambda _: world.wiring.heal(),
            "advance": lambda words: self._pass(words, delivering=False),
            "run": lambda words: self._pass(words, delivering=True),
            "crash": crash,
            "restart": restart,
            "inject": self._inject,
        }

    def _known(self, name: PeerId) -> PeerId:
        assert self.world is not None
        if name not in self.world.hosts:
            raise ValueError(f"nobody is called {name!r}; there are {', '.join(self.world.hosts)}")
        return name

    def _of_actor(self, world: World, name: PeerId, words: str) -> None:
        verb, _, rest = words.partition(" ")
        if verb in ("request", "read"):
            if name in world.members:
                raise ValueError(f"{name} is a replica; clients have longer names")
            world.ask(name, rest.encode(), read_only=verb == "read")
            return
        self._known(name)
        if verb == "timer":
            armed = world.timers(name)
            if rest not in armed:
                raise ValueError(f"{name} has no timer {rest!r} running; it has: {list(armed)}")
            self._fire(name, rest)
            return
        if not world.hosts[name].is_up:
            raise ValueError(f"{name} is down")
        if verb == "timers":
            timers = ", ".join(f"{one} at {at:g} s" for one, at in world.timers(name).items())
            self.lines.append(f". {name} timers: {timers or 'none'}")
        elif verb == "status":
            self.lines.append(f". {name} {status_words(world, name)}")
        elif verb == "log":
            self.lines.extend(f". {name} {line}" for line in log_words(world, name))
        else:
            raise ValueError(f"{name} cannot {verb!r}: request, timer, timers, status or log")

    def _fire(self, name: PeerId, timer: str) -> None:
        assert self.world is not None
        self.lines.append(f"@ {self.world.now_s:g} s {name} timer {timer}")
        self.world.fire(name, timer)
        self._tell()

    def _pass(self, words: str, delivering: bool) -> None:
        assert self.world is not None
        span, _, unit = words.partition(" ")
        if unit != "s":
            raise ValueError("say how long, as in '5 s'")
        if delivering:
            self._deliver("")
        for fired, (name, timer) in enumerate(self.world.due(self.world.now_s + float(span))):
            if fired > LIMIT:
                raise ValueError("the timers never come to rest")
            self._fire(name, timer)
            if delivering:
                self._deliver("")

    def _deliver(self, words: str) -> None:
        world = self.world
        assert world is not None
        count = int(words) if words.isdecimal() else LIMIT
        chosen = _selector(world, "" if words.isdecimal() else words)
        first_others = [one for one in world.queue if not chosen(one)]
        batch: list[tuple[Envelope, bool]] = []
        if words and not words.isdecimal():
            if len(first_others) == len(world.queue):
                raise ValueError("no such message is on its way")
            world.queue[:] = [one for one in world.queue if chosen(one)]
            count = len(world.queue)
        for _ in range(count):
            if not world.queue:
                break
            if batch and world.queue[0].broadcast != batch[-1][0].broadcast:
                self._write(batch)
            envelope, arrived = world.deliver_next()
            self.memory.note(envelope.message)
            batch.append((envelope, arrived))
        else:
            if count == LIMIT:
                raise ValueError(f"not quiet after {LIMIT} messages")
        self._write(batch)
        if words and not words.isdecimal():
            world.queue[:0] = first_others

    def _write(self, batch: list[tuple[Envelope, bool]]) -> None:
        """Write what was delivered of one broadcast, and what came of it."""
        for arrow, wanted in (("->", True), ("-x", False)):
            group = [envelope for envelope, arrived in batch if arrived is wanted]
            if group:
                self.lines.append(_line(group, arrow))
        batch.clear()
        self._tell()

    def _tell(self) -> None:
        """Write the facts since the last time; the same of several actors as one line."""
        if self.world is None:
            return
        told: dict[str, list[PeerId]] = {}
        for one in self.world.happened:
            is_grave = isinstance(one.what, str | ConflictingMessages)
            text = one.what if isinstance(one.what, str) else fact_words(one.what)
            told.setdefault(f"{'!' if is_grave else '*'} {{}} {text}", []).append(one.who)
        self.world.happened.clear()
        for form, who in told.items():
            self.lines.append(form.replace("{}", ",".join(dict.fromkeys(who)), 1))

    def _inject(self, words: str) -> None:
        world = self.world
        assert world is not None
        sender, arrow, receivers, kind, *fields = (*words.split(" "), "", "", "")
        if arrow != "->":
            raise ValueError("write inject a -> b kind field=value …")
        fields = list(_joined(fields))
        for to in receivers.split(","):
            message = hostile(world, self.memory, sender, kind, fields)
            before = _shape(world, self._known(to))
            forged = [f" ({one})" for one in fields if one.startswith(("signer=", "forger="))]
            words = message_words(message, sender)
            self.lines.append(f"{sender} => {to} {words}{''.join(forged)}")
            self.memory.note(message)
            world.hear(to, sender, message)
            is_silent = not world.happened and _shape(world, to) == before
            self._tell()
            if is_silent:
                self.lines.append(f"! {to} ignores it")


def _shape(world: World, name: PeerId) -> tuple[object, ...]:
    """What of an actor a message could change, as far as the protocol is concerned."""
    sent = len(world.queue)
    if name not in world.members:
        client = world.caller(name).client
        return (sent, client.outstanding, dict(client.replies))
    replica = world.replica(name)
    state = replica.state
    untouched = ("empty log", "no pre-prepare, prepares= commits=, certificate none")
    log = [line for line in log_words(world, name) if not line.endswith(untouched)]
    asked = [(one, message.view) for one, message in state.view_changes.items()]
    aside = [(one, len(queue)) for one, queue in state.aside.items()]
    claims = {sequence: dict(one) for sequence, one in replica.catch_up._claims.items() if one}
    signed = {who: sorted(votes) for who, votes in replica.checkpoints._votes.items() if votes}
    proven = replica.checkpoints.proven
    return (sent, status_words(world, name), log, asked, aside, claims, signed, proven)


def _joined(words: list[str]) -> Iterator[str]:
    """Words of one field that contains spaces belong together: ``requests=ann:1:put x 1``."""
    word = ""
    for one in words:
        if "=" in one and word:
            yield word
            word = one
        else:
            word = f"{word} {one}".strip()
    if word:
        yield word


def _cluster(words: str) -> World:
    size, *pairs = words.split()
    if not size.isdecimal() or not 4 <= int(size) <= 26:
        raise ValueError("say how many replicas there are, from 4 to 26")
    given = dict(one.split("=", 1) for one in pairs)
    unknown = set(given) - set(Settings.__struct_fields__)
    if unknown:
        raise ValueError(f"no such setting as {', '.join(sorted(unknown))}")
    return World(int(size), msgspec.convert(given, Settings, strict=False))


def _selector(world: World, words: str) -> Callable[[Envelope], bool]:
    """Which messages are meant by ``a -> b commit``, ``* -> d``, ``commit`` or nothing (all)."""
    parts = words.split()
    sender = to = "*"
    if len(parts) >= 3 and parts[1] == "->":
        sender, to, parts = parts[0], parts[2], parts[3:]
    if len(parts) > 1:
        raise ValueError("name messages as in 'a -> b commit', '* -> d' or 'commit'")
    senders, receivers = sender.split(","), to.split(",")
    for name in (*senders, *receivers):
        if name != "*" and name not in world.hosts:
            raise ValueError(f"nobody is called {name!r}")
    kind = parts[0] if parts else None
    return lambda one: (
        (sender == "*" or one.sender in senders)
        and (to == "*" or one.to in receivers)
        and kind in (None, kind_of(one.message))
    )


def _broadcasts(envelopes: list[Envelope]) -> list[list[Envelope]]:
    groups: dict[int, list[Envelope]] = {}
    for one in envelopes:
        groups.setdefault(one.broadcast, []).append(one)
    return list(groups.values())


def _line(group: list[Envelope], arrow: str) -> str:
    sender, receivers = group[0].sender, ",".join(one.to for one in group)
    return f"{sender} {arrow} {receivers} {message_words(group[0].message, sender)}"
