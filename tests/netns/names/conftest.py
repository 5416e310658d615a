"""The real program as one host, whose resolv.conf a test writes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.cli.program import Glassbridge


@pytest.fixture
def gb(fresh_host: None, tmp_path: Path) -> Iterator[Glassbridge]:
    glassbridge = Glassbridge(tmp_path)
    try:
        yield glassbridge
    finally:
        glassbridge.run("down", "--force")


@pytest.fixture
def resolv_conf(fresh_host: None, tmp_path: Path) -> Iterator[Path]:
    """What /etc/resolv.conf is here, in the session's own mounts."""
    ours, real = tmp_path / "resolv.conf", Path("/etc/resolv.conf").resolve()
    ours.write_text("")
    if not real.exists():  # a link into /run, which is empty here
        real.parent.mkdir(parents=True, exist_ok=True)
        real.touch()
    subprocess.run(["mount", "--bind", ours, real], check=True)
    try:
        yield ours
    finally:
        subprocess.run(["umount", real], check=True)
