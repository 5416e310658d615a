"""A daemon that dies under dockerd: SIGKILL ahead of its N-th operation or commit."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.netns.engine.dockerd import endpoint_id, managed, network_request, wish
from tests.netns.engine.mortal_daemon import dies
from tests.netns.engine.scenario import DiesAhead

from glassbridge.engine.engine import Engine
from glassbridge.model.driven import PoolWish
from glassbridge.model.endpoint import PortWish, Protocol
from glassbridge.plan.operations import DeleteRuleset
from glassbridge.store.store import Store

PORTS = (
    PortWish(container_port=80, host_ports=(8080, 8080)),
    PortWish(container_port=53, host_ports=(5353, 5353), protocol=Protocol.UDP),
)


def live(engine: Engine) -> None:
    """All that dockerd says from a network's beginning to its end, to us as driver and IPAM."""
    pool = engine.ipam.request_pool(PoolWish(prefix="10.90.0.0/16"))
    gateway = engine.ipam.request_address(pool.id, None)
    engine.driver.create_network(network_request(1, "10.90.0.0/16", "fd90::/64"))
    order = wish(1)
    assert order.ipv4 is not None
    engine.ipam.request_address(pool.id, order.ipv4.ip)
    engine.driver.reserve(order)
    engine.driver.join(order.id, "/run/docker/netns/one")
    engine.driver.publish(order.id, PORTS)
    engine.driver.unpublish(order.id)
    engine.driver.publish(order.id, PORTS[:1])
    engine.driver.leave(order.id)
    engine.driver.forget(order.id)
    engine.ipam.release_address(pool.id, order.ipv4.ip)
    engine.ipam.release_address(pool.id, gateway.ip)
    engine.ipam.release_pool(pool.id)
    engine.driver.remove_network(managed())


def clean_up(engine: Engine) -> None:
    """What dockerd says when a container could not start, and when its network is removed."""
    pools = engine.ipam.pools()
    engine.driver.unpublish(endpoint_id(1))
    engine.driver.leave(endpoint_id(1))
    engine.driver.forget(endpoint_id(1))
    for pool in pools:
        engine.ipam.release_pool(pool.id)
    engine.driver.remove_network(managed())


def die_at_commits(ahead: DiesAhead) -> None:
    """Count commits, too: between two of them nothing may happen in the kernel."""
    transaction = Store.transaction

    def counted(store: Store) -> AbstractContextManager[None]:
        ahead(DeleteRuleset())  # only counted
        return transaction(store)

    setattr(Store, "transaction", counted)  # noqa: B010 - mypy forbids to assign a method


def live_until_killed(folders: tuple[Path, Path], number: int) -> bool:
    """Live in a child that dies ahead of its step `number`; false when it came to its end."""

    def live_and_die() -> None:
        ahead = DiesAhead(number)
        engine = Engine(*folders, before=ahead)
        die_at_commits(ahead)
        live(engine)
        engine.close()

    return dies(live_and_die)
