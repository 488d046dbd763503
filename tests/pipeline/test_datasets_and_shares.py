import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import datasets as shipped

from agents.pipeline.datasets import CARDS, is_reserved, reserved_rows
from agents.pipeline.shares import Share, load, share_of, share_rows

NAMES = sorted(CARDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_the_shipped_data_set_is(name):
    bunch = getattr(shipped, f"load_{name}")()
    card = CARDS[name]
    assert bunch.data.shape == (card.rows, len(card.features))
    assert [str(one) for one in bunch.feature_names] == list(card.features)
    if name == "diabetes":
        assert card.classes == card.class_rows == ()
    else:
        assert np.bincount(bunch.target).tolist() == list(card.class_rows)
        assert len(card.classes) == len(bunch.target_names)
    if name in ("iris", "breast_cancer"):
        assert [str(one) for one in bunch.target_names] == list(card.classes)
    assert card.cells() == bunch.data.size


@pytest.mark.parametrize("name", NAMES)
def test_every_eighth_row_is_reserved(name):
    rows = reserved_rows(name)
    assert len(rows) == CARDS[name].rows // 8
    assert all(is_reserved(row) for row in rows)


@given(st.sampled_from(NAMES), st.integers(0, 2**63), st.integers(100, 1000))
def test_a_share_is_stratified_has_the_size_it_says_and_no_reserved_row(name, seed, thousandths):
    rows = share_rows(name, seed, thousandths)
    assert len(set(rows.tolist())) == len(rows)
    assert not any(is_reserved(row) for row in rows.tolist())
    target = load(name).target
    free = np.array([not is_reserved(row) for row in range(len(target))])
    strata = [target == label for label in range(len(CARDS[name].classes))] or [free]
    for stratum in strata:
        there = np.count_nonzero(stratum & free)
        taken = np.count_nonzero(stratum[rows])
        assert taken == -(-there * thousandths // 1000)


def test_shares_of_different_seeds_differ_and_of_one_seed_agree():
    one, other = (share_rows("wine", seed, 800).tolist() for seed in (1, 2))
    assert one != other
    assert one == share_rows("wine", 1, 800).tolist()
    smaller = set(share_rows("wine", 1, 400).tolist())
    assert smaller < set(one)
    assert share_of("wine", Share(1, 800, NAMES)).features.shape == (len(one), 13)


def test_a_known_share_has_not_moved():
    # Pins the assignment: changing the hash or its key would silently change every peer's data.
    assert share_rows("iris", 7, 100).tolist() == KNOWN


KNOWN = [2, 12, 18, 27, 29, 57, 77, 89, 92, 96, 106, 110, 116, 137, 142]
