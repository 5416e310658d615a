"""What a person names, and what is found by it: in a file, where nobody else can be asked."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.walk.topologies import two_containers, two_networks

from glassbridge.engine.name_lookup import look_up
from glassbridge.engine.questions import ask
from glassbridge.engine.stacks import look_at_bridges, look_at_stack
from glassbridge.engine.stored_survey import StoredSurvey
from glassbridge.engine.targets import (
    At,
    Named,
    NetnsPath,
    Process,
    TheHost,
    choose_address,
    parse_target,
)
from glassbridge.errors import Conflict, InvalidRequest, NotFound
from glassbridge.model.flow_wish import wish_of
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Name, Snapshot

WEB_ID, DB_ID = "ab" * 32, "ac" * 32


def world(**attributes: object) -> Snapshot:
    snapshot = two_networks().snapshot()
    named = (
        Name(name="web", origin=Origin.DOCKER, cookie=2, id=WEB_ID, pid=4242),
        Name(name="api", origin=Origin.DOCKER, cookie=3, id=DB_ID),
        *snapshot.names,
    )
    return replace(snapshot, names=named, **attributes)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("host", TheHost()),
        ("pid:17", Process(17)),
        ("netns:/run/netns/x", NetnsPath("/run/netns/x")),
        ("10.0.0.1", At(ip_address("10.0.0.1"))),
        ("::1", At(ip_address("::1"))),
        ("[fd00::2]", At(ip_address("fd00::2"))),
        ("web", Named("web")),
        ("example.com", Named("example.com")),
        ("deadbeef", Named("deadbeef")),
    ],
)
def test_kinds_of_targets(text: str, meant: object) -> None:
    assert parse_target(text) == meant


@pytest.mark.parametrize("text", ["", "pid:", "pid:x", "pid:-1", "pid:\u0661", "-x"])
def test_what_names_nothing(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_target(text)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(InvalidRequest):
        assert parse_target(text) is not None


@pytest.mark.parametrize(
    ("target", "name", "cookie", "address"),
    [
        ("web", "web", 2, "172.17.0.2"),
        (WEB_ID, "web", 2, "172.17.0.2"),
        ("abab", "web", 2, "172.17.0.2"),
        ("nginx-1", "nginx-1", 2, "172.17.0.2"),
        ("db", "db", 4, "172.18.0.2"),
        ("host", "host", 1, "172.17.0.1"),
        ("pid:4242", "web", 2, "172.17.0.2"),
        ("172.18.0.2", "db", 4, "172.18.0.2"),
        ("172.18.0.1", "host", 1, "172.18.0.1"),
        ("198.51.100.7", "198.51.100.7", None, "198.51.100.7"),
        ("127.0.0.1", "127.0.0.1", None, "127.0.0.1"),
    ],
)
def test_what_a_target_is(target: str, name: str, cookie: int | None, address: str) -> None:
    found = StoredSurvey(world()).resolve(target)
    assert (found.name, found.cookie, str(found.address)) == (name, cookie, address)


def test_the_ip_version_can_be_chosen() -> None:
    survey = StoredSurvey(two_containers(ipv6=True).snapshot())
    assert str(survey.resolve("nginx-1").address) == "172.17.0.2"
    assert str(survey.resolve("nginx-1", 6).address) == "fd00::2"
    assert StoredSurvey(world()).resolve("web", 6).address is None


def test_a_beginning_of_two_ids_is_no_answer() -> None:
    with pytest.raises(Conflict, match=r"web .*api"):
        StoredSurvey(world()).resolve("a")


def test_one_name_for_two_namespaces_is_no_answer() -> None:
    snapshot = world()
    twice = (*snapshot.names, Name(name="web", origin=Origin.PODMAN, cookie=4))
    with pytest.raises(Conflict, match="web"):
        StoredSurvey(replace(snapshot, names=twice)).resolve("web")


def test_two_names_for_one_namespace_are_two_ways_to_it() -> None:
    snapshot = world()
    pod = (*snapshot.names, Name(name="sidecar", origin=Origin.KUBERNETES, cookie=2))
    survey = StoredSurvey(replace(snapshot, names=pod))
    assert survey.resolve("sidecar").cookie == survey.resolve("web").cookie == 2


def test_near_names_are_offered() -> None:
    with pytest.raises(NotFound) as caught:
        StoredSurvey(world()).resolve("nginx-3")
    assert caught.value.hint.startswith("did you mean nginx-")


@pytest.mark.parametrize("target", ["pid:9", "netns:/run/netns/absent"])
def test_what_is_not_in_the_file(target: str) -> None:
    with pytest.raises(NotFound, match="snapshot"):
        StoredSurvey(world()).resolve(target)


def test_a_namespace_that_could_not_be_read() -> None:
    snapshot = world(unreadable=("web: permission denied",))
    left = {c: n for c, n in snapshot.namespaces.items() if c != 2}
    with pytest.raises(NotFound, match="web could not be read") as caught:
        StoredSurvey(replace(snapshot, namespaces=left)).resolve("web")
    assert "permission denied" in caught.value.hint


def test_an_address_that_both_share_a_network_with_is_preferred() -> None:
    world_ = two_networks()
    world_.plug(world_.boxes["host"], "gb0", world_.boxes["db"], "172.17.0.9/16", ifname="eth1")
    survey = StoredSurvey(world_.snapshot())
    db = survey.addresses_of(4)
    assert [str(a) for a in db] == ["172.18.0.2", "172.17.0.9"]
    source = survey.snapshot.namespaces[2].stack
    assert str(choose_address(db, None, source)) == "172.17.0.9"
    assert str(choose_address(db, None)) == "172.18.0.2"


def test_stack_and_bridge_are_shown_from_a_file() -> None:
    survey = StoredSurvey(two_networks().snapshot())
    report = look_at_stack("nginx-1", survey)
    (cable,) = report.cables
    assert (cable.place, cable.bridge, cable.far_end) == ("the host", "gb0", "veth-nginx-1")
    first, second = look_at_bridges("", survey)
    assert [c.place for c in first.cables] == ["nginx-1", "nginx-2"]
    assert [c.place for c in second.cables] == ["db"]
    with pytest.raises(NotFound, match="not a bridge"):
        look_at_bridges("lo", survey)
    with pytest.raises(NotFound, match="not on this host"):
        look_at_stack("198.51.100.1", survey)


def test_of_two_shared_networks_the_one_that_keeps_nobody_apart() -> None:
    made = two_networks()
    host, db = made.boxes["host"], made.boxes["db"]
    made.plug(host, "gb0", db, "172.17.0.9/16", ifname="eth1", port="veth-db1")
    made.plug(host, "gb1", made.boxes["nginx-1"], "172.18.0.8/16", ifname="eth1", port="veth-n1b")
    apart = {n.name: replace(n, icc=n.name != "back") for n in made.networks}
    snapshot = made.snapshot()
    wish = wish_of("nginx-1", "db:5432")
    asked = ask(StoredSurvey(replace(snapshot, networks=tuple(apart.values()))), wish)
    assert asked.question.destination == ip_address("172.17.0.9")
    asked = ask(StoredSurvey(snapshot), wish)
    assert asked.question.destination == ip_address("172.18.0.2"), "its first"


@pytest.mark.parametrize("name", ["10.0.0", "10.1", "1.2.3.4.5", "0x7f.1", "300"])
def test_an_address_with_a_number_missing_is_none(name: str) -> None:
    with pytest.raises(NotFound, match="four numbers"):
        look_up(name)
