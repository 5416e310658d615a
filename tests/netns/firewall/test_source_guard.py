"""What a container may claim to be, by the network's source guard: every claim as a real frame.

A network without a guard lets the same frames through, which proves that the others are stopped.
"""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

import pytest
from tests.netns.firewall import frames
from tests.netns.firewall.build import World
from tests.netns.firewall.world import ENDPOINTS

from glassbridge.model.address import Mac, mac_of
from glassbridge.model.endpoint import EndpointId
from glassbridge.plan.firewall import link_local

NOBODYS_MAC = Mac("0a:42:00:00:00:99")
BOTH_SIDES_WAIT = 0.15
_serial = itertools.count(1)


class Who(NamedTuple):
    """Somebody on a network, as others know them."""

    mac: Mac
    ipv4: IPv4Address
    ipv6: IPv6Address

    @property
    def local(self) -> IPv6Address:
        return link_local(self.mac)


def who(world: World, name: str) -> Who:
    ipv4, ipv6 = world.book[name]
    assert isinstance(ipv4, IPv4Address)
    assert isinstance(ipv6, IPv6Address)
    return Who(mac_of(ipv4), ipv4, ipv6)


def nobody(like: Who) -> Who:
    """An address of the same subnets that was never leased: a virtual one, say."""
    return Who(NOBODYS_MAC, like.ipv4 + 200, like.ipv6 + 0x200)


class Forger(NamedTuple):
    """Makes frames from me to somebody, marked so that their arrival is noticed."""

    me: Who
    to: Who
    marker: bytes

    def ipv4(self, source: Who, mac: Mac, ports: tuple[int, int] = (9, 9)) -> bytes:
        packet = frames.udp4(source.ipv4, self.to.ipv4, ports, self.marker)
        return frames.ethernet(mac, self.to.mac, frames.IPV4, packet)

    def arp(self, claimed: IPv4Address, mac: Mac, *, tags: int = 0) -> bytes:
        reply = frames.arp_reply(mac, claimed, self.marker)
        return frames.ethernet(self.me.mac, self.to.mac, frames.ARP, reply, tags=tags)

    def ipv6(self, source: IPv6Address, ports: tuple[int, int] = (9, 9)) -> bytes:
        return self._frame6(frames.udp6(source, self.to.ipv6, ports, self.marker))

    def advertise(self, target: IPv6Address) -> bytes:
        """A neighbour advertisement."""
        kind = frames.NEIGHBOR_ADVERT
        return self._frame6(
            frames.neighbour(self.me.local, self.to.ipv6, kind, target, self.marker)
        )

    def solicit(self, source: IPv6Address, target: IPv6Address) -> bytes:
        kind = frames.NEIGHBOR_SOLICIT
        return self._frame6(frames.neighbour(source, self.to.ipv6, kind, target, self.marker))

    def route(self, *, tags: int = 0) -> bytes:
        """A router advertisement."""
        return self._frame6(
            frames.router_advert(self.me.local, self.to.local, self.marker), tags=tags
        )

    def redirect4(self) -> bytes:
        packet = frames.icmp4_redirect(self.me.ipv4, self.to.ipv4, self.marker)
        return frames.ethernet(self.me.mac, self.to.mac, frames.IPV4, packet)

    def redirect6(self) -> bytes:
        body = bytes(4) + self.me.local.packed + self.to.ipv6.packed + self.marker
        return self._frame6(frames.icmpv6(self.me.local, self.to.local, frames.ND_REDIRECT, body))

    def neither(self) -> bytes:
        return frames.ethernet(self.me.mac, self.to.mac, frames.EXPERIMENTAL, self.marker)

    def _frame6(self, packet: bytes, *, tags: int = 0) -> bytes:
        return frames.ethernet(self.me.mac, self.to.mac, frames.IPV6, packet, tags=tags)


ZERO = IPv4Address("0.0.0.0")
NONE = frames.UNSPECIFIED


class Claim(NamedTuple):
    """`o`, `s`, `f` where it passes with the guard owner, strict, off."""

    title: str
    passes: str
    forge: Callable[[Forger, Who], bytes]


CLAIMS = (
    Claim("own IPv4", "osf", lambda f, _: f.ipv4(f.me, f.me.mac)),
    Claim("another's IPv4", "f", lambda f, x: f.ipv4(x, f.me.mac)),
    Claim("nobody's IPv4", "of", lambda f, _: f.ipv4(nobody(f.me), f.me.mac)),
    Claim("another's MAC", "f", lambda f, x: f.ipv4(f.me, x.mac)),
    Claim("nobody's MAC", "of", lambda f, _: f.ipv4(f.me, NOBODYS_MAC)),
    Claim("ARP: own", "osf", lambda f, _: f.arp(f.me.ipv4, f.me.mac)),
    Claim("ARP: another's", "f", lambda f, x: f.arp(x.ipv4, f.me.mac)),
    Claim("ARP: nobody's", "of", lambda f, _: f.arp(nobody(f.me).ipv4, f.me.mac)),
    Claim("ARP: probe", "osf", lambda f, _: f.arp(ZERO, f.me.mac)),
    Claim("ARP: own at another's MAC", "f", lambda f, x: f.arp(f.me.ipv4, x.mac)),
    Claim("ARP: another's, priority tag", "f", lambda f, x: f.arp(x.ipv4, f.me.mac, tags=1)),
    Claim("ARP: another's, two tags", "", lambda f, x: f.arp(x.ipv4, f.me.mac, tags=2)),
    Claim("own IPv6", "osf", lambda f, _: f.ipv6(f.me.ipv6)),
    Claim("another's IPv6", "f", lambda f, x: f.ipv6(x.ipv6)),
    Claim("nobody's IPv6", "of", lambda f, _: f.ipv6(nobody(f.me).ipv6)),
    Claim("own link-local", "osf", lambda f, _: f.ipv6(f.me.local)),
    Claim("another's link-local", "f", lambda f, x: f.ipv6(x.local)),
    Claim("NA: own", "osf", lambda f, _: f.advertise(f.me.ipv6)),
    Claim("NA: another's", "f", lambda f, x: f.advertise(x.ipv6)),
    Claim("NA: another's link-local", "f", lambda f, x: f.advertise(x.local)),
    Claim("NA: nobody's", "of", lambda f, _: f.advertise(nobody(f.me).ipv6)),
    Claim("NS: where is another", "osf", lambda f, x: f.solicit(f.me.ipv6, x.ipv6)),
    Claim("DAD: own", "osf", lambda f, _: f.solicit(NONE, f.me.ipv6)),
    Claim("DAD: another's", "f", lambda f, x: f.solicit(NONE, x.ipv6)),
    Claim("neither IP nor ARP", "of", lambda f, _: f.neither()),
    Claim("router advertisement", "", lambda f, _: f.route()),
    Claim("router advertisement, priority tag", "", lambda f, _: f.route(tags=1)),
    Claim("IPv6 redirect", "", lambda f, _: f.redirect6()),
    Claim("IPv4 redirect", "", lambda f, _: f.redirect4()),
    Claim("DHCP server", "", lambda f, _: f.ipv4(f.me, f.me.mac, (67, 68))),
    Claim("DHCP client", "osf", lambda f, _: f.ipv4(f.me, f.me.mac, (68, 67))),
    Claim("DHCPv6 server", "", lambda f, _: f.ipv6(f.me.local, (547, 546))),
)

GUARDS = {
    # letter: (attacker, receiver, whom it impersonates)
    "o": [("a1", "a2", "a4"), ("a1", "a2", "gw-a"), ("a1", "a2", "strict2"), ("a1", "gw-a", "a2")],
    "s": [("strict1", "strict2", "gw-strict")],
    "f": [("off1", "off2", "gw-off"), ("off1", "gw-off", "off2")],
}
CASES = [(guard, *case) for guard, cases in GUARDS.items() for case in cases]


def arrivals(world: World, sender: str, receiver: str, forged: dict[str, bytes]) -> set[str]:
    """Send frames from a container; the labels of those whose marker reaches the receiver."""
    seen = set()
    with _tap(world, receiver) as tap, _tap(world, sender) as out:
        for frame in forged.values():
            out.send(frame)
        deadline = time.monotonic() + BOTH_SIDES_WAIT
        while (left := deadline - time.monotonic()) > 0:
            tap.settimeout(left)
            try:
                data = tap.recv(2048)
            except TimeoutError:
                break
            seen |= {label for label in forged if marker_of(label) in data}
    return seen


def marker_of(label: str) -> bytes:
    return f"<{label}>".encode().ljust(32, b".")


def _tap(world: World, name: str) -> socket.socket:
    """A packet socket on the one link that leads to the network."""
    netns, link = ("host", f"gb-{name[3:]}") if name.startswith("gw-") else (name, "eth0")
    tap = world.socket(netns, socket.AF_PACKET, socket.SOCK_RAW, 0)
    tap.bind((link, 3))
    return tap


@pytest.mark.parametrize(("guard", "sender", "receiver", "another"), CASES, ids=str)
def test_claims(world: World, guard: str, sender: str, receiver: str, another: str) -> None:
    """Every claim of the table arrives, or does not, as the network's guard has it."""
    me, to, victim = who(world, sender), who(world, receiver), who(world, another)
    forged = {c.title: c.forge(Forger(me, to, marker_of(c.title)), victim) for c in CLAIMS}
    expected = {c.title for c in CLAIMS if guard in c.passes}
    assert arrivals(world, sender, receiver, forged) == expected


def test_bridge_learns_no_stolen_mac(world: World) -> None:
    """Neither from an ordinary frame nor from one to a reserved multicast address (LLDP's).

    The latter passes no netfilter hook at all (br_handle_frame); no_linklocal_learn keeps it out.
    """
    me, victim, to = who(world, "a1"), who(world, "a4"), who(world, "a2")
    _say_hello(world, "a4", victim, to)
    _steal_by(world, frames.ethernet(victim.mac, to.mac, frames.EXPERIMENTAL, bytes(46)))
    assert _port_of(world, victim.mac) == ENDPOINTS[EndpointId("a4")].host_end
    lldp = frames.ethernet(victim.mac, Mac("01:80:c2:00:00:0e"), 0x88CC, bytes(46))
    _steal_by(world, lldp)
    assert _port_of(world, victim.mac) == ENDPOINTS[EndpointId("a4")].host_end
    world.run("host", "ip", "link", "set", "gb-a", "type", "bridge", "no_linklocal_learn", "0")
    try:
        _steal_by(world, lldp)
        assert _port_of(world, victim.mac) == ENDPOINTS[EndpointId("a1")].host_end
    finally:
        world.run("host", "ip", "link", "set", "gb-a", "type", "bridge", "no_linklocal_learn", "1")
        _say_hello(world, "a4", victim, to)
        _say_hello(world, "a1", me, to)


def test_router_advertisements_only_reach_endpoints_with_ipv6(world: World) -> None:
    """The host, or a router behind an adopted bridge, may advertise: not to everyone."""
    router = who(world, "gw-a")
    packet = frames.router_advert(router.local, IPv6Address("ff02::1"), marker_of("ra"))
    forged = frames.ethernet(router.mac, Mac("33:33:00:00:00:01"), frames.IPV6, packet)
    assert arrivals(world, "gw-a", "a1", {"ra": forged}) == {"ra"}
    assert arrivals(world, "gw-a", "a3", {"ra": forged}) == set()


def _say_hello(world: World, name: str, me: Who, to: Who) -> None:
    frame = frames.ethernet(me.mac, to.mac, frames.EXPERIMENTAL, bytes(46))
    with _tap(world, name) as out:
        out.send(frame)


def _steal_by(world: World, frame: bytes) -> None:
    with _tap(world, "a1") as out:
        out.send(frame)


def _port_of(world: World, mac: Mac) -> str:
    """Where the bridge believes a MAC to be."""
    entries = json.loads(world.run("host", "bridge", "-j", "fdb", "show", "br", "gb-a"))
    ports: list[str] = [e["ifname"] for e in entries if e["mac"] == mac]
    return ports[0]
