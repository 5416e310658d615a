"""What kind of address it is to a namespace (fib_lookup, addrtype), and whether one leads back."""

from glassbridge.model.address import IPAddress
from glassbridge.model.tables import TABLE_MAIN, Route
from glassbridge.model.topology import Link, Stack

_DEFAULT_TABLES = (TABLE_MAIN, 253)
_BUILT_IN_RULES = 3
"""local, main and default; IPv6 has no default."""


def address_type(stack: Stack, address: IPAddress, link: Link | None = None) -> str:
    """local, broadcast, multicast, anycast or unicast; with a link: only if it is that link's.

    Of IPv4 inet_dev_addr_type, of IPv6 the route that is found (nft_fib_ipv6.c).
    """
    if address.version == 4:  # noqa: PLR2004 - the IP version
        if address.packed[0] == 0 or address.packed == b"\xff" * 4:
            return "broadcast"
        if address.is_multicast:
            return "multicast"
    elif address.is_multicast:
        return "multicast"
    found = longest_match(stack.local_routes, address)
    if found is None or (link is not None and found.oif != link.ifindex):
        return "unicast"
    return found.type


def longest_match(routes: tuple[Route, ...], address: IPAddress) -> Route | None:
    """The most specific route to an address."""
    fitting = [r for r in routes if _leads_to(r, address)]
    return max(fitting, key=lambda r: r.destination.prefixlen, default=None)


def reverse_path(stack: Stack, source: IPAddress, link: Link | None) -> str | None:
    """By which link packets to a source would leave: its name, or `missing` if not by this one.

    None: policy routing decides it, by more than the main table.
    """
    if link is None:
        return "missing"
    if address_type(stack, source) == "local":
        return link.ifname if link.is_loopback else "missing"
    ways = [r for r in stack.routes if _leads_to(r, source) and r.table in _DEFAULT_TABLES]
    if any(_leaves_by(r, link) for r in ways):
        return link.ifname
    version = source.version
    has_policy = len([r for r in stack.rules if r.family == version]) > _BUILT_IN_RULES
    return None if has_policy else "missing"


def _leads_to(route: Route, address: IPAddress) -> bool:
    return route.destination.version == address.version and address in route.destination


def _leaves_by(route: Route, link: Link) -> bool:
    return route.oif == link.ifindex or any(hop.oif == link.ifindex for hop in route.next_hops)
