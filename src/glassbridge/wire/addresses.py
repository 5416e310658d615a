"""Requests about the addresses of links (linux/if_addr.h)."""

from ipaddress import IPv4Interface, IPv6Interface
from struct import Struct as Layout

from glassbridge.wire.netlink import NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, Request, attribute

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22

IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4
IFA_F_NODAD = 0x02

_AF_INET, _AF_INET6 = 2, 10
_LONGEST_WITH_BROADCAST = 30

address_header = Layout("=BBBBI")  # struct ifaddrmsg: family, prefix length, flags, scope, index


def add_address(ifindex: int, address: IPv4Interface | IPv6Interface) -> Request:
    """An address and its connected route; IPv6 without DAD, which would delay its use by 1 s."""
    return Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, _body(ifindex, address))


def remove_address(ifindex: int, address: IPv4Interface | IPv6Interface) -> Request:
    """Take an address away; EADDRNOTAVAIL says that it was not there."""
    return Request(RTM_DELADDR, 0, _body(ifindex, address))


def dump_addresses(family: int = 0, ifindex: int = 0) -> Request:
    """Ask for all addresses, of one family and one link if given."""
    return Request(RTM_GETADDR, NLM_F_DUMP, address_header.pack(family, 0, 0, 0, ifindex))


def _body(ifindex: int, address: IPv4Interface | IPv6Interface) -> bytes:
    length = address.network.prefixlen
    packed = address.ip.packed
    both = attribute(IFA_LOCAL, packed) + attribute(IFA_ADDRESS, packed)
    if isinstance(address, IPv6Interface):
        return address_header.pack(_AF_INET6, length, IFA_F_NODAD, 0, ifindex) + both
    body = address_header.pack(_AF_INET, length, 0, 0, ifindex) + both
    if length <= _LONGEST_WITH_BROADCAST:
        body += attribute(IFA_BROADCAST, address.network.broadcast_address.packed)
    return body
