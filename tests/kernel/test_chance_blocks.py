"""Whole blocks of a stream are the words that it would draw one by one."""

from hypothesis import given
from hypothesis import strategies as st

from prsm_sim.chance import Stream


@given(st.lists(st.sampled_from([0, 1, 8, 24, 64, 128, 192, 72]), max_size=8))
def test_bytes_are_the_same_by_block_and_by_word(sizes: list[int]) -> None:
    fast, slow = Stream(3, "someone"), Stream(3, "someone")
    for size in sizes:
        assert fast.randbytes(size) == slow.getrandbits(8 * size).to_bytes(size, "little")
    assert fast.random() == slow.random()
