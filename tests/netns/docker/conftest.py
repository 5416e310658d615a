"""A real dockerd with glassbridge as its driver, started once for all tests of this folder."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.docker.driven_host import DrivenHost
from tests.netns.foreign.later_engine import is_unpacked, lay_over
from tests.netns.foreign.machine import need, root_archive, started

_TOO_OLD = re.compile(r"Docker version (1\d|2[0-7])\.")


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenHost]:
    """With the Docker that is installed."""
    need("dockerd", "docker", "containerd", "runc", "busybox", "docker-compose")
    folder: Path = tmp_path_factory.mktemp("docker-driven")
    with started("docker-driven") as machine:
        yield DrivenHost(machine, root_archive(folder), folder)


@pytest.fixture(scope="session")
def later_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenHost]:
    """With a Docker from 28 on, which says other things to a driver."""
    need("dockerd", "docker", "containerd", "runc", "busybox")
    version = subprocess.run(["dockerd", "--version"], check=True, capture_output=True, text=True)
    is_old = _TOO_OLD.match(version.stdout) is not None
    if is_old and not is_unpacked("docker"):
        # nor does the build server insist: the suite that it comes from is not released
        pytest.skip("this Docker is older than 28, and scripts/later-engine.sh has not been run")
    folder: Path = tmp_path_factory.mktemp("docker-later")
    with started("docker-later") as machine:
        if is_old:
            lay_over(machine, "docker")
            runs = machine.run("dockerd", "--version")
            if runs.returncode != 0:
                pytest.skip(f"a later Docker does not run on this Debian: {runs.stderr}")
        yield DrivenHost(machine, root_archive(folder), folder)


@pytest.fixture
def docker(request: pytest.FixtureRequest) -> Iterator[DrivenHost]:
    """The host for one test, which leaves nothing of its own behind."""
    host: DrivenHost = request.getfixturevalue(getattr(request, "param", "host"))
    yield host
    containers = host("ps", "-aq").split()
    if containers:
        host.remove(*containers)
    host("network", "prune", "-f")
    assert host.traces() == host.bare
