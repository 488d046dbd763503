"""A ledger whose transfers survive a crash: what joins `economy.ledger` with `prsm_sim.journal`.

A record of the journal is one transfer, three or four short strings in MessagePack. `DurableLedger`
applies it once it is on the disk and only then tells its result, refusals included. A snapshot is
the whole ledger in its canonical encoding. Who was not told by the time of a crash may ask again
under the same key: the transfer is then done once, whether or not it had been written.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from economy.genesis import open_ledger
from economy.ledger import Ledger, LedgerParameters
from economy.ledger_state import encode_ledger, restore_ledger
from economy.money import UnitsText, decode_units, encode_units, ftns
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, UserError
from prsm_sim.journal import GROUP, Journal, Journalled

ACCOUNTS = 1_000
TRANSFERS, DURABLE_TRANSFERS = 500_000, 100_000
ONE = ftns("1")
Told = Callable[[int, Refusal | None], object]


class Transfer(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One transfer as it is written."""

    payer: str
    payee: str
    units: UnitsText
    key: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Transfer).decode


class DurableLedger:
    """A ledger that answers for no transfer that could still be lost.

    Args:
        path: of the journal.
        genesis: the ledger before the first transfer, the same at every start.
        told: gets the number and the result of each transfer once it is durable, in order.
        group: transfers that are made durable together.

    Attributes:
        ledger: the books. Read them, do not write them.

    Raises:
        UserError: the journal cannot be read or written, or holds what is no transfer.
    """

    def __init__(self, path: Path, genesis: Ledger, told: Told, group: int = GROUP) -> None:
        self.ledger = genesis
        journal = Journal(path)
        try:
            self._journalled = Journalled(
                journal, self._apply, told, restore=self._restore, group=group
            )
        except (msgspec.MsgspecError, RemoteProtocolError) as error:
            journal.close()
            is_record = isinstance(error, msgspec.MsgspecError)
            what = "a record is no transfer" if is_record else "its snapshot is no such ledger"
            raise UserError(f"{path}: {what} ({error}); name the ledger's own journal") from error

    def transfer(self, payer: str, payee: str, units: int, key: str = "") -> int:
        """Ask for a transfer; returns the number under which its result will be told."""
        record = _encode(Transfer(payer, payee, encode_units(units), key))
        return self._journalled.submit(record)

    def commit(self) -> None:
        """Do what waits."""
        self._journalled.commit()

    def checkpoint(self) -> None:
        """Keep the whole ledger, and give the transfers so far up for it."""
        self._journalled.checkpoint(lambda: encode_ledger(self.ledger))

    def close(self) -> None:
        """Do what waits, and close the journal."""
        self._journalled.close()

    def _apply(self, record: bytes) -> Refusal | None:
        one = _decode(record)
        return self.ledger.transfer(one.payer, one.payee, decode_units(one.units), one.key)

    def _restore(self, state: bytes) -> None:
        self.ledger = restore_ledger(state, self.ledger.parameters)


def genesis(names: list[str]) -> Ledger:
    """A ledger of which each of these owns so much that it never runs out."""
    owned = dict.fromkeys(names, ONE * DURABLE_TRANSFERS)
    total = sum(owned.values())
    return open_ledger(owned, LedgerParameters(cap_units=total, genesis_units=total))


def transfers_per_s(count: int = TRANSFERS) -> float:
    """Transfers of random amounts between random accounts, a second of CPU time."""
    names, payers, payees, amounts = _orders(count)
    ledger = genesis(names)
    transfer = ledger.transfer
    refused = 0
    started = time.process_time()
    for payer, payee, units in zip(payers, payees, amounts, strict=True):
        if transfer(payer, payee, units) is not None:
            refused += 1
    spent_s = time.process_time() - started
    assert not refused, "only what is done counts"
    assert ledger.audit() is None
    return count / spent_s


def durable_per_s(count: int = DURABLE_TRANSFERS, folder: Path | None = None) -> float:
    """Transfers that are on the disk, applied and told, a second of wall time.

    Args:
        count: how many.
        folder: where the journal is; the current one if None.

    Raises:
        UserError: nothing can be written there.
    """
    names, payers, payees, amounts = _orders(count)
    done: list[int] = []

    def told(sequence: int, refusal: Refusal | None) -> None:
        if refusal is None:
            done.append(sequence)

    where = Path.cwd() if folder is None else folder
    try:
        made = tempfile.TemporaryDirectory(prefix=".prsm-bench-", dir=where)
    except OSError as error:
        raise UserError(f"{where}: {error.strerror}; run the benchmark elsewhere") from error
    with made as inside:
        books = DurableLedger(Path(inside) / "transfers.journal", genesis(names), told)
        started = time.perf_counter()
        for payer, payee, units in zip(payers, payees, amounts, strict=True):
            books.transfer(payer, payee, units)
        books.commit()
        wall_s = time.perf_counter() - started
        books.close()
    assert done == list(range(1, count + 1)), "only what is done counts, and all of it is"
    assert books.ledger.audit() is None
    return count / wall_s


def _orders(count: int) -> tuple[list[str], list[str], list[str], list[int]]:
    """Names, and random payers, other payees and amounts."""
    rng = random.Random(count)
    names = [f"account-{number:04}" for number in range(ACCOUNTS)]
    pairs = [rng.sample(names, 2) for _ in range(count)]
    amounts = [rng.randint(1, ONE // 100) for _ in range(count)]
    return names, [pair[0] for pair in pairs], [pair[1] for pair in pairs], amounts
