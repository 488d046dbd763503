"""Whatever clients send, in any order: replicas stay equal, and no one loses money by another."""

import os
import subprocess
import sys
from pathlib import Path

from economy_reference import ReferenceLedger
from hypothesis import given, settings
from hypothesis import strategies as st

from economy.facts import QueryOpened, QueryRefunded, QuerySettled
from economy.genesis import open_ledger
from economy.holds import HoldState
from economy.ledger import LedgerParameters
from economy.operations import (
    Accepted,
    Burn,
    Mint,
    OpenQuery,
    PlaceHold,
    PostHold,
    ReadBalance,
    ReadQuery,
    RefundQuery,
    Refused,
    SettleQuery,
    Transfer,
    VoidHold,
    decode_result,
    encode_operation,
)
from economy.refusals import Refusal
from economy.state_machine import LedgerMachine

PEERS = ["alice", "bob", "carol"]
NAMES = st.sampled_from(PEERS)
IDS = st.sampled_from(["1", "2", "3"])
UNITS = st.integers(0, 60).map(str)
TIMES = st.integers(0, 300)
PAYMENTS = st.lists(st.tuples(NAMES, st.integers(0, 25).map(str)), max_size=3).map(tuple)
OPERATIONS = st.one_of(
    st.builds(Transfer, IDS, NAMES, UNITS),
    st.builds(Mint, IDS, NAMES, UNITS),
    st.builds(Burn, IDS, UNITS),
    st.builds(PlaceHold, IDS, NAMES, UNITS, TIMES),
    st.builds(PostHold, IDS, PAYMENTS),
    st.builds(VoidHold, IDS),
    st.builds(OpenQuery, IDS, NAMES, UNITS, TIMES),
    st.builds(SettleQuery, IDS, PAYMENTS),
    st.builds(RefundQuery, IDS),
    st.builds(ReadBalance, NAMES),
    st.builds(ReadQuery, IDS),
).map(encode_operation)


@st.composite
def damaged(draw):
    payload = bytearray(draw(OPERATIONS))
    for _ in range(draw(st.integers(1, 3))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload[: draw(st.integers(0, len(payload)))] if draw(st.booleans()) else payload)


PAYLOADS = st.one_of(OPERATIONS, OPERATIONS, OPERATIONS, OPERATIONS, st.binary(), damaged())
STORIES = st.lists(st.tuples(NAMES, PAYLOADS, st.integers(0, 15)), max_size=40)
PARAMETERS = LedgerParameters(cap_units=400, genesis_units=300, max_hold_ms=100)


def new_machine():
    ledger = open_ledger({"alice": 100, "bob": 50}, PARAMETERS)
    return LedgerMachine(ledger, issuer="carol", audit_every=1)


def pending(machine):
    holds = machine.ledger.book.holds
    return {name: hold for name, hold in holds.items() if hold.state is HoldState.PENDING}


@settings(deadline=None, max_examples=150)
@given(STORIES, st.integers(0, 40))
def test_replicas_that_apply_the_same_operations_are_equal(story, moved_at):
    one, other, now_ms = new_machine(), new_machine(), 0
    for sequence, (client, payload, wait_ms) in enumerate(story):
        now_ms += wait_ms
        if sequence == moved_at:
            moved = new_machine()
            moved.restore(other.snapshot())
            other = moved
        answers = [machine.apply(sequence, client, payload, now_ms) for machine in (one, other)]
        assert answers[0] == answers[1]
        assert one.facts() == other.facts()
    assert one.digest() == other.digest()
    assert one.snapshot() == other.snapshot()


@settings(deadline=None, max_examples=150)
@given(STORIES)
def test_no_one_loses_money_by_anothers_operation(story):
    machine, now_ms = new_machine(), 0
    for sequence, (client, payload, wait_ms) in enumerate(story):
        now_ms += wait_ms
        balances, holds = dict(machine.ledger.balances), pending(machine)
        supply = machine.ledger.totals().supply_units
        state = machine.snapshot()
        result = decode_result(machine.apply(sequence, client, payload, now_ms))
        assert machine.ledger.audit() is None
        for account, units in balances.items():
            assert account == client or machine.ledger.balances.get(account, 0) >= units
        for name, hold in holds.items():
            expired = hold.expires_at_ms <= now_ms
            assert hold.arbiter == client or expired or name in pending(machine)
        if result == Refused(Refusal.MALFORMED):
            assert machine.snapshot() == state
        if client != "carol":
            assert machine.ledger.totals().supply_units <= supply


@settings(deadline=None, max_examples=150)
@given(STORIES)
def test_every_query_that_is_told_to_open_is_told_to_end_once_or_is_still_open(story):
    machine, now_ms, opened, ended = new_machine(), 0, {}, []
    for sequence, (client, payload, wait_ms) in enumerate(story):
        now_ms += wait_ms
        machine.apply(sequence, client, payload, now_ms)
    machine.apply(len(story), "bob", encode_operation(ReadBalance("bob")), now_ms + 1_000)
    for fact in machine.facts():
        if isinstance(fact, QueryOpened):
            assert fact.query not in opened
            opened[fact.query] = int(fact.amount_units)
        elif isinstance(fact, QuerySettled):
            ended.append(fact.query)
            paid = sum(int(units) for _, units in fact.payments)
            assert paid + int(fact.returned_units) == opened[fact.query]
        elif isinstance(fact, QueryRefunded):
            ended.append(fact.query)
            assert int(fact.returned_units) == opened[fact.query]
    assert sorted(ended) == sorted(opened)


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.integers(0, 60), IDS), max_size=25))
def test_transfers_end_where_the_naive_ledger_says(transfers):
    machine = new_machine()
    reference = ReferenceLedger(PARAMETERS.cap_units, PARAMETERS.max_hold_ms)
    for account, units in machine.ledger.balances.items():
        reference.mint(account, units)
    for sequence, (payer, payee, units, key) in enumerate(transfers):
        payload = encode_operation(Transfer(key, payee, str(units)))
        expected = reference.keyed(f"{payer} {key}", ("transfer", payer, payee, units))
        result = decode_result(machine.apply(sequence, payer, payload, 0))
        assert result == (Accepted() if expected is None else Refused(expected))
    assert machine.ledger.balances == reference.balances()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_random_bytes_are_answered_and_change_nothing(payload):
    machine = new_machine()
    before = machine.digest()
    assert decode_result(machine.apply(1, "alice", payload, 0)) == Refused(Refusal.MALFORMED)
    assert machine.digest() == before


SCRIPT = """
from test_ledger_machine_fuzz import new_machine
from economy.operations import *
machine = new_machine()
for n in range(60):
    client, peer = ("alice", "bob", "carol")[n % 3], ("carol", "dave%d" % n, "alice")[n % 3]
    for operation in (
        Transfer("k%d" % n, peer, str(n % 4)), OpenQuery("q%d" % n, peer, "1", 50 + n % 7)
    ):
        machine.apply(n, client, encode_operation(operation), n)
print(machine.digest(), machine.snapshot().hex(), machine.facts())
"""


def test_hash_seeds_leave_no_mark():
    outputs = set()
    for seed in ("1", "2"):
        path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        command = [sys.executable, "-c", SCRIPT]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.add(run.stdout)
    assert len(outputs) == 1
    assert "QueryRefunded" in run.stdout
