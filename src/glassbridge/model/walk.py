"""The walk of a packet as predicted: steps in order, each with what decided it.

Disposition words are Batfish's, action words Hubble's, where they have one.
"""

from enum import StrEnum

from msgspec import Struct, field

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.packet import Packet
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.tables import (
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


class Cause(StrEnum):
    """Why a packet does not arrive. The text in JSON; never renamed, only added to."""

    NO_LISTENER = "NO_LISTENER"
    LOOPBACK_LISTENER = "LOOPBACK_LISTENER"
    """Something listens on that port, but on 127.0.0.1 or ::1 only."""
    OTHER_ADDRESS_LISTENER = "OTHER_ADDRESS_LISTENER"
    FIREWALL_DROP = "FIREWALL_DROP"
    FIREWALL_REJECT = "FIREWALL_REJECT"
    FIREWALL_POLICY = "FIREWALL_POLICY"
    SENDER_FIREWALL = "SENDER_FIREWALL"
    """An output rule in the sender's own namespace."""
    BRIDGE_NETFILTER = "BRIDGE_NETFILTER"
    """Two ports of one bridge, and a chain for routed traffic that drops: br_netfilter."""
    NO_ROUTE = "NO_ROUTE"
    ROUTE_BLACKHOLE = "ROUTE_BLACKHOLE"
    ROUTE_UNREACHABLE = "ROUTE_UNREACHABLE"
    ROUTE_PROHIBIT = "ROUTE_PROHIBIT"
    IP_FORWARD_OFF = "IP_FORWARD_OFF"
    IP6_FORWARD_OFF = "IP6_FORWARD_OFF"
    RP_FILTER = "RP_FILTER"
    MARTIAN = "MARTIAN"
    """A source or destination that cannot be on that link (127.0.0.1, one's own)."""
    TTL_EXCEEDED = "TTL_EXCEEDED"
    ROUTING_LOOP = "ROUTING_LOOP"
    MTU_ROUTED = "MTU_ROUTED"
    MTU_BRIDGE_PORT = "MTU_BRIDGE_PORT"
    MTU_VETH = "MTU_VETH"
    MTU_SENDER = "MTU_SENDER"
    """Larger than the sender's own link."""
    MTU_BLACK_HOLE = "MTU_BLACK_HOLE"
    """Too large for a link, and the ICMP error that says so does not reach the sender."""
    NEIGHBOUR_UNANSWERED = "NEIGHBOUR_UNANSWERED"
    WRONG_GATEWAY = "WRONG_GATEWAY"
    """The gateway of the route is nobody, or nobody who forwards."""
    WRONG_NEIGHBOUR = "WRONG_NEIGHBOUR"
    """The neighbour table holds a MAC that is not the target's."""
    DUPLICATE_ADDRESS = "DUPLICATE_ADDRESS"
    WRONG_FDB = "WRONG_FDB"
    """A static FDB entry leads to another port than the MAC is behind."""
    PORT_ISOLATED = "PORT_ISOLATED"
    ICC_OFF = "ICC_OFF"
    """Ports of one of our networks, isolated on purpose."""
    PORT_LOCKED = "PORT_LOCKED"
    PORT_BLOCKING = "PORT_BLOCKING"
    HAIRPIN_OFF = "HAIRPIN_OFF"
    FLOOD_OFF = "FLOOD_OFF"
    LINK_DOWN = "LINK_DOWN"
    """A link on the way is down: the sender's, the target's or a port."""
    NO_CABLE = "NO_CABLE"
    """The container has no link that leads anywhere."""
    SOURCE_GUARD = "SOURCE_GUARD"
    ROUTER_GUARD = "ROUTER_GUARD"
    """A container would act as router or DHCP server."""
    LOOPBACK_GUARD = "LOOPBACK_GUARD"
    """127.0.0.0/8 of the host, from a container."""
    DIRECT_ROUTING = "DIRECT_ROUTING"
    """A container's own address from outside its bridge: only published ports are reached."""
    INTERNAL_NETWORK = "INTERNAL_NETWORK"
    NETWORKS_APART = "NETWORKS_APART"
    """Two networks, which do not talk to each other."""
    PORT_NOT_PUBLISHED = "PORT_NOT_PUBLISHED"
    STALE_CONNECTION = "STALE_CONNECTION"
    """A tracked connection still translates to an address that is no longer right."""
    NO_MASQUERADE = "NO_MASQUERADE"
    """It leaves with an address that the other side cannot answer."""
    IPV6_ABSENT = "IPV6_ABSENT"
    NO_ANSWER = "NO_ANSWER"
    """It arrived, and the answer was lost; `where` says on which way."""
    NOT_EXPLAINED = "NOT_EXPLAINED"


class Disposition(StrEnum):
    """How a predicted walk ends."""

    ACCEPTED = "ACCEPTED"
    """A socket takes it, or the stack answers (ICMP echo)."""
    EXITS_NETWORK = "EXITS_NETWORK"
    """It leaves this host: what is beyond cannot be read."""
    DROPPED = "DROPPED"
    INSUFFICIENT_INFO = "INSUFFICIENT_INFO"


class Action(StrEnum):
    """What a step does with the packet."""

    FORWARDED = "FORWARDED"
    TRANSLATED = "TRANSLATED"
    DELIVERED = "DELIVERED"
    DROPPED = "DROPPED"
    UNKNOWN = "UNKNOWN"


# -- what decided a step, one type for each kind of step


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
    | Translated
    | Received
    | SocketFound
    | Entered
    | Left
    | Sighted
)


# -- what a witness should see if the step happens as predicted


class OnLink(Struct, frozen=True, kw_only=True, tag="link"):
    """The packet (or, for a neighbour step, the question) at a link."""

    cookie: int
    ifindex: Ifindex
    outgoing: bool


class AtRule(Struct, frozen=True, kw_only=True, tag="rule"):
    """A verdict in an nftables chain of a namespace."""

    cookie: int
    rule: RuleRef


class Answered(Struct, frozen=True, kw_only=True, tag="answer"):
    """The sender gets an answer: SYN-ACK, RST, echo reply, ICMP error."""


Expected = OnLink | AtRule | Answered


class Fact(Struct, frozen=True, kw_only=True):
    """One piece of evidence: what was looked at, and what it says."""

    what: str
    """`sysctl net.ipv4.ip_forward`, `kernel`, `rule`, `route`, `port vethX of gb0`, ..."""
    says: str


class Drop(Struct, frozen=True, kw_only=True):
    """Why prediction ends a packet at a step."""

    cause: Cause
    sentence: str
    """One sentence for a person."""
    evidence: tuple[Fact, ...] = ()
    rule: RuleRef | None = None
    place: Place | None = None
    """Where the mending is to be done, if elsewhere than at the step."""
    subject: str = ""
    """What the fix is about: a link, an address, a port, a sysctl."""


class Step(Struct, frozen=True, kw_only=True):
    """One step as predicted."""

    place: Place
    detail: Detail
    action: Action
    packet: Packet
    """As it is after the step."""
    is_reply: bool = False
    expected: tuple[Expected, ...] = ()
    assumptions: tuple[str, ...] = ()
    """What was taken for granted because it cannot be known."""
    drop: Drop | None = None


class Walk(Struct, frozen=True, kw_only=True):
    """A predicted walk, there and back."""

    steps: tuple[Step, ...]
    disposition: Disposition
    """Of the request; a lost reply is the drop of a reply step."""
    assumptions: tuple[str, ...] = ()
    unknown: str = ""
    """Of INSUFFICIENT_INFO: what cannot be known, and why."""

    @property
    def request(self) -> tuple[Step, ...]:
        """The way there."""
        return tuple(s for s in self.steps if not s.is_reply)

    @property
    def reply(self) -> tuple[Step, ...]:
        """The way back."""
        return tuple(s for s in self.steps if s.is_reply)

    @property
    def dropped(self) -> Step | None:
        """The step at which the packet, or its reply, ends."""
        return next((s for s in self.steps if s.drop is not None), None)


class Missing(Struct, frozen=True, kw_only=True):
    """Prediction went as far as it could: these namespaces must be read first."""

    cookies: tuple[int, ...]
