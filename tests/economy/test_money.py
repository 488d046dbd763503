from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from economy.money import (
    UNITS_PER_FTNS,
    UnitsText,
    decode_units,
    encode_units,
    format_ftns,
    ftns,
    split,
)
from prsm_sim.actor import RemoteProtocolError, UserError, decode, encode

AMOUNTS = st.integers(0, 10**28)
WEIGHTS = st.lists(st.integers(0, 10**20), min_size=1, max_size=30).filter(any)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", 0),
        ("0.1", 10**17),
        ("1", 10**18),
        ("007", 7 * 10**18),
        ("0.000000000000000001", 1),
        ("1000000000", 10**27),
        ("12.340", 1234 * 10**16),
    ],
)
def test_amounts_are_parsed_exactly(text, units):
    assert ftns(text) == units


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "1.", ".5", "-1", "+1", "1e3", "1,5", "1_000", "0.0000000000000000001"),
        *("٣", "1\n", "nan", 0.1, 1, None, "9" * 40),
    ],
)
def test_what_is_no_amount_is_refused_with_the_way_to_mend(text):
    with pytest.raises(UserError, match=r"decimal string with at most 18 decimals") as caught:
        ftns(text)
    assert "\n" not in str(caught.value)


@given(AMOUNTS)
@example(10**17)
@example(UNITS_PER_FTNS)
def test_format_and_parse_are_inverse(units):
    text = format_ftns(units)
    assert ftns(text) == units
    assert format_ftns(-units) == (f"-{text}" if units else "0")
    assert not (("." in text) and text.endswith(("0", ".")))


@given(AMOUNTS)
def test_amounts_survive_a_wire(units):
    wire = encode(encode_units(units))
    assert decode_units(decode(wire, UnitsText)) == units


@pytest.mark.parametrize("text", ["-1", "01", "", " 1", "1\n", "1.0", "٣", "9" * 40, 5, 1.0, None])
def test_a_wire_accepts_canonical_amounts_only(text):
    with pytest.raises(RemoteProtocolError):
        decode(encode(text), UnitsText)


@pytest.mark.parametrize("units", [-1, 10**39])
def test_an_amount_that_no_wire_carries_is_a_bug(units):
    with pytest.raises(AssertionError):
        encode_units(units)


@given(AMOUNTS, WEIGHTS)
def test_shares_add_up_and_are_within_a_unit_of_exact(amount, weights):
    shares = split(amount, weights)
    total = sum(weights)
    assert len(shares) == len(weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        # |share − amount·weight/total| < 1, without fractions.
        assert abs(share * total - amount * weight) < total
        assert share == 0 or weight > 0


@given(AMOUNTS, WEIGHTS)
def test_left_over_units_go_to_the_largest_remainders(amount, weights):
    total = sum(weights)
    shares = split(amount, weights)
    rounded_up = [share * total > amount * w for share, w in zip(shares, weights, strict=True)]
    remainders = [amount * w % total for w in weights]
    got = [(r, -i) for i, r in enumerate(remainders) if rounded_up[i]]
    lost = [(r, -i) for i, r in enumerate(remainders) if not rounded_up[i]]
    # The first of equal remainders wins, hence the index in the key.
    assert not got or not lost or min(got) > max(lost)


@given(AMOUNTS, WEIGHTS, st.integers(2, 1000))
def test_a_split_depends_on_proportions_only(amount, weights, factor):
    assert split(amount, [w * factor for w in weights]) == split(amount, weights)


@given(AMOUNTS, WEIGHTS)
def test_a_larger_weight_never_gets_less(amount, weights):
    assume(len(weights) > 1)
    ranked = sorted(zip(weights, split(amount, weights), strict=True))
    for (lighter, less), (heavier, more) in pairwise(ranked):
        assert less <= more or lighter == heavier


@pytest.mark.parametrize(("amount", "weights"), [(1, []), (1, [0, 0]), (-1, [1]), (1, [2, -1])])
def test_an_impossible_split_is_a_bug(amount, weights):
    with pytest.raises(AssertionError):
        split(amount, weights)
