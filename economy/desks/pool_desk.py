"""The constant-product pool as operations: swaps, liquidity, and what the pool could not pay out.

Whoever swaps names a bound, because what the pool gives depends on whose operation is ordered
before: the least that shall come out, or the most that shall go in. Without one, anyone who sees
the operation coming could turn its price against its client.
"""

from economy.constant_product import Liquidity, Swapped
from economy.desks.desk import Answer, Desk, DeskOperation, KeyedOperation, Reading, answer, refused
from economy.facts import Traded
from economy.money import UnitsText, decode_units, encode_units
from economy.operations import Name
from economy.orders import Side
from economy.pool import Pool
from economy.refusals import Refusal
from economy.teller import bar_payees
from prsm_sim.actor import Message


class Swap(KeyedOperation, frozen=True):
    """Pay in exactly `units` (of money to buy, of the asset to sell) for at least so much."""

    side: Side
    units: UnitsText
    least_out_units: UnitsText


class SwapFor(KeyedOperation, frozen=True):
    """Take out exactly `units` (of the asset to buy, of money to sell) for at most so much."""

    side: Side
    units: UnitsText
    most_in_units: UnitsText


class AddLiquidity(KeyedOperation, frozen=True):
    """Bring at most so much of both to the pool, for at least so many shares."""

    money_units: UnitsText
    asset_units: UnitsText
    least_shares: UnitsText


class RemoveLiquidity(KeyedOperation, frozen=True):
    """Redeem shares of the client's, for at least so much of both."""

    shares: UnitsText
    least_money_units: UnitsText
    least_asset_units: UnitsText


class CollectFromPool(DeskOperation, frozen=True):
    """Pay to `payee` what the pool keeps for the client because it could not be paid."""

    payee: Name


class ReadPool(Reading, frozen=True):
    """Ask what is in the pool, and what of it `account` has."""

    account: Name


class SwapDone(Message, frozen=True):
    """What a swap moved into the pool, and out of it."""

    paid_units: UnitsText
    received_units: UnitsText


class LiquidityMoved(Message, frozen=True):
    """Shares that were issued or redeemed, and what was paid in or out for them."""

    shares: UnitsText
    money_units: UnitsText
    asset_units: UnitsText


class PoolStatus(Message, frozen=True):
    """The reserves, all shares, and the shares of the account that was asked for."""

    money_units: UnitsText
    asset_units: UnitsText
    total_shares: UnitsText
    shares: UnitsText


class PoolDesk(Desk):
    """A pool behind operations.

    Args:
        pool: the mechanism.
    """

    name = "pool"
    operations = (Swap, SwapFor, AddLiquidity, RemoveLiquidity, CollectFromPool, ReadPool)
    results = (SwapDone, LiquidityMoved, PoolStatus)

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.pool = pool

    def perform(self, client: str, operation: DeskOperation, now_ms: int) -> Answer:
        """Do what `client` asks."""
        pool = self.pool
        match operation:
            case Swap(_, side, units, least):
                swapped = pool.swap(client, side, decode_units(units), decode_units(least))
                return self._swapped(client, side, swapped)
            case SwapFor(_, side, units, most):
                swapped = pool.swap_for(client, side, decode_units(units), decode_units(most))
                return self._swapped(client, side, swapped)
            case AddLiquidity(_, money, asset, least):
                return _moved(
                    pool.add(client, decode_units(money), decode_units(asset), decode_units(least))
                )
            case RemoveLiquidity(_, shares, money, asset):
                return _moved(
                    pool.remove(
                        client, decode_units(shares), decode_units(money), decode_units(asset)
                    )
                )
            case CollectFromPool(payee):
                return answer(bar_payees(payee) or pool.claim(client, payee))
            case ReadPool(account):
                return Answer(
                    PoolStatus(
                        encode_units(pool.money_units),
                        encode_units(pool.asset_units),
                        encode_units(pool.total_shares),
                        encode_units(pool.shares.get(account, 0)),
                    )
                )
        raise AssertionError(f"{operation} is for another desk")

    def _swapped(self, client: str, side: Side, outcome: Swapped | Refusal) -> Answer:
        if isinstance(outcome, Refusal):
            return refused(outcome)
        paid, received = encode_units(outcome.paid_units), encode_units(outcome.received_units)
        reserve = self.pool.reserve_account
        if side is Side.BUY:
            told = Traded(self.name, client, reserve, received, paid)
        else:
            told = Traded(self.name, reserve, client, paid, received)
        return Answer(SwapDone(paid, received), (told,))


def _moved(outcome: Liquidity | Refusal) -> Answer:
    if isinstance(outcome, Refusal):
        return refused(outcome)
    return Answer(
        LiquidityMoved(
            encode_units(outcome.shares),
            encode_units(outcome.money_units),
            encode_units(outcome.asset_units),
        )
    )
