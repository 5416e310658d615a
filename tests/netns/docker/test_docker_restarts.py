"""dockerd and the glassbridge daemon end, die and come back; containers keep their network."""

from __future__ import annotations

import subprocess
import time

import pytest
from tests.netns.docker.driven_host import DrivenHost, either_docker
from tests.netns.foreign.machine import HOST, wait_until

OUTSIDE = ("ip", "netns", "exec", "outside")
MAC = "02:42:0a:44:00:99"
URL = f"http://{HOST}:8080/"


@pytest.fixture
def two(docker: DrivenHost) -> DrivenHost:
    """A network of either address manager, and a container on each."""
    for name, ours in (("mine", True), ("theirs", False)):
        docker.network(name, ours=ours)
        chosen = ("-p", "8080:80", "--mac-address", MAC) if ours else ("-p", "8081:80")
        docker.run(name, name, *chosen)
    return docker


def serves(docker: DrivenHost) -> bool:
    return all(docker.fetches(url, *OUTSIDE, patience=1) for url in (URL, f"http://{HOST}:8081/"))


def is_usable(docker: DrivenHost) -> bool:
    """Containers of before answer, and another one can be added and removed."""
    wait_until("both serve", lambda: serves(docker))
    assert docker.plugged("mine", "mine")["MacAddress"] == MAC
    for network in ("mine", "theirs"):
        docker.run("more", network)
        assert docker.fetches(f"http://{docker.address(network, network)}/", *docker.inside("more"))
        docker.remove("more")
    return True


@either_docker
def test_dockerd_restarts_and_containers_live_on(two: DrivenHost) -> None:
    two.configure_docker(live_restore=True)
    wait_until("both serve", lambda: serves(two))
    pids = [two.inspect(name)["State"]["Pid"] for name in ("mine", "theirs")]
    two.stop_docker()
    assert serves(two), "nobody needs dockerd for a packet"
    two.start_docker()
    assert [two.inspect(name)["State"]["Pid"] for name in ("mine", "theirs")] == pids
    assert is_usable(two)
    two.stop_docker(kill=True)
    assert serves(two)
    two.start_docker()
    assert [two.inspect(name)["State"]["Pid"] for name in ("mine", "theirs")] == pids
    assert is_usable(two)
    two.configure_docker(live_restore=False)


def test_dockerd_restarts(two: DrivenHost) -> None:
    """Without live-restore it ends every container, and tells us."""
    two.stop_docker()
    two.start_docker()
    two("start", "mine", "theirs")
    assert is_usable(two)


@either_docker
def test_dockerd_is_killed(two: DrivenHost) -> None:
    """Without live-restore its next start ends every container; it tells us of some only."""
    two.stop_docker(kill=True)
    two.start_docker()
    wait_until("dead endpoints go", lambda: two.traces()["endpoints"] == 0)
    two("start", "mine", "theirs")
    assert is_usable(two)


def test_our_daemon_restarts(two: DrivenHost) -> None:
    two.machine("kill", "-15", str(two.daemon))
    assert serves(two), "nobody needs the daemon for a packet"
    two.start_daemon()
    assert is_usable(two)
    two.kill_daemon()
    assert serves(two)
    two.start_daemon()
    assert is_usable(two)


def test_a_container_ends_while_our_daemon_is_away(two: DrivenHost) -> None:
    two.kill_daemon()
    command = two.machine.command("docker", "rm", "-f", "mine")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as removing:
        time.sleep(0.5)  # the longer it waits, the later Docker asks again
        two.start_daemon()
        assert removing.wait(30) == 0
    assert two("network", "rm", "mine") == "mine"
    assert two.plugin()["networks"][0]["network"]["name"] == "theirs"


def test_docker_starts_before_us(two: DrivenHost) -> None:
    """It asks again after 1, 2, 4 and 8 s, and goes on as soon as we are there."""
    two.stop_docker()
    two.kill_daemon()
    dockerd = two.launch_docker()
    wait_until("dockerd asks for us", lambda: "retrying in" in two.log("dockerd").read_text())
    two.start_daemon()
    two.wait_for_docker()
    assert dockerd.poll() is None
    two("start", "mine", "theirs")
    assert is_usable(two)


def test_disabled_and_enabled_again(docker: DrivenHost) -> None:
    docker.network("mine")
    docker("network", "rm", "mine")
    assert "finds us no longer" in docker.machine.screen("docker", "disable")
    socket = "/run/docker/plugins/glassbridge.sock"
    assert docker.machine.run("ls", socket).returncode != 0
    docker.machine("kill", "-15", str(docker.daemon))
    docker.start_daemon()
    assert docker.machine.run("ls", socket).returncode != 0
    assert "not enabled" in docker.machine.screen("docker", "status")
    docker.machine.screen("docker", "enable")
    docker.network("again")
    docker.run("web", "again")


def test_docker_s_networks_are_taken_down_by_force(docker: DrivenHost) -> None:
    docker.network("mine")
    docker.run("web", "mine", "-p", "8080:80")
    docker.machine.screen("docker", "disable", "--force")
    assert docker.plugin()["networks"] == []
    assert not docker.fetches(URL, patience=0.5)
    docker.machine.screen("docker", "enable")
    docker.remove("web")
    docker("network", "rm", "mine")
