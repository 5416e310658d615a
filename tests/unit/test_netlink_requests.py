"""The requests of wire.links, addresses, routes, neighbours, read by pyroute2's own codec."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from glassbridge.wire import addresses, links, neighbours, routes
from glassbridge.wire.netlink import Request, encode

MAC = b"\x02\x42\xac\x11\x00\x02"
TEXT_MAC = "02:42:ac:11:00:02"

ifindexes = st.integers(1, 2**31 - 1)
ifnames = st.from_regex(r"[a-z][a-z0-9.-]{0,14}", fullmatch=True)


def read(kind: Any, request: Request) -> Any:
    message = kind(encode([request], 1))
    message.decode()
    assert message["header"]["type"] == request.message_type
    assert message["header"]["flags"] == request.flags | 5
    return message


def dig(message: Any, *path: str) -> Any:
    for name in path:
        message = message.get_attr(name)
    return message


@given(ifnames, st.integers(0, 2**32 - 1))
def test_create_bridge(ifname: str, group: int) -> None:
    request = links.create_bridge(ifname, MAC, group)
    message = read(ifinfmsg, request)
    assert message.get_attr("IFLA_IFNAME") == ifname
    assert message.get_attr("IFLA_ADDRESS") == TEXT_MAC
    assert message.get_attr("IFLA_GROUP") == group
    assert dig(message, "IFLA_LINKINFO", "IFLA_INFO_KIND") == "bridge"
    assert request.flags == 0x600


@given(ifnames, ifnames, st.integers(68, 65535), st.integers(3, 1000))
def test_create_veth(host_end: str, peer_name: str, mtu: int, netns: int) -> None:
    message = read(
        ifinfmsg,
        links.create_veth(
            host_end,
            MAC[::-1],
            mtu=mtu,
            group=7,
            peer_name=peer_name,
            peer_mac=MAC,
            netns=netns,
        ),
    )
    assert message.get_attr("IFLA_IFNAME") == host_end
    assert message.get_attr("IFLA_ADDRESS") == "02:00:11:ac:42:02"
    assert message.get_attr("IFLA_MTU") == mtu
    assert message["flags"] == 0
    peer = dig(message, "IFLA_LINKINFO", "IFLA_INFO_DATA", "VETH_INFO_PEER")
    assert peer.get_attr("IFLA_IFNAME") == peer_name
    assert peer.get_attr("IFLA_ADDRESS") == TEXT_MAC
    assert peer.get_attr("IFLA_MTU") == mtu
    assert peer.get_attr("IFLA_NET_NS_FD") == netns
    assert peer["flags"] == 0


@given(st.one_of(ifnames, ifindexes))
def test_disable_link_local_carries_nothing_else(link: int | str) -> None:
    message = read(ifinfmsg, links.disable_link_local(link))
    if isinstance(link, int):
        assert message["index"] == link
    else:
        assert message.get_attr("IFLA_IFNAME") == link
    assert dig(message, "IFLA_AF_SPEC", "AF_INET6", "IFLA_INET6_ADDR_GEN_MODE") == 1
    assert message["change"] == 0


@given(
    st.one_of(ifnames, ifindexes),
    st.none() | st.booleans(),
    st.none() | st.integers(0, 2**31 - 1),
    st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
)
def test_set_link_says_what_is_given_and_no_more(
    link: int | str, up: bool | None, master: int | None, alias: str | None
) -> None:
    message = read(ifinfmsg, links.set_link(link, up=up, master=master, alias=alias))
    assert message["change"] == (0 if up is None else 1)
    assert message["flags"] == (1 if up else 0)
    assert message.get_attr("IFLA_MASTER") == master
    assert message.get_attr("IFLA_IFALIAS") == alias
    assert message.get_attr("IFLA_GROUP") is None
    assert message.get_attr("IFLA_MTU") is None


@pytest.mark.parametrize("hairpin", [False, True])
@pytest.mark.parametrize("isolated", [False, True])
def test_set_bridge_port(hairpin: bool, isolated: bool) -> None:
    message = read(ifinfmsg, links.set_bridge_port(5, hairpin=hairpin, isolated=isolated))
    info = message.get_attr("IFLA_LINKINFO")
    assert info.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge"
    data = info.get_attr("IFLA_INFO_SLAVE_DATA")
    assert data.get_attr("IFLA_BRPORT_MODE") == hairpin
    assert data.get_attr("IFLA_BRPORT_ISOLATED") == isolated


def test_deletions_name_one_link_or_one_group() -> None:
    one = read(ifinfmsg, links.delete_link("veth1"))
    assert (one["index"], one.get_attr("IFLA_IFNAME")) == (0, "veth1")
    assert one.get_attr("IFLA_GROUP") is None
    group = read(ifinfmsg, links.delete_group(0x6C617375))
    assert (group["index"], group.get_attr("IFLA_IFNAME")) == (0, None)
    assert group.get_attr("IFLA_GROUP") == 0x6C617375


@given(ifindexes, st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_add_ipv4_address(ifindex: int, number: int, length: int) -> None:
    address = IPv4Interface((number, length))
    message = read(ifaddrmsg, addresses.add_address(ifindex, address))
    assert (message["family"], message["prefixlen"], message["index"]) == (2, length, ifindex)
    assert message.get_attr("IFA_LOCAL") == message.get_attr("IFA_ADDRESS") == str(address.ip)
    broadcast = str(address.network.broadcast_address) if length < 31 else None
    assert message.get_attr("IFA_BROADCAST") == broadcast


@given(ifindexes, st.integers(0, 2**128 - 1), st.integers(0, 128))
def test_add_ipv6_address_without_duplicate_address_detection(
    ifindex: int, number: int, length: int
) -> None:
    address = IPv6Interface((number, length))
    message = read(ifaddrmsg, addresses.add_address(ifindex, address))
    assert (message["family"], message["prefixlen"], message["index"]) == (10, length, ifindex)
    assert IPv6Address(message.get_attr("IFA_LOCAL")) == address.ip
    assert message["flags"] == 0x02


def test_default_route() -> None:
    default = routes.RouteKey(IPv4Network("0.0.0.0/0"), IPv4Address("172.17.0.1"), oif=9)
    message = read(rtmsg, routes.add_route(default))
    assert (message["family"], message["dst_len"], message["table"]) == (2, 0, 254)
    assert (message["scope"], message["type"], message["flags"]) == (0, 1, 0)
    assert message.get_attr("RTA_GATEWAY") == "172.17.0.1"
    assert message.get_attr("RTA_OIF") == 9


def test_a_route_to_a_prefix_is_added_and_removed_by_the_same_key() -> None:
    gateway = IPv4Address("192.0.2.1")
    key = routes.RouteKey(IPv4Network("10.1.0.0/16"), gateway, oif=3, metric=50, kind=1, table=1000)
    for request in (routes.add_route(key), routes.remove_route(key)):
        message = read(rtmsg, request)
        assert message.get_attr("RTA_DST") == "10.1.0.0"
        assert (message["dst_len"], message["type"], message["table"]) == (16, 1, 252)
        assert message.get_attr("RTA_GATEWAY") == "192.0.2.1"
        assert message.get_attr("RTA_OIF") == 3
        assert message.get_attr("RTA_PRIORITY") == 50
        assert message.get_attr("RTA_TABLE") == 1000


def test_dumps_ask_for_one_bridge() -> None:
    assert read(ndmsg, neighbours.dump_fdb(12)).get_attr("NDA_MASTER") == 12
    assert read(ndmsg, neighbours.dump_fdb())["family"] == 7
    assert read(ifinfmsg, links.dump_links(master=4)).get_attr("IFLA_MASTER") == 4
