"""Transfers that were acknowledged survive `kill -9`, each of them once."""

import subprocess
import sys
from pathlib import Path

import pytest

from economy.refusals import Refusal
from prsm_sim.actor import UserError
from prsm_sim.journal import Journal
from scenarios.economy_bench.transfers import DurableLedger
from tests.scenarios.transfer_victims import PAYERS, TOTAL_UNITS, genesis, units_of

LIVES = 25


def test_after_many_kills_every_acknowledged_transfer_was_done_once(tmp_path: Path) -> None:
    path = tmp_path / "transfers.journal"
    module = "tests.scenarios.transfer_victims"
    command = [sys.executable, "-m", module, str(path), str(LIVES), "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    told = int(ended.stdout)
    assert told > 200, "the processes must have come to work"

    books = DurableLedger(path, genesis(), lambda *_: None)
    ledger = books.ledger
    assert ledger.audit() is None
    assert sum(ledger.balances.values()) == TOTAL_UNITS
    done = {}
    for account, units in ledger.balances.items():
        if account not in PAYERS:
            number = int(account.removeprefix("payee-"))
            assert number % 7, "a transfer that was refused was done"
            done[number] = units
    assert all(units == units_of(number) for number, units in done.items()), "done twice"
    assert [n for n in range(1, told + 1) if n % 7 and n not in done] == [], "acknowledged, lost"
    # What was written and not acknowledged may be there; it is the beginning of what followed.
    beyond = sorted(number for number in done if number > told)
    assert beyond == [n for n in range(told + 1, max(done) + 1) if n % 7]
    spent = dict.fromkeys(PAYERS, 0)
    for number, units in done.items():
        spent[PAYERS[number % len(PAYERS)]] += units
    assert all(ledger.balances[p] == TOTAL_UNITS // len(PAYERS) - spent[p] for p in PAYERS)
    books.close()


def test_a_refusal_is_told_and_recovered_too(tmp_path: Path) -> None:
    path = tmp_path / "transfers.journal"
    told: list[tuple[int, Refusal | None]] = []
    books = DurableLedger(path, genesis(), lambda *one: told.append(one))
    books.transfer("payer-0", "payee-1", 5, "a")
    books.transfer("nobody", "payee-1", 5, "b")
    books.transfer("payer-0", "payee-1", 5, "a")
    assert told == []
    books.commit()
    assert told == [(1, None), (2, Refusal.INSUFFICIENT_FUNDS), (3, None)]
    assert books.ledger.balances["payee-1"] == 5
    books.checkpoint()
    books.transfer("payer-0", "payee-1", 5, "a")
    books.transfer("payer-1", "payee-1", 1, "c")
    books.close()
    again = DurableLedger(path, genesis(), lambda *one: told.append(one))
    assert again.ledger.balances == books.ledger.balances
    assert again.ledger.balances["payee-1"] == 6
    assert len(told) == 5
    again.close()


def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letters.journal"
    with Journal(path) as journal:
        journal.append(b"dear sir")
    with pytest.raises(UserError, match="a record is no transfer"):
        DurableLedger(path, genesis(), lambda *_: None)
    with Journal(path) as journal:
        journal.checkpoint(b"yours faithfully")
    with pytest.raises(UserError, match="its snapshot is no such ledger"):
        DurableLedger(path, genesis(), lambda *_: None)
