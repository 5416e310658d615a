"""A real dockerd with glassbridge as its driver, started once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.docker.driven_host import RULES_FOR_IPV6, DrivenHost
from tests.netns.foreign.later_engine import renew_docker
from tests.netns.foreign.machine import need, root_archive, started


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenHost]:
    """With the Docker that is installed."""
    need("dockerd", "docker", "containerd", "runc", "busybox", "docker-compose")
    folder: Path = tmp_path_factory.mktemp("docker-driven")
    with started("docker-driven") as machine:
        yield DrivenHost(machine, root_archive(folder), folder, *RULES_FOR_IPV6)


@pytest.fixture(scope="session")
def later_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenHost]:
    """With a Docker from 28 on, which says other things to a driver."""
    need("dockerd", "docker", "containerd", "runc", "busybox")
    folder: Path = tmp_path_factory.mktemp("docker-later")
    with started("docker-later") as machine:
        renew_docker(machine)
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
