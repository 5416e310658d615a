"""A port of the host that leads nowhere: what was meant, and the engine's own word for it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.walk.topologies import two_networks

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet, Question, Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Published, Snapshot, Unserved
from glassbridge.model.walk import Walk
from glassbridge.walk.causes.refined import refined
from glassbridge.walk.evidence.testimony import Testimony
from glassbridge.walk.fixes.by_cause import mend
from glassbridge.walk.fixes.mending import Case
from glassbridge.walk.fixes.publishing import near_miss
from glassbridge.walk.predict import predict

HOST = ip_address("172.17.0.1")


def web(host_address: str = "127.0.0.1", **attributes: Any) -> Published:
    given = {
        "host_port": 8080,
        "transport": Transport.TCP,
        "container_address": ip_address("172.17.0.2"),
        "container_port": 80,
        "origin": Origin.GLASSBRIDGE,
        "name": "web",
        **attributes,
    }
    return Published(host_address=ip_address(host_address), **given)


def asked(port: int, transport: Transport = Transport.TCP, at: str = str(HOST)) -> Packet:
    address = ip_address(at)
    source = ip_address("::2") if address.version == 6 else ip_address("172.17.0.2")
    return Packet(
        transport=transport, source=source, destination=address, destination_port=port, length=60
    )


def host(*published: Published, **attributes: Any) -> Snapshot:
    return replace(two_networks().snapshot(), published=published, **attributes)


@pytest.mark.parametrize(
    ("published", "packet", "sentence"),
    [
        (web(), asked(8080), "web publishes 8080/tcp on 127.0.0.1 only, not on 172.17.0.1"),
        (web("0.0.0.0"), asked(8080, Transport.UDP), "web publishes 8080 as tcp, not as udp"),
        (
            web("::"),
            asked(8080, at="::1"),
            "web publishes 8080/tcp, but published ports are not served on ::1",
        ),
        (
            web("0.0.0.0"),
            asked(80),
            "80/tcp is not published on the host: web's is published as 8080",
        ),
    ],
)
def test_the_port_that_was_meant(published: Published, packet: Packet, sentence: str) -> None:
    near = near_miss(host(published), packet)
    assert near is not None
    assert near.sentence == sentence
    assert near.mending.note


@pytest.mark.parametrize(
    ("published", "packet"),
    [
        (web("0.0.0.0"), asked(8080)),
        (web(str(HOST)), asked(8080)),
        (web(), asked(9999)),
        (web(), asked(8080, at="172.18.0.2")),
    ],
    ids=["any address", "that address", "another port", "a container's own address"],
)
def test_no_port_of_a_container_was_meant(published: Published, packet: Packet) -> None:
    assert near_miss(host(published), packet) is None


def explained(snapshot: Snapshot, port: int) -> tuple[Walk, Case]:
    question = Question(source=2, transport=Transport.TCP, destination=HOST, destination_port=port)
    walk = predict(snapshot, question)
    assert isinstance(walk, Walk)
    drop = walk.steps[-1].drop
    assert drop is not None
    drop = refined(drop, len(walk.steps) - 1, walk, Testimony(), snapshot)
    return walk, Case(drop=drop, step=walk.steps[-1], walk=walk, snapshot=snapshot)


def test_a_container_that_does_not_run_is_started() -> None:
    port = Unserved(
        name="web2",
        origin=Origin.GLASSBRIDGE,
        host_port=8082,
        transport=Transport.TCP,
        container_port=80,
    )
    _, case = explained(host(unserved=(port,)), 8082)
    assert case.drop.cause is Cause.PORT_NOT_PUBLISHED
    assert case.drop.sentence == "web2 publishes 8082/tcp, but does not run"
    assert mend(case).commands == ("glassbridge start web2",)


def test_what_listens_inside_is_not_published() -> None:
    world = two_networks()
    world.boxes["nginx-2"].listens(80)
    known = world.snapshot()
    names = tuple(replace(n, origin=Origin.GLASSBRIDGE) for n in known.names)
    _, case = explained(replace(known, names=names), 80)
    assert case.drop.cause is Cause.PORT_NOT_PUBLISHED
    assert "nginx-2 listens on it inside" in case.drop.sentence
    assert "-p 80:80" in mend(case).note


def test_without_containers_it_is_nobody() -> None:
    snapshot = replace(two_networks().snapshot(), names=(), published=())
    _, case = explained(snapshot, 80)
    assert case.drop.cause is Cause.NO_LISTENER
    assert "-p" not in mend(case).note


def test_it_is_there_as_the_other_protocol() -> None:
    world = two_networks()
    world.boxes["host"].listens(53, protocol="udp")
    _, case = explained(replace(world.snapshot(), names=()), 53)
    assert case.drop.sentence == "nothing in host listens on 53/tcp; 53 is there as udp"
    assert mend(case).note.startswith("ask by udp (--proto udp), or start")
