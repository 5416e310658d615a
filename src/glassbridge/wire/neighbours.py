"""Requests about neighbours and the FDB of bridges (linux/neighbour.h)."""

from ipaddress import IPv4Address, IPv6Address
from struct import Struct as Layout

from glassbridge.wire.netlink import NLM_F_DUMP, Request, attribute, attribute_u32

RTM_GETNEIGH = 30

NDA_MASTER = 9
_NDA_DST, _NDA_LLADDR = 1, 2
AF_BRIDGE = 7
_AF_INET, _AF_INET6 = 2, 10
_NTF_PROXY = 0x08

neighbour_header = Layout("=BxxxiHBB")  # struct ndmsg: family, ifindex, state, flags, type


def dump_neighbours(family: int, *, proxies: bool = False) -> Request:
    """Ask for the neighbours of one family, or for the addresses that are answered for others."""
    flags = _NTF_PROXY if proxies else 0
    return Request(RTM_GETNEIGH, NLM_F_DUMP, neighbour_header.pack(family, 0, 0, flags, 0))


def dump_fdb(bridge: int | None = None) -> Request:
    """Ask for the FDB entries of one bridge, or of every link that keeps some."""
    body = neighbour_header.pack(AF_BRIDGE, 0, 0, 0, 0)
    if bridge is not None:
        body += attribute_u32(NDA_MASTER, bridge)
    return Request(RTM_GETNEIGH, NLM_F_DUMP, body)


def find_neighbour(ifindex: int, address: IPv4Address | IPv6Address) -> Request:
    """Ask for one neighbour (`ip neigh get`); ENOENT says that there is no entry."""
    family = _AF_INET if address.version == 4 else _AF_INET6  # noqa: PLR2004 - the IP version
    head = neighbour_header.pack(family, ifindex, 0, 0, 0)
    return Request(RTM_GETNEIGH, 0, head + attribute(_NDA_DST, address.packed))


def find_fdb_entry(bridge: int, mac: bytes) -> Request:
    """Ask a bridge behind which port a MAC is (`bridge fdb get`); ENOENT says that it floods."""
    body = neighbour_header.pack(AF_BRIDGE, 0, 0, 0, 0)
    return Request(
        RTM_GETNEIGH, 0, body + attribute(_NDA_LLADDR, mac) + attribute_u32(NDA_MASTER, bridge)
    )
