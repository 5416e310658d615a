"""Results in every version: written and read again, they lose what that version has no word for."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.cni.calling import EVERY_VERSION

from glassbridge.frontends.cni.failures import BadJson
from glassbridge.frontends.cni.results import (
    Dns,
    Interface,
    Ip,
    Result,
    Route,
    parse_result,
    render_result,
)
from glassbridge.frontends.cni.versions import at_least

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-", min_size=1, max_size=12)
numbers = st.none() | st.integers(0, 2**32 - 1)
interfaces = st.builds(
    Interface,
    name=words,
    mac=st.just("") | words,
    mtu=st.integers(0, 65535),
    sandbox=st.just("") | words,
    socket_path=st.just("") | words,
    pci_id=st.just("") | words,
)
dns = st.builds(
    Dns,
    nameservers=st.lists(words).map(tuple),
    domain=st.just("") | words,
    search=st.lists(words).map(tuple),
    options=st.lists(words).map(tuple),
)


@st.composite
def with_prefix(draw: st.DrawFn) -> Any:
    address = draw(st.ip_addresses())
    return ip_interface(f"{address}/{draw(st.integers(0, address.max_prefixlen))}")


@st.composite
def results(draw: st.DrawFn) -> Result:
    links = draw(st.lists(interfaces, max_size=4))
    index = st.none() | st.integers(0, len(links) - 1) if links else st.none()
    ips = st.builds(
        Ip, address=with_prefix(), gateway=st.none() | st.ip_addresses(), interface=index
    )
    routes = st.builds(
        Route,
        dst=with_prefix().map(lambda a: a.network),
        gw=st.none() | st.ip_addresses(),
        mtu=numbers,
        advmss=numbers,
        priority=numbers,
        table=numbers,
        scope=numbers,
    )
    return Result(
        interfaces=tuple(links),
        ips=tuple(draw(st.lists(ips, max_size=4))),
        routes=tuple(draw(st.lists(routes, max_size=4))),
        dns=draw(dns),
    )


def known_to(result: Result, version: str) -> Result:
    """What of a result a version can say."""
    if at_least(version, "1.1.0"):
        return result
    routes = tuple(Route(dst=r.dst, gw=r.gw) for r in result.routes)
    links = tuple(replace(i, mtu=0, socket_path="", pci_id="") for i in result.interfaces)
    if at_least(version, "0.3.0"):
        return replace(result, interfaces=links, routes=routes)
    first = [
        next((i for i in result.ips if i.address.version == family), None) for family in (4, 6)
    ]
    ips = tuple(replace(i, interface=None) for i in first if i is not None)
    families = [i.address.version for i in ips]
    return Result(
        ips=ips,
        routes=tuple(r for family in families for r in routes if r.dst.version == family),
        dns=result.dns,
    )


@settings(deadline=None)  # its first example builds the strategies
@given(version=st.sampled_from(EVERY_VERSION), result=results())
def test_a_version_loses_only_what_it_cannot_say(version: str, result: Result) -> None:
    told = render_result(result, version)
    assert told["cniVersion"] == version
    assert parse_result(told, version, "it") == known_to(result, version)


@settings(deadline=None)  # its first example builds the strategies
@given(version=st.sampled_from(EVERY_VERSION), result=results())
def test_through_the_newest_and_back_nothing_more_is_lost(version: str, result: Result) -> None:
    told = render_result(result, version)
    newest = render_result(parse_result(told, version, "it"), "1.1.0")
    assert render_result(parse_result(newest, "1.1.0", "it"), version) == told


@pytest.mark.parametrize(
    "said",
    [
        {"ips": [{"address": "10.0.0.300/24"}]},
        {"ips": [{"address": 7}]},
        {"ips": [{"address": "10.0.0.1/24", "interface": 0}]},
        {"ips": [{"address": "10.0.0.1/24", "interface": -1}], "interfaces": [{"name": "a"}]},
        {"routes": [{"dst": "everywhere"}]},
        {"routes": [{}]},
        {"interfaces": "eth0"},
        {"dns": []},
        [],
        "result",
        7,
    ],
)
def test_what_is_no_result_is_refused_by_name(said: Any) -> None:
    with pytest.raises(BadJson, match="prevResult"):
        parse_result(said, "1.0.0", "prevResult")


def test_host_bits_of_a_route_are_nobody_s_business() -> None:
    read = parse_result({"routes": [{"dst": "10.1.2.3/8"}]}, "1.0.0", "it")
    assert str(read.routes[0].dst) == "10.0.0.0/8"
