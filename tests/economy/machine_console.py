"""Talks to an economy in structs, as client after client; everything is audited each time."""

from economy.desks.assets_desk import AssetsDesk
from economy.desks.opening import EconomyParameters, Roles, open_economy
from economy.facts import InvariantBroken, LedgerAudited, OperationApplied, conserved
from economy.ledger import DAY_MS, LedgerParameters
from economy.operations import Burn, Mint, Refused, Transfer
from prsm_sim.actor import encode

ROLES = Roles(**{name: name for name in Roles.__struct_fields__})
BALANCES = {"alice": 10_000, "bob": 10_000, "carol": 10_000}
LEDGER = LedgerParameters(
    cap_units=10**6, genesis_units=10**5, max_hold_ms=60 * DAY_MS, history_ms=400 * DAY_MS
)
ASSETS = LedgerParameters(cap_units=10**6, genesis_units=10**5)


def parameters(**changes):
    figures = {
        "roles": ROLES,
        "ledger": LEDGER,
        "assets": ASSETS,
        "asset_balances": BALANCES,
        "audit_every": 1,
    }
    return EconomyParameters(**{**figures, **changes})


class Console:
    """Attributes: machine; told: facts of the last operation, but for the usual two."""

    def __init__(self, balances=None, judge=None, **changes):
        self.figures, self.judge = parameters(**changes), judge
        self.machine = open_economy(BALANCES if balances is None else balances, self.figures, judge)
        self.sequence = 0
        self.now_ms = 0
        self.told = []
        self.keys = 0

    def ask(self, client, operation, now_ms=None):
        """The result, or the reason of a refusal, which has changed nothing."""
        self.now_ms = self.now_ms if now_ms is None else now_ms
        if not isinstance(operation, bytes):
            self.machine._pass_time(self.now_ms)
        passed = list(self.machine.facts())
        before = self.machine.digest()
        self.sequence += 1
        payload = operation if isinstance(operation, bytes) else encode(operation)
        answered = self.machine.apply(self.sequence, client, payload, self.now_ms)
        result = self.machine.decode_result(answered)
        facts = self.machine.facts()
        for fact in facts:
            assert not isinstance(fact, InvariantBroken), fact
            if isinstance(fact, OperationApplied | LedgerAudited):
                assert conserved(fact) is None
        usual = OperationApplied | LedgerAudited
        self.told = passed + [fact for fact in facts if not isinstance(fact, usual)]
        if isinstance(result, Refused):
            if isinstance(operation, Transfer | Mint | Burn):
                return result.reason  # the ledger remembers the key of what it refused
            assert self.machine.digest() == before, "it was refused and changed something"
            return result.reason
        return result

    def key(self):
        """A key that was not used before."""
        self.keys += 1
        return f"key-{self.keys}"

    def balance(self, account):
        return self.machine.ledger.balances.get(account, 0)

    def assets(self, account):
        return self.machine.desk(AssetsDesk).assets.balances.get(account, 0)

    def restored(self):
        """The machine's twin, made of its snapshot."""
        twin = open_economy({}, self.figures, self.judge)
        twin.restore(self.machine.snapshot())
        return twin
