"""Range sets: one address of each, of the first of its subnets that has one."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from glassbridge.engine.leasing import Leases
from glassbridge.engine.range_sets import range_sets
from glassbridge.engine.state import State
from glassbridge.errors import PoolExhausted
from glassbridge.model.address import IPInterface, Mac
from glassbridge.model.network import Ifname, Network, NetworkId, Subnet

SETS = st.lists(st.lists(st.integers(28, 30), min_size=1, max_size=3), min_size=1, max_size=3)
"""Lengths of prefixes: 13, 5 or 1 addresses for pods."""


def network(sets: list[list[int]]) -> Network:
    """With a subnet of each length; the first is the family's own."""
    numbered = [(number, length) for number, lengths in enumerate(sets) for length in lengths]
    subnets = [
        _subnet(IPv4Network(f"10.{place}.0.0/{length}"), number)
        for place, (number, length) in enumerate(numbered)
    ]
    return Network(
        id=NetworkId("a" * 64),
        name="blue",
        bridge=Ifname("gb1"),
        bridge_mac=Mac("02:42:00:00:00:01"),
        ipv4=subnets[0],
        ipv6=_subnet(IPv6Network("fd07::/64"), 0),
        more=tuple(subnets[1:]),
    )


def _subnet(prefix: IPv4Network | IPv6Network, number: int) -> Subnet:
    return Subnet(prefix=prefix, gateway=prefix.network_address + 1, range_set=number)


def lease(state: State, made: Network, holder: str) -> list[IPInterface]:
    leases = Leases(state, 0.0)
    try:
        return [leases.next_of(made, p, holder) for p in range_sets(state.pools(made))]
    except PoolExhausted:
        leases.give_back()
        raise


def rooms(sets: list[list[int]]) -> list[int]:
    return [sum((1 << (32 - length)) - 3 for length in lengths) for lengths in sets]


@given(SETS)
def test_everybody_gets_one_of_each_until_one_set_is_full(sets: list[list[int]]) -> None:
    state, made = State(), network(sets)
    state.add_network(made)
    room = min(rooms(sets))
    members = [lease(state, made, str(number)) for number in range(room)]
    for held in members:
        assert len(held) == len(sets) + 1
        near = made.near_gateways(held)
        for subnet in made.subnets:
            assert subnet.gateway is not None
            assert any(near[subnet.gateway] in a.network for a in held)
    assert len({a for held in members for a in held}) == room * (len(sets) + 1)
    with pytest.raises(PoolExhausted):
        lease(state, made, "late")
    assert sum(pool.held for pool in state.pools(made)) == room * (len(sets) + 1)


@given(SETS)
def test_the_first_subnet_of_a_set_is_filled_first(sets: list[list[int]]) -> None:
    state, made = State(), network(sets)
    state.add_network(made)
    given_of_first_set = [lease(state, made, str(n))[0] for n in range(min(rooms(sets)))]
    prefixes = [s.prefix for s in made.subnets if s.prefix.version == 4 and s.range_set == 0]
    places = [next(i for i, p in enumerate(prefixes) if a in p) for a in given_of_first_set]
    assert places == sorted(places)


@given(SETS)
def test_leases_stay_when_a_subnet_comes(sets: list[list[int]]) -> None:
    state, made = State(), network(sets)
    state.add_network(made)
    held = lease(state, made, "one")
    wider = replace(made, more=(*made.more, _subnet(IPv4Network("10.99.0.0/24"), len(sets) - 1)))
    state.change_network(wider)
    for address in held:
        pool = state.pool_of(wider, address.ip)
        assert pool is not None
        assert pool.holder_of(address.ip) == "one"
    state.release(wider, [a.ip for a in held], 0.0)
    assert not any(pool.held for pool in state.pools(wider))
