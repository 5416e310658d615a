"""Requests about links: bridges, veth pairs, bridge ports (linux/if_link.h, linux/if_bridge.h)."""

from struct import Struct as Layout

from glassbridge.wire.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    Request,
    attribute,
    attribute_text,
    attribute_u8,
    attribute_u32,
    nest,
)

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19

IFF_UP, IFF_PROMISC, IFF_ALLMULTI = 0x1, 0x100, 0x200

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_QDISC = 1, 3, 4, 6
IFLA_MASTER, IFLA_TXQLEN, IFLA_LINKINFO, IFLA_NET_NS_FD = 10, 13, 18, 28
IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP, IFLA_EXT_MASK = 20, 26, 27, 29
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED = 4, 33
IFLA_INET6_ADDR_GEN_MODE = 8
IFLA_BR_MULTI_BOOLOPT = 46
VETH_INFO_PEER = 1

_AF_INET6 = 10
_ADDR_GEN_MODE_NONE = 1
_SKIP_STATS = 1 << 3  # RTEXT_FILTER_SKIP_STATS

_NO_LINK_LOCAL_LEARN = Layout("=II").pack(1, 1)  # struct br_boolopt_multi: value, mask of bit 0

link_header = Layout("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change


def create_bridge(ifname: str, mac: bytes, group: int) -> Request:
    """A bridge that is down, its MAC pinned: else it takes the lowest of its ports'.

    It learns nothing from link-local frames (01:80:c2:...): the kernel learns their source ahead
    of every netfilter hook, so that a port could claim a sibling's MAC past the source guard
    (br_handle_local_finish).

    Set the MTU in a later set_link: given here it lasts only until the last port leaves
    (br_mtu_auto_adjust). IFLA_IFALIAS is ignored in a create (rtnl_newlink_create), too.
    """
    return Request(
        RTM_NEWLINK,
        NLM_F_CREATE | NLM_F_EXCL,
        link_header.pack(0, 0, 0, 0, 0)
        + attribute_text(IFLA_IFNAME, ifname)
        + attribute(IFLA_ADDRESS, mac)
        + attribute_u32(IFLA_GROUP, group)
        + nest(
            IFLA_LINKINFO,
            attribute_text(IFLA_INFO_KIND, "bridge"),
            nest(IFLA_INFO_DATA, attribute(IFLA_BR_MULTI_BOOLOPT, _NO_LINK_LOCAL_LEARN)),
        ),
    )


def create_veth(
    host_end: str,
    host_mac: bytes,
    *,
    mtu: int,
    group: int,
    peer_name: str,
    peer_mac: bytes,
    netns: int | None,
) -> Request:
    """A veth pair, both ends down, the peer born in the namespace of descriptor `netns`, or here.

    The peer cannot be created up: veth_open answers ENOTCONN before the pair is joined.
    """
    peer = (
        link_header.pack(0, 0, 0, 0, 0)
        + attribute_text(IFLA_IFNAME, peer_name)
        + attribute(IFLA_ADDRESS, peer_mac)
        + attribute_u32(IFLA_MTU, mtu)
        + (b"" if netns is None else attribute_u32(IFLA_NET_NS_FD, netns))
    )
    return Request(
        RTM_NEWLINK,
        NLM_F_CREATE | NLM_F_EXCL,
        link_header.pack(0, 0, 0, 0, 0)
        + attribute_text(IFLA_IFNAME, host_end)
        + attribute(IFLA_ADDRESS, host_mac)
        + attribute_u32(IFLA_MTU, mtu)
        + attribute_u32(IFLA_GROUP, group)
        + nest(
            IFLA_LINKINFO,
            attribute_text(IFLA_INFO_KIND, "veth"),
            nest(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)),
        ),
    )


def create_ifb(ifname: str, group: int) -> Request:
    """A device that only queues: what is redirected into it comes out again, shaped."""
    return Request(
        RTM_NEWLINK,
        NLM_F_CREATE | NLM_F_EXCL,
        link_header.pack(0, 0, 0, 0, 0)
        + attribute_text(IFLA_IFNAME, ifname)
        + attribute_u32(IFLA_GROUP, group)
        + nest(IFLA_LINKINFO, attribute_text(IFLA_INFO_KIND, "ifb")),
    )


_NO_LINK_LOCAL = nest(
    IFLA_AF_SPEC,
    nest(_AF_INET6, attribute_u8(IFLA_INET6_ADDR_GEN_MODE, _ADDR_GEN_MODE_NONE)),
)


def disable_link_local(link: int | str) -> Request:
    """addr_gen_mode none, before the link goes up.

    A message of its own: in one RTM_SETLINK the kernel applies flags before IFLA_AF_SPEC
    (do_setlink), and the fe80 address with its DAD, MLD and RS frames is out already.
    """
    return Request(RTM_SETLINK, 0, _header(link) + _NO_LINK_LOCAL)


def set_link(
    link: int | str,
    *,
    up: bool | None = None,
    master: int | None = None,
    alias: str | None = None,
    group: int | None = None,
    mtu: int | None = None,
    mac: bytes | None = None,
) -> Request:
    """Change what is given; `master` is the bridge's ifindex, 0 for none."""
    body = _header(link) if up is None else _header(link, IFF_UP if up else 0, IFF_UP)
    if mac is not None:
        body += attribute(IFLA_ADDRESS, mac)
    if mtu is not None:
        body += attribute_u32(IFLA_MTU, mtu)
    if master is not None:
        body += attribute_u32(IFLA_MASTER, master)
    if alias is not None:
        # without the closing zero: the kernel keeps the length as it comes
        body += attribute(IFLA_IFALIAS, alias.encode())
    if group is not None:
        body += attribute_u32(IFLA_GROUP, group)
    return Request(RTM_SETLINK, 0, body)


def tune_link(
    link: int | str,
    *,
    mac: bytes | None = None,
    mtu: int | None = None,
    queue_length: int | None = None,
    promiscuous: bool | None = None,
    all_multicast: bool | None = None,
) -> Request:
    """Change what is given of a link's other settings."""
    wished = {IFF_PROMISC: promiscuous, IFF_ALLMULTI: all_multicast}
    change = sum(bit for bit, on in wished.items() if on is not None)
    body = _header(link, sum(bit for bit, on in wished.items() if on), change)
    if mac is not None:
        body += attribute(IFLA_ADDRESS, mac)
    if mtu is not None:
        body += attribute_u32(IFLA_MTU, mtu)
    if queue_length is not None:
        body += attribute_u32(IFLA_TXQLEN, queue_length)
    return Request(RTM_SETLINK, 0, body)


def set_bridge_port(port: int | str, *, hairpin: bool, isolated: bool) -> Request:
    """Set the flags of a link that is a bridge port already, so in a message after its master's.

    As slave data of RTM_NEWLINK, which finds the port by name; RTM_SETLINK of AF_BRIDGE takes
    an ifindex only.
    """
    slave_data = nest(
        IFLA_INFO_SLAVE_DATA,
        attribute_u8(IFLA_BRPORT_MODE, hairpin),
        attribute_u8(IFLA_BRPORT_ISOLATED, isolated),
    )
    return Request(
        RTM_NEWLINK,
        0,
        _header(port)
        + nest(IFLA_LINKINFO, attribute_text(IFLA_INFO_SLAVE_KIND, "bridge"), slave_data),
    )


def delete_link(link: int | str) -> Request:
    """Delete one link; the kernel answers after an RCU grace period (16 ms)."""
    return Request(RTM_DELLINK, 0, _header(link))


def delete_group(group: int) -> Request:
    """Delete every link of a group, for the price of one grace period."""
    return Request(
        RTM_DELLINK, 0, link_header.pack(0, 0, 0, 0, 0) + attribute_u32(IFLA_GROUP, group)
    )


def get_link(link: int | str) -> Request:
    """Ask for one link."""
    return Request(RTM_GETLINK, 0, _header(link))


def get_link_briefly(link: int | str) -> Request:
    """Ask for one link without its counters, which are most of the work."""
    return Request(RTM_GETLINK, 0, _header(link) + attribute_u32(IFLA_EXT_MASK, _SKIP_STATS))


def dump_links(master: int | None = None) -> Request:
    """Ask for all links, or the ports of one bridge."""
    body = link_header.pack(0, 0, 0, 0, 0)
    if master is not None:
        body += attribute_u32(IFLA_MASTER, master)
    return Request(RTM_GETLINK, NLM_F_DUMP, body)


def dump_links_of_kind(kind: str) -> Request:
    """Ask for all links of a kind (`bridge`): the kernel leaves the others out."""
    wanted = nest(IFLA_LINKINFO, attribute_text(IFLA_INFO_KIND, kind))
    return Request(RTM_GETLINK, NLM_F_DUMP, _header(0) + wanted)


def _header(link: int | str, flags: int = 0, change: int = 0) -> bytes:
    if isinstance(link, int):
        return link_header.pack(0, 0, link, flags, change)
    return link_header.pack(0, 0, 0, flags, change) + attribute_text(IFLA_IFNAME, link)
