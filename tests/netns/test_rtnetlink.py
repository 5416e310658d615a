"""kernel.rtnetlink with our requests, read back by `ip -j`."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface
from typing import Any

import pytest

from glassbridge.errors import KernelRefused, NotFound
from glassbridge.kernel.netns import open_netns
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.wire import addresses, links, neighbours, routes
from glassbridge.wire.netlink import NLM_F_DUMP_INTR, Message, Refusal
from glassbridge.wire.routes import RouteKey

MakeNetns = Callable[[str], str]

EVERYWHERE = IPv4Network("0.0.0.0/0")
GROUP = 0x6C617373
MAC = bytes.fromhex("0242ac110002")


def ip(*arguments: str, netns: str = "") -> Any:
    where = ["-n", netns] if netns else []
    command = ["ip", *where, "-j", "-d", *arguments]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return json.loads(printed or "[]")


@pytest.fixture
def route(fresh_host: None) -> Iterator[RouteSocket]:
    with RouteSocket() as socket:
        yield socket


def test_a_bridge_keeps_its_mac_mtu_group_and_alias(route: RouteSocket) -> None:
    answers = route.send_batch(
        [
            links.create_bridge("gb0", MAC, GROUP),
            links.disable_link_local("gb0"),
            links.set_link("gb0", mtu=9000, alias="glassbridge:bridge", up=True),
            links.create_bridge("other", MAC[::-1], 0),
        ]
    )
    assert answers == [None] * 4
    subprocess.run(["ip", "link", "add", "p0", "type", "veth", "peer", "p1"], check=True)
    route.request(links.set_link("p0", master=route.ifindex("gb0")), "plug p0")
    route.request(links.delete_link("p0"), "delete p0")
    (bridge,) = ip("link", "show", "gb0")
    assert bridge["address"] == "02:42:ac:11:00:02"
    assert bridge["mtu"] == 9000, "must outlive the last port"
    assert bridge["group"] == str(GROUP)
    assert bridge["ifalias"] == "glassbridge:bridge"
    assert "UP" in bridge["flags"]
    assert bridge["inet6_addr_gen_mode"] == "none"
    assert ip("-6", "addr", "show", "dev", "gb0") == []


def test_an_attach_in_two_sends(route: RouteSocket, make_netns: MakeNetns) -> None:
    box = open_netns(make_netns("box"))
    route.send_batch([links.create_bridge("gb0", MAC, GROUP), links.set_link("gb0", up=True)])
    answers = route.send_batch(
        [
            links.create_veth(
                "vethabcdef0",
                bytes.fromhex("0a42ac110002"),
                mtu=1400,
                group=GROUP,
                peer_name="eth0",
                peer_mac=MAC,
                netns=box,
            ),
            links.disable_link_local("vethabcdef0"),
            links.set_link(
                "vethabcdef0", up=True, master=route.ifindex("gb0"), alias="glassbridge:e1"
            ),
            links.set_bridge_port("vethabcdef0", hairpin=True, isolated=True),
        ]
    )
    assert answers == [None] * 4
    with RouteSocket(box) as sandbox:
        eth0 = sandbox.ifindex("eth0")
        assert (
            sandbox.send_batch(
                [
                    links.disable_link_local(eth0),
                    links.set_link(eth0, up=True),
                    addresses.add_address(eth0, IPv4Interface("172.17.0.2/16")),
                    addresses.add_address(eth0, IPv6Interface("fd00::2/64")),
                    routes.add_route(RouteKey(EVERYWHERE, IPv4Address("172.17.0.1"), eth0)),
                    routes.add_route(RouteKey(IPv4Network("10.9.0.0/16"), oif=eth0)),
                ]
            )
            == [None] * 6
        )
    os.close(box)
    (host_end,) = ip("link", "show", "vethabcdef0")
    assert host_end["master"] == "gb0"
    assert host_end["ifalias"] == "glassbridge:e1"
    assert host_end["address"] == "0a:42:ac:11:00:02"
    port = host_end["linkinfo"]["info_slave_data"]
    assert (port["hairpin"], port["isolated"], port["state"]) == (True, True, "forwarding")
    (eth,) = ip("addr", "show", "eth0", netns="box")
    assert (eth["address"], eth["mtu"], eth["operstate"]) == ("02:42:ac:11:00:02", 1400, "UP")
    found = {a["local"]: a for a in eth["addr_info"]}
    assert set(found) == {"172.17.0.2", "fd00::2"}, "no link-local address"
    assert found["172.17.0.2"]["broadcast"] == "172.17.255.255"
    assert "tentative" not in found["fd00::2"]
    got = {r["dst"]: r for r in ip("route", netns="box")}
    assert got["default"]["gateway"] == "172.17.0.1"
    assert got["10.9.0.0/16"]["scope"] == "link"


def test_the_kernel_goes_on_after_a_refused_message(route: RouteSocket) -> None:
    answers = route.send_batch(
        [
            links.create_bridge("gb0", MAC, 0),
            links.create_bridge("gb0", MAC, 0),
            links.set_link("absent", up=True),
            links.set_link("gb0", up=True),
        ]
    )
    assert answers[0] is None
    assert answers[1] is not None
    assert answers[1].errno == 17
    assert answers[2] is not None
    assert answers[2].errno == 19
    assert answers[3] is None
    assert "UP" in ip("link", "show", "gb0")[0]["flags"]


def test_the_kernels_own_words_are_kept(route: RouteSocket) -> None:
    lo = route.ifindex("lo")
    request = routes.add_route(RouteKey(EVERYWHERE, IPv4Address("203.0.113.1"), lo))
    with pytest.raises(KernelRefused, match="add a route: Nexthop has invalid gateway") as caught:
        route.request(request, "add a route")
    assert caught.value.errno == 101


def test_a_thousand_refusals_do_not_overrun_the_socket(route: RouteSocket) -> None:
    answers = route.send_batch([links.set_link(f"absent{n}", up=True) for n in range(1000)])
    assert [a.errno for a in answers if a is not None] == [19] * 1000


def test_a_thousand_links_come_and_go_in_one_batch(route: RouteSocket) -> None:
    many = [links.create_bridge(f"b{n}", b"\x02\0\0\0" + n.to_bytes(2), 77) for n in range(300)]
    assert route.send_batch(many) == [None] * 300
    assert len(route.dump(links.dump_links(), "read links")) == 301
    route.request(links.delete_group(77), "delete group 77")
    assert len(route.dump(links.dump_links(), "read links")) == 1


def test_addresses_and_routes_are_removed_again(route: RouteSocket) -> None:
    lo = route.ifindex("lo")
    address = IPv4Interface("198.51.100.1/24")
    way = RouteKey(IPv4Network("203.0.113.0/24"), IPv4Address("198.51.100.9"), lo)
    batch = [
        addresses.add_address(lo, address),
        routes.add_route(way),
        routes.remove_route(way),
        routes.remove_route(way),
        addresses.remove_address(lo, address),
        addresses.remove_address(lo, address),
    ]
    answers = route.send_batch(batch)
    assert [a and a.errno for a in answers] == [None, None, None, 3, None, 99]


def test_get_tells_a_link_or_why_not(route: RouteSocket) -> None:
    body = route.get(links.get_link("lo"))
    assert isinstance(body, bytes)
    assert links.link_header.unpack_from(body)[2] == route.ifindex("lo") == 1
    assert route.get(links.get_link("absent")) == Refusal(19, "")


@pytest.mark.parametrize("ifname", ["absent", "lo" * 8, ""])
def test_no_such_link(route: RouteSocket, ifname: str) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        route.ifindex(ifname)


def test_an_answer_of_an_exchange_that_broke_off_is_not_taken_for_ours(
    route: RouteSocket,
) -> None:
    route._send([links.set_link("absent", up=True)])  # noqa: SLF001 - nobody reads its answer
    assert route.send_batch([links.set_link("lo", up=True)]) == [None]


def test_a_list_that_changes_while_it_is_read_is_read_again(
    route: RouteSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = route._receive  # noqa: SLF001 - the kernel's part
    readings: list[int] = []
    undisturbed_from = 3

    def disturbed(first: int, count: int) -> list[Message]:
        if first not in readings:
            readings.append(first)
        torn = NLM_F_DUMP_INTR if len(readings) < undisturbed_from else 0
        return [m._replace(flags=m.flags | torn) for m in receive(first, count)]

    monkeypatch.setattr(route, "_receive", disturbed)
    assert len(route.dump(links.dump_links(), "list links")) == 1
    assert len(readings) == 3
    readings.clear()
    assert len(route.dump(links.dump_links(), "list links", torn=True)) == 1
    assert len(readings) == 2, "good enough"
    readings.clear()
    undisturbed_from = 100
    with pytest.raises(KernelRefused, match="list links: the list kept changing"):
        route.dump(links.dump_links(), "list links")


def test_a_refused_dump_is_told(route: RouteSocket) -> None:
    with pytest.raises(KernelRefused, match="list the FDB of 99: No such device"):
        route.dump(neighbours.dump_fdb(99), "list the FDB of 99")


def test_an_answer_that_was_lost_does_not_hang(route: RouteSocket) -> None:
    route._send([links.set_link("lo", up=True)])  # noqa: SLF001 - nobody reads its answer
    route._receive(1, 1)  # noqa: SLF001 - same
    with pytest.raises(KernelRefused, match="it was lost"):
        route._receive(1, 1)  # noqa: SLF001 - same
