"""Addresses as the kernel tells them: RTM_NEWADDR bodies to model values (linux/if_addr.h)."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from glassbridge.model.address import IPAddress, IPInterface
from glassbridge.model.tables import Address, Ifindex
from glassbridge.wire.addresses import IFA_ADDRESS, IFA_BROADCAST, IFA_LOCAL, address_header
from glassbridge.wire.netlink import attributes, number, text

_IFA_LABEL, _IFA_CACHEINFO, _IFA_FLAGS = 3, 6, 8
_FOREVER = 0xFFFFFFFF

SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}

_FLAGS = {
    0x01: "secondary",
    0x02: "nodad",
    0x04: "optimistic",
    0x08: "dadfailed",
    0x10: "home",
    0x20: "deprecated",
    0x40: "tentative",
    0x80: "permanent",
    0x100: "mngtmpaddr",
    0x200: "noprefixroute",
    0x400: "autojoin",
    0x800: "stable-privacy",
}


def decode_address(body: bytes) -> Address:
    """One address of a link."""
    _family, length, few_flags, scope, ifindex = address_header.unpack_from(body)
    found = attributes(body, address_header.size)
    own = found.get(IFA_LOCAL) or found[IFA_ADDRESS]
    far = found.get(IFA_ADDRESS, own)
    flags = number(found[_IFA_FLAGS]) if _IFA_FLAGS in found else few_flags
    # struct ifa_cacheinfo begins: preferred, valid, both in seconds
    valid = number(found.get(_IFA_CACHEINFO, b"\xff" * 8)[4:8])
    return Address(
        ifindex=Ifindex(ifindex),
        interface=_interface(own, length),
        scope=SCOPES.get(scope, str(scope)),
        label=text(found.get(_IFA_LABEL, b"")),
        broadcast=ip_of(found[IFA_BROADCAST]) if IFA_BROADCAST in found else None,
        peer=ip_of(far) if far != own else None,
        flags=tuple(name for bit, name in _FLAGS.items() if flags & bit),
        valid_seconds=None if valid == _FOREVER else valid,
    )


def ip_of(packed: bytes) -> IPAddress:
    """Four or sixteen octets to an address."""
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)  # noqa: PLR2004 - octets


def _interface(packed: bytes, length: int) -> IPInterface:
    if len(packed) == 4:  # noqa: PLR2004 - octets
        return IPv4Interface((packed, length))
    return IPv6Interface((packed, length))
