"""All desks of a machine: which takes which operation, and what they are together.

Their state is hashed desk by desk, and a desk that nothing happened at keeps its hash, so an
operation pays for the encoding of the one desk that did it. Their deadlines form one agenda: the
machine asks for the earliest instant at which any desk has something due, and lets every desk that
has do it, in the order in which the desks stand.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, TypeAlias, TypeVar, get_args

import msgspec

from economy.desks.desk import (
    ACCEPTED,
    Answer,
    Desk,
    DeskOperation,
    KeyedOperation,
    Reading,
    refused,
)
from economy.idempotency import KeyRecord, fingerprint_of
from economy.ledger import Ledger
from economy.ledger_digest import BalanceProof
from economy.money import UnitsText, decode_units
from economy.operations import AnyOperation, Name, Refused, Result
from economy.refusals import Refusal
from prsm_sim.actor import Codec, Fact, Message, RemoteProtocolError, decode, encode

D = TypeVar("D", bound=Desk)

OpenDesks: TypeAlias = Callable[[Ledger], Sequence[Desk]]
"""Opens the desks of a new machine on its ledger, always the same ones in the same order."""

FORMAT_VERSION: Final = 1


class EncodedEconomy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ledger and the desks on it, as they are saved; each by its name."""

    version: int
    ledger: bytes
    desks: tuple[tuple[str, bytes], ...]


class EconomyProof(msgspec.Struct, frozen=True, array_like=True):
    """Shows what an account has in the economy of a given digest.

    Attributes:
        balance: from the account to the digest of the ledger.
        ledger_digest: of the ledger alone.
        desks: name and digest of each desk, which are hashed with it.
    """

    balance: BalanceProof
    ledger_digest: str
    desks: tuple[tuple[str, bytes], ...]

    def is_of(self, digest: str, account: str, units: int) -> bool:
        """Whether `account` has exactly `units` in the economy of `digest`; see `BalanceProof`."""
        return combine(self.ledger_digest, self.desks) == digest and self.balance.is_of(
            self.ledger_digest, account, units
        )


class ProveBalance(Reading, frozen=True):
    """Ask what `account` has, with a proof that convinces whoever knows the economy's digest."""

    account: Name


class BalanceProved(Message, frozen=True):
    """What `account` has in the economy of this digest; `proof` is an encoded `EconomyProof`."""

    account: str
    units: UnitsText
    digest: str
    proof: bytes


def is_proved(proved: BalanceProved, digest: str) -> bool:
    """Whether the answer of a replica that nobody trusts is true of the economy of `digest`.

    Args:
        proved: the answer.
        digest: from a source that one trusts, such as f + 1 replicas.
    """
    try:
        proof: EconomyProof = decode(proved.proof, EconomyProof)
    except RemoteProtocolError:
        return False
    return proof.is_of(digest, proved.account, decode_units(proved.units))


def no_desks(ledger: Ledger) -> tuple[Desk, ...]:
    """The desks of a machine that is a ledger and nothing else."""
    return ()


def combine(ledger_digest: str, desks: Sequence[tuple[str, bytes]]) -> str:
    """The digest (hex) of an economy of these parts; that of the ledger if there are no desks."""
    if not desks:
        return ledger_digest
    return blake2b(encode((ledger_digest, tuple(desks))), digest_size=32).hexdigest()


class DeskSet:
    """The desks of one machine.

    Args:
        ledger: whose idempotency keys the operations use.
        desks: in the order in which they are advanced, audited, saved and restored.
    """

    def __init__(self, ledger: Ledger, desks: Sequence[Desk]) -> None:
        self._ledger = ledger
        self.desks = tuple(desks)
        self._desk_of = {kind: desk for desk in self.desks for kind in desk.operations}
        names = [desk.name for desk in self.desks]
        assert len(set(names)) == len(names), f"two desks share a name: {names}"
        self._by_kind: dict[type[Desk], Desk] = {type(desk): desk for desk in self.desks}
        self._timed = [desk for desk in self.desks if type(desk).due_ms is not Desk.due_ms]

    def find(self, kind: type[D]) -> D:
        """The desk of this class."""
        desk = self._by_kind[kind]
        assert isinstance(desk, kind), f"{desk} is no {kind}"
        return desk

    # --- operations -------------------------------------------------------------------------

    def operations(self) -> Codec[AnyOperation | DeskOperation]:
        """What decodes the operations of the ledger and of all desks."""
        kinds = [kind for desk in self.desks for kind in desk.operations]
        return operations_codec((ProveBalance, *kinds) if self.desks else ())

    def results(self) -> Codec[Message]:
        """What decodes the results of the ledger and of all desks."""
        kinds = [kind for desk in self.desks for kind in desk.results]
        return results_codec((BalanceProved, *kinds) if self.desks else ())

    def perform(self, client: str, operation: DeskOperation, now_ms: int, key: str) -> Answer:
        """Have the right desk do it, unless it was done before.

        Args:
            client: who asked.
            operation: of one of the desks.
            now_ms: ledger time.
            key: if the operation has one, the name of it in the ledger.
        """
        desk = self._desk_of[type(operation)]
        if not isinstance(operation, KeyedOperation):
            return self._perform(desk, client, operation, now_ms)
        keys = self._ledger.keys
        fingerprint = fingerprint_of(("desk", encode(operation)))
        known = keys.recall(key, fingerprint, self._ledger.now_ms)
        if isinstance(known, Refusal):
            return refused(known)
        if known is not None:
            return ACCEPTED
        done = self._perform(desk, client, operation, now_ms)
        if not isinstance(done.result, Refused):
            keys.add(key, KeyRecord(fingerprint, None))
        return done

    def _perform(self, desk: Desk, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        done = desk.perform(client, operation, now_ms)
        if not isinstance(done.result, Refused) and not isinstance(operation, Reading):
            desk.is_stale = True
        return done

    # --- time -------------------------------------------------------------------------------

    def next_due_ms(self, after_ms: int) -> int | None:
        """The earliest deadline of any desk that is later than `after_ms`, or None."""
        found = [due for desk in self._timed if (due := desk.due_ms(after_ms)) is not None]
        return min(found, default=None)

    def advance(self, now_ms: int) -> list[Fact]:
        """Have every desk do what is due by `now_ms`; returns what the outside is told."""
        facts: list[Fact] = []
        for desk in self._timed:
            due_ms = desk.due_ms(-1)
            if due_ms is not None and due_ms <= now_ms:
                desk.is_stale = True
                facts.extend(desk.advance(now_ms))
        return facts

    # --- the whole state --------------------------------------------------------------------

    def audit(self) -> str | None:
        """The first thing that is wrong at any desk, with the desk's name, or None."""
        for desk in self.desks:
            fault = desk.audit()
            if fault is not None:
                return f"{desk.name}: {fault}"
        return None

    def digests(self) -> tuple[tuple[str, bytes], ...]:
        """Name and digest of each desk."""
        return tuple((desk.name, desk.digest()) for desk in self.desks)

    def encode(self, ledger: bytes) -> bytes:
        """The bytes of a ledger, with those of all desks; the ledger's alone if there are none."""
        if not self.desks:
            return ledger
        desks = tuple((desk.name, desk.encode()) for desk in self.desks)
        return encode(EncodedEconomy(FORMAT_VERSION, ledger, desks))

    def restore(self, saved: Sequence[tuple[str, bytes]]) -> None:
        """Replace the state of all desks.

        Raises:
            RemoteProtocolError: these are not sound states of exactly these desks. Some of the
                desks may have changed: restore only into desks that nobody uses yet.
        """
        names = [name for name, _ in saved]
        if names != [desk.name for desk in self.desks]:
            raise RemoteProtocolError(f"restored economy: desks {names} are not the ones here")
        for desk, (_, state) in zip(self.desks, saved, strict=True):
            desk.restore(state)
            if desk.encode() != state:
                raise RemoteProtocolError(f"restored economy: {desk.name} is not canonical")


def split_economy(state: bytes, has_desks: bool) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """The parts of what `DeskSet.encode` gave: the ledger's bytes, and each desk's.

    Raises:
        RemoteProtocolError: there are no such parts.
    """
    if not has_desks:
        return state, ()
    saved: EncodedEconomy = decode(state, EncodedEconomy)
    if saved.version != FORMAT_VERSION:
        raise RemoteProtocolError(f"economy of format {saved.version}, this is {FORMAT_VERSION}")
    if encode(saved) != state:
        raise RemoteProtocolError("restored economy: its bytes are not in canonical form")
    return saved.ledger, saved.desks


@lru_cache(maxsize=64)
def operations_codec(
    kinds: tuple[type[DeskOperation], ...],
) -> Codec[AnyOperation | DeskOperation]:
    """What decodes the ledger's operations and these."""
    return Codec((*get_args(AnyOperation), *kinds))


@lru_cache(maxsize=64)
def results_codec(kinds: tuple[type[Message], ...]) -> Codec[Message]:
    """What decodes the ledger's results and these; a type may occur more than once."""
    return Codec(dict.fromkeys((*get_args(Result), *kinds)))
