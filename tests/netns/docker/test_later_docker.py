"""What Docker can do from version 28 on, and asks of a driver then."""

from __future__ import annotations

import json

import pytest
from tests.netns.docker.driven_host import DrivenHost
from tests.netns.foreign.machine import HOST

OUTSIDE = ("ip", "netns", "exec", "outside")
ENDPOINT = "driver-opt=com.docker.network.endpoint"

pytestmark = pytest.mark.parametrize("docker", ["later_host"], ids=["later"], indirect=True)


def test_it_is_a_later_one(docker: DrivenHost) -> None:
    assert int(docker("version", "--format", "{{.Server.Version}}").partition(".")[0]) >= 28


def test_the_gateway_goes_by_priority_and_ports_go_with_it(docker: DrivenHost) -> None:
    for name in ("front", "back"):
        docker.network(name)
    command = ("--network", "name=back,gw-priority=1", "-p", "8090:80")
    docker("run", "-d", "--name", "app", "--network", "front", *command, "page", "httpd", "-f")
    inside = docker.inside("app")

    def leads_to(network: str) -> bool:
        (route,) = json.loads(docker.machine(*inside, "ip", "-j", "route", "show", "default"))
        gateway: str = docker.plugged("app", network)["Gateway"]
        served = docker.fetches(f"http://{HOST}:8090/", *OUTSIDE)
        return served and bool(route["gateway"] == gateway)

    assert leads_to("back")
    docker("network", "disconnect", "back", "app")
    assert leads_to("front")
    docker("network", "connect", "--gw-priority", "-1", "back", "app")
    assert leads_to("front")
    docker("network", "disconnect", "back", "app")
    docker("network", "connect", "--gw-priority", "7", "back", "app")
    assert leads_to("back")
    assert docker.machine.screen("ports").count("8090/tcp") == 1


@pytest.mark.parametrize("ours", [True, False], ids=["our addresses", "Docker's addresses"])
def test_a_network_of_ipv6_alone(docker: DrivenHost, ours: bool) -> None:
    docker.network("six", "--ipv4=false", "--ipv6", ours=ours)
    docker.run("web", "six", "-p", "8091:80")
    docker.run("client", "six")
    inside = docker.inside("client")
    plugged = docker.plugged("web", "six")
    assert plugged["IPAddress"] == ""
    assert docker.fetches(f"http://[{plugged['GlobalIPv6Address']}]/", *inside)
    assert docker.fetches("http://[2001:db8:113::1]:8091/", *OUTSIDE)
    assert docker.looks_up("web", "client") == [plugged["GlobalIPv6Address"]]
    assert docker.machine(*inside, "ip", "-4", "-j", "address", "show", "eth0").strip() == "[]"
    links = json.loads(docker.machine(*inside, "ip", "-j", "link"))
    assert [link["ifname"] for link in links] == ["lo", "eth0"], "nor docker_gwbridge"


def test_a_network_of_neither_family_is_refused(docker: DrivenHost) -> None:
    told = docker.refused("network", "create", "-d", "glassbridge", "--ipv4=false", "n1")
    assert told.endswith("remote: a network needs IPv4 or IPv6 (add --ipv6, or omit --ipv4=false)")


def test_sysctls_and_mac_addresses_of_one_network(docker: DrivenHost) -> None:
    for name in ("front", "back"):
        docker.network(name)
    mac = "02:42:0a:44:00:98"
    sysctl = f"{ENDPOINT}.sysctls=net.ipv4.conf.IFNAME.log_martians=1"
    networks = (f"name=back,mac-address={mac}", f"name=front,{sysctl}")
    flags = [word for network in networks for word in ("--network", network)]
    docker("run", "-d", "--name", "app", *flags, "page", "sleep", "60")
    inside = docker.inside("app")
    shown = json.loads(docker.machine(*inside, "ip", "-j", "link"))
    links = {link["address"]: link["ifname"] for link in shown}
    assert docker.plugged("app", "back")["MacAddress"] == mac
    for network, wanted in (("back", "0"), ("front", "1")):
        name = links[docker.plugged("app", network)["MacAddress"]]
        told = docker.machine(*inside, "sysctl", "-n", f"net.ipv4.conf.{name}.log_martians")
        assert told.strip() == wanted


def test_a_name_of_an_interface_is_refused(docker: DrivenHost) -> None:
    """Docker would not heed a driver's answer: neither is it silently forgotten."""
    docker.network("n1")
    network = ("--network", f"name=n1,{ENDPOINT}.ifname=wan0")
    told = docker.refused("run", *network, "page", "sleep", "9")
    assert "names the interface itself" in told
