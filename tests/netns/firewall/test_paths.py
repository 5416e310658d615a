"""Who reaches whom, and under which address: one row per path, over TCP and UDP, IPv4 and IPv6."""

from __future__ import annotations

import subprocess
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import NamedTuple

import msgspec
import pytest
from tests.netns.firewall.build import World
from tests.netns.firewall.probes import REFUSED, SILENT, reach
from tests.netns.firewall.world import ENDPOINTS, elements, network

from glassbridge.kernel.nft_elements import Change
from glassbridge.model.endpoint import EndpointId
from glassbridge.model.network import Ifname, NetworkOptions, Subnet
from glassbridge.plan.firewall import endpoint_elements, network_elements, tables
from glassbridge.plan.nft_script import ruleset_script


class Path(NamedTuple):
    """One path; the answer over IPv6 is the same unless told, None where it has no IPv6."""

    title: str
    client: str
    to: str
    port: int
    answer: str
    answer6: str | None = ""


PATHS = (
    Path("a sibling", "a1", "a2", 80, "a2 saw a1"),
    Path("a sibling, at the number that it publishes", "a1", "a2", 81, "a2 saw a1"),
    Path("a sibling without IPv6", "a1", "a3", 80, "a3 saw a1", None),
    Path("host to container", "host", "a2", 80, "a2 saw gw-a"),
    Path("container to host by its gateway", "a1", "gw-a", 80, "host saw a1"),
    Path("container to host by another address", "a1", "host", 80, "host saw a1"),
    Path("container to another network's gateway", "a1", "gw-b", 80, "host saw a1"),
    Path("outside to a bridge's own address", "out", "gw-a", 80, "host saw out"),
    Path("container to outside: masqueraded", "a1", "out", 80, "out saw host"),
    Path("container to a bridged uplink: masqueraded", "a1", "lan", 80, "lan saw host-lan"),
    Path("container to outside with host_ipv4", "snat1", "out", 80, "out saw snat"),
    Path(
        "container to outside, no masquerade: replies live", "plain1", "out", 80, "out saw plain1"
    ),
    Path("across networks", "a1", "b1", 80, SILENT),
    Path("across networks, to no masquerade", "a1", "plain1", 80, SILENT),
    Path("across networks, from no masquerade", "plain1", "a1", 80, SILENT),
    # published
    Path("published, from outside: source kept", "out", "host", 8080, "a2 saw out"),
    Path("published, from a bridged uplink", "lan", "host-lan", 8080, "a2 saw lan"),
    Path("published, from the host", "host", "host", 8080, "a2 saw host"),
    Path(
        "published, from the host by 127.0.0.1; ::1 refused",
        "host",
        "localhost",
        8080,
        "a2 saw gw-a",
        REFUSED,
    ),
    Path("published, from a sibling", "a1", "host", 8080, "a2 saw gw-a"),
    Path("published, from a sibling by the gateway", "a1", "gw-a", 8080, "a2 saw gw-a"),
    Path("published, from itself", "a2", "host", 8080, "a2 saw gw-a"),
    Path("published, from itself by the gateway", "a2", "gw-a", 8080, "a2 saw gw-a"),
    Path("published, from another network", "b1", "host", 8080, "a2 saw gw-a"),
    Path("published, from another network by our gateway", "b1", "gw-a", 8080, "a2 saw gw-a"),
    Path("published, from another network by its gateway", "b1", "gw-b", 8080, "a2 saw gw-a"),
    Path("published, from no masquerade: source kept", "plain1", "host", 8080, "a2 saw plain1"),
    Path("published, from a foreign bridge", "foreign", "host", 8080, "a2 saw foreign"),
    Path("published, from an internal network", "internal1", "gw-internal", 8080, SILENT),
    Path("published on one address", "out", "host", 8082, "a2 saw out"),
    Path("published on one address, from the host", "host", "host", 8082, "a2 saw host"),
    Path("published on one address, by another", "vpn", "host-vpn", 8082, REFUSED),
    Path("published on loopback, from the host", "host", "localhost", 8090, "a2 saw gw-a", REFUSED),
    Path("published on loopback, from outside", "out", "host", 8090, REFUSED),
    Path("published on loopback, from a sibling", "a1", "gw-a", 8090, REFUSED),
    Path("not published", "out", "host", 8099, REFUSED),
    # protected
    Path("outside to a container's address", "out", "a2", 80, SILENT),
    Path("outside to an unpublished port", "out", "a2", 81, SILENT),
    Path("a bridged uplink to a container's address", "lan", "a2", 80, SILENT),
    Path("outside to a container's address, no masquerade", "out", "plain1", 80, SILENT),
    Path("trusted link to a published port", "vpn", "trusting1", 80, "trusting1 saw vpn"),
    Path("trusted link to an unpublished port", "vpn", "trusting1", 81, SILENT),
    Path("trusted link to another network", "vpn", "a2", 80, SILENT),
    Path("untrusted link to the trusting network", "out", "trusting1", 80, SILENT),
    # internal
    Path("internal: sibling", "internal1", "internal2", 80, "internal2 saw internal1"),
    Path("internal: gateway", "internal1", "gw-internal", 80, "host saw internal1"),
    Path("internal: host to container", "host", "internal1", 80, "internal1 saw gw-internal"),
    Path("internal: to outside", "internal1", "out", 80, SILENT),
    Path("internal: to another network", "internal1", "a1", 80, SILENT),
    Path("internal: to an unprotected network", "internal1", "open1", 80, SILENT),
    Path("internal: from another network", "a1", "internal1", 80, SILENT),
    Path("internal: from outside", "out", "internal1", 80, SILENT),
    Path("internal: published by somebody else", "out", "host", 9091, SILENT),
    # ICC off
    Path("icc off: gateway", "apart1", "gw-apart", 80, "host saw apart1"),
    Path("icc off: to outside", "apart1", "out", 80, "out saw host"),
    Path("icc off: published, from outside", "out", "host", 8081, "apart2 saw out"),
    Path("icc off: published, from another network", "a1", "host", 8081, "apart2 saw gw-apart"),
    # gateway modes
    Path("routed: published port from outside", "out", "routed1", 80, "routed1 saw out"),
    Path("routed: other port from outside", "out", "routed1", 81, SILENT),
    Path("routed: no DNAT", "out", "host", 8085, REFUSED),
    Path("routed: to outside, no masquerade", "routed1", "out", 80, "out saw routed1"),
    Path("routed: published port from a network", "a1", "routed1", 80, "routed1 saw gw-routed"),
    Path("routed: other port from a network", "a1", "routed1", 81, SILENT),
    Path("routed: to a protected network", "routed1", "a1", 80, SILENT),
    Path("nat-unprotected: any port from outside", "out", "open1", 81, "open1 saw out"),
    Path("nat-unprotected: from a network", "a1", "open1", 80, "open1 saw gw-open"),
    Path("nat-unprotected: to outside", "open1", "out", 80, "out saw host"),
    # bridges of others, whose own rules accept everything
    Path("foreign bridge to a container", "foreign", "a1", 80, SILENT),
    Path("foreign bridge to a routed network", "foreign", "routed1", 80, SILENT),
    Path("foreign bridge to an unprotected network", "foreign", "open1", 80, SILENT),
    Path("container to a foreign bridge", "a1", "foreign", 80, SILENT),
    Path("container to a port that others publish", "a1", "host", 9090, "foreign saw host-foreign"),
    Path("outside to a foreign bridge", "out", "foreign", 80, "foreign saw out"),
)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.title)
def test_path(world: World, path: Path) -> None:
    expected = {"tcp4": path.answer, "udp4": path.answer}
    if path.answer6 is not None:
        expected |= dict.fromkeys(("tcp6", "udp6"), path.answer6 or path.answer)
    assert reach(world, path.client, path.to, path.port, silent=path.answer == SILENT) == expected


def test_icc_off_sibling(world: World) -> None:
    """No direct way, and none by the gateway."""
    assert set(reach(world, "apart1", "apart2", 80, silent=True).values()) == {SILENT}
    # both ways, else the answer would take the direct one
    for me, other in (("apart1", "apart2"), ("apart2", "apart1")):
        for sibling, gateway in zip(world.book[other], world.book["gw-apart"], strict=True):
            world.run(me, "ip", "route", "replace", str(sibling), "via", str(gateway))
    assert set(reach(world, "apart1", "apart2", 80, silent=True).values()) == {SILENT}


@pytest.mark.parametrize("client", ["apart1", "apart2"], ids=["sibling", "itself"])
def test_icc_off_published(world: World, client: str) -> None:
    """With br_netfilter DNAT happens inside the bridge, where isolated ports are cut off."""
    silent = world.nf_call
    answer = SILENT if silent else "apart2 saw gw-apart"
    assert set(reach(world, client, "host", 8081, silent=silent).values()) == {answer}


@pytest.mark.parametrize(("server", "port"), [("a1", 8080), ("a2", 80)])
def test_a_service_of_others_keeps_its_client(world: World, server: str, port: int) -> None:
    """Without br_netfilter its answer goes past conntrack, straight to who never asked there."""
    silent = not world.nf_call
    answer = SILENT if silent else f"{server} saw a4"
    found = reach(world, "a4", f"service-{server}", port, silent=silent)
    assert set(found.values()) == {answer}
    found = reach(world, "b1", f"service-{server}", port, silent=False)
    assert set(found.values()) == {f"{server} saw gw-a"}


def test_hairpin_is_what_a_container_needs_to_reach_its_own_published_port(world: World) -> None:
    """Only with br_netfilter, and only the published endpoint's own port."""
    port = ENDPOINTS[EndpointId("a2")].host_end
    world.run("host", "ip", "link", "set", port, "type", "bridge_slave", "hairpin", "off")
    try:
        silent = world.nf_call
        answer = SILENT if silent else "a2 saw gw-a"
        assert set(reach(world, "a2", "host", 8080, silent=silent).values()) == {answer}
        assert set(reach(world, "a1", "host", 8080, silent=False).values()) == {"a2 saw gw-a"}
    finally:
        world.run("host", "ip", "link", "set", port, "type", "bridge_slave", "hairpin", "on")


@pytest.mark.parametrize(
    ("client", "to", "answers"),
    [
        ("a1", "out", True),
        ("out", "routed1", True),
        ("b1", "routed1", True),
        ("foreign", "routed1", False),
        ("out", "a2", False),
        ("out", "trusting1", False),
        ("vpn", "trusting1", False),
        ("apart1", "apart2", False),
    ],
)
def test_ping(world: World, client: str, to: str, answers: bool) -> None:
    for address in world.book[to]:
        pings = ["ip", "netns", "exec", f"fw-{client}", "ping", "-c1", "-W", "0.5", str(address)]
        done = subprocess.run(pings, capture_output=True, check=False)
        assert (done.returncode == 0) == answers, done.stdout


def test_an_adopted_uplink(world: World) -> None:
    """A network on br0 itself, which leads to the LAN: others still go out by it.

    Its own containers are hidden and masqueraded, the LAN's other hosts are not.
    """
    lan = network(20, "lan", NetworkOptions())
    adopted = msgspec.structs.replace(
        lan,
        bridge=Ifname("br0"),
        adopted=True,
        ipv4=Subnet(prefix=IPv4Network("192.0.2.0/24"), gateway=IPv4Address("192.0.2.1")),
        ipv6=Subnet(prefix=IPv6Network("2001:db8:3::/64"), gateway=IPv6Address("2001:db8:3::1")),
    )
    world.nft.run(ruleset_script(tables(), (*elements(), *network_elements(adopted))))
    try:
        assert set(reach(world, "a1", "lan", 80, silent=False).values()) == {"lan saw host-lan"}
        assert set(reach(world, "out", "lan", 80, silent=False).values()) == {"lan saw out"}
        assert set(reach(world, "lan", "out", 80, silent=False).values()) == {"out saw lan"}
        assert set(reach(world, "lan", "a2", 80, silent=True).values()) == {SILENT}
        assert set(reach(world, "lan", "host-lan", 8080, silent=False).values()) == {"a2 saw lan"}
        own = msgspec.structs.replace(
            ENDPOINTS[EndpointId("a3")],
            ipv4=IPv4Interface("192.0.2.9/24"),
            ipv6=IPv6Interface("2001:db8:3::9/64"),
        )
        world.nft.change([(Change.ADD, endpoint_elements(adopted, own))])
        assert set(reach(world, "a1", "lan", 80, silent=True).values()) == {SILENT}
        assert set(reach(world, "out", "lan", 80, silent=True).values()) == {SILENT}
        assert set(reach(world, "lan", "out", 80, silent=False).values()) == {"out saw host"}
    finally:
        world.nft.run(ruleset_script(tables(), elements()))
