"""Which source address a packet gets that has none yet.

Sources: inet_select_addr in net/ipv4/devinet.c; RFC 6724 section 5 as ipv6_get_saddr_eval in
net/ipv6/addrconf.c has it.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from glassbridge.model.address import IPAddress
from glassbridge.model.tables import Address
from glassbridge.model.topology import Link, Stack
from glassbridge.walk.path.routing import Chosen
from glassbridge.walk.path.versions import V4, V6

_SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
_LINK_SCOPE = 253
_UNUSABLE = {"tentative", "dadfailed"}
_LABELS = tuple(
    (IPv6Network(prefix), label)
    for prefix, label in (
        ("::1/128", 0),
        ("::ffff:0:0/96", 4),
        ("::/96", 3),
        ("2001::/32", 6),
        ("2001:10::/28", 7),
        ("2002::/16", 2),
        ("fc00::/7", 5),
        ("::/0", 1),
    )
)
"""net/ipv6/addrlabel.c; the first prefix that fits is the longest."""


def source_for(stack: Stack, chosen: Chosen, destination: IPAddress) -> IPAddress | None:
    """What the kernel fills in for a route that it has chosen; None: no address will do."""
    if chosen.route is not None and chosen.route.source is not None:
        return chosen.route.source
    if isinstance(destination, IPv6Address):
        return _select6(stack, chosen.oif, destination)
    if chosen.type == "local":
        return destination
    return _select4(stack, chosen)


def addresses_on(stack: Stack, link: Link, version: int) -> tuple[Address, ...]:
    """The addresses of one link, in the order in which they were added."""
    return tuple(
        a for a in stack.addresses if a.ifindex == link.ifindex and a.interface.version == version
    )


def _select4(stack: Stack, chosen: Chosen) -> IPAddress | None:
    """Of the output link the first that shares the gateway's subnet, else its first, else any."""
    if chosen.oif is None:
        return None
    on_link = [a for a in addresses_on(stack, chosen.oif, 4) if _scope(a) <= _LINK_SCOPE]
    near = [
        a for a in on_link if chosen.gateway is not None and chosen.gateway in a.interface.network
    ]
    elsewhere = [
        a for a in stack.addresses if a.interface.version == V4 and _scope(a) < _LINK_SCOPE
    ]
    for candidates in (near, on_link, elsewhere):
        first = next((a.interface.ip for a in candidates if "secondary" not in a.flags), None)
        if first is not None:
            return first
    return None


def _scope(address: Address) -> int:
    return _SCOPES.get(address.scope, 0)


def _select6(stack: Stack, oif: Link | None, destination: IPv6Address) -> IPv6Address | None:
    candidates = tuple(_candidates6(stack, oif, destination))
    if not candidates:
        return None
    # stable: of equals the first is taken, as the kernel does
    best = max(candidates, key=lambda a: _merits(a, oif, destination))
    found = best.interface.ip
    assert isinstance(found, IPv6Address)
    return found


def _candidates6(stack: Stack, oif: Link | None, destination: IPv6Address) -> Iterator[Address]:
    here_only = destination.is_link_local or destination.is_multicast
    for address in stack.addresses:
        if address.interface.version != V6 or _UNUSABLE & set(address.flags):
            continue
        if here_only and oif is not None and address.ifindex != oif.ifindex:
            continue
        yield address


def _merits(address: Address, oif: Link | None, destination: IPv6Address) -> tuple[int, ...]:
    """Rules 1, 2, 3, 5, 6, 7 and 8, each the larger the better."""
    own = address.interface.ip
    assert isinstance(own, IPv6Address)
    wanted, has = _scope6(destination), _scope6(own)
    return (
        int(own == destination),
        -has if has >= wanted else has - 0x100,
        int("deprecated" not in address.flags),
        int(oif is not None and address.ifindex == oif.ifindex),
        int(_label(own) == _label(destination)),
        int("secondary" not in address.flags),
        min(_common_bits(own, destination), address.interface.network.prefixlen),
    )


def _scope6(address: IPv6Address) -> int:
    """RFC 4007; a unique local address is global."""
    if address.is_multicast:
        return address.packed[1] & 0xF
    if address.is_loopback:
        return 1
    return 2 if address.is_link_local else 5 if address.is_site_local else 14


def _label(address: IPv6Address) -> int:
    return next(label for prefix, label in _LABELS if address in prefix)


def _common_bits(a: IPv6Address, b: IPv6Address) -> int:
    return 128 - (int(a) ^ int(b)).bit_length()


def arp_sender(stack: Stack, link: Link, packet_source: IPAddress, target: IPAddress) -> IPAddress:
    """Whom an ARP request names as its sender (arp_solicit, with arp_announce 0)."""
    if any(a.interface.ip == packet_source for a in stack.addresses):
        return packet_source
    own = addresses_on(stack, link, target.version)
    near = [a.interface.ip for a in own if target in a.interface.network]
    first = (*near, *(a.interface.ip for a in own), IPv4Address(0))
    return first[0]
