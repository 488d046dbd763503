"""Mutation testing of `agents/consensus` with mutmut: `make mutate` (results: docs/mutation.md).

Mutmut writes every mutant of a function beside the original, behind a switch that it sets in a
forked child; so a mutant costs milliseconds plus the tests that reach its function, fastest first.
What is run is the copy in `mutants/`, never the installed package. Some things are fitted here:

* Functions under `@on` and `@property` and classes under `@dataclass` are mutated too. Mutmut
  leaves out all that is decorated; here the switch carries the decorator and the mutants none.
* Coverage labels (``ctx.sometimes("…")``) are left out: they are telemetry, not behaviour.
* The tests are collected once, and each mutant is tried in a child of that very process; those that
  killed its neighbours go first. Each test has a budget of processor time, each child one of
  memory; a loop without end is a kill.
* Results stay while a function stays as it is, so a run that was stopped is taken up again.

Stages, each for what the one before left over:

* ``quick``: tests of `tests/consensus`, the likeliest killers, for about a second and a half.
* ``retry``: the same for survivors, after tests were added.
* ``long``: all of those tests that reach the mutant.
* ``deep``: the slow properties, the tests of the scenarios and a campaign of random faults.
* ``report``: nothing is run.

Usage: mutate.py [--stage STAGE] [MUTANT…]     (MUTANT: a pattern such as ``*.rules.*``)
"""

import argparse
import ast
import gc
import hashlib
import inspect
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from fnmatch import fnmatch
from functools import partial
from itertools import accumulate
from pathlib import Path

import hypothesis
import libcst as cst
import libcst.matchers as m
import mutmut
import mutmut.__main__ as engine
import mutmut.file_mutation as mutation
import pytest
from _pytest.runner import runtestprotocol

HERE = Path().resolve()
SLOW = ["tests/consensus/test_schedules.py", "tests/consensus/test_evidence.py"]
CAMPAIGN = ("consensus_baseline", "swarm", 60)
CHILDREN = 2
QUICK_S = 1.5
TEST_BUDGET_S = 4.0
DEEP_BUDGET_S = 120.0
MEMORY_BYTES = 3 << 30
KINDS = ("killed", "out of time", "survived", "not tried")
CLEAN = "none"
ORIGINAL = "__mutmut_orig"
IDLE = 34  # "skipped"
OUT_OF_TIME = 36  # the exit status that mutmut shows as "timeout"
QUIET = ["--tb=no", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--assert=plain"]

SWITCH = """
from inspect import signature as _mutmut_signature
from typing import Annotated, Callable, ClassVar

import mutmut as _mutmut

MutantDict = Annotated[dict[str, Callable], "Mutant"]


def _mutmut_trampoline(orig, mutants, call_args, call_kwargs, self_arg=None):
    if _mutmut.chosen in mutants and _mutmut.chosen_module == orig.__module__:
        mutant = mutants[_mutmut.chosen]
        if self_arg is None:
            return mutant(*call_args, **call_kwargs)
        return mutant(self_arg, *call_args, **call_kwargs)
    if _mutmut.passed is not None:
        _mutmut.passed(orig.__module__ + "." + orig.__name__)
    return orig(*call_args, **call_kwargs)

"""

skip_decorated = mutation.MutationVisitor._skip_node_and_children
arrange = mutation.function_trampoline_arrangement
write_mutants = engine.create_mutants_for_file


def skip(self, node):
    """Mutmut's own exceptions, but for decorators that the switch can carry."""
    if m.matches(node, m.Call(func=m.Attribute(attr=m.Name("sometimes")))):
        return True
    if isinstance(node, cst.Decorator):
        return True
    if isinstance(node, cst.FunctionDef | cst.ClassDef) and all(map(is_carried, node.decorators)):
        return skip_decorated(self, node.with_changes(decorators=()))
    return skip_decorated(self, node)


def is_carried(decorator):
    name = decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else None
    name = name or decorator.decorator
    return isinstance(name, cst.Name) and name.value in {"on", "property", "dataclass"}


def arrange_decorated(function, mutants, class_name):
    """Move the decorators of a function from its mutants to the switch between them."""
    bare = function.with_changes(decorators=())
    nodes, names = arrange(bare, mutants, class_name)
    if not function.decorators:
        return nodes, names
    name = function.name.value
    moved = []
    for node in nodes:
        if isinstance(node, cst.FunctionDef) and node.name.value == name:
            moved.append(node.with_changes(decorators=function.decorators))
        elif not isinstance(node, cst.SimpleStatementLine) or "__signature__" not in (
            cst.Module([node]).code
        ):
            moved.append(node)
    return moved, names


def write_and_keep(filename, output_path):
    """Write the mutants of a file; keep what was found out about those that are the same as then.

    A mutant whose code is the original's is idle: mutmut "lowers" even what has no letters.
    """
    known = engine.SourceFileMutationData(path=filename)
    known.load()
    outcome = write_mutants(filename, output_path)
    fresh = engine.SourceFileMutationData(path=filename)
    fresh.load()
    functions = codes_of(output_path.read_text())
    notes = output_path.with_suffix(".tried")
    before = json.loads(notes.read_text()) if notes.exists() else {}
    now = {}
    for name in fresh.exit_code_by_key:
        short = name.rpartition(".")[2]
        original, code = functions[short.partition("__mutmut_")[0] + ORIGINAL], functions[short]
        now[name] = hashlib.sha256(f"{original} {code}".encode()).hexdigest()
        if code == original:
            fresh.exit_code_by_key[name] = IDLE
        elif before.get(name) == now[name]:
            fresh.exit_code_by_key[name] = known.exit_code_by_key[name]
    fresh.save()
    notes.write_text(json.dumps(now))
    return outcome


def codes_of(source):
    """Of each function, by name: its code without the name."""
    return {
        node.name: ast.dump(ast.Module([*node.body, node.args], []))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
    }


def choose(name, passed=None):
    """Let this mutant run from now on (empty: none); `passed` hears of every function reached."""
    mutmut.chosen_module, _, mutmut.chosen = name.rpartition(".")
    mutmut.passed = passed


def fail(name):
    raise engine.MutmutProgrammaticFailException(name)


class Reach:
    """A pytest plug-in that notes how long each test takes and which functions it reaches."""

    def pytest_runtest_makereport(self, item, call):
        if call.when == "call":
            mutmut.duration_by_test[item.nodeid] = call.duration

    def pytest_runtest_teardown(self, item):
        for function in mutmut._stats:
            mutmut.tests_by_mangled_function_name[function].add(item.nodeid)
        mutmut._stats.clear()


def run_stats(self, *, tests):
    """Run these tests, or all, and note what they reach (mutmut's own reads a lost attribute)."""
    choose("", engine.record_trampoline_hit)
    with engine.change_cwd("mutants"):
        arguments = ["-x", "-q", *QUIET, *(list(tests) or mutmut.config.tests_dir)]
        return int(self.execute_pytest(arguments, plugins=[Reach()]))


class Trials:
    """A pytest plug-in that tries mutants instead of running the tests once.

    The tests are collected once; each mutant then gets a forked child of this very process, which
    runs the tests that reach it until one fails. Those that have killed neighbours go first.
    """

    def __init__(self, mutants, stage, survivors):
        self.survivors = survivors
        self.mutants = mutants
        self.stage = stage
        self.everywhere = self.campaign = stage == "deep"
        self.budget_s = DEEP_BUDGET_S if self.everywhere else TEST_BUDGET_S
        self.items = {}
        self.kills = defaultdict(Counter)
        self.running = {}
        self.began_s = time.monotonic()

    def pytest_runtest_setup(self, item):
        set_budget(self.budget_s)

    def pytest_runtestloop(self, session):
        self.items = {item.nodeid: item for item in session.items}
        gc.collect()
        gc.freeze()
        self._start(None, "fail", set(self.items))
        if self.stage in ("long", "deep"):
            self._start(None, CLEAN, set(self.items))
        for number, (data, name) in enumerate(self.mutants, 1):
            reached = mutmut.tests_by_mangled_function_name.get(name.partition("__mutmut_")[0], ())
            tests = set(self.items) if self.everywhere else set(reached) & set(self.items)
            while len(self.running) >= CHILDREN:
                self._finish()
            self._start(data, name, tests)
            if number % 100 == 0:
                took_s = time.monotonic() - self.began_s
                print(f"{number} of {len(self.mutants)} in {took_s:.0f} s", flush=True)
        while self.running:
            self._finish()
        return True

    def _start(self, data, name, tests):
        told, tell = os.pipe()
        pid = os.fork()
        if not pid:
            os._exit(self._child(name, self._ranked(name, tests), tell))
        os.close(tell)
        self.running[pid] = data, name, told

    def _finish(self):
        pid, status = os.wait()
        data, name, told = self.running.pop(pid)
        with os.fdopen(told, "rb") as pipe:
            killer = pipe.read().decode()
        code = os.waitstatus_to_exitcode(status)
        if killer:
            self.kills[name.partition("__mutmut_")[0]][killer] += 1
            self.kills[name.rpartition(".")[0]][killer] += 1
        if name == "fail" and code == 0:
            pytest.exit("the tests do not run the mutated copy", 1)
        if name == CLEAN and code != 0:
            pytest.exit(f"without any mutant a test fails: {killer or 'the campaign'} ({code})", 1)
        if data is not None:
            data.exit_code_by_key[name] = code
            data.save()
            if code == 0:
                self.survivors.add(name)

    def _ranked(self, name, tests):
        here, near = self.kills[name.partition("__mutmut_")[0]], self.kills[name.rpartition(".")[0]]
        durations = mutmut.duration_by_test
        ranked = sorted(
            tests, key=lambda one: (-here[one], -near[one], durations.get(one, 1.0), one)
        )
        if self.stage not in ("quick", "retry") or name == "fail":
            return ranked
        until_s = accumulate(durations.get(one, 1.0) for one in ranked)
        return [one for one, at_s in zip(ranked, until_s, strict=True) if at_s <= QUICK_S]

    def _child(self, name, tests, tell):
        choose(name, fail if name == "fail" else None)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        try:
            for test in tests:
                if not passes(self.items[test], self.budget_s):
                    os.write(tell, test.encode())
                    return 1
            set_budget(DEEP_BUDGET_S)
            return int(self.campaign and is_struck_by_faults())
        except BaseException:  # whatever a mutant raises, it was noticed
            if name == CLEAN:
                os.write(tell, traceback.format_exc(limit=-1).encode())
            return 1


def passes(item, budget_s):
    """Run a test: without pytest's ceremony, which costs more than most tests, if it can be."""
    arguments = item.callspec.params if hasattr(item, "callspec") else {}
    if set(item.fixturenames) - set(arguments) or inspect.iscoroutinefunction(item.obj):
        return not any(one.failed for one in runtestprotocol(item, log=False, nextitem=None))
    set_budget(budget_s)
    try:
        item.obj(**arguments)
    except pytest.skip.Exception:
        return True
    except (Exception, pytest.fail.Exception):
        return False
    return True


def set_budget(seconds):
    signal.signal(signal.SIGPROF, lambda *_: os._exit(OUT_OF_TIME))
    signal.setitimer(signal.ITIMER_PROF, seconds)


def is_struck_by_faults():
    """Whether a campaign of random faults finds anything wrong."""
    from prsm_sim.fuzz.campaign import Job, trials

    scenario, strategy, seeds = CAMPAIGN
    job = Job(scenario=scenario, strategy=strategy)
    return any(trial.finding is not None for trial in trials(job, range(seeds)))


def prepare():
    """Write the copy with its mutants; find out, or remember, what each test reaches."""
    choose("")
    os.makedirs("mutants", exist_ok=True)
    with engine.CatchOutput():
        engine.copy_src_dir()
        engine.create_mutants(CHILDREN)
        engine.copy_also_copy_files()
    here = Path().resolve()
    sys.path[:] = [one for one in sys.path if Path(one).resolve() != here]
    sys.path.insert(0, str(here / "mutants"))
    notes, now = Path("mutants/tested"), fingerprint()
    if not notes.exists() or notes.read_text() != now or not engine.load_stats():
        engine.run_stats_collection(engine.PytestRunner())
        notes.write_text(now)


def fingerprint():
    """Of all that is run: if any of it changes, the tests have to pass anew without a mutant."""
    digest = hashlib.sha256()
    for path in sorted(Path("mutants").rglob("*")):
        if path.is_file() and path.suffix in (".py", ".txt", ".yaml"):
            digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class Survivors:
    """What a stage has tried in vain, so that it need not try again when it is resumed."""

    def __init__(self, stage):
        self.path = HERE / f"mutants/{stage}.survivors"
        self.notes = {}
        for notes in (HERE / "mutants").rglob("*.tried"):
            self.notes |= json.loads(notes.read_text())
        self.known = set(self.path.read_text().splitlines()) if self.path.exists() else set()

    def add(self, name):
        with open(self.path, "a") as lines:
            lines.write(f"{name} {self.notes[name]}\n")

    def __contains__(self, name):
        return f"{name} {self.notes[name]}" in self.known


def try_mutants(patterns, stage):
    """Try what no stage has tried; or what has survived so far."""
    if stage == "retry":
        for lines in (HERE / "mutants").glob("*.survivors"):
            lines.unlink()
    mutants, _ = engine.collect_source_file_mutation_data(mutant_names=patterns)
    survivors = Survivors(stage)
    wanted = [
        (data, name)
        for data, name, status in sorted(mutants, key=lambda one: order_of(one[1]))
        if kind(status) == ("not tried" if stage == "quick" else "survived")
        and not (stage in ("long", "deep") and name in survivors)
    ]
    for data, _ in wanted:
        data.meta_path = data.meta_path.absolute()
    tests = SLOW if stage == "deep" else mutmut.config.tests_dir
    choose("")
    with engine.change_cwd("mutants"):
        # Without capture: a child must not share its parent's capture files.
        arguments = ["-q", "-s", *QUIET, "--rootdir=.", *tests]
        status = pytest.main(arguments, plugins=[Trials(wanted, stage, survivors)])
    if status != 0:
        sys.exit(int(status))


def order_of(name):
    """The tools of the tests, liars, come last."""
    return name.split(".")[2] in {"byzantine", "lies"}


def report(patterns):
    """Print a table by module, and the survivors; return the kill rate of all, in percent."""
    mutants, by_path = engine.collect_source_file_mutation_data(mutant_names=())
    print("| module | mutants | killed | out of time | survived | not tried | rate |")
    print("|---|---|---|---|---|---|---|")
    rows = sorted(
        (Path(path).stem, Counter(map(kind, data.exit_code_by_key.values())))
        for path, data in by_path.items()
    )
    totals = sum((counts for _, counts in rows), Counter())
    for name, counts in [*rows, ("total", totals)]:
        del counts["idle"]
        if counts:
            cells = [counts.total(), *(counts[one] for one in KINDS), f"{rate_of(counts):.1f} %"]
            print(f"| {name} | {' | '.join(map(str, cells))} |")
    for _, name, status in mutants:
        if kind(status) == "survived" and (
            not patterns or any(map(partial(fnmatch, name), patterns))
        ):
            print(name)
    return rate_of(totals)


def rate_of(counts):
    tried = counts.total() - counts["not tried"]
    return 100 * (1 - counts["survived"] / tried) if tried else 0.0


def kind(status):
    if status is None:
        return "not tried"
    if status == IDLE:
        return "idle"
    if status in (0, 5, 33):
        return "survived"  # that no test reaches it is no excuse
    return "out of time" if status in (OUT_OF_TIME, 24, -24, 152, 255) else "killed"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--stage", choices=("quick", "retry", "long", "deep", "report"), default="quick"
    )
    parser.add_argument("--at-least", type=float, default=0.0, metavar="PERCENT")
    parser.add_argument("mutants", nargs="*", metavar="MUTANT")
    arguments = parser.parse_args()
    mutation.trampoline_impl_cst[:] = cst.parse_module(SWITCH).body
    mutation.MutationVisitor._skip_node_and_children = skip
    mutation.function_trampoline_arrangement = arrange_decorated
    engine.create_mutants_for_file = write_and_keep
    engine.PytestRunner.run_stats = run_stats
    hypothesis.settings.register_profile(
        "mutate",
        database=None,
        derandomize=True,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )
    hypothesis.settings.load_profile("mutate")
    engine.ensure_config_loaded()
    if arguments.stage != "report":
        prepare()
        try_mutants(arguments.mutants, arguments.stage)
    if report(arguments.mutants) < arguments.at_least:
        sys.exit(f"fewer than {arguments.at_least} % of the mutants were killed")


if __name__ == "__main__":
    main()
