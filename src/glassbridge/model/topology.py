"""What the kernel has: namespaces, their links, and whole stacks with their tables (model.tables).

An ifindex means something only together with its namespace: values of one Stack share theirs.
Words and numbers are the kernel's own, as `ip -d` and `bridge` print them.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from msgspec import Struct

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.network import Ifname
from glassbridge.model.tables import (
    Address,
    FdbEntry,
    Ifindex,
    LinkFilter,
    ListeningSocket,
    Neighbour,
    Route,
    RoutingRule,
)

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

IFF_UP, IFF_LOOPBACK, IFF_NOARP, IFF_PROMISC, IFF_LOWER_UP = 0x1, 0x8, 0x80, 0x100, 0x10000


class Operstate(StrEnum):
    """RFC 2863, in the order of the kernel's numbers."""

    UNKNOWN = "unknown"
    NOTPRESENT = "notpresent"
    DOWN = "down"
    LOWERLAYERDOWN = "lowerlayerdown"
    TESTING = "testing"
    DORMANT = "dormant"
    UP = "up"


class AddrGenMode(StrEnum):
    """How a link gets its fe80 address, in the order of the kernel's numbers."""

    EUI64 = "eui64"
    NONE = "none"
    STABLE_SECRET = "stable_secret"  # noqa: S105 - the kernel's word
    RANDOM = "random"


class PortState(StrEnum):
    """What STP lets a bridge port do, in the order of the kernel's numbers; without STP all."""

    DISABLED = "disabled"
    LISTENING = "listening"
    LEARNING = "learning"
    FORWARDING = "forwarding"
    BLOCKING = "blocking"


class Counters(Struct, frozen=True, kw_only=True):
    """Since the link was made; received and sent as the link sees it."""

    rx_packets: int = 0
    tx_packets: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_errors: int = 0
    tx_errors: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0


class Bridge(Struct, frozen=True, kw_only=True):
    """What makes a link a switch."""

    stp: bool = False
    forward_delay_seconds: float = 15.0
    ageing_seconds: float = 300.0
    vlan_filtering: bool = False
    multicast_snooping: bool = True
    nf_call_iptables: bool = False
    """Of this bridge alone; net.bridge.bridge-nf-call-iptables does the same for all."""
    nf_call_ip6tables: bool = False
    nf_call_arptables: bool = False
    group_forward_mask: int = 0


class BridgePort(Struct, frozen=True, kw_only=True):
    """What a bridge keeps about one of its ports."""

    number: int
    state: PortState
    hairpin: bool = False
    isolated: bool = False
    locked: bool = False
    learning: bool = True
    flood: bool = True
    """Frames to a MAC that the FDB does not know leave here too."""
    multicast_flood: bool = True
    broadcast_flood: bool = True
    guard: bool = False
    neigh_suppress: bool = False
    proxy_arp: bool = False
    proxy_arp_wifi: bool = False
    cost: int = 0
    priority: int = 0


class Link(Struct, frozen=True, kw_only=True):
    """One network interface."""

    ifindex: Ifindex
    ifname: Ifname
    kind: str = ""
    """`bridge`, `veth`, `vlan`, ...; empty for hardware and lo."""
    flags: int = 0
    operstate: Operstate = Operstate.UNKNOWN
    mac: Mac | None = None
    """None where the link has no six octets."""
    mtu: int = 0
    group: int = 0
    alias: str = ""
    altnames: tuple[Ifname, ...] = ()
    master: Ifindex | None = None
    """The bridge (or bond, or VRF) that this link is a port of."""
    peer: Ifindex | None = None
    """The other end of a veth pair."""
    parent: Ifindex | None = None
    """The lower link of a vlan, macvlan, ipvlan, vxlan."""
    link_nsid: int | None = None
    """Where peer or parent live, in this namespace's own numbering; None: here."""
    addr_gen_mode: AddrGenMode | None = None
    """None where the link has no IPv6."""
    qdisc: str = ""
    has_xdp: bool = False
    counters: Counters = Counters()
    bridge: Bridge | None = None
    port: BridgePort | None = None

    @property
    def is_up(self) -> bool:
        """Administratively: it was told to be up."""
        return bool(self.flags & IFF_UP)

    @property
    def has_carrier(self) -> bool:
        """The cable is in and the other side is up."""
        return bool(self.flags & IFF_LOWER_UP)

    @property
    def is_loopback(self) -> bool:
        """It is lo."""
        return bool(self.flags & IFF_LOOPBACK)

    @property
    def is_promiscuous(self) -> bool:
        """Someone listens to every frame: bridge ports always do."""
        return bool(self.flags & IFF_PROMISC)


class Netns(Struct, frozen=True, kw_only=True):
    """One network namespace."""

    cookie: int
    """SO_NETNS_COOKIE: never reused within a boot."""
    inode: int
    """What `ls -l /proc/PID/ns` and `lsns` show; may be reused."""
    paths: tuple[str, ...] = ()
    """Every path that opens it, bind mounts first."""
    pids: tuple[int, ...] = ()
    """Processes in it, the oldest number first."""


class Stack(Struct, frozen=True, kw_only=True, dict=True):
    """Everything of one namespace that decides where a packet goes; look-ups keep their index."""

    netns: Netns
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    """Of all tables but local: what `ip route show table all` lists beside it."""
    local_routes: tuple[Route, ...] = ()
    """Table local: which addresses are the namespace's own, and its broadcasts."""
    rules: tuple[RoutingRule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    filters: tuple[LinkFilter, ...] = ()
    sockets: tuple[ListeningSocket, ...] = ()
    sysctls: dict[str, str] = {}

    def link(self, ifindex: int) -> Link | None:
        """The link of that index."""
        return self._by_index.get(ifindex)

    def ports(self, bridge: int) -> tuple[Link, ...]:
        """The links that are ports of a bridge, by port number."""
        return self._ports.get(bridge, ())

    def neighbours_at(self, address: IPAddress) -> tuple[Neighbour, ...]:
        """What the tables of all links have for an address, in their order."""
        return self._neighbours.get(address, ())

    def fdb_of(self, mac: Mac) -> tuple[FdbEntry, ...]:
        """What all FDBs have for a MAC, in their order."""
        return self._fdb.get(mac, ())

    @cached_property
    def own_addresses(self) -> frozenset[IPAddress]:
        """Of all its links."""
        return frozenset(a.interface.ip for a in self.addresses)

    @cached_property
    def _by_index(self) -> dict[int, Link]:
        return {k.ifindex: k for k in self.links}

    @cached_property
    def _ports(self) -> dict[int, tuple[Link, ...]]:
        found = _grouped((k.master, k) for k in self.links if k.master is not None)
        return {bridge: tuple(sorted(p, key=_port_number)) for bridge, p in found.items()}

    @cached_property
    def _neighbours(self) -> dict[IPAddress, tuple[Neighbour, ...]]:
        return _grouped((n.address, n) for n in self.neighbours)

    @cached_property
    def _fdb(self) -> dict[Mac, tuple[FdbEntry, ...]]:
        return _grouped((e.mac, e) for e in self.fdb)


def _grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, tuple[Value, ...]]:
    found: defaultdict[Key, list[Value]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}


def _port_number(port: Link) -> int:
    return port.port.number if port.port else 0


class Switch(Struct, frozen=True, kw_only=True):
    """One bridge as a switch: ports, and what it learned."""

    bridge: Link
    addresses: tuple[Address, ...] = ()
    ports: tuple[Link, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
