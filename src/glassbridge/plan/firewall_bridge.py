"""Chains of `table bridge glassbridge`: what a container may claim to be.

A port is ours by its link group, so it is guarded from its creation on. The priority is ahead of
br_netfilter (0) and of the bridge's learning of addresses. Every protocol is told by `meta
protocol`, not by `ether type`: a frame with a priority tag (VLAN 0) is taken for an untagged one by
its receiver, and must be here as well.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import Final

from glassbridge.model.firewall import (
    Chain,
    Drop,
    Field,
    Goto,
    Hook,
    InSet,
    Is,
    Match,
    OneOf,
    Rule,
    Statement,
    VerdictOf,
    Word,
)
from glassbridge.model.kernel_names import DOOMED_GROUP, LINK_GROUP
from glassbridge.plan import firewall_sets as sets

OWNER: Final = "owner"
STRICT: Final = "strict"
NOT_A_ROUTER: Final = "not_a_router"

_PORT = Field.INPUT_LINK
_IPV4 = Is(Field.ETHER_TYPE, Word.ETHER_IPV4)
_IPV6 = Is(Field.ETHER_TYPE, Word.ETHER_IPV6)
_ARP = Is(Field.ETHER_TYPE, Word.ETHER_ARP)
_UDP = Is(Field.L4_PROTOCOL, Word.UDP)
_ADVERTISES = Is(Field.ICMPV6_TYPE, Word.ND_NEIGHBOR_ADVERT)
_ASKS = Is(Field.ICMPV6_TYPE, Word.ND_NEIGHBOR_SOLICIT)
_UNSPECIFIED4, _UNSPECIFIED6 = IPv4Address(0), IPv6Address(0)

_BEFORE_BR_NETFILTER = -300


def bridge_chains() -> tuple[Chain, ...]:
    """Regular chains first: nft wants a chain declared before a rule jumps to it."""
    return (
        Chain(NOT_A_ROUTER, _not_a_router()),
        Chain(OWNER, _owner()),
        Chain(STRICT, _strict()),
        Chain("prerouting", _prerouting(), Hook("filter", "prerouting", _BEFORE_BR_NETFILTER)),
        Chain("postrouting", _postrouting(), Hook("filter", "postrouting", 0)),
    )


def _rule(comment: str, statement: Statement, *matches: Match) -> Rule:
    return Rule(matches, statement, comment)


def _prerouting() -> tuple[Rule, ...]:
    return (
        _rule("source guard of this port", VerdictOf((_PORT,), sets.GUARD.name)),
        _rule(
            "source guard of every port of ours",
            Goto(OWNER),
            # a doomed port may still carry a frame while it goes down
            OneOf(Field.INPUT_GROUP, (LINK_GROUP, DOOMED_GROUP)),
        ),
    )


def _postrouting() -> tuple[Rule, ...]:
    return (
        _rule(
            "no router advertisements for endpoints without IPv6",
            Drop(),
            Is(Field.OUTPUT_GROUP, LINK_GROUP),
            InSet((Field.OUTPUT_LINK,), sets.WITH_IPV6.name, negated=True),
            _IPV6,
            Is(Field.ICMPV6_TYPE, Word.ND_ROUTER_ADVERT),
        ),
    )


def _owner() -> tuple[Rule, ...]:
    """Addresses that nobody holds pass: virtual ones, and those of nested containers."""

    def stolen(field: Field, leased: str, own: str) -> tuple[Match, ...]:
        return (InSet((field,), leased), InSet((_PORT, field), own, negated=True))

    mac = (sets.LEASED_MAC.name, sets.OWN_MAC.name)
    ipv4 = (sets.LEASED4.name, sets.OWN4.name)
    ipv6 = (sets.LEASED6.name, sets.OWN6.name)
    unspecified = Is(Field.IPV6_SOURCE, _UNSPECIFIED6)
    return (
        _rule("MAC address of another", Drop(), *stolen(Field.ETHER_SOURCE, *mac)),
        _rule("IPv4 address of another", Drop(), _IPV4, *stolen(Field.IPV4_SOURCE, *ipv4)),
        _rule("ARP for another's address", Drop(), _ARP, *stolen(Field.ARP_SENDER, *ipv4)),
        _rule("ARP with another's MAC", Drop(), _ARP, *stolen(Field.ARP_SENDER_MAC, *mac)),
        _rule("IPv6 address of another", Drop(), _IPV6, *stolen(Field.IPV6_SOURCE_BITS, *ipv6)),
        _rule(
            "neighbour advertisement for another's address",
            Drop(),
            _IPV6,
            _ADVERTISES,
            *stolen(Field.ND_TARGET, *ipv6),
        ),
        _rule(
            "duplicate address detection for another's address",
            Drop(),
            _IPV6,
            unspecified,
            _ASKS,
            *stolen(Field.ND_TARGET, *ipv6),
        ),
        _rule("", Goto(NOT_A_ROUTER)),
    )


def _strict() -> tuple[Rule, ...]:
    def foreign(field: Field, own: str) -> Match:
        return InSet((_PORT, field), own, negated=True)

    mac, ipv4, ipv6 = sets.OWN_MAC.name, sets.OWN4.name, sets.OWN6.name
    known = (Word.ETHER_IPV4, Word.ETHER_ARP, Word.ETHER_IPV6)
    return (
        _rule("not its own MAC address", Drop(), foreign(Field.ETHER_SOURCE, mac)),
        _rule(
            "not its own IPv4 address",
            Drop(),
            _IPV4,
            Is(Field.IPV4_SOURCE, _UNSPECIFIED4, negated=True),
            foreign(Field.IPV4_SOURCE, ipv4),
        ),
        _rule(
            "ARP for an address not its own",
            Drop(),
            _ARP,
            Is(Field.ARP_SENDER, _UNSPECIFIED4, negated=True),
            foreign(Field.ARP_SENDER, ipv4),
        ),
        _rule("ARP with a MAC not its own", Drop(), _ARP, foreign(Field.ARP_SENDER_MAC, mac)),
        _rule(
            "not its own IPv6 address",
            Drop(),
            _IPV6,
            Is(Field.IPV6_SOURCE, _UNSPECIFIED6, negated=True),
            foreign(Field.IPV6_SOURCE_BITS, ipv6),
        ),
        _rule(
            "neighbour advertisement for an address not its own",
            Drop(),
            _IPV6,
            _ADVERTISES,
            foreign(Field.ND_TARGET, ipv6),
        ),
        _rule(
            "duplicate address detection for an address not its own",
            Drop(),
            _IPV6,
            Is(Field.IPV6_SOURCE, _UNSPECIFIED6),
            _ASKS,
            foreign(Field.ND_TARGET, ipv6),
        ),
        _rule("neither IP nor ARP", Drop(), OneOf(Field.ETHER_TYPE, known, negated=True)),
        _rule("", Goto(NOT_A_ROUTER)),
    )


def _not_a_router() -> tuple[Rule, ...]:
    """What a sibling or the host would obey, whatever the sender's address."""
    tags = (Word.ETHER_VLAN, Word.ETHER_SERVICE_VLAN)
    return (
        # one tag is gone by now; the host's stack would also strip a second one of VLAN 0
        _rule("a second VLAN tag hides what is behind it", Drop(), OneOf(Field.ETHER_TYPE, tags)),
        _rule("IPv4 redirect", Drop(), _IPV4, Is(Field.ICMP_TYPE, Word.REDIRECT)),
        _rule(
            "router advertisement or IPv6 redirect",
            Drop(),
            _IPV6,
            OneOf(Field.ICMPV6_TYPE, (Word.ND_ROUTER_ADVERT, Word.ND_REDIRECT)),
        ),
        _rule("DHCP server", Drop(), _IPV4, _UDP, *_service(67, 68)),
        _rule("DHCPv6 server", Drop(), _IPV6, _UDP, *_service(547, 546)),
    )


def _service(source: int, destination: int) -> tuple[Match, Match]:
    return Is(Field.SOURCE_PORT, source), Is(Field.DESTINATION_PORT, destination)
