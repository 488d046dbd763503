"""A replicated key-value store: the state machine that the baseline's clients use.

Operations are words, so that a trace of them can be read: ``get K``, ``put K V``, ``append K V``,
``cas K OLD NEW`` (an absent value is the empty one). Every result tells the key's value, so that an
operation that was lost, repeated or reordered shows in the very next result: ``append`` returns the
value after it, the others return the value before.

Every few operations the machine tells how many it has applied, and a chain of hashes over them: two
machines that applied the same number of operations, and not the same ones in the same order, differ
in it for ever after.

Each operation concerns one key and keys do not influence each other, so histories can be judged key
by key (locality: Herlihy and Wing 1990, section 3.2). `StoreModel` is the specification that they
are judged by, written independently of the machine.
"""

from hashlib import blake2b, sha256

from prsm_sim.actor import Fact, PeerId, decode, encode

MALFORMED = b"malformed"
CHAIN_BYTES = 16


class StateReached(Fact, frozen=True):
    """A replica has applied so many operations, and these.

    Attributes:
        applied: how many, from the beginning.
        chain: hash over all of them in order, hex.
    """

    applied: int
    chain: str


def is_read(operation: bytes) -> bool:
    """Whether an operation changes nothing, whatever the state is."""
    return operation.startswith(b"get ")


class KeyValueMachine:
    """A state machine of named values; see `agents.consensus.machine.ReadableMachine`.

    Args:
        told_every: it tells its state after so many operations.
    """

    def __init__(self, told_every: int = 4) -> None:
        self.values: dict[bytes, bytes] = {}
        self.told_every = told_every
        self._linked = 0
        """How many operations the chain covers."""
        self._chain = b""
        self._unchained: list[bytes] = []
        """What was applied since the chain's last link."""
        self._told: list[Fact] = []

    def apply(self, sequence: int, client: PeerId, operation: bytes, now_ms: int) -> bytes:
        """Apply one operation and return its result; bytes that mean nothing are refused."""
        unchained = self._unchained
        unchained.append(operation)
        if len(unchained) >= self.told_every:
            self._link()
        words, values = operation.split(b" "), self.values
        verb, count = words[0], len(words)
        if count == 2 and verb == b"get":
            return values.get(words[1], b"")
        if count == 3 and verb == b"put":
            before = values.get(words[1], b"")
            values[words[1]] = words[2]
            return before
        if count == 3 and verb == b"append":
            after = values[words[1]] = values.get(words[1], b"") + words[2]
            return after
        if count == 4 and verb == b"cas":
            before = values.get(words[1], b"")
            if before == words[2]:
                values[words[1]] = words[3]
            return before
        return MALFORMED

    def _link(self) -> None:
        """Lengthen the chain by what is not in it yet, and tell how far it came."""
        self._linked += len(self._unchained)
        link = encode((self._chain, self._unchained))
        self._chain = blake2b(link, digest_size=CHAIN_BYTES).digest()
        self._unchained.clear()
        self._told.append(StateReached(self._linked, self._chain.hex()))

    @property
    def applied(self) -> int:
        """How many operations there were."""
        return self._linked + len(self._unchained)

    def query(self, client: PeerId, operation: bytes, now_ms: int) -> bytes | None:
        """What `apply` would return, or None if the operation may change something."""
        if not is_read(operation):
            return None
        words = operation.split(b" ")
        return self.values.get(words[1], b"") if len(words) == 2 else MALFORMED

    def digest(self) -> str:
        """SHA-256 of the whole state."""
        return sha256(self.snapshot()).hexdigest()

    def snapshot(self) -> bytes:
        """What was applied, and all keys and values, sorted by key."""
        items = sorted(self.values.items())
        return encode((self.applied, self._chain, self._unchained, items))

    def restore(self, state: bytes) -> None:
        """Become the state that `snapshot` returned."""
        applied, self._chain, self._unchained, items = decode(
            state, tuple[int, bytes, list[bytes], list[tuple[bytes, bytes]]]
        )
        self._linked = applied - len(self._unchained)
        self.values = dict(items)
        self._told.clear()

    def facts(self) -> tuple[Fact, ...]:
        """How far it came since the last call."""
        told, self._told = tuple(self._told), []
        return told


class StoreModel:
    """The sequential specification of the store, for the oracle of linearizability."""

    initial: bytes = b""

    def step(self, state: bytes, operation: bytes) -> tuple[bytes, bytes]:
        """The value of the operation's key after it, and the operation's result."""
        words = operation.split(b" ")
        verb = words[0]
        if verb == b"get":
            return state, state
        if verb == b"append":
            after = state + words[2]
            return after, after
        if verb == b"put" or (verb == b"cas" and words[2] == state):
            return words[-1], state
        return state, state

    def key(self, operation: bytes) -> bytes:
        """The second word: keys are parts that do not touch each other."""
        return operation.split(b" ", 2)[1]

    def reads(self, operation: bytes) -> bool:
        """Whether the operation changes nothing, whatever the state is."""
        return is_read(operation)
