"""What the engine knows of endpoints, and what it forgets with them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from glassbridge.engine.records import ForgetContainer
from glassbridge.engine.state import State
from glassbridge.engine.wishes import choose_name
from glassbridge.model.address import Mac
from glassbridge.model.container import Container, ContainerSpec
from glassbridge.model.endpoint import Endpoint, EndpointId, Sandbox, SandboxId
from glassbridge.model.names import random_name
from glassbridge.model.network import Ifname, Network, NetworkId, Subnet

ADDRESS = IPv4Interface("10.0.0.2/24")
NETWORK = Network(
    id=NetworkId("a" * 64),
    name="blue",
    bridge=Ifname("gb1"),
    bridge_mac=Mac("02:42:00:00:00:01"),
    ipv4=Subnet(prefix=IPv4Network("10.0.0.0/24"), gateway=IPv4Address("10.0.0.1")),
)


def endpoint(number: int, mac: str = "02:42:0a:00:00:02") -> Endpoint:
    return Endpoint(
        id=EndpointId(f"{number:064x}"),
        network=NETWORK.id,
        sandbox=SandboxId(f"{number:064x}"),
        ifname=Ifname("eth0"),
        host_end=Ifname(f"veth{number:07x}"),
        mac=Mac(mac),
        host_mac=Mac("02:c2:00:00:00:01"),
        ipv4=ADDRESS,
    )


def test_who_is_forgotten_twice_frees_nothing_of_its_successor() -> None:
    state = State()
    state.add_network(NETWORK)
    pool = state.pool(NETWORK, 4)
    assert pool is not None
    for holder in (endpoint(1), endpoint(2)):
        pool.reserve(ADDRESS.ip, holder.id)
        state.put_endpoint(holder)
        state.drop_endpoint(endpoint(1), 0.0)
    assert pool.holder_of(ADDRESS.ip) == endpoint(2).id


def test_the_last_mac_is_forgotten_with_its_network() -> None:
    state = State()
    state.add_network(NETWORK)
    state.put_endpoint(endpoint(1))
    state.drop_endpoint(endpoint(1), 0.0)
    successor = endpoint(2, "02:42:0a:00:00:ff")
    assert state.mac_may_have_changed(successor)
    state.drop_network(NETWORK)
    assert not state.mac_may_have_changed(successor)


def test_a_caller_that_goes_away_cancels_no_job() -> None:
    spec = ContainerSpec(rootfs="/", command=("true",))
    container = Container(id=SandboxId("c" * 64), name="web", spec=spec)
    assert not ForgetContainer(container).future.cancel()


@pytest.mark.timeout(60)
def test_a_name_is_found_when_every_pair_of_words_is_taken() -> None:
    state = State()
    for bits in range(1 << 12):
        sandbox = Sandbox(
            id=SandboxId(f"{bits:064x}"), name=random_name(bits), netns="", netns_cookie=bits
        )
        state.put_sandbox(sandbox)
    state.check_name_is_free(choose_name(state, ""))
