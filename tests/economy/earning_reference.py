"""Second, naive versions of earning, provenance, royalties, node rewards and base fees.

They share no code with the mechanisms but `Refusal` and the parameters: everything is a flat list
of what happened, folded anew for every question, in exact fractions that are rounded at the end.
"""

from fractions import Fraction
from math import floor

from economy.refusals import Refusal

MILLION = 1_000_000


def share(ppm):
    return Fraction(ppm, MILLION)


def apportion(amount, exact):
    """Whole parts of `amount` nearest to the exact ones, by largest remainders, one by one."""
    parts = [floor(part) for part in exact]
    while sum(parts) < amount:
        lacks = [part - whole for part, whole in zip(exact, parts, strict=True)]
        parts[lacks.index(max(lacks))] += 1
    return parts


class ReferenceGraph:
    def __init__(self, parents_most, quality_most_ppm):
        self.parents_most = parents_most
        self.quality_most_ppm = quality_most_ppm
        self.fields = set()
        self.works = []  # (name, creator, kind, field), in the order of registration
        self.founding = {}
        self.edges = []  # (child, parent), in the order of declaration
        self.cited = set()
        self.used = []
        self.quality = {}

    def names(self):
        return [name for name, *_ in self.works]

    def creator(self, wanted):
        return next(creator for name, creator, *_ in self.works if name == wanted)

    def kind(self, wanted):
        return next(kind for name, _, kind, _ in self.works if name == wanted)

    def rank(self, wanted):
        field = next(field for name, _, _, field in self.works if name == wanted)
        return [name for name, _, _, other in self.works if other == field].index(wanted) + 1

    def parents(self, wanted):
        return [parent for child, parent in self.edges if child == wanted]

    def reaches(self, child, ancestor):
        return child == ancestor or any(self.reaches(p, ancestor) for p in self.parents(child))

    def register(self, name, creator, kind, field, parents):
        if name in self.names():
            same = (name, creator, kind, field) in self.works and self.founding[name] == parents
            return None if same else Refusal.ID_TAKEN
        if field not in self.fields:
            return Refusal.UNKNOWN_FIELD
        if name in parents:
            return Refusal.CYCLE
        if set(parents) - set(self.names()):
            return Refusal.UNKNOWN_CONTENT
        if len(parents) > self.parents_most or len(parents) != len(set(parents)):
            return Refusal.TOO_MANY
        self.works.append((name, creator, kind, field))
        self.founding[name] = parents
        self.quality[name] = MILLION
        self.edges += [(name, parent) for parent in parents]
        return None

    def derive(self, child, parent, claimant):
        if {child, parent} - set(self.names()):
            return Refusal.UNKNOWN_CONTENT
        if claimant != self.creator(child):
            return Refusal.NOT_AUTHORISED
        if (child, parent) in self.edges:
            return None
        if len(self.parents(child)) == self.parents_most:
            return Refusal.TOO_MANY
        if self.reaches(parent, child):
            return Refusal.CYCLE
        self.edges.append((child, parent))
        return None

    def cite(self, citing, cited, claimant):
        if {citing, cited} - set(self.names()):
            return Refusal.UNKNOWN_CONTENT
        if citing == cited:
            return Refusal.CYCLE
        if claimant != self.creator(citing):
            return Refusal.NOT_AUTHORISED
        self.cited.add((citing, cited))
        return None

    def use(self, name, user, downloads, used_ms):
        if name not in self.names():
            return Refusal.UNKNOWN_CONTENT
        if downloads < 0 or used_ms < 0 or downloads == used_ms == 0:
            return Refusal.INVALID_FIGURE
        self.used.append((name, user, downloads, used_ms))
        return None

    def assess(self, name, quality_ppm):
        if name not in self.names():
            return Refusal.UNKNOWN_CONTENT
        if not 0 <= quality_ppm <= self.quality_most_ppm:
            return Refusal.INVALID_FIGURE
        self.quality[name] = quality_ppm
        return None

    def counts(self, name):
        """citations, downloads, used_ms, derivatives, of others, reach."""
        me = self.creator(name)
        works = [child for child, parent in self.edges if parent == name]
        uses = [use for use in self.used if use[0] == name and use[1] != me]
        return (
            len(
                [1 for citing, cited in self.cited if cited == name and self.creator(citing) != me]
            ),
            sum(use[2] for use in uses),
            sum(use[3] for use in uses),
            len(works),
            len([work for work in works if self.creator(work) != me]),
            len({use[1] for use in uses}),
        )

    def impact(self, name):
        citations, downloads, used_ms, derivatives, of_others, reach = self.counts(name)
        use = 10 * citations + Fraction(downloads, 10) + Fraction(used_ms, 3_600_000)
        together = Fraction(of_others, derivatives) if derivatives else 0
        return use * (1 + Fraction(3, 2) * together + min(Fraction(10), Fraction(reach, 2)))

    def ancestors(self, name, depth_most):
        """Pairs of name and distance: generation by generation, each at its first."""
        found, generation = [], [name]
        for depth in range(1, depth_most + 1):
            elders = [parent for child in generation for parent in self.parents(child)]
            known = {name, *(ancestor for ancestor, _ in found)}
            generation = [e for i, e in enumerate(elders) if e not in known | set(elders[:i])]
            found += [(elder, depth) for elder in generation]
        return found


def royalty_pool(graph, content, value, figures):
    by_impact = min(share(figures.impact_most_ppm), 1 + graph.impact(content) / 1000)
    by_quality = min(share(figures.quality_most_ppm), share(graph.quality[content]))
    return floor(value * share(figures.rate_ppm) * by_impact * by_quality)


def royalty_shares(graph, content, pool, figures, holdings, supply, closed=()):
    """(platform, governance, commons, {creator: units})."""
    platform = floor(pool * share(figures.platform_ppm))
    governance = floor(pool * share(figures.governance_ppm))
    rest = pool - platform - governance
    rows = [(graph.creator(content), None)]
    for name, depth in graph.ancestors(content, figures.depth_most)[: figures.ancestors_most]:
        percent = getattr(figures, f"{graph.kind(name).value}_ppm")
        claim = share(percent) * share(figures.depth_decay_ppm) ** (depth - 1)
        for most, ppm in reversed(figures.movers):
            if graph.rank(name) <= most:
                mover = share(ppm)
        rows.append((graph.creator(name), claim * (mover if graph.rank(name) <= 10 else 1)))
    claimed = sum(claim for _, claim in rows[1:])
    most = share(figures.ancestors_most_ppm)
    scale = most / claimed if claimed > most else 1
    exact = [rest * (1 - claimed * scale), *(rest * claim * scale for _, claim in rows[1:])]
    due, commons = {}, 0
    for (creator, _), part in zip(rows, apportion(rest, exact), strict=True):
        due[creator] = due.get(creator, 0) + part
    for creator, gross in due.items():
        cut = Fraction(1) if creator in closed else Fraction(0)
        for tier in figures.hoarding:
            if (
                creator not in closed
                and holdings.get(creator, 0) >= share(tier.holding_ppm) * supply
            ):
                cut = share(tier.cut_ppm)
        due[creator] = gross - floor(gross * cut)
        commons += floor(gross * cut)
    return platform, governance, commons, due


def node_payments(nodes, pool, figures):
    """{operator: units}; `nodes` are (operator, region, capacity, uptime_ppm)."""
    serving = [node for node in nodes if node[3]]
    capacity = sum(node[2] for node in serving)
    earned = {}
    for operator, region, size, uptime_ppm in serving:
        part = Fraction(size, capacity)
        factor = 2 if part <= Fraction(1, 1000) else 1
        factor = Fraction(1, 2) if part >= Fraction(1, 100) else factor
        factor = Fraction(1, 10) if part >= Fraction(5, 100) else factor
        elsewhere = Fraction(sum(n[2] for n in serving if n[1] != region), capacity)
        units = figures.base_units * factor * share(uptime_ppm) * (1 + elsewhere / 2)
        earned[operator] = earned.get(operator, 0) + units
    operators = sorted(earned)
    due = [floor(earned[operator]) for operator in operators]
    budget = floor(pool * share(figures.budget_ppm))
    if sum(due) > budget:
        due = apportion(budget, [Fraction(budget * units, sum(due)) for units in due])
    most = floor(budget * share(figures.operator_most_ppm))
    paid = zip(operators, (min(units, most) for units in due), strict=True)
    return {operator: units for operator, units in paid if units}


def base_fee(fee, used, target):
    """EIP-1559's rule with its nested integer divisions spelled out in fractions."""
    step = floor(Fraction(floor(Fraction(fee * abs(used - target), target)), 8))
    if used > target:
        return fee + (step if step > 1 else 1)
    return fee - step
