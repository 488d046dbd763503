"""Parameters from the command line and from YAML: typed, bounded, and mended by name and place."""

import json
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from prsm_sim.actor import UserError
from prsm_sim.faults import Fault
from prsm_sim.network import Network
from prsm_sim.parameters import build_parameters
from prsm_sim.scenario import ScenarioParameters
from prsm_sim.yaml_files import load_yaml, read_yaml


class Consensus(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_ms: int = Field(500, ge=1, le=9000)
    retries: int = 3


class Some(ScenarioParameters):
    executors: int = Field(10, ge=1, le=5000)
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    label: str = "x"
    verbose: bool = False
    consensus: Consensus = Consensus()
    network: Network = Network()
    faults: tuple[Fault, ...] = ()
    groups: dict[str, Consensus] = Field(default_factory=dict)


@given(st.integers(1, 5000), st.floats(1e-9, 1), st.booleans(), st.text())
def test_a_value_typed_as_text_is_the_value(executors, share, verbose, label):
    typed = build_parameters(
        Some,
        {},
        [
            f"executors={executors}",
            f"share={share!r}",
            f"verbose={str(verbose).lower()}",
            f"consensus.timeout_ms={executors}",
        ],
    )
    assert typed == Some(
        executors=executors,
        share=share,
        verbose=verbose,
        consensus=Consensus(timeout_ms=executors),
    )
    assert build_parameters(Some, {}, [f"label={json.dumps(label)}"]).label == label


def test_later_wins_over_earlier_and_nested_values_are_laid_over():
    found = build_parameters(
        Some,
        {"consensus": {"retries": 9}, "executors": 2},
        ["executors=3", "executors=4", "consensus.timeout_ms=7"],
        defaults={"executors": 1, "label": "live", "consensus": {"timeout_ms": 6}},
    )
    assert found.executors == 4
    assert found.label == "live"
    assert found.consensus == Consensus(timeout_ms=7, retries=9)


def test_setting_inside_a_default_object_keeps_its_other_values():
    class Outer(Some):
        consensus: Consensus = Consensus(retries=77)

    assert build_parameters(Outer, {}, ["consensus.timeout_ms=5"]).consensus == Consensus(
        timeout_ms=5, retries=77
    )


def test_null_is_none():
    assert build_parameters(Some, {"share": 0.5}, ["share=null"]).share is None


def test_lists_and_objects_are_json():
    found = build_parameters(Some, {}, ['faults=[{"kind": "crash", "at_s": 1, "peer": "a"}]'])
    assert found.faults[0].kind == "crash"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("executors=0", "executors: 0 is out of range, it must be from 1 to 5000"),
        ("share=2", "share: 2 is out of range, it must be above 0 and at most 1"),
        ("network.latency.law=lognormall", "network.latency.law: must be 'fixed', 'uniform', "),
        ("network.latency.mean=1", "network.latency.mean: unknown name; did you mean 'mean_s'?"),
        ("verbose=perhaps", "verbose: must be true or false (got 'perhaps')"),
        ("label={}", "label: must be text (got {})"),
        ("groups.a.timeout=1", "groups.a.timeout: unknown name; did you mean 'timeout_ms'?"),
        ('faults=[{"kind": "crash", "at": 1, "peer": "a"}]', "did you mean 'at_s'?"),
        ("zzzz=1", "zzzz: unknown name; the names are consensus, duration_s, executors, faults"),
    ],
)
def test_a_mistake_quotes_the_option_and_says_what_is_allowed(override, expected):
    with pytest.raises(UserError) as caught:
        build_parameters(Some, {}, [override])
    text = str(caught.value)
    assert text.startswith(f"--set {override}: ")
    assert expected in text
    assert "\n" not in text


def test_a_mistake_elsewhere_is_not_blamed_on_the_option():
    with pytest.raises(UserError) as caught:
        build_parameters(Some, {"executors": 0}, ["label=y"])
    assert str(caught.value) == "executors: 0 is out of range, it must be from 1 to 5000"


def test_all_mistakes_are_counted():
    with pytest.raises(UserError, match=r"\(and 2 more\)$"):
        build_parameters(Some, {"executors": 0, "labl": 1, "share": 3})


def test_yaml_no_is_a_word_and_not_false(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("label: no\nexecutors: 7\nconsensus: {retries: 2}\nnetwork:\n  loss: 0.5\n")
    found = load_yaml(path, Some)
    assert found == Some(
        label="no", executors=7, consensus=Consensus(retries=2), network=Network(loss=0.5)
    )
    assert type(found.executors) is int
    assert type(found.label) is str


keys = st.lists(
    st.text("abcdefgh", min_size=1, max_size=5), min_size=1, max_size=5, unique=True
)  # fmt: skip


@given(keys, st.integers(0, 3), st.integers(1, 8))
def test_positions_are_where_the_text_stands(tmp_path_factory, names, blank, indent):
    lines = ["# comment"] * blank
    path: tuple[str, ...] = ()
    for depth, name in enumerate(names):
        lines.append(
            " " * (indent * depth) + name + ":" + (" 1" if depth == len(names) - 1 else "")
        )
    file = tmp_path_factory.mktemp("yaml") / "a.yaml"
    file.write_text("\n".join(lines) + "\n")
    document = read_yaml(file)
    for depth, name in enumerate(names):
        path = (*path, name)
        at_key = document.position(path, of_key=True)
        assert at_key == (blank + depth + 1, indent * depth + 1)
    value_at = document.position(path)
    assert value_at == (blank + len(names), indent * (len(names) - 1) + len(names[-1]) + 3)
    assert document.position((*path, "absent")) == value_at
