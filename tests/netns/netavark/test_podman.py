"""A real Podman with `-d glassbridge`: what a person does with it, and what is left afterwards."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from tests.netns.foreign.machine import OUTSIDE, wait_until
from tests.netns.netavark.plugin_host import PluginHost

NET, OTHER = "web-net", "db-net"


@pytest.fixture
def host(podman: PluginHost) -> Iterator[PluginHost]:
    before = podman.bridges()
    yield podman
    podman.podman("pod", "rm", "-fa", "-t0")
    podman.podman("rm", "-fa", "-t0")
    podman.podman("network", "prune", "-f")
    assert podman.bridges() == before, "the last container takes the bridge along"
    assert "0 endpoints" in podman.machine.screen("status")


def test_two_containers_and_a_published_port(host: PluginHost) -> None:
    made = host.network(NET)
    assert made["network_interface"].startswith("gb-")
    host.run("web", NET, "-p", "8080:80")
    host.run("client", NET)
    inside = host.inside("client")
    assert host.machine.fetches(f"http://{host.address('web', NET)}/", *inside, patience=30)
    told = host.inspect("web", NET)
    (subnet,) = made["subnets"]
    assert told["Gateway"] == subnet["gateway"]
    link = json.loads(host.machine(*host.inside("web"), "ip", "-j", "address", "show", "eth0"))[0]
    assert told["MacAddress"] == link["address"]
    assert told["IPAddress"] == link["addr_info"][0]["local"]
    outside = ("ip", "netns", "exec", "outside")
    assert host.machine.fetches("http://127.0.0.1:8080/", patience=30)
    assert host.machine.fetches("http://203.0.113.1:8080/", *outside, patience=30)
    assert host.machine.pings(OUTSIDE, *inside, patience=30)
    host.remove("web")
    assert not host.machine.fetches("http://127.0.0.1:8080/", patience=2)


def test_names_and_aliases_are_answered(host: PluginHost) -> None:
    host.network(NET)
    host.run("web", NET, "--network-alias", "www")
    host.run("client", NET)
    address = host.address("web", NET)
    for name in ("web", "www", f"web.{NET}"):
        told = host.podman("exec", "client", "busybox", "nslookup", name)
        assert address in told, told
    assert f"search {NET}" in host.podman("exec", "client", "busybox", "cat", "/etc/resolv.conf")


def test_networks_without_containers_keep_their_subnets(host: PluginHost) -> None:
    one, other = host.network(NET), host.network(OTHER)
    assert one["subnets"][0]["subnet"] != other["subnets"][0]["subnet"]
    host.run("web", NET)
    host.run("db", OTHER)
    wait = {"patience": 0.7}
    reached = host.machine.pings(host.address("db", OTHER), *host.inside("web"), **wait)
    assert not reached, "networks are apart, as netavark's isolate=strict has it"


def test_a_setup_that_is_refused_leaves_no_bridge(host: PluginHost) -> None:
    host.network(NET)
    before = host.bridges()
    wish = ("--cgroups=disabled", "--ulimit", "host", "--mac-address", "01:00:5e:00:00:01")
    told = host.refusal("run", "--network", NET, *wish, "page", "true")
    assert "the multicast bit is set" in told
    assert host.bridges() == before
    assert NET not in host.machine.screen("network", "ls")


def test_networks_that_are_not_isolated(host: PluginHost) -> None:
    host.network(NET, "-o", "isolate=false")
    host.network(OTHER, "-o", "isolate=false")
    host.run("web", NET)
    host.run("db", OTHER)
    inside = host.inside("web")
    assert host.machine.pings(host.address("db", OTHER), *inside, patience=30)


def test_what_isolation_means(host: PluginHost) -> None:
    """Nobody comes in but by a published port; to a network that lets others in, its own may go."""
    host.network(NET)
    host.network(OTHER, "-o", "isolate=false")
    host.run("web", NET, "-p", "8080:80")
    host.run("db", OTHER)
    web, db = host.inside("web"), host.inside("db")
    assert host.machine.pings(host.address("db", OTHER), *web, patience=30)
    assert host.machine.fetches("http://203.0.113.1:8080/", *db, patience=30)
    assert not host.machine.pings(host.address("web", NET), *db, patience=0.7)


def test_gateway_bridge_and_options_of_ours(host: PluginHost) -> None:
    flags = ("--subnet", "10.65.0.0/24", "--gateway", "10.65.0.9", "--subnet", "fd65::/64")
    ours = ("com.docker.network.bridge.enable_icc=false", "glassbridge.source_guard=off")
    wishes = [word for option in ours for word in ("-o", option)]
    made = host.network(NET, *flags, "--interface-name", "web7", "--disable-dns", *wishes)
    assert made["network_interface"] == "web7"
    host.run("web", NET, "--ip6", "fd65::77")
    host.run("client", NET)
    told, inside = host.inspect("web", NET), host.inside("client")
    assert (told["Gateway"], told["GlobalIPv6Address"]) == ("10.65.0.9", "fd65::77")
    assert host.machine.pings("10.65.0.9", *inside, patience=30)
    assert host.machine.pings(OUTSIDE, *inside, patience=30)
    assert not host.machine.pings(host.address("web", NET), *inside, patience=0.7)
    assert "10.65.0.9" not in host.podman("exec", "client", "busybox", "cat", "/etc/resolv.conf")


def test_both_families_with_addresses_and_a_mac_that_were_asked_for(host: PluginHost) -> None:
    made = host.network(
        NET, "--subnet", "10.61.0.0/24", "--ipv6", "--ip-range", "10.61.0.128/25", "-o", "mtu=1400"
    )
    prefixes = [s["subnet"] for s in made["subnets"]]
    assert prefixes[0] == "10.61.0.0/24"
    assert ":" in prefixes[1]
    wish = ("--ip", "10.61.0.200", "--mac-address", "02:00:00:00:00:77")
    host.run("web", NET, *wish)
    told = host.inspect("web", NET)
    assert (told["IPAddress"], told["MacAddress"]) == ("10.61.0.200", "02:00:00:00:00:77")
    assert told["GlobalIPv6Address"]
    link = json.loads(host.machine(*host.inside("web"), "ip", "-j", "link", "show", "eth0"))[0]
    assert link["mtu"] == 1400
    host.run("client", NET)
    url = f"http://[{told['GlobalIPv6Address']}]/"
    assert host.machine.fetches(url, *host.inside("client"), patience=30)


def test_an_internal_network_has_no_way_out(host: PluginHost) -> None:
    host.network(NET, "--internal")
    host.run("web", NET)
    host.run("client", NET)
    inside = host.inside("client")
    assert host.machine(*inside, "ip", "route", "show", "default") == ""
    assert host.machine.fetches(f"http://{host.address('web', NET)}/", *inside, patience=30)
    assert not host.machine.pings(OUTSIDE, *inside, patience=0.7)


def test_ranges_of_ports_and_a_host_address(host: PluginHost) -> None:
    host.network(NET)
    ports = ("-p", "9000-9002:80-82", "-p", "127.0.0.1:9080:80", "-p", "9090:90/udp")
    host.run("web", NET, *ports)
    assert sorted(host.published()) == [9000, 9001, 9002, 9080, 9090]
    assert host.machine.fetches("http://127.0.0.1:9080/", patience=30)
    outside = ("ip", "netns", "exec", "outside")
    assert host.machine.fetches("http://203.0.113.1:9000/", *outside, patience=30)
    assert not host.machine.fetches("http://203.0.113.1:9080/", *outside, patience=2)


def test_a_second_network_joins_and_leaves(host: PluginHost) -> None:
    host.network(NET)
    host.network(OTHER, "-o", "no_default_route=true")
    host.run("web", NET)
    host.podman("network", "connect", OTHER, "web")
    inside = host.inside("web")
    assert host.machine(*inside, "ip", "-br", "link", "show", "eth1")
    routes = host.machine(*inside, "ip", "route", "show", "default")
    assert [line.split()[4] for line in routes.splitlines()] == ["eth0"]
    host.podman("network", "disconnect", OTHER, "web")
    assert host.machine.run(*inside, "ip", "link", "show", "eth1").returncode != 0


def test_a_pod_is_one_network_stack(host: PluginHost) -> None:
    host.network(NET)
    host.podman(
        "pod", "create", "--share-parent=false", "--infra-image", "page",
        "--infra-command", "busybox sleep 1000", "--network", NET, "-p", "8081:80", "shop",
    )  # fmt: skip
    command = ("run", "-d", "--cgroups=disabled", "--ulimit", "host", "--pod", "shop")
    host.podman(*command, "--name", "web", "page", "httpd", "-f", "-p", "80")
    assert host.machine.fetches("http://127.0.0.1:8081/", patience=30)


def test_a_restarted_container_has_its_network_again(host: PluginHost) -> None:
    host.network(NET)
    host.run("web", NET, "-p", "8080:80")
    host.podman("restart", "-t0", "web")
    assert host.machine.fetches("http://127.0.0.1:8080/", patience=30)
    host.podman("kill", "web")
    host.podman("start", "web")
    assert host.machine.fetches("http://127.0.0.1:8080/", patience=30)


def test_containers_outlive_the_daemon_and_are_taken_away_by_the_next(host: PluginHost) -> None:
    host.network(NET)
    host.run("web", NET, "-p", "8080:80")
    pid = host.machine.look("status")["pid"]
    host.machine("kill", f"-{signal.SIGKILL}", str(pid))
    assert host.machine.fetches("http://127.0.0.1:8080/", patience=30)
    told = host.refusal("run", "--rm", "--cgroups=disabled", "--network", NET, "page", "true")
    assert "no glassbridge daemon answers" in told
    assert "systemctl enable --now glassbridge.socket" in told
    host.machine.screen("up")
    assert host.machine.look("status")["healthy"], "conmon has the port: that is no ailment"
    assert host.machine.fetches("http://127.0.0.1:8080/", patience=30)


def test_a_namespace_that_vanished_leaves_nothing(host: PluginHost) -> None:
    host.network(NET)
    host.run("web", NET)
    host.run("client", NET)
    pid = int(host.podman("inspect", "-f", "{{.State.Pid}}", "web"))
    host.machine("kill", f"-{signal.SIGKILL}", str(pid))
    wait_until("web is gone", lambda: "Exited" in host.podman("ps", "-a", "--filter", "name=web"))
    host.run("next", NET)
    assert host.machine.pings(host.address("next", NET), *host.inside("client"), patience=30)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("-o", "vlan=7"), "option vlan=7 is not supported"),
        (("-o", "metrik=7"), "did you mean metric?"),
        (("-o", "mode=unmanaged"), "option mode=unmanaged is not supported"),
        (("--ipam-driver", "dhcp"), "IPAM driver dhcp is not supported"),
        (("--subnet", "127.0.0.0/24"), "loopback"),
        (("--subnet", "10.62.0.0/24", "--subnet", "10.63.0.0/24"), "two IPv4 subnets"),
        (("--subnet", "203.0.113.0/25"), "overlaps"),
    ],
)
def test_a_network_that_cannot_be_is_refused(
    host: PluginHost, flags: tuple[str, ...], told: str
) -> None:
    assert told in host.refusal("network", "create", "-d", "glassbridge", *flags, NET)


def test_a_taken_port_is_named(host: PluginHost) -> None:
    host.network(NET)
    done = host.machine.glassbridge("network", "ls")
    assert done.returncode == 0
    host.machine("ip", "netns", "add", "blue")
    host.machine.screen("attach", "--netns", "/run/netns/blue", "--name", "blue", "-p", "8080:80")
    free = ("run", "-d", "--cgroups=disabled", "--ulimit", "host", "--network", NET)
    told = host.refusal(*free, "-p", "8080:80", "--name", "web", "page", "httpd", "-f")
    assert "8080" in told
    host.machine.screen("detach", "blue")
    host.machine("ip", "netns", "del", "blue")


def test_our_own_commands_leave_the_network_to_podman(host: PluginHost) -> None:
    host.network(NET)
    host.run("web", NET)
    done = host.machine.glassbridge("network", "rm", NET)
    assert done.returncode != 0
    assert "odman" in done.stderr, done.stderr


def test_the_program_tells_its_version(host: PluginHost) -> None:
    for arguments in (("info",), ()):
        told = json.loads(host.plugin(*arguments).stdout)
        assert told["api_version"] == "1.0.0"
    failed = host.plugin("destroy")
    assert (failed.returncode, list(json.loads(failed.stdout))) == (1, ["error"])
    failed = host.plugin("setup", "/run/netns/none", text="{")
    assert "stdin" in json.loads(failed.stdout)["error"]


def test_routes_a_metric_and_the_name_of_the_hosts_end(host: PluginHost) -> None:
    flags = ("--subnet", "10.64.0.0/24", "--route", "10.99.0.0/16,10.64.0.9,7", "-o", "metric=50")
    host.network(NET, *flags, "-o", "outbound_addr4=203.0.113.77")
    host.machine("ip", "address", "add", "203.0.113.77/24", "dev", "uplink")
    host.run("web", f"{NET}:host_interface_name=web7")
    inside = host.inside("web")
    routes = host.machine(*inside, "ip", "route")
    assert "10.99.0.0/16 via 10.64.0.9 dev eth0 proto static metric 7" in routes, routes
    assert "metric 50" in host.machine(*inside, "ip", "route", "show", "default")
    assert host.machine("ip", "-br", "link", "show", "web7")
    outside = ("ip", "netns", "exec", "outside")
    host.machine(*outside, "ip", "neigh", "flush", "all")
    assert host.machine.pings(OUTSIDE, *inside, patience=30)
    known = host.machine(*outside, "ip", "neigh")
    assert "203.0.113.77" in known, "the answer went to the address that was named"
    host.machine("ip", "address", "del", "203.0.113.77/24", "dev", "uplink")
