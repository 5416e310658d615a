"""What decided a step of a walk: one type for each kind of step, and the place where it happens."""

from msgspec import Struct, field

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.packet import Packet
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.tables import (
    FilterHook,
    Ifindex,
    ListeningSocket,
    Neighbour,
    NeighbourState,
    Route,
    RoutingRule,
)


class Place(Struct, frozen=True, kw_only=True):
    """Where a step happens: a namespace, by the name that screens print, and a link in it."""

    cookie: int
    name: str
    inode: int = 0
    ifname: str = ""
    """Empty: no link in particular."""
    ifindex: Ifindex | None = None


class RouteChosen(Struct, frozen=True, kw_only=True, tag="route"):
    """The routing table's answer, for a packet of one's own or one that came in."""

    route: Route | None
    """None: nothing matches, in no table."""
    rule: RoutingRule | None = None
    gateway: IPAddress | None = None
    """Of the way taken; None: the destination is asked for itself."""
    oif: Ifindex | None = None
    oifname: str = ""
    source: IPAddress | None = None
    """The source address that the packet got here; None: it had one."""
    is_forwarding: bool = False
    """It came in by a link: else it is the namespace's own packet."""
    other_ways: int = 0
    """More next hops, of which the kernel's hash may choose one."""


class NeighbourFound(Struct, frozen=True, kw_only=True, tag="neighbour"):
    """The next hop's MAC, known or asked for."""

    address: IPAddress
    mac: Mac | None
    """None: nobody answers."""
    entry: Neighbour | None = None
    """What the table has; None: nothing, so it is asked."""
    is_asked: bool = False
    """By ARP or neighbour solicitation, before the packet leaves."""
    heard_by: tuple[str, ...] = ()
    """Whose links hear the question, the first few."""
    heard_count: int = 0
    answered_by: tuple[str, ...] = ()
    """Whose address it is: more than one is a conflict."""
    state: NeighbourState = NeighbourState.NONE


class Crossed(Struct, frozen=True, kw_only=True, tag="cable"):
    """From one end of a veth pair to the other."""

    from_: Place = field(name="from")
    to: Place
    destination: Mac


class PortEntered(Struct, frozen=True, kw_only=True, tag="port"):
    """A bridge port takes the frame; it has no IP stack of its own."""

    bridge: str
    port: int
    learns: Mac | None = None
    """None: learning is off, or nothing new."""


class Switched(Struct, frozen=True, kw_only=True, tag="switch"):
    """The bridge's FDB lookup."""

    bridge: str
    mac: Mac
    to: Place | None = None
    """The port behind which the MAC is; None: flooded, or the bridge's own."""
    port: int = 0
    is_own: bool = False
    """The bridge's MAC: the frame goes up into the namespace's IP stack."""
    flooded_to: tuple[str, ...] = ()
    """Ports that get a copy, the first few."""
    flood_count: int = 0
    age_seconds: float | None = None


class HookPassed(Struct, frozen=True, kw_only=True, tag="firewall"):
    """One netfilter hook: every base chain at it, in order of priority."""

    family: str
    hook: str
    verdict: str
    """accept, drop, reject, unknown."""
    decided_by: RuleRef | None = None
    """The rule or policy that ended it; None: nothing said anything."""
    matched: tuple[RuleRef, ...] = ()
    """Every rule that matched, in order."""
    connection: str = ""
    """new, established, ... ; empty: not tracked."""
    through_bridge: bool = False
    """Called for a bridged frame (br_netfilter)."""


class FilterMet(Struct, frozen=True, kw_only=True, tag="filter"):
    """A program or filter at a link, beside netfilter: what it does is not evaluated."""

    hook: FilterHook
    kind: str
    """As of model.tables.LinkFilter."""
    what: str
    """In words: `an XDP program (id 17, name x)`."""
    priority: int = 0
    comes_back: bool = False
    """A shaper: it leads the packet through an ifb device, whose queue holds it up, and back."""


class Translated(Struct, frozen=True, kw_only=True, tag="translate"):
    """NAT, or a tracked connection's own translation (then without a rule)."""

    kind: str
    """dnat, snat, masquerade, redirect, or `connection`."""
    before: Packet
    after: Packet
    rule: RuleRef | None = None


class Received(Struct, frozen=True, kw_only=True, tag="receive"):
    """The namespace takes it: the destination is one of its own addresses."""

    address: IPAddress


class SocketFound(Struct, frozen=True, kw_only=True, tag="socket"):
    """Who takes it in the end; for ICMP echo the stack itself answers."""

    socket: ListeningSocket | None
    others: tuple[ListeningSocket, ...] = ()
    """Where it is None: what listens there instead."""
    is_echo: bool = False


class Entered(Struct, frozen=True, kw_only=True, tag="enter"):
    """It comes in from outside, by a link whose other end cannot be read."""

    address: IPAddress


class Left(Struct, frozen=True, kw_only=True, tag="leave"):
    """It goes out by a link whose other end cannot be read."""

    gateway: IPAddress | None


class Sighted(Struct, frozen=True, kw_only=True, tag="sighting"):
    """Only of hops that nobody predicted: a tap or tracepoint saw the packet at this link."""

    outgoing: bool


Detail = (
    RouteChosen
    | NeighbourFound
    | Crossed
    | PortEntered
    | Switched
    | HookPassed
    | FilterMet
    | Translated
    | Received
    | SocketFound
    | Entered
    | Left
    | Sighted
)
