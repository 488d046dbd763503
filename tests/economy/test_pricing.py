import decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from economy.money import UNITS_PER_FTNS, ftns
from economy.pricing import (
    MAX_DEPTH,
    ContextDemand,
    ContextPrices,
    Pricing,
    QueryKind,
    Stage,
    StagePrices,
)
from prsm_sim.actor import UserError

FACTORS = {"simple": "1", "medium": "2.5", "complex": "5", "research": "8", "recursive": "12"}

DEMANDS = st.builds(
    ContextDemand,
    st.integers(0, 1000),
    st.integers(1, MAX_DEPTH),
    st.sampled_from(QueryKind),
    st.integers(1, 50),
)


def exact(text):
    return Fraction(decimal.Decimal(text))


def closed_form(demand):
    """size and charge (in FTNS) as the rule is written, in fractions."""
    complexity = Fraction(demand.complexity_thousandths, 1000)
    hundredfold = 100 * complexity
    ceiling = next(n for n in range(int(hundredfold), int(hundredfold) + 2) if n >= hundredfold)
    growth = exact("1.5") ** (demand.depth - 1)
    agents = 1 + exact("0.3") * (demand.agents - 1)
    size = ceiling * growth * exact(FACTORS[demand.kind.value]) * agents
    return size, size * exact("0.1") * (1 + exact("0.5") * complexity)


@given(DEMANDS)
def test_the_charge_is_the_closed_form_rounded_up_once(demand):
    size, charge_ftns = closed_form(demand)
    prices = ContextPrices()
    assert prices.size(demand) == size
    charge = prices.charge(demand)
    assert isinstance(charge, int)
    assert 0 <= charge - charge_ftns * UNITS_PER_FTNS < 1


@pytest.mark.parametrize(
    ("demand", "price"),
    [
        (ContextDemand(0), "0"),
        (ContextDemand(1), "0.10005"),  # 1 unit · 0.1 · 1.0005
        (ContextDemand(500), "6.25"),  # 50 · 0.125
        (ContextDemand(1000, 3, QueryKind.RESEARCH, 2), "351"),  # 100·2.25·8·1.3 · 0.15
        (ContextDemand(205, 2, QueryKind.MEDIUM), "8.6821875"),  # 21·1.5·2.5 · 0.11025
    ],
)
def test_charges_worked_by_hand(demand, price):
    assert ContextPrices().charge(demand) == ftns(price)


def test_a_charge_that_is_no_whole_unit_is_rounded_up():
    prices = ContextPrices(unit_price_units=1)
    assert prices.charge(ContextDemand(10, kind=QueryKind.MEDIUM)) == 3  # 2.5 · 1.005 = 2.5125


@given(DEMANDS, st.data())
def test_more_of_anything_never_costs_less(demand, data):
    more = ContextDemand(
        data.draw(st.integers(demand.complexity_thousandths, 1000)),
        data.draw(st.integers(demand.depth, MAX_DEPTH)),
        demand.kind,
        data.draw(st.integers(demand.agents, 60)),
    )
    assert ContextPrices().charge(more) >= ContextPrices().charge(demand)


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        ({"complexity_thousandths": -1}, "complexity_thousandths"),
        ({"complexity_thousandths": 1001}, "complexity_thousandths"),
        ({"complexity_thousandths": 5, "depth": 0}, "depth"),
        ({"complexity_thousandths": 5, "depth": MAX_DEPTH + 1}, "depth"),
        ({"complexity_thousandths": 5, "agents": 0}, "agents"),
    ],
)
def test_a_demand_out_of_range_is_named(figures, word):
    with pytest.raises(UserError, match=word):
        ContextDemand(**figures)


def test_stages_have_their_prices():
    prices = StagePrices()
    assert {stage.value: prices.price(stage) // UNITS_PER_FTNS for stage in Stage} == {
        "base": 1,
        "architect": 5,
        "prompter": 2,
        "router": 1,
        "executor": 8,
        "compiler": 10,
    }


def test_every_figure_can_be_overridden():
    pricing = Pricing(
        ContextPrices(
            size_at_full_complexity=10,
            depth_factor=Fraction(2),
            agent_share=Fraction(1),
            unit_price_units=7,
            complexity_surcharge=Fraction(0),
            simple=Fraction(3),
        ),
        StagePrices(base=5),
    )
    assert pricing.context.charge(ContextDemand(1000, 3, QueryKind.SIMPLE, 2)) == 10 * 4 * 3 * 2 * 7
    assert pricing.stages.price(Stage.BASE) == 5
