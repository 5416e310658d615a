"""Sandboxes and networks that other engines ask us for, under those engines' names."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.engine_stand_in import BRIDGE, endpoint_of

from glassbridge.engine.foreign_names import (
    networks_as_called,
    sandboxes_as_called,
)
from glassbridge.engine.known_names import networks_of_ours, published_by_ours
from glassbridge.model.endpoint import (
    Protocol,
    PublishedPort,
    Sandbox,
    SandboxId,
    SandboxKind,
)
from glassbridge.model.found import FoundContainer
from glassbridge.model.network import Managed, Manager
from glassbridge.model.ruleset import Origin
from glassbridge.model.views import NetworkView, SandboxView

WEB_ID, PORT_AT = "e" * 64, 8080


def dockers(*numbers: int, ports: Sequence[PublishedPort] = ()) -> list[SandboxView]:
    """As the driver has them: a sandbox for each endpoint, under that endpoint's id."""
    views = []
    for number in numbers:
        own = SandboxId(f"{number:064x}")
        sandbox = Sandbox(
            id=own, name=f"docker-{own[-4:]}", netns="", netns_cookie=0, kind=SandboxKind.DOCKER
        )
        member = endpoint_of(own, number, *ports)
        views.append(SandboxView(sandbox=sandbox, endpoints=(member,), engine=Origin.DOCKER))
    return views


def docker_container(**endpoints: int) -> FoundContainer:
    """Its networks by name, and the number of its endpoint on each."""
    return FoundContainer(
        name="web",
        origin=Origin.DOCKER,
        id=WEB_ID,
        pid=42,
        endpoints={f"{number:064x}": network for network, number in endpoints.items()},
    )


def test_docker_s_endpoints_are_one_container() -> None:
    stranger, first, second = dockers(2, 3, 4)
    web = docker_container(front=3, back=4)
    called = sandboxes_as_called([stranger, first, second], [web], {})
    assert [(v.sandbox.name, v.sandbox.id, v.engine) for v in called] == [
        ("docker-0002", stranger.sandbox.id, Origin.DOCKER),
        ("web", WEB_ID, Origin.DOCKER),
    ]
    assert [(e.network, e.endpoint.host_end) for e in called[1].endpoints] == [
        ("front", "veth0000003"),
        ("back", "veth0000004"),
    ]
    assert called[1].sandbox.pid == web.pid


def test_a_namespace_has_the_name_that_its_engine_gives_it() -> None:
    sandbox = Sandbox(
        id=SandboxId("default-alpha"), name="default-alpha", netns="/x", netns_cookie=7
    )
    view = SandboxView(sandbox=sandbox, endpoints=(endpoint_of(sandbox.id, 2),), engine=Origin.CNI)
    alpha = FoundContainer(name="alpha", origin=Origin.CONTAINERD, id="alpha", pid=9)
    (called,) = sandboxes_as_called([view], [alpha], {7: alpha})
    assert (called.sandbox.name, called.engine) == ("alpha", Origin.CONTAINERD)
    assert called.endpoints == view.endpoints
    (same,) = sandboxes_as_called([view], [alpha], {8: alpha})
    assert same == view


def test_what_was_attached_by_hand_keeps_its_name() -> None:
    sandbox = Sandbox(id=SandboxId("a" * 64), name="mine", netns="/x", netns_cookie=7)
    view = SandboxView(sandbox=sandbox)
    alpha = FoundContainer(name="alpha", origin=Origin.CONTAINERD, id="alpha", pid=9)
    assert not view.is_anothers
    assert sandboxes_as_called([view], [alpha], {7: alpha}) == (view,)


@given(st.lists(st.integers(2, 200), unique=True), st.data())
def test_no_endpoint_is_lost(numbers: list[int], data: st.DataObject) -> None:
    of_web = data.draw(st.sets(st.sampled_from(numbers))) if numbers else set()
    web = docker_container(**{f"net{n}": n for n in of_web})
    called = sandboxes_as_called(dockers(*numbers), [web], {})
    told = [e.endpoint.id for v in called for e in v.endpoints]
    assert sorted(told) == sorted(f"{n:064x}" for n in numbers)
    assert len(called) == len(numbers) - max(0, len(of_web) - 1)
    assert len({v.sandbox.id for v in called}) == len(called)


def test_networks_are_called_as_their_engines_do() -> None:
    key = "32a8b94193b61b59208d033df63ea922e09405c4ac943467ef14ba87a5cc73bc"
    ours = NetworkView(network=BRIDGE)
    of_docker = NetworkView(
        network=replace(BRIDGE, name=key[:12], managed=Managed(by=Manager.DOCKER, key=key))
    )
    of_cni = NetworkView(
        network=replace(BRIDGE, name="cni-bridge", managed=Managed(by=Manager.CNI, key="bridge"))
    )
    views = (ours, of_docker, of_cni)
    called = networks_as_called(views, {key: "n1"})
    assert [v.network.name for v in called] == ["bridge", "n1", "bridge"]
    assert [v.network.name for v in networks_as_called(views, {})][1] == key[:12]
    named = tuple(networks_of_ours(v.network for v in called))
    assert [n.origin for n in named] == [Origin.GLASSBRIDGE, Origin.DOCKER, Origin.CNI]
    assert {n.rules_of for n in named} == {Origin.GLASSBRIDGE}


def test_ports_that_we_publish_for_docker_bear_its_name() -> None:
    port = PublishedPort(
        host_address=ip_address("0.0.0.0"),
        host_port=PORT_AT,
        container_port=80,
        protocol=Protocol.TCP,
    )
    called = sandboxes_as_called(dockers(3, ports=[port]), [docker_container(n1=3)], {})
    (published,) = published_by_ours(called)
    assert (published.name, published.host_port) == ("web", PORT_AT)
    # the rule is ours to write anew
    assert published.origin is Origin.GLASSBRIDGE
