"""What a royalty is, and how it is shared out among those on whose work a used work stands.

    pool = value · 10 % · min(2, 1 + impact / 1000) · min(1.5, quality)

The payer of a use worth *value* puts the pool (rounded down to a unit) on top. Of the pool the
platform takes 5 % and governance 2 %, both rounded down. Of the rest each ancestor, up to
`depth_most` derivations away, claims the percentage of its kind (foundational 8, specialised 5,
incremental 2, derivative 1) times its first-mover multiplier (2 for the first content of its field,
1.5 up to the third, 1.25 up to the tenth). What the ancestors do not claim is the creator's whose
work was used.

The ancestors' claims together count for at most `ancestors_most_ppm` of the rest; more are scaled
down to it in proportion, and only the nearest `ancestors_most` are looked at. No ancestry, however
long, leaves a creator with nothing, or costs more than a bounded search. Padding remains: who hangs
ancestors of his own under his work dilutes, where the bound binds, the claims of the true ones. It
gains him at most what they would have had of what others pay.

All parts are integers over one common denominator, shared out by largest remainders
(`money.split`), so fees and shares add up to the pool to the last unit.

Hoarding is cut: of what an account is due, 10/25/50/90 % go to the commons if it already holds
1/5/10/20 % of the supply. The cut is rounded down. Holdings are what the account holds when the
royalty is paid, before it is; spreading them over accounts escapes it, as it does every rule that
knows accounts and not people. What is due to a closed account goes to the commons too: otherwise a
creator who leaves would make every work that stands on his unusable.
"""

import msgspec

from economy.impact import ImpactParameters, impact
from economy.ledger import Ledger
from economy.money import split
from economy.provenance import PPM, Kind, ProvenanceGraph


class Tier(msgspec.Struct, frozen=True):
    """Whoever holds at least `holding_ppm` of the supply loses `cut_ppm` of a royalty."""

    holding_ppm: int
    cut_ppm: int


class RoyaltyParameters(msgspec.Struct, frozen=True):
    """The figures of royalties; ppm are millionths.

    Attributes:
        rate_ppm: the pool of a use, of its value, at impact 0 and quality 1.
        impact_for_one: an impact of this much adds 1 to the impact factor.
        impact_most_ppm: the most that the impact factor can be.
        quality_most_ppm: the most that the quality factor can be.
        platform_ppm, governance_ppm: the fees, of the pool.
        foundational_ppm, specialised_ppm, incremental_ppm, derivative_ppm: the claim of an
            ancestor of that kind, of the pool less fees.
        movers: pairs of rank and multiplier in ppm, ranks rising: a content of at most that rank in
            its field has that multiplier; beyond the last it is 1.
        depth_most: ancestors are looked for up to so many derivations away.
        depth_decay_ppm: what each derivation after the first leaves of a claim; 1,000,000 is all.
        ancestors_most: so many ancestors at most are paid, the nearest.
        ancestors_most_ppm: of the pool less fees, the most that ancestors claim together.
        hoarding: tiers, with rising holdings; the last that applies counts.
    """

    rate_ppm: int = 100_000
    impact_for_one: int = 1_000
    impact_most_ppm: int = 2_000_000
    quality_most_ppm: int = 1_500_000
    platform_ppm: int = 50_000
    governance_ppm: int = 20_000
    foundational_ppm: int = 80_000
    specialised_ppm: int = 50_000
    incremental_ppm: int = 20_000
    derivative_ppm: int = 10_000
    movers: tuple[tuple[int, int], ...] = ((1, 2_000_000), (3, 1_500_000), (10, 1_250_000))
    depth_most: int = 5
    depth_decay_ppm: int = PPM
    ancestors_most: int = 64
    ancestors_most_ppm: int = 500_000
    hoarding: tuple[Tier, ...] = (
        Tier(10_000, 100_000),
        Tier(50_000, 250_000),
        Tier(100_000, 500_000),
        Tier(200_000, 900_000),
    )

    def kind_ppm(self, kind: Kind) -> int:
        """The claim of an ancestor of `kind`."""
        # Comparisons, because hashing an enum's member costs more than all four of them.
        if kind is Kind.FOUNDATIONAL:
            return self.foundational_ppm
        if kind is Kind.SPECIALISED:
            return self.specialised_ppm
        return self.incremental_ppm if kind is Kind.INCREMENTAL else self.derivative_ppm

    def mover_ppm(self, rank: int) -> int:
        """The first-mover multiplier of the content that came `rank`-th in its field."""
        return next((ppm for most, ppm in self.movers if rank <= most), PPM)

    def cut_ppm(self, holding_units: int, supply_units: int) -> int:
        """What is cut from an account that holds so much of a supply of so much."""
        cuts = [
            tier.cut_ppm
            for tier in self.hoarding
            if holding_units * PPM >= tier.holding_ppm * supply_units
        ]
        return cuts[-1] if cuts else 0


class Shares(msgspec.Struct, frozen=True):
    """Who gets what of a pool, in units; everything adds up to `pool_units`.

    Attributes:
        pool_units: the whole.
        platform_units, governance_units: the fees.
        commons_units: what was cut from hoarders, and what was due to closed accounts.
        creators: each creator once, with what is left to him, the creator of the used work first.
    """

    pool_units: int
    platform_units: int
    governance_units: int
    commons_units: int
    creators: tuple[tuple[str, int], ...]


def royalty_pool(
    graph: ProvenanceGraph,
    content: str,
    value_units: int,
    parameters: RoyaltyParameters,
    weights: ImpactParameters | None = None,
) -> int:
    """The royalty for a use of `content` (registered) worth `value_units`, rounded down."""
    worth = impact(graph.counts(content), weights)
    # 1 + impact / impact_for_one, over a common denominator.
    denominator = worth.denominator * parameters.impact_for_one
    numerator = denominator + worth.numerator
    if numerator * PPM > parameters.impact_most_ppm * denominator:
        numerator, denominator = parameters.impact_most_ppm, PPM
    quality_ppm = min(parameters.quality_most_ppm, graph.contents[content].quality_ppm)
    return value_units * parameters.rate_ppm * quality_ppm * numerator // (PPM**2 * denominator)


class Claims(msgspec.Struct, frozen=True):
    """What the ancestors of a content claim of the pool less fees, exactly, before the bound.

    Attributes:
        whole: the pool less fees, in the measure of the claims.
        claims: pairs of the ancestor's creator and its claim, nearest ancestors first.
    """

    whole: int
    claims: tuple[tuple[str, int], ...]


def ancestor_claims(graph: ProvenanceGraph, content: str, parameters: RoyaltyParameters) -> Claims:
    """The claims of the ancestors of `content` (registered).

    An ancestor that has the same creator as the content counts like any other.
    """
    decay_ppm, depth_most = parameters.depth_decay_ppm, parameters.depth_most
    # A claim is kind · mover · decay^(depth − 1); times a million for each factor it may have, it
    # is an integer. Where nothing decays, the claims at all depths have the same two factors.
    if decay_ppm == PPM:
        decays = [1] * depth_most
    else:
        decays = [decay_ppm**n * PPM ** (depth_most - 1 - n) for n in range(depth_most)]
    claims: list[tuple[str, int]] = []
    for name, depth in graph.ancestors(content, depth_most):
        if len(claims) == parameters.ancestors_most:
            break
        ancestor = graph.contents[name]
        claim = parameters.kind_ppm(ancestor.kind) * parameters.mover_ppm(ancestor.rank)
        claims.append((ancestor.creator, claim * decays[depth - 1]))
    whole = PPM**2 if decay_ppm == PPM else PPM ** (1 + depth_most)
    return Claims(whole, tuple(claims))


def share_out(
    graph: ProvenanceGraph,
    content: str,
    pool_units: int,
    parameters: RoyaltyParameters,
    ledger: Ledger,
) -> Shares:
    """Divide a pool for a use of `content` (registered); moves nothing."""
    platform_units = pool_units * parameters.platform_ppm // PPM
    governance_units = pool_units * parameters.governance_ppm // PPM
    claims = ancestor_claims(graph, content, parameters)
    weights = _weights(claims, parameters.ancestors_most_ppm)
    names = [graph.contents[content].creator, *(creator for creator, _ in claims.claims)]
    due: dict[str, int] = {}
    parts = split(pool_units - platform_units - governance_units, weights)
    for creator, part_units in zip(names, parts, strict=True):
        due[creator] = due.get(creator, 0) + part_units
    supply_units = ledger.totals().supply_units
    commons_units = 0
    for creator, gross_units in due.items():
        if ledger.accounts.why_not_enter(creator) is None:
            holding_units = ledger.balances.get(creator, 0)
            cut_units = gross_units * parameters.cut_ppm(holding_units, supply_units) // PPM
        else:
            cut_units = gross_units
        due[creator] = gross_units - cut_units
        commons_units += cut_units
    return Shares(pool_units, platform_units, governance_units, commons_units, tuple(due.items()))


def _weights(claims: Claims, most_ppm: int) -> list[int]:
    """Weights of the creator's part and of each claim, the claims at most `most_ppm` of all."""
    claimed = sum(claim for _, claim in claims.claims)
    if claimed * PPM > most_ppm * claims.whole:
        scaled = [claim * most_ppm for _, claim in claims.claims]
        return [claimed * (PPM - most_ppm), *scaled]
    return [claims.whole - claimed, *(claim for _, claim in claims.claims)]
