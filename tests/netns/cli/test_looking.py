"""`snapshot`, and `stack` and `bridge` here and out of a file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.netns.cli.program import Glassbridge


@pytest.fixture
def taken(gb: Glassbridge, make_netns: Callable[[str], str], tmp_path: Path) -> str:
    """Two attached namespaces, written to a file, and gone since."""
    for name in ("one", "two"):
        gb("attach", "--netns", make_netns(name), "--name", name)
    path = str(tmp_path / "state.json.gz")
    gb("snapshot", "-o", path)
    here = {k: gb(*k.split()) for k in ("stack one", "bridge")}
    gb("down", "--force")
    for name in ("one", "two"):
        subprocess.run(["ip", "netns", "del", name], check=True)
    Path(path + ".here").write_text(json.dumps(here))
    return path


def test_a_file_shows_what_was_here(gb: Glassbridge, taken: str) -> None:
    here = json.loads(Path(taken + ".here").read_text())
    for command, shown in here.items():
        first, *rest = gb(*command.split(), "--state", taken).splitlines()
        assert first.startswith(f"from {taken}, taken 20")
        assert " on kernel " in first
        # ages and counters move on between two readings
        was = shown.splitlines()
        assert len(rest) == len(was)
        assert [line.split()[:2] for line in rest] == [line.split()[:2] for line in was]
    report = json.loads(gb("stack", "two", "--state", taken, "--json"))
    assert report["name"] == "two"
    gb.refused(3, "stack", "three", "--state", taken)


def test_what_is_no_snapshot(gb: Glassbridge, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert "is no snapshot of glassbridge" in gb.refused(
        2, "stack", "host", "--state", str(tmp_path / "notes.txt")
    )
    assert "does not exist" in gb.refused(3, "bridge", "--state", str(tmp_path / "absent"))
    assert "write snapshot" in gb.refused(2, "snapshot", "-o", str(tmp_path / "absent" / "x"))


def test_a_snapshot_without_a_daemon_goes_to_stdout(gb: Glassbridge) -> None:
    told = json.loads(gb("snapshot"))
    assert told["schema"] == "snapshot/1"
    assert str(told["home"]) in told["namespaces"]
    assert gb.daemon is None, "looking starts nothing"
