"""Neighbours and FDB entries as the kernel tells them (linux/neighbour.h)."""

from struct import Struct as Layout

from glassbridge.kernel.addresses import ip_of
from glassbridge.kernel.links import decode_mac
from glassbridge.model.tables import FdbEntry, Ifindex, Neighbour, NeighbourState
from glassbridge.wire.neighbours import NDA_MASTER, neighbour_header
from glassbridge.wire.netlink import attributes, number

_NDA_DST, _NDA_LLADDR, _NDA_CACHEINFO, _NDA_VLAN, _NDA_VNI = 1, 2, 3, 5, 7
_NDA_FLAGS_EXT, _NTF_EXT_LOCKED = 15, 0x02
_NTF_PROXY, _NTF_EXT_LEARNED, _NTF_STICKY, _NTF_ROUTER = 0x08, 0x10, 0x40, 0x80
_NUD_NOARP, _NUD_PERMANENT = 0x40, 0x80
_TICKS_PER_SECOND = 100  # USER_HZ

_STATES = {
    0x00: NeighbourState.NONE,
    0x01: NeighbourState.INCOMPLETE,
    0x02: NeighbourState.REACHABLE,
    0x04: NeighbourState.STALE,
    0x08: NeighbourState.DELAY,
    0x10: NeighbourState.PROBE,
    0x20: NeighbourState.FAILED,
    0x40: NeighbourState.NOARP,
    0x80: NeighbourState.PERMANENT,
}

_FIRST_OCTET = neighbour_header.size + 4
_ONLY_A_MAC = _FIRST_OCTET + 8
"""The size of nlmsg_populate_fdb_fill's message without a VLAN, the MAC padded."""

_ages = Layout("=3I")  # struct nda_cacheinfo begins: confirmed, used, updated, each in ticks ago


def decode_neighbour(body: bytes) -> Neighbour:
    """One entry of the ARP or ND table."""
    _family, ifindex, state, flags, _type = neighbour_header.unpack_from(body)
    found = attributes(body, neighbour_header.size)
    confirmed, used, updated = _read_ages(found)
    return Neighbour(
        ifindex=Ifindex(ifindex),
        address=ip_of(found[_NDA_DST]),
        mac=decode_mac(found.get(_NDA_LLADDR, b"")),
        state=_STATES.get(state, NeighbourState.NONE),
        is_router=bool(flags & _NTF_ROUTER),
        is_proxy=bool(flags & _NTF_PROXY),
        used_seconds=used,
        confirmed_seconds=confirmed,
        updated_seconds=updated,
    )


def is_own_filter(body: bytes) -> bool:
    """Whether it is a group of frames that a link takes for itself: a MAC and nothing else."""
    return len(body) == _ONLY_A_MAC and bool(body[_FIRST_OCTET] & 1)


def decode_fdb_entry(body: bytes) -> FdbEntry | None:
    """One entry of a bridge's, a VXLAN's or a link's own list; None if it is not about Ethernet."""
    _family, ifindex, state, flags, _type = neighbour_header.unpack_from(body)
    found = attributes(body, neighbour_header.size)
    mac = decode_mac(found.get(_NDA_LLADDR, b""))
    if mac is None:
        return None
    _confirmed, used, updated = _read_ages(found)
    bridge = Ifindex(number(found[NDA_MASTER])) if NDA_MASTER in found else None
    return FdbEntry(
        mac=mac,
        ifindex=Ifindex(ifindex),
        bridge=bridge,
        vlan=number(found[_NDA_VLAN]) if _NDA_VLAN in found else None,
        # fdb_to_nud: a bridge says permanent for local, elsewhere it means that it was written
        is_local=bridge is not None and bool(state & _NUD_PERMANENT),
        is_static=bool(state & (_NUD_NOARP if bridge is not None else _NUD_NOARP | _NUD_PERMANENT)),
        is_sticky=bool(flags & _NTF_STICKY),
        is_locked=bool(number(found.get(_NDA_FLAGS_EXT, b"")) & _NTF_EXT_LOCKED),
        is_external=bool(flags & _NTF_EXT_LEARNED),
        destination=ip_of(found[_NDA_DST]) if _NDA_DST in found else None,
        vni=number(found[_NDA_VNI]) if _NDA_VNI in found else None,
        used_seconds=used,
        updated_seconds=updated,
    )


def _read_ages(found: dict[int, bytes]) -> tuple[float, float, float]:
    if _NDA_CACHEINFO not in found:
        return 0.0, 0.0, 0.0
    confirmed, used, updated = _ages.unpack_from(found[_NDA_CACHEINFO])
    return (
        confirmed / _TICKS_PER_SECOND,
        used / _TICKS_PER_SECOND,
        updated / _TICKS_PER_SECOND,
    )
