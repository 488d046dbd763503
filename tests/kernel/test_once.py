"""Worked out once: by the very object, never by what it equals, and bounded."""

from prsm_sim.actor import Message, Results, encode, once
from prsm_sim.actor.once import KEPT


class Note(Message, frozen=True):
    """Some message."""

    number: int


def test_the_same_object_is_worked_out_once_and_an_equal_one_anew() -> None:
    worked: list[Note] = []

    def work(note: Note) -> bytes:
        worked.append(note)
        return encode(note)

    remembered = once(work)
    note, twin = Note(1), Note(1)
    assert [remembered(note), remembered(note), remembered(twin)] == 3 * [encode(note)]
    assert [id(one) for one in worked] == [id(note), id(twin)]


def test_no_result_is_another_objects_also_when_memory_is_used_again() -> None:
    remembered = once(lambda note: note.number)
    for number in range(3 * KEPT):  # each is let go at once, but for what is kept
        assert remembered(Note(number)) == number


def test_what_is_kept_is_bounded() -> None:
    results: Results[Note, int] = Results()
    notes = [Note(number) for number in range(KEPT + 1)]
    for note in notes[:-1]:
        assert results.of(note) is None
        assert results.keep(note, note.number) == note.number
    assert len(results) == KEPT
    assert [results.of(note) for note in notes[:2]] == [0, 1]
    results.keep(notes[-1], KEPT)
    assert len(results) == 1
    assert (results.of(notes[0]), results.of(notes[-1])) == (None, KEPT)
