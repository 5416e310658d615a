"""Endpoints that dockerd orders: reserved, joined, published, left, forgotten; repeatably."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.dockerd import (
    create,
    endpoint_id,
    managed,
    move_in,
    move_out,
    network_request,
    wish,
)
from tests.netns.engine.host_view import look_at_host
from tests.netns.engine.seeing import ask, eventually, link, listening, pings, run

from glassbridge.engine import leaving
from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, InvalidRequest, NotFound
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import EndpointId, EndpointState, PortWish
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest

Folders = tuple[Path, Path]
Make = Callable[[str], str]
WEB = PortWish(container_port=80, host_ports=(8080, 8080))
ANY = PortWish(container_port=81)
HOST = ip_address("198.51.100.1")


def state_of(engine: Engine, number: int) -> EndpointState | None:
    found = [e.endpoint for v in engine.sandboxes() for e in v.endpoints]
    return next((e.state for e in found if e.id == endpoint_id(number)), None)


def test_a_container_s_life(engine: Engine, make_netns: Make, outside: object) -> None:
    """As dockerd lives it; its container is reached by both families and by a published port."""
    before = look_at_host()
    network = create(engine)
    assert (network.id, network.name) == (managed().key, managed().key[:12])
    netns = make_netns("one")

    endpoint = engine.driver.reserve(wish(1))
    assert endpoint.mac == "02:42:0a:5a:00:02"
    assert not link(endpoint.host_end)

    joined = engine.driver.join(endpoint.id, "/var/run/docker/netns/not-yet")
    assert (joined.ifname_prefix, list(map(str, joined.gateways))) == (
        "eth",
        ["10.90.0.1", "fd90::1"],
    )
    waiting = link(joined.link)
    assert (waiting["operstate"], waiting["address"]) == ("DOWN", endpoint.mac)
    assert "UP" not in waiting["flags"]
    assert link(endpoint.host_end)["master"] == network.bridge
    check_consistency(engine)

    move_in(joined, endpoint, "one")
    published = engine.driver.publish(endpoint.id, (WEB, ANY))
    assert published.ports[0].host_port == 8080
    assert link(endpoint.host_end)["linkinfo"]["info_slave_data"]["hairpin"] is True
    assert pings(netns, "10.90.0.1")
    assert pings(netns, "fd90::1")
    with listening(netns, 80):
        assert ask("/run/netns/out", "198.51.100.1", 8080) == "198.51.100.9"
        assert ask("", "127.0.0.1", 8080)
    check_consistency(engine)

    engine.driver.unpublish(endpoint.id)
    assert not ask("/run/netns/out", "198.51.100.1", 8080)
    assert link(endpoint.host_end)["linkinfo"]["info_slave_data"]["hairpin"] is False
    move_out(joined, "one")
    engine.driver.leave(endpoint.id)
    assert not link(joined.link)
    assert not link(endpoint.host_end)
    assert state_of(engine, 1) is EndpointState.RESERVED
    engine.driver.forget(endpoint.id)
    assert state_of(engine, 1) is None
    check_consistency(engine)
    engine.driver.remove_network(managed())
    engine.down()
    # whom it asked on the way is known until the kernel forgets
    assert {**look_at_host(), "neighbours": []} == before


def test_every_call_may_be_repeated(engine: Engine, make_netns: Make) -> None:
    network = create(engine)
    assert create(engine) == network
    make_netns("one")
    endpoint = engine.driver.reserve(wish(1))
    assert engine.driver.reserve(wish(1)) == endpoint
    joined = engine.driver.join(endpoint.id, "/run/netns/one")
    assert engine.driver.join(endpoint.id, "/run/netns/one") == joined
    move_in(joined, endpoint, "one")
    assert engine.driver.join(endpoint.id, "/run/netns/one") == joined
    ports = engine.driver.publish(endpoint.id, (WEB,)).ports
    assert engine.driver.publish(endpoint.id, (WEB,)).ports == ports
    check_consistency(engine)
    for _ in range(2):
        engine.driver.unpublish(endpoint.id)
    for _ in range(2):
        engine.driver.leave(endpoint.id)
    assert engine.driver.join(endpoint.id, "/run/netns/one") == joined
    for _ in range(2):
        engine.driver.forget(endpoint.id)
    engine.driver.leave(endpoint.id)
    engine.driver.unpublish(endpoint.id)
    for _ in range(2):
        engine.driver.remove_network(managed())
    check_consistency(engine)


def test_what_is_unknown_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound, match="Docker's network"):
        engine.driver.reserve(wish(1))
    with pytest.raises(NotFound, match="no such endpoint"):
        engine.driver.join(endpoint_id(1), "/n")
    with pytest.raises(NotFound, match="no such endpoint"):
        engine.driver.publish(endpoint_id(1), (WEB,))


def test_another_order_under_a_known_id_is_a_conflict(engine: Engine) -> None:
    create(engine)
    engine.driver.reserve(wish(1))
    with pytest.raises(Conflict, match="with other addresses"):
        engine.driver.reserve(wish(1, host=77))
    for other in (
        network_request(1, "10.91.0.0/16"),
        network_request(1, internal=True),
        network_request(1, options={"com.docker.network.driver.mtu": "1400"}),
    ):
        with pytest.raises(Conflict, match="exists already, and differs"):
            engine.driver.create_network(other)


def test_publishing_comes_after_joining(engine: Engine) -> None:
    create(engine)
    endpoint = engine.driver.reserve(wish(1))
    with pytest.raises(Conflict, match="it is reserved"):
        engine.driver.publish(endpoint.id, (WEB,))
    engine.driver.unpublish(endpoint.id)


def test_leaving_takes_ports_that_were_not_taken_back(engine: Engine, make_netns: Make) -> None:
    """After a restart with live-restore the newest dockerd revokes nothing."""
    create(engine)
    for end in (engine.driver.leave, engine.driver.forget):
        endpoint = engine.driver.reserve(wish(1))
        engine.driver.join(endpoint.id, "/n")
        engine.driver.publish(endpoint.id, (WEB,))
        end(endpoint.id)
        with socket.socket() as free:
            free.bind(("0.0.0.0", 8080))
        check_consistency(engine)


def test_a_taken_port_changes_nothing(engine: Engine) -> None:
    create(engine)
    one, two = (engine.driver.reserve(wish(n)) for n in (1, 2))
    for endpoint in (one, two):
        engine.driver.join(endpoint.id, "/n")
    engine.driver.publish(one.id, (WEB,))
    two_ports = engine.driver.publish(two.id, (ANY,)).ports
    with pytest.raises(Conflict, match="8080/tcp is taken by a container of Docker's"):
        engine.driver.publish(two.id, (ANY, WEB))
    found = [e.endpoint for e in engine.sandbox(two.sandbox).endpoints]
    assert found[0].ports == two_ports
    with socket.socket() as taker, pytest.raises(OSError, match="in use"):
        taker.bind(("0.0.0.0", two_ports[0].host_port))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 8099))
        taken.listen()
        with pytest.raises(Conflict, match="8099/tcp is taken by"):
            engine.driver.publish(two.id, (PortWish(container_port=1, host_ports=(8099, 8099)),))
    check_consistency(engine)


def test_ports_are_published_again_on_another_address(engine: Engine, outside: object) -> None:
    """Wider or narrower, without being taken back first; a port that cannot be had changes none."""
    create(engine)
    endpoint = engine.driver.reserve(wish(1))
    engine.driver.join(endpoint.id, "/n")
    local = replace(WEB, host_address=ip_address("127.0.0.1"))
    for wishes in ((WEB,), (local,), (replace(WEB, host_address=HOST),), (WEB, ANY), (local, ANY)):
        ports = engine.driver.publish(endpoint.id, wishes).ports
        assert ports[0].host_address == (wishes[0].host_address or ip_address("0.0.0.0"))
        held = str(ports[0].host_address)
        with socket.socket() as taker, pytest.raises(OSError, match="in use"):
            taker.bind((held, 8080))
        check_consistency(engine)
    with socket.socket() as free:
        free.bind((str(HOST), 8080))
        free.listen()
        with pytest.raises(Conflict, match="8080/tcp is taken by"):
            engine.driver.publish(endpoint.id, (WEB,))
        with socket.socket() as taker, pytest.raises(OSError, match="in use"):
            taker.bind(("127.0.0.1", 8080))
    check_consistency(engine)


def test_an_internal_network_publishes_nothing_and_leads_nowhere(engine: Engine) -> None:
    engine.driver.create_network(network_request(internal=True))
    endpoint = engine.driver.reserve(wish(1))
    assert engine.driver.join(endpoint.id, "/n").gateways == ()
    assert engine.driver.publish(endpoint.id, (WEB,)).ports == ()
    check_consistency(engine)


def test_an_address_that_is_given_again_is_taken_over(engine: Engine, make_netns: Make) -> None:
    """With Docker's own IPAM nobody tells us that an endpoint died with dockerd."""
    create(engine)
    engine.driver.reserve(wish(1))
    second = engine.driver.reserve(wish(2, host=2))
    assert state_of(engine, 1) is None
    engine.driver.join(second.id, "/run/docker/netns/gone")
    engine.driver.publish(second.id, (WEB,))
    third = engine.driver.reserve(wish(3, host=2))
    assert state_of(engine, 2) is None
    assert not link(second.host_end)
    joined = engine.driver.join(third.id, make_netns("three"))
    move_in(joined, third, "three")
    assert pings("/run/netns/three", "10.90.0.1")
    with pytest.raises(Conflict, match=r"10.90.0.2 .* in use by a container of Docker's"):
        engine.driver.reserve(wish(4, host=2))
    with pytest.raises(Conflict, match="active endpoints"):
        engine.driver.remove_network(managed())
    check_consistency(engine)


def test_a_mac_of_the_dead_is_free(engine: Engine) -> None:
    create(engine)
    engine.driver.reserve(wish(1, mac="0a:00:00:00:00:01"))
    assert engine.driver.reserve(wish(2, mac="0A:00:00:00:00:01")).mac == "0a:00:00:00:00:01"
    assert state_of(engine, 1) is None


def test_a_cable_that_died_with_its_namespace_is_dropped(engine: Engine, make_netns: Make) -> None:
    create(engine)
    make_netns("one")
    endpoint = engine.driver.reserve(wish(1))
    joined = engine.driver.join(endpoint.id, "/run/netns/one")
    move_in(joined, endpoint, "one")
    engine.driver.publish(endpoint.id, (WEB,))
    engine.driver.reserve(wish(2))
    run("ip", "netns", "del", "one")
    eventually(lambda: state_of(engine, 1) is None)
    assert state_of(engine, 2) is EndpointState.RESERVED
    with socket.socket() as free:
        free.bind(("0.0.0.0", 8080))
    check_consistency(engine)
    engine.driver.unpublish(endpoint.id)
    engine.driver.leave(endpoint.id)
    engine.driver.forget(endpoint.id)


def test_a_cable_that_dockerd_gave_back_while_we_were_away_is_dropped(
    fresh_host: None, folders: Folders, make_netns: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`docker rm` goes on without our answer, and nobody speaks of the endpoint again."""
    make_netns("one")
    before = Engine(*folders)
    create(before)
    endpoint = before.driver.reserve(wish(1))
    joined = before.driver.join(endpoint.id, "/run/netns/one")
    move_in(joined, endpoint, "one")
    before.driver.publish(endpoint.id, (WEB,))
    before.close()
    move_out(joined, "one")
    run("ip", "netns", "del", "one")

    again = Engine(*folders)
    assert state_of(again, 1) is EndpointState.ATTACHED, "it may be about to be moved in"
    again.close()
    monkeypatch.setattr(leaving, "MOVING_SECONDS", 0.0)
    again = Engine(*folders)
    eventually(lambda: state_of(again, 1) is None)
    assert not link(endpoint.host_end)
    with socket.socket() as free:
        free.bind(("0.0.0.0", 8080))
    check_consistency(again)
    again.down(force=True)
    again.close()


def test_a_loose_cable_is_plugged_in_again(engine: Engine, make_netns: Make) -> None:
    network = create(engine)
    make_netns("one")
    endpoint = engine.driver.reserve(wish(1))
    move_in(engine.driver.join(endpoint.id, "/run/netns/one"), endpoint, "one")
    run("ip", "link", "del", network.bridge)
    eventually(lambda: link(endpoint.host_end).get("master") == network.bridge)
    assert pings("/run/netns/one", "10.90.0.1")
    check_consistency(engine)


def test_a_restart_changes_nothing(fresh_host: None, folders: Folders, make_netns: Make) -> None:
    make_netns("one")
    with_it = Engine(*folders)
    network = create(with_it)
    endpoint = with_it.driver.reserve(wish(1))
    move_in(with_it.driver.join(endpoint.id, "/run/netns/one"), endpoint, "one")
    with_it.driver.publish(endpoint.id, (WEB,))
    with_it.driver.join(with_it.driver.reserve(wish(2)).id, "/run/netns/two")
    with_it.driver.reserve(wish(3))
    known = with_it.sandboxes()
    with_it.close()

    again = Engine(*folders)
    assert again.sandboxes() == known
    assert again.network(network.name).network == network
    check_consistency(again)
    assert pings("/run/netns/one", "10.90.0.1")
    nameless = f"a container of Docker's network {network.name}"  # here is no Docker to ask
    with pytest.raises(Conflict, match=f"10.90.0.2 on network .* is in use by {nameless}"):
        again.driver.reserve(wish(4, host=2))
    last = again.driver.reserve(wish(4))
    again.driver.join(last.id, "/run/netns/four")
    with pytest.raises(Conflict, match=rf"8080/tcp is taken by {nameless} \(published"):
        again.driver.publish(last.id, (WEB,))
    again.driver.forget(last.id)
    with pytest.raises(Conflict, match=f"still in use: {nameless}$"):
        again.down()
    again.down(force=True)
    assert not again.sandboxes()
    for number in (1, 2, 3):
        again.driver.leave(endpoint_id(number))
        again.driver.forget(endpoint_id(number))
    # dockerd starts its containers anew, and orders no network for that
    joined = again.driver.join(again.driver.reserve(wish(5)).id, "/n")
    assert link(joined.link)
    check_consistency(again)
    again.down(force=True)
    again.close()


def test_a_hundred_at_once(engine: Engine) -> None:
    create(engine)

    def live(number: int) -> None:
        endpoint = engine.driver.reserve(wish(number))
        engine.driver.join(endpoint.id, f"/run/docker/netns/{number}")
        engine.driver.publish(endpoint.id, (ANY,))
        if number % 2:
            engine.driver.leave(endpoint.id)
            engine.driver.forget(endpoint.id)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(live, range(1, 101)))
    states = [e.endpoint.state for v in engine.sandboxes() for e in v.endpoints]
    assert states == [EndpointState.ATTACHED] * 50
    check_consistency(engine)


def test_what_is_docker_s_is_not_ours_to_change(engine: Engine, make_netns: Make) -> None:
    name = create(engine).name
    endpoint = engine.driver.reserve(wish(1))
    engine.driver.join(endpoint.id, "/n")
    netns = make_netns("one")
    engine.attach(AttachRequest(name="one", netns=netns))
    member = engine.sandbox(endpoint.sandbox).sandbox.name
    for refused in (
        lambda: engine.attach(AttachRequest(netns=netns, networks=(NetworkWish(network=name),))),
        lambda: engine.connect(
            name, ConnectRequest(container="one", wish=NetworkWish(network=name))
        ),
        lambda: engine.connect(
            "bridge", ConnectRequest(container=member, wish=NetworkWish(network="bridge"))
        ),
        lambda: engine.disconnect(name, member),
        lambda: engine.detach(member),
        lambda: engine.remove_network(name),
    ):
        with pytest.raises(Conflict, match=f"network {name} belongs to Docker") as refusal:
            refused()
        assert "docker network" in refusal.value.hint
    engine.driver.forget(endpoint.id)
    assert engine.prune_networks() == ()
    with pytest.raises(InvalidRequest, match="only its engine can create it"):
        engine.create_network(network_request(2, "10.91.0.0/16"))
    engine.create_network(NetworkRequest(name=managed(2).key[:12]))
    assert engine.driver.create_network(network_request(2, "10.91.0.0/16")).name.startswith(
        "docker-"
    )


def test_hostile_ids(engine: Engine) -> None:
    create(engine)
    bad = wish(1)
    for text in ("", "../../etc", "A" * 64, "0" * 63, "g" * 64):
        with pytest.raises(InvalidRequest, match="bad endpoint id"):
            engine.driver.reserve(replace(bad, id=EndpointId(text)))
        request = network_request(2, "10.91.0.0/16")
        with pytest.raises(InvalidRequest, match="bad network id"):
            engine.driver.create_network(replace(request, managed=replace(managed(), key=text)))


def test_a_name_that_a_foreign_link_has_is_left_to_it(engine: Engine) -> None:
    create(engine)
    usual = engine.driver.reserve(wish(1))
    engine.driver.forget(usual.id)
    subprocess.run(["ip", "link", "add", usual.host_end, "type", "bridge"], check=True)
    other = engine.driver.reserve(wish(1))
    assert other.host_end != usual.host_end
    engine.driver.join(other.id, "/n")
    check_consistency(engine)
    subprocess.run(["ip", "link", "del", usual.host_end], check=True)
