"""The history of clients: what it tells whoever reads it while it grows."""

import pytest

from prsm_sim.history import History, Invoked, Returned


def test_waits_are_counted_from_the_last_word_of_the_client_and_in_the_order_of_returns() -> None:
    history = History()
    for time_s, fact in (
        (1.0, Invoked("c", 1, b"read")),
        (2.0, Invoked("d", 1, b"read")),
        (4.0, Returned("d", 1, b"")),
        (5.0, Returned("c", 1, b"")),
        (5.5, Returned("c", 1, b"")),
        (6.0, Invoked("d", 1, b"read")),
        (9.0, Returned("d", 1, b"")),
    ):
        assert history.add(time_s, fact) is None
    assert history.waits_s == [2.0, 4.0, 4.5, 3.0]
    assert [(call.invoked_s, call.returned_s) for call in history.calls] == [(1.0, 5.0), (2.0, 4.0)]


def test_the_latest_call_is_the_one_told_of_last() -> None:
    history = History()
    for number in (1, 2, 1):
        history.add(float(number), Invoked("c", number, b"read"))
        assert history.latest["c"].number == number
    assert history.latest["c"] is history.by_request["c", 1]
    assert list(history.by_request) == [("c", 1), ("c", 2)]


def test_a_return_of_an_earlier_call_is_of_that_call() -> None:
    history = History()
    history.add(1.0, Invoked("c", 1, b"read"))
    history.add(2.0, Invoked("c", 2, b"read"))
    assert history.add(3.0, Returned("c", 1, b"x")) is None
    first, second = history.calls
    assert (first.result, first.returned, second.returned) == (b"x", 3, None)
    assert history.waits_s == [2.0]


@pytest.mark.parametrize(
    ("fact", "wrong"),
    [
        (Returned("c", 2, b""), "c was told the result of operation 2, never asked for"),
        (Returned("d", 1, b""), "d was told the result of operation 1, never asked for"),
        (Returned("c", 1, b"y"), "c was told two results of operation 1"),
        (Invoked("c", 1, b"write"), "c asked for two operations under number 1"),
    ],
)
def test_what_is_wrong_with_a_history_by_itself_leaves_it_as_it_was(
    fact: Invoked | Returned, wrong: str
) -> None:
    history = History()
    history.add(1.0, Invoked("c", 1, b"read"))
    history.add(2.0, Returned("c", 1, b"x"))
    assert history.add(3.0, fact) == wrong
    assert history.waits_s == [1.0]
    assert [(call.operation, call.result) for call in history.calls] == [(b"read", b"x")]
