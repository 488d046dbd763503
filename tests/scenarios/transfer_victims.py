"""Lives of a process that transfers money and is killed, for `test_durable_transfers`.

Run as ``python -m tests.scenarios.transfer_victims JOURNAL LIVES SEED``. Each life is a fork that
opens the ledger of the journal, asks for the transfers that nobody has been told of, and writes the
number of each one that it is told of to a pipe. It is killed with SIGKILL at a random moment. Each
transfer has a payee and a key of its own, so one can see in the books how often it was done.
"""

import os
import random
import select
import signal
import sys
import time
from pathlib import Path

from economy.genesis import open_ledger
from economy.ledger import Ledger, LedgerParameters
from economy.refusals import Refusal
from scenarios.economy_bench.transfers import DurableLedger

PAYERS = tuple(f"payer-{number}" for number in range(5))
EACH_UNITS = 200_000
TOTAL_UNITS = EACH_UNITS * len(PAYERS)
GROUP = 16


def genesis() -> Ledger:
    owned = dict.fromkeys(PAYERS, EACH_UNITS)
    return open_ledger(owned, LedgerParameters(cap_units=TOTAL_UNITS, genesis_units=TOTAL_UNITS))


def units_of(number: int) -> int:
    """What a transfer moves; every seventh is more than anybody has."""
    return 1 + number % 5 if number % 7 else TOTAL_UNITS


def live(path: Path, first: int, pipe: int) -> None:
    """Transfer until killed, `first` first; tell the pipe the number of what has been done."""
    asked: dict[int, int] = {}

    def told(sequence: int, refusal: Refusal | None) -> None:
        number = asked[sequence]
        assert (refusal is None) == (number % 7 != 0), f"transfer {number}: {refusal}"
        os.write(pipe, b"%d\n" % number)

    books = DurableLedger(path, genesis(), told, GROUP)
    for number in range(first, 10**9):
        payer = PAYERS[number % len(PAYERS)]
        # The number under which it will be told is known only by being given one.
        asked[books._journalled.journal.last + 1] = number
        books.transfer(payer, f"payee-{number}", units_of(number), f"key-{number}")
        if number % 401 == 0:
            books.checkpoint()


def kill_one(path: Path, first: int, rng: random.Random) -> int:
    """Let one process live a while; the last transfer that anybody has been told of."""
    out, into = os.pipe()
    process = os.fork()
    if not process:
        os.close(out)
        try:
            live(path, first, into)
        finally:
            os._exit(3)  # it was to be killed
    os.close(into)
    if rng.random() < 0.7:
        select.select([out], [], [], 20.0)  # until it is at work; else it may die while it starts
    time.sleep(rng.uniform(0.0, 0.05))
    os.kill(process, signal.SIGKILL)
    heard = b""
    while chunk := os.read(out, 65536):
        heard += chunk
    os.close(out)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "the process failed by itself"
    numbers = [int(line) for line in heard.split(b"\n")[:-1]]
    assert numbers == list(range(first, first + len(numbers))), "told in order, each once"
    return first + len(numbers) - 1


def main() -> None:
    path, lives, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    told = 0
    for _ in range(lives):
        told = kill_one(path, told + 1, rng)
    print(told)


if __name__ == "__main__":
    main()
