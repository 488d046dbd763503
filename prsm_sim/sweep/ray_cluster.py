"""Replicas on Ray: an instance of our own on this machine, or a cluster that is there already.

Whoever can reach a Ray instance can run code as its owner. So ours listens on the loopback
interface only, and asks for a token that is made for it and kept nowhere; it has no dashboard,
sends no statistics, and its folder goes when it ends. (Told a loopback address, Ray looks for one
that others can reach; only where clusters are switched off does it stay on the loopback. The switch
is named after the systems on which that is the default.)

Tasks travel in blocks, since a call costs a millisecond or two. If a worker dies, the tasks of its
block are run once more, each by itself, so that it is known which of them it died of.
"""

import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.study import Outcome, Study, Task, died, replica
from prsm_sim.workers import in_order

BLOCK = 8
"""Tasks that a call takes, at most."""
AHEAD = 4
"""Calls for each processor that are made before the first is answered."""
OBJECT_STORE_BYTES = 80_000_000
"""The least that Ray takes is 75 MiB; tasks and outcomes are a few kilobytes."""
PORT = 10001
"""Where a cluster takes clients unless it is told otherwise."""
REACH_S = 5.0
"""How long a cluster may take to accept a connection."""
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_CLIENT_RECONNECT_GRACE_PERIOD": "10"}


def run_tasks(frame: Study, tasks: Sequence[Task]) -> list[Outcome]:
    """What a call does: some tasks, one after the other."""
    return [replica(frame, task) for task in tasks]


def able(scenario: str) -> str:
    """Whether a machine of the cluster has what it takes; the version of the package there.

    Raises:
        UserError: the scenario is not there.
    """
    from prsm_sim import __version__
    from prsm_sim.registry import known_scenario

    known_scenario(scenario)
    return __version__


def blocks_of(numbers: Sequence[int], workers: int) -> list[Sequence[int]]:
    """Tasks in blocks, small enough that all workers have something to do until the end."""
    size = max(1, min(BLOCK, len(numbers) // (4 * workers)))
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


class Cluster:
    """A cluster that this process is connected to.

    Args:
        ray: the package.
        place: what a person calls it.
        workers: replicas that run at the same time.
        is_foreign: others have started it, and it may lack what it takes.
    """

    def __init__(self, ray: Any, place: str, workers: int, *, is_foreign: bool) -> None:
        self._ray = ray
        self._place = place
        self._workers = workers
        self._is_foreign = is_foreign
        errors = ray.exceptions
        self._deaths = (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError)

    def run(self, study: Study, numbers: Sequence[int]) -> Generator[list[Outcome], None, None]:
        """Run tasks; yields outcomes block by block, in order.

        Raises:
            UserError: the cluster is lost, or has not what it takes.
        """
        with self._blamed():
            if self._is_foreign:
                self._examine(study)
            call = self._ray.remote(max_retries=0)(run_tasks)
            submit = partial(call.remote, study.frame())
            yield from in_order(
                blocks_of(numbers, self._workers),
                AHEAD * self._workers,
                lambda block: self._submit(submit, [study.task(number) for number in block]),
                lambda promise: self._result(submit, *promise),
            )

    @staticmethod
    def _submit(submit: partial[Any], tasks: list[Task]) -> tuple[list[Task], Any]:
        return tasks, submit(tasks)

    def _result(self, submit: partial[Any], tasks: list[Task], promise: Any) -> list[Outcome]:
        try:
            outcomes: list[Outcome] = self._ray.get(promise)
        except self._deaths:
            return [self._alone(task, submit([task])) for task in tasks]
        return outcomes

    def _alone(self, task: Task, promise: Any) -> Outcome:
        try:
            outcome: Outcome = self._ray.get(promise)[0]
        except self._deaths:
            return died(task)
        return outcome

    def _examine(self, study: Study) -> None:
        """See that replicas there give what they give here."""
        try:
            version = self._ray.get(self._ray.remote(able).remote(study.scenario))
        except self._ray.exceptions.RayTaskError as error:
            cause = " ".join(str(error.cause or error).split())
            raise UserError(
                f"--on {self._place}: a machine of the cluster cannot run it ({cause}); "
                "it needs the same packages and files as this one"
            ) from error
        if version != study.version:
            raise UserError(
                f"--on {self._place}: prsm-sim is {version} there and {study.version} here; "
                "install the same release, results may differ"
            )

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Say in one line that the cluster is lost; let a mistake of ours in a replica through."""
        try:
            yield
        except self._ray.exceptions.RayTaskError:
            raise
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            text = " ".join(str(error).split())
            raise UserError(
                f"--on {self._place}: Ray is lost ({text[:200]}); what is done is kept where it is "
                "a study, and the same command goes on"
            ) from error


@contextmanager
def connected(place: str, workers: int) -> Iterator[Cluster]:
    """A cluster, for the length of a block.

    Args:
        place: ``ray``: one of our own, on this machine; ``ray://host:port``: one that is there.
        workers: processes of our own one.

    Raises:
        UserError: Ray is not installed, or cannot be started, or no cluster answers.
    """
    with ExitStack() as stack:
        is_foreign = place != "ray"
        if is_foreign:
            _reach(place)
            options: dict[str, Any] = {"address": place}
            stack.enter_context(_environment(QUIET | LOOPBACK_ONLY))
        else:
            # Sockets live in the folder, and their paths may have 107 characters.
            base = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108
            folder = tempfile.mkdtemp(prefix="prsm-ray-", dir=base)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token()}
            stack.enter_context(_environment(QUIET | LOOPBACK_ONLY | token))
            options = {
                "address": "local", "num_cpus": workers, "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES, "_temp_dir": folder,
            }  # fmt: skip
        ray = _package()
        stack.callback(ray.shutdown)
        _start(ray, place, options)
        if is_foreign:
            workers = int(ray.cluster_resources().get("CPU", 0))
            if workers < 1:
                raise UserError(f"--on {place}: the cluster has no processors to run anything on")
        yield Cluster(ray, place, workers, is_foreign=is_foreign)


@cache
def _token() -> str:
    """What opens our own instances. Ray reads it once a process, so a second one has the same."""
    return secrets.token_hex(32)


def _package() -> Any:
    try:
        ray = import_module("ray")
        # Its own remarks go to stdout, which belongs to what commands print.
        setattr(import_module("ray._private.worker"), "_worker_logs_enabled", False)  # noqa: B010
    except ImportError as error:
        raise UserError("--on ray: Ray is not installed; pip install 'prsm-sim[ray]'") from error
    return ray


def _start(ray: Any, place: str, options: Mapping[str, Any]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _init(ray, options)
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError, ImportError) as error:
        text = " ".join(str(error).split())[:200]
        if place == "ray":
            raise UserError(f"--on ray: Ray does not start ({text})") from error
        raise UserError(f"--on {place}: no Ray cluster answers there ({text})") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has put its own in its place


def _init(ray: Any, options: Mapping[str, Any]) -> None:
    settings = {"log_to_driver": False, "logging_level": logging.CRITICAL, **options}
    try:
        ray.init(**settings)
    except ConnectionError as error:
        # A head that is busy may take longer to start a process for a client than it waits for it.
        if "Initialization failure" not in str(error):
            raise
        ray.init(**settings)


def _reach(place: str) -> None:
    """See that something listens there: Ray itself would try for half a minute."""
    try:
        parts = urlsplit(place)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host, port = None, PORT
    if not host:
        raise UserError(f"--on {place}: write it as --on ray://host:port")
    try:
        socket.create_connection((host, port), REACH_S).close()
    except OSError as error:
        raise UserError(
            f"--on {place}: no Ray cluster answers there ({error.strerror or error}); start one "
            f"with ray start --head --ray-client-server-port {port}, or take --on ray"
        ) from error


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment, as long as Ray runs: its processes inherit them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
