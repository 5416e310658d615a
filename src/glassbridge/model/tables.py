"""The tables that one network namespace looks things up in.

An ifindex means something only together with its namespace. Words and numbers are the kernel's
own, as `ip -d` and `bridge` print them.
"""

from enum import StrEnum
from typing import NewType

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPInterface, IPNetwork, Mac
from glassbridge.model.network import Ifname

Ifindex = NewType("Ifindex", int)

TABLE_MAIN, TABLE_LOCAL = 254, 255

_TABLE_NAMES = {253: "default", TABLE_MAIN: "main", TABLE_LOCAL: "local"}


def table_name(table: int) -> str:
    """As `ip` calls it where /etc/iproute2 adds nothing."""
    return _TABLE_NAMES.get(table, str(table))


class Address(Struct, frozen=True, kw_only=True):
    """One address of a link."""

    ifindex: Ifindex
    interface: IPInterface
    scope: str = "global"
    label: str = ""
    broadcast: IPAddress | None = None
    peer: IPAddress | None = None
    """The far end of a point-to-point address."""
    flags: tuple[str, ...] = ()
    """permanent, tentative, dadfailed, deprecated, nodad, secondary (temporary in IPv6), ..."""
    valid_seconds: int | None = None
    """None: for ever."""


class NextHop(Struct, frozen=True, kw_only=True):
    """One way of a route that has several."""

    gateway: IPAddress | None = None
    oif: Ifindex | None = None
    weight: int = 1


class Route(Struct, frozen=True, kw_only=True):
    """One entry of a routing table."""

    destination: IPNetwork
    table: int = TABLE_MAIN
    type: str = "unicast"
    """unicast, local, broadcast, blackhole, unreachable, prohibit, throw, ..."""
    gateway: IPAddress | None = None
    oif: Ifindex | None = None
    metric: int = 0
    source: IPAddress | None = None
    """The address that packets of our own get on this way (`src`)."""
    from_prefix: IPNetwork | None = None
    """IPv6 only: the route is for packets from there (`from`)."""
    scope: str = "global"
    protocol: int = 0
    """Who made it: 2 the kernel, 3 boot, 4 static, 9 router advertisement, 186 BGP, ..."""
    tos: int = 0
    mtu: int | None = None
    advmss: int | None = None
    flags: tuple[str, ...] = ()
    """onlink, dead, linkdown, ..."""
    next_hops: tuple[NextHop, ...] = ()
    """More than one way: gateway and oif are then None."""
    nexthop_id: int | None = None
    """The nexthop object (`ip nexthop`) that the route names."""

    @property
    def is_default(self) -> bool:
        """It takes what nothing else takes."""
        return self.destination.prefixlen == 0


class RoutingRule(Struct, frozen=True, kw_only=True):
    """One line of `ip rule`: which packets ask which table, in the order of priority."""

    family: int
    """4 or 6."""
    priority: int = 0
    action: str = "table"
    """table, goto, nop, blackhole, unreachable, prohibit."""
    table: int | None = None
    goto: int | None = None
    invert: bool = False
    source: IPNetwork | None = None
    destination: IPNetwork | None = None
    iif: Ifname | None = None
    oif: Ifname | None = None
    mark: int | None = None
    mark_mask: int | None = None
    tos: int = 0
    ip_protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    uids: tuple[int, int] | None = None
    suppress_prefix_length: int | None = None
    l3mdev: bool = False


class NeighbourState(StrEnum):
    """RFC 4861, and the kernel's additions."""

    NONE = "none"
    INCOMPLETE = "incomplete"
    REACHABLE = "reachable"
    STALE = "stale"
    DELAY = "delay"
    PROBE = "probe"
    FAILED = "failed"
    NOARP = "noarp"
    PERMANENT = "permanent"


class Neighbour(Struct, frozen=True, kw_only=True):
    """Which MAC an address has (ARP, ND)."""

    ifindex: Ifindex
    address: IPAddress
    mac: Mac | None
    state: NeighbourState
    is_router: bool = False
    is_proxy: bool = False
    """We answer for it."""
    used_seconds: float = 0.0
    confirmed_seconds: float = 0.0
    """Since it last answered; from before it was made where it never has."""
    updated_seconds: float = 0.0
    """Since its MAC or state last changed: the age that `ip -s neigh` puts last."""


class FdbEntry(Struct, frozen=True, kw_only=True):
    """Behind which port a MAC is: a row of the switch's CAM table."""

    mac: Mac
    ifindex: Ifindex
    """The port; the bridge itself for its own MAC."""
    bridge: Ifindex | None = None
    """None: not a bridge's entry but the link's own filter, or a VXLAN's (see destination)."""
    vlan: int | None = None
    is_local: bool = False
    """The MAC of a port or of the bridge: frames to it go up, they are not forwarded."""
    is_static: bool = False
    """Written by someone, does not age; else learned."""
    is_sticky: bool = False
    """Frames from that MAC at another port do not move it there."""
    is_locked: bool = False
    """Of a MAC that knocked at a locked port (MAB), and that nobody has admitted yet."""
    is_external: bool = False
    """Learned by someone else (a routing daemon, hardware)."""
    destination: IPAddress | None = None
    vni: int | None = None
    used_seconds: float = 0.0
    """Since a frame was last sent to it."""
    updated_seconds: float = 0.0
    """Since a frame was last seen from it: the age."""


class SocketProtocol(StrEnum):
    """What can be listened on."""

    TCP = "tcp"
    UDP = "udp"


class ListeningSocket(Struct, frozen=True, kw_only=True):
    """A socket that takes packets from anyone: TCP that listens, UDP that is bound."""

    protocol: SocketProtocol
    address: IPAddress
    port: int
    v6only: bool = False
    """Only of `::`: where it is False, IPv4 is taken too."""
    ifindex: Ifindex | None = None
    """Bound to one link (SO_BINDTODEVICE)."""
    waiting: int = 0
    """Of TCP: connections that its program has not accepted yet."""
    backlog: int | None = None
    """Of TCP: how many may wait."""
    serves: str = ""
    """What for, where it is glassbridge's own."""
    inode: int = 0
    uid: int = 0
    pid: int | None = None
    process: str = ""


class FilterHook(StrEnum):
    """Where a filter of a link stands: XDP before taps, ingress after them, egress before them."""

    XDP = "xdp"
    INGRESS = "ingress"
    EGRESS = "egress"


class LinkFilter(Struct, frozen=True, kw_only=True):
    """What may drop or redirect a packet at a link beside netfilter: XDP, tc, a lossy queue."""

    ifindex: Ifindex
    hook: FilterHook
    kind: str
    """`xdp` or `xdpgeneric`, a classifier of tc (`bpf`, `u32`, ...), `tcx`, `netem`."""
    program: int = 0
    """Of BPF: its id."""
    name: str = ""
    """Of BPF: what its maker called it."""
    priority: int = 0
    """Of tc: `pref`."""
    protocol: int = 0
    """Of tc: the ethertype it is asked about; 3: every one."""
    into: Ifindex | None = None
    """Of tc: the link into which all that it matches is redirected, which is all that it does."""
    takes_all: bool = False
    """Of tc: it matches whatever it is asked about."""
