"""dockerd is killed while it makes a network: what it had ordered by then is held for nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.netns.docker.driven_host import DrivenHost

SUBNET = ("--subnet", "10.73.0.0/24")


@pytest.fixture
def impatient(docker: DrivenHost, request: pytest.FixtureRequest) -> Iterator[DrivenHost]:
    """A creation broke off when dockerd had ordered so much; our daemon waits for no age."""
    docker.kill_daemon()
    daemon = docker.start_dying_daemon(request.param, "docker")
    docker.machine.screen("docker", "prune")  # what calls left that broke off in other tests
    pid = docker.docker_pid
    ours = request.param.startswith("Ipam")
    with pytest.raises(AssertionError, match="error during connect"):
        docker.network("n1", *SUBNET, ours=ours)
    docker.bury_docker(pid, kill=True)
    docker.start_docker()
    yield docker
    docker.kill_daemon()
    docker.start_daemon()
    daemon.wait(10)


@pytest.mark.parametrize("impatient", ["IpamDriver.RequestPool"], indirect=True)
def test_a_subnet_is_named_again(impatient: DrivenHost) -> None:
    assert impatient.plugin()["plugin"]["orphans"] == ["subnet 10.73.0.0/24"]
    assert "glassbridge docker prune" in impatient.machine.screen("docker", "status")
    impatient.network("n1", *SUBNET)
    impatient.run("web", "n1")
    assert impatient.plugin()["plugin"]["orphans"] == [], "Docker's file has both"
    assert impatient.machine.screen("docker", "prune") == ""
    assert impatient.address("web", "n1") == "10.73.0.2"


@pytest.mark.parametrize("impatient", ["NetworkDriver.CreateNetwork"], indirect=True)
def test_a_network_of_docker_s_addresses_is_freed(impatient: DrivenHost) -> None:
    (orphan,) = impatient.plugin()["plugin"]["orphans"]
    (left,) = impatient.plugin()["networks"]
    assert orphan == f"network {left['network']['id'][:12]}"
    impatient.network("kept", "--subnet", "10.74.0.0/24", ours=False)
    assert impatient.machine.screen("docker", "prune") == f"{orphan}\n"
    assert [n["network"]["name"] for n in impatient.plugin()["networks"]] == ["kept"]
