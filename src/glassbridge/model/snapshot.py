"""Everything that prediction reads, as one value: of the host now, or out of a file.

A live one may be partial: namespaces are read as the walk reaches them. One in a file is whole.
"""

from functools import cached_property
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin, Ruleset
from glassbridge.model.tables import Ifindex
from glassbridge.model.topology import Link, Stack

SCHEMA = "snapshot/1"


class Connection(Struct, frozen=True, kw_only=True):
    """One tracked connection (conntrack -L): its first packet as sent, and the reply expected."""

    transport: Transport
    source: IPAddress
    destination: IPAddress
    source_port: int = 0
    """Of ICMP: the identifier."""
    destination_port: int = 0
    reply_source: IPAddress
    reply_destination: IPAddress
    reply_source_port: int = 0
    reply_destination_port: int = 0
    is_assured: bool = False
    is_replied: bool = False
    is_offloaded: bool = False
    """In a flowtable of nftables: its packets pass from link to link, by no hook of forwarding."""
    seconds_left: int | None = None


class Namespace(Struct, frozen=True, kw_only=True):
    """One network namespace as it was read."""

    stack: Stack
    peers: dict[int, int] = {}
    """This namespace's number of another (Link.link_nsid) -> the other's cookie."""
    ruleset: Ruleset = Ruleset()
    """glassbridge's own tables among it: as rendered, with the handles that the kernel gave."""
    connections: tuple[Connection, ...] = ()

    @property
    def cookie(self) -> int:
        """Which namespace."""
        return self.stack.netns.cookie


class Name(Struct, frozen=True, kw_only=True):
    """What people call a namespace; several names may share one (pods, host networking)."""

    name: str
    origin: Origin
    cookie: int
    id: str = ""
    """The container's whole id, where it has one."""
    pid: int | None = None
    addresses: tuple[IPAddress, ...] = ()
    """As its engine tells them; the stack has the last word."""


class NamedNetwork(Struct, frozen=True, kw_only=True):
    """What people call a bridge."""

    name: str
    origin: Origin
    bridge: str
    """The link's name, in the host's namespace."""
    internal: bool = False
    icc: bool = True
    subnets: tuple[IPNetwork, ...] = ()
    driver: Origin = Origin.UNKNOWN
    """Who makes its links and rules, where that is not the engine whose network it is."""
    name_servers: tuple[IPAddress, ...] = ()
    """The host's own, where its members ask for names."""

    @property
    def rules_of(self) -> Origin:
        """Whose firewall rules serve it."""
        return self.driver or self.origin


class Published(Struct, frozen=True, kw_only=True):
    """A host port that leads to a container, as an engine or a rule says."""

    host_address: IPAddress
    host_port: int
    transport: Transport
    container_address: IPAddress
    container_port: int
    origin: Origin
    name: str = ""


class Unserved(Struct, frozen=True, kw_only=True):
    """A host port that a container which does not run will publish once it does."""

    name: str
    origin: Origin
    host_port: int
    transport: Transport
    container_port: int


class Plug(Struct, frozen=True, kw_only=True):
    """One port of a bridge, and the far end of its cable where that was read."""

    port: Link
    cookie: int | None = None
    """The far end's namespace; None: not a veth, or it cannot be told."""
    link: Link | None = None


class Snapshot(Struct, frozen=True, kw_only=True, dict=True):
    """What was read, of one host; look-ups keep their index."""

    schema: str = SCHEMA
    home: int
    """The cookie of the namespace that glassbridge calls the host."""
    namespaces: dict[int, Namespace]
    """By cookie; a key is missing where it has not been read."""
    names: tuple[Name, ...] = ()
    networks: tuple[NamedNetwork, ...] = ()
    published: tuple[Published, ...] = ()
    unserved: tuple[Unserved, ...] = ()
    is_whole: bool = False
    """Every namespace that could be read was; what is missing cannot be read later."""
    taken: float = 0.0
    """Seconds since the epoch; 0: now."""
    kernel: str = ""
    version: str = ""
    """Of glassbridge."""
    unreadable: tuple[str, ...] = ()
    """What could not be read, and why."""

    def names_of(self, cookie: int) -> tuple[Name, ...]:
        """All names of a namespace, containers first."""
        return self._names.get(cookie, ())

    def call(self, cookie: int) -> str:
        """The one name that screens print: a container's, `host`, or the namespace's number."""
        if cookie == self.home:
            return "host"
        for name in self.names_of(cookie)[:1]:
            return name.name
        known = self.namespaces.get(cookie)
        return f"netns {known.stack.netns.inode if known else cookie}"

    def far_end(self, cookie: int, link: Link) -> tuple[int, Ifindex] | None:
        """Namespace and index of a veth's other end; None where it cannot be told."""
        if link.peer is None:
            return None
        if link.link_nsid is None:
            return cookie, link.peer
        other = self.namespaces[cookie].peers.get(link.link_nsid)
        return None if other is None else (other, link.peer)

    def plugs(self, cookie: int, bridge: Ifindex) -> tuple[Plug, ...]:
        """What is plugged into a bridge, by port number."""
        return tuple(self._plug(cookie, p) for p in self.namespaces[cookie].stack.ports(bridge))

    def _plug(self, cookie: int, port: Link) -> Plug:
        far = self.far_end(cookie, port)
        if far is None:
            return Plug(port=port)
        other = self.namespaces.get(far[0])
        return Plug(port=port, cookie=far[0], link=other.stack.link(far[1]) if other else None)

    def owner_of(self, address: IPv4Address | IPv6Address) -> str:
        """Whose an address is, by the stacks that were read, then by what engines say; or empty."""
        for cookie, namespace in self.namespaces.items():
            if any(a.interface.ip == address for a in namespace.stack.addresses):
                return self.call(cookie)
        return next((n.name for n in self.names if address in n.addresses), "")

    @cached_property
    def macvlans(self) -> tuple[tuple[int, Link], ...]:
        """Every macvlan that was read, and the namespace that has it."""
        return tuple(
            (cookie, link)
            for cookie, namespace in self.namespaces.items()
            for link in namespace.stack.links
            if link.kind == "macvlan"
        )

    @cached_property
    def _names(self) -> dict[int, tuple[Name, ...]]:
        found: dict[int, list[Name]] = {}
        for name in self.names:
            found.setdefault(name.cookie, []).append(name)
        return {cookie: tuple(names) for cookie, names in found.items()}
