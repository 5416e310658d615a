"""What witnesses saw of a real packet. Times are nanoseconds of CLOCK_REALTIME."""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.packet import Packet
from glassbridge.model.tables import Ifindex, Route


class WitnessName(StrEnum):
    """Who can say something; the value is what a person reads."""

    LOOKUPS = "kernel look-ups"
    TAPS = "taps"
    NFTRACE = "nftrace"
    TRACEPOINTS = "tracepoints"
    COUNTERS = "iptables counters"
    SENDER = "the sender's socket"


class Witness(Struct, frozen=True, kw_only=True):
    """Whether one spoke, and how well it heard."""

    name: WitnessName
    spoke: bool
    why_not: str = ""
    lost: int = 0
    """Events that it knows it has missed."""


class NeighbourMessage(Struct, frozen=True, kw_only=True, tag="neighbour"):
    """An ARP packet, or a neighbour solicitation or advertisement."""

    is_reply: bool
    sender: IPAddress
    sender_mac: Mac
    target: IPAddress


class Sighting(Struct, frozen=True, kw_only=True):
    """One frame on one link, by a tap."""

    at_ns: int
    cookie: int
    """Of the namespace."""
    ifindex: Ifindex
    outgoing: bool
    to: str
    """host, broadcast, multicast, otherhost, outgoing: the kernel's word (PACKET_*)."""
    length: int
    """Of the frame on the wire; `frame` may be shorter."""
    frame: bytes
    seen: Packet | NeighbourMessage
    source_mac: Mac | None = None
    destination_mac: Mac | None = None
    is_reply: bool = False
    """Of the traced connection: it travels back. ICMP errors about it do, too."""


class RuleHit(Struct, frozen=True, kw_only=True):
    """One line of nftrace: a rule, a chain's policy, or a return."""

    at_ns: int
    cookie: int
    trace_id: int
    family: str
    table: str
    chain: str
    handle: int = 0
    is_policy: bool = False
    verdict: str = ""
    """accept, drop, continue, jump, goto, return, ..."""
    target: str = ""
    """The chain that is jumped or gone to."""
    packet: Packet | None = None
    iif: Ifindex | None = None
    oif: Ifindex | None = None
    connection: str = ""
    is_reply: bool = False


class EventKind(StrEnum):
    """What a raw tracepoint tells."""

    QUEUED = "queued"
    """net_dev_queue: about to leave by a link."""
    RECEIVED = "received"
    """netif_receive_skb: taken from a link."""
    DROPPED = "dropped"
    """kfree_skb with a reason."""
    ICMP_SENT = "icmp sent"
    """The kernel answers the packet with an ICMP error."""


class KernelEvent(Struct, frozen=True, kw_only=True):
    """One event of a raw tracepoint, about the traced packet or its reply."""

    at_ns: int
    kind: EventKind
    inode: int
    """Of the namespace of the link; 0: no link."""
    ifindex: Ifindex | None = None
    skb: int = 0
    """The buffer: the same from hop to hop, reused soon after its end."""
    head: int = 0
    """Where its data is: the same in all copies of a flooded frame."""
    packet: Packet | None = None
    reason: str = ""
    """SKB_DROP_REASON_* without the prefix."""
    function: str = ""
    """The kernel function that dropped it, without offset."""
    icmp_type: int | None = None
    """Of the ICMP error that is sent because of `packet`."""
    icmp_code: int = 0
    is_reply: bool = False


class RouteLookup(Struct, frozen=True, kw_only=True, tag="route"):
    """RTM_GETROUTE: what the kernel would choose."""

    cookie: int
    destination: IPAddress
    source: IPAddress | None = None
    iif: Ifindex | None = None
    route: Route | None = None
    """None: refused, see `refusal`."""
    refusal: str = ""
    """An errno name."""


class NeighbourLookup(Struct, frozen=True, kw_only=True, tag="neighbour"):
    """RTM_GETNEIGH: the next hop's MAC."""

    cookie: int
    ifindex: Ifindex
    address: IPAddress
    mac: Mac | None
    state: str = ""


class FdbLookup(Struct, frozen=True, kw_only=True, tag="fdb"):
    """RTM_GETNEIGH of AF_BRIDGE: the port behind which a MAC is."""

    cookie: int
    bridge: Ifindex
    mac: Mac
    port: Ifindex | None


Lookup = RouteLookup | NeighbourLookup | FdbLookup


class CounterChange(Struct, frozen=True, kw_only=True):
    """A legacy iptables rule, or policy, whose counter rose while the packet passed."""

    cookie: int
    family: str
    table: str
    chain: str
    number: int
    """0: the policy."""
    packets: int


class AnswerKind(StrEnum):
    """What the sender's socket got."""

    ACCEPTED = "accepted"
    """The connection was established."""
    REFUSED = "refused"
    """TCP reset, or ICMP port unreachable."""
    ECHO = "echo"
    DATA = "data"
    """A datagram came back."""
    ICMP_ERROR = "icmp error"
    NOT_SENT = "not sent"
    """The kernel refused to send it."""
    NOTHING = "nothing"
    """In the time that it was given."""


class Answer(Struct, frozen=True, kw_only=True):
    """What the sender learned."""

    kind: AnswerKind
    errno: str = ""
    """Its name, where the socket reported one."""
    icmp_type: int | None = None
    icmp_code: int | None = None
    offender: IPAddress | None = None
    """Who sent the ICMP error."""
    after_us: float | None = None


class Observation(Struct, frozen=True, kw_only=True):
    """Everything that was seen of one packet and its reply."""

    packet: Packet | None
    """As it was sent; None: nothing was sent or seen."""
    sent_ns: int = 0
    answer: Answer | None = None
    sightings: tuple[Sighting, ...] = ()
    """In the order of time."""
    rule_hits: tuple[RuleHit, ...] = ()
    events: tuple[KernelEvent, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    counters: tuple[CounterChange, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    is_live: bool = False
    """Somebody else's packet that was waited for."""
