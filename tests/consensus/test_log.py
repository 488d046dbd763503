"""The log: watermarks, and what a stable checkpoint lets it forget."""

from hypothesis import given
from hypothesis import strategies as st

from agents.consensus.log import Log
from agents.consensus.messages import Entry


@given(st.integers(0, 20), st.integers(1, 8), st.data())
def test_pbft_4_3_discarding_moves_the_low_watermark_and_nothing_else(
    executed: int, window: int, data: st.DataObject
) -> None:
    log = Log(window)
    for sequence in range(1, executed + 1):
        assert log.open(sequence, 0) is not None
        log.record(Entry(sequence, 0, ()), b"%d" % sequence)
    stable = data.draw(st.integers(0, executed))
    log.discard_to(stable)
    assert (log.low, log.executed, log.high) == (stable, executed, executed + window)
    assert sorted(log.slots) == list(range(stable + 1, executed + 1))
    assert [one.sequence for one in log.entries_after(0, 99)] == list(
        range(stable + 1, executed + 1)
    )
    for sequence in range(1, executed + 1):
        expected = b"%d" % sequence if sequence > stable else None
        assert log.executed_digest(sequence) == expected
    assert log.open(stable, 0) is None
    assert log.open(log.high, 0) is not None
    assert log.open(log.high + 1, 0) is None
