"""Free subnets: the first that nobody uses, in Docker's order."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.errors import PoolExhausted
from glassbridge.ipam.address_space import DEFAULT_POOLS, InUse, UserKind, choose_ipv4, choose_ipv6


def use(prefix: str, kind: UserKind = UserKind.NETWORK, name: str = "x") -> InUse:
    return InUse(prefix=ip_network(prefix), kind=kind, name=name)


def test_docker_s_pools_in_docker_s_order() -> None:
    taken: list[InUse] = []
    given_out = []
    for _ in range(31):
        chosen = choose_ipv4(taken)
        given_out.append(str(chosen))
        taken.append(use(str(chosen)))
    assert given_out == [
        *(f"172.{second}.0.0/16" for second in range(17, 32)),
        *(f"192.168.{third}.0/20" for third in range(0, 256, 16)),
    ]
    with pytest.raises(PoolExhausted) as caught:
        choose_ipv4(taken)
    assert "remove networks" in caught.value.hint


@pytest.mark.parametrize("kind", list(UserKind))
def test_whatever_the_host_uses_is_skipped(kind: UserKind) -> None:
    assert str(choose_ipv4([use("172.17.3.4/32", kind)])) == "172.18.0.0/16"
    assert str(choose_ipv4([use("172.16.0.0/12", kind)])) == "192.168.0.0/20"
    assert str(choose_ipv4([use("172.16.0.0/12", kind), use("192.168.1.0/24", kind)])) == (
        "192.168.16.0/20"
    )


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "160.0.0.0/5"])
def test_a_default_route_or_a_vpn_s_halves_of_one_take_nothing(prefix: str) -> None:
    assert str(choose_ipv4([use(prefix, UserKind.ROUTE)])) == "172.17.0.0/16"


def test_the_other_family_takes_nothing() -> None:
    assert str(choose_ipv4([use("::/8"), use("fd00::/8")])) == "172.17.0.0/16"
    assert str(choose_ipv6([use("172.16.0.0/12")], 0)) == "fd00::/64"


def test_another_length() -> None:
    assert str(choose_ipv4([], 24)) == "172.17.0.0/24"
    assert str(choose_ipv4([use("172.17.0.0/25")], 24)) == "172.17.1.0/24"
    assert str(choose_ipv6([], 1, 80)) == "fd00:0:1::/80"
    with pytest.raises(PoolExhausted):
        choose_ipv4([], 12)
    with pytest.raises(PoolExhausted):
        choose_ipv6([], 1, 40)


def test_unique_local_addresses_derive_from_the_host_s_global_id() -> None:
    host = 0x123456789A
    assert str(choose_ipv6([], host)) == "fd12:3456:789a::/64"
    assert str(choose_ipv6([use("fd12:3456:789a::/64")], host)) == "fd12:3456:789a:1::/64"
    assert str(choose_ipv6([use("fd12:3456:789a::/49")], host)) == "fd12:3456:789a:8000::/64"
    with pytest.raises(PoolExhausted):
        choose_ipv6([use("fd00::/8")], host)
    with pytest.raises(ValueError, match="40 bits"):
        choose_ipv6([], 1 << 40)


near_the_pools = st.builds(
    lambda number, length: use(str(ip_network((number, length), strict=False))),
    st.integers(int(ip_network("172.16.0.0/12")[0]), int(ip_network("172.31.0.0/16")[-1])),
    st.integers(10, 32),
)


@given(st.lists(near_the_pools, max_size=40))
def test_the_first_free_one_of_a_plain_search(taken: list[InUse]) -> None:
    plain = (
        prefix
        for base, length in DEFAULT_POOLS
        for prefix in base.subnets(new_prefix=length)
        if not any(prefix.overlaps(t.prefix) for t in taken)
    )
    assert choose_ipv4(taken) == next(plain)


@given(st.lists(st.tuples(st.integers(0, 63), st.integers(58, 70)), max_size=40))
def test_the_first_free_64_of_a_plain_search(wishes: list[tuple[int, int]]) -> None:
    own = ip_network("fd00::/48")
    taken = [
        use(str(ip_network((int(own[0]) + (number << 64), length), strict=False)))
        for number, length in wishes
    ]
    plain = (
        prefix
        for prefix in own.subnets(new_prefix=64)
        if not any(prefix.overlaps(t.prefix) for t in taken)
    )
    assert choose_ipv6(taken, 0) == next(plain)
