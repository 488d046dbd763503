"""Royalty farming: what an original gets of its copy, and what keeps a forger from a living."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from economy.genesis import open_ledger
from economy.provenance import Kind, ProvenanceGraph
from economy.royalty_shares import RoyaltyParameters, share_out
from scenarios.royalty_farming import royalty_farming
from scenarios.token_economy.authors import royalty_rules
from scenarios.token_economy.forgers import original_share
from tests.scenarios.economy_effects import attack_of, effects
from tests.scenarios.economy_trials import assert_paths_agree, metric, run

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "researchers": 4, "hosts": 1, "stakers": 2, "traders": 4, "steps": 72,
    "authors": 8, "readers": 25, "copies": 6,
}  # fmt: skip
POOL = 10**24


@given(
    st.sampled_from(list(Kind)),
    st.sampled_from([Kind.FOUNDATIONAL, Kind.DERIVATIVE]),
    st.integers(1, 12),
    st.integers(0, 12),
    st.integers(1, 20),
)
def test_the_original_gets_what_the_closed_form_says(
    kind: Kind, pad: Kind, rank: int, pads: int, depth_most: int
) -> None:
    rules = royalty_rules(depth_most=depth_most, first_mover=True, anti_hoarding=True)
    graph = ProvenanceGraph()
    graph.open_field("field")
    for number in range(1, rank):
        graph.register(f"earlier-{number}", "somebody", kind, "field", (), 0)
    graph.register("original", "author", kind, "field", (), 0)
    for number in range(10):
        graph.register(f"later-{number}", "somebody", kind, "field", (), 0)
    parent = "original"
    for number in range(pads):
        graph.register(f"pad-{number}", "forger", pad, "field", (parent,), 0)
        parent = f"pad-{number}"
    graph.register("copy", "forger", Kind.DERIVATIVE, "field", (parent,), 0)
    shares = share_out(graph, "copy", POOL, rules, open_ledger({"reader": POOL}))
    paid = dict(shares.creators)
    left = POOL - shares.platform_units - shares.governance_units
    expected = original_share(rules, kind, rank, pads, pad) * left
    assert abs(paid.get("author", 0) - expected) < 1
    assert paid.get("author", 0) + paid["forger"] == left


def test_rules_can_be_switched_off_one_by_one() -> None:
    all_on = royalty_rules(depth_most=5, first_mover=True, anti_hoarding=True)
    assert all_on == RoyaltyParameters()
    assert all_on.mover_ppm(1) == 2 * royalty_rules(
        depth_most=5, first_mover=False, anti_hoarding=True
    ).mover_ppm(1)
    off = royalty_rules(depth_most=5, first_mover=False, anti_hoarding=False)
    assert off == msgspec.structs.replace(all_on, movers=(), hoarding=())
    assert off.cut_ppm(10**6, 10**6) == 0 < all_on.cut_ppm(10**6, 10**6)


def test_both_paths_agree_and_the_books_balance() -> None:
    assert_paths_agree(royalty_farming, **SMALL, self_uses_per_day=30.0)


def test_using_its_own_copies_costs_a_forger_the_fees_and_brings_nothing() -> None:
    """With the originals out of reach 93 % of a royalty comes back, and 7 % are lost."""
    result = run(royalty_farming, 1, **SMALL, lure=0.0, self_uses_per_day=40.0)
    attack = attack_of(result)
    assert metric(result, "self_uses") > 50
    assert attack["gain_ftns"] == 0
    lost = Fraction(7, 93) * Fraction(metric(result, "forger_earned_ftns"))
    assert attack["cost_ftns"] == pytest.approx(float(lost))
    # Where royalties reach the originals it loses more.
    farther = attack_of(
        run(royalty_farming, 1, **SMALL, lure=0.0, self_uses_per_day=40.0, depth_most=20)
    )
    assert farther["cost_ftns"] > attack["cost_ftns"]


def test_the_farther_royalties_reach_the_more_of_a_copy_is_the_original_s() -> None:
    names = ("attack.net_ftns", "attack.harm_ftns", "authors_ftns")
    arm = {**SMALL, "review": 0.0, "pads": 2}
    found = effects(royalty_farming, names, {**arm, "depth_most": 2}, {**arm, "depth_most": 20})
    assert found["attack.net_ftns"][1] < 0
    assert found["attack.harm_ftns"][1] < 0
    assert found["authors_ftns"][0] > 0


def test_the_share_that_an_original_can_win_back_is_small() -> None:
    """The creator of what is used has the rest, so most of the harm is out of reach."""
    near, far = (
        attack_of(run(royalty_farming, 1, **SMALL, review=0.0, depth_most=depth))
        for depth in (5, 20)
    )
    assert 0.7 * near["harm_ftns"] < far["harm_ftns"] < near["harm_ftns"]


@pytest.mark.parametrize("off", [{"lure": 0.0}, {"review": 1.0}, {"copies": 0}])
def test_nobody_pays_a_forger_whom_readers_do_not_fall_for(off: dict[str, Any]) -> None:
    attack = attack_of(run(royalty_farming, 1, **{**SMALL, "self_uses_per_day": 0.0, **off}))
    assert attack["gain_ftns"] == 0
    assert attack["cost_ftns"] == 0


def test_a_rich_forger_is_paid_less_where_hoarding_is_cut() -> None:
    rich = {**SMALL, "budget_ftns": 7e6, "review": 0.0, "self_uses_per_day": 0.0}
    cut, whole = (
        attack_of(run(royalty_farming, 1, **rich, anti_hoarding=on)) for on in (True, False)
    )
    # It holds more than a twentieth of all there is, a hundred million, and loses a quarter.
    assert cut["gain_ftns"] == pytest.approx(0.75 * whole["gain_ftns"])


def test_first_movers_are_the_originals() -> None:
    arm = {**SMALL, "review": 0.0, "pads": 0}
    on, off = (
        metric(run(royalty_farming, 1, **arm, first_mover=mover), "authors_ftns")
        for mover in (True, False)
    )
    assert on > off
