"""The folder of a study: written as outcomes come in, so that nothing is lost when it is stopped.

    study.json               what is run; a folder belongs to one study
    outcomes.jsonl           one line an outcome, in the order in which they came
    outcomes-2-of-5.jsonl    those of a shard, if the study is run in shards
    results.csv              one line a replica, by task: written when the study is complete

A line that a crash has torn is the last one; it is cut off when the study is taken up again, and
its replica runs once more; so does one whose process was killed. Each file of outcomes has one
writer and many readers, so shards may run at the same time on machines that share the folder.
Whoever finds every replica done when it is through writes `results.csv`. It closes its own file
before it looks into those of the others, so of two that end at once the later one sees both.
`results.csv` depends on the study alone, not on who ran what when.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.design import WHOLE, Shard
from prsm_sim.sweep.kept import Lines, claim, read_lines, replace
from prsm_sim.sweep.study import DIED, Outcome, Study

STUDY, OUTCOMES, RESULTS = "study.json", "outcomes.jsonl", "results.csv"
ALL_OUTCOMES = "outcomes*.jsonl"


def outcomes_file(shard: Shard) -> str:
    """The name of the file that a shard writes."""
    return OUTCOMES if shard.count == 1 else f"outcomes-{shard.number}-of-{shard.count}.jsonl"


class StudyFolder:
    """Outcomes of one study on disk. Use it as a context manager.

    Args:
        path: the folder; made if it is not there.
        study: what is run.
        shard: which of its replicas are run here.

    Attributes:
        done: the outcomes so far, by task, whoever ran them.

    Raises:
        UserError: the folder holds another study or is damaged, or cannot be written, or another
            process runs the same.
    """

    def __init__(self, path: Path, study: Study, shard: Shard = WHOLE) -> None:
        self.path = path
        self.study = study
        self.shard = shard
        self.done: dict[int, Outcome] = {}
        self._own = path / outcomes_file(shard)
        try:
            claim(path, STUDY, study, ALL_OUTCOMES)
            self._lines = Lines(self._own, Outcome, "replica")
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})") from error
        self._take(self._lines.known)
        self.look_around()
        self._killed = {task for task, one in self.done.items() if one.status == DIED}

    def __enter__(self) -> "StudyFolder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()

    @property
    def missing(self) -> list[int]:
        """The tasks of the shard that are to be run, ascending."""
        return [
            number
            for number in range(self.study.tasks)
            if self.shard.holds(number) and (number not in self.done or number in self._killed)
        ]

    @property
    def is_complete(self) -> bool:
        """Whether every task has an outcome, those of other shards as well."""
        return len(self.done) == self.study.tasks

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Keep outcomes; they are on disk when this returns."""
        new = list(outcomes)
        self._lines.add(new)
        self._take(new)
        self._killed -= {one.task for one in new}

    def look_around(self) -> None:
        """Take in what others have done meanwhile."""
        for file in sorted(self.path.glob(ALL_OUTCOMES)):
            if file != self._own:
                self._take(read_lines(file.read_bytes(), file, Outcome, "replica")[0])

    def finish(self) -> Path | None:
        """Write the table if every replica is done; its path, or None. Nothing is added after."""
        self._lines.close()
        self.look_around()
        if not self.is_complete:
            return None
        target = self.path / RESULTS
        replace(target, table([self.done[number] for number in sorted(self.done)]).encode())
        return target

    def _take(self, outcomes: Iterable[Outcome]) -> None:
        """Remember outcomes. A replica whose process was killed may have gone well another time."""
        for one in outcomes:
            if one.task not in self.done or one.status != DIED:
                self.done[one.task] = one


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
