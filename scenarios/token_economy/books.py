"""The books of a token economy: two ledgers, and the mechanisms around them.

FTNS are booked in one ledger, dollars in another: dollars come from outside (`bring`) and leave
(`take_out`), so that what was brought and not taken is what all accounts have. A constant-product
pool makes the price of one in the other. Nothing here decides anything; agents do, through the
mechanisms, and a refusal is an answer like any other.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, TypeVar

from economy.base_fee import BaseFeeController, BaseFeeParameters
from economy.constant_product import Swapped
from economy.demand_pricing import (
    DemandPricing,
    DemandPricingParameters,
    PriceController,
    PriceTrack,
)
from economy.dividends import POOL as DIVIDENDS_POOL
from economy.earning import POOL as EARNING_POOL
from economy.earning import Earning
from economy.genesis import open_ledger
from economy.issuance import Issuance, IssuanceParameters
from economy.ledger import Ledger, LedgerParameters
from economy.metering import ContextMeter
from economy.money import UNITS_PER_FTNS, split
from economy.orders import Side
from economy.pool import Pool
from economy.refusals import Refusal
from economy.staking import RESERVE, Staking
from economy.windows import name_until
from scenarios.token_economy.parameters import EconomyParameters

HOUR_MS = 3_600_000
MARKET_MAKER = "market-maker"
FRESH = "issuance/fresh"
"""Where new money is minted, before it is shared out."""
CONTEXT = 1000
"""Thousandths of a context unit that a query uses: one unit."""
EARNING_PPM = 600_000
YIELD_PPM = 300_000
"""Of what is issued so much goes to rewards and to yield; the rest to dividends."""


def units(amount: float) -> int:
    """Whole units of an amount written in FTNS or dollars, rounded down to a millionth of one."""
    return int(amount * 1_000_000) * (UNITS_PER_FTNS // 1_000_000)


def amount(of_units: int) -> float:
    """An amount in FTNS or dollars, for looking at."""
    return of_units / UNITS_PER_FTNS


class Mechanism(Protocol):
    """Whatever keeps books of its own on a ledger."""

    def audit(self) -> str | None:
        """What is wrong with them, or None."""
        ...


M = TypeVar("M", bound=Mechanism)


class FixedPrice:
    """The controller that does nothing."""

    def next_price(
        self, price_units: int, demand: int, supply: int, recent_units: object = ()
    ) -> int:
        """The price, as it is."""
        return price_units


def make_controller(parameters: EconomyParameters, capacity: int) -> PriceController:
    """What sets the price of context, for a capacity of so many thousandths a step."""
    first_units = units(parameters.fee_ftns)
    if parameters.controller == "supply_demand":
        return DemandPricing(
            DemandPricingParameters(base_units=first_units, capacity=capacity, pace_ppm=500_000)
        )
    if parameters.controller == "base_fee":
        return BaseFeeController(BaseFeeParameters(initial_units=first_units, supply=capacity))
    return FixedPrice()


class Books:
    """All that the economy knows of money.

    Args:
        parameters: of the economy.
        endowments: units of FTNS by account at first.
        capacity: thousandths of a context unit that all hosts can serve in a step.

    Attributes:
        money: the FTNS ledger.
        dollars: the ledger of dollars.
        now_ms: ledger time.
        questions: how many queries were paid for so far.
        installed: further mechanisms of a scenario, audited with the others.
        outside_units: dollars that each account has taken out, less what it has brought.
        holdings: what an account has in further mechanisms is worth, in units of FTNS; a function
            for each of them that keeps anything for anybody.
    """

    def __init__(
        self, parameters: EconomyParameters, endowments: dict[str, int], capacity: int
    ) -> None:
        p = parameters
        # Ended holds are forgotten after an hour, so that the books do not grow with all that was.
        figures = LedgerParameters(hold_retention_ms=HOUR_MS)
        pool_units = units(p.pool_ftns)
        reserve_units = units(p.yield_reserve_ftns)
        self.money = open_ledger(
            {**endowments, MARKET_MAKER: pool_units, RESERVE: reserve_units}, figures
        )
        self.dollars = Ledger(LedgerParameters(cap_units=10**38, genesis_units=0))
        self.pool = Pool(self.money, self.dollars)
        self.staking = Staking(self.money)
        self.earning = Earning(self.money)
        self.meter = ContextMeter(self.money)
        rate = units(p.issuance_ftns_per_s)
        self.issuance = Issuance(self.money, IssuanceParameters(rate, payee=FRESH))
        self.price = PriceTrack(make_controller(p, capacity), units(p.fee_ftns))
        self.installed: list[Mechanism] = []
        self.now_ms = 0
        self.questions = 0
        self.brought_units = 0
        self.taken_units = 0
        self.outside_units: dict[str, int] = {}
        self.holdings: list[Callable[[str], int]] = []
        self.earning_ppm = EARNING_PPM
        dollar_units = int(pool_units * Fraction(p.price_usd).limit_denominator(10**6))
        self.bring(MARKET_MAKER, dollar_units)
        opened = self.pool.add(MARKET_MAKER, pool_units, dollar_units)
        assert not isinstance(opened, Refusal), f"the pool does not open: {opened}"

    def install(self, mechanism: M) -> M:
        """Add a mechanism on these ledgers, to be audited with the others; returns it."""
        self.installed.append(mechanism)
        return mechanism

    # --- dollars ----------------------------------------------------------------------------

    def bring(self, account: str, dollar_units: int) -> None:
        """Bring dollars from outside."""
        if dollar_units > 0:
            refusal = self.dollars.mint(account, dollar_units)
            assert refusal is None, f"{account} cannot bring {dollar_units}: {refusal}"
            self.brought_units += dollar_units
            self.outside_units[account] = self.outside_units.get(account, 0) - dollar_units

    def take_out(self, account: str, dollar_units: int) -> Refusal | None:
        """Spend dollars outside."""
        refusal = self.dollars.burn(account, dollar_units)
        if refusal is None:
            self.taken_units += dollar_units
            self.outside_units[account] = self.outside_units.get(account, 0) + dollar_units
        return refusal

    def buy(self, account: str, dollar_units: int) -> Swapped | Refusal:
        """Buy FTNS in the pool for so many dollars."""
        return self.pool.swap(account, Side.SELL, dollar_units)

    def sell(self, account: str, money_units: int) -> Swapped | Refusal:
        """Sell FTNS in the pool for dollars."""
        return self.pool.swap(account, Side.BUY, money_units)

    @property
    def price_usd(self) -> float:
        """Dollars for one FTNS in the pool, at the margin, before the fee."""
        return self.pool.asset_units / self.pool.money_units

    # --- queries ----------------------------------------------------------------------------

    def ask(self, researcher: str, host: str, fee_units: int) -> Refusal | None:
        """One query: its price is held, the host serves it and is paid; all of it, or nothing."""
        expires_at_ms = self.now_ms + HOUR_MS
        session = name_until(f"{researcher}/{self.questions}", expires_at_ms)
        refusal = self.meter.open(
            session, researcher, host, CONTEXT, fee_units, expires_at_ms, self.now_ms
        )
        if refusal is not None:
            return refusal
        self.questions += 1
        refusal = self.meter.meter(session, host, CONTEXT, self.now_ms)
        assert refusal is None, f"{host} cannot meter {session}: {refusal}"
        charge = self.meter.charge(session, host, self.now_ms)
        assert not isinstance(charge, Refusal), f"{host} is not paid for {session}: {charge}"
        return None

    # --- time -------------------------------------------------------------------------------

    def advance(self, now_ms: int) -> None:
        """Let ledger time pass: expire holds, issue what is due, and share it out."""
        self.now_ms = now_ms
        self.money.expire(now_ms)
        self.issuance.advance(now_ms)
        issued_units = self.money.balances.get(FRESH, 0)
        if issued_units:
            rest_ppm = 1_000_000 - YIELD_PPM - self.earning_ppm
            parts = split(issued_units, (self.earning_ppm, YIELD_PPM, rest_ppm))
            for payee, part in zip((EARNING_POOL, RESERVE, DIVIDENDS_POOL), parts, strict=True):
                if part:
                    self.money.transfer(FRESH, payee, part)

    # --- checks -----------------------------------------------------------------------------

    def wealth_units(self, account: str, opening_usd: float) -> int:
        """Worth of an account in FTNS: money, stake, holdings, dollars at the opening price."""
        stake = self.staking.books.stakes.get(account)
        staked = 0 if stake is None else stake.bonded_units
        staked += 0 if stake is None else sum(entry.units for entry in stake.unbondings)
        dollars = int(self.dollars.balances.get(account, 0) / opening_usd)
        rest = sum(worth(account) for worth in self.holdings)
        return self.money.balances.get(account, 0) + staked + dollars + rest

    def audit(self) -> str:
        """Check every book against the ledgers; what is wrong, or an empty text."""
        books: tuple[Mechanism, ...] = (
            self.money, self.dollars, self.pool, self.staking, self.earning, self.meter,
            self.issuance, *self.installed,
        )  # fmt: skip
        for book in books:
            discrepancy = book.audit()
            if discrepancy is not None:
                return f"{type(book).__name__}: {discrepancy}"
        supply = self.dollars.totals().supply_units
        if supply != self.brought_units - self.taken_units:
            return f"{supply} dollar units, brought {self.brought_units} less {self.taken_units}"
        return ""
