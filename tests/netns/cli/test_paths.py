"""Each network namespace has folders of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from glassbridge.app.paths import Paths


@pytest.fixture(autouse=True)
def _no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUN_DIR", "STATE_DIR", "LAB"):
        monkeypatch.delenv(f"GLASSBRIDGE_{name}", raising=False)


def test_namespaces_are_told_apart() -> None:
    code = "from glassbridge.app.paths import Paths; print(Paths.here().run_dir)"
    inside = ["unshare", "--net", "--pid", "--fork", "--mount-proc"]
    # pid 1 of a new pid namespace, hence in the namespace of pid 1 whichever that is
    assert _output([*inside, sys.executable, "-c", code]) == "/run/glassbridge"
    script = f"unshare --net {sys.executable} -c '{code}'; true"
    assert _output([*inside, "sh", "-c", script]).startswith("/run/glassbridge/4026")


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_first_namespace_has_the_plain_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassbridge.app.paths._foreign_netns", lambda: None)
    paths = Paths.here()
    assert (paths.run_dir, paths.state_dir) == (
        Path("/run/glassbridge"),
        Path("/var/lib/glassbridge"),
    )


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GLASSBRIDGE_RUN_DIR", str(tmp_path / "r"))
    assert Paths.here().state_dir == tmp_path / "r" / "state"
    monkeypatch.setenv("GLASSBRIDGE_STATE_DIR", str(tmp_path / "s"))
    monkeypatch.setenv("GLASSBRIDGE_LAB", "1")
    paths = Paths.here()
    assert paths == Paths(tmp_path / "r", tmp_path / "s", lab=True)
    assert paths.socket == tmp_path / "r" / "glassbridge.sock"


def test_a_relative_folder_is_meant_from_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLASSBRIDGE_RUN_DIR", "r")
    assert Paths.here().run_dir == tmp_path / "r"
