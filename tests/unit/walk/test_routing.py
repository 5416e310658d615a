"""Routing lookups against an oracle that tries everything, and rule by rule."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.walk.topologies import Box, World

from glassbridge.model.tables import Ifindex, NextHop, Route
from glassbridge.walk.path.routing import Chosen, Flow, look_up
from glassbridge.walk.path.source_address import source_for
from glassbridge.walk.path.traveller import Unclear


def router() -> Box:
    box = World().netns("host")
    for name, address in (("a", "10.0.0.1/24"), ("b", "10.0.1.1/24"), ("c", "10.0.2.1/24")):
        box.link(name)
        box.address(name, address)
    return box


def chosen(box: Box, to: str, **flow: Any) -> Chosen:
    return look_up(box.namespace().stack, Flow(destination=ip_address(to), **flow))


@given(
    routes=st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1),
            st.integers(0, 32),
            st.integers(0, 3),
            st.sampled_from(["unicast", "blackhole", "unreachable", "throw"]),
        ),
        max_size=12,
    ),
    low_bits=st.integers(0, 2**12 - 1),
)
def test_the_longest_prefix_wins_then_the_lowest_metric(
    routes: list[tuple[int, int, int, str]], low_bits: int
) -> None:
    """Prefixes are drawn near each other, so that many of them hold the destination."""
    destination = IPv4Address(0x0B000000 + low_bits)
    box = World().netns("host")
    link = box.link("a")
    for base, length, metric, kind in routes:
        near = IPv4Address(0x0B000000 + base % 2**12)
        oif = link.ifindex if kind == "unicast" else None
        box.routes.append(
            Route(
                destination=IPv4Network((near, length), strict=False),
                metric=metric,
                type=kind,
                oif=oif,
            )
        )
    found = look_up(box.namespace().stack, Flow(destination=destination))
    fitting = [r for r in box.routes if destination in r.destination]
    best = sorted(fitting, key=lambda r: (-r.destination.prefixlen, r.metric))[:1]
    expected = [r for r in best if r.type != "throw"]
    assert [found.route] == expected if expected else found.route is None


def test_what_is_its_own_comes_first() -> None:
    box = router()
    box.route("10.0.0.1/32", dev="b")
    assert chosen(box, "10.0.0.1").type == "local"


def test_a_rule_for_marked_packets() -> None:
    box = router()
    box.route("0.0.0.0/0", via="10.0.0.9")
    box.route("0.0.0.0/0", via="10.0.1.9", table=7)
    box.rule(4, 100, mark=0x10, mark_mask=0xF0, table=7)
    assert chosen(box, "8.8.8.8").gateway == ip_address("10.0.0.9")
    assert chosen(box, "8.8.8.8", mark=0x1F).gateway == ip_address("10.0.1.9")
    assert chosen(box, "8.8.8.8", mark=0x2F).gateway == ip_address("10.0.0.9")


@pytest.mark.parametrize(
    ("condition", "flow", "holds"),
    [
        ({"iif": "a"}, {"iif": "a"}, True),
        ({"iif": "a"}, {}, False),
        ({"iif": "lo"}, {}, True),
        ({"oif": "a"}, {}, False),
        ({"iif": "a", "invert": True}, {}, True),
        ({"source": ip_network("10.0.0.0/24")}, {"source": ip_address("10.0.0.7")}, True),
        ({"source": ip_network("10.0.0.0/24")}, {}, False),
        ({"destination": ip_network("8.0.0.0/8")}, {}, True),
        ({"ip_protocol": 6}, {"protocol": 17}, False),
        ({"destination_ports": (80, 90)}, {"ports": (0, 85)}, True),
        ({"destination_ports": (80, 90)}, {"ports": (0, 91)}, False),
        ({"destination_ports": (80, 90)}, {}, False),
        ({"uids": (1000, 2000)}, {}, False),
        ({"tos": 0x10}, {}, False),
        ({"l3mdev": True}, {}, False),
    ],
)
def test_conditions_of_rules(
    condition: dict[str, object], flow: dict[str, object], *, holds: bool
) -> None:
    box = router()
    box.rule(4, 100, action="blackhole", **condition)
    found = chosen(box, "8.8.8.8", **flow)
    assert (found.refusal == "blackhole") is holds


def test_goto_suppression_and_the_end_of_all_rules() -> None:
    box = router()
    box.route("default", via="10.0.0.9")
    box.rule(4, 10, table=254, suppress_prefix_length=0)
    box.rule(4, 11, action="goto", goto=40000)
    box.rule(4, 12, action="blackhole")
    assert chosen(box, "10.0.1.7").oif is not None
    assert chosen(box, "8.8.8.8").refusal == "none"


def test_several_ways_are_counted_and_those_that_are_down_left_out() -> None:
    box = router()
    hops = [
        NextHop(gateway=ip_address(f"10.0.{n}.9"), oif=box.find(name).ifindex)
        for n, name in enumerate("abc")
    ]
    box.routes.append(Route(destination=ip_network("8.0.0.0/8"), next_hops=tuple(hops)))
    box.change("a", flags=0)
    found = chosen(box, "8.8.8.8")
    assert (found.gateway, found.other_ways) == (ip_address("10.0.1.9"), 1)


def test_a_nexthop_object_cannot_be_resolved() -> None:
    box = router()
    box.routes.append(Route(destination=ip_network("8.0.0.0/8"), nexthop_id=7))
    with pytest.raises(Unclear, match="nexthop object 7"):
        chosen(box, "8.8.8.8")


def test_a_port_that_is_not_chosen_yet() -> None:
    box = router()
    box.rule(4, 10, source_ports=(1000, 2000), action="blackhole")
    with pytest.raises(Unclear, match="port"):
        chosen(box, "8.8.8.8", ports=(0, 80))


def test_ipv6_routes_from_a_prefix() -> None:
    box = World().netns("host")
    box.link("a")
    box.address("a", "fd00::1/64")
    for gateway, metric, source in (("fd00::8", 1, None), ("fd00::9", 9, "fd00:5::/32")):
        box.route(
            "2001:db8::/32",
            via=gateway,
            metric=metric,
            from_prefix=None if source is None else ip_network(source),
        )
    assert chosen(box, "2001:db8::1").gateway == ip_address("fd00::8")
    near = chosen(box, "2001:db8::1", source=ip_address("fd00:5::1"))
    assert near.gateway == ip_address("fd00::9")


@pytest.mark.parametrize(
    ("to", "source"),
    [
        ("10.0.0.9", "10.0.0.1"),
        ("8.8.8.8", "10.0.1.1"),
        ("9.9.9.9", "10.0.2.1"),
        ("10.0.1.1", "10.0.1.1"),
        ("127.0.0.5", "127.0.0.1"),
    ],
)
def test_source_of_ipv4(to: str, source: str) -> None:
    """Of the link, near the gateway, or as the route says."""
    box = router()
    box.address("b", "10.9.0.1/24")
    box.route("8.0.0.0/8", via="10.0.1.9")
    box.route("9.0.0.0/8", via="10.0.0.9", source=ip_address("10.0.2.1"))
    found = chosen(box, to)
    assert source_for(box.namespace().stack, found, ip_address(to)) == ip_address(source)


@pytest.mark.parametrize(
    ("to", "source"),
    [
        ("2001:db8:1::9", "2001:db8:1::1"),
        ("2001:db8:2::9", "2001:db8:1::1"),
        ("fd00:9::9", "fd00::1"),
        ("fe80::9", "fe80::1"),
        ("fd00::1", "fd00::1"),
        ("::1", "::1"),
    ],
)
def test_source_of_ipv6(to: str, source: str) -> None:
    """RFC 6724: scope, label, the longest common prefix; never what is not usable yet."""
    box = World().netns("host")
    link = box.link("a")
    for address, flags in (
        ("fe80::1/64", ()),
        ("2001:db8:1::1/64", ()),
        ("2001:db8:2::1/64", ("tentative",)),
        ("fd00::1/64", ()),
        ("2001:db8:1::7/64", ("deprecated",)),
    ):
        box.address("a", address, flags=flags)
    box.routes.append(Route(destination=ip_network("::/0"), oif=Ifindex(link.ifindex)))
    destination = IPv6Address(to)
    found = look_up(box.namespace().stack, Flow(destination=destination))
    assert source_for(box.namespace().stack, found, destination) == ip_address(source)
