"""An engine in a namespace of its own, and what the host looks like from outside of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glassbridge.engine.engine import Engine


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "run", tmp_path / "state"


@pytest.fixture
def engine(fresh_host: None, folders: tuple[Path, Path]) -> Iterator[Engine]:
    opened = Engine(*folders)
    yield opened
    opened.down(force=True)
    opened.close()


@pytest.fixture
def inside() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command in a named namespace."""

    def run(netns: str, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ip", "netns", "exec", Path(netns).name, *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )

    return run
