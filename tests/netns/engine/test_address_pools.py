"""Address pools that Docker holds: chosen, leased from, kept over restarts and reboots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest
from tests.netns.engine.dockerd import managed, network_request
from tests.netns.engine.seeing import run

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, InvalidRequest, NotFound, PoolExhausted
from glassbridge.model.driven import PoolId, PoolWish
from glassbridge.model.requests import NetworkRequest, SubnetWish

Folders = tuple[Path, Path]
GATEWAY, NEXT = ip_address("10.90.0.1"), ip_address("10.90.0.2")


@contextmanager
def opened(folders: Folders) -> Iterator[Engine]:
    engine = Engine(*folders)
    try:
        yield engine
    finally:
        engine.close()


def another_boot(run_dir: Path) -> None:
    """Nothing of the run database outlives a boot."""
    for file in run_dir.glob("runtime-*"):
        file.unlink()


def test_free_pools_differ_while_they_are_held(engine: Engine) -> None:
    run("ip", "link", "add", "lan", "type", "bridge")
    run("ip", "addr", "add", "172.18.0.9/16", "dev", "lan")
    first, second = (engine.ipam.request_pool(PoolWish()) for _ in range(2))
    assert [str(p.prefix) for p in (first, second)] == ["172.19.0.0/16", "172.20.0.0/16"]
    assert first.id == "glassbridge/172.19.0.0/16"
    own = engine.create_network(NetworkRequest(name="own"))
    assert own.ipv4 is not None
    assert str(own.ipv4.prefix) == "172.21.0.0/16"
    engine.ipam.release_pool(first.id)
    assert engine.ipam.request_pool(PoolWish()).prefix == first.prefix
    six = engine.ipam.request_pool(PoolWish(ipv6=True)).prefix
    assert (six.version, six.prefixlen) == (6, 64)
    assert not six.overlaps(engine.ipam.request_pool(PoolWish(ipv6=True)).prefix)
    small = engine.ipam.request_pool(PoolWish(prefix="0.0.0.0/24")).prefix
    assert small == ip_network("172.22.0.0/24")
    engine.remove_network("own")
    run("ip", "link", "del", "lan")


def test_a_named_pool(engine: Engine) -> None:
    pool = engine.ipam.request_pool(PoolWish(prefix="10.90.0.0/16", ip_range="10.90.5.0/24"))
    assert pool.id == "glassbridge/10.90.0.0/16/10.90.5.0/24"
    engine.create_network(NetworkRequest(name="own", subnets=(SubnetWish(subnet="10.91.0.0/16"),)))
    for prefix in ("10.90.0.0/16", "10.90.7.0/24", "10.0.0.0/8", "10.91.4.0/24"):
        with pytest.raises(Conflict, match="overlaps"):
            engine.ipam.request_pool(PoolWish(prefix=prefix))
    with pytest.raises(Conflict, match="overlaps address pool of Docker's"):
        engine.create_network(
            NetworkRequest(name="other", subnets=(SubnetWish(subnet="10.90.0.0/16"),))
        )
    for bad in (
        PoolWish(prefix="10.92.0.0"),
        PoolWish(prefix="10.92.0.1/16"),
        PoolWish(prefix="127.0.0.0/8"),
        PoolWish(prefix="0.0.0.0/0"),
        PoolWish(prefix="nonsense/8"),
        PoolWish(prefix="10.92.0.0/16", ip_range="10.93.0.0/24"),
        PoolWish(ip_range="10.93.0.0/24"),
    ):
        with pytest.raises(InvalidRequest):
            engine.ipam.request_pool(bad)
    assert engine.ipam.request_address(pool.id, None) == ip_interface("10.90.5.0/16")
    assert engine.ipam.request_address(pool.id, NEXT) == ip_interface("10.90.0.2/16")
    engine.remove_network("own")


def test_addresses(engine: Engine) -> None:
    pool = engine.ipam.request_pool(PoolWish(prefix="10.90.0.0/29"))
    assert engine.ipam.request_address(pool.id, None) == ip_interface("10.90.0.1/29")
    with pytest.raises(Conflict, match=r"10.90.0.1 of pool 10.90.0.0/29 is in use"):
        engine.ipam.request_address(pool.id, GATEWAY)
    with pytest.raises(InvalidRequest, match="outside"):
        engine.ipam.request_address(pool.id, ip_address("10.91.0.1"))
    leased = [str(engine.ipam.request_address(pool.id, None).ip) for _ in range(5)]
    assert leased == [f"10.90.0.{n}" for n in range(2, 7)]
    with pytest.raises(PoolExhausted, match="6 of 6 in use"):
        engine.ipam.request_address(pool.id, None)
    engine.ipam.release_address(pool.id, ip_address("10.90.0.3"))
    engine.ipam.release_address(pool.id, ip_address("10.90.0.2"))
    # whoever has rested longest is given ahead of nobody
    assert str(engine.ipam.request_address(pool.id, None).ip) == "10.90.0.3"
    for _ in range(2):
        engine.ipam.release_address(pool.id, NEXT)
        engine.ipam.release_pool(PoolId("glassbridge/10.1.0.0/16"))
        engine.ipam.release_address(PoolId("glassbridge/10.1.0.0/16"), NEXT)
    with pytest.raises(NotFound, match="no such address pool"):
        engine.ipam.request_address(PoolId("glassbridge/10.1.0.0/16"), None)


def test_what_outlasts_a_restart_and_a_reboot(fresh_host: None, folders: Folders) -> None:
    """The gateway is asked for once, ahead of the network, and never again."""
    with opened(folders) as engine:
        pool = engine.ipam.request_pool(PoolWish(prefix="10.90.0.0/16"))
        engine.ipam.request_address(pool.id, GATEWAY)
        network = engine.driver.create_network(network_request(1, "10.90.0.0/16"))
        assert [p.network for p in engine.ipam.pools()] == [network.id]
        engine.ipam.request_address(pool.id, NEXT)
    with opened(folders) as engine:
        for held in (GATEWAY, NEXT):
            with pytest.raises(Conflict, match="is in use"):
                engine.ipam.request_address(pool.id, held)
        engine.down()
    another_boot(folders[0])
    with opened(folders) as engine:
        assert engine.ipam.request_address(pool.id, None).ip == NEXT
        with pytest.raises(Conflict, match="is in use"):
            engine.ipam.request_address(pool.id, GATEWAY)
        # as dockerd takes a network away: pool first
        engine.ipam.release_address(pool.id, GATEWAY)
        engine.ipam.release_pool(pool.id)
        again = engine.ipam.request_pool(PoolWish(prefix="10.90.0.0/16"))
        engine.driver.remove_network(managed())
        assert engine.ipam.request_address(again.id, None).ip == GATEWAY
        assert engine.ipam.pools()[0].lasting == (GATEWAY,)
        engine.ipam.release_pool(again.id)
    with opened(folders) as engine:
        assert engine.ipam.pools() == ()


def test_a_pool_is_its_network_s_and_no_other_s(engine: Engine) -> None:
    pool = engine.ipam.request_pool(PoolWish(prefix="10.90.0.0/16"))
    network = engine.driver.create_network(network_request(1, "10.90.0.0/16"))
    assert engine.driver.create_network(network_request(1, "10.90.0.0/16")) == network
    with pytest.raises(Conflict, match="overlaps"):
        engine.driver.create_network(network_request(2, "10.90.0.0/16"))
    with pytest.raises(Conflict, match="overlaps"):
        engine.ipam.request_pool(PoolWish(prefix="10.90.0.0/16"))
    engine.driver.remove_network(managed())
    assert [p.network for p in engine.ipam.pools()] == [None]
    engine.driver.create_network(network_request(2, "10.90.0.0/16"))
    engine.driver.remove_network(managed(2))
    engine.ipam.release_pool(pool.id)
