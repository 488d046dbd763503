"""The naive ledger with constraints, chains, windows and a past: it never forgets anything.

Whatever the real ledger drops, this one still has in its journal, and works out from the time alone
what a ledger that dropped it may still answer.
"""

from economy_reference import ReferenceLedger

from economy.linked import LinkedRefusal
from economy.refusals import Refusal

FROZEN = "frozen"
CLOSED = "closed"


class Journal(list):
    """Lines, and when each was written."""

    def __init__(self):
        super().__init__()
        self.now_ms = 0
        self.times_ms = []

    def append(self, line):
        super().append(line)
        self.times_ms.append(self.now_ms)

    def cut(self, length):
        del self[length:], self.times_ms[length:]


def split_end(name):
    """The end in a name, spelled canonically, or None."""
    _, at, digits = name.rpartition("@")
    return int(digits) if at and digits.isdigit() and str(int(digits)) == digits else None


class KeepingReference(ReferenceLedger):
    def __init__(self, cap_units, max_hold_ms, window_ms, retention_ms, horizon_ms):
        super().__init__(cap_units, max_hold_ms)
        self.journal = Journal()
        self.window_ms = window_ms
        self.retention_ms = retention_ms
        self.horizon_ms = horizon_ms
        self.status = {}
        self.minimum = {}

    # --- time

    @property
    def now_ms(self):
        return self.journal.now_ms

    def pass_time(self, now_ms):
        self.journal.now_ms = max(self.journal.now_ms, now_ms)

    @property
    def floor_ms(self):
        return max(0, self.now_ms - self.horizon_ms)

    def balance_at(self, name, time_ms):
        account, total = ("account", name), 0
        for (source, target, units), at_ms in zip(self.journal, self.journal.times_ms, strict=True):
            if at_ms <= time_ms:
                total += units * ((target == account) - (source == account))
        return total

    def held_since(self, name, units, now_ms):
        since_ms = now_ms
        if self.balance_at(name, now_ms) < units:
            return now_ms
        while since_ms > 0 and self.balance_at(name, since_ms - 1) >= units:
            since_ms -= 1
        return since_ms

    # --- constraints

    def freeze(self, name):
        if name in self.status:
            return Refusal.ACCOUNT_FROZEN if self.status[name] == FROZEN else Refusal.ACCOUNT_CLOSED
        self.status[name] = FROZEN
        return None

    def unfreeze(self, name):
        if self.status.get(name) == FROZEN:
            del self.status[name]
            return None
        closed = self.status.get(name) == CLOSED
        return Refusal.ACCOUNT_CLOSED if closed else Refusal.ACCOUNT_NOT_FROZEN

    def close(self, name):
        own = [hold for hold, terms in self.terms.items() if terms[0] == name]
        if self.balance(name) or any(hold not in self.endings for hold in own):
            return Refusal.ACCOUNT_NOT_EMPTY
        if name in self.status:
            return Refusal.ACCOUNT_FROZEN if self.status[name] == FROZEN else Refusal.ACCOUNT_CLOSED
        self.status[name] = CLOSED
        self.minimum.pop(name, None)
        return None

    def require_minimum(self, name, units):
        if units < 0:
            return Refusal.INVALID_AMOUNT
        if self.status.get(name) == CLOSED:
            return Refusal.ACCOUNT_CLOSED
        self.minimum[name] = units
        return None

    def bar(self, payer, payee, units):
        """Why constraints forbid this, for a payer who may be None and a payee who may be None."""
        if payer is not None:
            if self.status.get(payer) == FROZEN:
                return Refusal.ACCOUNT_FROZEN
            if self.status.get(payer) == CLOSED:
                return Refusal.ACCOUNT_CLOSED
            if units > self.balance(payer):
                return Refusal.INSUFFICIENT_FUNDS
            if self.balance(payer) - units < self.minimum.get(payer, 0):
                return Refusal.BELOW_MINIMUM
        return Refusal.ACCOUNT_CLOSED if self.status.get(payee) == CLOSED else None

    # --- movements

    def keyed(self, key, call):
        if key and self.window_ms:
            end_ms = split_end(key)
            if end_ms is None:
                return self.whole(call, Refusal.NAME_WITHOUT_END)
            if end_ms <= self.now_ms:
                return self.whole(call, Refusal.NAME_ENDED)
            if key not in self.answers and end_ms > self.now_ms + self.window_ms:
                return self.whole(call, Refusal.NAME_ENDS_TOO_LATE)
        answer = super().keyed(key, call)
        return self.whole(call, answer) if answer is Refusal.KEY_REUSED else answer

    def whole(self, call, refusal):
        return LinkedRefusal(refusal, None) if call[0] == "transfer_linked" else refusal

    def transfer(self, payer, payee, units):
        if units > 0 and payer != payee:
            refusal = self.bar(payer, payee, units)
            if refusal is not None:
                return refusal
        return super().transfer(payer, payee, units)

    def transfer_linked(self, moves):
        length = len(self.journal)
        for index, move in enumerate(moves):
            refusal = self.transfer(*move)
            if refusal is not None:
                self.journal.cut(length)
                return LinkedRefusal(refusal, index)
        return None

    def mint(self, payee, units):
        if units > 0 and self.supply() + units <= self.cap_units:
            refusal = self.bar(None, payee, units)
            if refusal is not None:
                return refusal
        return super().mint(payee, units)

    def burn(self, payer, units):
        refusal = self.bar(payer, None, units) if units > 0 else None
        return super().burn(payer, units) if refusal is None else refusal

    def forgotten(self, name):
        is_over = name in self.terms and self.terms[name][3] + self.retention_ms <= self.now_ms
        return bool(self.retention_ms) and is_over and name in self.endings

    def hold(self, name, payer, arbiter, units, expires_at_ms, now_ms):
        now_ms = max(now_ms, self.now_ms)
        if name not in self.terms or self.forgotten(name):
            if self.retention_ms and split_end(name) != expires_at_ms:
                return Refusal.NAME_WITHOUT_END
            if self.forgotten(name):
                return Refusal.EXPIRY_PAST if units > 0 else Refusal.INVALID_AMOUNT
            if units > 0 and now_ms < expires_at_ms <= now_ms + self.max_hold_ms:
                refusal = self.bar(payer, None, units)
                if refusal is not None:
                    return refusal
        is_new = name not in self.terms
        before_ms = self.now_ms
        self.pass_time(now_ms)
        refusal = super().hold(name, payer, arbiter, units, expires_at_ms, now_ms)
        if refusal is not None or not is_new:
            self.journal.now_ms = before_ms
        return refusal

    def why_not_end(self, name, now_ms):
        if self.forgotten(name):
            return Refusal.UNKNOWN_HOLD
        return super().why_not_end(name, max(now_ms, self.now_ms))

    def post(self, name, payments, now_ms):
        refusal = self.why_not_end(name, now_ms)
        if refusal is None and all(units >= 0 for _, units in payments):
            is_covered = sum(units for _, units in payments) <= self.terms[name][2]
            if is_covered and any(units and self.bar(None, who, 0) for who, units in payments):
                return Refusal.ACCOUNT_CLOSED
        before_ms = self.now_ms
        self.pass_time(now_ms)
        refusal = super().post(name, payments, now_ms)
        if refusal is not None:
            self.journal.now_ms = before_ms
        return refusal

    def void(self, name, now_ms):
        before_ms = self.now_ms
        refusal = self.why_not_end(name, now_ms)
        self.pass_time(now_ms)
        refusal = super().void(name, now_ms) if refusal is None else refusal
        if refusal is not None:
            self.journal.now_ms = before_ms
        return refusal

    def expire(self, now_ms):
        self.pass_time(now_ms)
        return super().expire(self.now_ms)
