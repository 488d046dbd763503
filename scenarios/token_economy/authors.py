"""Authors, readers, and the library between them: who is paid when a work is used.

Authors write, most of it on the shoulders of earlier works; readers use works, the early ones more
often than the late ones, and pay royalties (`economy.royalties`). Reviewers recognise a forgery
(`forgers`) with a probability when it is registered; its quality is 0 then, and so is its royalty.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from economy.provenance import Content, Kind, ProvenanceGraph
from economy.refusals import Refusal
from economy.royalties import Payment, Royalties
from economy.royalty_shares import RoyaltyParameters
from scenarios.token_economy.books import units
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

AUTHOR, READER = "author", "reader"
FIELDS = ("biology", "chemistry", "physics")
KINDS = (Kind.SPECIALISED, Kind.INCREMENTAL, Kind.DERIVATIVE)


def royalty_rules(*, depth_most: int, first_mover: bool, anti_hoarding: bool) -> RoyaltyParameters:
    """The figures of royalties with some of the rules off."""
    rules = RoyaltyParameters(depth_most=depth_most)
    if not first_mover:
        rules = msgspec.structs.replace(rules, movers=())
    if not anti_hoarding:
        rules = msgspec.structs.replace(rules, hoarding=())
    return rules


class Library:
    """Works, and what is paid for their use.

    Args:
        economy: whose money it is; the books of works and royalties are audited with its others.
        rules: the figures of royalties.
        use_value_ftns: what a use is worth, FTNS; the royalty is a part of that.

    Attributes:
        works: the names of all honest works, the earliest first.
        uses: how often readers wanted each of them.
        forgeries: of a work, the name of the copy that readers may take for it.
    """

    def __init__(
        self, economy: "TokenEconomy", rules: RoyaltyParameters, use_value_ftns: float
    ) -> None:
        self.economy = economy
        books = economy.books
        self.graph = books.install(ProvenanceGraph())
        self.royalties = books.install(Royalties(books.money, self.graph, rules))
        for field in FIELDS:
            self.graph.open_field(field)
        self.use_value_units = units(use_value_ftns)
        self.works: list[str] = []
        self.uses: dict[str, int] = {}
        self.forgeries: dict[str, str] = {}
        self.lured = 0

    def write(self, author: str, kind: Kind, field: str, parents: Sequence[str]) -> None:
        """Register an honest work."""
        name = f"work-{len(self.works)}"
        made = self.register(name, author, kind, field, parents)
        self.works.append(made.name)
        self.uses[made.name] = 0

    def register(
        self, name: str, creator: str, kind: Kind, field: str, parents: Sequence[str]
    ) -> Content:
        """Enter a work of whatever merit."""
        made = self.graph.register(name, creator, kind, field, parents, self.economy.books.now_ms)
        assert not isinstance(made, Refusal), f"{name} is not registered: {made}"
        return made

    def use(self, name: str, user: str) -> Payment | Refusal:
        """Use a work, and pay the royalty; who cannot pay does not use it."""
        payments = self.royalties.payments
        paid = self.royalties.pay(f"use-{len(payments)}", name, user, self.use_value_units)
        if not isinstance(paid, Refusal):
            self.graph.use(name, user)
        return paid


class Writing(Strategy):
    """Authors: now and then a work, which derives from up to two earlier ones.

    Args:
        hours: of a step.
        rate_per_hour: of works, of each author.

    Attributes:
        library: to be set before the first step.
    """

    rows = 5

    def __init__(self, hours: float, rate_per_hour: float) -> None:
        self.hours = hours
        self.rate_per_hour = rate_per_hour
        self.library: Library

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `rate` of works an hour."""
        return {"rate": rng.exponential(self.rate_per_hour, count)}

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """A work is finished; on the first day the founding works are."""
        return (draws[0] < traits["rate"] * self.hours) | (view.step == 1)

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Publish it."""
        library = self.library
        field = FIELDS[int(draws[1] * len(FIELDS))]
        if agent.crowd.view.step == 1 or not library.works:
            library.write(agent.name, Kind.FOUNDATIONAL, field, ())
            return
        chosen = {library.works[int(draw * len(library.works))]: None for draw in draws[2:4]}
        kind = KINDS[int(draws[4] * len(KINDS))]
        library.write(agent.name, kind, field, tuple(chosen))


class Reading(Strategy):
    """Readers: use works, and may take a copy for the work.

    Args:
        hours: of a step.
        rate_per_hour: of uses, of each reader.
        lure: probability that who wants a work takes a copy of it, if there is one.

    Attributes:
        library: to be set before the first step.
    """

    rows = 3

    def __init__(self, hours: float, rate_per_hour: float, lure: float) -> None:
        self.hours = hours
        self.rate_per_hour = rate_per_hour
        self.lure = lure
        self.library: Library

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The `rate` of uses an hour."""
        return {"rate": rng.exponential(self.rate_per_hour, count)}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """Enough to read for a year."""
        return 1000.0, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """A work is needed."""
        return draws[0] < traits["rate"] * self.hours

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Look for it, and use what is found."""
        library = self.library
        if not library.works:
            return
        # The square makes early works more popular: half of all uses are of the first quarter.
        wanted = library.works[int(draws[1] ** 2 * len(library.works))]
        library.uses[wanted] += 1
        copy = library.forgeries.get(wanted)
        if copy is not None and draws[2] < self.lure:
            library.lured += 1
            library.use(copy, agent.name)
        else:
            library.use(wanted, agent.name)
