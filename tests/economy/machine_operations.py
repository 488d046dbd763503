"""Random operations of every desk, drawn from the types: a new desk is covered the day it is there.

A field gets a value that its type allows and its name suggests: a name out of the few that are in
use, an amount that is small, nothing, all, or more than there is, an instant around now. What the
types forbid (a negative amount, an unknown field, a number too large) is made of sound bytes by
`damaged` and `malformed`.
"""

from functools import cache

import msgspec

from economy.ledger import DAY_MS
from economy.orders import DORMANT, IMMEDIATE, UNPRICED, OrderKind, Side
from economy.sealed_bids import commitment_of
from economy.windows import name_until
from prsm_sim.actor import encode

PEERS = ("alice", "bob", "carol", "dave", "erin")
CHIEF = "chief"
ODD_NAMES = ("nobody", "\x00", "é" * 40, "staking/bonds", "treasury", "pool/reserve", "chief ")
HOUR_MS = DAY_MS // 24
NONCE = b"n" * 16
OFFICE = (
    *("Mint", "Freeze", "Unfreeze", "Close", "ReportC", "ReportU", "OpenField", "OpenSeries"),
    *("Assess", "MarkSeries", "Judge", "WithdrawRoyalty", "WithdrawExchange"),
)
"""How the names of operations begin that not everyone may ask for."""
SPANS_H = {"commit_until_ms": (-1, 4), "reveal_until_ms": (3, 40), "delivers_at_ms": (-9, 300)}
"""Hours from now of instants that have to be in some order."""
WHO = ("account", "payee", "provider", "offender", "reporter", "owner", "creator", "buyer")
WHO += ("seller", "orchestrator", "arbiter", "member", "holder", "counterparty")
ENDING = ("key", "hold", "query", "session")
FEW = {"field": 2, "usage": 40, "deed": 30, "series": 12, "node": 5, "region": 2}
CONTENTS = ("content", "parent", "parents", "cited")


@cache
def fields_of(kind):
    """Name and type of each field, as `msgspec.inspect` knows it."""
    return [(one.name, msgspec.inspect.type_info(one.type)) for one in msgspec.structs.fields(kind)]


class Draw:
    """Draws operations for one machine.

    Args:
        chance: a `random.Random`.
        window_ms: how far away the ends of keys are.
    """

    def __init__(self, chance, window_ms=DAY_MS):
        self.chance = chance
        self.window_ms = window_ms
        self.now_ms = 0
        self.named = {}
        self.who = CHIEF
        self.subject = 0

    def request(self, kind, aimed=None):
        """A client and a well-formed operation of this type.

        Args:
            kind: the type.
            aimed: a client and what to name, from `machine_aim`.
        """
        chance, fields = self.chance, {}
        is_office = kind.__name__.startswith(OFFICE)
        self.who = CHIEF if chance.random() < (0.8 if is_office else 0.2) else chance.choice(PEERS)
        self.subject = chance.randrange(20)
        if aimed is not None:
            self.who, fields = aimed
            self.subject = fields.get("number", self.subject)
        made = self.operation(kind, fields)
        if kind.__name__ == "PlaceOrder" and chance.random() < 0.9:
            made = self.in_shape(made)
        return self.who, made

    def in_shape(self, order):
        """The order without what its kind does not use."""
        unpriced = order.kind in UNPRICED
        price, stop = order.price_units, str(self.chance.randrange(1, 12))
        is_buying = unpriced and order.side is Side.BUY
        lives = order.kind not in IMMEDIATE and self.chance.random() < 0.5
        return msgspec.structs.replace(
            order,
            price_units="0" if unpriced else price,
            stop_price_units=stop if order.kind in DORMANT else "0",
            budget_units=order.units if is_buying else "0",
            display_units="3" if order.kind is OrderKind.ICEBERG else "0",
            expires_at_ms=order.expires_at_ms if lives else 0,
        )

    def amount(self):
        """What this client bids in this auction, so that a commitment can be opened."""
        return 3 + self.subject % 7 + len(self.who)

    def operation(self, kind, given=()):
        """A well-formed operation of this type, with the fields that are given."""
        values = {}
        fields = fields_of(kind)
        end_ms = self.end_ms()
        is_new = any(name == "expires_at_ms" for name, _ in fields)
        for name, node in fields:
            if name in given:
                values[name] = given[name]
            elif name == "expires_at_ms" and self.chance.random() < 0.95:
                values[name] = end_ms
            elif name in ENDING:
                values[name] = self.ending(name, end_ms, is_new)
            else:
                values[name] = self.value(node, name)
        return kind(**values)

    # --- values

    def value(self, node, name):
        chance, info = self.chance, msgspec.inspect
        match node:
            case info.EnumType(cls=cls):
                return chance.choice(list(cls))
            case info.BoolType():
                return chance.random() < 0.5
            case info.IntType():
                return self.integer(name)
            case info.StrType(pattern=pattern):
                if not pattern:
                    return self.word(name)
                return (
                    max("1", self.units(name)) if pattern.startswith("^[1-9]") else self.units(name)
                )
            case info.BytesType(max_length=most):
                if chance.random() < 0.1:
                    return chance.randbytes(32)[:most]
                return NONCE if name == "nonce" else self.commitment()
            case info.VarTupleType(item_type=item):
                return tuple(self.value(item, name) for _ in range(chance.randrange(4)))
            case info.TupleType(item_types=items):
                return tuple(self.value(item, "payee") for item in items)
            case info.UnionType(types=types):
                return self.value(chance.choice(types), name)
            case info.NoneType():
                return None
            case info.StructType(cls=cls):
                return self.operation(cls)
        raise AssertionError(f"{name} is of a type that is not drawn yet: {node}")

    def commitment(self):
        return commitment_of(self.subject, self.who, self.amount(), NONCE)

    def units(self, name):
        chance = self.chance
        if name == "amount_units" and chance.random() < 0.9:
            return str(self.amount())
        if chance.random() < 0.08:
            return chance.choice(("0", "1", str(10**38), str(2**64), "9" * 39))
        if name.startswith("least"):
            return str(chance.randrange(3))
        if name.startswith(("most", "fee_most", "limit")):
            return str(chance.randrange(10**5))
        if "price" in name:
            return str(chance.randrange(1, 12))
        return str(chance.randrange(1, chance.choice((10, 100, 2_000))))

    def integer(self, name):
        chance = self.chance
        if name == "time_ms":
            return max(0, self.now_ms - chance.randrange(-HOUR_MS, 70 * DAY_MS))
        if name.endswith("_ms"):
            first_h, last_h = SPANS_H.get(name, (-2, 48))
            return max(0, self.now_ms + chance.randrange(first_h * HOUR_MS, last_h * HOUR_MS))
        if chance.random() < 0.03:
            return chance.choice((2**62 - 1, 10**9))
        if name.endswith("_ppm"):
            return chance.choice((0, 1, 500_000, 999_999, 1_000_000, chance.randrange(2_000_000)))
        if name in ("number", "listing"):
            return self.subject
        if name == "lock_days":
            return chance.choice((0, 0, 1, 30, 200, 1460, 1461))
        return chance.randrange(chance.choice((3, 10, 5_000)))

    def word(self, name):
        chance = self.chance
        if name in WHO:
            if chance.random() < 0.1:
                return chance.choice(ODD_NAMES)
            pools = "earning/pool", "staking/reserve", "dividends/pool"
            is_pool = name == "account" and chance.random() < 0.3
            return chance.choice(pools if is_pool else (*PEERS, CHIEF, CHIEF))
        first = "c" if name in CONTENTS else name[0]
        return f"{first}{chance.randrange(FEW.get(name, 8))}"

    def end_ms(self):
        """The end of a name, mostly one that is still to come."""
        most_ms = self.window_ms + 2 * HOUR_MS
        end_ms = self.now_ms + self.chance.randrange(-most_ms // 16, most_ms)
        return max(0, -(-end_ms // HOUR_MS) * HOUR_MS)

    def ending(self, name, end_ms, is_new):
        """A name that says when it ends; of something that is there, mostly one used lately."""
        chance, lately = self.chance, self.named.setdefault(name, [])
        if chance.random() < 0.03:
            return "endless"
        if lately and chance.random() < (0.1 if name == "key" or is_new else 0.9):
            return chance.choice(lately)
        lately.append(name_until(f"{name[0]}{chance.randrange(100)}", end_ms))
        del lately[:-6]
        return lately[-1]

    # --- bytes that are no operation, or perhaps another one

    def damaged(self, payload):
        chance, way = self.chance, self.chance.randrange(6)
        if way == 0:
            return chance.randbytes(chance.randrange(60))
        if way == 1:
            return payload[: chance.randrange(len(payload))]
        if way == 2:
            return b"\x81\xa4type" * chance.randrange(200) + payload
        if way == 3:
            return payload + chance.randbytes(1 + chance.randrange(3))
        if way == 4:
            return self.malformed(payload)
        raw = bytearray(payload)
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        return bytes(raw)

    def malformed(self, payload):
        """The same operation with one field that no type allows."""
        fields = msgspec.msgpack.decode(payload)
        name = self.chance.choice(list(fields))
        odd = (None, -1, "-5", "05", 1.5, 2**63, [], {"deep": [[]]}, "x" * 70_000, b"\xff")
        fields[name if self.chance.random() < 0.8 else "payer"] = self.chance.choice(odd)
        return encode(fields)
