"""The ledger's digest: one hash that two replicas compare instead of their ledgers.

Each account, hold and idempotency key is a pair of the `StateTree`; the minted and burned totals
and the parameters are hashed with its root. The ledger only notes what it touched, one dictionary
entry each, and the tree catches up when a digest is asked for: the transfer itself pays nothing
for hashing.
"""

from hashlib import blake2b

from economy.ledger import Ledger
from economy.ledger_state import encode_hold, encode_key, figures
from economy.money import encode_units
from economy.state_tree import StateTree
from prsm_sim.actor import encode


class LedgerDigest:
    """Follows one ledger.

    Args:
        ledger: whose state to digest. It must not be followed by a second `LedgerDigest`.
    """

    __slots__ = ("_ledger", "_tree")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tree = StateTree()

    def hexdigest(self) -> str:
        """64 hex digits; equal states, and only they, have equal digests."""
        self._catch_up()
        ledger = self._ledger
        header = (
            encode_units(ledger.minted_units),
            encode_units(ledger.burned_units),
            figures(ledger.parameters),
        )
        return blake2b(self._tree.root() + encode(header), digest_size=32).hexdigest()

    def _catch_up(self) -> None:
        """Bring into the tree what the ledger touched since the last digest."""
        ledger, put = self._ledger, self._tree.put
        for account in ledger.touched:
            units = ledger.balances.get(account)
            put(
                b"account " + account.encode(),
                None if units is None else encode_units(units).encode(),
            )
        for name in ledger.book.touched:
            put(b"hold " + name.encode(), encode(encode_hold(ledger.book.holds[name])))
        for key in ledger.keys.touched:
            put(b"key " + key.encode(), encode(encode_key(key, ledger.keys.records[key])))
        ledger.touched.clear()
        ledger.book.touched.clear()
        ledger.keys.touched.clear()
