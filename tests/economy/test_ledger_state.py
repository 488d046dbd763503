"""The ledger's digest and its bytes: functions of the state, of all of it, and of nothing else."""

import msgspec
import pytest

from economy.holds import HoldState
from economy.ledger import Ledger, LedgerParameters
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import EncodedLedger, encode_ledger, restore_ledger
from prsm_sim.actor import RemoteProtocolError, decode, encode

PARAMETERS = LedgerParameters(cap_units=10**27, genesis_units=5)


def story(*more):
    """A ledger with something of everything in it."""
    ledger = Ledger(PARAMETERS)
    ledger.mint("alice", 10**26, key="m")
    ledger.transfer("alice", "bob", 7, key="t")
    ledger.transfer("carol", "bob", 7, key="refused")
    for name in ("pending", "posted", "voided", "expired"):
        ledger.hold(name, "alice", "x", 10**20, 20 if name == "expired" else 100, 10)
    ledger.post("posted", [("bob", 10**19)], 10)
    ledger.void("voided", 10)
    ledger.expire(20)
    for act in more:
        act(ledger)
    return ledger


def digest(ledger):
    return LedgerDigest(ledger).hexdigest()


def saved(ledger):
    return decode(encode_ledger(ledger), EncodedLedger)


def test_the_story_has_something_of_everything():
    ledger = story()
    assert ledger.audit() is None
    assert {hold.state for hold in ledger.book.holds.values()} == set(HoldState)
    assert {record.refusal is None for record in ledger.keys.records.values()} == {True, False}


def test_restoring_gives_an_equal_ledger():
    payload = encode_ledger(story())
    restored = restore_ledger(payload, PARAMETERS)
    assert encode_ledger(restored) == payload
    assert digest(restored) == digest(story())
    assert restored.totals() == story().totals()


def test_a_restored_ledger_goes_on_like_the_original():
    ledgers = story(), restore_ledger(encode_ledger(story()), PARAMETERS)
    answers = [
        (
            ledger.transfer("alice", "bob", 7, key="t"),
            ledger.transfer("carol", "bob", 7, key="refused"),
            ledger.transfer("alice", "bob", 8, key="t"),
            ledger.post("posted", [], 30),
            ledger.hold("late", "bob", "x", 1, 40, 30),
            [hold.name for hold in ledger.expire(99)],
            [hold.name for hold in ledger.expire(100)],
            digest(restore_ledger(encode_ledger(ledger), PARAMETERS)),
        )
        for ledger in ledgers
    ]
    assert answers[0] == answers[1]
    assert answers[0][5:7] == (["late"], ["pending"])


def test_restored_holds_expire_in_order():
    ledger = Ledger(PARAMETERS)
    ledger.mint("alice", 100)
    spans_ms = {"a": 90, "b": 10, "c": 50, "d": 10, "e": 70}
    for name, span_ms in spans_ms.items():
        ledger.hold(name, "alice", "x", 1, span_ms, 0)
    restored = restore_ledger(encode_ledger(ledger), PARAMETERS)
    assert [hold.name for hold in restored.expire(50)] == ["b", "d", "c"]
    assert [hold.name for hold in restored.expire(90)] == ["e", "a"]


def test_bytes_and_digest_do_not_depend_on_the_order_of_events():
    def give(*names):
        ledger = Ledger(PARAMETERS)
        for name in names:
            ledger.mint(name, 5, key=name)
            ledger.hold(name, name, "x", 2, 100, 0)
        return ledger

    assert encode_ledger(give("a", "b", "c")) == encode_ledger(give("c", "a", "b"))
    assert digest(give("a", "b", "c")) == digest(give("c", "a", "b"))


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: ledger.transfer("alice", "bob", 1),
        lambda ledger: ledger.transfer("alice", "zoe", 1),
        lambda ledger: ledger.transfer("bob", "alice", 10**19 + 7),
        lambda ledger: ledger.transfer("nobody", "bob", 1, key="only a key"),
        lambda ledger: (ledger.mint("bob", 1), ledger.burn("bob", 1)),
        lambda ledger: ledger.void("pending", 30),
        lambda ledger: ledger.post("pending", [], 30),
        lambda ledger: ledger.expire(100),
        lambda ledger: ledger.hold("new", "alice", "x", 1, 100, 30),
    ],
)
def test_every_change_shows(change):
    follower = story()
    following = LedgerDigest(follower)
    before = following.hexdigest()
    change(follower)
    assert digest(story(change)) != before
    assert following.hexdigest() == digest(story(change)), "a digest that follows is like a new one"
    assert encode_ledger(follower) != encode_ledger(story())


def test_a_digest_pays_for_what_changed_since_the_last():
    ledger = story()
    LedgerDigest(ledger).hexdigest()
    assert (ledger.touched, ledger.book.touched, ledger.keys.touched) == ({}, {}, {})
    ledger.transfer("alice", "bob", 5)
    assert set(ledger.touched) == {"alice", "bob"}


def test_a_change_and_its_reverse_leave_no_mark():
    ledger = story()
    following = LedgerDigest(ledger)
    before = following.hexdigest()
    ledger.transfer("alice", "zoe", 5)
    assert following.hexdigest() != before
    ledger.transfer("zoe", "alice", 5)
    assert following.hexdigest() == before


@pytest.mark.parametrize("field", ["cap_units", "genesis_units", "max_hold_ms"])
def test_parameters_are_part_of_the_state(field):
    other = msgspec.structs.replace(PARAMETERS, **{field: getattr(PARAMETERS, field) + 1})
    assert digest(Ledger(other)) != digest(Ledger(PARAMETERS))
    with pytest.raises(RemoteProtocolError, match="figures"):
        restore_ledger(encode_ledger(Ledger(other)), PARAMETERS)


def test_no_prefix_of_the_bytes_is_a_ledger():
    payload = encode_ledger(story())
    for length in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            restore_ledger(payload[:length], PARAMETERS)


def with_hold(state, name, /, **changes):
    holds = tuple(
        msgspec.structs.replace(hold, **changes) if hold.name == name else hold
        for hold in state.holds
    )
    return {"holds": holds}


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (lambda state: {"version": 2}, "format 2"),
        (lambda state: {"minted_units": "1"}, "minted less burned"),
        (lambda state: {"burned_units": "1"}, "minted less burned"),
        (lambda state: {"minted_units": "-1"}, "regex|pattern"),
        (lambda state: {"balances": state.balances[::-1]}, "account 'alice' is out of order"),
        (lambda state: {"balances": state.balances[:1] * 2}, "account 'alice' is out of order"),
        (lambda state: {"balances": (*state.balances, ("zoe", "0"))}, "'zoe' has 0"),
        (lambda state: {"balances": (*state.balances, ("zoe", "1"))}, "minted less burned"),
        (lambda state: {"holds": state.holds[::-1]}, "hold .* is out of order"),
        (lambda state: {"holds": ()}, "minted less burned"),
        (lambda state: {"keys": state.keys[::-1]}, "key .* is out of order"),
        (
            lambda state: {"keys": (msgspec.structs.replace(state.keys[0], fingerprint=b"short"),)},
            "length",
        ),
        (lambda state: with_hold(state, "pending", posted_units="1"), "not possible"),
        (lambda state: with_hold(state, "voided", posted_units="1"), "not possible"),
        (lambda state: with_hold(state, "posted", posted_units="9" * 30), "not possible"),
        (lambda state: with_hold(state, "voided", amount_units="0"), "not possible"),
        (lambda state: with_hold(state, "voided", state=HoldState.PENDING), "minted less burned"),
    ],
)
def test_a_forged_ledger_is_not_restored(forge, words):
    state = saved(story())
    payload = encode(msgspec.structs.replace(state, **forge(state)))
    with pytest.raises(RemoteProtocolError, match=words):
        restore_ledger(payload, PARAMETERS)
