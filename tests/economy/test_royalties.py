"""Royalties: the pool, who shares it, and that the shares are the pool, always."""

from fractions import Fraction

import msgspec
import pytest
from economy_instrument import instrument

from economy import royalty_shares as subject
from economy.ledger import Ledger, LedgerParameters
from economy.provenance import Kind, ProvenanceGraph
from economy.refusals import Refusal
from economy.royalties import (
    COMMONS,
    GOVERNANCE,
    PLATFORM,
    EncodedRoyalties,
    Fund,
    Payment,
    Royalties,
)
from economy.royalty_shares import RoyaltyParameters, Shares, share_out
from prsm_sim.actor import RemoteProtocolError, decode, encode

FIGURES = RoyaltyParameters()
ORDINARY = RoyaltyParameters(movers=(), hoarding=())


def new_ledger(**balances):
    ledger = instrument(Ledger)(LedgerParameters(cap_units=10**30, genesis_units=0))
    for account, units in balances.items():
        assert ledger.mint(account, units) is None
    return ledger


def grown(*works):
    """A graph of (name, kind, parents); the creator of ``x`` is ``by x``."""
    graph = ProvenanceGraph()
    graph.open_field("law")
    for name, kind, *parents in works:
        graph.register(name, f"by {name}", kind, "law", parents, 1)
    return graph


@pytest.fixture
def chain():
    """Four kinds, each derived from the one before, and a used work at the end."""
    return grown(
        ("f", Kind.FOUNDATIONAL),
        ("s", Kind.SPECIALISED, "f"),
        ("i", Kind.INCREMENTAL, "s"),
        ("d", Kind.DERIVATIVE, "i"),
        ("used", Kind.DERIVATIVE, "d"),
    )


def shared(graph, pool, figures, content="used", ledger=None):
    return share_out(graph, content, pool, figures, ledger or new_ledger(user=10**20))


# --- the pool ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quality_ppm", "citations", "value", "pool"),
    [
        (1_000_000, 0, 1_000, 100),
        (1_000_000, 0, 1_009, 100),  # rounded down
        (500_000, 0, 1_000, 50),
        (1_500_000, 0, 1_000, 150),
        (2_000_000, 0, 1_000, 150),  # quality counts up to 1.5
        (0, 0, 1_000, 0),
        (1_000_000, 10, 1_000, 110),  # impact 100
        (1_000_000, 100, 1_000, 200),  # impact 1,000
        (1_000_000, 101, 1_000, 200),  # counts up to twice
        (1_500_000, 50, 1_000, 225),
        (1_000_000, 0, 9, 0),
    ],
)
def test_the_pool_is_use_times_impact_times_quality(quality_ppm, citations, value, pool):
    graph = grown(("used", Kind.SPECIALISED))
    for number in range(citations):
        graph.register(f"c{number}", "someone", Kind.SPECIALISED, "law", (), 1)
        graph.cite(f"c{number}", "used", "someone")
    graph.assess("used", quality_ppm)
    assert subject.royalty_pool(graph, "used", value, FIGURES) == pool


# --- the shares -------------------------------------------------------------------------------


def test_each_kind_has_its_share_and_the_creator_the_rest(chain):
    assert shared(chain, 100_000, ORDINARY) == Shares(
        pool_units=100_000,
        platform_units=5_000,
        governance_units=2_000,
        commons_units=0,
        creators=(
            ("by used", 78_120),  # 84 % of 93,000
            ("by d", 930),
            ("by i", 1_860),
            ("by s", 4_650),
            ("by f", 7_440),
        ),
    )


@pytest.mark.parametrize(
    ("rank", "claim"), [(1, 160), (2, 120), (3, 120), (4, 100), (10, 100), (11, 80), (12, 80)]
)
def test_first_movers_claim_more(rank, claim):
    graph = grown(
        *[(f"w{n}", Kind.FOUNDATIONAL) for n in range(1, 13)],
        ("used", Kind.DERIVATIVE, f"w{rank}"),
    )
    figures = RoyaltyParameters(platform_ppm=0, governance_ppm=0, hoarding=())
    shares = shared(graph, 1_000, figures)
    assert shares.creators == (("by used", 1_000 - claim), (f"by w{rank}", claim))


def test_who_is_too_far_away_gets_nothing(chain):
    names = [name for name, _ in shared(chain, 10**6, ORDINARY).creators]
    assert names == ["by used", "by d", "by i", "by s", "by f"]
    near = RoyaltyParameters(depth_most=2, movers=(), hoarding=())
    assert [name for name, _ in shared(chain, 10**6, near).creators] == ["by used", "by d", "by i"]


def test_claims_decay_with_distance_if_they_are_told_to(chain):
    figures = RoyaltyParameters(
        depth_decay_ppm=500_000, platform_ppm=0, governance_ppm=0, movers=(), hoarding=()
    )
    assert dict(shared(chain, 10**6, figures).creators) == {
        "by d": 10_000,
        "by i": 10_000,
        "by s": 12_500,
        "by f": 10_000,
        "by used": 957_500,
    }


def test_ancestors_together_claim_no_more_than_their_bound():
    works = [(f"w{n}", Kind.FOUNDATIONAL) for n in range(8)]
    graph = grown(*works, ("used", Kind.DERIVATIVE, *(name for name, _ in works)))
    shares = shared(graph, 100_000, ORDINARY)
    assert shares.creators[0] == ("by used", 46_500)
    assert {units for _, units in shares.creators[1:]} == {5_812, 5_813}
    assert sum(units for _, units in shares.creators) == 93_000


def test_only_the_nearest_ancestors_are_looked_at(chain):
    two = RoyaltyParameters(ancestors_most=2, movers=(), hoarding=())
    assert [name for name, _ in shared(chain, 10**6, two).creators] == ["by used", "by d", "by i"]


def test_a_creator_who_stands_on_himself_is_paid_once_for_all():
    graph = ProvenanceGraph()
    graph.open_field("law")
    graph.register("old", "me", Kind.FOUNDATIONAL, "law", (), 1)
    graph.register("used", "me", Kind.DERIVATIVE, "law", ("old",), 1)
    assert shared(graph, 1_000, FIGURES).creators == (("me", 930),)


@pytest.mark.parametrize(
    ("holding", "kept"),
    [(0, 930), (99, 930), (100, 837), (499, 837), (500, 698), (1_000, 465), (2_000, 93)],
)
def test_hoarders_are_cut_by_what_they_hold_of_the_supply(holding, kept):
    graph = grown(("used", Kind.DERIVATIVE))
    ledger = new_ledger(user=10_000 - holding)
    if holding:
        ledger.mint("by used", holding)
    shares = shared(graph, 1_000, FIGURES, ledger=ledger)
    assert shares.creators == (("by used", kept),)
    assert shares.commons_units == 930 - kept


def test_what_is_due_to_a_closed_account_is_the_commons(chain):
    ledger = new_ledger(user=10**9)
    ledger.close("by f")
    royalties = Royalties(ledger, chain, ORDINARY)
    assert royalties.pay("u", "used", "user", 10**6) == Payment("used", "user", 10**6, 10**5)
    assert ledger.balances[COMMONS] == 7_440
    assert royalties.audit() is None


# --- paying -----------------------------------------------------------------------------------


@pytest.fixture
def royalties(chain):
    return Royalties(new_ledger(user=10**9), chain, ORDINARY)


def test_the_payer_pays_the_pool_and_everyone_gets_his_share(royalties):
    ledger = royalties.ledger
    royalties.pay("u", "used", "user", 1_000_000)
    assert ledger.balances == {
        "user": 10**9 - 100_000,
        PLATFORM: 5_000,
        GOVERNANCE: 2_000,
        "by used": 78_120,
        "by d": 930,
        "by i": 1_860,
        "by s": 4_650,
        "by f": 7_440,
    }
    assert royalties.earned_units["by f"] == 7_440


def test_a_use_is_paid_once(royalties):
    first = royalties.pay("u", "used", "user", 1_000_000)
    before = royalties.encode(), dict(royalties.ledger.balances)
    royalties.graph.assess("used", 1_500_000)
    assert royalties.pay("u", "used", "user", 1_000_000) == first
    for terms in (("d", "user", 10**6), ("used", "other", 10**6), ("used", "user", 10**6 + 1)):
        assert royalties.pay("u", *terms) is Refusal.ID_TAKEN
    assert (royalties.encode(), royalties.ledger.balances) == before


def test_a_creator_who_uses_his_own_work_keeps_his_share(royalties):
    royalties.ledger.transfer("user", "by used", 100_000 - 78_120)
    assert isinstance(royalties.pay("u", "used", "by used", 1_000_000), Payment)
    assert "by used" not in royalties.ledger.balances
    assert royalties.earned_units["by used"] == 78_120
    assert royalties.audit() is None


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("nothing", "user", 100), Refusal.UNKNOWN_CONTENT),
        (("used", "user", 0), Refusal.INVALID_AMOUNT),
        (("used", "user", -5), Refusal.INVALID_AMOUNT),
        (("used", "user", 10**30 + 1), Refusal.INVALID_AMOUNT),
        (("used", "user", 10**10 + 10), Refusal.INSUFFICIENT_FUNDS),
        (("used", "nobody", 1_000), Refusal.INSUFFICIENT_FUNDS),
        (("used", "frozen", 1_000), Refusal.ACCOUNT_FROZEN),
        (("used", PLATFORM, 1_000), Refusal.NOT_AUTHORISED),
        (("fund's", "user", 1_000), Refusal.NOT_AUTHORISED),
    ],
)
def test_a_royalty_that_is_refused_changes_nothing(royalties, arguments, refusal):
    royalties.graph.register("fund's", COMMONS, Kind.DERIVATIVE, "law", (), 1)
    royalties.ledger.mint("frozen", 10**6)
    royalties.ledger.freeze("frozen")
    royalties.pay("first", "used", "user", 10**6)
    before = royalties.encode(), dict(royalties.ledger.balances)
    assert royalties.pay("u", *arguments) is refusal
    assert (royalties.encode(), royalties.ledger.balances) == before
    assert royalties.audit() is None


def test_a_use_too_small_for_a_royalty_is_recorded_and_costs_nothing(royalties):
    assert royalties.pay("u", "used", "user", 9) == Payment("used", "user", 9, 0)
    assert royalties.ledger.balances == {"user": 10**9}


def test_using_ones_own_work_and_ones_own_ancestors_costs_exactly_the_fees():
    graph = ProvenanceGraph()
    graph.open_field("law")
    for number in range(20):
        parents = [f"w{n}" for n in range(number)]
        graph.register(f"w{number}", "farmer", Kind.FOUNDATIONAL, "law", parents, 1)
    royalties = Royalties(new_ledger(farmer=10**9), graph, RoyaltyParameters(hoarding=()))
    for number in range(10):
        royalties.pay(f"u{number}", "w19", "farmer", 10**6)
    assert royalties.ledger.balances["farmer"] == 10**9 - 10 * 7_000


def test_a_fund_gives_what_it_has(royalties):
    royalties.pay("u", "used", "user", 10**6)
    assert royalties.withdraw(PLATFORM, "host", 5_001) is Refusal.INSUFFICIENT_FUNDS
    assert royalties.withdraw("user", "host", 1) is Refusal.NOT_AUTHORISED
    assert royalties.withdraw(PLATFORM, COMMONS, 1) is Refusal.NOT_AUTHORISED
    assert royalties.withdraw(PLATFORM, "host", 4_000) is None
    assert royalties.funds[PLATFORM] == Fund(5_000, 4_000)
    assert royalties.audit() is None


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda r: r.earned_units.update(x=1), "shared out"),
        (lambda r: r.funds.update({PLATFORM: Fund(5_001, 0)}), "shared out"),
        (lambda r: r.funds.update({PLATFORM: Fund(5_000, 1)}), "should hold"),
        (lambda r: r.ledger.transfer("user", GOVERNANCE, 1), "should hold"),
        (lambda r: r.payments.pop("u"), "shared out"),
        (lambda r: r.payments.update(v=Payment("used", "x", 0, 0)), "not possible"),
        (lambda r: r.payments.update(v=Payment("nothing", "x", 1, 0)), "no content"),
    ],
)
def test_the_audit_finds_what_is_wrong(royalties, break_it, words):
    royalties.pay("u", "used", "user", 10**6)
    assert royalties.audit() is None
    break_it(royalties)
    assert words in royalties.audit()


def test_restoring_trusts_nothing(royalties):
    for usage in ("v", "u"):
        royalties.pay(usage, "used", "user", 10**6)
    royalties.withdraw(PLATFORM, "host", 7)
    payload = royalties.encode()
    fresh = Royalties(royalties.ledger, royalties.graph, ORDINARY)
    empty = fresh.encode()
    for length in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            fresh.restore(payload[:length])
    state = decode(payload, EncodedRoyalties)
    for changes, words in (
        ({"version": 2}, "format"),
        ({"funds": state.funds[:2]}, "format"),
        ({"earned": state.earned[1:]}, "shared out"),
        ({"payments": state.payments[::-1]}, "canonical"),
        ({"earned": state.earned[::-1]}, "canonical"),
        ({"funds": (("10000", "8"), *state.funds[1:])}, "should hold"),
    ):
        with pytest.raises(RemoteProtocolError, match=words):
            fresh.restore(encode(msgspec.structs.replace(state, **changes)))
    assert fresh.encode() == empty
    fresh.restore(payload)
    assert fresh.encode() == payload
    assert fresh.pay("u", "used", "user", 10**6) == royalties.payments["u"]
    assert fresh.encode() == payload


def test_no_ancestry_however_padded_takes_more_than_its_bound():
    works = [(f"w{n}", Kind.FOUNDATIONAL, f"w{n - 1}") for n in range(1, 40)]
    graph = grown(
        ("w0", Kind.FOUNDATIONAL),
        *works,
        ("used", Kind.DERIVATIVE, *(name for name, *_ in works[:32])),
    )
    shares = shared(graph, 10**9, FIGURES)
    assert dict(shares.creators)["by used"] * 2 == 930_000_000


def test_the_defaults_are_those_of_the_rule():
    ppm = {name: Fraction(getattr(FIGURES, f"{name.value}_ppm"), 10_000) for name in Kind}
    assert list(ppm.values()) == [8, 5, 2, 1]
    assert [tier.cut_ppm // 10_000 for tier in FIGURES.hoarding] == [10, 25, 50, 90]
    assert FIGURES.movers == ((1, 2_000_000), (3, 1_500_000), (10, 1_250_000))
    assert (FIGURES.platform_ppm, FIGURES.governance_ppm) == (50_000, 20_000)
