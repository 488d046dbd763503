"""How conversations are written: one line a message or fact, and the reverse for hostile messages.

A digest is written as its first four hex digits and can be referred to by them in the script. What
was said in a conversation is remembered here, so that a hostile message can quote it.
"""

from hashlib import sha256

import msgspec
from consensus_desk import sign
from conversation_world import World

from agents.consensus import (
    CheckpointStable,
    CheckpointTaken,
    ConflictingMessages,
    Executed,
    ReplyAccepted,
    StateTransferred,
    ViewChanged,
)
from agents.consensus.evidence import Signed, offence, signed_content
from agents.consensus.messages import (
    NULL_DIGEST,
    Certificate,
    Checkpoint,
    Commit,
    Entries,
    Entry,
    Fetch,
    FetchState,
    NewView,
    Prepare,
    PrePrepare,
    ReadRequest,
    Reply,
    Request,
    Stable,
    StableProof,
    StatePiece,
    ViewChange,
    batch_digest,
    request_content,
)
from prsm_sim.actor import Fact, Message, PeerId


def kind_of(message: Message) -> str:
    """``pre-prepare`` for a `PrePrepare`, and so on."""
    name = type(message).__name__.replace("PrePrepare", "Pre-prepare")
    return "".join(f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def digest_words(digest: bytes) -> str:
    return "null" if digest == NULL_DIGEST else digest.hex()[:4]


def batch_words(requests: tuple[Request, ...]) -> str:
    return f"[{' '.join(f'{one.client}:{one.timestamp}' for one in requests)}]"


def proof_words(proof: StableProof) -> str:
    signers = ",".join(signer for signer, _ in proof.signatures)
    return f"n{proof.sequence} s={digest_words(proof.digest)} by {signers}"


def certificate_words(certificate: Certificate) -> str:
    order = certificate.pre_prepare
    backups = ",".join(backup for backup, _ in certificate.prepares)
    return f"v{order.view} n{order.sequence} d={digest_words(order.digest)} by {backups}"


def message_words(message: Message, sender: PeerId) -> str:
    """A message without its sender and receivers."""
    match message:
        case Request() | ReadRequest():
            details = f"{message.client}:{message.timestamp} {message.operation.decode()}"
        case Reply():
            details = f"v{message.view} {message.client}:{message.timestamp} = "
            details += message.result.decode()
            details += " (tentative)" if message.tentative else ""
            details += " (read)" if message.read_only else ""
        case PrePrepare():
            details = f"v{message.view} n{message.sequence} d={digest_words(message.digest)} "
            details += batch_words(message.requests)
        case Prepare() | Commit():
            details = f"v{message.view} n{message.sequence} d={digest_words(message.digest)}"
        case Checkpoint():
            details = f"n{message.sequence} s={digest_words(message.digest)}"
        case ViewChange():
            prepared = "; ".join(certificate_words(one) for one in message.prepared)
            details = f"v{message.view} low={message.low} P=[{prepared}]"
            if message.stable is not None:
                details += f" C=[{proof_words(message.stable)}]"
            if message.replica != sender:
                details += f" of {message.replica}"
        case NewView():
            voters = " ".join(one.replica for one in message.view_changes)
            orders = "; ".join(
                f"v{one.view} n{one.sequence} d={digest_words(one.digest)}"
                for one in message.pre_prepares
            )
            details = f"v{message.view} V=[{voters}] O=[{orders}]"
        case Fetch():
            waiting = "" if message.active else " waiting"
            details = f"v{message.view}{waiting} executed={message.executed} low={message.low}"
        case Entries():
            details = "; ".join(
                f"n{one.sequence} {batch_words(one.requests)}" for one in message.entries
            )
        case Stable():
            details = proof_words(message.proof)
        case FetchState():
            details = f"n{message.proof.sequence} piece {message.piece}"
        case StatePiece():
            details = (
                f"n{message.proof.sequence} piece {message.piece} of {len(message.digests)}, "
                f"{len(message.content)} bytes"
            )
        case _:
            details = ""
    return f"{kind_of(message)} {details}".rstrip()


def fact_words(fact: Fact) -> str:
    """A fact without whose it is; what is remarkable starts with an exclamation mark."""
    match fact:
        case Executed():
            asked = ", ".join(f"{client}:{number}" for client, number in fact.requests)
            digest = digest_words(bytes.fromhex(fact.digest))
            return f"executed n{fact.sequence} v{fact.view} d={digest} [{asked}]"
        case ReplyAccepted():
            return f"accepted {fact.client}:{fact.timestamp} = {fact.result.decode()}"
        case ViewChanged():
            return f"entered v{fact.view}"
        case CheckpointTaken():
            return f"took n{fact.sequence} s={fact.digest[:4]}"
        case CheckpointStable():
            return f"stable n{fact.sequence} s={fact.digest[:4]}"
        case StateTransferred():
            return f"took over the state at n{fact.sequence}"
        case ConflictingMessages():
            _, kind, view, sequence = offence(fact.evidence)
            where = f"n{sequence}" if kind == "checkpoint" else f"v{view} n{sequence}"
            return f"holds evidence against {fact.accused}: {kind} {where}"
    return str(fact)


def status_words(world: World, name: PeerId) -> str:
    """Where a replica stands."""
    state = world.replica(name).state
    activity = "active" if state.active else "waiting for the new view"
    log = state.log
    values = " ".join(f"{key}={value}" for key, value in world.replica(name).machine.values.items())
    return (
        f"v{state.view} {activity}, executed={log.executed} low={log.low} high={log.high}, "
        f"{values or 'empty'}"
    )


def log_words(world: World, name: PeerId) -> list[str]:
    """What a replica knows of each sequence number: the votes are listed by who cast them."""
    lines: list[str] = []
    for sequence, slot in sorted(world.replica(name).state.log.slots.items()):
        stage = "committed" if slot.committed else "prepared" if slot.prepared else "open"
        if slot.pre_prepare is None:
            stage = "no pre-prepare"
        digest = f" d={digest_words(slot.digest)}" if slot.pre_prepare else ""
        votes = [
            f"{kind}={','.join(sorted(_voter(who, one, slot.digest) for who, one in cast.items()))}"
            for kind, cast in (("prepares", slot.prepares), ("commits", slot.commits))
        ]
        proof = certificate_words(slot.certificate) if slot.certificate else "none"
        lines.append(
            f"n{sequence} v{slot.view}{digest} {stage}, {' '.join(votes)}, certificate {proof}"
        )
    return lines or ["empty log"]


def _voter(who: PeerId, vote: Prepare | Commit, digest: bytes) -> str:
    return who if vote.digest == digest else f"{who}({digest_words(vote.digest)})"


class Memory:
    """What was said so far, to be quoted by hostile messages."""

    def __init__(self) -> None:
        self.orders: dict[bytes, PrePrepare] = {}
        self.digests: dict[str, bytes] = {"null": NULL_DIGEST}
        self.proofs: dict[int, StableProof] = {}
        self.view_changes: dict[tuple[PeerId, int], ViewChange] = {}
        self.asked: dict[str, Request] = {}

    def note(self, message: Message) -> None:
        """Remember a message that was delivered."""
        match message:
            case Request():
                self.asked[f"{message.client}:{message.timestamp}"] = message
            case PrePrepare():
                self.orders[message.digest] = message
                self.digests.setdefault(digest_words(message.digest), message.digest)
            case Checkpoint():
                self.digests.setdefault(digest_words(message.digest), message.digest)
            case ViewChange():
                self.view_changes[message.replica, message.view] = message
                if message.stable is not None:
                    self.proofs[message.stable.sequence] = message.stable
            case NewView():
                for order in message.pre_prepares:
                    self.orders.setdefault(order.digest, order)

    def digest(self, word: str) -> bytes:
        """The digest so abbreviated; a word that is none stands for the digest of nothing seen."""
        return self.digests.get(word) or sha256(word.encode()).digest()


class Fields:
    """The ``name=value`` words of a hostile message; each must be used."""

    def __init__(self, words: list[str]) -> None:
        self.values: dict[str, str] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                raise ValueError(f"{word!r} is not of the form name=value")
            self.values[name] = value

    def text(self, name: str, default: str = "") -> str:
        return self.values.pop(name, default)

    def number(self, name: str, default: int | None = None) -> int:
        value = self.values.pop(name, None)
        if value is None and default is not None:
            return default
        if value is None or not value.lstrip("-").isdecimal():
            raise ValueError(f"{name} must be a whole number, not {value!r}")
        return int(value)

    def parts(self, name: str, separator: str = ",") -> list[str]:
        value = self.values.pop(name, "")
        return value.split(separator) if value else []

    def close(self) -> None:
        if self.values:
            raise ValueError(f"this message has no field {', '.join(self.values)}")


def hostile(world: World, memory: Memory, sender: PeerId, kind: str, words: list[str]) -> Message:
    """The message that a script injects, signed with its sender's key (or that of ``signer=``).

    A request is signed by its client, unless ``signer=`` says otherwise.

    Raises:
        ValueError: the words do not make such a message; the text says why.
    """
    fields = Fields(words)
    forger = fields.text("signer")
    signer = forger or sender
    maker = MAKERS.get(kind)
    if maker is None:
        raise ValueError(f"{kind!r} is no kind of message; known are {', '.join(MAKERS)}")
    message = maker(world, memory, sender, fields)
    fields.close()
    if isinstance(message, Signed):
        signature = sign(signer, signed_content(message))
        message = msgspec.structs.replace(message, signature=signature)
    elif isinstance(message, Request) and forger:
        message = signed_request(message, forger)
    return message


def signed_request(request: Request, signer: PeerId) -> Request:
    content = request_content(request.client, request.timestamp, request.operation)
    return msgspec.structs.replace(request, signature=sign(signer, content))


def _request(memory: Memory, words: str, signer: PeerId | None = None) -> Request:
    """``ann:1`` is what ann asked, ``ann:1:put x 1`` what she might have; signed by her."""
    if words in memory.asked:
        return memory.asked[words]
    client, _, rest = words.partition(":")
    timestamp, _, operation = rest.partition(":")
    if not timestamp.isdecimal():
        raise ValueError(f"{words!r} is no request: write client:timestamp:operation")
    return signed_request(Request(client, int(timestamp), operation.encode()), signer or client)


def make_request(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    request = _request(memory, fields.text("request"))
    world.client(request.client)
    return request


def make_pre_prepare(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    forger = fields.text("forger") or None
    requests = tuple(_request(memory, one, forger) for one in fields.parts("requests"))
    for request in requests:
        world.client(request.client)
    now_ms = fields.number("now", 0)
    digest = batch_digest(now_ms, requests)
    if "digest" in fields.values:
        digest = memory.digest(fields.text("digest"))
    message = PrePrepare(fields.number("view"), fields.number("seq"), now_ms, requests, digest)
    memory.note(message)
    return message


def make_prepare(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    digest = memory.digest(fields.text("digest"))
    return Prepare(fields.number("view"), fields.number("seq"), digest)


def make_commit(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    digest = memory.digest(fields.text("digest"))
    return Commit(fields.number("view"), fields.number("seq"), digest)


def make_checkpoint(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    return Checkpoint(fields.number("seq"), memory.digest(fields.text("digest")))


def make_view_change(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    view, low = fields.number("view"), fields.number("low", 0)
    prepared = tuple(_certificate(memory, one) for one in fields.parts("prepared", ";"))
    replica = fields.text("replica", sender)
    stable = _proof(memory, fields.text("stable")) if "stable" in fields.values else None
    return ViewChange(view, replica, low, prepared, b"", stable)


def _certificate(memory: Memory, words: str) -> Certificate:
    """``1f3a:b,c`` is a certificate for the batch with that digest, by prepares of b and c."""
    digest, _, backups = words.partition(":")
    order = memory.orders.get(memory.digest(digest))
    if order is None:
        raise ValueError(f"nobody has said anything of a batch with digest {digest}")
    vote = Prepare(order.view, order.sequence, order.digest)
    votes = ((one, sign(one, signed_content(vote))) for one in backups.split(",") if one)
    return Certificate(order, tuple(votes))


def _proof(memory: Memory, words: str) -> StableProof:
    """``4:77ab:a,b`` says that a and b signed the checkpoint at 4 with that digest."""
    sequence, _, rest = words.partition(":")
    digest, _, signers = rest.partition(":")
    vote = Checkpoint(int(sequence), memory.digest(digest))
    signatures = ((one, sign(one, signed_content(vote))) for one in signers.split(",") if one)
    return StableProof(vote.sequence, vote.digest, tuple(signatures))


def make_new_view(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    """V quotes what was said, or an empty view-change of who said none; O is as written."""
    view = fields.number("view")
    voters: list[ViewChange] = []
    for name in fields.parts("from"):
        said = memory.view_changes.get((name, view))
        if said is None:
            bare = ViewChange(view, name, 0, ())
            said = msgspec.structs.replace(bare, signature=sign(name, signed_content(bare)))
        voters.append(said)
    low = max((one.low for one in voters), default=0)
    order_view = fields.number("order-view", view)
    orders: list[PrePrepare] = []
    first = fields.number("first", low + 1)
    for sequence, word in enumerate(fields.parts("orders"), first):
        known = memory.orders.get(memory.digest(word))
        now_ms, requests = (0, ()) if known is None else (known.now_ms, known.requests)
        bare_order = PrePrepare(order_view, sequence, now_ms, requests, memory.digest(word))
        signature = sign(sender, signed_content(bare_order))
        orders.append(msgspec.structs.replace(bare_order, signature=signature))
    return NewView(view, tuple(voters), tuple(orders))


def make_fetch(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    return Fetch(fields.number("view"), True, fields.number("executed"), fields.number("low", 0))


def make_entries(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    requests = tuple(_request(memory, one) for one in fields.parts("requests"))
    for request in requests:
        world.client(request.client)
    return Entries((Entry(fields.number("seq"), fields.number("now", 0), requests),))


def make_reply(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    client, _, timestamp = fields.text("to").partition(":")
    return Reply(fields.number("view", 0), int(timestamp), client, fields.text("result").encode())


def make_state_piece(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    """The content is as written; its digests are its own, or those of the state of ``like``."""
    content, like = fields.text("content").encode(), fields.text("like")
    digests = (sha256(content).digest(),)
    if like:
        held = world.replica(like).checkpoints.held
        if held is None:
            raise ValueError(f"{like} holds no stable state")
        digests = held.digests
    return StatePiece(_proof(memory, fields.text("stable")), digests, 0, content)


def make_stable(world: World, memory: Memory, sender: PeerId, fields: Fields) -> Message:
    return Stable(_proof(memory, fields.text("stable")))


MAKERS = {
    "request": make_request,
    "pre-prepare": make_pre_prepare,
    "prepare": make_prepare,
    "commit": make_commit,
    "checkpoint": make_checkpoint,
    "view-change": make_view_change,
    "new-view": make_new_view,
    "fetch": make_fetch,
    "entries": make_entries,
    "reply": make_reply,
    "stable": make_stable,
    "state-piece": make_state_piece,
}
