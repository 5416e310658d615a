"""Real engines, each started once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.foreign.cni_host import CniHost
from tests.netns.foreign.docker_host import DockerHost
from tests.netns.foreign.later_engine import renew_docker
from tests.netns.foreign.machine import need, root_archive, started
from tests.netns.foreign.podman_host import PodmanHost


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerHost]:
    need("dockerd", "docker", "containerd", "runc", "busybox")
    folder: Path = tmp_path_factory.mktemp("docker")
    with started("docker") as machine:
        yield DockerHost(machine, root_archive(folder), folder / "dockerd.log")


@pytest.fixture(scope="session")
def later_docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerHost]:
    need("dockerd", "docker", "containerd", "runc", "busybox")
    folder: Path = tmp_path_factory.mktemp("later-docker")
    with started("later-docker") as machine:
        renew_docker(machine)
        yield DockerHost(machine, root_archive(folder), folder / "dockerd.log")


@pytest.fixture(scope="session")
def docker_by_legacy_iptables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerHost]:
    need("dockerd", "docker", "containerd", "runc", "busybox", "iptables-legacy")
    folder: Path = tmp_path_factory.mktemp("docker-legacy")
    with started("docker-legacy") as machine:
        if machine.run("iptables-legacy", "-t", "nat", "-S").returncode != 0:
            pytest.skip("this kernel has no legacy iptables")
        for tool in ("iptables", "ip6tables"):
            machine("ln", "-sf", f"/usr/sbin/{tool}-legacy", f"/etc/alternatives/{tool}")
        yield DockerHost(machine, root_archive(folder), folder / "dockerd.log")


@pytest.fixture(scope="session")
def cni(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CniHost]:
    need("containerd", "ctr", "runc", "busybox", "/usr/lib/cni/bridge")
    folder: Path = tmp_path_factory.mktemp("cni")
    with started("cni") as machine:
        yield CniHost(machine, root_archive(folder), folder / "containerd.log")


@pytest.fixture(scope="session", params=["netavark", "cni"])
def podman(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodmanHost]:
    need("podman", "conmon", "crun", "busybox", "/usr/lib/podman/netavark", "/usr/lib/cni/bridge")
    folder: Path = tmp_path_factory.mktemp("podman")
    with started(f"podman-{request.param}") as machine:
        yield PodmanHost(machine, root_archive(folder), request.param)
