"""Random operations of every kind against a ledger, well-formed and not; run it as a program::

    python tests/economy/economy_fuzz.py 1000000 [SEED]

Half of them arrive as bytes at a `LedgerMachine`, as from Byzantine clients: sound, damaged, cut
short, nested or plain noise, and one in eight is sent before, however long ago. The others are
calls of a ledger's own methods with amounts, names and times that may be anything. After each:

- if it was refused, nothing at all has changed, but that its key is remembered with that refusal;
- nothing was minted but by `mint`, and the ledger passes its audit (every 16 operations);
- no idempotency key and no hold's name has acted twice in the whole run, though the ledger forgets
  both, and what it remembers stays within bounds.
"""

import sys
from collections import Counter
from random import Random
from time import perf_counter

from economy.genesis import open_ledger
from economy.ledger import LedgerParameters
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger, restore_ledger
from economy.linked import LinkedRefusal
from economy.operations import (
    OPERATIONS,
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
from economy.windows import name_until
from prsm_sim.actor import RemoteProtocolError

WINDOW_MS = 60
PARAMETERS = LedgerParameters(
    cap_units=5_000,
    genesis_units=900,
    max_hold_ms=80,
    key_window_ms=WINDOW_MS,
    hold_retention_ms=20,
    history_ms=100,
)
PEERS = ("alice", "bob", "carol", "dave", "erin", "frank")
ODD_NAMES = ("", "nobody", "\x00", "é" * 40, "alice ", "query/q", "treasury")
ODD_UNITS = (0, -1, -(10**30), 10**38, 2**64, 5_001)


class Fuzz:
    """A ledger, its machine, and chance."""

    def __init__(self, seed):
        self.chance = Random(seed)
        allocations = dict.fromkeys(PEERS, 100)
        self.machine = LedgerMachine(open_ledger(allocations, PARAMETERS), issuer="carol")
        self.now_ms = 0
        self.sent = []
        self.acted = set()
        self.answers = Counter()
        self.kept_most = Counter()

    @property
    def ledger(self):
        return self.machine.ledger

    def run(self, operations):
        for number in range(operations):
            if self.chance.random() < 0.1:
                self.now_ms += self.chance.randrange(8)
            late_ms = self.chance.choice((0, 0, 0, 0, 0, 0, -50, 2))
            if self.chance.random() < 0.5:
                self.send(number, self.now_ms + late_ms)
            else:
                self.call(self.now_ms + late_ms)
            if number % 16 == 0:
                assert self.ledger.audit() is None, self.ledger.audit()
            if number % 4_096 == 0:
                self.restore()
            self.watch_sizes()
        assert self.ledger.audit() is None, self.ledger.audit()
        return self.answers

    # --- as bytes

    def send(self, number, now_ms):
        chance = self.chance
        if self.sent and chance.random() < 0.25:
            client, payload = chance.choice(self.sent)
        else:
            client, payload = chance.choice(PEERS), encode_operation(self.operation())
            if chance.random() < 0.2:
                payload = self.damaged(payload)
            if len(self.sent) < 2_000:
                self.sent.append((client, payload))
            else:
                self.sent[chance.randrange(2_000)] = client, payload
        is_well_formed = self.decodes(payload)
        if is_well_formed:
            # Time passes before any operation, refused or not.
            self.ledger.expire(now_ms)
        before = self.state()
        result = decode_result(self.machine.apply(number, client, payload, now_ms))
        self.machine.facts()
        refusal = result.reason if isinstance(result, Refused) else None
        assert (refusal is Refusal.MALFORMED) == (not is_well_formed), payload
        self.answers[self.named("operation", refusal)] += 1
        self.judge(before, refusal, f"{client} {payload!r}")

    def decodes(self, payload):
        try:
            OPERATIONS.decode(payload)
        except RemoteProtocolError:
            return False
        return True

    def operation(self):
        chance, key, hold = self.chance, self.key(), self.hold_name()
        payee, units = chance.choice(PEERS), str(chance.randrange(60))
        end_ms = int(hold.rpartition("@")[2])
        payments = tuple(
            (chance.choice(PEERS), str(chance.randrange(20))) for _ in range(chance.randrange(4))
        )
        return chance.choice(
            (
                Transfer(key, payee, units),
                Transfer(key, payee, units),
                Mint(key, payee, str(chance.randrange(9))),
                Burn(key, str(chance.randrange(9))),
                PlaceHold(hold, payee, units, end_ms),
                PlaceHold(hold, payee, units, end_ms + (chance.random() < 0.1)),
                PostHold(hold, payments),
                VoidHold(hold),
                OpenQuery(hold, payee, units, end_ms),
                SettleQuery(hold, payments),
                RefundQuery(hold),
                ReadBalance(payee),
                ReadQuery(hold),
            )
        )

    def damaged(self, payload):
        chance, way = self.chance, self.chance.randrange(5)
        if way == 0:
            return chance.randbytes(chance.randrange(60))
        if way == 1:
            return payload[: chance.randrange(len(payload))]
        if way == 2:
            return b"\x81\xa4type" * chance.randrange(200) + payload
        if way == 3:
            return payload + chance.randbytes(1 + chance.randrange(3))
        raw = bytearray(payload)
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        return bytes(raw)

    # --- as calls

    def call(self, now_ms):
        chance, ledger = self.chance, self.ledger
        method, *arguments = chance.choice(self.CALLS)(self)
        if method in {"hold", "post", "void"}:
            arguments.append(now_ms)
        if method in {"expire", "pass_time"}:
            before_units = ledger.totals().supply_units
            getattr(ledger, method)(now_ms)
            assert ledger.totals().supply_units == before_units, method
            return
        before = self.state()
        answer = getattr(ledger, method)(*arguments)
        refusal = answer.refusal if isinstance(answer, LinkedRefusal) else answer
        self.answers[self.named("call", refusal)] += 1
        self.judge(before, refusal, f"{method}{arguments}")

    CALLS = (
        lambda self: ("transfer", self.name(), self.name(), self.units(), self.key_or_none()),
        lambda self: ("transfer", self.name(), self.name(), self.units(), self.key_or_none()),
        lambda self: ("transfer_linked", self.moves(), self.key_or_none()),
        lambda self: ("transfer_linked", self.moves(), self.key_or_none()),
        lambda self: ("mint", self.name(), self.units(), self.key_or_none()),
        lambda self: ("burn", self.name(), self.units(), self.key_or_none()),
        lambda self: ("hold", *self.hold_terms()),
        lambda self: ("post", self.hold_name(), self.payments()),
        lambda self: ("void", self.hold_name()),
        lambda self: ("freeze", self.name()),
        lambda self: ("unfreeze", self.name()),
        lambda self: ("unfreeze", self.name()),
        lambda self: ("close", self.name_to_close()),
        lambda self: ("require_minimum", self.name(), self.units() // 10),
        lambda self: ("require_minimum", self.name(), 0),
        lambda self: ("expire",),
        lambda self: ("pass_time",),
    )

    def name(self):
        return self.chance.choice(PEERS) if self.chance.random() < 0.9 else self.odd_name()

    def odd_name(self):
        return self.chance.choice(ODD_NAMES)

    def name_to_close(self):
        """Mostly one that cannot close: closing is for good, and business must go on."""
        peer = self.chance.choice(PEERS)
        is_safe = self.chance.random() < 0.9 and peer in self.ledger.balances
        return peer if is_safe else self.chance.choice(ODD_NAMES[:4])

    def units(self):
        return self.chance.choice(ODD_UNITS) if self.chance.random() < 0.2 else self.small_units()

    def small_units(self):
        return self.chance.randrange(1, 50)

    def moves(self):
        return tuple(
            (self.name(), self.name(), self.units() if self.chance.random() < 0.3 else 3)
            for _ in range(self.chance.randrange(6))
        )

    def payments(self):
        return tuple((self.name(), self.units() // 3) for _ in range(self.chance.randrange(4)))

    def key_or_none(self):
        return "" if self.chance.random() < 0.5 else self.key()

    def key(self):
        end_ms = max(0, self.now_ms + self.chance.randrange(-40, WINDOW_MS + 10))
        odd = self.chance.random() < 0.05
        return "endless" if odd else name_until(f"k{self.chance.randrange(9)}", end_ms // 8 * 8)

    def hold_name(self):
        known = self.ledger.book.holds
        if known and self.chance.random() < 0.5:
            # As the machine's clients know it, who do not write its prefix.
            return self.chance.choice(list(known)).rpartition("/")[2]
        end_ms = max(0, self.now_ms + self.chance.randrange(-40, 90))
        return name_until(f"h{self.chance.randrange(2)}", end_ms // 8 * 8)

    def hold_terms(self):
        name = self.hold_name()
        end_ms = int(name.rpartition("@")[2]) + (self.chance.random() < 0.1)
        return name, self.name(), self.name(), self.units(), end_ms

    # --- what is judged

    def state(self):
        ledger = self.ledger
        return (
            ledger.balances.copy(),
            ledger.book.holds.copy(),
            ledger.totals(),
            ledger.accounts.standings.copy(),
            tuple(ledger.history),
            ledger.now_ms,
            ledger.keys.records.copy(),
        )

    def judge(self, before, refusal, call):
        after = self.state()
        new_keys = after[-1].keys() - before[-1].keys()
        if refusal is not None:
            assert after[:-1] == before[:-1], f"{call} was refused and changed something"
            assert len(new_keys) <= 1, call
            assert all(after[-1][key].refusal is refusal for key in new_keys), call
            return
        if before[2].supply_units != after[2].supply_units:
            assert any(verb in call for verb in ("mint", "Mint", "burn", "Burn")), call
        for name in (*new_keys, *(after[1].keys() - before[1].keys())):
            assert name not in self.acted, f"{call}: {name} acted twice"
            self.acted.add(name)

    def restore(self):
        payload = encode_ledger(self.ledger)
        restored = restore_ledger(payload, PARAMETERS)
        assert encode_ledger(restored) == payload
        assert LedgerDigest(restored).hexdigest() == self.machine.digest()

    def watch_sizes(self):
        ledger = self.ledger
        for what, size in (
            ("keys", len(ledger.keys.records)),
            ("holds", len(ledger.book.holds)),
            ("steps", ledger.history.size()),
        ):
            self.kept_most[what] = max(self.kept_most[what], size)

    @staticmethod
    def named(how, refusal):
        return f"{how} {'accepted' if refusal is None else 'refused: ' + refusal.value}"


def main():
    operations = int(sys.argv[1])
    fuzz = Fuzz(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    started = perf_counter()
    fuzz.run(operations)
    print(f"{operations} operations in {perf_counter() - started:.0f} s")
    for answer, count in sorted(fuzz.answers.items()):
        print(f"{count:9} {answer}")
    print(f"acted once each: {len(fuzz.acted)}; kept at most: {dict(fuzz.kept_most)}")


if __name__ == "__main__":
    main()
