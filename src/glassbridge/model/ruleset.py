"""Firewall rules as the kernel lists them, whoever wrote them: what a walk is checked against.

Words are nft's own: a field is `ip saddr`, `meta iifname`, `fib daddr type`. What cannot
be evaluated keeps its text and is unknown. Rules that iptables lists become the same values.
"""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPNetwork


class Origin(StrEnum):
    """Whose a rule, a network or a name is; the value is what a person reads."""

    GLASSBRIDGE = "glassbridge"
    DOCKER = "Docker"
    PODMAN = "Podman"
    CONTAINERD = "containerd"
    CNI = "CNI"
    KUBERNETES = "Kubernetes"
    LIBVIRT = "libvirt"
    FIREWALLD = "firewalld"
    UFW = "ufw"
    NETNS = "ip netns"
    PROCESS = "process"
    HOST = "host"
    UNKNOWN = ""


class Backend(StrEnum):
    """Which part of the kernel holds a rule, hence which tool lists and changes it."""

    NFT = "nft"
    IPTABLES_NFT = "iptables-nft"
    """nftables made by iptables: its own tool should change it."""
    IPTABLES_LEGACY = "iptables-legacy"


class Range(Struct, frozen=True, tag=True):
    """Both ends belong to it: ports, numbers."""

    low: int
    high: int


class AddressRange(Struct, frozen=True, tag=True):
    """Both ends belong to it."""

    low: IPAddress
    high: IPAddress


class Prefix(Struct, frozen=True, tag=True):
    """A network of addresses."""

    network: IPNetwork


class Plain(Struct, frozen=True, tag=True):
    """One value: a name (a trailing `*` stands for any ending), an address, a number, a word."""

    value: str


class Together(Struct, frozen=True, tag=True):
    """Values side by side, as a concatenated key has them."""

    items: tuple[Range | AddressRange | Prefix | Plain, ...]


Value = Range | AddressRange | Prefix | Plain | Together


class NamedSet(Struct, frozen=True, tag=True):
    """`@name`: any element of a set of the same table."""

    name: str


class Compare(Struct, frozen=True, tag=True):
    """A field (or several, side by side) against values, any of which will do."""

    fields: tuple[str, ...]
    values: tuple[Value, ...] | NamedSet
    operator: str = "=="
    """==, !=, <, >, <=, >= as nft has them; `in` for flags, of which one is set."""
    mask: int | None = None
    """Of a number field: it is masked first."""


class Unevaluated(Struct, frozen=True, tag=True):
    """A match or statement that may hold or not: we cannot know."""

    text: str


Match = Compare | Unevaluated


class Verdict(StrEnum):
    """Where a rule sends the packet; a jump names its chain."""

    ACCEPT = "accept"
    DROP = "drop"
    RETURN = "return"
    CONTINUE = "continue"
    JUMP = "jump"
    GOTO = "goto"
    QUEUE = "queue"


class Decide(Struct, frozen=True, tag=True):
    """A verdict, for good or for this chain."""

    verdict: Verdict
    chain: str = ""


class Refuse(Struct, frozen=True, tag=True):
    """Drop, and answer: with an ICMP error or a TCP reset."""

    answer: str = ""
    """nft's words: `icmpx port-unreachable`, `tcp reset`."""


class NamedMap(Struct, frozen=True, tag=True):
    """`@name`: a map of the same table."""

    name: str


class MapElement(Struct, frozen=True, tag=True):
    """One row of a map: a key, and a verdict or an address with a port."""

    key: Value
    verdict: Decide | None = None
    address: IPAddress | None = None
    port: int | None = None


class LookUp(Struct, frozen=True, tag=True):
    """The verdict that a map holds for fields; none there: the next rule."""

    fields: tuple[str, ...]
    map: NamedMap | tuple[MapElement, ...]


class Translate(Struct, frozen=True, tag=True):
    """NAT of a new connection."""

    kind: str
    """snat, dnat, masquerade, redirect."""
    address: IPAddress | None = None
    port: int | None = None
    """None: it stays, unless `fields` and `map` say otherwise."""
    fields: tuple[str, ...] = ()
    map: NamedMap | None = None
    elements: tuple[MapElement, ...] = ()
    """Of a map that stands in the rule itself."""
    version: int | None = None
    """Only packets of that IP version."""
    is_exact: bool = True
    """False: a range or something that cannot be predicted is chosen from."""


class SetMark(Struct, frozen=True, tag=True):
    """The packet's mark becomes (mark and mask) xor value."""

    value: int
    mask: int = 0


class NoTrack(Struct, frozen=True, tag=True):
    """The packet has no connection."""


Statement = Decide | Refuse | LookUp | Translate | SetMark | NoTrack | Unevaluated


class ListedRule(Struct, frozen=True, kw_only=True):
    """One rule as listed."""

    matches: tuple[Match, ...] = ()
    statements: tuple[Statement, ...] = ()
    """In order; counters, comments and logging are left out."""
    handle: int = 0
    """nft's; 0 for iptables, whose rules have a number."""
    number: int = 0
    """From 1, within its chain."""
    text: str = ""
    """As its own tool prints it, or as nearly as we can."""
    comment: str = ""
    packets: int | None = None
    """Its counter, where it has one."""


class ListedHook(Struct, frozen=True, kw_only=True):
    """Where the kernel calls a base chain."""

    type: str
    """filter, nat, route."""
    hook: str
    """prerouting, input, forward, output, postrouting, ingress, egress."""
    priority: int
    policy: Verdict = Verdict.ACCEPT
    devices: tuple[str, ...] = ()
    """Of ingress and egress chains."""


class ListedChain(Struct, frozen=True, kw_only=True):
    """Rules in order."""

    name: str
    rules: tuple[ListedRule, ...] = ()
    hook: ListedHook | None = None
    packets: int | None = None
    """Counter of the policy (legacy iptables)."""
    backend: Backend | None = None
    """Of a chain that nft made in a table of iptables; None: its table's."""


class ListedSet(Struct, frozen=True, kw_only=True):
    """A set or map with its elements."""

    name: str
    values: tuple[Value, ...] = ()
    elements: tuple[MapElement, ...] = ()
    is_map: bool = False
    is_complete: bool = True
    """False: the elements were not read, or not understood."""


class ListedTable(Struct, frozen=True, kw_only=True):
    """One table of one family."""

    family: str
    """ip, ip6, inet, bridge, arp, netdev."""
    name: str
    backend: Backend = Backend.NFT
    owner: Origin = Origin.UNKNOWN
    chains: tuple[ListedChain, ...] = ()
    sets: tuple[ListedSet, ...] = ()


class Ruleset(Struct, frozen=True, kw_only=True):
    """All of one namespace; what could not be listed is told in `complaints`."""

    tables: tuple[ListedTable, ...] = ()
    complaints: tuple[str, ...] = ()


class RuleRef(Struct, frozen=True, kw_only=True):
    """One rule, or a chain's policy, named so that a person finds it."""

    family: str
    table: str
    chain: str
    handle: int = 0
    """0: legacy iptables, or the policy."""
    number: int = 0
    is_policy: bool = False
    text: str = ""
    comment: str = ""
    owner: Origin = Origin.UNKNOWN
    backend: Backend = Backend.NFT
