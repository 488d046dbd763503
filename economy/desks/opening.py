"""Opening an economy: a ledger with its desks, as one replicated state machine.

Every replica opens the same economy from the same parameters; whatever differs between two of them
would make their states differ.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from economy.base_fee import BaseFeeController, BaseFeeMarket, BaseFeeParameters
from economy.delivery import Deliveries
from economy.demand_pricing import DemandPricing, PriceController, PriceTrack
from economy.desks.accounts_desk import AccountsDesk
from economy.desks.assets_desk import AssetsDesk
from economy.desks.auctions_desk import AuctionsDesk
from economy.desks.base_fee_desk import BaseFeeDesk
from economy.desks.caps_desk import CapsDesk
from economy.desks.context_desk import ContextDesk
from economy.desks.delivery_desk import DeliveryDesk
from economy.desks.desk import Desk
from economy.desks.earning_desk import EarningDesk
from economy.desks.exchange_desk import ExchangeDesk
from economy.desks.futures_desk import FuturesDesk
from economy.desks.income_desks import DividendsDesk, IssuanceDesk
from economy.desks.marketplace_desk import MarketplaceDesk
from economy.desks.nodes_desk import NodesDesk
from economy.desks.pool_desk import PoolDesk
from economy.desks.provenance_desk import ProvenanceDesk
from economy.desks.roles import EconomyParameters, Roles
from economy.desks.royalties_desk import RoyaltiesDesk
from economy.desks.staking_desk import Judge, StakingDesk
from economy.dividends import POOL as DIVIDENDS_POOL
from economy.dividends import Dividends
from economy.earning import POOL as EARNING_POOL
from economy.earning import Earning
from economy.exchange import Exchange
from economy.futures import Futures
from economy.genesis import open_ledger
from economy.issuance import Issuance
from economy.ledger import Ledger
from economy.marketplace import Marketplace
from economy.metering import ContextMeter
from economy.node_rewards import POOL as NODES_POOL
from economy.node_rewards import NodeRewards
from economy.pool import Pool
from economy.provenance import ProvenanceGraph
from economy.royalties import Royalties
from economy.sealed_auction import SealedAuctions
from economy.staking import RESERVE, Staking
from economy.state_machine import LedgerMachine
from prsm_sim.actor import UserError

__all__ = ["OPEN_ACCOUNTS", "EconomyParameters", "Roles", "open_economy"]

OPEN_ACCOUNTS: Final = (
    *(RESERVE, EARNING_POOL, DIVIDENDS_POOL, NODES_POOL),
    "futures/insurance",
)
"""Accounts of mechanisms that pay others, and that anyone may pay into."""


def open_economy(
    balances: Mapping[str, int],
    parameters: EconomyParameters | None = None,
    judge: Judge | None = None,
) -> LedgerMachine:
    """A ledger with all desks.

    Args:
        balances: FTNS units by account at genesis; the treasury gets what they leave over. Also
            what mechanisms shall have, such as ``{"earning/pool": …}``.
        parameters: the figures.
        judge: decides about evidence of offences; none convicts nobody.

    Raises:
        UserError: the balances do not fit the genesis amount, or a figure is out of range.
    """
    p = EconomyParameters() if parameters is None else parameters

    if p.assets.keeps_time:
        raise UserError(
            "assets has key_window_ms, hold_retention_ms or history_ms; set them to 0, since the "
            "ledger of what is traded keeps no time"
        )

    def open_desks(ledger: Ledger) -> tuple[Desk, ...]:
        return (
            *_desks_of_work(ledger, p),
            *_desks_of_money(ledger, p, judge),
            *_desks_of_trade(ledger, p),
        )

    ledger = open_ledger(balances, p.ledger)
    return LedgerMachine(ledger, p.roles.issuer, p.audit_every, open_desks, p.digest_every)


def _desks_of_work(ledger: Ledger, p: EconomyParameters) -> tuple[Desk, ...]:
    """What is made, used and paid for."""
    roles, context = p.roles, p.context
    controller: PriceController
    if isinstance(context, BaseFeeParameters):
        controller = BaseFeeController(context)
    else:
        controller = DemandPricing(context)
    graph = ProvenanceGraph(p.provenance)
    return (
        AccountsDesk(ledger, roles.officer, OPEN_ACCOUNTS),
        ContextDesk(
            ContextMeter(ledger), PriceTrack(controller, p.context_price_units), roles.operator
        ),
        BaseFeeDesk(BaseFeeMarket(ledger, p.base_fee), roles.operator),
        EarningDesk(Earning(ledger, p.earning), roles.reporter),
        ProvenanceDesk(graph, roles.governor, roles.reviewer, p.impact),
        RoyaltiesDesk(Royalties(ledger, graph, p.royalties, p.impact), roles.governor),
    )


def _desks_of_money(ledger: Ledger, p: EconomyParameters, judge: Judge | None) -> tuple[Desk, ...]:
    """What is held, issued and shared out."""
    return (
        StakingDesk(Staking(ledger, p.staking), p.roles.arbiter, judge),
        DividendsDesk(Dividends(ledger, p.dividends)),
        IssuanceDesk(Issuance(ledger, p.issuance)),
        NodesDesk(NodeRewards(ledger, p.nodes), p.roles.reporter),
        CapsDesk(ledger, p.caps),
    )


def _desks_of_trade(ledger: Ledger, p: EconomyParameters) -> tuple[Desk, ...]:
    """What changes hands."""
    roles = p.roles
    assets = open_ledger(p.asset_balances, p.assets)
    rules = replace(p.marketplace, arbiter=roles.arbiter, platform=roles.platform)
    return (
        AssetsDesk(assets, roles.asset_issuer),
        PoolDesk(Pool(ledger, assets, p.pool)),
        ExchangeDesk(Exchange(ledger, assets, p.exchange), roles.governor),
        DeliveryDesk(Deliveries(ledger, p.delivery)),
        FuturesDesk(Futures(ledger, roles.oracle, p.futures)),
        MarketplaceDesk(Marketplace(ledger, rules)),
        AuctionsDesk(SealedAuctions(ledger, p.auctions)),
    )
