"""The host around us: forwarding, router advertisements and the firewalls of others.

Whatever is switched on is given back by `down`, one key at a time; chains of others are opened by
their own tool and closed again.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.netns.cables import await_cables
from tests.netns.engine.conftest import Outside
from tests.netns.engine.host_view import look_at_host
from tests.netns.engine.seeing import ask, eventually, link, listening, open_socket, run, show

from glassbridge.engine.engine import Engine
from glassbridge.model.requests import AttachRequest, NetworkRequest

Folders = tuple[Path, Path]
Make = Callable[[str], str]
Tool = tuple[str, str]

LEGACY, NFT = ("iptables-legacy", "ip6tables-legacy"), ("iptables-nft", "ip6tables-nft")
SIX = NetworkRequest(name="six", ipv6=True)


def sysctl(key: str) -> str:
    return Path("/proc/sys/net", *key.split(".")).read_text().strip()


def set_sysctl(key: str, value: str) -> None:
    Path("/proc/sys/net", *key.split(".")).write_text(value)


def seen_by_iptables() -> str:
    """Only what exists already: a tool asked for a table makes it."""
    return run("nft", "list", "tables") + Path("/proc/net/ip_tables_names").read_text()


@pytest.fixture
def opened(fresh_host: None, folders: Folders) -> Iterator[Callable[[], Engine]]:
    """Opens an engine when the host is as the test wants it."""
    engines: list[Engine] = []

    def make() -> Engine:
        engines.append(Engine(*folders))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


Opened = Callable[[], Engine]


def test_forwarding_is_switched_on_and_given_back(opened: Opened, make_netns: Make) -> None:
    make_netns("out")
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", "out")
    set_sysctl("ipv4.ip_forward", "0")
    set_sysctl("ipv6.conf.all.forwarding", "0")
    odd = {
        "ipv4.conf.all.accept_redirects": "0",
        "ipv4.conf.up0.forwarding": "1",
        "ipv4.conf.default.forwarding": "1",
        "ipv6.conf.up0.forwarding": "1",
    }
    for key, value in odd.items():
        set_sysctl(key, value)
    before = look_at_host()
    engine = opened()
    assert look_at_host() == before, "looking must not change the host"
    engine.up()
    assert sysctl("ipv4.ip_forward") == "1"
    assert sysctl("ipv6.conf.all.forwarding") == "0", "nobody asked for IPv6"
    engine.create_network(SIX)
    assert sysctl("ipv6.conf.all.forwarding") == "1"
    assert engine.down(force=True) == ()
    assert look_at_host() == before
    assert {key: sysctl(key) for key in odd} == odd
    engine.up()
    assert sysctl("ipv4.ip_forward") == "1", "a second time, too"
    engine.down()
    engine.remove_network("six")
    assert look_at_host() == before


def test_forwarding_that_was_on_stays_on(opened: Opened) -> None:
    set_sysctl("ipv4.ip_forward", "1")
    set_sysctl("ipv6.conf.all.forwarding", "1")
    before = look_at_host()
    engine = opened()
    engine.create_network(SIX)
    engine.down()
    assert look_at_host() == before


def test_an_internal_network_needs_no_forwarding(opened: Opened) -> None:
    set_sysctl("ipv4.ip_forward", "0")
    engine = opened()
    engine.create_network(NetworkRequest(name="closed", internal=True))
    assert sysctl("ipv4.ip_forward") == "0"
    engine.down()


@pytest.mark.parametrize("is_adopted", [False, True])
def test_forwarding_stays_for_a_bridge_of_somebody_else(opened: Opened, is_adopted: bool) -> None:
    set_sysctl("ipv4.ip_forward", "0")
    run("ip", "link", "add", "vmbr0", "type", "bridge")
    engine = opened()
    options = {"com.docker.network.bridge.name": "vmbr0"} if is_adopted else {}
    engine.create_network(NetworkRequest(name="net", options=options))
    (note,) = engine.down()
    assert "forwarding stays on: vmbr0 may need it" in note
    assert "sysctl -w net.ipv4.ip_forward=0" in note
    assert sysctl("ipv4.ip_forward") == "1"
    assert link("vmbr0")


def test_what_was_recorded_survives_a_restart(opened: Opened, folders: Folders) -> None:
    set_sysctl("ipv4.ip_forward", "0")
    before = look_at_host()
    first = Engine(*folders)
    first.up()
    first.close()
    second = opened()
    assert sysctl("ipv4.ip_forward") == "1"
    second.down()
    assert look_at_host() == before


def test_an_uplink_on_router_advertisements_keeps_its_route(
    opened: Opened, make_netns: Make
) -> None:
    """With forwarding on, the kernel drops such routes unless accept_ra is 2."""
    set_sysctl("ipv6.conf.all.forwarding", "0")
    make_netns("isp")
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", "isp")
    set_sysctl("ipv6.conf.up0.accept_ra", "1")
    set_sysctl("ipv6.conf.up0.router_solicitations", "0")
    no_wait = "net.ipv6.conf.up0.accept_dad=0"  # a link-local address that is usable at once
    run("sysctl", "-qw", no_wait)
    run("ip", "netns", "exec", "isp", "sysctl", "-qw", no_wait)
    run("ip", "link", "set", "up0", "up")
    run("ip", "-n", "isp", "link", "set", "up0", "up")
    await_cables()
    eventually(lambda: link_local("up0", "isp") and link_local("up0"))
    advertise("/run/netns/isp", "up0")
    eventually(lambda: default6() == ["ra"])
    engine = opened()
    engine.create_network(SIX)
    assert sysctl("ipv6.conf.all.forwarding") == "1"
    assert sysctl("ipv6.conf.up0.accept_ra") == "2"
    assert default6() == ["ra"]
    engine.down()
    assert sysctl("ipv6.conf.all.forwarding") == "0"
    assert sysctl("ipv6.conf.up0.accept_ra") == "1"
    assert default6() == ["ra"]


@pytest.mark.parametrize("tools", [NFT, LEGACY], ids=["nft", "legacy"])
def test_a_dropping_chain_is_opened_with_its_own_tool_and_closed(
    opened: Opened, make_netns: Make, outside: Outside, tools: Tool
) -> None:
    """As on a host with Docker: FORWARD drops, DOCKER-USER is the place for others."""
    docker(tools[0])
    before = run(f"{tools[0]}-save", "-t", "filter")
    host = look_at_host()
    engine = opened()
    engine.attach(AttachRequest(name="box", netns=make_netns("box")))
    with listening(outside.netns, 80):
        assert ask("/run/netns/box", outside.address, 80) == "198.51.100.1"
    rules = run(tools[0], "-S", "DOCKER-USER")
    assert rules.count("--comment glassbridge") == 2
    assert "glassbridge" not in run(tools[0], "-S", "FORWARD")
    engine.down(force=True)
    assert without_counters(run(f"{tools[0]}-save", "-t", "filter")) == without_counters(before)
    assert look_at_host()["sysctls"] == host["sysctls"]


def test_a_chain_that_appears_later_is_opened_within_a_second(
    opened: Opened, make_netns: Make, outside: Outside
) -> None:
    engine = opened()
    engine.attach(AttachRequest(name="box", netns=make_netns("box")))
    with listening(outside.netns, 80):
        assert ask("/run/netns/box", outside.address, 80)
        docker("iptables-nft")
        eventually(lambda: is_open("iptables-nft"))
        assert ask("/run/netns/box", outside.address, 80)
        run("iptables-nft", "-F", "DOCKER-USER")
        eventually(lambda: is_open("iptables-nft"))
        assert ask("/run/netns/box", outside.address, 80)
    engine.down(force=True)
    assert not is_open("iptables-nft")


def test_a_legacy_chain_that_appears_later_is_opened_with_the_next_network(
    opened: Opened, make_netns: Make
) -> None:
    """The kernel announces no change of legacy tables: there is nothing to listen to."""
    engine = opened()
    engine.up()
    docker("iptables-legacy")
    engine.create_network(NetworkRequest(name="next"))
    assert is_open("iptables-legacy")
    engine.down(force=True)
    assert not is_open("iptables-legacy")


def test_no_table_of_iptables_is_made_by_looking(opened: Opened, make_netns: Make) -> None:
    before = seen_by_iptables()
    engine = opened()
    engine.attach(AttachRequest(name="box", netns=make_netns("box")))
    run("nft", "add", "table", "ip", "other")
    time.sleep(0.3)
    run("nft", "delete", "table", "ip", "other")
    during = set(run("nft", "list", "tables").splitlines())
    assert during == {"table inet glassbridge", "table bridge glassbridge"}
    engine.down(force=True)
    assert seen_by_iptables() == before


def docker(tool: str) -> None:
    """What dockerd leaves: a dropping policy and a chain for the administrator."""
    run(tool, "-P", "FORWARD", "DROP")
    run(tool, "-N", "DOCKER-USER")
    run(tool, "-A", "DOCKER-USER", "-j", "RETURN")
    run(tool, "-I", "FORWARD", "-j", "DOCKER-USER")


def is_open(tool: str) -> bool:
    return run(tool, "-S", "DOCKER-USER").count("--comment glassbridge") == 2


def without_counters(saved: str) -> list[str]:
    return [line.partition(" [")[0] for line in saved.splitlines() if not line.startswith("#")]


def link_local(ifname: str, netns: str = "") -> str:
    """Its link-local address once that may be used."""
    shown = link(ifname, netns).get("addr_info", ())
    return next((a["local"] for a in shown if a["scope"] == "link" and not a.get("tentative")), "")


def default6() -> list[str]:
    return [r["protocol"] for r in show("ip", "-6", "-j", "route", "show", "default")]


def advertise(netns: str, ifname: str) -> None:
    """One router advertisement, good for half an hour (RFC 4861 §4.2)."""
    scope = link(ifname, netns)["ifindex"]
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    with open_socket(netns, socket.SOCK_RAW, socket.AF_INET6, socket.IPPROTO_ICMPV6) as router:
        router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        router.bind((link_local(ifname, netns), 0, 0, scope))
        router.sendto(message, ("ff02::1", 0, 0, scope))
