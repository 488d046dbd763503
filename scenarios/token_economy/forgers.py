"""Forgers: works that are none, between the readers and the true originals.

A forger registers a copy of a popular work as a derivation of it, with its own *pads* in between:

    original ← pad 1 ← … ← pad k ← copy,

so that the original is k + 1 derivations away. Royalties look only so far. Let c be the original's
claim and p that of a pad, both after their kinds and first-mover multipliers, d the limit of depth,
and m the most that ancestors claim together. Of what is left after the fees the original gets

    0                               if k + 1 > d,
    c · min(1, m / (c + k·p))       if not,

and the forger all the rest, as the copy's creator and as that of the pads; other ancestors of the
original that are near enough take part like it. What the pads claim comes out of the forger's own
part, unless the bound m binds.

Using its own copies through puppets costs the forger the fees of platform and governance and the
original's part; all else comes back. By itself it can only lose. But it raises the copy's impact,
and that raises what true readers pay for it.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from economy.provenance import PPM, Kind
from economy.refusals import Refusal
from economy.royalty_shares import RoyaltyParameters
from scenarios.token_economy.authors import Library
from scenarios.token_economy.crowd import EconomicAgent, Floats, Strategy, Traits
from scenarios.token_economy.purse import Purse
from scenarios.token_economy.view import View

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

FORGER = "forger"
DAY_HOURS = 24
PadKind = Literal["foundational", "derivative"]


def original_share(
    rules: RoyaltyParameters, original: Kind, rank: int, pads: int, pad: Kind
) -> Fraction:
    """What an original without ancestors gets of a copy's royalty, after fees, by the closed form.

    Args:
        rules: the figures.
        original: its kind.
        rank: its place in its field; those of the pads are beyond all first movers'.
        pads: how many are in between.
        pad: their kind.
    """
    if pads + 1 > rules.depth_most:
        return Fraction(0)
    claim = Fraction(rules.kind_ppm(original) * rules.mover_ppm(rank), PPM**2)
    all_claims = claim + pads * Fraction(rules.kind_ppm(pad), PPM)
    most = Fraction(rules.ancestors_most_ppm, PPM)
    return claim if all_claims <= most else claim * most / all_claims


class Forging(Strategy):
    """One forger, and its puppets.

    Args:
        hours: of a step.
        copies: that it makes in all, one a step.
        pads: between each copy and its original.
        pad_kind: what it says that pads are.
        self_uses_per_day: of its copies, by its puppets.
        puppets: how many there are; a copy's reach grows with them.
        review: probability that a copy is recognised when it is registered.
        budget_ftns: of the forger.

    Attributes:
        library, purse: to be set before the first step.
        made, recognised, self_uses: how many.
    """

    rows = 3

    def __init__(
        self,
        hours: float,
        copies: int,
        pads: int,
        pad_kind: PadKind,
        self_uses_per_day: float,
        puppets: int,
        review: float,
        budget_ftns: float,
    ) -> None:
        self.hours = hours
        self.copies = copies
        self.pads = pads
        self.pad_kind = Kind(pad_kind)
        self.self_uses_per_day = self_uses_per_day
        self.puppets = [f"puppet-{number}" for number in range(puppets)]
        self.review = review
        self.budget_ftns = budget_ftns
        self.library: Library
        self.purse: Purse
        self.made = self.recognised = self.self_uses = 0
        self._taken: dict[str, None] = {}
        self._live: list[str] = []
        self._due = 0.0

    def traits(self, count: int, rng: np.random.Generator) -> dict[str, Floats]:
        """None: there is one forger."""
        return {}

    def endowment(self, traits: Traits, number: int) -> tuple[float, float]:
        """Its budget."""
        return self.budget_ftns, 0.0

    def wants(self, view: View, traits: Traits, draws: Any) -> Any:
        """From the second step on, always; the founding works come first."""
        return (draws[0] >= 0.0) & (view.step > 1)

    def act(self, economy: "TokenEconomy", agent: EconomicAgent, draws: Sequence[float]) -> None:
        """Copy the most wanted work that it has no copy of; let puppets use the copies."""
        if self.made < self.copies:
            self._copy(agent.name, is_recognised=draws[1] < self.review)
        self._due += self.self_uses_per_day * self.hours / DAY_HOURS
        while self._due >= 1.0 and self._live and self.puppets:
            self._due -= 1.0
            self.purse.watch(lambda: self._use_own(economy, agent.name))

    def _copy(self, forger: str, *, is_recognised: bool) -> None:
        library = self.library
        wanted = [name for name in library.works if name not in self._taken]
        if not wanted:
            return
        # Among equally wanted ones the earliest.
        original = max(wanted, key=lambda name: library.uses[name])
        self._taken[original] = None
        field, parent = library.graph.contents[original].field, original
        for number in range(self.pads):
            pad = library.register(
                f"{original}/pad-{number}", forger, self.pad_kind, field, (parent,)
            )
            parent = pad.name
        copy = library.register(f"{original}/copy", forger, Kind.DERIVATIVE, field, (parent,))
        self.made += 1
        if is_recognised:
            self.recognised += 1
            library.graph.assess(copy.name, 0)
        else:
            library.forgeries[original] = copy.name
            self._live.append(copy.name)

    def _use_own(self, economy: "TokenEconomy", forger: str) -> None:
        """Each copy in turn, by each puppet in turn, with money that the forger gives it."""
        library, money = self.library, economy.books.money
        puppet = self.puppets[self.self_uses % len(self.puppets)]
        copy = self._live[self.self_uses // len(self.puppets) % len(self._live)]
        # A royalty is at most a tenth of the value, times 2 for impact and 1.5 for quality.
        lent_units = library.use_value_units * 3 // 10
        if money.transfer(forger, puppet, lent_units) is not None:
            return
        if not isinstance(library.use(copy, puppet), Refusal):
            self.self_uses += 1
        money.transfer(puppet, forger, money.balances.get(puppet, 0))
