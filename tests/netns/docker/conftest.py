"""A real dockerd with glassbridge as its driver, started once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.docker.driven_host import DrivenHost
from tests.netns.foreign.machine import need, root_archive, started


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenHost]:
    need("dockerd", "docker", "containerd", "runc", "busybox", "docker-compose")
    folder: Path = tmp_path_factory.mktemp("docker-driven")
    with started("docker-driven") as machine:
        yield DrivenHost(machine, root_archive(folder), folder)


@pytest.fixture
def docker(host: DrivenHost) -> Iterator[DrivenHost]:
    """The host for one test, which leaves nothing of its own behind."""
    yield host
    containers = host("ps", "-aq").split()
    if containers:
        host.remove(*containers)
    host("network", "prune", "-f")
    assert host.traces() == host.bare
