"""The subnets of a new network: Docker's defaults, and every wish that cannot be."""

import re
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from glassbridge.errors import Conflict, GlassbridgeError, InvalidRequest, PoolExhausted
from glassbridge.ipam.address_space import InUse, UserKind
from glassbridge.ipam.pool import Pool
from glassbridge.ipam.subnets import plan_more_subnets, plan_subnets
from glassbridge.model.network import GatewayMode, NetworkOptions, Subnet
from glassbridge.model.requests import NetworkRequest, SubnetWish

HOST = 0x123456789A
BACKEND = InUse(prefix=ip_network("172.18.0.0/16"), kind=UserKind.NETWORK, name="backend")
ISOLATED = NetworkOptions(gateway_mode4=GatewayMode.ISOLATED, gateway_mode6=GatewayMode.ISOLATED)


def plan(
    *wishes: SubnetWish,
    options: NetworkOptions | None = None,
    in_use: tuple[InUse, ...] = (),
    ipv4: bool = True,
    ipv6: bool = False,
    internal: bool = False,
) -> tuple[Subnet | None, Subnet | None]:
    request = NetworkRequest(name="n", subnets=wishes, ipv4=ipv4, ipv6=ipv6, internal=internal)
    return plan_subnets(request, options or NetworkOptions(), in_use, HOST)


def wish(
    subnet: str, gateway: str = "", ip_range: str = "", reserved: dict[str, str] | None = None
) -> SubnetWish:
    return SubnetWish(subnet=subnet, gateway=gateway, ip_range=ip_range, reserved=reserved or {})


def subnet(
    prefix: str, gateway: str = "", ip_range: str = "", reserved: dict[str, str] | None = None
) -> Subnet:
    return Subnet(
        prefix=ip_network(prefix),
        gateway=ip_address(gateway) if gateway else None,
        ip_range=ip_network(ip_range) if ip_range else None,
        reserved={name: ip_address(text) for name, text in (reserved or {}).items()},
    )


def more(*wishes: SubnetWish, in_use: tuple[InUse, ...] = ()) -> tuple[Subnet, ...]:
    request = NetworkRequest(name="n", subnets=(wish("10.7.0.0/24"),), more=wishes)
    firsts = plan_subnets(request, NetworkOptions(), in_use, HOST)
    return plan_more_subnets(request, NetworkOptions(), firsts, in_use)


def test_further_subnets_of_a_family() -> None:
    third = SubnetWish(subnet="fd07::/64", gateway="fd07::9", range_set=2, on_bridge=False)
    assert more(SubnetWish(subnet="10.9.0.0/24", range_set=1), third) == (
        replace(subnet("10.9.0.0/24", "10.9.0.1"), range_set=1),
        replace(subnet("fd07::/64", "fd07::9"), range_set=2, on_bridge=False),
    )


@pytest.mark.parametrize(
    ("prefixes", "says"),
    [
        (("10.7.0.0/25",), "n itself"),
        (("10.9.0.0/24", "10.9.0.0/16"), "n itself"),
        (("172.18.4.0/24",), "backend"),
    ],
)
def test_a_further_subnet_meets_nobody(prefixes: tuple[str, ...], says: str) -> None:
    with pytest.raises(Conflict, match=says):
        more(*map(wish, prefixes), in_use=(BACKEND,))


def test_a_further_subnet_is_named() -> None:
    with pytest.raises(InvalidRequest, match=re.escape("0.0.0.0/24")):
        more(wish("0.0.0.0/24"))


def test_the_default_network() -> None:
    assert plan() == (subnet("172.17.0.0/16", "172.17.0.1"), None)
    taken = InUse(prefix=ip_network("172.17.0.0/16"), kind=UserKind.LINK, name="docker0")
    assert plan(in_use=(taken,)) == (subnet("172.18.0.0/16", "172.18.0.1"), None)


def test_dual_stack_and_ipv6_only() -> None:
    ula = subnet("fd12:3456:789a::/64", "fd12:3456:789a::1")
    assert plan(ipv6=True) == (subnet("172.17.0.0/16", "172.17.0.1"), ula)
    assert plan(ipv4=False, ipv6=True) == (None, ula)
    named = subnet("2001:db8:1::/64", "2001:db8:1::1")
    assert plan(wish("2001:db8:1::/64"))[1] == named
    assert plan(wish("10.1.0.0/24"), wish("2001:db8:1::/64")) == (
        subnet("10.1.0.0/24", "10.1.0.1"),
        named,
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (wish("10.0.0.0/16", "10.0.9.9"), subnet("10.0.0.0/16", "10.0.9.9")),
        # Docker's gateway is the range's first address, .0 where that is a host address
        (
            wish("172.28.0.0/16", "", "172.28.5.0/24"),
            subnet("172.28.0.0/16", "172.28.5.0", "172.28.5.0/24"),
        ),
        (
            wish("172.28.0.0/16", "172.28.5.254", "172.28.5.0/24"),
            subnet("172.28.0.0/16", "172.28.5.254", "172.28.5.0/24"),
        ),
        (
            wish("10.0.0.0/24", "", "10.0.0.0/25", {"nas": "10.0.0.1", "tv": "10.0.0.200"}),
            subnet(
                "10.0.0.0/24", "10.0.0.2", "10.0.0.0/25", {"nas": "10.0.0.1", "tv": "10.0.0.200"}
            ),
        ),
        (wish("10.0.0.0/31"), subnet("10.0.0.0/31", "10.0.0.0")),
        (wish("10.0.0.0/30"), subnet("10.0.0.0/30", "10.0.0.1")),
        (wish("0.0.0.0/24"), subnet("172.17.0.0/24", "172.17.0.1")),
        (wish("10.0.0.0/8"), subnet("10.0.0.0/8", "10.0.0.1")),
    ],
)
def test_named_subnets(asked: SubnetWish, expected: Subnet) -> None:
    assert plan(asked) == (expected, None)


def test_any_ipv6_subnet_of_a_length() -> None:
    chosen = subnet("fd12:3456:789a::/80", "fd12:3456:789a::1")
    assert plan(wish("::/80"))[1] == chosen


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (wish("10.0.0.0"), "no prefix length"),
        (wish("10.0.0/24"), "bad subnet '10.0.0/24'"),
        (wish("10.0.0.0/33"), "bad subnet '10.0.0.0/33'"),
        (wish("10.0.0.0/255.255.0.0x"), "bad subnet"),
        (wish("x/24"), "bad subnet 'x/24'"),
        (wish("fd00::g/64"), "bad subnet 'fd00::g/64'"),
        (wish(""), "bad subnet ''"),
        (wish("0.0.0.0/0"), "whole address space"),
        (wish("172.20.3.4/16"), "bits of the host part are set"),
        (wish("fd00::1/64"), "bits of the host part are set"),
        (wish("224.0.0.0/8"), "multicast"),
        (wish("127.1.0.0/16"), "loopback"),
        (wish("169.254.1.0/24"), "link-local"),
        (wish("250.0.0.0/8"), "reserved"),
        (wish("0.1.0.0/16"), "this network"),
        (wish("ff02::/64"), "multicast"),
        (wish("fe80::/64"), "link-local"),
        (wish("::ffff:10.0.0.0/120"), "IPv4-mapped"),
        (wish("10.0.0.0/24", "10.0.1.1"), "gateway 10.0.1.1 is outside subnet 10.0.0.0/24"),
        (wish("10.0.0.0/24", "fd00::1"), "gateway fd00::1 is outside"),
        (wish("10.0.0.0/24", "10.0.0.0"), "is the network address"),
        (wish("10.0.0.0/24", "10.0.0.255"), "is the broadcast address"),
        (wish("fd00::/64", "fd00::"), "is the network address"),
        (wish("fd00::/64", "fd00::1%eth0"), "an address with a zone"),
        (wish("10.0.0.0/24", "me"), "bad gateway 'me'"),
        (wish("10.0.0.0/24", "", "10.0.1.0/25"), "ip range 10.0.1.0/25 is not inside"),
        (wish("10.0.0.0/24", "", "10.0.0.0/16"), "ip range 10.0.0.0/16 is not inside"),
        (wish("10.0.0.0/24", "", "fd00::/64"), "ip range fd00::/64 is not inside"),
        (wish("10.0.0.0/24", "", "10.0.0.3/25"), "bad ip range 10.0.0.3/25"),
        (wish("10.0.0.0/24", "", "10.0.0.5/32"), "ip range 10.0.0.5/32 has no room"),
        (wish("10.0.0.0/24", "", "", {"nas": "10.0.1.9"}), "auxiliary address nas 10.0.1.9"),
        (wish("10.0.0.0/24", "", "", {"nas": "?"}), "bad auxiliary address nas '?'"),
        (wish("10.0.0.0/24", "10.0.0.9", "", {"nas": "10.0.0.9"}), "nas (10.0.0.9) is the gateway"),
        (wish("10.0.0.0/32"), "subnet 10.0.0.0/32 has no room for a container"),
        (wish("10.0.0.0/30", "", "", {"nas": "10.0.0.2"}), "no room for a container"),
        (wish("10.0.0.0/31", "", "", {"a": "10.0.0.0", "b": "10.0.0.1"}), "no room for a gateway"),
    ],
)
def test_wishes_that_cannot_be(asked: SubnetWish, said: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(said)):
        plan(asked)


def test_a_host_part_comes_with_what_was_probably_meant() -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan(wish("172.20.3.4/16"))
    assert caught.value.hint == "did you mean 172.20.0.0/16?"


def test_two_subnets_of_a_family() -> None:
    with pytest.raises(
        InvalidRequest, match=r"two IPv4 subnets, 10\.0\.0\.0/24 and 10\.1\.0\.0/24"
    ):
        plan(wish("10.0.0.0/24"), wish("10.1.0.0/24"))


@pytest.mark.parametrize("prefix", ["172.18.0.0/16", "172.18.5.0/24", "172.16.0.0/12"])
def test_an_overlap_with_a_network_names_it(prefix: str) -> None:
    with pytest.raises(Conflict, match=re.escape(f"{prefix} overlaps network backend")) as caught:
        plan(wish(prefix), in_use=(BACKEND,))
    assert caught.value.hint


def test_an_overlap_with_an_address_of_the_host_is_refused_but_not_one_with_a_route() -> None:
    link = InUse(prefix=ip_network("10.9.0.0/24"), kind=UserKind.LINK, name="eth0")
    with pytest.raises(Conflict, match="overlaps address of link eth0"):
        plan(wish("10.9.0.0/16"), in_use=(link,))
    for kind in (UserKind.ROUTE, UserKind.NAMESERVER):
        other = InUse(prefix=ip_network("10.9.0.0/24"), kind=kind, name="x")
        assert plan(wish("10.9.0.0/16"), in_use=(other,))[0] is not None


def test_a_network_without_any_family() -> None:
    with pytest.raises(InvalidRequest, match="needs IPv4 or IPv6"):
        plan(ipv4=False)
    with pytest.raises(InvalidRequest, match="without IPv4"):
        plan(wish("10.0.0.0/24"), ipv4=False, ipv6=True)


def test_isolated_means_no_gateway_and_demands_internal() -> None:
    with pytest.raises(InvalidRequest, match="needs an internal network") as caught:
        plan(options=ISOLATED)
    assert "--internal" in caught.value.hint
    assert plan(options=ISOLATED, internal=True, ipv6=True) == (
        subnet("172.17.0.0/16"),
        subnet("fd12:3456:789a::/64"),
    )
    pair = plan(wish("10.0.0.0/31"), options=ISOLATED, internal=True)[0]
    assert pair is not None
    assert Pool(pair).capacity == 2
    with pytest.raises(InvalidRequest, match="an isolated network has none"):
        plan(wish("10.0.0.0/24", "10.0.0.1"), options=ISOLATED, internal=True)
    only6 = NetworkOptions(gateway_mode6=GatewayMode.ISOLATED)
    assert plan(options=only6) == (subnet("172.17.0.0/16", "172.17.0.1"), None)


def test_an_internal_network_keeps_its_gateway_unless_the_bridge_has_no_address() -> None:
    inhibited = NetworkOptions(inhibit_ipv4=True)
    gateway = subnet("172.17.0.0/16", "172.17.0.1")
    assert plan(internal=True) == (gateway, None)
    assert plan(options=inhibited) == (gateway, None)
    assert plan(options=inhibited, internal=True) == (subnet("172.17.0.0/16"), None)


def test_ipv6_needs_its_mtu() -> None:
    with pytest.raises(InvalidRequest, match="mtu 1279 is too small for IPv6"):
        plan(ipv6=True, options=NetworkOptions(mtu=1279))
    assert plan(ipv6=True, options=NetworkOptions(mtu=1280))[1] is not None
    assert plan(options=NetworkOptions(mtu=500))[1] is None


addresses = st.builds(
    lambda last, ok: f"10.0.{0 if ok else 7}.{last}", st.integers(0, 255), st.booleans()
)
prefixes = st.builds(
    lambda last, length: str(ip_network(f"10.0.0.{last}/{length}", strict=False)),
    st.integers(0, 255),
    st.integers(20, 32),
)
wishes = st.builds(
    SubnetWish,
    subnet=prefixes,
    gateway=st.just("") | addresses,
    ip_range=st.just("") | prefixes,
    reserved=st.dictionaries(st.sampled_from("ab"), addresses, max_size=2),
)


@given(wishes, st.booleans(), st.booleans())
def test_whatever_is_planned_can_be_leased_from(
    asked: SubnetWish, internal: bool, isolated: bool
) -> None:
    options = ISOLATED if isolated else NetworkOptions()
    try:
        planned = plan(asked, options=options, internal=internal)[0]
    except InvalidRequest:
        return
    assert planned is not None
    leased = Pool(planned).lease("first", 0)
    assert leased in planned.pool
    assert leased not in {planned.gateway, *planned.reserved.values()}
    assert isolated is (planned.gateway is None)
    assert planned.gateway is None or planned.gateway in planned.prefix


@given(st.text(alphabet="0123456789abcdef:./% x", max_size=24), st.text(max_size=6))
def test_nothing_but_our_errors_comes_out(text: str, other: str) -> None:
    with suppress(GlassbridgeError, PoolExhausted):
        plan(wish(text, other, other, {"a": other}))
    with suppress(GlassbridgeError):
        plan(wish("10.0.0.0/24", text, "", {"a": text}))
    with suppress(GlassbridgeError):
        plan(wish("fd00::/64", text, text))
