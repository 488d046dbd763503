"""The ledger's digest: one hash that two replicas compare instead of their ledgers.

Each account, constraint, hold, idempotency key and step of a history is a pair of the `StateTree`;
the minted and burned totals, the parameters and the time are hashed with its root. The ledger only
notes what it touched, one dictionary entry each, and the tree catches up when a digest is asked
for: the transfer itself pays nothing for hashing.

The digest is a Merkle root, so a holder of money need not trust the replica that tells him his
balance: `BalanceProof.is_of` checks a balance against a digest, which consensus has agreed on,
without a ledger.
"""

from hashlib import blake2b

import msgspec

from economy.ledger import Ledger
from economy.ledger_extension import encode_standing, times
from economy.ledger_state import encode_hold, encode_key, figures
from economy.money import encode_units
from economy.state_tree import PathProof, StateTree
from prsm_sim.actor import encode


class BalanceProof(msgspec.Struct, frozen=True, array_like=True):
    """Shows what an account has in the ledger of a given digest.

    Attributes:
        header: what is hashed with the tree's root.
        path: from the account to the root.
    """

    header: bytes
    path: PathProof

    def is_of(self, digest: str, account: str, units: int) -> bool:
        """Whether `account` has exactly `units` in the ledger of `digest`, by this proof.

        Args:
            digest: 64 hex digits, from a source that one trusts.
            account: its name.
            units: 0 to be convinced that the account has nothing.
        """
        leaf = _account_key(account)
        root = self.path.root(leaf)
        value = b"%d" % units if units else None
        if root is None or self.path.value_of(leaf) != value:
            return False
        return _hash(root, self.header) == digest


class LedgerDigest:
    """Follows one ledger.

    Args:
        ledger: whose state to digest. It must not be followed by a second `LedgerDigest`.
    """

    __slots__ = ("_ledger", "_tree")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tree = StateTree()
        ledger.book.is_followed = ledger.keys.is_followed = True
        if ledger.history is not None:
            ledger.history.follow()

    def hexdigest(self) -> str:
        """64 hex digits; equal states, and only they, have equal digests."""
        self._catch_up()
        return _hash(self._tree.root(), self._header())

    def prove_balance(self, account: str) -> BalanceProof:
        """What convinces anyone who knows the present digest of what `account` has."""
        self._catch_up()
        return BalanceProof(self._header(), self._tree.prove(_account_key(account)))

    def _header(self) -> bytes:
        ledger = self._ledger
        minted, burned = encode_units(ledger.minted_units), encode_units(ledger.burned_units)
        header = minted, burned, figures(ledger.parameters)
        if not ledger.parameters.keeps_time:
            return encode(header)
        return encode((*header, times(ledger.parameters), ledger.now_ms))

    def _catch_up(self) -> None:
        """Bring into the tree what the ledger touched since the last digest."""
        ledger, put = self._ledger, self._tree.put
        for account in ledger.touched:
            put(_account_key(account), _account_value(ledger.balances.get(account, 0)))
        for account in ledger.accounts.touched:
            standing = ledger.accounts.standings.get(account)
            put(
                b"standing " + account.encode(),
                None if standing is None else encode(encode_standing(account, standing)),
            )
        for name in ledger.book.touched:
            hold = ledger.book.holds.get(name)
            put(b"hold " + name.encode(), None if hold is None else encode(encode_hold(hold)))
        for key in ledger.keys.touched:
            record = ledger.keys.records.get(key)
            value = None if record is None else encode(encode_key(key, record))
            if value is not None and record is not None and record.move:
                value += encode(record.move)
            put(b"key " + key.encode(), value)
        self._catch_up_history()
        ledger.touched.clear()
        ledger.accounts.touched.clear()
        ledger.book.touched.clear()
        ledger.keys.touched.clear()

    def _catch_up_history(self) -> None:
        history = self._ledger.history
        if history is None or history.touched is None:
            return
        for account, time_ms in history.touched:
            units = history.step_at(account, time_ms)
            self._tree.put(
                b"history %s %d" % (account.encode(), time_ms),
                None if units is None else encode_units(units).encode(),
            )
        history.touched.clear()


def _account_key(account: str) -> bytes:
    return b"account " + account.encode()


def _account_value(units: int) -> bytes | None:
    return encode_units(units).encode() if units else None


def _hash(root: bytes, header: bytes) -> str:
    return blake2b(root + header, digest_size=32).hexdigest()
