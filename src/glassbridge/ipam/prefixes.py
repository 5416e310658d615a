"""Prefixes as people write them: with a length, and nothing behind it."""

from ipaddress import ip_address, ip_network

from glassbridge.errors import InvalidRequest
from glassbridge.model.address import IPNetwork


def parse_prefix(text: str, what: str) -> IPNetwork:
    """Read a prefix; raises InvalidRequest, which says `what` it was to be."""
    shown = repr(text[:80])
    if "/" not in text:
        raise InvalidRequest(
            f"bad {what} {shown}: no prefix length", hint="e.g. 172.20.0.0/16 or fd00:1::/64"
        )
    try:
        loose = ip_network(text, strict=False)
    except ValueError:
        raise InvalidRequest(
            f"bad {what} {shown}: not a network of IPv4 or IPv6",
            hint="e.g. 172.20.0.0/16 or fd00:1::/64",
        ) from None
    if ip_address(text.partition("/")[0]) != loose.network_address:
        raise InvalidRequest(
            f"bad {what} {text}: bits of the host part are set", hint=f"did you mean {loose}?"
        )
    return loose
