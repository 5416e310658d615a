"""Our own firewall: the value that was rendered against the same read back from the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.netns.firewall.world import ENDPOINTS, NEIGHBOURS, NETWORKS, SNAT4, SNAT6, elements

from glassbridge.kernel.listed_rules import read_ruleset
from glassbridge.kernel.netns import CURRENT, open_netns
from glassbridge.kernel.nft import Nft
from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.kernel_names import LINK_GROUP
from glassbridge.model.network import Ifname
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.ruleset import RuleRef, Ruleset
from glassbridge.model.snapshot import Namespace
from glassbridge.model.tables import TABLE_LOCAL, Ifindex, Route
from glassbridge.model.topology import IFF_LOOPBACK, Link, Netns, Stack
from glassbridge.plan.firewall import tables
from glassbridge.plan.nft_script import ruleset_script
from glassbridge.walk.firewall.filtering import pass_hook
from glassbridge.walk.firewall.hooks import HookCall, HookResult, HookVerdict, Tracking
from glassbridge.walk.firewall.rendered import OwnTables

OWN = OwnTables(tables=tables(), elements=tuple(elements()))


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Ruleset, Ruleset]]:
    """As rendered with the kernel's handles, and as nft lists it."""
    fd, nft = open_netns(CURRENT), Nft()
    try:
        nft.run(ruleset_script(OWN.tables, OWN.elements))
        yield read_ruleset(fd, OWN), read_ruleset(fd)
    finally:
        nft.run("flush ruleset\n")
        nft.close()
        os.close(fd)


def make_links() -> list[Link]:
    """Every link that the elements speak of, and some that they do not."""
    bridges = [n.bridge for n in NETWORKS.values()]
    ports = [e.host_end for e in ENDPOINTS.values()]
    others = [link for link, _, _ in NEIGHBOURS.values()]
    links = [Link(ifindex=Ifindex(1), ifname=Ifname("lo"), flags=IFF_LOOPBACK)]
    for name in (*bridges, *ports, *others, "stranger"):
        kind = "veth" if name in ports else "" if name in ("up0", "stranger") else "bridge"
        group = LINK_GROUP if name in ports else 0
        index = Ifindex(len(links) + 1)
        links.append(Link(ifindex=index, ifname=Ifname(name), kind=kind, group=group))
    return links


LINKS = make_links()
CONTAINERS = [a for e in ENDPOINTS.values() for a in e.addresses]
GATEWAYS = [i.ip for n in NETWORKS.values() for i in n.gateway_interfaces]
OWN_ADDRESSES = [
    *GATEWAYS,
    *(ip_address(pair[0].split("/")[0]) for _, *pairs in NEIGHBOURS.values() for pair in pairs),
    *map(ip_address, ("127.0.0.1", "::1")),
]
ADDRESSES = [
    *CONTAINERS,
    *OWN_ADDRESSES,
    SNAT4,
    SNAT6,
    *(ip_address(pair[1].split("/")[0]) for _, *pairs in NEIGHBOURS.values() for pair in pairs),
    *map(ip_address, ("10.10.1.200", "fd00:1::200", "192.0.2.200", "fe80::1", "0.0.0.0", "::")),
]
MACS = [
    *(e.mac for e in ENDPOINTS.values()),
    *(n.bridge_mac for n in NETWORKS.values()),
    Mac("02:00:00:00:00:99"),
]
PORTS = sorted(
    {p.host_port for e in ENDPOINTS.values() for p in e.ports}
    | {p.container_port for e in ENDPOINTS.values() for p in e.ports}
    | {67, 68, 546, 547, 4242}
)
STACK = Stack(
    netns=Netns(cookie=1, inode=1),
    links=tuple(LINKS),
    local_routes=tuple(
        Route(destination=ip_network(a), table=TABLE_LOCAL, type="local", oif=Ifindex(1))
        for a in OWN_ADDRESSES
    ),
)
HOOKS = {
    "ip": ("prerouting", "input", "forward", "output", "postrouting"),
    "bridge": ("prerouting", "postrouting"),
}


@st.composite
def calls(draw: st.DrawFn) -> HookCall:
    family = draw(st.sampled_from(("ip", "bridge")))
    hook = draw(st.sampled_from(HOOKS[family]))
    destination = draw(st.sampled_from(ADDRESSES))
    same = [a for a in ADDRESSES if a.version == destination.version]
    packet = draw_packet(draw, draw(st.sampled_from(same)), destination)
    iif = None if hook in ("output", "postrouting") else draw(st.sampled_from(LINKS))
    oif = None if hook in ("prerouting", "input") else draw(st.sampled_from(LINKS))
    if family == "ip" and packet.version == 6:
        family = "ip6"
    return HookCall(
        family=family,
        hook=hook,
        packet=packet,
        iif=iif,
        oif=oif,
        source_mac=draw(st.sampled_from(MACS)),
        destination_mac=draw(st.sampled_from(MACS)),
        is_reply=draw(st.booleans()),
    )


def draw_packet(draw: st.DrawFn, source: IPAddress, destination: IPAddress) -> Packet:
    transport = draw(st.sampled_from(Transport))
    if transport is Transport.ICMP:
        kind = draw(st.sampled_from((0, 3, 5, 8, 128, 129, 134, 135, 136, 137)))
        ports = (draw(st.integers(1, 9)), 0)
        return Packet(
            transport=transport,
            source=source,
            destination=destination,
            icmp_type=kind,
            source_port=ports[0],
        )
    return Packet(
        transport=transport,
        source=source,
        destination=destination,
        source_port=draw(st.sampled_from(PORTS)),
        destination_port=draw(st.sampled_from(PORTS)),
        tcp_flags="S" if transport is Transport.TCP else "",
    )


def known(call: HookCall, *, is_known: bool) -> Tracking | None:
    """For later hooks: a connection of this packet, untranslated."""
    if not is_known and call.hook in ("prerouting", "output"):
        return None
    return Tracking(original=call.packet, translated=call.packet)


def told(result: HookResult) -> tuple[object, ...]:
    """What of an answer must not depend on how the rules were read."""
    rule = result.decided_by
    place = None if rule is None else place_of(rule)
    by = None if result.translated is None or result.translated.rule is None else True
    ways = [place_of(r) for r in result.matched]
    return result.verdict, result.packet, result.tracking, result.connection, place, by, ways


def place_of(rule: RuleRef) -> tuple[object, ...]:
    return rule.family, rule.table, rule.chain, rule.handle, rule.comment, rule.owner


def test_nothing_is_amiss(both: tuple[Ruleset, Ruleset]) -> None:
    rendered, listed = both
    assert not rendered.complaints
    assert not listed.complaints
    assert all(r.handle for t in rendered.tables for c in t.chains for r in c.rules)
    assert all(s.is_complete for t in listed.tables for s in t.sets)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls(), st.booleans())
def test_both_readings_say_the_same(
    both: tuple[Ruleset, Ruleset], call: HookCall, is_known: bool
) -> None:
    tracking = known(call, is_known=is_known)
    rendered, listed = (
        pass_hook(Namespace(stack=STACK, ruleset=ruleset), call, tracking) for ruleset in both
    )
    assert told(rendered) == told(listed)


def test_every_verdict_occurs(both: tuple[Ruleset, Ruleset]) -> None:
    """Else the comparison above would prove nothing."""
    seen = set()

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(calls())
    def collect(call: HookCall) -> None:
        namespace = Namespace(stack=STACK, ruleset=both[0])
        result = pass_hook(namespace, call, known(call, is_known=False))
        if result.decided_by is not None:
            seen.add((result.verdict, result.decided_by.comment))

    collect()
    assert {verdict for verdict, _ in seen} >= {HookVerdict.ACCEPT, HookVerdict.DROP}
    assert len(seen) > 5


def test_a_changed_rule_is_found(both: tuple[Ruleset, Ruleset]) -> None:
    fd, nft = open_netns(CURRENT), Nft()
    try:
        nft.run("insert rule inet glassbridge forward counter accept\n")
        ruleset = read_ruleset(fd, OWN)
    finally:
        nft.run(ruleset_script(OWN.tables, OWN.elements))
        nft.close()
        os.close(fd)
    assert ruleset.complaints == ("table inet glassbridge: somebody has changed its rules",)
    forward = next(c for t in ruleset.tables for c in t.chains if c.name == "forward")
    assert forward.rules[0].text.startswith("counter packets")
