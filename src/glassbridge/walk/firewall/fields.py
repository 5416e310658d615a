"""Fields of a packet by their names in nft: what each shows at a hook."""

from collections.abc import Callable
from typing import Final

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet
from glassbridge.walk.firewall.address_types import address_type, reverse_path
from glassbridge.walk.firewall.header_fields import (
    HEADER_FIELDS,
    OWN_PACKETS,
    address_of,
    destination,
    source,
)
from glassbridge.walk.firewall.link_fields import LINK_FIELDS
from glassbridge.walk.firewall.sight import Lack, Reader, Reading, Shown, Sight, numbered
from glassbridge.walk.firewall.tracked_fields import TRACKED_FIELDS


def read(field: str, sight: Sight) -> Reading:
    """What a field shows; one that is not known here is UNKNOWN."""
    reader = FIELDS.get(field)
    if sight.call.arp_operation and reader is not None:
        reader = ARP_FIELDS.get(field, _absent)
    return Lack.UNKNOWN if reader is None else reader(sight)


def _owner(sight: Sight) -> Reading:
    """Of the sending socket, which only packets of one's own have."""
    is_own = sight.call.hook in OWN_PACKETS and sight.call.iif is None
    return Lack.UNKNOWN if is_own else Lack.ABSENT


def _fib_type(of: Callable[[Packet], IPAddress], link: str = "") -> Reader:
    def reader(sight: Sight) -> Reading:
        on = {"iif": sight.call.iif, "oif": sight.call.oif}.get(link)
        return Shown((address_type(sight.namespace.stack, of(sight.packet), on),))

    return reader


def _reverse_path(sight: Sight) -> Reading:
    way = reverse_path(sight.namespace.stack, sight.packet.source, sight.call.iif)
    if way is None:
        return Lack.UNKNOWN
    return Shown((way,) if way == "missing" else (way, "exists"))


def _absent(_: Sight) -> Reading:
    return Lack.ABSENT


FIELDS: Final[dict[str, Reader]] = {
    **HEADER_FIELDS,
    **LINK_FIELDS,
    **TRACKED_FIELDS,
    "meta skuid": _owner,
    "meta skgid": _owner,
    "meta cgroup": _owner,
    "fib saddr type": _fib_type(source),
    "fib daddr type": _fib_type(destination),
    "fib saddr . iif type": _fib_type(source, "iif"),
    "fib daddr . iif type": _fib_type(destination, "iif"),
    "fib saddr . oif type": _fib_type(source, "oif"),
    "fib daddr . oif type": _fib_type(destination, "oif"),
    "fib saddr . iif oif": _reverse_path,
    "fib saddr . mark . iif oif": _reverse_path,
    "arp operation": _absent,
    "arp saddr ether": _absent,
    "arp saddr ip": _absent,
    "arp daddr ether": _absent,
    "arp daddr ip": _absent,
    "vlan id": _absent,
    "sctp sport": _absent,
    "sctp dport": _absent,
}

ARP_FIELDS: Final[dict[str, Reader]] = {
    **LINK_FIELDS,
    **{
        field: FIELDS[field]
        for field in ("ether saddr", "ether daddr", "meta mark", "meta nfproto")
    },
    "ether type": numbered("ether type", lambda _: 0x0806),
    "meta protocol": numbered("meta protocol", lambda _: 0x0806),
    "meta pkttype": numbered("meta pkttype", lambda s: int(s.call.arp_operation == 1)),
    "arp operation": numbered("arp operation", lambda s: s.call.arp_operation),
    "arp saddr ip": address_of(source),
    "arp daddr ip": address_of(destination),
    "arp saddr ether": FIELDS["ether saddr"],
}
"""What an ARP packet shows; it has nothing else that a rule could match."""
