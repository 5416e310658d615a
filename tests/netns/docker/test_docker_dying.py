"""Our daemon is killed in the middle of Docker's calls; whoever asked asks again."""

from __future__ import annotations

import subprocess

import pytest
from tests.netns.docker.driven_host import DrivenHost
from tests.netns.foreign.machine import HOST

CREATE = ("network", "create", "-d", "glassbridge", "--ipam-driver", "glassbridge", "n1")
RUN = ("run", "-d", "--name", "web", "--network", "n1", "-p", "8080:80", "page", "httpd", "-f")
CALLS: dict[str, tuple[str, ...]] = {
    "IpamDriver.RequestPool": CREATE,
    "NetworkDriver.CreateNetwork": CREATE,
    "NetworkDriver.CreateEndpoint": RUN,
    "NetworkDriver.Join": RUN,
    "NetworkDriver.ProgramExternalConnectivity": RUN,
    "NetworkDriver.Leave": ("rm", "-f", "web"),
    "NetworkDriver.DeleteNetwork": ("network", "rm", "n1"),
}
CASES = [
    ("IpamDriver.RequestPool", "after"),
    ("NetworkDriver.CreateNetwork", "operation"),
    ("NetworkDriver.CreateEndpoint", "after"),
    ("NetworkDriver.Join", "operation"),
    ("NetworkDriver.ProgramExternalConnectivity", "after"),
    ("NetworkDriver.Leave", "before"),
    ("NetworkDriver.DeleteNetwork", "operation"),
]
DOCKER_CASES = [("host", *case) for case in CASES]
DOCKER_CASES.append(("later_host", "NetworkDriver.Join", "operation"))


@pytest.mark.parametrize(("docker", "method", "moment"), DOCKER_CASES, indirect=["docker"])
def test_a_call_that_breaks_off(docker: DrivenHost, method: str, moment: str) -> None:
    command = CALLS[method]
    if command is not CREATE:
        docker.network("n1")
    if command[0] == "rm":
        docker(*RUN)
    docker.kill_daemon()
    dying = docker.start_dying_daemon(method, moment)
    asking = subprocess.Popen(
        docker.machine.command("docker", *command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    dying.wait(30)
    docker.start_daemon()
    told, _ = asking.communicate(timeout=40)
    assert asking.returncode == 0 or b"broke off" in told, told
    # whatever it answered: the user asks again, and everything is in order
    if command is RUN:
        docker.machine.run("docker", "rm", "-f", "web")
        docker(*RUN)
        assert docker.fetches(f"http://{HOST}:8080/")
    elif command is CREATE and asking.returncode != 0:
        docker(*CREATE)
    docker.machine.run("docker", "rm", "-f", "web")
    if command[:2] != ("network", "rm") or asking.returncode != 0:
        docker("network", "rm", "n1")


def test_a_creation_that_broke_off_is_in_nobody_s_way(docker: DrivenHost) -> None:
    """With Docker's own addresses nothing tells of it, but that the subnet is given again."""
    create = ("network", "create", "-d", "glassbridge", "--subnet", "10.72.0.0/24", "n1")
    docker.kill_daemon()
    dying = docker.start_dying_daemon("NetworkDriver.CreateNetwork", "after")
    with subprocess.Popen(docker.machine.command("docker", *create)) as asking:
        dying.wait(30)
        docker.start_daemon()
        assert asking.wait(40) != 0
    assert len(docker.plugin()["networks"]) == 1
    docker(*create)
    (left,) = docker.plugin()["networks"]
    assert left["network"]["managed"]["key"] == docker.inspect("n1")["Id"]
