"""Integrity, validity and certificates: what each finds, and what it must not mistake for it."""

import pytest

from prsm_sim.actor import Fact
from prsm_sim.oracles import Agreement, Certificates, Integrity, Order, Validity
from tests.oracles.telling import Answered, Applied, Asked, Told, honest, judge


def key(fact: Asked | Applied | Answered) -> str | None:
    return fact.key or None


def integrity(author: bool = False) -> Integrity:
    return Integrity(
        Applied,
        key,
        lambda fact: fact.slot,
        (Asked, key),
        author=(lambda fact: fact.key.split("/")[0]) if author else None,
        trusted=honest,
    )


ASKED: Told = (1, "client", Asked("client/1"))


def applied(time_s: float, peer: str, slot: int, name: str = "client/1", result: str = "") -> Told:
    return (time_s, peer, Applied(name, slot, result))


@pytest.mark.parametrize(
    ("told", "evaluations"),
    [
        ([ASKED, applied(2, "a", 1), applied(2, "b", 1)], 2),
        ([ASKED, applied(2, "a", 1), applied(3, "a", 1)], 2),  # its log again, after a restart
        ([ASKED, applied(2, "a", 1), applied(2, "a", 2, "")], 1),  # a slot without an operation
        ([ASKED, applied(2, "a", 1), applied(2, "liar", 2), applied(2, "liar", 3, "?")], 1),
    ],
)
def test_integrity_holds(told: list[Told], evaluations: int) -> None:
    verdict = judge(integrity(), told)
    assert (verdict.status, verdict.evaluations) == ("pass", evaluations)


@pytest.mark.parametrize(
    ("told", "detail"),
    [
        ([applied(2, "a", 1), ASKED], "a applied 'client/1', which nobody had asked for"),
        ([ASKED, applied(2, "a", 1, "client/2")], "a applied 'client/2', which nobody had asked"),
        ([ASKED, applied(2, "a", 1), applied(3, "a", 2)], "a applied 'client/1' in slot 2 after"),
        ([ASKED, applied(2, "a", 1), applied(2, "a", 1)], "a applied 'client/1' twice in slot 1"),
    ],
)
def test_integrity_is_broken(told: list[Told], detail: str) -> None:
    verdict = judge(integrity(), told)
    assert (verdict.status, verdict.time_s) == ("fail", told[-1][0] if told[-1] != ASKED else 2)
    assert detail in verdict.detail


def test_an_untrusted_author_need_not_have_said_that_it_asked() -> None:
    assert judge(integrity(author=True), [applied(2, "a", 1, "liar/1")]).status == "pass"
    assert judge(integrity(author=True), [applied(2, "a", 1, "client/1")]).status == "fail"
    twice = [applied(2, "a", 1, "liar/1"), applied(3, "a", 2, "liar/1")]
    assert judge(integrity(author=True), twice).status == "fail"


def test_integrity_of_nothing_is_inconclusive() -> None:
    assert judge(integrity(), [ASKED, applied(2, "liar", 1)]).status == "inconclusive"


def test_integrity_without_questions_judges_repetition_alone() -> None:
    def checker() -> Integrity:
        return Integrity(Applied, key, lambda fact: fact.slot)

    assert judge(checker(), [applied(1, "a", 1)]).status == "pass"
    assert judge(checker(), [applied(1, "a", 1), applied(1, "a", 2)]).status == "fail"


def validity(results: bool = False, local_reads: bool = False) -> Validity:
    return Validity(
        (Asked, key),
        (Applied, key),
        (Answered, key),
        results=(lambda fact: fact.result, lambda fact: fact.result) if results else None,
        undecided=(lambda fact: fact.by == "read") if local_reads else (lambda _: False),
        trusted=honest,
    )


def answered(time_s: float, peer: str = "client", result: str = "") -> Told:
    return (time_s, peer, Answered("client/1", result))


def test_validity_holds() -> None:
    for results in (True, False):
        told = [ASKED, applied(2, "a", 1, result="x"), answered(3, result="x")]
        verdict = judge(validity(results), told)
        assert (verdict.status, verdict.evaluations) == ("pass", 1)


@pytest.mark.parametrize(
    ("told", "detail"),
    [
        ([ASKED, answered(3)], "client was told the result of 'client/1', which no correct peer"),
        ([ASKED, answered(3), applied(4, "a", 1)], "which no correct peer had applied"),
        ([ASKED, applied(2, "liar", 1), answered(3)], "which no correct peer had applied"),
        ([applied(2, "a", 1), answered(3)], "which it had not asked for"),
        ([ASKED, applied(2, "a", 1), answered(3, "other")], "other was told the result"),
    ],
)
def test_validity_is_broken(told: list[Told], detail: str) -> None:
    verdict = judge(validity(), told)
    assert (verdict.status, verdict.evaluations, verdict.time_s) == ("fail", 1, 3)
    assert detail in verdict.detail


def test_a_result_must_be_one_that_a_correct_peer_computed() -> None:
    computed = [ASKED, applied(2, "a", 1, result="x"), applied(2, "liar", 1, result="y")]
    assert judge(validity(True), [*computed, answered(3, result="x")]).status == "pass"
    verdict = judge(validity(True), [*computed, answered(3, result="y")])
    assert verdict.detail == "client was told 'y' of 'client/1', which no correct peer computed"
    assert judge(validity(False), [*computed, answered(3, result="y")]).status == "pass"


def test_what_need_not_be_decided_must_still_have_been_asked() -> None:
    read: Told = (1, "client", Asked("client/1", "read"))
    assert judge(validity(local_reads=True), [read, answered(2)]).status == "pass"
    assert judge(validity(local_reads=True), [ASKED, answered(2)]).status == "fail"
    assert judge(validity(local_reads=True), [answered(2)]).status == "fail"
    assert judge(validity(local_reads=True), [read, answered(2, "liar")]).status == "inconclusive"


def test_certificates() -> None:
    def checker() -> Certificates:
        return Certificates(
            Applied, lambda fact: None if fact.result == "signed" else "no seal", trusted=honest
        )

    proved = applied(1, "a", 1, result="signed")
    verdict = judge(checker(), [proved, applied(2, "liar", 1)])
    assert (verdict.status, verdict.evaluations) == ("pass", 1)
    verdict = judge(checker(), [proved, applied(2, "b", 1, result="scribbled")])
    assert (verdict.status, verdict.time_s) == ("fail", 2)
    assert verdict.detail == "b tells Applied without proof: no seal"


class TookOver(Fact, frozen=True):
    slot: int


def test_order_goes_on_after_a_state_that_was_taken_over() -> None:
    def checker() -> Order:
        taken_over = (TookOver, lambda fact: fact.slot)
        return Order(Applied, lambda fact: fact.slot, honest, taken_over=taken_over)

    jump: list[Told] = [applied(1, "a", 1), (2, "a", TookOver(7)), applied(3, "a", 8)]
    assert judge(checker(), jump).status == "pass"
    assert judge(checker(), [jump[0], jump[2]]).status == "fail"
    assert judge(checker(), [*jump, (4, "a", TookOver(3)), applied(5, "a", 9)]).status == "pass"
    assert judge(checker(), [jump[0], (2, "b", TookOver(7)), jump[2]]).status == "fail"


def test_two_oracles_of_a_kind_have_names_of_their_own() -> None:
    first = Agreement(Applied, lambda fact: fact.slot, lambda fact: fact.key, name="first")
    assert judge(first, [applied(1, "a", 1)]).name == "first"
