"""Each network namespace has folders of its own."""

from pathlib import Path

import pytest

from glassbridge.app.paths import Paths


@pytest.fixture(autouse=True)
def _no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUN_DIR", "STATE_DIR", "LAB"):
        monkeypatch.delenv(f"GLASSBRIDGE_{name}", raising=False)


def test_a_namespace_that_is_not_that_of_pid_1_is_told_apart() -> None:
    ours, first = (Path(f"/proc/{p}/ns/net").stat().st_ino for p in ("self", "1"))
    paths = Paths.here()
    if ours == first:
        assert (paths.run_dir, paths.state_dir) == (
            Path("/run/glassbridge"),
            Path("/var/lib/glassbridge"),
        )
    else:
        assert paths.run_dir == Path("/run/glassbridge", str(ours))
        assert paths.state_dir == paths.run_dir / "state"
    assert not paths.lab


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
