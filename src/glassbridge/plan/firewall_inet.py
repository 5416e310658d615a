"""Chains of `table inet glassbridge`: who may reach whom, and under which address.

All of them hold with bridge-nf-call-iptables at 0 and at 1. At 1 frames between ports of one bridge
come through here too, with the bridge as both input and output link, before they are bridged.
"""

from ipaddress import IPv4Network, IPv6Address
from typing import Final

from glassbridge.model.endpoint import Protocol
from glassbridge.model.firewall import (
    Accept,
    Chain,
    DestinationNat,
    Drop,
    Field,
    HasFlag,
    Hook,
    InSet,
    Is,
    Jump,
    Masquerade,
    Match,
    OneOf,
    Reject,
    Rule,
    Set,
    SourceNat,
    Statement,
    VerdictOf,
    Word,
)
from glassbridge.plan import firewall_sets as sets

PUBLISHED_ONLY: Final = "published_only"
ROUTED: Final = "routed"
_PUBLISH, _OPEN_PORTS = "publish", "open_ports"

_IN, _OUT = Field.INPUT_LINK, Field.OUTPUT_LINK
_SERVICE = (Field.L4_PROTOCOL, Field.DESTINATION_PORT)
_LOOPBACK4 = IPv4Network("127.0.0.0/8")
_LOOPBACK6 = IPv6Address("::1")
_DNATED = HasFlag(Field.CT_STATUS, Word.DNAT)

RAW, FILTER, DSTNAT, SRCNAT = -300, 0, -100, 100
"""Priorities, as nft names them (linux/netfilter_ipv4.h)."""


def inet_chains() -> tuple[Chain, ...]:
    """Regular chains first: nft wants a chain declared before a rule jumps to it."""
    return (
        Chain(_PUBLISH, _publish()),
        Chain(PUBLISHED_ONLY, _published_only()),
        Chain(_OPEN_PORTS, _open_ports()),
        Chain(ROUTED, _routed()),
        Chain("raw", _raw(), Hook("filter", "prerouting", RAW)),
        Chain("prerouting", _prerouting(), Hook("nat", "prerouting", DSTNAT)),
        Chain("output", (_rule("", Jump(_PUBLISH)),), Hook("nat", "output", DSTNAT)),
        Chain("input", _input(), Hook("filter", "input", FILTER)),
        Chain("forward", _forward(), Hook("filter", "forward", FILTER)),
        Chain("postrouting", _postrouting(), Hook("nat", "postrouting", SRCNAT)),
    )


def _rule(comment: str, statement: Statement, *matches: Match) -> Rule:
    return Rule(matches, statement, comment)


def _raw() -> tuple[Rule, ...]:
    """Before conntrack: a forged packet must not even pass for part of a known connection.

    A bridge's own address stays reachable, as on Docker.
    """
    outside = Is(_IN, "lo", negated=True)
    not_local = Is(Field.DESTINATION_TYPE, Word.LOCAL, negated=True)
    return (
        # our bridges have route_localnet on, so the kernel itself no longer refuses it; a source
        # in 127.0.0.0/8 it still does, as it does any local source (fib_validate_source)
        _rule("loopback guard", Drop(), outside, Is(Field.IPV4_DESTINATION, _LOOPBACK4)),
        *(
            _rule(
                "container addresses are not reachable from outside",
                Drop(),
                InSet((address,), protected.name),
                InSet((address, _IN), home.name, negated=True),
                InSet((address, _IN), trusted.name, negated=True),
                not_local,
            )
            for address, protected, home, trusted in (
                (Field.IPV4_DESTINATION, sets.PROTECTED4, sets.HOME4, sets.TRUSTED4),
                (Field.IPV6_DESTINATION, sets.PROTECTED6, sets.HOME6, sets.TRUSTED6),
            )
        ),
    )


def _prerouting() -> tuple[Rule, ...]:
    """Names go ahead of published ports: who publishes port 53 must not take them from others."""
    by_family = (
        (Word.ETHER_IPV4, Field.IPV4_DESTINATION, sets.NAMES4),
        (Word.ETHER_IPV6, Field.IPV6_DESTINATION, sets.NAMES6),
    )
    names = (
        DestinationNat(family, (address, _IN, *_SERVICE), asked.name)
        for family, address, asked in by_family
    )
    return (*(_rule("the gateway answers for names", n) for n in names), _rule("", Jump(_PUBLISH)))


def _publish() -> tuple[Rule, ...]:
    """Specific addresses win over any address; ::1 cannot be served by NAT and stays out."""
    local = Is(Field.DESTINATION_TYPE, Word.LOCAL)
    return (
        _rule(
            "published on this address",
            DestinationNat(
                Word.ETHER_IPV4, (Field.IPV4_DESTINATION, *_SERVICE), sets.PUBLISHED4.name
            ),
        ),
        _rule(
            "published on this address",
            DestinationNat(
                Word.ETHER_IPV6, (Field.IPV6_DESTINATION, *_SERVICE), sets.PUBLISHED6.name
            ),
        ),
        _rule(
            "published on any address",
            DestinationNat(Word.ETHER_IPV4, _SERVICE, sets.PUBLISHED4_ANY.name),
            local,
        ),
        _rule(
            "published on any address",
            DestinationNat(Word.ETHER_IPV6, _SERVICE, sets.PUBLISHED6_ANY.name),
            Is(Field.IPV6_DESTINATION, _LOOPBACK6, negated=True),
            local,
        ),
    )


def _input() -> tuple[Rule, ...]:
    """The socket that holds a published UDP port would swallow what is sent to ::1.

    Our name server listens on addresses that are reached from everywhere.
    """
    outside = Is(_IN, "lo", negated=True)
    return (
        _rule(
            "published ports are not served on ::1",
            Reject(),
            Is(Field.IPV6_DESTINATION, _LOOPBACK6),
            Is(Field.L4_PROTOCOL, Word.UDP),
            InSet((Field.DESTINATION_PORT,), sets.LOOPBACK_UDP6.name),
        ),
        _rule("asked for names at port 53, by a member", Accept(), _DNATED),
        *(
            _rule("names: only members ask, at port 53", Drop(), outside, InSet(key, at.name))
            for key, at in (
                ((Field.IPV4_DESTINATION, *_SERVICE), sets.NAME_SERVERS4),
                ((Field.IPV6_DESTINATION, *_SERVICE), sets.NAME_SERVERS6),
            )
        ),
    )


def _forward() -> tuple[Rule, ...]:
    return (
        _rule(
            "neither side is ours",
            Accept(),
            InSet((_IN,), sets.BRIDGES.name, negated=True),
            InSet((_OUT,), sets.BRIDGES.name, negated=True),
        ),
        _rule(
            "known connection",
            Accept(),
            OneOf(Field.CT_STATE, (Word.ESTABLISHED, Word.RELATED)),
        ),
        _rule("within one network", VerdictOf((_IN, _OUT), sets.WITHIN.name)),
        _rule("internal network: no way out", Drop(), InSet((_IN,), sets.CLOSED.name)),
        _rule("internal network: no way in", Drop(), InSet((_OUT,), sets.CLOSED.name)),
        _rule("published port", Accept(), _DNATED),
        _rule(
            "published port, from a trusted link",
            Jump(_OPEN_PORTS),
            InSet((_IN, _OUT), sets.TRUSTED.name),
        ),
        _rule(
            "from a bridge of others: drop", Drop(), *_foreign_bridge(Field.INPUT_KIND, _IN, _OUT)
        ),
        _rule(
            "to a bridge of others: drop", Drop(), *_foreign_bridge(Field.OUTPUT_KIND, _OUT, _IN)
        ),
        _rule("to the outside", Accept(), InSet((_OUT,), sets.BRIDGES.name, negated=True)),
        _rule("to the outside, by an adopted bridge", Accept(), InSet((_OUT,), sets.UPLINKS.name)),
        _rule(
            "into a network, by its gateway mode",
            VerdictOf((Field.NETWORK_PROTOCOL, _OUT), sets.ENTER.name),
        ),
        _rule("only published ports are reachable from outside or another network", Drop()),
    )


def _foreign_bridge(kind: Field, theirs: Field, ours: Field) -> tuple[Match, ...]:
    return (
        Is(kind, "bridge"),
        InSet((theirs,), sets.BRIDGES.name, negated=True),
        InSet((theirs,), sets.UPLINKS.name, negated=True),
        InSet((theirs, ours), sets.TRUSTED.name, negated=True),
        InSet((ours,), sets.OPENED.name, negated=True),
    )


def _published_only() -> tuple[Rule, ...]:
    return (
        _rule("published port", Accept(), _DNATED),
        _rule("containers of this network are kept apart", Drop()),
    )


def _open_ports() -> tuple[Rule, ...]:
    return tuple(
        _rule("published port", Accept(), InSet((address, *_SERVICE), opened.name))
        for address, opened in (
            (Field.IPV4_DESTINATION, sets.OPEN4),
            (Field.IPV6_DESTINATION, sets.OPEN6),
        )
    )


def _routed() -> tuple[Rule, ...]:
    return (
        _rule("ICMP", Accept(), OneOf(Field.L4_PROTOCOL, (Word.ICMP, Word.ICMPV6))),
        _rule("", Jump(_OPEN_PORTS)),
        _rule("routed network: only ICMP and published ports", Drop()),
    )


def _postrouting() -> tuple[Rule, ...]:
    """SNAT before masquerade; what enters a bridge by DNAT keeps an outside client's address."""
    leaves4 = InSet((Field.IPV4_SOURCE, _OUT), sets.HOME4.name, negated=True)
    leaves6 = InSet((Field.IPV6_SOURCE, _OUT), sets.HOME6.name, negated=True)
    return (
        _rule(
            "published port, from 127.0.0.1",
            Masquerade(),
            Is(Field.IPV4_SOURCE, _LOOPBACK4),
            InSet((_OUT,), sets.BRIDGES.name),
        ),
        # else the answer would go straight to the sibling, from an address that it never asked;
        # what others translate (kube-proxy) keeps its sender, unless they say otherwise
        _from_a_sibling(Field.IPV4_SOURCE, Field.IPV4_DESTINATION, sets.HOME4, sets.HAIRPIN4),
        _from_a_sibling(Field.IPV6_SOURCE, Field.IPV6_DESTINATION, sets.HOME6, sets.HAIRPIN6),
        _from_anywhere(Field.IPV4_DESTINATION, sets.HIDDEN4),
        _from_anywhere(Field.IPV6_DESTINATION, sets.HIDDEN6),
        _rule(
            "leaves under a chosen address",
            SourceNat(Word.ETHER_IPV4, (Field.IPV4_SOURCE,), sets.SNAT4.name),
            leaves4,
        ),
        _rule(
            "leaves under a chosen address",
            SourceNat(Word.ETHER_IPV6, (Field.IPV6_SOURCE,), sets.SNAT6.name),
            leaves6,
        ),
        *(
            _rule("leaves under the host's address", Masquerade(), InSet((s,), own.name), leaves)
            for s, own, leaves in (
                (Field.IPV4_SOURCE, sets.MASQUERADED4, leaves4),
                (Field.IPV6_SOURCE, sets.MASQUERADED6, leaves6),
            )
        ),
    )


def _from_a_sibling(source: Field, container: Field, home: Set, hairpin: Set) -> Rule:
    """Where it led is looked at, too: services of others often have a published port's number."""
    return _rule(
        "published port, from the same network",
        Masquerade(),
        _DNATED,
        InSet((source, _OUT), home.name),
        *_led_to(container, hairpin),
    )


def _from_anywhere(to: Field, hidden: Set) -> Rule:
    return _rule("published port, its clients hidden", Masquerade(), _DNATED, *_led_to(to, hidden))


def _led_to(container: Field, published: Set) -> tuple[Match, ...]:
    """Match a published port's own connections, once they are translated."""
    return (
        # nft 1.0.6 does not know what a connection's port is without (ct_expr_update_type)
        OneOf(Field.L4_PROTOCOL, tuple(Protocol)),
        InSet(
            (Field.L4_PROTOCOL, Field.CT_ORIGINAL_PORT, container, Field.DESTINATION_PORT),
            published.name,
        ),
    )
