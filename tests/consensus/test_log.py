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
    assert [one.sequence for one in log.entries_after(stable, 99)] == list(
        range(stable + 1, executed + 1)
    )
    for sequence in range(stable):
        assert log.entries_after(sequence, 99) == (), "what follows a gap is of no use"
    for sequence in range(1, executed + 1):
        expected = b"%d" % sequence if sequence > stable else None
        assert log.executed_digest(sequence) == expected
    assert log.open(stable, 0) is None
    assert log.open(log.high, 0) is not None
    assert log.open(log.high + 1, 0) is None


@given(st.integers(0, 9), st.integers(0, 9))
def test_pbft_4_3_with_checkpoints_the_window_counts_from_the_stable_one(
    stable: int, beyond: int
) -> None:
    log = Log(16, has_checkpoints=True)
    for sequence in range(1, stable + beyond + 1):
        log.record(Entry(sequence, 0, ()), b"d")
    log.discard_to(stable)
    assert (log.low, log.high) == (stable, stable + 16)
    assert log.open(stable + 16, 0) is not None
    assert log.open(stable + 17, 0) is None


@given(st.integers(0, 9), st.integers(1, 9))
def test_pbft_4_6_a_log_may_be_moved_beyond_what_is_executed(executed: int, ahead: int) -> None:
    log = Log(16, has_checkpoints=True)
    for sequence in range(1, executed + 1):
        log.record(Entry(sequence, 0, ()), b"d")
    low = executed + ahead
    log.discard_to(low)
    assert log.lacks_state
    assert (log.low, log.executed, log.high, log.journal) == (low, executed, low + 16, [])
    log.begin_at(low)
    assert not log.lacks_state
    log.record(Entry(low + 1, 0, ()), b"d")
    assert log.executed == low + 1
    assert log.executed_digest(low + 1) == b"d"
    assert log.executed_digest(low) is None
