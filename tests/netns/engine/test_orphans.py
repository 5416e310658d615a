"""What is held for networks that Docker does not know; its own file is told by the test."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest
from msgspec.structs import replace
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.dockerd import create, managed, network_request, wish
from tests.netns.engine.seeing import link

from glassbridge.engine import orphans
from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, PoolExhausted
from glassbridge.model.driven import AddressPool, DockerRecords, PoolWish
from glassbridge.model.network import NetworkId
from glassbridge.model.requests import SubnetWish

NAMED = PoolWish(prefix="10.90.0.0/29")
KEY = NetworkId(managed().key)


@pytest.fixture
def tells(monkeypatch: pytest.MonkeyPatch) -> list[DockerRecords | None]:
    """What Docker's file says, last: nothing, to begin with. Everything is old enough."""
    told: list[DockerRecords | None] = [DockerRecords()]
    monkeypatch.setattr(orphans, "read_docker_records", lambda: told[-1])
    monkeypatch.setattr(orphans, "GRACE", 0.0)
    return told


Tells = list[DockerRecords | None]


def what(engine: Engine) -> list[str]:
    return [o.what for o in engine.ipam.orphans()]


def peopled(engine: Engine) -> AddressPool:
    """A small network with a gateway and one endpoint, all known to Docker."""
    pool = engine.ipam.request_pool(NAMED)
    engine.ipam.request_address(pool.id, ip_address("10.90.0.1"))
    named = SubnetWish(subnet=NAMED.prefix, gateway="10.90.0.1")
    engine.driver.create_network(replace(network_request(1, NAMED.prefix), subnets=(named,)))
    engine.ipam.request_address(pool.id, ip_address("10.90.0.2"))
    return pool


def test_a_subnet_that_is_asked_for_again_gives_way(engine: Engine, tells: Tells) -> None:
    engine.ipam.request_pool(NAMED)
    assert what(engine) == ["subnet 10.90.0.0/29"]
    engine.ipam.request_pool(PoolWish(prefix="10.90.0.0/28"))
    assert what(engine) == ["subnet 10.90.0.0/28"]
    assert [o.what for o in engine.ipam.free_orphans()] == ["subnet 10.90.0.0/28"]
    assert engine.ipam.pools() == ()
    assert engine.ipam.free_orphans() == ()


def test_it_does_not_give_way_while_it_may_be_somebody_s(
    engine: Engine, tells: Tells, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = engine.ipam.request_pool(NAMED)
    for records in (None, DockerRecords(pools=frozenset({pool.id}))):
        tells.append(records)
        with pytest.raises(Conflict, match="overlaps"):
            engine.ipam.request_pool(NAMED)
    tells.append(DockerRecords())
    monkeypatch.setattr(orphans, "GRACE", 60.0)
    with pytest.raises(Conflict, match="overlaps"):
        engine.ipam.request_pool(NAMED)
    assert what(engine) == []
    assert engine.ipam.pools() == (pool,)
    engine.ipam.release_pool(pool.id)


def test_a_network_goes_with_its_subnet(engine: Engine, tells: Tells) -> None:
    pool = peopled(engine)
    bridge = engine.network(KEY).network.bridge
    assert what(engine) == [f"network {KEY[:12]}", "subnet 10.90.0.0/29"]
    again = engine.ipam.request_pool(NAMED)
    assert (again.id, again.network) == (pool.id, None)
    assert not link(bridge)
    check_consistency(engine)


def test_a_network_of_docker_s_addresses_goes_by_command(engine: Engine, tells: Tells) -> None:
    create(engine)
    endpoint = engine.driver.reserve(wish(1))
    engine.driver.join(endpoint.id, "/n")
    assert what(engine) == [], "somebody is on it"
    engine.driver.forget(endpoint.id)
    tells.append(DockerRecords(networks=frozenset({KEY})))
    assert what(engine) == []
    tells.append(DockerRecords())
    assert [o.what for o in engine.ipam.free_orphans()] == [f"network {KEY[:12]}"]
    assert [v.network.name for v in engine.networks()] == ["bridge"]
    check_consistency(engine)


def test_an_address_without_an_endpoint_is_given_again(engine: Engine, tells: Tells) -> None:
    pool = peopled(engine)
    two = ip_address("10.90.0.2")
    known = DockerRecords(networks=frozenset({KEY}), pools=frozenset({pool.id}))
    tells.append(known)
    assert what(engine) == ["address 10.90.0.2"]
    tells.append(
        DockerRecords(
            networks=known.networks, pools=known.pools, leases=frozenset({(pool.id, two)})
        )
    )
    assert what(engine) == []
    tells.append(known)
    # of six, one is the gateway's; Docker asks for all, and one of them is left over
    leased = {engine.ipam.request_address(pool.id, None).ip for _ in range(4)}
    assert two not in leased
    tells.append(
        DockerRecords(
            networks=known.networks,
            pools=known.pools,
            leases=frozenset((pool.id, a) for a in leased),
        )
    )
    assert engine.ipam.request_address(pool.id, None).ip == two
    tells.append(None)
    with pytest.raises(PoolExhausted):
        engine.ipam.request_address(pool.id, None)
    engine.driver.remove_network(managed())


def test_an_address_is_suspected_for_a_while_first(
    engine: Engine, tells: Tells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is returned a moment after its endpoint is struck out, however old both are."""
    pool = peopled(engine)
    tells.append(DockerRecords(networks=frozenset({KEY}), pools=frozenset({pool.id})))
    monkeypatch.setattr(orphans, "GRACE", 60.0)
    assert what(engine) == []
    clock = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: clock + 59)
    assert what(engine) == []
    monkeypatch.setattr(time, "monotonic", lambda: clock + 61)
    assert what(engine) == ["address 10.90.0.2"]
    monkeypatch.undo()
    engine.driver.remove_network(managed())
