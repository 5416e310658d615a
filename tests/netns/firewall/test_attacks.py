"""Attacks on the host and across networks: each fails, and succeeds once its guard is lifted."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address

import pytest
from tests.netns.firewall import frames
from tests.netns.firewall.build import World
from tests.netns.firewall.probes import SILENCE, SILENT, reach
from tests.netns.firewall.test_paths import PATHS
from tests.netns.firewall.world import elements

from glassbridge.model.address import IPAddress, mac_of
from glassbridge.plan.firewall import tables
from glassbridge.plan.nft_script import delete_tables_script, ruleset_script

LOOPBACK = IPv4Address("127.0.0.1")


@contextmanager
def lifted(world: World, chain: str) -> Iterator[None]:
    """One chain emptied, for as long as it takes."""
    world.nft.run(f"flush chain {chain}\n")
    try:
        yield
    finally:
        world.nft.run(ruleset_script(tables(), elements()))


def test_a_container_does_not_reach_services_on_the_hosts_loopback(world: World) -> None:
    """route_localnet, which 127.0.0.1:PORT needs, opens them: the loopback guard closes them."""
    # so that the host knows the container's MAC: it cannot ask for it in the name of 127.0.0.1
    reach(world, "host", "a1", 80, silent=False)
    assert not _loopback_answers(world)
    with lifted(world, "inet glassbridge raw"):
        assert _loopback_answers(world)


def _loopback_answers(world: World) -> bool:
    """Send a datagram to 127.0.0.1:7001 by the gateway's MAC, and listen for the answer."""
    me, gateway = world.book["a1"][0], world.book["gw-a"][0]
    assert isinstance(me, IPv4Address)
    assert isinstance(gateway, IPv4Address)
    packet = frames.udp4(me, LOOPBACK, (5353, 7001), b"who")
    frame = frames.ethernet(mac_of(me), mac_of(gateway), frames.IPV4, packet)
    with (
        world.socket("a1", socket.AF_PACKET, socket.SOCK_RAW) as out,
        world.socket("a1", socket.AF_PACKET, socket.SOCK_RAW) as tap,
    ):
        for link in (out, tap):
            link.bind(("eth0", 3))
        tap.settimeout(SILENCE)
        out.send(frame)
        try:
            while True:
                data = tap.recv(2048)
                if b"host " in data and LOOPBACK.packed in data:
                    return True
        except TimeoutError:
            return False


@pytest.mark.parametrize("version", [4, 6])
def test_nobody_outside_joins_a_connection_within_a_network(world: World, version: int) -> None:
    """Conntrack alone would let a forged answer in: it does not look at links.

    Without br_netfilter it knows nothing of connections within a network; a lifted guard changes
    nothing then.
    """
    assert not _forged_answer_arrives(world, version)
    with lifted(world, "inet glassbridge raw"):
        assert _forged_answer_arrives(world, version) == world.nf_call


def _forged_answer_arrives(world: World, version: int) -> bool:
    server, client = (world.book[n][0 if version == 4 else 1] for n in ("a2", "a1"))
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with (
        world.socket("a1", family, socket.SOCK_DGRAM) as asker,
        world.socket("out", family, socket.SOCK_RAW, socket.IPPROTO_RAW) as forger,
    ):
        asker.connect((str(server), 80))
        asker.settimeout(SILENCE)
        asker.send(b"who")
        assert asker.recv(100).startswith(b"a2 ")
        ports = (80, asker.getsockname()[1])
        forger.sendto(_datagram(server, client, ports), (str(client), 0))
        try:
            return asker.recv(100) == b"forged"
        except TimeoutError:
            return False


def _datagram(source: IPAddress, to: IPAddress, ports: tuple[int, int]) -> bytes:
    if isinstance(source, IPv4Address) and isinstance(to, IPv4Address):
        return frames.udp4(source, to, ports, b"forged")
    assert isinstance(source, IPv6Address)
    assert isinstance(to, IPv6Address)
    return frames.udp6(source, to, ports, b"forged")


@pytest.mark.parametrize("name", ["::1", "the uplink"])
def test_a_port_on_every_address_does_not_capture_others_traffic(world: World, name: str) -> None:
    """A container's own connection to that port elsewhere is not redirected."""
    to = {"::1": "localhost", "the uplink": "out"}[name]
    assert "a2 saw" not in " ".join(reach(world, "a1", to, 8080, silent=False).values())


def test_without_the_ruleset_every_forbidden_path_is_open(world: World) -> None:
    """Else a silent path would prove nothing."""
    forbidden = [p for p in PATHS if p.answer == SILENT and p.port in (80, 81)]
    world.nft.run(delete_tables_script())
    try:
        for path in forbidden:
            results = reach(world, path.client, path.to, path.port, silent=False)
            assert set(results.values()) == {f"{path.to} saw {path.client}"}, path.title
    finally:
        world.nft.run(ruleset_script(tables(), elements()))
