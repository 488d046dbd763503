"""Bounded liveness after healing, `Eventually`, `Bounded`, and `Sometimes` over many runs."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prsm_sim.actor import InvariantViolation
from prsm_sim.checker import Verdict
from prsm_sim.history import History, Invoked, Returned
from prsm_sim.observatory import Observatory
from prsm_sim.oracles import Bounded, Eventually, Recovers, Sometimes, never_seen
from tests.oracles.telling import (
    Answered,
    Applied,
    Asked,
    Grew,
    Told,
    asks,
    hears,
    honest,
    judge,
)


def recovers() -> Recovers:
    return Recovers(5.0, after=10.0, trusted=honest)


@pytest.mark.parametrize(
    ("told", "end_s", "evaluations", "note"),
    [
        ([asks(1, "c", 1), hears(2, "c", 1)], 20, 1, "1 answered, 0 of them after the heal"),
        ([asks(1, "c", 1), hears(15, "c", 1)], 20, 1, "1 of them after the heal, in 5.000 s of 5"),
        ([asks(14, "c", 1), hears(18, "c", 1)], 20, 1, "in 4.000 s"),
        ([asks(1, "c", 1), hears(2, "c", 1), asks(16, "c", 2)], 20, 1, "1 answered"),  # not due
        ([asks(1, "c", 1), hears(2, "c", 1), asks(1, "liar", 1)], 20, 1, "1 answered"),
        ([asks(1, "c", 1), hears(2, "c", 1), asks(3, "c", 1)], 20, 1, "1 answered"),  # told again
        ([asks(1, "c", 1), hears(2, "c", 1), hears(19, "c", 1)], 20, 1, "1 answered"),
    ],
)
def test_recovery(told: list[Told], end_s: float, evaluations: int, note: str) -> None:
    verdict = judge(recovers(), told, end_s)
    assert (verdict.status, verdict.evaluations) == ("pass", evaluations)
    assert note in verdict.detail


@pytest.mark.parametrize(
    ("told", "end_s", "detail"),
    [
        ([asks(1, "c", 1)], 15,
         "c asked for ('c', 1) at 1.000 s and had no answer by 15.000 s, 5 s after the heal"),
        ([asks(12, "c", 1)], 17, "c asked for ('c', 1) at 12.000 s and had no answer by 17.000 s"),
        ([asks(1, "c", 1), hears(15.5, "c", 1)], 20, "(it came at 15.500 s)"),
        ([asks(2, "d", 1), asks(1, "z", 1), asks(3, "e", 1)], 20,
         "z asked for ('z', 1) at 1.000 s and had no answer by 15.000 s, 5 s after the heal; "
         "nor had 2 more in time"),
        ([asks(2, "d", 1), asks(1, "c", 1), hears(19, "d", 1)], 20, "c asked for ('c', 1)"),
    ],
)  # fmt: skip
def test_no_recovery(told: list[Told], end_s: float, detail: str) -> None:
    verdict = judge(recovers(), told, end_s)
    # It is a finding about the whole run, made at its end.
    assert (verdict.status, verdict.time_s) == ("fail", end_s)
    assert detail in verdict.detail


def test_what_is_not_due_is_inconclusive() -> None:
    verdict = judge(recovers(), [asks(1, "c", 1)], 14.9)
    assert (verdict.status, verdict.evaluations) == ("inconclusive", 0)
    assert verdict.detail == "the run ended before anything was due"
    assert judge(recovers(), [], 50).status == "inconclusive"


def test_recovery_of_other_facts() -> None:
    def checker() -> Recovers:
        return Recovers(
            5.0,
            asked=(Asked, lambda fact: fact.key),
            answered=(Answered, lambda fact: fact.key),
        )

    assert judge(checker(), [(1, "c", Asked("x")), (6, "c", Answered("x"))]).status == "pass"
    assert judge(checker(), [(1, "c", Asked("x")), (6, "c", Answered("y"))]).status == "fail"


def test_progress_counts_new_decisions_between_the_heal_and_the_bound() -> None:
    def checker() -> Recovers:
        progress = (Applied, lambda fact: fact.key or None, 2)
        return Recovers(5.0, after=10.0, progress=progress, trusted=honest)

    def decides(time_s: float, key: str, peer: str = "a") -> Told:
        return (time_s, peer, Applied(key))

    old = decides(1, "x")
    assert judge(checker(), [old, decides(11, "y"), decides(15, "z")]).status == "pass"
    assert judge(checker(), [old, decides(11, "y"), decides(15, "z")], 14).status != "fail"
    few = [
        [old, decides(11, "y")],
        [old, decides(11, "y"), decides(12, "x")],  # an old one
        [old, decides(11, "y"), decides(12, "y", "b")],  # the same
        [old, decides(11, "y"), decides(12, "z", "liar")],
        [old, decides(11, "y"), decides(12, "")],
        [old, decides(11, "y"), decides(15.1, "z")],  # too late
    ]
    for told in few:
        verdict = judge(checker(), told)
        assert verdict.status == "fail", told
        assert verdict.detail == "1 new decisions, not 2, in the 5 s after the heal at 10 s"


def eventually(**options: object) -> Eventually:
    return Eventually("big", Grew, lambda _, fact: fact.size > 5, trusted=honest, **options)  # type: ignore[arg-type]


def test_eventually() -> None:
    small, big = Grew(1), Grew(9)
    verdict = judge(eventually(), [(1, "a", small), (2, "a", big), (3, "a", small)])
    assert (verdict.status, verdict.evaluations, verdict.detail) == ("pass", 2, "since 2.000 s")
    verdict = judge(eventually(), [(1, "a", small), (2, "liar", big)])
    assert (verdict.status, verdict.time_s) == ("fail", 100)
    assert verdict.detail == "it has not happened by 100.000 s"
    assert judge(eventually(), []).status == "fail"


def test_eventually_by_a_time() -> None:
    big = Grew(9)
    assert judge(eventually(by_s=5.0), [(5, "a", big)]).status == "pass"
    assert judge(eventually(by_s=5.0), [(6, "a", big)]).status == "fail"
    assert judge(eventually(by_s=5.0), [], end_s=4).status == "inconclusive"
    assert judge(eventually(by_s=5.0), [(1, "a", Grew(1))], end_s=4).status == "inconclusive"


def test_eventually_at_each_of_some_peers() -> None:
    big = Grew(9)
    both = [(1.0, "a", big), (2.0, "b", big)]
    assert judge(eventually(peers=("a", "b")), both).status == "pass"  # type: ignore[arg-type]
    verdict = judge(eventually(peers=("a", "b")), [*both[:1], (2, "c", big)])
    assert (verdict.status, verdict.evaluations) == ("fail", 2)  # a, and b at the end
    assert verdict.detail == "it has not happened at b by 100.000 s"


def test_bounded_by_facts() -> None:
    def checker() -> Bounded:
        return Bounded("log", 5, fact=(Grew, lambda fact: fact.size), trusted=honest)

    verdict = judge(checker(), [(1, "a", Grew(5)), (2, "b", Grew(3)), (3, "liar", Grew(9))])
    assert (verdict.status, verdict.evaluations, verdict.detail) == ("pass", 2, "5 of 5 at most")
    verdict = judge(checker(), [(1, "a", Grew(5)), (2, "b", Grew(6))])
    assert (verdict.status, verdict.time_s) == ("fail", 2)
    assert verdict.detail == "b keeps 6, more than 5"


def test_bounded_by_a_probe_that_looks_at_samples_and_at_the_end() -> None:
    sizes = {"a": 1, "liar": 99}
    watched = Observatory()
    watched.check(Bounded("log", 5, probe=lambda: sizes, trusted=honest))
    watched.sample(1.0)
    sizes["a"] = 6
    with pytest.raises(InvariantViolation, match="log: a keeps 6, more than 5") as caught:
        watched.sample(2.0)
    assert caught.value.time_s == 2.0
    assert watched.verdicts()[0].status == "fail"

    watched = Observatory()
    watched.check(Bounded("log", 5, probe=lambda: sizes, trusted=honest))
    with pytest.raises(InvariantViolation):
        watched.finish(3.0)


def test_a_run_that_stopped_early_is_not_judged_by_its_end() -> None:
    watched = Observatory()
    watched.check(Bounded("log", 5, probe=lambda: {"a": 9}))
    watched.check(recovers())
    watched.check(eventually())
    watched.close(50.0)
    assert [verdict.status for verdict in watched.verdicts()] == ["inconclusive"] * 3


def test_sometimes_gives_no_verdict_and_is_seen_over_many_runs() -> None:
    def run(*told: Told, labels: tuple[str, ...] = ()) -> Counter[str]:
        watched = Observatory()
        watched.check(Sometimes("leader replaced"))
        watched.check(Sometimes("log full"))
        watched.check(Sometimes("grew big", Grew, lambda _, fact: fact.size > 5))
        for time_s, peer, fact in told:
            watched.fact(time_s, peer, fact)
        watched.coverage.update(labels)
        watched.finish(100.0)
        assert watched.verdicts() == []
        return watched.coverage

    first = run((1, "a", Grew(3)))
    assert first == {"leader replaced": 0, "log full": 0, "grew big": 0}
    assert list(first) == ["leader replaced", "log full", "grew big"]  # zeros are told
    second = run((1, "a", Grew(6)), labels=("leader replaced", "unexpected"))
    assert never_seen([first]) == ("grew big", "leader replaced", "log full")
    assert never_seen([first, second]) == ("log full",)
    assert never_seen([]) == ()


def test_who_only_watches_judges_nothing_whatever_it_returns() -> None:
    watched, seen = Observatory(), []
    watched.observe(Grew, lambda time_s, peer, fact: seen.append((time_s, peer, fact)) or "wrong")
    watched.fact(1.0, "a", Grew(1))
    watched.check(Bounded("size", 2, fact=(Grew, lambda fact: fact.size)))
    watched.fact(2.0, "a", Grew(2))
    with pytest.raises(InvariantViolation, match="size"):
        watched.fact(3.0, "a", Grew(3))
    assert seen == [(1.0, "a", Grew(1)), (2.0, "a", Grew(2)), (3.0, "a", Grew(3))]
    assert watched.counters["Grew"] == 3


def test_answers_heard_by_type_are_judged_as_by_observe() -> None:
    told = [asks(1, "c", 1), asks(2, "d", 1), hears(3, "c", 1), hears(11, "d", 1), asks(14, "c", 2)]
    plain = judge(Recovers(5.0, after=10.0), told)
    heard = judge(Recovers(5.0, after=10.0, trusted=lambda _: True), told)
    assert plain == heard
    assert (plain.status, plain.evaluations) == ("fail", 3)


FACTS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 4.0]), st.sampled_from("cde"), st.booleans()), max_size=30
)


@given(FACTS, st.integers(0, 30))
def test_a_history_is_judged_as_if_it_had_been_heard(
    steps: list[tuple[float, str, bool]], end_s: int
) -> None:
    """Clients ask one thing after the other, or again, and are told once or twice."""
    told: list[Told] = []
    time_s, numbers = 0.0, dict.fromkeys("cde", 0)
    for after_s, client, again in steps:
        time_s += after_s
        if again and numbers[client]:
            told.append(hears(time_s, client, numbers[client]))
        else:
            numbers[client] += 1
            told.append(asks(time_s, client, numbers[client]))
    heard = judge(Recovers(5.0, after=10.0), told, float(end_s))
    assert read(told, float(end_s)) == heard


@pytest.mark.parametrize(
    "told",
    [
        [asks(1, "c", 1), hears(2, "c", 1), asks(3, "c", 1)],  # asked again
        [asks(1, "c", 1), hears(2, "c", 1), hears(19, "c", 1)],  # told again
        # Both late, asked for at one instant: that of d was answered first.
        [asks(1, "c", 1), asks(1, "d", 1), hears(17, "d", 1), hears(18, "c", 1)],
        [asks(1, "c", 1), asks(1, "d", 1), hears(18, "c", 1)],
        [asks(12, "c", 1), hears(17, "c", 1)],  # in time to the last
        [asks(12, "c", 1), hears(17.5, "c", 1)],
    ],
)
def test_a_history_of_corners_is_judged_as_if_it_had_been_heard(told: list[Told]) -> None:
    assert read(told, 20.0) == judge(Recovers(5.0, after=10.0), told, 20.0)


def read(told: list[Told], end_s: float) -> Verdict:
    """The verdict of an oracle that hears nothing and reads the history at the end."""
    history = History()
    for time_s, _, fact in told:
        assert isinstance(fact, Invoked | Returned)
        assert history.add(time_s, fact) is None
    checker = Recovers(5.0, after=10.0, history=history)
    assert checker.observers() == {}
    return judge(checker, [], end_s)


def test_a_history_leaves_nothing_to_hear() -> None:
    asked = (Asked, lambda fact: fact.key)
    for arguments in ({"trusted": honest}, {"asked": asked}, {"answered": asked}):
        with pytest.raises(ValueError, match="leave one out"):
            Recovers(5.0, history=History(), **arguments)
