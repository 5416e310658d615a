"""A Podman that calls plugins, with ours; started once for all tests of this folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.foreign.later_engine import is_unpacked, lay_over
from tests.netns.foreign.machine import Machine, need, root_archive, started
from tests.netns.netavark.plugin_host import PluginHost

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
    if not is_unpacked("podman"):
        if os.environ.get("CI"):
            pytest.fail("no later Podman is unpacked: scripts/later-engine.sh does it")
        pytest.skip("this Podman is older than 4.6, and scripts/later-engine.sh has not been run")
    lay_over(machine, "podman")
