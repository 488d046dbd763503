"""What every agent can see: public prices and totals, as of the beginning of its kind's turn."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """The market as it looks now.

    Attributes:
        step: its number, from 1.
        hour: ledger time, hours since the start.
        fee_units: the price of a query, in units of FTNS.
        price_usd: dollars for one FTNS.
        opening_usd: what it was at first.
        day_return: relative change of `price_usd` over the last day.
        week_return: and over the last week.
        staked_share: share of the circulating FTNS that is staked.
        yield_reserve_ftns: what is left to pay yield from.
        queue_share: queries of the last step that found no host, as a share of those asked.
        load: queries of the last step as a share of what online hosts could serve.
        earnings_usd: what an online host earned in the last step, on average, in dollars.
        demand: factor on how often researchers ask.
    """

    step: int
    hour: float
    fee_units: int
    price_usd: float
    opening_usd: float
    day_return: float
    week_return: float
    staked_share: float
    yield_reserve_ftns: float
    queue_share: float
    load: float
    earnings_usd: float
    demand: float

    @property
    def fee_usd(self) -> float:
        """The price of a query, in dollars."""
        return self.fee_units / 10**18 * self.price_usd
