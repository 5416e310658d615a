"""Names as the state has them: always the whole truth, and what is unchanged is the same object."""

from concurrent.futures import Future
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_network
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from glassbridge.dns.zone import NetworkNames
from glassbridge.engine.jobs import Job
from glassbridge.engine.names import Names
from glassbridge.engine.state import State
from glassbridge.model.address import Mac
from glassbridge.model.container import Container, ContainerSpec
from glassbridge.model.endpoint import Endpoint, EndpointId, EndpointState, Sandbox, SandboxId
from glassbridge.model.network import Ifname, Managed, Manager, Network, NetworkId, Subnet

T = TypeVar("T")
NETWORKS = ("front", "back", "six")
SANDBOXES = ("web", "DB", "cache")


def refuse(job: Job[T]) -> Future[T]:
    raise AssertionError(f"{job} is not asked for")


def a_network(name: str, **more: object) -> Network:
    prefix = f"10.{len(name)}.0.0/24"
    is6 = name == "six"
    subnet4 = Subnet(prefix=ip_network(prefix), gateway=ip_address(f"10.{len(name)}.0.1"))
    subnet6 = Subnet(prefix=ip_network("fd00::/64"), gateway=ip_address("fd00::1"))
    known = Network(
        id=NetworkId(name),
        name=name,
        bridge=Ifname(f"gb-{name}"),
        bridge_mac=Mac("02:42:00:00:00:01"),
        ipv4=None if is6 else subnet4,
        ipv6=subnet6 if is6 else None,
        names_port=20053,
    )
    fields = {f: getattr(known, f) for f in known.__struct_fields__} | more
    return Network(**fields)


def an_endpoint(network: str, sandbox: str, number: int, *aliases: str) -> Endpoint:
    is6 = network == "six"
    return Endpoint(
        id=EndpointId(f"{network}-{sandbox}"),
        network=NetworkId(network),
        sandbox=SandboxId(sandbox),
        ifname=Ifname("eth0"),
        host_end=Ifname(f"veth{network}{sandbox}"),
        mac=Mac("02:42:00:00:00:02"),
        host_mac=Mac("02:42:00:00:00:03"),
        ipv4=None if is6 else IPv4Interface(f"10.{len(network)}.0.{number}/24"),
        ipv6=IPv6Interface(f"fd00::{number}/64") if is6 else None,
        aliases=aliases,
    )


def a_sandbox(name: str) -> Sandbox:
    return Sandbox(
        id=SandboxId(name), name=name, netns=f"/run/netns/{name}", netns_cookie=hash(name)
    )


def a_state() -> State:
    state = State()
    for name in NETWORKS:
        state.add_network(a_network(name))
        state.realised.add(NetworkId(name))
    for sandbox in SANDBOXES:
        state.put_sandbox(a_sandbox(sandbox))
    return state


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["put", "leave", "drop", "hide", "show"]),
        st.sampled_from(NETWORKS),
        st.sampled_from(SANDBOXES),
        st.integers(2, 250),
    ),
    max_size=20,
)


@given(changes=CHANGES)
def test_what_is_told_is_what_is_there_and_the_rest_is_left_alone(
    changes: list[tuple[str, str, str, int]],
) -> None:
    state = a_state()
    names = Names(state, refuse)
    for what, network, sandbox, number in changes:
        before = {n.id: n for n in names.networks()}
        version = names.version
        endpoint = an_endpoint(network, sandbox, number, "alias")
        known = state.endpoints.get(endpoint.id)
        match what:
            case "put":
                state.put_endpoint(endpoint)
            case "leave" if known is not None:
                state.mark(known, state=EndpointState.DETACHING)
            case "drop" if known is not None:
                state.drop_endpoint(known, 0.0)
            case "hide":
                state.realised.discard(NetworkId(network))
            case "show":
                state.realised.add(NetworkId(network))
        names.follow()
        after = {n.id: n for n in names.networks()}
        assert after == {n.id: n for n in Names(state, refuse).networks()}
        assert all(after[i] is before[i] for i in before.keys() & after.keys() - {network})
        if after != before:
            assert names.version != version


def test_a_member_whose_sibling_changed_is_the_same_object() -> None:
    state = a_state()
    names = Names(state, refuse)
    state.put_endpoint(an_endpoint("front", "web", 2))
    (web,) = _named(names, "front").members
    state.put_endpoint(an_endpoint("front", "cache", 3))
    assert _named(names, "front").members[0] is web


def test_what_a_container_is_called_and_whom_it_asks() -> None:
    state = a_state()
    spec = ContainerSpec(rootfs="/", command=("sh",), hostname="Front", dns=("192.0.2.1", "x"))
    state.containers.put(Container(id=SandboxId("DB"), name="DB", spec=spec))
    state.put_endpoint(an_endpoint("back", "DB", 2, "Store"))
    (member,) = _named(Names(state, refuse), "back").members
    assert member.names == ("db", "store", "front")
    assert member.addresses == (ip_address("10.4.0.2"),)
    assert member.servers == (ip_address("192.0.2.1"),)


def test_docker_answers_on_its_networks_itself() -> None:
    state = a_state()
    managed = Managed(by=Manager.DOCKER, key="k")
    state.change_network(a_network("front", managed=managed))
    known = {n.id for n in Names(state, refuse).networks()}
    assert known == {NetworkId("back"), NetworkId("six")}
    state.put_endpoint(an_endpoint("front", "web", 2))
    assert Names(state, refuse).servers_of(SandboxId("web")) == ()


def test_a_sandbox_asks_at_every_network_its_default_route_first() -> None:
    state = a_state()
    names = Names(state, refuse)
    state.put_endpoint(an_endpoint("back", "web", 2))
    state.put_endpoint(an_endpoint("six", "web", 2))
    front = an_endpoint("front", "web", 2)
    state.put_endpoint(front)
    state.mark(front, is_gateway=True)
    expected = [ip_address(a) for a in ("10.5.0.1", "10.4.0.1", "fd00::1")]
    assert list(names.servers_of(SandboxId("web"))) == expected
    state.change_network(a_network("front", names_port=0))
    assert list(names.servers_of(SandboxId("web"))) == expected[1:]


def _named(names: Names, network: str) -> NetworkNames:
    return next(n for n in names.networks() if n.id == network)
