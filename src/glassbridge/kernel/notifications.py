"""Netlink notifications to model events; what is said twice in one reading is told once.

A burst of attaches brings thousands, so only the last state of each link is decoded, and of it
only what an event has.
"""

from collections.abc import Callable, Iterable

from glassbridge.model.kernel_events import (
    AddressChanged,
    KernelEvent,
    LinkGone,
    LinkNew,
    RouteChanged,
    RulesetChanged,
)
from glassbridge.model.network import Ifname
from glassbridge.model.tables import Ifindex
from glassbridge.wire.addresses import RTM_DELADDR, RTM_NEWADDR, address_header
from glassbridge.wire.links import (
    IFF_UP,
    IFLA_GROUP,
    IFLA_IFNAME,
    IFLA_MASTER,
    RTM_DELLINK,
    RTM_NEWLINK,
    link_header,
)
from glassbridge.wire.netlink import Message, attributes, find_attribute, number, text
from glassbridge.wire.routes import RTM_DELROUTE, RTM_NEWROUTE, route_header

# linux/netfilter/nf_tables.h; every message but NEWGEN begins its attributes with the table's name
_NFT_MSG_NEWGEN = 10 << 8 | 15
_NFTA_TABLE_NAME = 1
_NFTA_GEN_ID, _NFTA_GEN_PROC_NAME = 1, 3
_NFGENMSG_SIZE = 4
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}


def route_events(received: Iterable[Message]) -> list[KernelEvent]:
    """Events of links, then addresses, then routes; each link and its last state once."""
    links: dict[int, Message] = {}
    addresses: set[int] = set()
    routes = False
    for message in received:
        kind = message.message_type
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            # AF_BRIDGE tells of the bridge port, and its RTM_DELLINK only that it was unplugged
            if message.body[0] == 0:
                links[link_header.unpack_from(message.body)[2]] = message
        elif kind in (RTM_NEWADDR, RTM_DELADDR):
            addresses.add(address_header.unpack_from(message.body)[4])
        elif kind in (RTM_NEWROUTE, RTM_DELROUTE):
            # each link that goes up brings ff00::/8: only the way out is of interest
            routes |= route_header.unpack_from(message.body)[1] == 0
    events: list[KernelEvent] = [_link_event(i, m) for i, m in links.items()]
    events += [AddressChanged(Ifindex(i)) for i in addresses]
    return [*events, RouteChanged()] if routes else events


def ruleset_events(
    received: Iterable[Message], is_ours: Callable[[int], bool]
) -> list[RulesetChanged]:
    """One event per transaction that was not ours; `is_ours` knows our sockets by port id."""
    events: list[RulesetChanged] = []
    tables: dict[str, None] = {}
    for message in received:
        if message.message_type != _NFT_MSG_NEWGEN:
            name = find_attribute(message.body, _NFTA_TABLE_NAME, _NFGENMSG_SIZE)
            if name is not None:
                tables[f"{_FAMILIES.get(message.body[0], '?')} {text(name)}"] = None
            continue
        if not is_ours(message.port_id):
            found = attributes(message.body, _NFGENMSG_SIZE)
            events.append(
                RulesetChanged(
                    int.from_bytes(found[_NFTA_GEN_ID]),
                    text(found.get(_NFTA_GEN_PROC_NAME, b"")),
                    tuple(tables),
                )
            )
        tables.clear()
    return events


def _link_event(ifindex: int, message: Message) -> LinkNew | LinkGone:
    body = message.body
    ifname = Ifname(text(find_attribute(body, IFLA_IFNAME, link_header.size) or b""))
    if message.message_type == RTM_DELLINK:
        return LinkGone(Ifindex(ifindex), ifname)
    master = find_attribute(body, IFLA_MASTER, link_header.size)
    group = find_attribute(body, IFLA_GROUP, link_header.size)
    return LinkNew(
        Ifindex(ifindex),
        ifname,
        is_up=bool(link_header.unpack_from(body)[3] & IFF_UP),
        group=number(group or b""),
        master=None if master is None else Ifindex(number(master)),
    )
