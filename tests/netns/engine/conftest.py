"""An engine in a namespace of its own, and what the host looks like from outside of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.netns.cables import await_cables

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


@dataclass(frozen=True)
class Outside:
    """Somebody on the other side of the uplink, who sends answers for any address to the host."""

    netns: str
    address: str = "198.51.100.9"


@pytest.fixture
def outside(make_netns: Callable[[str], str]) -> Outside:
    """198.51.100.1 is the host, on `up0`."""
    netns = make_netns("out")
    for command in (
        "link add up0 type veth peer name up0 netns out",
        "addr add 198.51.100.1/24 dev up0",
        "link set up0 up",
        "route add default via 198.51.100.9",
        "-n out addr add 198.51.100.9/24 dev up0",
        "-n out link set up0 up",
        "-n out route add default via 198.51.100.1",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    await_cables()
    return Outside(netns)
