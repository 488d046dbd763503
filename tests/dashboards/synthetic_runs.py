"""Synthetic run folders: made-up figures in the real format, for looking at pages only."""

import json
import math
from pathlib import Path

import duckdb
import msgspec

from prsm_sim.checker import Verdict
from prsm_sim.manifest import new_manifest

DURATION_S = 120
FAULTS = (("partition", "a | b", 40.0, 50.0), ("crash", "replica-3", 80.0, 95.0))
METRICS = {
    "queries": {"asked": 120, "answered": 119},
    "accuracy": {"mean": 0.95, "by_kind": {"feature_ranking": 1.0, "compare_groups": 0.9}},
    "latency_s": {"mean": 0.2, "p50": 0.125, "p99": 1.4},
    "cost_ftns": {"mean": 12.0, "total": 1428.0},
    "contributors": {"answers_used": {"executor-1": 3, "executor-2": 1, "executor-0": 3}},
}


def write_synthetic_run(
    runs_dir: Path,
    name: str = "synthetic-1",
    *,
    seed: int = 7,
    failing: bool = False,
    started: str = "2026-01-01T00:00:00+00:00",
    **changes: object,
) -> Path:
    folder = runs_dir / name
    folder.mkdir(parents=True)
    manifest = msgspec.structs.replace(
        new_manifest(scenario="synthetic_market", parameters={}, seed=seed, world="sim"),
        digest="ab" * 32,
        events=123_456,
        virtual_s=float(DURATION_S),
        status="fail" if failing else "pass",
        started=started,
        metrics=METRICS,
        replay=f"prsm replay {folder}",
    )
    manifest = msgspec.structs.replace(manifest, **changes)
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    verdicts = [
        Verdict("conservation", "pass", 600),
        Verdict("agreement", "fail", 120, "two replicas differ", 41.5, 9_001)
        if failing
        else Verdict("agreement", "pass", 120),
    ]
    (folder / "verdicts.json").write_bytes(msgspec.json.encode(verdicts))
    write_table(folder / "metrics.parquet", "time_s DOUBLE, name VARCHAR, value DOUBLE", samples())
    write_table(
        folder / "events.parquet",
        "n BIGINT, time_s DOUBLE, kind VARCHAR, sender VARCHAR, receiver VARCHAR, "
        "type VARCHAR, payload VARCHAR",
        fault_events(),
    )
    return folder


def write_table(path: Path, columns: str, rows: list[tuple]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def samples() -> list[tuple]:
    rows, answered = [], 0.0
    for t in range(DURATION_S + 1):
        faulty = any(start <= t < end for _, _, start, end in FAULTS)
        answered += (2 if faulty else 8) + math.sin(t / 9)
        values = {
            "queries_answered": answered,
            "latency_p50_s": 0.12 + 0.01 * math.sin(t / 4),
            "latency_p99_s": 1.4 if faulty else 0.4,
            "balance_total_clients_ftns": 40_000 - 12 * answered,
            "balance_total_executors_ftns": 10_000 + 11 * answered,
            "escrow_ftns": 300 + 80 * math.sin(t / 7),
            "supply_ftns": 50_000.0,
            "committed_operations": 2 * answered,
            "an_unknown_series": float(t % 13),
        }
        rows += [(float(t), name, value) for name, value in values.items()]
    return rows


def fault_events() -> list[tuple]:
    rows = []
    for kind, target, start, end in FAULTS:
        payload = json.dumps({"kind": kind, "target": target})
        rows.append((start, "fact", "", "", "FaultStruck", payload))
        rows.append((end, "fact", "", "", "FaultHealed", payload))
    return [(n, *row) for n, row in enumerate(sorted(rows))]
