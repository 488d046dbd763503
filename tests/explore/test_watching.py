"""Checkers in an exploration: shared memory, indifference, and the command line on top."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_planted_bugs import Entered, Exclusion, Left, LockParameters, lock

from prsm_sim.actor import Fact, PeerId
from prsm_sim.checker import Agreement, Checker
from prsm_sim.cli.explore import explore as command
from prsm_sim.explore import StillWorld, explore
from prsm_sim.explore.watch import watches_of

HERE = Path(__file__).parent


class Books(Checker):
    """Writes down who has entered."""

    name = "books"
    facts = (Entered,)

    def __init__(self, book: list[PeerId]) -> None:
        super().__init__()
        self.book = book

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        self.book.append(peer)
        return None


class Reads(Checker):
    """Reads what another wrote down: whoever leaves has entered, and last of all."""

    name = "reads"
    facts = (Left,)

    def __init__(self, book: list[PeerId]) -> None:
        super().__init__()
        self.book = book

    def observe(self, time_s: float, peer: PeerId, fact: Fact) -> str | None:
        return None if self.book[-1:] == [peer] else f"{peer} left, {self.book} entered"

    def finish(self, time_s: float) -> str | None:
        return None if len(self.book) == len(set(self.book)) else "someone entered twice"


def watched(world: StillWorld, parameters: LockParameters) -> None:
    lock.build(world, parameters)
    book: list[PeerId] = []
    world.check(Books(book), Reads(book))


def test_checkers_that_share_something_are_one_watch() -> None:
    book: list[PeerId] = []
    agreement = Agreement(Entered, lambda _: 0, lambda _: 0)
    watches = watches_of((Books(book), Exclusion(), Reads(book), agreement))
    assert [sorted(fact.__name__ for fact in watch.facts) for watch in watches] == [
        ["Entered", "Left"], ["Entered", "Left"], ["Entered"],
    ]  # fmt: skip
    assert [watch.indifferent for watch in watches] == [False, False, True]
    assert [watch.judges_the_end for watch in watches] == [True, True, False]


@pytest.mark.parametrize("reduction", ["none", "dynamic"])
def test_what_one_checker_writes_another_reads(reduction: str) -> None:
    mended = LockParameters(workers=2, broken=False)
    found = explore(watched, mended, reduction=reduction)
    assert found.complete
    broken = explore(watched, LockParameters(workers=3), reduction=reduction)
    assert broken.violation is not None


def test_agreement_does_not_remember_who_was_first() -> None:
    agreement = Agreement(Entered, lambda _: 0, lambda _: 0)
    watch = watches_of((agreement,))[0]
    first = watch.step(0, "a", Entered(), b"entered")
    assert watch.step(0, "b", Entered(), b"entered") == first
    assert watch.step(first[0], "b", Entered(), b"entered") == first
    assert agreement.evaluations == 0, "the scenario's own checker stays as it was"


def test_the_command_finds_writes_and_replays(tmp_path: Path) -> None:
    target = f"{HERE / 'test_planted_bugs.py'}:lock"
    tape = tmp_path / "tape.json"
    run = CliRunner().invoke
    found = run(command, [target, "--tape", str(tape)])
    assert found.exit_code == 1, found.output
    assert "8. deliver Grant() from server" in found.output
    assert len(json.loads(tape.read_text())) == 8
    replayed = run(command, [target, "--replay", str(tape)])
    assert replayed.exit_code == 1
    assert "exclusion: " in replayed.output
    proved = run(command, [target, "--set", "broken=false", "--set", "workers=2", "--json"])
    assert proved.exit_code == 0
    assert json.loads(proved.output)["complete"] is True
    assert run(command, [target, "--set", "broken=false", "--states", "5"]).exit_code == 3
