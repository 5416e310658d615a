"""Real engines, each started once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.foreign.docker_host import DockerHost
from tests.netns.foreign.machine import need, root_archive, started
from tests.netns.foreign.podman_host import PodmanHost


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerHost]:
    need("dockerd", "docker", "containerd", "runc", "busybox")
    folder: Path = tmp_path_factory.mktemp("docker")
    with started("docker") as machine:
        yield DockerHost(machine, root_archive(folder), folder / "dockerd.log")


@pytest.fixture(scope="session", params=["netavark", "cni"])
def podman(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodmanHost]:
    need("podman", "conmon", "crun", "busybox", "/usr/lib/podman/netavark", "/usr/lib/cni/bridge")
    folder: Path = tmp_path_factory.mktemp("podman")
    with started(f"podman-{request.param}") as machine:
        yield PodmanHost(machine, root_archive(folder), request.param)
