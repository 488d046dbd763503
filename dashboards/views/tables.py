"""Tables below the charts: what held, who did the work, and what the run was made of."""

from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from dashboards.load import gini
from dashboards.views.status import mark
from prsm_sim.run_folder import RunFolder

TOP = 10
"""Contributors that are listed."""


def verdicts(run: RunFolder) -> None:
    """What each checker concluded, and where it first saw a violation."""
    st.header("Invariants", anchor=False)
    if not run.verdicts:
        st.info("No verdict: the run has not ended, or has no checker.", icon=":material/info:")
        return
    st.table(
        [
            {
                "check": _plain(verdict.name),
                "verdict": mark(verdict.status),
                "evaluations": f"{verdict.evaluations:,}",
                "first violation": _violation(verdict.time_s, verdict.event, verdict.detail),
            }
            for verdict in run.verdicts
        ],
        border="horizontal",
        hide_index=True,
    )


def _violation(time_s: float | None, event: int | None, detail: str) -> str:
    where = []
    if time_s is not None:
        where.append(f"{time_s:,.3f} s")
    if event is not None:
        where.append(f"event {event}")
    return ": ".join(part for part in (", ".join(where), _plain(detail)) if part) or "—"


def _plain(text: str) -> str:
    """`text` on one line with nothing in it that Markdown would take as its own."""
    return "".join("\\" + c if c in "\\`*_[]<>:$|~#" else c for c in " ".join(text.split()))


def contributions(metrics: Mapping[str, object]) -> None:
    """Whose answers were used, and how well each kind of question was answered."""
    used = _numbers(metrics, "contributors", "answers_used")
    scores = _numbers(metrics, "accuracy", "by_kind")
    if not used and not scores:
        return
    left, right = st.columns(2, gap="medium") if used and scores else (st.container(),) * 2
    if used:
        with left:
            _contributors(used)
    if scores:
        with right:
            st.header("Accuracy by kind of question", anchor=False)
            rows = [
                {"kind": kind.replace("_", " "), "accuracy": score}
                for kind, score in sorted(scores.items(), key=lambda item: -item[1])
            ]
            _bars(rows, "accuracy", 1.0)


def _contributors(used: Mapping[str, float]) -> None:
    total = sum(used.values())
    ranked = sorted(used.items(), key=lambda item: (-item[1], item[0]))
    st.header("Contributors", anchor=False)
    rows = [
        {"peer": peer, "answers": count, "share": count / total if total else 0.0}
        for peer, count in ranked[:TOP]
    ]
    _bars(rows, "share", ranked[0][1] / total if total else 1.0)
    st.caption(
        f"The first {len(rows)} of {len(used)} contributors hold "
        f"{sum(count for _, count in ranked[:TOP]) / (total or 1):.0%} of {total:,.0f} answers "
        f"used; Gini's coefficient {gini(list(used.values())):.2f}."
    )


def _bars(rows: Sequence[Mapping[str, object]], name: str, most: float) -> None:
    """A table whose column `name` is a bar, full at `most`."""
    st.dataframe(
        list(rows),
        hide_index=True,
        width="stretch",
        height="content",
        column_config={
            "answers": st.column_config.NumberColumn(width=70),
            name: st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=most),
        },
    )


def details(run: RunFolder) -> None:
    """The small print: all figures, parameters, how often each fact was told, what was reached."""
    groups = (
        ("Figures", dict(_flat(run.manifest.metrics))),
        ("Parameters", run.manifest.parameters),
        ("Facts told", run.manifest.counters),
        ("Coverage", run.manifest.coverage),
    )
    shown = [(title, values) for title, values in groups if values]
    for column, (title, values) in zip(st.columns(len(shown) or 1), shown, strict=False):
        column.markdown(f"**{title}**")
        column.dataframe(
            [{"name": name, "value": str(value)} for name, value in values.items()],
            hide_index=True,
            width="stretch",
        )


def _flat(metrics: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Figures by names with dots where they are nested."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _numbers(metrics: Mapping[str, object], *path: str) -> dict[str, float]:
    at: object = metrics
    for key in path:
        at = at.get(key) if isinstance(at, Mapping) else None
    if not isinstance(at, Mapping):
        return {}
    return {str(key): value for key, value in at.items() if isinstance(value, int | float)}
