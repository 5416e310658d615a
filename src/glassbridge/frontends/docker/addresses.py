"""Addresses as Docker writes them: with their prefix, but where it goes without saying."""

from ipaddress import IPv6Interface, ip_interface

from glassbridge.errors import InvalidRequest
from glassbridge.model.address import IPAddress, IPInterface


def parse_interface(text: str, what: str) -> IPInterface:
    """Parse `172.20.0.2/16`; raises InvalidRequest saying what was to be an address."""
    try:
        parsed = ip_interface(text)
    except ValueError:
        raise InvalidRequest(f"bad {what} {text!r}: not an address") from None
    if isinstance(parsed, IPv6Interface) and parsed.scope_id:
        raise InvalidRequest(f"bad {what} {text!r}: an address with a zone")
    return parsed


def parse_address(text: str, what: str) -> IPAddress:
    """Parse `172.20.0.2`; a prefix behind it, as older plugins of Docker's get it, says nothing."""
    return parse_interface(text, what).ip
