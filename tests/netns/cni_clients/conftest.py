"""containerd and Podman 4 with our CNI plugin, installed as the pages say; each started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns.cni_clients.hosts import ContainerdHost, Podman4Host
from tests.netns.foreign.machine import need, root_archive, started


@pytest.fixture(scope="session")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerdHost]:
    need("containerd", "ctr", "runc", "busybox", "/usr/lib/cni/loopback")
    folder: Path = tmp_path_factory.mktemp("containerd")
    with started("cni-containerd") as machine:
        host = ContainerdHost(machine, root_archive(folder), folder / "containerd.log")
        yield host
        host.close()


@pytest.fixture(scope="session")
def podman4(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman4Host]:
    need("podman", "conmon", "crun", "busybox")
    folder: Path = tmp_path_factory.mktemp("podman4")
    with started("cni-podman") as machine:
        if not machine("podman", "--version").startswith("podman version 4."):
            pytest.skip("Podman has CNI until version 4")
        host = Podman4Host(machine, root_archive(folder))
        yield host
        host.close()
