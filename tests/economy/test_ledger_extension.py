"""The part of a ledger's state that not every ledger has: shown in digest and bytes, not forged."""

import msgspec
import pytest

from economy.accounts import Status
from economy.ledger import Ledger, LedgerParameters
from economy.ledger_digest import LedgerDigest
from economy.ledger_extension import EncodedExtension, EncodedHistory, EncodedStanding
from economy.ledger_state import EncodedLedger, encode_ledger, restore_ledger
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

PARAMETERS = LedgerParameters(
    genesis_units=0, key_window_ms=200, hold_retention_ms=50, history_ms=100
)


def story(*more, parameters=PARAMETERS):
    ledger = Ledger(parameters)
    ledger.mint("alice", 10**20)
    ledger.pass_time(30)
    ledger.transfer("alice", "bob", 7, key="t@200")
    ledger.transfer_linked([("alice", "bob", 1), ("zoe", "bob", 1)], key="l@200")
    ledger.hold("pending@90", "alice", "x", 10, 90, 30)
    ledger.hold("voided@95", "alice", "x", 10, 95, 30)
    ledger.void("voided@95", 40)
    ledger.freeze("carol")
    ledger.close("dora")
    ledger.require_minimum("alice", 10**19)
    ledger.transfer("alice", "bob", 10**18)
    for act in more:
        act(ledger)
    return ledger


def digest(ledger):
    return LedgerDigest(ledger).hexdigest()


def test_restoring_gives_an_equal_ledger():
    payload = encode_ledger(story())
    restored = restore_ledger(payload, PARAMETERS)
    assert encode_ledger(restored) == payload
    assert digest(restored) == digest(story())
    assert restored.audit() is None
    assert restored.keys.records["l@200"].move == 1
    assert not restored._is_plain
    assert restored.transfer("alice", "bob", 10**20) is story().transfer("alice", "bob", 10**20)


def test_a_restored_constraint_still_binds():
    ledger = Ledger(LedgerParameters(genesis_units=0))
    ledger.mint("alice", 10)
    ledger.freeze("alice")
    restored = restore_ledger(encode_ledger(ledger), ledger.parameters)
    assert restored.transfer("alice", "bob", 1) is Refusal.ACCOUNT_FROZEN
    assert restored.unfreeze("alice") is None
    assert restored._is_plain


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: ledger.freeze("bob"),
        lambda ledger: ledger.unfreeze("carol"),
        lambda ledger: ledger.close("erik"),
        lambda ledger: ledger.require_minimum("alice", 0),
        lambda ledger: ledger.require_minimum("alice", 10**19 + 1),
        lambda ledger: ledger.pass_time(41),
        lambda ledger: (
            ledger.transfer("bob", "zoe", 1),
            ledger.pass_time(41),
            ledger.transfer("zoe", "bob", 1),
        ),
        lambda ledger: ledger.expire(141),
        lambda ledger: ledger.expire(10_000),
        lambda ledger: ledger.transfer_linked([("zoe", "bob", 1)], key="m@200"),
    ],
)
def test_every_change_shows(change):
    follower = story()
    following = LedgerDigest(follower)
    before = following.hexdigest()
    change(follower)
    assert following.hexdigest() == digest(story(change)) != before
    assert encode_ledger(follower) != encode_ledger(story())
    restored = restore_ledger(encode_ledger(follower), PARAMETERS)
    assert digest(restored) == following.hexdigest()


def test_the_movement_that_failed_shows():
    moves = [("alice", "bob", 1)] * 2
    short = [*moves, ("zoe", "bob", 1)]
    ledgers = [Ledger(), Ledger()]
    for ledger, zoe_has in zip(ledgers, (0, 1), strict=True):
        ledger.mint("alice", 1 if zoe_has else 2)
        ledger.mint("filler", 2 if zoe_has else 1)
        ledger.transfer_linked(short, key="k")
    first, second = (ledger.keys.records["k"] for ledger in ledgers)
    assert (first.move, second.move) == (2, 1)
    assert first.fingerprint == second.fingerprint
    ledgers[0].transfer("alice", "filler", 1)
    assert ledgers[0].balances == ledgers[1].balances
    assert digest(ledgers[0]) != digest(ledgers[1])
    assert encode_ledger(ledgers[0]) != encode_ledger(ledgers[1])


def test_a_ledger_that_uses_none_of_it_has_no_trace_of_it():
    ledger = Ledger()
    ledger.mint("alice", 5, key="k")
    ledger.expire(10**6)
    assert b"extension" not in encode_ledger(ledger)
    ledger.freeze("alice")
    assert b"extension" in encode_ledger(ledger)
    ledger.unfreeze("alice")
    assert b"extension" not in encode_ledger(ledger)


@pytest.mark.parametrize("field", ["key_window_ms", "hold_retention_ms", "history_ms"])
def test_the_times_are_part_of_the_state(field):
    changed = msgspec.structs.replace(PARAMETERS, **{field: getattr(PARAMETERS, field) + 1})
    assert digest(Ledger(changed)) != digest(Ledger(PARAMETERS))
    for other in (changed, LedgerParameters(genesis_units=0)):
        with pytest.raises(RemoteProtocolError, match="figures"):
            restore_ledger(encode_ledger(Ledger(other)), PARAMETERS)
        with pytest.raises(RemoteProtocolError, match="figures"):
            restore_ledger(encode_ledger(Ledger(PARAMETERS)), other)


def forged(**changes):
    state = decode(encode_ledger(story()), EncodedLedger)
    extension = msgspec.structs.replace(state.extension, **changes)
    return encode(msgspec.structs.replace(state, extension=extension))


OPEN = EncodedStanding("bob", Status.OPEN, "0")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"now_ms": 200}, "does not end within"),
        ({"now_ms": 145}, "forgotten"),
        ({"now_ms": 39}, "impossible step"),
        ({"standings": (OPEN,)}, "impossible standing"),
        ({"standings": (EncodedStanding("bob", Status.CLOSED, "0"),)}, "closed and not empty"),
        ({"standings": (EncodedStanding("dora", Status.CLOSED, "1"),)}, "closed and not empty"),
        ({"standings": (EncodedStanding("b", Status.FROZEN, "0"),) * 2}, "out of order"),
        ({"moves": (("l@200", 1), ("l@200", 1))}, "out of order"),
        ({"moves": (("t@200", 1),)}, "cannot have failed"),
        ({"moves": (("u@200", 1),)}, "cannot have failed"),
        ({"moves": (("l@200", 0),)}, "cannot have failed"),
        ({"moves": (("l@200", -1),)}, "cannot have failed"),
        ({"history": ()}, "does not end with"),
        ({"history": (EncodedHistory("alice", ((0, "1"),)),) * 2}, "out of order"),
        ({"history": (EncodedHistory("alice", ((50, "1"),)),)}, "impossible step"),
        ({"history": (EncodedHistory("alice", ((1, "1"), (2, "1"))),)}, "idle step"),
    ],
)
def test_a_forged_extension_is_not_restored(changes, words):
    with pytest.raises(RemoteProtocolError, match=words):
        restore_ledger(forged(**changes), PARAMETERS)


@pytest.mark.parametrize(
    ("extension", "words"),
    [
        (EncodedExtension(), "says nothing"),
        (EncodedExtension(now_ms=1), "keeps no time"),
        (EncodedExtension(history=(EncodedHistory("a", ((0, "1"),)),)), "where none is kept"),
    ],
)
def test_a_ledger_without_it_is_not_given_one(extension, words):
    parameters = LedgerParameters()
    state = decode(encode_ledger(Ledger(parameters)), EncodedLedger)
    payload = encode(msgspec.structs.replace(state, extension=extension))
    with pytest.raises(RemoteProtocolError, match=words):
        restore_ledger(payload, parameters)


@pytest.mark.parametrize("name", ["k", "k@40", "k@241"])
def test_keys_outside_of_the_window_are_not_restored(name):
    state = decode(encode_ledger(story()), EncodedLedger)
    record = msgspec.structs.replace(state.keys[0], key=name)
    keys = tuple(sorted((*state.keys, record), key=lambda each: each.key))
    with pytest.raises(RemoteProtocolError, match="window"):
        restore_ledger(encode(msgspec.structs.replace(state, keys=keys)), PARAMETERS)


def test_holds_under_foreign_names_are_not_restored():
    state = decode(encode_ledger(story()), EncodedLedger)
    holds = tuple(msgspec.structs.replace(hold, name=hold.name + "1") for hold in state.holds)
    with pytest.raises(RemoteProtocolError, match="never made"):
        restore_ledger(encode(msgspec.structs.replace(state, holds=holds)), PARAMETERS)


def test_no_prefix_of_the_bytes_is_a_ledger():
    payload = encode_ledger(story())
    for length in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            restore_ledger(payload[:length], PARAMETERS)
