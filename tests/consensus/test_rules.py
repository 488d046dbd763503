"""The pure rules, against arithmetic done another way and against the paper's sentences."""

import math
from fractions import Fraction

import pytest
from consensus_desk import Desk
from consensus_group import members_of
from hypothesis import given
from hypothesis import strategies as st

from agents.consensus import Committee, fault_limit, quorum
from agents.consensus.messages import NULL_DIGEST, batch_digest
from agents.consensus.rules import (
    DOUBLINGS_LIMIT,
    advance_clock,
    is_checkpoint,
    is_plausible_time,
    select_reproposals,
    timeout_s,
)
from prsm_sim.actor import UserError

SIZES = st.integers(4, 400)


@given(SIZES)
def test_quorum_is_half_of_n_plus_f_plus_1_rounded_up(n: int) -> None:
    f = max(f for f in range(n) if 3 * f + 1 <= n)
    assert fault_limit(n) == f
    assert quorum(n) == math.ceil(Fraction(n + f + 1, 2))


@given(SIZES)
def test_pbft_4_5_1_two_quorums_intersect_in_at_least_one_correct_replica(n: int) -> None:
    assert 2 * quorum(n) - n >= fault_limit(n) + 1
    assert 2 * (quorum(n) - 1) - n <= fault_limit(n), "a smaller quorum would be enough"


@given(SIZES)
def test_pbft_4_5_2_a_quorum_answers_even_when_f_replicas_are_silent(n: int) -> None:
    assert n - fault_limit(n) >= quorum(n)


@pytest.mark.parametrize(("n", "f", "q"), [(4, 1, 3), (5, 1, 4), (6, 1, 4), (7, 2, 5), (10, 3, 7)])
def test_quorums_of_small_committees(n: int, f: int, q: int) -> None:
    committee = Committee(members_of(n))
    assert (committee.f, committee.q, committee.join) == (f, q, f + 1)


@given(SIZES, st.integers(0, 10_000))
def test_pbft_4_1_the_primary_is_view_mod_n(n: int, view: int) -> None:
    assert Committee(members_of(n)).primary(view) == f"replica-{view % n}"


@given(SIZES)
def test_pbft_4_2_prepared_needs_pre_prepare_and_q_minus_1_prepares(n: int) -> None:
    committee = Committee(members_of(n))
    assert committee.is_prepared(quorum(n) - 1)
    assert not committee.is_prepared(quorum(n) - 2)


@given(SIZES)
def test_pbft_4_2_committed_local_needs_q_commits_including_its_own(n: int) -> None:
    committee = Committee(members_of(n))
    assert committee.is_committed(quorum(n))
    assert not committee.is_committed(quorum(n) - 1)


@given(SIZES)
def test_pbft_4_3_a_checkpoint_is_stable_with_q_and_5_1_a_tentative_result_lasts_with_q(
    n: int,
) -> None:
    committee = Committee(members_of(n))
    for is_enough in (committee.is_stable, committee.is_lasting):
        assert is_enough(quorum(n))
        assert not is_enough(quorum(n) - 1)
    assert committee.is_result(fault_limit(n) + 1)
    assert not committee.is_result(fault_limit(n))


@given(st.integers(-3, 40), st.integers(0, 7))
def test_pbft_4_3_checkpoints_are_the_multiples_of_k(sequence: int, interval: int) -> None:
    multiples = range(interval, 41, interval) if interval else ()
    assert is_checkpoint(sequence, interval) == (sequence in multiples)


@given(SIZES, st.integers(0, 5), st.lists(st.integers(0, 12), max_size=12))
def test_pbft_4_5_2_f_plus_1_later_views_draw_along_to_the_smallest(
    n: int, current: int, views: list[int]
) -> None:
    committee = Committee(members_of(n))
    later = sorted(view for view in views if view > current)
    expected = later[0] if len(later) > fault_limit(n) else None
    assert committee.view_to_join(current, views) == expected


def test_pbft_4_5_2_waits_double_with_each_view_change() -> None:
    waits = [timeout_s(3.0, attempts) for attempts in range(6)]
    assert waits == [3.0, 3.0, 6.0, 12.0, 24.0, 48.0]
    assert timeout_s(1.0, 10**6) == 2.0**DOUBLINGS_LIMIT


@given(st.lists(st.integers(-10, 10**6)))
def test_agreed_time_never_runs_backwards(readings: list[int]) -> None:
    clock, seen = 0, [0]
    for reading in readings:
        clock = advance_clock(clock, reading)
        seen.append(clock)
    assert seen == sorted(seen)
    assert clock == max([0, *readings])


def test_times_are_plausible_up_to_the_tolerance_on_both_sides() -> None:
    assert is_plausible_time(12_000, 10.0, 2.0)
    assert is_plausible_time(8_000, 10.0, 2.0)
    assert not is_plausible_time(12_001, 10.0, 2.0)
    assert not is_plausible_time(7_999, 10.0, 2.0)


@pytest.mark.parametrize("members", [("a", "b", "c"), ("a", "b", "c", "a")])
def test_an_impossible_committee_is_refused_with_a_reason(members: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="committee"):
        Committee(members)


CLAIMS = st.lists(
    st.dictionaries(st.integers(1, 9), st.integers(0, 5), max_size=6), min_size=3, max_size=5
)


@given(CLAIMS)
def test_pbft_4_4_o_takes_the_highest_view_and_fills_gaps_with_null(
    claims: list[dict[int, int]],
) -> None:
    desk = Desk(n=7)
    view_changes = [
        desk.view_change(
            number,
            9,
            *(
                desk.certificate(desk.pre_prepare(sequence, view, now_ms=view), 1, 2, 3, 4)
                for sequence, view in sorted(claim.items())
            ),
        )
        for number, claim in enumerate(claims)
    ]
    low, choices = select_reproposals(view_changes)
    best: dict[int, int] = {}
    for claim in claims:
        for sequence, view in claim.items():
            best[sequence] = max(view, best.get(sequence, 0))
    assert low == 0
    assert len(choices) == max(best, default=0)
    for sequence, chosen in enumerate(choices, 1):
        assert (None if chosen is None else chosen.view) == best.get(sequence)
        assert chosen is None or chosen.sequence == sequence


def test_the_digest_covers_time_and_what_the_client_signed() -> None:
    desk = Desk()
    one, two = desk.request(1), desk.request(2)
    different = {
        batch_digest(0, (one,)), batch_digest(1, (one,)), batch_digest(0, (two,)),
        batch_digest(0, (one, two)), batch_digest(0, (two, one)), NULL_DIGEST,
    }  # fmt: skip
    assert len(different) == 6
