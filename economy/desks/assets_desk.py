"""What is traded for money, in a ledger of its own: its operations, and its part in the state.

Exchange and pool move units of an asset (hours of compute) against FTNS. The asset's ledger has no
holds and keeps no time, so balances and the supply are all there is; its operations are keyed like
those of any desk, by the keys of the FTNS ledger. Its digest is followed account by account, not
encoded anew, because most trades touch it.
"""

from economy.desks.desk import (
    Answer,
    Desk,
    DeskOperation,
    KeyedOperation,
    Reading,
    answer,
    refused,
    take_over,
)
from economy.ledger import Ledger
from economy.ledger_digest import LedgerDigest
from economy.ledger_state import encode_ledger, restore_ledger
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Name
from economy.refusals import Refusal
from economy.teller import bar_payees
from prsm_sim.actor import Message


class TransferAsset(KeyedOperation, frozen=True):
    """Move units of the client's asset to `payee`."""

    payee: Name
    units: UnitsText


class MintAsset(KeyedOperation, frozen=True):
    """Bring new units of the asset into being; the asset issuer's right."""

    payee: Name
    units: UnitsText


class BurnAsset(KeyedOperation, frozen=True):
    """Use units of the client's asset up."""

    units: UnitsText


class ReadAsset(Reading, frozen=True):
    """Ask how much of the asset an account has."""

    account: Name


class AssetBalance(Message, frozen=True):
    """What `account` has of the asset."""

    account: str
    units: UnitsText


class AssetsDesk(Desk):
    """The ledger of an asset behind operations.

    Args:
        assets: the asset's ledger, which keeps no time.
        issuer: the client that may mint it; empty for none.
    """

    name = "assets"
    operations = (TransferAsset, MintAsset, BurnAsset, ReadAsset)
    results = (AssetBalance,)

    def __init__(self, assets: Ledger, issuer: str = "") -> None:
        assert not assets.parameters.keeps_time, "an asset's ledger keeps no time"
        super().__init__(_AssetBooks(assets))
        self.assets = assets
        self._issuer = issuer
        self._followed = LedgerDigest(assets)

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        assets = self.assets
        match operation:
            case TransferAsset(_, payee, units):
                return answer(
                    bar_payees(payee) or assets.transfer(client, payee, decode_units(units))
                )
            case MintAsset(_, payee, units):
                if not self._issuer or client != self._issuer:
                    return refused(Refusal.NOT_AUTHORISED)
                return answer(bar_payees(payee) or assets.mint(payee, decode_units(units)))
            case BurnAsset(_, units):
                return answer(assets.burn(client, decode_units(units)))
            case ReadAsset(account):
                units = encode_units(assets.balances.get(account, 0))
                return Answer(AssetBalance(account, units))
        raise AssertionError(f"{operation} is for another desk")

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state; see `Desk.restore`."""
        super().restore(encoded)
        self._followed = LedgerDigest(self.assets)

    def digest(self) -> bytes:
        """32 bytes; equal states, and only they, have equal ones."""
        return bytes.fromhex(self._followed.hexdigest())


class _AssetBooks:
    """A ledger as the books of a desk: others hold it, so it is filled anew and not replaced."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def audit(self) -> str | None:
        return self._ledger.audit()

    def encode(self) -> bytes:
        return encode_ledger(self._ledger)

    def restore(self, encoded: bytes) -> None:
        take_over(self._ledger, restore_ledger(encoded, self._ledger.parameters))
