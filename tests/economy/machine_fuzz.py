"""Random operations of every desk against a whole economy; run it as a program::

    python tests/economy/machine_fuzz.py --operations 1000000 [--seed 1]

All of them arrive as bytes, as from Byzantine clients: sound ones of every type, some sent before,
some damaged, some with a field that no type allows. After each:

- if it was refused, the digest of the whole economy is what it was, time having passed before; only
  that the ledger's own keyed operations are remembered under their keys, refused or not;
- the supply is what was minted less what was burned, and changed only by operations that say so;
- every mechanism passes its audit (every `audit_every` operations);
- a repeated operation under a key moves nothing;
- the digest, of which most parts are cached, is that of an economy restored from the snapshot.

A run is a row of episodes of `EPISODE` operations, each on a new economy with other figures.
"""

import argparse
from collections import Counter
from random import Random
from time import perf_counter

from machine_aim import aim
from machine_operations import CHIEF, HOUR_MS, PEERS, Draw

from economy.base_fee import BaseFeeParameters
from economy.constant_product import PoolParameters
from economy.demand_pricing import DemandPricingParameters
from economy.desks.desk import DeskOperation, KeyedOperation, Reading
from economy.desks.opening import EconomyParameters, Roles, open_economy
from economy.desks.staking_desk import Judge
from economy.dividends import DividendParameters
from economy.earning import EarningParameters
from economy.facts import InvariantBroken, LedgerAudited, OperationApplied, conserved
from economy.futures import FuturesParameters
from economy.issuance import IssuanceParameters
from economy.ledger import DAY_MS, LedgerParameters
from economy.node_rewards import NodeParameters
from economy.operations import Burn, Mint, Refused, Transfer
from economy.refusals import Refusal
from economy.rentals import MarketplaceParameters
from economy.staking_terms import StakingParameters
from prsm_sim.actor import RemoteProtocolError, encode

EPISODE = 5_000
THEME = 250
"""So many operations in a row are mostly of one desk, so that its business gets anywhere."""
MINTING = ("Mint", "Issue", "BurnIssued")
BURNING = ("Burn", "BurnIssued", "PayBaseFee")
KEYED_BY_THE_LEDGER = (Transfer, Mint, Burn)
RARE = (
    *("FreezeAccount", "RequireMinimum", "CloseAccount", "ProveBalance", "JudgeOffence"),
    *("WithdrawListing", "WithdrawOffer", "CancelOrder", "LeaveNode"),
)
BALANCES = {
    **dict.fromkeys((*PEERS, CHIEF), 20_000),
    "erin": 40,
    **{"earning/pool": 9_000, "nodes/pool": 9_000, "dividends/pool": 9_000},
}


def figures(chance, audit_every):
    """Figures of an economy in which much happens within days."""
    forgets = chance.random() < 0.7
    return EconomyParameters(
        roles=Roles(**dict.fromkeys(Roles.__struct_fields__, CHIEF)),
        ledger=LedgerParameters(
            cap_units=200_000,
            genesis_units=150_000,
            max_hold_ms=30 * DAY_MS,
            key_window_ms=DAY_MS if forgets else 0,
            hold_retention_ms=DAY_MS if forgets else 0,
            history_ms=60 * DAY_MS,
        ),
        assets=LedgerParameters(cap_units=10**6, genesis_units=200_000),
        asset_balances=dict.fromkeys(PEERS, 20_000),
        audit_every=audit_every,
        context=DemandPricingParameters(base_units=3),
        context_price_units=3,
        base_fee=BaseFeeParameters(initial_units=8, supply=2_000, most_units=10**6),
        earning=EarningParameters(
            data_units_per_mb=10**6, model_units=3, paper_units=5, access_units=1
        ),
        staking=StakingParameters(tier_units=(0, 50, 250, 500), most_entries=4, yield_ppm=900_000),
        dividends=DividendParameters(
            pool_units=1_000,
            quarter_ms=10 * DAY_MS,
            hold_ms=2 * DAY_MS,
            long_hold_ms=20 * DAY_MS,
            least_units=1,
            large_units=500,
        ),
        pool=PoolParameters(locked_shares=10),
        futures=FuturesParameters(mark_interval_ms=6 * HOUR_MS),
        marketplace=MarketplaceParameters(listing_fee_units=2, fee_flat_units=1),
        nodes=NodeParameters(base_units=100),
        issuance=IssuanceParameters(units_per_second=1, era_ms=50 * DAY_MS, payee="alice"),
    )


class Lenient(Judge):
    """Takes some bytes for a proof, so that reports get anywhere."""

    def deed_of(self, offender, offence_class, evidence):
        return f"{offender}/{evidence[0] % 8}" if evidence and evidence[0] < 200 else None


class Fuzz:
    """One episode after the other.

    Args:
        seed: decides everything.
        audit_every: operations between two audits.
    """

    def __init__(self, seed, audit_every=16):
        self.chance = Random(seed)
        self.audit_every = audit_every
        self.answers = Counter()
        self.by_type = {}
        self.begin()

    def begin(self):
        self.figures = figures(self.chance, self.audit_every)
        self.machine = open_economy(BALANCES, self.figures, Lenient())
        self.kinds = self.machine._operations.types
        ledgers = [kind for kind in self.kinds if not issubclass(kind, DeskOperation)]
        self.themes = [list(desk.operations) for desk in self.machine._desks.desks] + [ledgers]
        self.theme = self.chance.choice(self.themes)
        self.draw = Draw(self.chance)
        self.now_ms = 0
        self.sequence = 0
        self.sent = []
        self.accepted = set()
        self.digest = self.machine.digest()

    def run(self, operations):
        for number in range(operations):
            if number and number % EPISODE == 0:
                self.restore()
                self.begin()
            if number % 1_024 == 1_023:
                self.restore()
            if number % THEME == 0:
                self.theme = self.chance.choice(self.themes)
            if self.chance.random() < 0.04:
                self.pass_time()
            self.send()
        self.restore()
        return self.answers

    def pass_time(self):
        is_long = self.chance.random() < 0.03
        longest_ms = 20 * DAY_MS if is_long else self.chance.choice((1, 2, 6, 24)) * HOUR_MS
        self.now_ms += self.chance.randrange(longest_ms)
        self.draw.now_ms = self.now_ms

    def payload(self):
        chance = self.chance
        if self.sent and chance.random() < 0.15:
            return chance.choice(self.sent)
        kind = chance.choice(self.theme if chance.random() < 0.8 else self.kinds)
        if kind.__name__ in RARE and chance.random() < 0.8:
            kind = chance.choice(self.kinds)
        is_aimed = chance.random() < 0.7
        aimed = aim(self.machine, kind, chance, self.now_ms) if is_aimed else None
        client, operation = self.draw.request(kind, aimed)
        payload = encode(operation)
        if chance.random() < 0.1:
            payload = self.draw.damaged(payload)
        sent = client, payload
        if len(self.sent) < 500:
            self.sent.append(sent)
        else:
            self.sent[chance.randrange(500)] = sent
        return sent

    def decoded(self, payload):
        try:
            return self.machine._operations.decode(payload)
        except RemoteProtocolError:
            return None

    def send(self):
        client, payload = self.payload()
        machine, operation = self.machine, self.decoded(payload)
        if operation is not None:
            machine._pass_time(self.now_ms)
            self.look(machine.facts())
        before, money = machine.digest(), self.money()
        supply = machine.ledger.totals().supply_units
        self.sequence += 1
        result = machine.decode_result(machine.apply(self.sequence, client, payload, self.now_ms))
        self.look(machine.facts())
        kind = "malformed" if operation is None else type(operation).__name__
        story = f"{self.sequence}: {client} {operation or payload!r} → {result}"
        reason = result.reason if isinstance(result, Refused) else None
        assert (reason is Refusal.MALFORMED) == (operation is None), story
        self.answers["accepted" if reason is None else reason.value] += 1
        self.by_type.setdefault(kind, Counter())[reason.value if reason else "accepted"] += 1
        changed = machine.ledger.totals().supply_units - supply
        assert changed <= 0 or kind in MINTING, story
        assert changed >= 0 or kind in BURNING, story
        if reason is not None and isinstance(operation, KEYED_BY_THE_LEDGER):
            assert self.money() == money, story
        elif reason is not None or isinstance(operation, Reading):
            assert machine.digest() == before, f"{story} changed something"
        if reason is None:
            self.judge_key(client, operation, before, story)

    def judge_key(self, client, operation, before, story):
        """What was accepted before under this key does nothing now."""
        if not isinstance(operation, KeyedOperation):
            return
        used = client, operation.key
        if used in self.accepted:
            assert self.machine.digest() == before, f"{story} was done twice"
        self.accepted.add(used)

    def look(self, facts):
        for fact in facts:
            assert not isinstance(fact, InvariantBroken), fact
            if isinstance(fact, OperationApplied | LedgerAudited):
                assert conserved(fact) is None, fact

    def money(self):
        ledger = self.machine.ledger
        return dict(ledger.balances), ledger.totals(), self.machine._desks.digests()

    def restore(self):
        """The machine's twin is its equal; it goes on in its place."""
        state, digest = self.machine.snapshot(), self.machine.digest()
        fault = self.machine.audit()
        assert fault is None, fault
        twin = open_economy({}, self.figures, Lenient())
        twin.restore(state)
        assert (twin.snapshot(), twin.digest()) == (state, digest), "the digest was out of date"
        self.machine = twin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--audit-every", type=int, default=16)
    options = parser.parse_args()
    fuzz, done, started = Fuzz(options.seed, options.audit_every), 0, perf_counter()
    while done < options.operations:
        count = min(EPISODE, options.operations - done)
        fuzz.run(count)
        fuzz.begin()
        done += count
        rate = done / (perf_counter() - started)
        print(f"\r{done} operations, {rate:.0f} a second", end="", flush=True)
    print()
    for kind, answers in sorted(fuzz.by_type.items()):
        print(f"{sum(answers.values()):8} {kind}: {dict(answers.most_common())}")


if __name__ == "__main__":
    main()
