"""Who has which right in an economy, and the figures of its mechanisms."""

from collections.abc import Mapping

import msgspec

from economy.antimonopoly import AntimonopolyParameters
from economy.base_fee import BaseFeeParameters
from economy.constant_product import PoolParameters
from economy.delivery import DeliveryParameters
from economy.demand_pricing import DemandPricingParameters
from economy.dividends import DividendParameters
from economy.earning import EarningParameters
from economy.futures import FuturesParameters
from economy.impact import ImpactParameters
from economy.issuance import IssuanceParameters
from economy.ledger_parameters import DAY_MS, LedgerParameters
from economy.node_rewards import NodeParameters
from economy.orders import ExchangeParameters
from economy.provenance import ProvenanceParameters
from economy.rentals import MarketplaceParameters
from economy.royalty_shares import RoyaltyParameters
from economy.sealed_auction_state import AuctionParameters
from economy.staking_terms import StakingParameters


class Roles(msgspec.Struct, frozen=True):
    """Which client has which right that not everyone has; empty: no one has it.

    Attributes:
        issuer: mints FTNS.
        asset_issuer: mints the asset that is traded.
        officer: freezes and unfreezes accounts.
        arbiter: judges deeds and disputes.
        reporter: vouches for contributions and for the uptime of nodes.
        oracle: says what compute is worth: opens series of futures, and marks them.
        reviewer: assesses the quality of contents.
        operator: closes the periods of prices.
        governor: opens fields of research, and spends the funds of royalties and the fees of the
            exchange.
        platform: receives the marketplace's fees.
    """

    issuer: str = ""
    asset_issuer: str = ""
    officer: str = ""
    arbiter: str = ""
    reporter: str = ""
    oracle: str = ""
    reviewer: str = ""
    operator: str = ""
    governor: str = ""
    platform: str = "platform"


class EconomyParameters(msgspec.Struct, frozen=True):
    """The figures of an economy, mechanism by mechanism.

    Attributes:
        roles: who has which right.
        ledger: of the FTNS ledger; it keeps time, and a history longer than dividends look back.
        assets: of the ledger of what is traded, which keeps no time.
        asset_balances: who has what of it at first; the treasury gets what they leave over.
        audit_every: operations between two audits of everything; 0: never.
        marketplace: its arbiter and platform are taken from the roles.
        digest_every: operations between two digests that are told; see `LedgerMachine`.
        context: what moves the price of context: supply and demand, or a base fee.
        context_price_units: the price of a context unit in the first period.
    """

    roles: Roles = Roles()
    ledger: LedgerParameters = LedgerParameters(history_ms=400 * DAY_MS)
    assets: LedgerParameters = LedgerParameters()
    asset_balances: Mapping[str, int] = msgspec.field(default_factory=dict)
    audit_every: int = 64
    digest_every: int = 1
    context: DemandPricingParameters | BaseFeeParameters = DemandPricingParameters()
    context_price_units: int = DemandPricingParameters().base_units
    base_fee: BaseFeeParameters = BaseFeeParameters()
    earning: EarningParameters = EarningParameters()
    provenance: ProvenanceParameters = ProvenanceParameters()
    impact: ImpactParameters = ImpactParameters()
    royalties: RoyaltyParameters = RoyaltyParameters()
    staking: StakingParameters = StakingParameters()
    dividends: DividendParameters = DividendParameters()
    issuance: IssuanceParameters = IssuanceParameters()
    pool: PoolParameters = PoolParameters()
    exchange: ExchangeParameters = ExchangeParameters()
    delivery: DeliveryParameters = DeliveryParameters()
    futures: FuturesParameters = FuturesParameters()
    marketplace: MarketplaceParameters = MarketplaceParameters()
    auctions: AuctionParameters = AuctionParameters()
    nodes: NodeParameters = NodeParameters()
    caps: AntimonopolyParameters = AntimonopolyParameters()
