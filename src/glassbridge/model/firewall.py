"""The firewall as a value: built by plan.firewall, printed by plan.nft_script, walked by a trace.

Nothing in it is nftables text: a rule is matches and a statement, each of a closed set of types.
A field that a packet does not have (`ip saddr` of an IPv6 packet) matches nothing, negated or not.
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from msgspec import Struct


class Family(StrEnum):
    """The two tables that are ours: routed traffic, and frames that enter by a bridge port."""

    INET = "inet"
    BRIDGE = "bridge"


class Field(StrEnum):
    """What a rule looks at; the value is nft's word for it."""

    INPUT_LINK = "iifname"
    OUTPUT_LINK = "oifname"
    INPUT_KIND = "meta iifkind"
    OUTPUT_KIND = "meta oifkind"
    INPUT_GROUP = "meta iifgroup"
    OUTPUT_GROUP = "meta oifgroup"
    NETWORK_PROTOCOL = "meta nfproto"
    ETHER_TYPE = "meta protocol"
    """The EtherType behind one VLAN tag: `ether type` would read the tag and be fooled by it."""
    L4_PROTOCOL = "meta l4proto"
    CT_STATE = "ct state"
    CT_STATUS = "ct status"
    CT_ORIGINAL_PORT = "ct original proto-dst"
    """The destination port as the client asked for it, before DNAT."""
    DESTINATION_TYPE = "fib daddr type"
    ETHER_SOURCE = "ether saddr"
    ARP_SENDER_MAC = "arp saddr ether"
    ARP_SENDER = "arp saddr ip"
    IPV4_SOURCE = "ip saddr"
    IPV4_DESTINATION = "ip daddr"
    IPV6_SOURCE = "ip6 saddr"
    IPV6_DESTINATION = "ip6 daddr"
    IPV6_SOURCE_BITS = "@nh,64,128"
    """The IPv6 source as a bare number: comparable with a set that ND_TARGET is looked up in."""
    ND_TARGET = "@th,64,128"
    """The address that a neighbour message is about; nft 1.0.6 has no word for it."""
    SOURCE_PORT = "th sport"
    DESTINATION_PORT = "th dport"
    ICMP_TYPE = "icmp type"
    ICMPV6_TYPE = "icmpv6 type"


class Word(StrEnum):
    """Constants that a field is compared with."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    ETHER_IPV4 = "ip"
    ETHER_IPV6 = "ip6"
    ETHER_ARP = "arp"
    ETHER_VLAN = "8021q"
    ETHER_SERVICE_VLAN = "8021ad"
    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"
    ICMPV6 = "icmpv6"
    REDIRECT = "redirect"
    ND_REDIRECT = "nd-redirect"
    ND_ROUTER_ADVERT = "nd-router-advert"
    ND_NEIGHBOR_ADVERT = "nd-neighbor-advert"
    ND_NEIGHBOR_SOLICIT = "nd-neighbor-solicit"
    ESTABLISHED = "established"
    RELATED = "related"
    DNAT = "dnat"
    LOCAL = "local"


class KeyType(StrEnum):
    """What a set's key or a map's data is made of."""

    LINK = "ifname"
    IPV4 = "ipv4_addr"
    IPV6 = "ipv6_addr"
    IPV6_BITS = "ipv6 bits"
    """An IPv6 address held as a number, see Field.ND_TARGET."""
    MAC = "ether_addr"
    NETWORK_PROTOCOL = "nf_proto"
    L4_PROTOCOL = "inet_proto"
    PORT = "inet_service"


Atom = str | int | IPv4Address | IPv6Address | IPv4Network | IPv6Network
"""One component of a key or of a map's data: text is a name or a MAC, a StrEnum one of nft's."""


class Accept(Struct, frozen=True):
    """Let it pass this chain's hook; other tables still have their say."""


class Drop(Struct, frozen=True):
    """The end of the packet."""


class Goto(Struct, frozen=True):
    """Go on in another chain, for good."""

    chain: str


class Jump(Struct, frozen=True):
    """Go through another chain and come back where it decides nothing."""

    chain: str


Verdict = Accept | Drop | Goto | Jump


class Reject(Struct, frozen=True):
    """Drop, and say so to the sender: ICMP port unreachable."""


class Masquerade(Struct, frozen=True):
    """Source becomes the address of the link that it leaves by."""


class VerdictOf(Struct, frozen=True):
    """The verdict that a map holds for these fields; none there: the next rule."""

    fields: tuple[Field, ...]
    map: str


class DestinationNat(Struct, frozen=True):
    """Destination address and port become what a map holds for these fields, if anything."""

    family: Word
    """ETHER_IPV4 or ETHER_IPV6."""
    fields: tuple[Field, ...]
    map: str


class SourceNat(Struct, frozen=True):
    """The source address becomes what a map holds for these fields, if anything."""

    family: Word
    fields: tuple[Field, ...]
    map: str


Statement = Verdict | Reject | Masquerade | VerdictOf | DestinationNat | SourceNat


class Is(Struct, frozen=True):
    """A field has a value, or lies in a prefix."""

    field: Field
    value: Atom
    negated: bool = False


class OneOf(Struct, frozen=True):
    """A field has one of some fixed values."""

    field: Field
    values: tuple[Atom, ...]
    negated: bool = False


class HasFlag(Struct, frozen=True):
    """A bit is set in a field."""

    field: Field
    flag: Word


class InSet(Struct, frozen=True):
    """Fields, side by side, are an element of a set."""

    fields: tuple[Field, ...]
    set: str
    negated: bool = False


Match = Is | OneOf | HasFlag | InSet


class Rule(Struct, frozen=True):
    """What holds for a packet, what then happens to it, and why."""

    matches: tuple[Match, ...]
    statement: Statement
    comment: str = ""


class Hook(Struct, frozen=True):
    """Where the kernel calls a base chain; policy is accept: what we do not know is not ours."""

    type: str
    hook: str
    priority: int


class Chain(Struct, frozen=True):
    """Rules in order; without a hook it is only reached from other chains."""

    name: str
    rules: tuple[Rule, ...]
    hook: Hook | None = None


class Set(Struct, frozen=True):
    """A set, or a map where there is data; its elements come and go, rules stay."""

    name: str
    key: tuple[KeyType, ...]
    data: tuple[KeyType, ...] = ()
    verdicts: bool = False
    """The data are verdicts."""
    interval: bool = False
    """Keys may be prefixes."""
    comment: str = ""


class Table(Struct, frozen=True):
    """One nftables table of ours, without its elements."""

    family: Family
    name: str
    sets: tuple[Set, ...]
    chains: tuple[Chain, ...]


class Element(Struct, frozen=True):
    """One element of a set or map, of either table; `value` is None in a set."""

    family: Family
    name: str
    """The set or map."""
    key: tuple[Atom, ...]
    value: tuple[Atom, ...] | Verdict | None = None

    def __str__(self) -> str:
        key = " . ".join(map(str, self.key))
        return f"{self.name} {{ {key}{self._data()} }}"

    def _data(self) -> str:
        match self.value:
            case None:
                return ""
            case tuple():
                return f" : {' . '.join(map(str, self.value))}"
            case Goto(chain) | Jump(chain):
                return f" : {type(self.value).__name__.lower()} {chain}"
            case _:
                return f" : {type(self.value).__name__.lower()}"
