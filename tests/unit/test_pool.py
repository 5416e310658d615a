"""Leases of one subnet: properties first, then the cases that people ask about."""

from collections import OrderedDict
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from glassbridge.errors import Conflict, InvalidRequest, PoolExhausted
from glassbridge.ipam.pool import REST_SECONDS, Pool
from glassbridge.model.address import IPAddress
from glassbridge.model.network import AddressRange, Subnet


def subnet(
    prefix: str,
    gateway: str = "",
    ip_range: str = "",
    reserved: dict[str, str] | None = None,
    ranges: tuple[tuple[str, str], ...] = (),
) -> Subnet:
    return Subnet(
        prefix=ip_network(prefix),
        gateway=ip_address(gateway) if gateway else None,
        ip_range=ip_network(ip_range) if ip_range else None,
        ranges=tuple(AddressRange(first=ip_address(a), last=ip_address(b)) for a, b in ranges),
        reserved={name: ip_address(text) for name, text in (reserved or {}).items()},
    )


SMALL = (
    subnet("10.0.0.0/29", "10.0.0.1"),
    subnet("10.0.0.0/28", "10.0.0.9", "10.0.0.8/29", {"nas": "10.0.0.10"}),
    subnet("10.0.0.0/28", "10.0.0.1", "10.0.0.0/29"),
    subnet("10.0.0.0/31"),
    subnet("10.0.0.7/32"),
    subnet("fd00::/125", "fd00::1", "", {"DefaultGatewayIPv6": "fd00::7"}),
    subnet("fd00::/127"),
    subnet("10.0.0.0/28", "10.0.0.1", ranges=(("10.0.0.9", "10.0.0.10"), ("10.0.0.1", "10.0.0.3"))),
    subnet("fd00::/124", "fd00::5", ranges=(("fd00::4", "fd00::6"), ("fd00::8", "fd00::8"))),
)


class PoolMachine(RuleBasedStateMachine):
    """A pool against a model that keeps every address in a list, as slow as it is plain."""

    @initialize(chosen=st.sampled_from(SMALL))
    def build(self, chosen: Subnet) -> None:
        self.subnet = chosen
        self.pool = Pool(chosen, rest_seconds=10)
        self.now = 0.0
        self.held: dict[IPAddress, str] = {}
        self.freed: OrderedDict[IPAddress, float] = OrderedDict()
        prefix = chosen.prefix
        never = {chosen.gateway, *chosen.reserved.values()}
        if prefix.num_addresses > 2:
            never.add(prefix.network_address)
            if isinstance(prefix, IPv4Network):
                never.add(prefix.broadcast_address)
        self.usable = [a for a in prefix if a not in never]
        ranges = [(int(r.first), int(r.last)) for r in chosen.ranges]
        self.automatic = [
            a for first, last in ranges for a in self.usable if first <= int(a) <= last
        ] or [a for a in self.usable if a in chosen.pool]
        self.serial = 0

    def holder(self) -> str:
        self.serial += 1
        return f"c{self.serial}"

    @rule()
    def lease(self) -> None:
        name = self.holder()
        free = [a for a in self.automatic if a not in self.held]
        awake = [a for a in free if self.now - self.freed.get(a, -99) >= 10]
        if not free:
            with pytest.raises(PoolExhausted):
                self.pool.lease(name, self.now)
            return
        expected = awake[0] if awake else next(a for a in self.freed if a in free)
        assert self.pool.lease(name, self.now) == expected
        self.take(expected, name)

    def take(self, address: IPAddress, name: str) -> None:
        self.held[address] = name
        self.freed.pop(address, None)

    @rule(pick=st.integers(0, 15))
    def reserve(self, pick: int) -> None:
        address = self.subnet.prefix[pick % self.subnet.prefix.num_addresses]
        name = self.holder()
        if address not in self.usable:
            with pytest.raises(InvalidRequest, match="cannot be leased"):
                self.pool.reserve(address, name)
        elif address in self.held:
            with pytest.raises(Conflict, match=f"in use by {self.held[address]}"):
                self.pool.reserve(address, name)
            self.pool.reserve(address, self.held[address])
        else:
            self.pool.reserve(address, name)
            self.take(address, name)

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 15))
    def release(self, pick: int) -> None:
        address = sorted(self.held, key=int)[pick % len(self.held)]
        self.pool.release(address, self.now)
        del self.held[address]
        if address in self.automatic:
            self.freed[address] = self.now

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 15))
    def cancel(self, pick: int) -> None:
        address = sorted(self.held, key=int)[pick % len(self.held)]
        self.pool.cancel(address)
        del self.held[address]

    @rule(pick=st.integers(0, 15))
    def release_what_nobody_holds(self, pick: int) -> None:
        address = self.subnet.prefix[pick % self.subnet.prefix.num_addresses]
        if address not in self.held:
            self.pool.release(address, self.now)
            self.pool.cancel(address)

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def restart(self) -> None:
        """A pool rebuilt from the store has the same holders; rests are forgotten."""
        self.pool = Pool(self.subnet, rest_seconds=10)
        for address, name in self.held.items():
            self.pool.reserve(address, name)
        self.freed.clear()

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not hasattr(self, "pool"):
            return
        assert self.pool.held == len(self.held)
        assert self.pool.capacity == len(self.automatic)
        for address in self.subnet.prefix:
            assert self.pool.holder_of(address) == self.held.get(address)


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)


def test_docker_s_first_addresses() -> None:
    pool = Pool(subnet("172.17.0.0/16", "172.17.0.1"))
    assert [str(pool.lease(f"nginx-{i}", 0)) for i in (1, 2)] == ["172.17.0.2", "172.17.0.3"]


def test_a_freed_address_rests_before_reuse() -> None:
    pool = Pool(subnet("172.17.0.0/16", "172.17.0.1"))
    first = pool.lease("a", 0)
    pool.release(first, 5)
    assert str(pool.lease("b", 5 + REST_SECONDS - 0.001)) == "172.17.0.3"
    assert pool.lease("c", 5 + REST_SECONDS) == first


def test_when_all_else_is_used_the_longest_rested_is_given() -> None:
    pool = Pool(subnet("10.0.0.0/29", "10.0.0.1"))
    leased = [pool.lease(f"c{i}", 0) for i in range(5)]
    pool.release(leased[3], 1)
    pool.release(leased[1], 2)
    assert [pool.lease("d", 3), pool.lease("e", 3)] == [leased[3], leased[1]]
    with pytest.raises(PoolExhausted, match=r"10\.0\.0\.0/29: 5 of 5 in use") as caught:
        pool.lease("f", 3)
    assert caught.value.hint


def test_a_static_wish_may_be_outside_the_range_but_not_outside_the_subnet() -> None:
    pool = Pool(subnet("10.0.0.0/16", "10.0.5.0", "10.0.5.0/24"))
    pool.reserve(ip_address("10.0.9.9"), "web")
    assert str(pool.lease("next", 0)) == "10.0.5.1"
    with pytest.raises(InvalidRequest, match=r"10\.1\.0\.1 is outside .* 10\.0\.0\.0/16"):
        pool.reserve(ip_address("10.1.0.1"), "web")
    with pytest.raises(InvalidRequest, match="outside"):
        pool.reserve(ip_address("fd00::1"), "web")


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("10.0.0.0", "the network address"),
        ("10.0.0.255", "the broadcast address"),
        ("10.0.0.1", "the gateway"),
        ("10.0.0.9", r"reserved \(nas\)"),
    ],
)
def test_a_refused_wish_says_what_the_address_is(address: str, role: str) -> None:
    pool = Pool(subnet("10.0.0.0/24", "10.0.0.1", "", {"nas": "10.0.0.9"}))
    with pytest.raises(InvalidRequest, match=role):
        pool.reserve(ip_address(address), "web")


def test_addresses_of_the_other_family_never_match() -> None:
    pool = Pool(subnet("::/64"))
    pool.reserve(IPv6Address(0x0A000005), "six")
    assert pool.holder_of(IPv4Address("10.0.0.5")) is None
    pool.release(IPv4Address("10.0.0.5"), 0)
    assert pool.holder_of(IPv6Address(0x0A000005)) == "six"


def test_a_64_bit_prefix_costs_nothing() -> None:
    pool = Pool(subnet("fd12:3456:789a::/64", "fd12:3456:789a::1"))
    assert pool.capacity == 2**64 - 2
    assert [str(pool.lease(f"c{i}", 0)) for i in range(2)] == [
        "fd12:3456:789a::2",
        "fd12:3456:789a::3",
    ]
    pool.reserve(ip_address("fd12:3456:789a:0:ffff:ffff:ffff:ffff"), "last")
    assert str(pool.lease("c3", 0)) == "fd12:3456:789a::4"


def test_leases_cost_the_same_in_a_full_pool_as_in_an_empty_one() -> None:
    pool = Pool(subnet("10.0.0.0/16", "10.0.0.1"))
    costs = []
    for i in range(65533):
        if i % 4096 == 0:
            costs.append(perf_counter())
        pool.lease(f"c{i}", 0)
    laps = [after - before for before, after in pairwise(costs)]
    # a linear search would be a thousand times slower at the end; a busy machine is not
    assert min(laps[-4:]) < 20 * min(laps[:4])
    with pytest.raises(PoolExhausted, match="65533 of 65533"):
        pool.lease("one more", 0)


def test_the_heap_does_not_grow_when_one_address_comes_and_goes() -> None:
    pool = Pool(subnet("10.0.0.0/24", "10.0.0.1"), rest_seconds=1)
    address = pool.lease("a", 0)
    pool.lease("b", 0)
    for turn in range(1, 1000):
        pool.release(address, turn * 10)
        pool.reserve(address, "a")
        pool.release(address, turn * 10 + 1)
        pool.lease("c", turn * 10 + 5)
    assert len(pool._rested) <= 1  # noqa: SLF001 - growth is invisible from outside
