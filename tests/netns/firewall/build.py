"""Makes the world of world.py out of namespaces, links and addresses, and loads the ruleset."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.netns.cables import await_cables
from tests.netns.firewall.answering import Answering
from tests.netns.firewall.world import (
    ENDPOINTS,
    FOREIGN_RULES,
    NEIGHBOURS,
    NETWORKS,
    SNAT4,
    SNAT6,
    address_book,
    elements,
)

from glassbridge.kernel.netns import inside, open_netns
from glassbridge.kernel.nft import Nft
from glassbridge.model.endpoint import Endpoint, Protocol, PublishedPort
from glassbridge.model.kernel_names import LINK_GROUP
from glassbridge.plan.firewall import tables
from glassbridge.plan.network import is_isolated_port, needs_hairpin
from glassbridge.plan.nft_script import ruleset_script

HOST_SYSCTLS = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    # every refused probe must hear of it
    "net.ipv4.icmp_ratelimit=0",
    "net.ipv6.icmp.ratelimit=0",
)
# else a frame to a reserved multicast address teaches the bridge a MAC behind every hook's back
BRIDGE = "type bridge no_linklocal_learn 1"
# without duplicate address detection an address works at once
NODAD = ("net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")


class World:
    """Namespaces `fw-NAME` and everything in them, until closed."""

    def __init__(self, *, nf_call: bool) -> None:
        self.nf_call = nf_call
        self.book = address_book()
        self.names = {a: name for name, pair in self.book.items() for a in pair}
        self.netns: dict[str, int] = {}
        self.answering = Answering()
        try:
            self._make_namespaces()
            self._make_host()
            self._make_neighbours()
            for end in ENDPOINTS.values():
                self._make_container(end)
            with inside(self.netns["host"]):
                await_cables()
            self._load()
            self._listen()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.answering.close()
        if hasattr(self, "nft"):
            self.nft.close()
        for name, fd in self.netns.items():
            os.close(fd)
            subprocess.run(["ip", "netns", "del", f"fw-{name}"], check=True)
        self.netns.clear()

    def socket(
        self, name: str, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0
    ) -> socket.socket:
        """A socket in somebody's namespace; it stays there."""
        with inside(self.netns[name]):
            return socket.socket(family, kind, protocol)

    def run(self, name: str, *command: str) -> str:
        """Run a program in somebody's namespace; returns what it printed."""
        done = subprocess.run(
            ["ip", "netns", "exec", f"fw-{name}", *command],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def write_sysctl(self, name: str, setting: str) -> None:
        key, _, value = setting.partition("=")
        with inside(self.netns[name]):
            Path("/proc/sys", *key.split(".")).write_text(value)

    def _make_namespaces(self) -> None:
        for name in ("host", *NEIGHBOURS, *ENDPOINTS):
            subprocess.run(["ip", "netns", "add", f"fw-{name}"], check=True)
            self.netns[name] = open_netns(f"/run/netns/fw-{name}")
            for setting in NODAD:
                self.write_sysctl(name, setting)
        for setting in HOST_SYSCTLS:
            self.write_sysctl("host", setting)
        for table in ("iptables", "ip6tables", "arptables"):
            self.write_sysctl("host", f"net.bridge.bridge-nf-call-{table}={int(self.nf_call)}")

    def _batch(self, name: str, lines: Iterable[str]) -> None:
        subprocess.run(
            ["ip", "-n", f"fw-{name}", "-batch", "-"],
            input="\n".join(lines),
            text=True,
            check=True,
        )

    def _make_host(self) -> None:
        lines = ["link set lo up"]
        for net in NETWORKS.values():
            bridge = net.bridge
            lines += [
                f"link add {bridge} address {net.bridge_mac} group {LINK_GROUP} {BRIDGE}",
                *(f"address add {a} dev {bridge}" for a in net.gateway_interfaces),
                f"link set {bridge} up",
            ]
        for end in ENDPOINTS.values():
            net = next(n for n in NETWORKS.values() if n.id == end.network)
            hairpin = "on" if needs_hairpin(end) else "off"
            isolated = "on" if is_isolated_port(net) else "off"
            peer = f"peer name eth0 address {end.mac} netns fw-{end.id}"
            lines += [
                f"link add {end.host_end} group {LINK_GROUP} type veth {peer}",
                f"link set {end.host_end} addrgenmode none",
                f"link set {end.host_end} master {net.bridge}",
                f"link set {end.host_end} type bridge_slave hairpin {hairpin} isolated {isolated}",
                f"link set {end.host_end} up",
            ]
        self._batch("host", lines)
        for net in NETWORKS.values():
            self.write_sysctl("host", f"net.ipv4.conf.{net.bridge}.route_localnet=1")

    def _make_neighbours(self) -> None:
        for name, (link, (host4, own4), (host6, own6)) in NEIGHBOURS.items():
            is_bridge = link in ("br0", "docker0")
            port = f"port-{name}" if is_bridge else link
            lines = [f"link add {link} type bridge", f"link set {link} up"] if is_bridge else []
            lines += [
                f"link add {port} type veth peer name eth0 netns fw-{name}",
                f"link set {port} up",
            ]
            lines += [f"link set {port} master {link}"] if is_bridge else []
            lines += [f"address add {a} dev {link}" for a in (host4, host6)]
            self._batch("host", lines)
            gateways = (host4.partition("/")[0], host6.partition("/")[0])
            self._stack(name, (own4, own6), gateways)
        extra = (f"{SNAT4}/24", f"{SNAT6}/64")
        # deprecated, so that nothing chooses them by itself
        self._batch("host", [f"address add {a} dev up0 preferred_lft 0" for a in extra])

    def _make_container(self, end: Endpoint) -> None:
        net = next(n for n in NETWORKS.values() if n.id == end.network)
        held = {i.version for i in end.interfaces}
        gateways = [str(g) for g in net.next_hops if g.version in held]
        self._stack(end.id, [str(i) for i in end.interfaces], gateways)

    def _stack(self, name: str, own: Iterable[str], gateways: Iterable[str]) -> None:
        self._batch(
            name,
            [
                "link set lo up",
                "link set eth0 up",
                *(f"address add {a} dev eth0" for a in own),
                *(f"route add default via {g}" for g in gateways),
            ],
        )

    def _load(self) -> None:
        with inside(self.netns["host"]):
            self.nft = Nft()
        self.nft.run(FOREIGN_RULES)
        self.nft.run(ruleset_script(tables(), elements()))

    def _listen(self) -> None:
        for name in ("host", *NEIGHBOURS, *ENDPOINTS):
            for port in (80, 81):
                for family in (socket.AF_INET, socket.AF_INET6):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        self.answering.listen(name, self.socket(name, family, kind), port)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            loopback = self.socket("host", socket.AF_INET, kind)
            self.answering.listen("host", loopback, 7001, "127.0.0.1")
        for name, end in ENDPOINTS.items():
            if name != "routed1":
                # the host has a server of its own at 81, on every address
                self._hold(p for p in end.ports if p.host_port != 81)
        self.answering.start()

    def _hold(self, ports: Iterable[PublishedPort]) -> None:
        """As the engine does it: a socket that answers nothing keeps the port for us."""
        kinds = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}
        for port in ports:
            address = port.host_address
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            holder = self.socket("host", family, kinds[port.protocol])
            self.answering.hold(holder, str(address), port.host_port)
