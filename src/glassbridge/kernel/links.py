"""Links as the kernel tells them: RTM_NEWLINK bodies to model values (linux/if_link.h)."""

from collections.abc import Iterator
from struct import Struct as Layout
from typing import NamedTuple

from glassbridge.model.address import Mac, format_mac
from glassbridge.model.network import Ifname
from glassbridge.model.tables import Ifindex
from glassbridge.model.topology import (
    AddrGenMode,
    Bridge,
    BridgePort,
    Counters,
    Link,
    Operstate,
    PortState,
)
from glassbridge.wire.alike import Attributes
from glassbridge.wire.links import (
    IFLA_ADDRESS,
    IFLA_AF_SPEC,
    IFLA_BRPORT_ISOLATED,
    IFLA_BRPORT_MODE,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INET6_ADDR_GEN_MODE,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_DATA,
    IFLA_INFO_SLAVE_KIND,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    link_header,
)
from glassbridge.wire.netlink import (
    attribute_list,
    attributes,
    find_attribute,
    number,
    signed,
    text,
)

_IFLA_LINK, _IFLA_QDISC, _IFLA_OPERSTATE, _IFLA_STATS64 = 5, 6, 16, 23
_IFLA_LINK_NETNSID, _IFLA_XDP, _IFLA_XDP_ATTACHED = 37, 43, 2
_IFLA_PROP_LIST, _IFLA_ALT_IFNAME = 52, 53
_AF_INET6 = 10

_BR_FORWARD_DELAY, _BR_AGEING_TIME, _BR_STP_STATE, _BR_VLAN_FILTERING = 1, 4, 5, 7
_BR_GROUP_FWD_MASK, _BR_MCAST_SNOOPING = 9, 23
_BR_NF_CALL_IPTABLES, _BR_NF_CALL_IP6TABLES, _BR_NF_CALL_ARPTABLES = 36, 37, 38

_PORT_STATE, _PORT_PRIORITY, _PORT_COST, _PORT_GUARD, _PORT_NUMBER = 1, 2, 3, 5, 18
_PORT_LEARNING, _PORT_FLOOD, _PORT_MCAST_FLOOD, _PORT_BCAST_FLOOD = 8, 9, 27, 30
_PORT_PROXYARP, _PORT_PROXYARP_WIFI, _PORT_NEIGH_SUPPRESS, _PORT_LOCKED = 10, 12, 32, 39

_OFF = b"\0"

_MAC_SIZE = 6
_TICKS_PER_SECOND = 100  # USER_HZ, on every architecture that Linux still runs on
_OPERSTATES = tuple(Operstate)
_ADDR_GEN_MODES = tuple(AddrGenMode)
_PORT_STATES = tuple(PortState)

_link_attributes = Attributes(
    link_header.size,
    {
        *(IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO, IFLA_IFALIAS),
        *(IFLA_AF_SPEC, IFLA_GROUP, _IFLA_LINK, _IFLA_QDISC, _IFLA_OPERSTATE, _IFLA_STATS64),
        *(_IFLA_LINK_NETNSID, _IFLA_XDP, _IFLA_PROP_LIST),
    },
)
_port_attributes = Attributes(
    0,
    {
        *(_PORT_NUMBER, _PORT_STATE, IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED, _PORT_LOCKED),
        *(_PORT_LEARNING, _PORT_FLOOD, _PORT_MCAST_FLOOD, _PORT_BCAST_FLOOD, _PORT_GUARD),
        *(_PORT_NEIGH_SUPPRESS, _PORT_PROXYARP, _PORT_PROXYARP_WIFI, _PORT_COST, _PORT_PRIORITY),
    },
)

# struct rtnl_link_stats64 begins: rx_packets, tx_packets, rx_bytes, tx_bytes,
# rx_errors, tx_errors, rx_dropped, tx_dropped
_counters = Layout("=8Q")


def decode_link(body: bytes) -> Link:
    """One link."""
    _family, _type, ifindex, flags, _change = link_header.unpack_from(body)
    found = _link_attributes(body)
    info = attributes(found.get(IFLA_LINKINFO, b""))
    kind = text(info.get(IFLA_INFO_KIND, b""))
    lower = number(found.get(_IFLA_LINK, b"")) or None
    is_pair = kind == "veth"
    return Link(
        ifindex=Ifindex(ifindex),
        ifname=Ifname(text(found[IFLA_IFNAME])),
        kind=kind,
        flags=flags,
        operstate=_OPERSTATES[number(found.get(_IFLA_OPERSTATE, b""))],
        mac=decode_mac(found.get(IFLA_ADDRESS, b"")),
        mtu=number(found.get(IFLA_MTU, b"")),
        group=number(found.get(IFLA_GROUP, b"")),
        alias=text(found.get(IFLA_IFALIAS, b"")),
        altnames=tuple(_altnames(found.get(_IFLA_PROP_LIST, b""))),
        master=_index(found.get(IFLA_MASTER)),
        peer=Ifindex(lower) if lower and is_pair else None,
        parent=Ifindex(lower) if lower and not is_pair else None,
        link_nsid=signed(found[_IFLA_LINK_NETNSID]) if _IFLA_LINK_NETNSID in found else None,
        addr_gen_mode=_addr_gen_mode(found.get(IFLA_AF_SPEC, b"")),
        qdisc=text(found.get(_IFLA_QDISC, b"")),
        has_xdp=bool(number(find_attribute(found.get(_IFLA_XDP, b""), _IFLA_XDP_ATTACHED) or b"")),
        counters=_decode_counters(found.get(_IFLA_STATS64)),
        bridge=_decode_bridge(info[IFLA_INFO_DATA]) if kind == "bridge" else None,
        port=_decode_port(info) if IFLA_INFO_SLAVE_KIND in info else None,
    )


class Member(NamedTuple):
    """A link of a group, as far as its owner is asked for."""

    ifindex: Ifindex
    ifname: Ifname
    alias: str


def decode_member(body: bytes) -> Member:
    """What Member holds, of one among a thousand: the rest of it would cost three times as much."""
    start = link_header.size
    _family, _type, ifindex, _flags, _change = link_header.unpack_from(body)
    return Member(
        ifindex=Ifindex(ifindex),
        ifname=Ifname(text(find_attribute(body, IFLA_IFNAME, start) or b"")),
        alias=text(find_attribute(body, IFLA_IFALIAS, start) or b""),
    )


def decode_mac(octets: bytes) -> Mac | None:
    """A hardware address, if it is an Ethernet one."""
    return format_mac(octets) if len(octets) == _MAC_SIZE else None


def _index(payload: bytes | None) -> Ifindex | None:
    return Ifindex(number(payload)) if payload else None


def _altnames(properties: bytes) -> Iterator[Ifname]:
    for kind, payload in attribute_list(properties):
        if kind == _IFLA_ALT_IFNAME:
            yield Ifname(text(payload))


def _addr_gen_mode(specification: bytes) -> AddrGenMode | None:
    ipv6 = find_attribute(specification, _AF_INET6) or b""
    mode = find_attribute(ipv6, IFLA_INET6_ADDR_GEN_MODE)
    return None if mode is None else _ADDR_GEN_MODES[number(mode)]


def _decode_counters(payload: bytes | None) -> Counters:
    if payload is None:
        return Counters()
    rx, tx, rx_bytes, tx_bytes, rx_bad, tx_bad, rx_lost, tx_lost = _counters.unpack_from(payload)
    return Counters(
        rx_packets=rx,
        tx_packets=tx,
        rx_bytes=rx_bytes,
        tx_bytes=tx_bytes,
        rx_errors=rx_bad,
        tx_errors=tx_bad,
        rx_dropped=rx_lost,
        tx_dropped=tx_lost,
    )


def _decode_bridge(data: bytes) -> Bridge:
    found = attributes(data)

    def value(kind: int) -> int:
        return number(found.get(kind, b""))

    return Bridge(
        stp=bool(value(_BR_STP_STATE)),
        forward_delay_seconds=value(_BR_FORWARD_DELAY) / _TICKS_PER_SECOND,
        ageing_seconds=value(_BR_AGEING_TIME) / _TICKS_PER_SECOND,
        vlan_filtering=bool(value(_BR_VLAN_FILTERING)),
        multicast_snooping=bool(value(_BR_MCAST_SNOOPING)),
        nf_call_iptables=bool(value(_BR_NF_CALL_IPTABLES)),
        nf_call_ip6tables=bool(value(_BR_NF_CALL_IP6TABLES)),
        nf_call_arptables=bool(value(_BR_NF_CALL_ARPTABLES)),
        group_forward_mask=value(_BR_GROUP_FWD_MASK),
    )


def _decode_port(info: dict[int, bytes]) -> BridgePort | None:
    if text(info[IFLA_INFO_SLAVE_KIND]) != "bridge":
        return None
    found = _port_attributes(info[IFLA_INFO_SLAVE_DATA])
    on = {kind for kind, value in found.items() if value != _OFF}
    return BridgePort(
        number=number(found[_PORT_NUMBER]),
        state=_PORT_STATES[number(found[_PORT_STATE])],
        hairpin=IFLA_BRPORT_MODE in on,
        isolated=IFLA_BRPORT_ISOLATED in on,
        locked=_PORT_LOCKED in on,
        learning=_PORT_LEARNING in on,
        flood=_PORT_FLOOD in on,
        multicast_flood=_PORT_MCAST_FLOOD in on,
        broadcast_flood=_PORT_BCAST_FLOOD in on,
        guard=_PORT_GUARD in on,
        neigh_suppress=_PORT_NEIGH_SUPPRESS in on,
        proxy_arp=_PORT_PROXYARP in on,
        proxy_arp_wifi=_PORT_PROXYARP_WIFI in on,
        cost=number(found[_PORT_COST]),
        priority=number(found[_PORT_PRIORITY]),
    )
