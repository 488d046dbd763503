"""Ray: an instance of our own, and a cluster that is there; the same bytes as without."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import msgspec
import pytest

from prsm_sim import __version__
from prsm_sim.actor.errors import UserError
from prsm_sim.sweep.backends import opened, run_on
from prsm_sim.sweep.design import grid, parse_axis
from prsm_sim.sweep.results import OUTCOMES, RESULTS, StudyFolder
from prsm_sim.sweep.study import Study
from tests.servers import HOST, free_port
from tests.sweep.conftest import TROUBLE

SMALL = ["kinetic_exchange", "--set", "agents=6", "--set", "steps=30"]
POINTS = grid([parse_axis("unlucky=2,3")])
LIMIT_S = 240.0
server = pytest.mark.server


def trouble_study(how: str) -> Study:
    return Study(
        scenario=f"{TROUBLE}:trouble",
        fixed=(f"how={how}",),
        points=POINTS,
        seeds=5,
        version=__version__,
    )


@server
def test_on_a_cluster_each_command_says_what_it_says_without(cluster, prsm, tmp_path):
    commands = [
        ["compare", "kinetic_exchange", *SMALL, "--set-b", "saving=0.3", "--seeds", "5"],
        ["sensitivity", *SMALL, "--vary", "saving=0..0.5", "--vary", "redistribution=0..0.5",
         "--samples", "4", "--seeds", "1", "--metric", "gini"],
    ]  # fmt: skip
    for words in commands:
        there = prsm(*words, "--on", cluster, "--json", "--progress")
        assert there.exit_code == 0, there.output
        assert f"--on {cluster}" in there.stderr, "it says what it waits for"
        if words[0] == "sensitivity":
            (tmp_path / "studies").rename(tmp_path / "there")
        assert json.loads(there.stdout) == json.loads(prsm(*words, "--json").stdout)
    here, there = (next(tmp_path.glob(f"{name}/*/{RESULTS}")) for name in ("studies", "there"))
    assert here.read_bytes() == there.read_bytes()


@server
def test_what_fails_on_a_cluster_fails_as_it_does_in_processes(cluster, tmp_path):
    """And a cluster that has not what it takes is told before anything runs."""
    file = tmp_path / "here_only.py"
    file.write_text(
        "import sys\n"
        "if 'worker' in sys.argv[0]:\n"
        "    raise FileNotFoundError('a table that only this machine has')\n" + TROUBLE.read_text()
    )
    with opened(cluster, 1) as there, opened("processes", 2) as here:
        for how in ("nan", "raised", "unbuilt", "left", "killed", "gone"):
            study = trouble_study(how)
            found, expected = (
                [one for block in run(study, range(study.tasks)) for one in block]
                for run in (there, here)
            )
            assert found == expected
            assert [one.task for one in found if not one.is_good] == [2, 8]
            assert all(
                one.failure and "deep.seed" not in one.metrics for one in (found[2], found[8])
            )
        study = trouble_study("well")
        with pytest.raises(UserError, match=r"cannot run it .*a table that only this machine has"):
            next(there(msgspec.structs.replace(study, scenario=f"{file}:trouble"), [0]))
        with pytest.raises(UserError, match=f"prsm-sim is {__version__} there and 0.0.7 here"):
            next(there(msgspec.structs.replace(study, version="0.0.7"), [0]))


def test_where_no_cluster_is_one_line_says_so_at_once(prsm):
    began_s = time.monotonic()
    port = free_port()
    for place, says in (
        (f"ray://{HOST}:{port}", f"no Ray cluster answers there (Connection refused); start one "
                                 f"with ray start --head --ray-client-server-port {port}"),
        ("ray://", "write it as --on ray://host:port"),
        ("ray://host:port", "write it as --on ray://host:port"),
        ("rays://host:1", "there is no such place"),
    ):  # fmt: skip
        result = prsm("sweep", "trouble.py", "--seeds", "2", "--on", place, "--out", "s")
        assert result.exit_code == 2
        assert result.stderr.startswith(f"prsm: --on {place}: ")
        assert says in result.stderr
        assert result.stderr.count("\n") == 1
    assert time.monotonic() - began_s < 20


def test_without_ray_one_line_says_what_to_install(prsm, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = prsm("sweep", "trouble.py", "--seeds", "2", "--on", "ray", "--out", "s")
    assert result.exit_code == 2
    assert result.stderr == "prsm: --on ray: Ray is not installed; pip install 'prsm-sim[ray]'\n"


@server
def test_our_own_instance_is_seen_by_nobody_and_leaves_nothing(ray_needed, tmp_path):
    """Also that a replica which kills its process costs no other, and leaves stdout alone."""
    home = tmp_path / "home"
    home.mkdir()
    words = ["--set", "how=killed", "--vary", "unlucky=2,3", "--seeds", "5", "--workers", "2"]
    process = start(tmp_path, "trouble", "--json", *words, home=home)
    family, seen = watch(process)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1, err
    assert json.loads(out)["failed"] == 2
    assert all(address.is_loopback for address in seen)
    assert len(seen) > 0
    assert not alive(family)
    assert not any(home.iterdir()), "no token, no statistics"
    study = trouble_study("killed")
    with StudyFolder(tmp_path / "expected", study) as folder:
        for block in run_on("processes", study, range(study.tasks), 2):
            folder.add(block)
        table = folder.finish()
    assert table is not None
    assert (tmp_path / "s" / RESULTS).read_bytes() == table.read_bytes()


TWICE = """
from prsm_sim.sweep.backends import opened
from prsm_sim.sweep.study import Study

study = Study(scenario="kinetic_exchange", fixed=("agents=10", "steps=5"), seeds=2)
for _ in range(2):
    with opened("ray", 1) as run:
        print(*(one.digest for block in run(study, range(2)) for one in block))
"""


@server
def test_one_process_may_open_an_instance_after_another(ray_needed, tmp_path):
    """As an attack does: one for the search, one for the fresh seeds."""
    done = subprocess.run(
        [sys.executable, "-c", TWICE],
        cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == second
    assert len(set(first.split())) == 2


@server
def test_ctrl_c_ends_our_own_instance_and_keeps_what_is_done(ray_needed, tmp_path, prsm):
    words = ["--seeds", "2000", "--workers", "2", "--progress"]
    process = start(tmp_path, "slow", *words, home=tmp_path)
    kept = tmp_path / "s" / OUTCOMES
    deadline = time.monotonic() + LIMIT_S
    while not (kept.exists() and kept.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    family = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    assert "0 of 2000 replicas; starting: --on ray" in err
    assert "of 2000 replicas, 0 failed; in s" in err
    assert not alive(family)
    statuses = {json.loads(line)["status"] for line in kept.read_bytes().splitlines()}
    assert statuses == {"pass"}


def start(folder: Path, what: str, *words: str, home: Path) -> "subprocess.Popen[str]":
    """`prsm sweep … --on ray` in a process group of its own, as a terminal starts it."""
    scenario = [f"{TROUBLE}:trouble"] if what == "trouble" else [SMALL[0], "--set", "agents=20"]
    command = [str(Path(sys.executable).with_name("prsm")), "sweep", *scenario, "--on", "ray",
               "--out", "s", *words]  # fmt: skip
    kept = ("PATH", "CI", "LANG", "PYTHONPATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return subprocess.Popen(
        command, cwd=folder, env=environment | {"HOME": str(home)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def watch(process: "subprocess.Popen[str]") -> tuple[set[int], set[IPv4Address | IPv6Address]]:
    """All processes that a process has had below it, and where these listened."""
    family: set[int] = set()
    seen: set[IPv4Address | IPv6Address] = set()
    deadline = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        family |= descendants(process.pid)
        seen |= set(listening(family | {process.pid}))
        time.sleep(0.1)
    return family, seen


def descendants(top: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(state[1])
    found = {top}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {top}


def alive(processes: set[int]) -> set[int]:
    """Those that are not gone after a while, zombies aside."""
    left = processes
    deadline = time.monotonic() + 10.0
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if _runs(pid)}
        time.sleep(0.1)
    return left


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def listening(processes: set[int]) -> Iterator[IPv4Address | IPv6Address]:
    """The addresses at which processes listen; those in IPv6's clothes are IPv4's."""
    inodes = set()
    for pid in processes:
        try:
            links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        inodes |= {link[8:-1] for link in links if link.startswith("socket:[")}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in inodes:
                address = local.partition(":")[0]
                words = [address[n : n + 8] for n in range(0, len(address), 8)]
                packed = b"".join(bytes.fromhex(word)[::-1] for word in words)
                if table == "tcp":
                    yield IPv4Address(packed)
                else:
                    six = IPv6Address(packed)
                    yield six.ipv4_mapped or six
