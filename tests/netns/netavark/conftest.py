"""A Podman that calls plugins, with ours; started once for all tests of this folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.foreign.machine import Machine, need, root_archive, started
from tests.netns.netavark.plugin_host import PluginHost

_PROJECT = Path(__file__).parents[3]
_LATER = _PROJECT / ".cache" / "later-podman"
_TOO_OLD = ("podman version 4.", "podman version 3.")


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginHost]:
    need("podman", "conmon", "crun", "busybox", "/usr/lib/podman/netavark")
    folder: Path = tmp_path_factory.mktemp("netavark")
    with started("netavark") as machine:
        _renew(machine)
        host = PluginHost(machine, root_archive(folder))
        yield host
        host.close()


def _renew(machine: Machine) -> None:
    """Lay the unpacked Podman over the installed one, if that is too old to call plugins."""
    version = subprocess.run(["podman", "--version"], check=True, capture_output=True, text=True)
    if not version.stdout.startswith(_TOO_OLD):
        return
    if not (_LATER / ".complete").exists():
        if os.environ.get("CI"):
            pytest.fail(f"{_LATER} is missing: scripts/later-podman.sh makes it")
        pytest.skip("this Podman is older than 4.6, and scripts/later-podman.sh has not been run")
    layers = f"lowerdir={_LATER}/usr:/usr"
    machine("mount", "-t", "overlay", "overlay", "-o", layers, "/usr")
