"""What a piece of research has been worth to others, as one exact number.

    impact = (10·citations + 0.1·downloads + 1·hours) · (1 + 1.5·collaboration + min(10, 0.5·reach))

The first factor counts use, the second how wide that use is. *Collaboration* is the share, from 0
to 1, of the works directly derived from it that someone else made; *reach* is how many accounts
used it. What a creator does to his own work counts nowhere: otherwise the cheapest impact is one's
own. Accounts are not people, so a creator with many accounts still counts as many; the bound on
reach limits what that buys to a factor of 12.5.

The impact is a rational number, exact until whoever uses it rounds once; nothing here is a float.
"""

from fractions import Fraction
from typing import Final

import msgspec

THOUSANDTHS: Final = 1_000
HOUR_MS: Final = 60 * 60 * 1_000


class ImpactParameters(msgspec.Struct, frozen=True):
    """The weights of impact, each in thousandths.

    Attributes:
        citation_thousandths: for one citation.
        download_thousandths: for one download.
        hour_thousandths: for one hour of use.
        collaboration_thousandths: what a collaboration of 1 adds to the second factor.
        reach_thousandths: what one account reached adds to it.
        reach_most_thousandths: the most that reach adds to it.
    """

    citation_thousandths: int = 10_000
    download_thousandths: int = 100
    hour_thousandths: int = 1_000
    collaboration_thousandths: int = 1_500
    reach_thousandths: int = 500
    reach_most_thousandths: int = 10_000


class ImpactCounts(msgspec.Struct, frozen=True):
    """What was counted of a work; each is ≥ 0, and none counts what its own creator did.

    Attributes:
        citations: works of others that cite it.
        downloads: times that others fetched it.
        used_ms: how long others used it, in all.
        derivatives: works directly derived from it, by anyone.
        derivatives_of_others: those of them that others made.
        reach: accounts of others that used it.
    """

    citations: int = 0
    downloads: int = 0
    used_ms: int = 0
    derivatives: int = 0
    derivatives_of_others: int = 0
    reach: int = 0


def impact(counts: ImpactCounts, parameters: ImpactParameters | None = None) -> Fraction:
    """The impact of a work of which this was counted, exactly."""
    figures = ImpactParameters() if parameters is None else parameters
    assert min(msgspec.structs.astuple(counts)) >= 0, f"a count is negative: {counts}"
    assert counts.derivatives_of_others <= counts.derivatives, f"more than all: {counts}"
    # One fraction at the end instead of one for each term: this is computed for every royalty.
    counted = figures.citation_thousandths * counts.citations
    counted += figures.download_thousandths * counts.downloads
    use = counted * HOUR_MS + figures.hour_thousandths * counts.used_ms
    reach = min(figures.reach_most_thousandths, figures.reach_thousandths * counts.reach)
    derivatives = max(counts.derivatives, 1)
    width = (THOUSANDTHS + reach) * derivatives
    width += figures.collaboration_thousandths * counts.derivatives_of_others
    return Fraction(use * width, THOUSANDTHS**2 * HOUR_MS * derivatives)


def collaboration(counts: ImpactCounts) -> Fraction:
    """The share of the derived works that others made; 0 if there are none."""
    if counts.derivatives == 0:
        return Fraction(0)
    return Fraction(counts.derivatives_of_others, counts.derivatives)
