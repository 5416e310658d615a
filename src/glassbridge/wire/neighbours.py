"""Requests about neighbours and the FDB of bridges (linux/neighbour.h)."""

from struct import Struct as Layout

from glassbridge.wire.netlink import NLM_F_DUMP, Request, attribute_u32

RTM_GETNEIGH = 30

NDA_MASTER = 9
AF_BRIDGE = 7
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
