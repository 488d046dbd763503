"""Marketplaces to test with: empty, with offers, with one rental, with something of everything."""

from fractions import Fraction

from economy_instrument import instrument

from economy.ledger import DAY_MS, Ledger
from economy.listings import RentalKind, Terms
from economy.marketplace import Marketplace
from economy.money import ftns
from economy.rentals import Listed, Rented

ALL = ftns("1000000")
RENTED_AT = 100 * DAY_MS


def terms(kind=RentalKind.ONE_TIME, price="100", capacity=3, **more):
    return Terms("A wine classifier", ("vision", "Wine"), kind, ftns(price), capacity, **more)


def new_market(ledger_parameters=None, parameters=None):
    ledger = instrument(Ledger)(ledger_parameters)
    assert ledger.mint("buyer", ftns("10000")) is None
    assert ledger.mint("other", ftns("10000")) is None
    assert ledger.mint("seller", ftns("1")) is None
    return Marketplace(ledger, parameters)


def balances(market):
    """What everyone has, in FTNS, after an audit."""
    assert market.audit() is None
    return {name: Fraction(units, 10**18) for name, units in market.ledger.balances.items()}


def listed(*offers):
    """A marketplace with these offers, for which the seller was given the fees."""
    market = new_market()
    for each in offers:
        market.ledger.mint("seller", ftns("1"))
        assert isinstance(market.offer("seller", each, 0), Listed)
    return market


def rented(kind=RentalKind.ONE_TIME, quantity=1, delivered=True, **more):
    """A marketplace with one rental, number 1, under way since `RENTED_AT`."""
    market = new_market()
    assert market.offer("seller", terms(kind, **more), 0) == Listed(1)
    assert isinstance(market.rent(1, "buyer", quantity, ALL, RENTED_AT), Rented)
    if delivered:
        assert market.deliver(1, "seller", RENTED_AT) is None
    return market


def state(market, number=1):
    return market.rentals[number].state


def busy():
    """A marketplace with something of everything in it."""
    market = listed(
        terms(),
        terms(RentalKind.HOURLY),
        terms(RentalKind.USAGE),
        terms(RentalKind.SUBSCRIPTION, capacity=9, period_ms=DAY_MS),
    )
    for number in (1, 1, 2, 3, 3, 4, 4, 4):
        assert isinstance(market.rent(number, "buyer", 2, ALL, RENTED_AT), Rented)
    for number in (1, 3, 4, 5, 6, 7, 8):
        assert market.deliver(number, "seller", RENTED_AT + number) is None
    market.meter(5, "seller", 1, RENTED_AT + 10)
    for number in (6, 7):
        assert market.confirm(number, "buyer", RENTED_AT + 20) is None
    market.rate(6, "buyer", 3)
    market.dispute(7, "buyer", RENTED_AT + 20)
    market.dispute(8, "buyer", RENTED_AT + 20)
    return market
