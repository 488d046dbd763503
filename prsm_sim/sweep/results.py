"""The folder of a study: written as outcomes come in, so that nothing is lost when it is stopped.

    study.json        what is run; a folder belongs to one study
    outcomes.jsonl    one line an outcome, in the order in which they came
    results.csv       one line a replica, by task: written when the study is complete

A line that a crash has torn is the last one; it is cut off when the study is taken up again, and
its replica runs once more. `results.csv` depends on the study alone, not on who ran what when.
"""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.study import Outcome, Study

STUDY, OUTCOMES, RESULTS = "study.json", "outcomes.jsonl", "results.csv"


class StudyFolder:
    """Outcomes of one study on disk. Use it as a context manager.

    Args:
        path: the folder; made if it is not there.
        study: what is run.

    Attributes:
        done: the outcomes so far, by task.

    Raises:
        UserError: the folder holds another study or is damaged, or cannot be written.
    """

    def __init__(self, path: Path, study: Study) -> None:
        self.path = path
        self.study = study
        self.done: dict[int, Outcome] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._claim()
            self._file = self._open()
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})") from error

    def __enter__(self) -> "StudyFolder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def missing(self) -> list[int]:
        """The tasks without an outcome, ascending."""
        return [number for number in range(self.study.tasks) if number not in self.done]

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Keep outcomes; they are on disk when this returns."""
        for outcome in outcomes:
            self.done[outcome.task] = outcome
            self._file.write(msgspec.json.encode(outcome) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> Path:
        """Write the table of all outcomes; returns its path."""
        assert not self.missing, "a table of part of a study would look like the whole"
        target = self.path / RESULTS
        partial = target.with_suffix(".partial")
        partial.write_text(table([self.done[number] for number in sorted(self.done)]), "utf-8")
        partial.replace(target)
        return target

    def _claim(self) -> None:
        """Write what the study is, or see that it is the one that is there."""
        file, wanted = self.path / STUDY, msgspec.json.format(msgspec.json.encode(self.study))
        if not file.exists():
            if (self.path / OUTCOMES).exists():
                raise UserError(f"{self.path}: has outcomes and no {STUDY}; take another folder")
            partial = file.with_suffix(".partial")
            partial.write_bytes(wanted)
            partial.replace(file)
            return
        try:
            known = msgspec.json.decode(file.read_bytes(), type=Study)
        except msgspec.DecodeError as error:
            raise UserError(f"{file}: damaged ({error}); take another folder") from error
        if known != self.study:
            other = ", ".join(
                name for name in Study.__struct_fields__
                if getattr(known, name) != getattr(self.study, name)
            )  # fmt: skip
            raise UserError(
                f"{self.path}: holds another study (it differs in {other}); take another folder"
            )

    def _open(self) -> io.BufferedWriter:
        """Read what is done, cut off a torn line, and go on behind it."""
        file = self.path / OUTCOMES
        whole = 0
        if file.exists():
            content = file.read_bytes()
            whole = content.rfind(b"\n") + 1
            for number, line in enumerate(content[:whole].splitlines(), 1):
                try:
                    outcome = msgspec.json.decode(line, type=Outcome)
                except msgspec.DecodeError as error:
                    raise UserError(
                        f"{file}:{number}: damaged ({error}); delete this line, and its replica "
                        "runs again"
                    ) from error
                self.done[outcome.task] = outcome
        stream = open(file, "ab")  # noqa: SIM115  # closed by `__exit__`
        stream.truncate(whole)
        return stream


def table(outcomes: list[Outcome]) -> str:
    """Outcomes as CSV: parameters of the point, seed, status, digest, events, metrics."""
    names = list(dict.fromkeys(one.partition("=")[0] for each in outcomes for one in each.point))
    metrics = sorted({name for each in outcomes for name in each.metrics})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, "seed", "status", "digest", "events", *metrics, "failure"])
    for each in outcomes:
        values = dict(one.partition("=")[::2] for one in each.point)
        numbers = [_cell(each.metrics.get(name)) for name in metrics]
        row = [values.get(name, "") for name in names]
        writer.writerow([*row, each.seed, each.status, each.digest, each.events, *numbers,
                         each.failure])  # fmt: skip
    return text.getvalue()


def _cell(value: float | None) -> str:
    """A number with all its digits; empty where there is none, never zero."""
    return "" if value is None else repr(value)
