"""A constant-product pool: a market that is always open, because a formula sets the price.

`constant_product` has the formula of a swap; this is the pool around it.

Who adds liquidity gets shares in proportion to what is there, the first one ⌊√(x·y)⌋. Shares are
rounded down and what they cost is rounded up; what they return is rounded down. Hence x·y per
share² never falls, whatever anyone does: no provider loses units by another's coming or going. The
first 1,000 shares are locked for ever, else the first provider could make one share so dear that
the rounding of the next one's shares takes his money ("Uniswap v2 Core", 3.4).

Units of the asset and of money are booked in two ledgers, one for each, as in the exchange. The
reserves are what the pool's books say and not what its accounts hold: units that are sent to its
accounts past it move no price, and its audit names them.
"""

from math import isqrt
from typing import Final

import msgspec

from economy.accounts import is_account_of
from economy.claims import Claims, decode_claims
from economy.constant_product import (
    Liquidity,
    PoolParameters,
    Swapped,
    amount_in,
    amount_out,
)
from economy.ledger import Ledger
from economy.linked import why_not_move
from economy.money import UnitsText, decode_units, encode_units
from economy.orders import Side
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError, decode, encode

FORMAT_VERSION: Final = 1


class EncodedPool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Pool` as it is saved."""

    version: int
    money_units: UnitsText
    asset_units: UnitsText
    shares: tuple[tuple[str, UnitsText], ...]
    money_claims: tuple[tuple[str, UnitsText], ...]
    asset_claims: tuple[tuple[str, UnitsText], ...]


class Pool:
    """One pool. Its methods answer a `Refusal`, or what they moved.

    Args:
        money: the FTNS ledger.
        asset: the ledger of what is traded, another one.
        parameters: the figures.
        name: prefix of its account ``name/reserve``, which it has in both ledgers.

    Attributes:
        money_units: the reserve of money.
        asset_units: the reserve of the asset.
        shares: by account; the locked ones belong to the pool's own account.
        claims: what the ledgers refused to pay out; `BUY` is money.
    """

    def __init__(
        self,
        money: Ledger,
        asset: Ledger,
        parameters: PoolParameters | None = None,
        name: str = "pool",
    ) -> None:
        assert money is not asset, "the traded asset is booked in a ledger of its own"
        self.money = money
        self.asset = asset
        self.parameters = PoolParameters() if parameters is None else parameters
        self.name = name
        self.reserve_account = f"{name}/reserve"
        self.money_units = 0
        self.asset_units = 0
        self.shares: dict[str, int] = {}
        self.total_shares = 0
        self.claims = {side: Claims() for side in Side}

    # --- swaps ------------------------------------------------------------------------------

    def swap(
        self, account: str, side: Side, in_units: int, least_out_units: int = 1
    ) -> Swapped | Refusal:
        """Exchange exactly `in_units` for as much as the pool gives.

        Args:
            account: who swaps.
            side: `BUY` pays money and receives the asset, `SELL` the reverse.
            in_units: what to pay.
            least_out_units: refuse if there would be less; at least 1 is always asked for.
        """
        refusal = self._why_not(account, in_units)
        if refusal is not None:
            return refusal
        in_reserve, out_reserve = self._reserves(side)
        out_units = amount_out(in_units, in_reserve, out_reserve, self.parameters.fee_ppm)
        if out_units < max(1, least_out_units):
            return Refusal.SLIPPAGE
        return self._exchange(account, side, in_units, out_units)

    def swap_for(
        self, account: str, side: Side, out_units: int, most_in_units: int
    ) -> Swapped | Refusal:
        """Exchange as little as it takes, at most `most_in_units`, for exactly `out_units`."""
        refusal = self._why_not(account, out_units)
        if refusal is not None:
            return refusal
        in_reserve, out_reserve = self._reserves(side)
        if out_units >= out_reserve:
            return Refusal.NO_LIQUIDITY
        in_units = amount_in(out_units, in_reserve, out_reserve, self.parameters.fee_ppm)
        if in_units > most_in_units:
            return Refusal.SLIPPAGE
        return self._exchange(account, side, in_units, out_units)

    def _why_not(self, account: str, units: int) -> Refusal | None:
        if is_account_of(account, self.name):
            return Refusal.RESERVED_ACCOUNT
        if units <= 0:
            return Refusal.INVALID_AMOUNT
        return None if self.total_shares else Refusal.NO_LIQUIDITY

    def _reserves(self, side: Side) -> tuple[int, int]:
        """What the pool has of what it receives, and of what it gives."""
        if side is Side.BUY:
            return self.money_units, self.asset_units
        return self.asset_units, self.money_units

    def _exchange(
        self, account: str, side: Side, in_units: int, out_units: int
    ) -> Swapped | Refusal:
        refusal = self._ledger(side).transfer(account, self.reserve_account, in_units)
        if refusal is not None:
            return refusal
        product = self.money_units * self.asset_units
        if side is Side.BUY:
            self.money_units += in_units
            self.asset_units -= out_units
        else:
            self.asset_units += in_units
            self.money_units -= out_units
        assert self.money_units * self.asset_units >= product, "a swap took more than it brought"
        self._pay(side.opposite, account, out_units)
        return Swapped(in_units, out_units)

    # --- liquidity --------------------------------------------------------------------------

    def add(
        self, account: str, money_units: int, asset_units: int, least_shares: int = 1
    ) -> Liquidity | Refusal:
        """Bring both, in proportion to the reserves; the first one sets the proportion.

        Args:
            account: the provider.
            money_units: the most to bring.
            asset_units: the most to bring.
            least_shares: refuse if it gives fewer; at least 1 is always asked for.
        """
        if is_account_of(account, self.name):
            return Refusal.RESERVED_ACCOUNT
        if money_units <= 0 or asset_units <= 0:
            return Refusal.INVALID_AMOUNT
        total, locked = self.total_shares, 0
        if total:
            shares = min(
                money_units * total // self.money_units, asset_units * total // self.asset_units
            )
            # No more than the most, because shares ≤ most · total / reserve.
            money_units = -(-shares * self.money_units // total)
            asset_units = -(-shares * self.asset_units // total)
        else:
            locked = self.parameters.locked_shares
            shares = isqrt(money_units * asset_units) - locked
        if shares < 1:
            return Refusal.NO_LIQUIDITY
        if shares < least_shares:
            return Refusal.SLIPPAGE
        refusal = self._collect(account, money_units, asset_units)
        if refusal is not None:
            return refusal
        self.money_units += money_units
        self.asset_units += asset_units
        if locked:
            self.shares[self.reserve_account] = locked
        self.shares[account] = self.shares.get(account, 0) + shares
        self.total_shares += locked + shares
        return Liquidity(shares, money_units, asset_units)

    def remove(
        self, account: str, shares: int, least_money_units: int = 0, least_asset_units: int = 0
    ) -> Liquidity | Refusal:
        """Redeem shares for their part of both reserves, rounded down."""
        if is_account_of(account, self.name):
            return Refusal.RESERVED_ACCOUNT
        if shares <= 0:
            return Refusal.INVALID_AMOUNT
        left = self.shares.get(account, 0) - shares
        if left < 0:
            return Refusal.INSUFFICIENT_FUNDS
        money_units = shares * self.money_units // self.total_shares
        asset_units = shares * self.asset_units // self.total_shares
        if money_units < least_money_units or asset_units < least_asset_units:
            return Refusal.SLIPPAGE
        if left:
            self.shares[account] = left
        else:
            del self.shares[account]
        self.total_shares -= shares
        self.money_units -= money_units
        self.asset_units -= asset_units
        self._pay(Side.BUY, account, money_units)
        self._pay(Side.SELL, account, asset_units)
        return Liquidity(shares, money_units, asset_units)

    # --- money ------------------------------------------------------------------------------

    def _ledger(self, side: Side) -> Ledger:
        """The ledger of what this side pays with."""
        return self.money if side is Side.BUY else self.asset

    def _collect(self, account: str, money_units: int, asset_units: int) -> Refusal | None:
        """Take both into the reserve, or neither."""
        payments = ((self.money, money_units), (self.asset, asset_units))
        # Two ledgers have no linked transfer between them, so both are asked before either moves.
        for ledger, units in payments:
            refusal = why_not_move(
                ledger.balances, ledger.accounts, account, self.reserve_account, units
            )
            if refusal is not None:
                return refusal
        for ledger, units in payments:
            refusal = ledger.transfer(account, self.reserve_account, units)
            assert refusal is None, f"the ledger would move {units} units and did not: {refusal}"
        return None

    def _pay(self, side: Side, account: str, units: int) -> None:
        """Pay out of the reserve."""
        self.claims[side].pay(self._ledger(side), self.reserve_account, account, units)

    def claim(self, account: str, payee: str) -> Refusal | None:
        """Pay to `payee` what was kept for `account` because a ledger refused to pay it."""
        answers = [
            self.claims[side].collect(self._ledger(side), self.reserve_account, account, payee)
            for side in Side
        ]
        return None if None in answers else Refusal.NOTHING_TO_CLAIM

    # --- checking and saving ----------------------------------------------------------------

    def audit(self) -> str | None:
        """Check the books against the ledgers from scratch; returns what is wrong, or None."""
        if (
            sum(self.shares.values()) != self.total_shares
            or min(self.shares.values(), default=1) < 1
        ):
            return f"the shares do not add up to {self.total_shares}"
        locked = self.parameters.locked_shares if self.total_shares else 0
        if self.shares.get(self.reserve_account, 0) != locked:
            return "the locked shares are not locked"
        if min(self.money_units, self.asset_units) < bool(self.total_shares):
            return f"reserves of {self.money_units} and {self.asset_units} units"
        if self.money_units * self.asset_units < self.total_shares**2:
            return "the reserves are worth less than the shares they were issued for"
        for side, reserve in ((Side.BUY, self.money_units), (Side.SELL, self.asset_units)):
            discrepancy = self.claims[side].audit()
            if discrepancy is not None:
                return discrepancy
            owed = reserve + self.claims[side].total_units()
            held = self._ledger(side).balances.get(self.reserve_account, 0)
            if held != owed:
                return f"the reserve account has {held} units, the books say {owed}"
        return None

    def encode(self) -> bytes:
        """The whole state but the ledgers', as canonical bytes."""
        return encode(
            EncodedPool(
                version=FORMAT_VERSION,
                money_units=encode_units(self.money_units),
                asset_units=encode_units(self.asset_units),
                shares=tuple((name, encode_units(n)) for name, n in sorted(self.shares.items())),
                money_claims=self.claims[Side.BUY].encode(),
                asset_claims=self.claims[Side.SELL].encode(),
            )
        )

    def restore(self, encoded: bytes) -> None:
        """Replace the whole state by the one in `encoded`; the ledgers were restored before.

        Raises:
            RemoteProtocolError: it is no sound state of a pool on these ledgers. Nothing has
                changed then.
        """
        state: EncodedPool = decode(encoded, EncodedPool)
        if state.version != FORMAT_VERSION:
            raise RemoteProtocolError(f"pool of format {state.version}, this is {FORMAT_VERSION}")
        pool = Pool(self.money, self.asset, self.parameters, self.name)
        pool.money_units = decode_units(state.money_units)
        pool.asset_units = decode_units(state.asset_units)
        pool.shares = {account: decode_units(shares) for account, shares in state.shares}
        pool.total_shares = sum(pool.shares.values())
        pool.claims[Side.BUY] = decode_claims(state.money_claims)
        pool.claims[Side.SELL] = decode_claims(state.asset_claims)
        discrepancy = pool.audit()
        if discrepancy is not None or pool.encode() != encoded:
            raise RemoteProtocolError(f"restored pool: {discrepancy or 'bytes not canonical'}")
        self.money_units, self.asset_units = pool.money_units, pool.asset_units
        self.shares, self.total_shares = pool.shares, pool.total_shares
        self.claims = pool.claims
