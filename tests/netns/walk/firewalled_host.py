"""Two neighbours with a host between them, and what really happens to a packet that they send.

    left eth0 (192.0.2.9) --- in0 (.1) host out0 (198.51.100.1) --- eth0 (.9) right

The rules under test are the host's alone.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
from contextlib import suppress
from ipaddress import ip_address

from msgspec import Struct
from msgspec.structs import replace
from tests.netns.cables import await_cables

from glassbridge.kernel.discovery import describe_netns
from glassbridge.kernel.listed_rules import read_ruleset
from glassbridge.kernel.netns import inside, open_netns
from glassbridge.kernel.nft import Nft
from glassbridge.kernel.snapshot import read_stack
from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.snapshot import Namespace
from glassbridge.model.topology import Link
from glassbridge.walk.firewall.address_types import address_type, longest_match
from glassbridge.walk.firewall.filtering import pass_hook
from glassbridge.walk.firewall.hooks import HookCall, HookResult, HookVerdict, Tracking
from glassbridge.walk.firewall.rendered import OwnTables

LEFT, HOST_LEFT = {4: "192.0.2.9", 6: "2001:db8:a::9"}, {4: "192.0.2.1", 6: "2001:db8:a::1"}
RIGHT, HOST_RIGHT = {4: "198.51.100.9", 6: "2001:db8:b::9"}, {4: "198.51.100.1", 6: "2001:db8:b::1"}
PORTS = (53, 80, 8080)
_PATIENCE, _SILENCE = 3.0, 0.04
_SYSCTLS = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
)
_LINKS = """\
link add in0 type veth peer name eth0 address 02:00:00:00:00:02 netns {left}
link add out0 type veth peer name eth0 address 02:00:00:00:00:04 netns {right}
link set in0 address 02:00:00:00:00:01
link set out0 address 02:00:00:00:00:03
addr add 192.0.2.1/24 dev in0
addr add 198.51.100.1/24 dev out0
addr add 2001:db8:a::1/64 dev in0 nodad
addr add 2001:db8:b::1/64 dev out0 nodad
link set in0 up
link set out0 up
link set lo up
neigh add 192.0.2.9 lladdr 02:00:00:00:00:02 dev in0
neigh add 2001:db8:a::9 lladdr 02:00:00:00:00:02 dev in0
neigh add 198.51.100.9 lladdr 02:00:00:00:00:04 dev out0
neigh add 2001:db8:b::9 lladdr 02:00:00:00:00:04 dev out0
"""
# rules under test may drop neighbour discovery, which is none of their business here
_NEIGHBOUR = """
addr add {four}/24 dev eth0
addr add {six}/64 dev eth0 nodad
link set eth0 up
link set lo up
route add default via {via4}
route add default via {via6}
neigh add {via4} lladdr {mac} dev eth0
neigh add {via6} lladdr {mac} dev eth0
"""


class Arrived(Struct, frozen=True, kw_only=True):
    """Where a packet came out, and as what."""

    where: str
    """`right` or `host`."""
    source: str
    source_port: int
    port: int
    answer: tuple[str, int] | None = None
    """From where its sender saw the answer come."""


class FirewalledHost:
    """The three namespaces, until closed."""

    def __init__(self, prefix: str) -> None:
        self._names = {w: f"{prefix}-{w}" for w in ("left", "host", "right")}
        self.netns: dict[str, int] = {}
        for where, name in self._names.items():
            subprocess.run(["ip", "netns", "add", name], check=True)
            self.netns[where] = open_netns(f"/run/netns/{name}")
        for setting in _SYSCTLS:
            self.run("host", "sysctl", "-qw", setting)
        self._batch("host", _LINKS.format(**self._names))
        for where, own, via, mac in (
            ("left", LEFT, HOST_LEFT, "02:00:00:00:00:01"),
            ("right", RIGHT, HOST_RIGHT, "02:00:00:00:00:03"),
        ):
            addresses = {"four": own[4], "six": own[6], "via4": via[4], "via6": via[6]}
            self._batch(where, _NEIGHBOUR.format(**addresses, mac=mac))
        with inside(self.netns["host"]):
            await_cables()
        with inside(self.netns["host"]):
            self.nft = Nft()
        self._listening = {
            (where, version, port): self._listen(where, version, port)
            for where in ("host", "right")
            for version in (4, 6)
            for port in PORTS
        }

    def close(self) -> None:
        self.nft.close()
        for listening in self._listening.values():
            listening.close()
        for where, fd in self.netns.items():
            os.close(fd)
            subprocess.run(["ip", "netns", "del", self._names[where]], check=True)

    def load(self, script: str) -> None:
        """Put rules in the place of all others; nft finds links where the thread is."""
        with inside(self.netns["host"]):
            self.nft.run("flush ruleset\n" + script)

    def run(self, where: str, *command: str, text: str | None = None) -> str:
        named = ["ip", "netns", "exec", self._names[where], *command]
        done = subprocess.run(named, check=True, capture_output=True, text=True, input=text)
        return done.stdout

    def _batch(self, where: str, lines: str) -> None:
        self.run(where, "ip", "-batch", "-", text=lines)

    def _socket(self, where: str, version: int) -> socket.socket:
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with inside(self.netns[where]):
            made = socket.socket(family, socket.SOCK_DGRAM)
        if version == 6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return made

    def _listen(self, where: str, version: int, port: int) -> socket.socket:
        made = self._socket(where, version)
        made.bind(("", port))
        return made

    def namespace(self, own: OwnTables | None = None) -> Namespace:
        """The host as it is now."""
        fd = self.netns["host"]
        stack = read_stack(fd, describe_netns(f"/run/netns/{self._names['host']}"))
        return Namespace(stack=stack, ruleset=read_ruleset(fd, own))

    # -- what really happens

    def send(self, packet: Packet, *, expect: bool) -> Arrived | None:
        """Send it from the left as UDP; where nothing is expected, wait for a moment only."""
        sender = self._socket("left", packet.version)
        sender.bind(("", packet.source_port))
        with sender:
            sender.sendto(b"probe", (str(packet.destination), packet.destination_port))
            return self._arrived(sender, _PATIENCE if expect else _SILENCE)

    def _arrived(self, sender: socket.socket, patience: float) -> Arrived | None:
        ready, _, _ = select.select(list(self._listening.values()), [], [], patience)
        if not ready:
            return None
        (listening,) = ready
        where, _, port = next(key for key, s in self._listening.items() if s is listening)
        _, (source, source_port, *_) = listening.recvfrom(64)
        with suppress(PermissionError):  # a rule drops what the host itself sends
            listening.sendto(b"answer", (source, source_port))
        answered, _, _ = select.select([sender], [], [], patience if where == "right" else _SILENCE)
        seen = sender.recvfrom(64)[1] if answered else None
        answer = None if seen is None else (seen[0], seen[1])
        return Arrived(
            where=where, source=source, source_port=source_port, port=port, answer=answer
        )


class Prediction(Struct, frozen=True, kw_only=True):
    """What the hooks of the host say, in order; the last one decides."""

    results: tuple[HookResult, ...]
    where: str

    @property
    def verdict(self) -> HookVerdict:
        return self.results[-1].verdict

    @property
    def packet(self) -> Packet:
        return self.results[-1].packet

    @property
    def tracking(self) -> Tracking | None:
        return self.results[-1].tracking


def predict(host: Namespace, packet: Packet) -> Prediction:
    """A packet of the left's, through the hooks of the host: to itself or to the right."""
    links: dict[str, Link] = {k.ifname: k for k in host.stack.links}
    came = _hook(host, "prerouting", packet, None, iif=links["in0"])
    if _has_ended(came):
        return Prediction(results=(came,), where="host")
    is_own = address_type(host.stack, came.packet.destination) == "local"
    oif = None if is_own else _way(host, came.packet.destination)
    hooks = ("input",) if is_own else ("forward", "postrouting")
    results = [came]
    for hook in hooks:
        last = results[-1]
        packet = _forwarded(last.packet) if hook == "forward" else last.packet
        results.append(_hook(host, hook, packet, last.tracking, iif=links["in0"], oif=oif))
        if _has_ended(results[-1]):
            break
    return Prediction(results=tuple(results), where="host" if is_own else "right")


def predict_answer(host: Namespace, sent: Prediction) -> Prediction:
    """The right's answer to a packet that arrived there."""
    links: dict[str, Link] = {k.ifname: k for k in host.stack.links}
    asked = sent.packet
    answer = Packet(
        transport=Transport.UDP,
        source=asked.destination,
        source_port=asked.destination_port,
        destination=asked.source,
        destination_port=asked.source_port,
        length=asked.length + 1,
    )
    results: list[HookResult] = []
    packet, tracking = answer, sent.tracking
    for hook in ("prerouting", "forward", "postrouting"):
        oif = None if hook == "prerouting" else links["in0"]
        links_passed = {"iif": links["out0"], "oif": oif}
        packet = _forwarded(packet) if hook == "forward" else packet
        results.append(_hook(host, hook, packet, tracking, is_reply=True, **links_passed))
        packet, tracking = results[-1].packet, results[-1].tracking
        if _has_ended(results[-1]):
            break
    return Prediction(results=tuple(results), where="left")


def _forwarded(packet: Packet) -> Packet:
    """The kernel counts a hop before it asks the forward hook."""
    return replace(packet, ttl=packet.ttl - 1)


def _has_ended(result: HookResult) -> bool:
    return result.verdict is not HookVerdict.ACCEPT


def _way(host: Namespace, destination: IPAddress) -> Link | None:
    route = longest_match(host.stack.routes, destination)
    assert route is not None
    assert route.oif is not None
    return host.stack.link(route.oif)


def _hook(
    host: Namespace,
    hook: str,
    packet: Packet,
    tracking: Tracking | None,
    *,
    iif: Link | None = None,
    oif: Link | None = None,
    is_reply: bool = False,
) -> HookResult:
    family = "ip" if packet.version == 4 else "ip6"
    call = HookCall(family=family, hook=hook, packet=packet, iif=iif, oif=oif, is_reply=is_reply)
    return pass_hook(host, call, tracking)


def udp(version: int, destination: str, port: int, source_port: int) -> Packet:
    """A packet of the left's."""
    return Packet(
        transport=Transport.UDP,
        source=ip_address(LEFT[version]),
        destination=ip_address(destination),
        source_port=source_port,
        destination_port=port,
        length=(28 if version == 4 else 48) + len(b"probe"),
        ttl=64,
    )
