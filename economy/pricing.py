"""What a query costs: the context it needs, and the stages it passes through.

Context is metered in *context units*,

    size = ceil(100 · complexity) · 1.5^(depth − 1) · kind · (1 + 0.3 · (agents − 1)),

and a context unit costs ``0.1 FTNS · (1 + 0.5 · complexity)``. Replicas must agree on a charge to
the last unit, so nothing here is a float: complexity is an integer number of thousandths, every
factor is a fraction, and only the final charge is rounded, once, up to a whole unit.
"""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import ceil
from typing import Final

from economy.money import ftns
from prsm_sim.actor import UserError

THOUSANDTHS: Final = 1000
MAX_DEPTH: Final = 64
"""Deepest recursion that is priced: so deep, one context unit alone costs more than all FTNS."""


class QueryKind(Enum):
    """How a query is reasoned about."""

    SIMPLE = "simple"
    MEDIUM = "medium"
    COMPLEX = "complex"
    RESEARCH = "research"
    RECURSIVE = "recursive"


class Stage(Enum):
    """A stage of the pipeline that is paid for. `BASE` is charged once a query."""

    BASE = "base"
    ARCHITECT = "architect"
    PROMPTER = "prompter"
    ROUTER = "router"
    EXECUTOR = "executor"
    COMPILER = "compiler"


@dataclass(frozen=True, slots=True)
class ContextDemand:
    """What a query asks of the context manager.

    Attributes:
        complexity_thousandths: complexity in [0, 1], times 1,000.
        depth: levels of decomposition, ≥ 1.
        kind: how it is reasoned about.
        agents: how many agents share the context, ≥ 1.

    Raises:
        UserError: a figure is out of range.
    """

    complexity_thousandths: int
    depth: int = 1
    kind: QueryKind = QueryKind.SIMPLE
    agents: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.complexity_thousandths <= THOUSANDTHS:
            raise UserError(
                f"complexity_thousandths is {self.complexity_thousandths}; "
                f"give an integer from 0 to {THOUSANDTHS}"
            )
        if not 1 <= self.depth <= MAX_DEPTH:
            raise UserError(f"depth is {self.depth}; give an integer from 1 to {MAX_DEPTH}")
        if self.agents < 1:
            raise UserError(f"agents is {self.agents}; give an integer from 1")


@dataclass(frozen=True, slots=True)
class ContextPrices:
    """The figures of the context charge.

    Attributes:
        size_at_full_complexity: context units at complexity 1, depth 1, one agent, factor 1.
        depth_factor: growth with each level of decomposition.
        agent_share: what each agent after the first adds, as a share.
        unit_price_units: price of a context unit at complexity 0, in FTNS units.
        complexity_surcharge: what complexity 1 adds to that price, as a share.
        simple, medium, complex, research, recursive: factor of each `QueryKind`.
    """

    size_at_full_complexity: int = 100
    depth_factor: Fraction = Fraction(3, 2)
    agent_share: Fraction = Fraction(3, 10)
    unit_price_units: int = ftns("0.1")
    complexity_surcharge: Fraction = Fraction(1, 2)
    simple: Fraction = Fraction(1)
    medium: Fraction = Fraction(5, 2)
    complex: Fraction = Fraction(5)
    research: Fraction = Fraction(8)
    recursive: Fraction = Fraction(12)

    def kind_factor(self, kind: QueryKind) -> Fraction:
        """The factor of `kind`."""
        return {
            QueryKind.SIMPLE: self.simple,
            QueryKind.MEDIUM: self.medium,
            QueryKind.COMPLEX: self.complex,
            QueryKind.RESEARCH: self.research,
            QueryKind.RECURSIVE: self.recursive,
        }[kind]

    def size(self, demand: ContextDemand) -> Fraction:
        """How many context units `demand` needs, exactly."""
        # -(-a // b) is the integer ceiling of a / b.
        base = -(-self.size_at_full_complexity * demand.complexity_thousandths // THOUSANDTHS)
        growth = self.depth_factor ** (demand.depth - 1)
        sharing = 1 + self.agent_share * (demand.agents - 1)
        return base * growth * self.kind_factor(demand.kind) * sharing

    def charge(self, demand: ContextDemand) -> int:
        """What `demand` costs, in FTNS units, rounded up to a whole one."""
        complexity = Fraction(demand.complexity_thousandths, THOUSANDTHS)
        unit_price = self.unit_price_units * (1 + self.complexity_surcharge * complexity)
        return ceil(self.size(demand) * unit_price)


@dataclass(frozen=True, slots=True)
class StagePrices:
    """What passing one stage once costs, in FTNS units."""

    base: int = ftns("1")
    architect: int = ftns("5")
    prompter: int = ftns("2")
    router: int = ftns("1")
    executor: int = ftns("8")
    compiler: int = ftns("10")

    def price(self, stage: Stage) -> int:
        """The price of `stage`."""
        return {
            Stage.BASE: self.base,
            Stage.ARCHITECT: self.architect,
            Stage.PROMPTER: self.prompter,
            Stage.ROUTER: self.router,
            Stage.EXECUTOR: self.executor,
            Stage.COMPILER: self.compiler,
        }[stage]


@dataclass(frozen=True, slots=True)
class Pricing:
    """All prices of a query."""

    context: ContextPrices = ContextPrices()
    stages: StagePrices = StagePrices()
