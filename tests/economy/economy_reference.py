"""A second, naive ledger to compare with: a journal of postings, folded anew for every question.

It shares no code with the ledger but `Refusal`. Every movement is one line of the journal, from one
account to another; holds are accounts of their own, and so is the issuance.
"""

from economy.refusals import Refusal

ISSUANCE = ("issuance", "")


class ReferenceLedger:
    def __init__(self, cap_units, max_hold_ms):
        self.cap_units = cap_units
        self.max_hold_ms = max_hold_ms
        self.journal = []
        self.terms = {}
        self.endings = {}
        self.answers = {}

    def fold(self, account):
        total = 0
        for source, target, units in self.journal:
            total += units * ((target == account) - (source == account))
        return total

    def balance(self, name):
        return self.fold(("account", name))

    def balances(self):
        names = {name for line in self.journal for kind, name in line[:2] if kind == "account"}
        return {name: self.balance(name) for name in names if self.balance(name)}

    def held(self):
        return sum(self.fold(("hold", name)) for name in self.terms)

    def supply(self):
        return -self.fold(ISSUANCE)

    def minted(self):
        return sum(units for source, _, units in self.journal if source == ISSUANCE)

    def keyed(self, key, call):
        """`call` is ``(method name, *arguments)``."""
        if not key:
            return getattr(self, call[0])(*call[1:])
        if key in self.answers:
            first_call, answer = self.answers[key]
            return answer if first_call == call else Refusal.KEY_REUSED
        answer = getattr(self, call[0])(*call[1:])
        self.answers[key] = (call, answer)
        return answer

    def transfer(self, payer, payee, units):
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if payer == payee:
            return Refusal.SAME_ACCOUNT
        if units > self.balance(payer):
            return Refusal.INSUFFICIENT_FUNDS
        self.journal.append((("account", payer), ("account", payee), units))
        return None

    def mint(self, payee, units):
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if self.supply() + units > self.cap_units:
            return Refusal.CAP_EXCEEDED
        self.journal.append((ISSUANCE, ("account", payee), units))
        return None

    def burn(self, payer, units):
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if units > self.balance(payer):
            return Refusal.INSUFFICIENT_FUNDS
        self.journal.append((("account", payer), ISSUANCE, units))
        return None

    def hold(self, name, payer, arbiter, units, expires_at_ms, now_ms):
        terms = (payer, arbiter, units, expires_at_ms)
        if name in self.terms:
            return None if self.terms[name] == terms else Refusal.ID_TAKEN
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        if expires_at_ms <= now_ms:
            return Refusal.EXPIRY_PAST
        if expires_at_ms > now_ms + self.max_hold_ms:
            return Refusal.EXPIRY_TOO_FAR
        if units > self.balance(payer):
            return Refusal.INSUFFICIENT_FUNDS
        self.terms[name] = terms
        self.journal.append((("account", payer), ("hold", name), units))
        return None

    def why_not_end(self, name, now_ms):
        if name not in self.terms:
            return Refusal.UNKNOWN_HOLD
        if name in self.endings:
            return self.endings[name]
        return Refusal.ALREADY_EXPIRED if self.terms[name][3] <= now_ms else None

    def empty(self, name, ending):
        payer, rest = self.terms[name][0], self.fold(("hold", name))
        self.journal.append((("hold", name), ("account", payer), rest))
        self.endings[name] = ending

    def post(self, name, payments, now_ms):
        refusal = self.why_not_end(name, now_ms)
        if refusal is not None:
            return refusal
        if any(units < 0 for _, units in payments):
            return Refusal.INVALID_AMOUNT
        if sum(units for _, units in payments) > self.terms[name][2]:
            return Refusal.EXCEEDS_HOLD
        for payee, units in payments:
            self.journal.append((("hold", name), ("account", payee), units))
        self.empty(name, Refusal.ALREADY_POSTED)
        return None

    def void(self, name, now_ms):
        refusal = self.why_not_end(name, now_ms)
        if refusal is None:
            self.empty(name, Refusal.ALREADY_VOIDED)
        return refusal

    def expire(self, now_ms):
        due = [
            (terms[3], name)
            for name, terms in self.terms.items()
            if name not in self.endings and terms[3] <= now_ms
        ]
        for _, name in sorted(due):
            self.empty(name, Refusal.ALREADY_EXPIRED)
        return [name for _, name in sorted(due)]
