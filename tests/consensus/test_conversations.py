"""Every golden conversation still goes as written; see `conversation` for how to read one.

``REWRITE_CONVERSATIONS=1 pytest tests/consensus/test_conversations.py`` writes the exchanges anew;
the difference is then for a person to judge against the paper.
"""

import difflib
import shutil
from pathlib import Path

import pytest
from conversation import REWRITE, Conversation, ScriptError, is_rewriting, read_blocks, write_blocks

SCRIPTS = sorted((Path(__file__).parent / "conversations").glob("*.txt"))
LEAST = 25


def differences(path: Path) -> list[str]:
    """Where the conversation goes otherwise than written; rewriting makes it as it goes."""
    blocks, conversation = read_blocks(path), Conversation(path)
    exchanges = [conversation.run(block) for block in blocks]
    if is_rewriting():
        write_blocks(path, blocks, exchanges)
        return []
    found: list[str] = []
    for block, exchange in zip(blocks, exchanges, strict=True):
        if exchange != block.expected:
            lines = difflib.unified_diff(block.expected, exchange, "written", "happened", n=2)
            found.append("\n".join((f"{path.name}:{block.line}: another exchange", *lines)))
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_conversation(path: Path) -> None:
    found = differences(path)
    if found:
        pytest.fail("\n\n".join(found), pytrace=False)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_each_script_says_first_what_it_shows_and_where_the_paper_has_it(path: Path) -> None:
    lines = path.read_text().splitlines()
    opening = lines[: lines.index(next(line for line in lines if not line.startswith("#")))]
    assert 2 <= len(opening) <= 4
    told = " ".join(opening)
    assert "section" in told or "(4." in told or "Berger" in told
    assert max(map(len, opening)) <= 100


def test_there_are_enough_conversations() -> None:
    assert len(SCRIPTS) >= LEAST


def test_a_conversation_that_goes_otherwise_is_shown_and_rewriting_accepts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = next(path for path in SCRIPTS if path.stem == "normal_case_n4")
    path = tmp_path / "changed.txt"
    shutil.copy(original, path)
    text = path.read_text()
    path.write_text(text.replace("* a,b executed n1", "* a executed n1"))
    monkeypatch.delenv(REWRITE, raising=False)
    (found,) = differences(path)
    place = text.splitlines().index("----") + 2
    assert found.startswith(f"changed.txt:{place}: another exchange")
    assert "-* a executed n1 v0" in found
    assert "+* a,b executed n1 v0" in found
    monkeypatch.setenv(REWRITE, "1")
    assert differences(path) == []
    assert path.read_text().rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("deliver", "script.txt:1: 'deliver': begin with a cluster"),
        ("cluster 3", "script.txt:1: 'cluster 3': say how many replicas"),
        ("cluster 4 patience=2", "no such setting as patience"),
        ("cluster 4 window=many", "script.txt:1"),
        ("cluster 4 window=-1", "script.txt:1: 'cluster 4 window=-1': consensus setting window"),
        ("cluster 4\ncluster 4", "script.txt:2: 'cluster 4': the cluster stands already"),
        ("cluster 4\ndance", "script.txt:2: 'dance': no such command as 'dance'"),
        ("cluster 4\na: request put x 1", "script.txt:2: 'a: request put x 1': a is a replica"),
        ("cluster 4\nann: request put x 1\n\na: status", "script.txt:3: the commands above lack"),
        ("cluster 4\na: timer view", "a has no timer 'view' running"),
        ("cluster 4\nz: status", "script.txt:2: 'z: status': nobody is called 'z'"),
        ("cluster 4\na: sing", "a cannot 'sing'"),
        ("cluster 4\ncrash a\na: status", "script.txt:3: 'a: status': a is down"),
        ("cluster 4\ncrash a\ncrash a", "script.txt:3: 'crash a': a is down already"),
        ("cluster 4\nrestart a", "script.txt:2: 'restart a': a is up"),
        ("cluster 4\npartition a | x", "nobody is called 'x'"),
        ("cluster 4\ndrop prepare", "no such message is on its way"),
        ("cluster 4\ndeliver commit", "no such message is on its way"),
        ("cluster 4\nlose a -> b prepare now", "name messages as in"),
        ("cluster 4\nadvance 5", "say how long, as in '5 s'"),
        ("cluster 4\ninject a b commit", "write inject a -> b kind field=value"),
        ("cluster 4\ninject a -> b sonnet", "'sonnet' is no kind of message; known are request"),
        ("cluster 4\ninject a -> b commit view=0 seq=one digest=1", "seq must be a whole number"),
        ("cluster 4\ninject a -> b commit view=0 seq=1 digest=1 tone=sad", "has no field tone"),
        ("cluster 4\ninject a -> b commit loud", "'loud' is not of the form name=value"),
        ("cluster 4\ninject a -> b view-change view=1 prepared=beef:c,d", "nobody has said"),
    ],
)
def test_a_wrong_script_says_where_and_what(tmp_path: Path, script: str, complaint: str) -> None:
    path = tmp_path / "script.txt"
    path.write_text(f"{script}\n----\n")
    with pytest.raises(ScriptError) as caught:
        differences(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("script.txt:")
