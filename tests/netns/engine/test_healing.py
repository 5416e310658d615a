"""Whatever of ours vanishes is put back within a second, and a restart interrupts nobody."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import (
    addresses,
    eventually,
    is_free,
    link,
    open_socket,
    pings,
    run,
    show,
)

from glassbridge.engine.engine import Engine
from glassbridge.errors import NotFound
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import Endpoint, PortWish, Protocol
from glassbridge.model.kernel_names import DOOMED_GROUP, LINK_GROUP
from glassbridge.model.requests import AttachRequest, NetworkRequest

Folders = tuple[Path, Path]
Make = Callable[[str], str]
WEB = PortWish(container_port=80, host_ports=(8080, 8080))
DNS = PortWish(container_port=53, host_ports=(5353, 5353), protocol=Protocol.UDP)


@pytest.fixture
def pair(engine: Engine, make_netns: Make) -> tuple[Endpoint, Endpoint]:
    """Two sandboxes of the default network; the first publishes ports."""
    one = engine.attach(AttachRequest(name="one", netns=make_netns("one"), ports=(WEB, DNS)))
    two = engine.attach(AttachRequest(name="two", netns=make_netns("two")))
    time.sleep(0.1)  # what the attaches themselves announced is heard by then
    return one.endpoints[0].endpoint, two.endpoints[0].endpoint


@pytest.mark.parametrize(
    "damage",
    [
        "flush ruleset",
        "delete table inet glassbridge",
        "delete table bridge glassbridge",
        "flush chain inet glassbridge forward",
        "flush map inet glassbridge published4_any",
    ],
)
def test_rules_come_back(engine: Engine, pair: tuple[Endpoint, Endpoint], damage: str) -> None:
    before = run("nft", "-s", "list", "ruleset")
    run("nft", damage)
    eventually(lambda: last_recovery(engine) == ("our tables changed", ("firewall",), ()))
    assert run("nft", "-s", "list", "ruleset") == before
    check_consistency(engine)


def test_a_cable_comes_back(engine: Engine, pair: tuple[Endpoint, Endpoint]) -> None:
    one, _ = pair
    run("ip", "link", "del", one.host_end)
    eventually(lambda: link(one.ifname, "one").get("operstate") == "UP")
    assert link(one.ifname, "one")["address"] == one.mac
    assert addresses(one.ifname, "one") == {str(one.ipv4)}
    assert pings("/run/netns/one", "172.17.0.3")
    assert link(one.host_end)["linkinfo"]["info_slave_data"]["hairpin"] is True
    eventually(lambda: one.host_end in last_recovery(engine)[1])
    check_consistency(engine)


@pytest.mark.parametrize("damage", ["addr del 172.17.0.1/16 dev gb0", "link set gb0 down"])
def test_a_bridge_is_what_it_was(
    engine: Engine, pair: tuple[Endpoint, Endpoint], damage: str
) -> None:
    """Its address is everybody's way out."""
    run("ip", *damage.split())
    eventually(lambda: last_recovery(engine) == ("a bridge changed", ("gb0",), ()))
    assert "172.17.0.1/16" in addresses("gb0")
    assert pings("/run/netns/one", "172.17.0.1")


@pytest.mark.parametrize("damage", ["nomaster", "down"])
def test_a_loose_cable_is_plugged_again(
    engine: Engine, pair: tuple[Endpoint, Endpoint], damage: str
) -> None:
    one, _ = pair
    index = link(one.host_end)["ifindex"]
    run("ip", "link", "set", one.host_end, damage)
    eventually(lambda: one.host_end in ports_of("gb0") and "UP" in link(one.host_end)["flags"])
    assert pings("/run/netns/one", "172.17.0.1")
    assert link(one.host_end)["ifindex"] == index
    assert link(one.host_end)["linkinfo"]["info_slave_data"]["hairpin"] is True
    eventually(lambda: last_recovery(engine)[1:] == ((one.host_end,), ()))
    assert "a link vanished" in last_recovery(engine)[0]


def test_a_bridge_comes_back_with_its_ports(
    engine: Engine, pair: tuple[Endpoint, Endpoint]
) -> None:
    mac = link("gb0")["address"]
    run("ip", "link", "del", "gb0")
    eventually(lambda: {e.host_end for e in pair} == ports_of("gb0"))
    assert link("gb0")["address"] == mac
    assert addresses("gb0") == {"172.17.0.1/16"}
    assert pings("/run/netns/one", "172.17.0.3")
    assert pings("/run/netns/one", "172.17.0.1")
    eventually(lambda: set(last_recovery(engine)[1]) >= {"gb0", *(e.host_end for e in pair)})
    check_consistency(engine)


def test_our_own_work_is_not_mistaken_for_damage(engine: Engine, make_netns: Make) -> None:
    engine.up()
    time.sleep(0.2)
    recovery = engine.status().last_recovery
    for name in ("aa", "bb"):
        engine.attach(AttachRequest(name=name, netns=make_netns(name), ports=()))
    engine.detach("aa")
    time.sleep(0.3)
    assert engine.status().last_recovery == recovery


def test_a_deleted_namespace_is_forgotten(engine: Engine, make_netns: Make) -> None:
    box = make_netns("box")
    endpoint = engine.attach(AttachRequest(name="box", netns=box, ports=(WEB,))).endpoints[0]
    run("ip", "netns", "del", "box")
    eventually(lambda: not engine.sandboxes())
    check_consistency(engine)
    wish = NetworkWish(network="bridge", ipv4=str(endpoint.endpoint.addresses[0]))
    again = AttachRequest(name="box", netns=make_netns("box"), networks=(wish,), ports=(WEB,))
    assert engine.attach(again).endpoints[0].endpoint.ipv4 == endpoint.endpoint.ipv4


def test_a_process_that_exits_is_forgotten(engine: Engine) -> None:
    process = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    eventually(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
    engine.attach(AttachRequest(name="box", pid=process.pid, ports=(WEB, DNS)))
    process.kill()  # and nobody waits for it yet: a zombie has no namespace either
    eventually(lambda: not engine.sandboxes())
    process.wait()
    check_consistency(engine)
    assert last_recovery(engine)[2] == ("box",)
    for kind, port in ((socket.SOCK_STREAM, 8080), (socket.SOCK_DGRAM, 5353)):
        with socket.socket(socket.AF_INET, kind) as free:
            free.bind(("0.0.0.0", port))


def test_strays_are_swept_at_start(fresh_host: None, folders: Folders, make_netns: Make) -> None:
    """By alias or by group, cables and bridges; what belongs to others stays."""
    group = ("group", str(LINK_GROUP))
    make_netns("old")
    peer = ("type", "veth", "peer", "name", "eth0", "netns", "old")
    run("ip", "link", "add", "vethaaaaaaa", *group, *peer)
    run("ip", "link", "add", "vethbbbbbbb", "type", "veth", "peer", "name", "eth1", "netns", "old")
    run("ip", "link", "set", "vethbbbbbbb", "alias", "glassbridge:0123456789ab")
    doomed = ("group", str(DOOMED_GROUP))
    run("ip", "link", "add", "vethccccccc", *doomed, *peer[:-3], "eth2", "netns", "old")
    run("ip", "link", "add", "gb-00000000", *group, "type", "bridge")
    run("ip", "link", "add", "vethddddddd", "type", "veth", "peer", "name", "eth3", "netns", "old")
    engine = Engine(*folders)
    try:
        recovery = engine.status().last_recovery
        assert recovery is not None
        strays = {"vethaaaaaaa", "vethbbbbbbb", "vethccccccc", "gb-00000000"}
        assert set(recovery.removed) == strays
        assert {k["ifname"] for k in show("ip", "-j", "link")} == {"lo", "vethddddddd"}
    finally:
        engine.close()


def test_a_restart_interrupts_nobody(fresh_host: None, folders: Folders, make_netns: Make) -> None:
    """One TCP connection through a published port, one ping: neither loses a packet."""
    engine = Engine(*folders)
    box = make_netns("box")
    engine.attach(AttachRequest(name="box", netns=box, ports=(WEB,)))
    rules = run("nft", "-s", "list", "ruleset")
    before = engine.sandboxes()
    with echoing(box, 80), streaming(8080) as sent_again, flood(box, "172.17.0.1"):
        for _ in range(3):
            time.sleep(0.1)
            engine.close()
            time.sleep(0.1)
            engine = Engine(*folders)
        assert sent_again() == 0
    assert engine.sandboxes() == before
    assert run("nft", "-s", "list", "ruleset") == rules
    check_consistency(engine)
    engine.down(force=True)
    engine.close()


def test_everything_is_repaired_at_start(
    fresh_host: None, folders: Folders, make_netns: Make
) -> None:
    """While no daemon runs: rules flushed, bridge and cable deleted, a namespace gone."""
    engine = Engine(*folders)
    engine.create_network(NetworkRequest(name="blue", ipv6=True))
    both = (NetworkWish(network="bridge"), NetworkWish(network="blue"))
    view = engine.attach(AttachRequest(name="box", netns=make_netns("box"), networks=both))
    engine.attach(AttachRequest(name="gone", netns=make_netns("gone")))
    first, second = (e.endpoint for e in view.endpoints)
    engine.close()
    run("nft", "flush", "ruleset")
    run("ip", "link", "del", "gb0")
    run("ip", "link", "del", second.host_end)
    run("ip", "netns", "del", "gone")
    engine = Engine(*folders)
    check_consistency(engine)
    assert [s.sandbox.name for s in engine.sandboxes()] == ["box"]
    recovery = engine.status().last_recovery
    assert recovery is not None
    assert recovery.trigger == "start"
    assert set(recovery.restored) == {"firewall", "gb0", first.host_end, second.host_end}
    assert recovery.removed == ("gone",)
    assert recovery.failed == ()
    assert recovery.duration_ms > 0
    assert pings("/run/netns/box", "172.17.0.1")
    engine.down(force=True)
    engine.close()


def test_published_ports_are_held_again(
    fresh_host: None, folders: Folders, make_netns: Make
) -> None:
    engine = Engine(*folders)
    engine.attach(AttachRequest(name="box", netns=make_netns("box"), ports=(WEB, DNS)))
    engine.close()
    assert is_free(8080)
    engine = Engine(*folders)
    try:
        assert not is_free(8080)
        assert not is_free(5353, socket.SOCK_DGRAM)
        engine.detach("box")
        assert is_free(8080)
    finally:
        engine.down(force=True)
        engine.close()


def test_a_port_taken_meanwhile_is_reported(
    fresh_host: None, folders: Folders, make_netns: Make
) -> None:
    engine = Engine(*folders)
    box = make_netns("box")
    engine.attach(AttachRequest(name="box", netns=box, ports=(WEB,)))
    engine.close()
    with socket.socket() as thief:
        thief.bind(("0.0.0.0", 8080))
        thief.listen()
        engine = Engine(*folders)
        try:
            status = engine.status()
            assert status.last_recovery is not None
            (failed,) = status.last_recovery.failed
            assert "host port 8080/tcp is taken by" in failed
            assert not status.healthy
            assert failed in status.detail
            # the container keeps it all the same: what comes for the port is translated first
            with echoing(box, 80), socket.create_connection(("127.0.0.1", 8080), 2) as client:
                client.send(b"x")
                assert client.recv(1) == b"x"
            (view,) = engine.sandboxes()
            run("ip", "link", "del", view.endpoints[0].endpoint.host_end)
            eventually(lambda: link("eth0", box).get("operstate") == "UP")
            assert pings(box, "172.17.0.1")
        finally:
            engine.down(force=True)
            engine.close()


def test_an_adopted_bridge_that_is_gone_is_reported(
    fresh_host: None, folders: Folders, make_netns: Make
) -> None:
    """It is not ours to make again; everything else works."""
    run("ip", "link", "add", "br9", "type", "bridge")
    engine = Engine(*folders)
    engine.create_network(
        NetworkRequest(name="lan", options={"com.docker.network.bridge.name": "br9"})
    )
    engine.close()
    run("ip", "link", "del", "br9")
    engine = Engine(*folders)
    try:
        recovery = engine.status().last_recovery
        assert recovery is not None
        assert any("br9" in text for text in recovery.failed)
        engine.attach(AttachRequest(name="box", netns=make_netns("box")))
        assert pings("/run/netns/box", "172.17.0.1")
        wish = NetworkWish(network="lan")
        request = AttachRequest(name="x2", netns=make_netns("x2"), networks=(wish,))
        with pytest.raises(NotFound, match="br9"):
            engine.attach(request)
    finally:
        engine.down(force=True)
        engine.close()


def last_recovery(engine: Engine) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Why, what was put back, and what was taken away."""
    last = engine.status().last_recovery
    assert last is not None
    return last.trigger, last.restored, last.removed


def ports_of(bridge: str) -> set[str]:
    return {k["ifname"] for k in show("ip", "-j", "link") if k.get("master") == bridge}


@contextmanager
def echoing(netns: str, port: int) -> Iterator[None]:
    """A server in a namespace that gives one client back what it says."""
    with open_socket(netns) as server:
        server.bind(("0.0.0.0", port))
        server.listen()
        server.settimeout(10)

        def serve() -> None:
            client, _ = server.accept()
            with client:
                while said := client.recv(100):
                    client.send(said)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


@contextmanager
def streaming(port: int) -> Iterator[Callable[[], float]]:
    """Say something every 5 ms; yields how many segments the kernel had to send again until now."""
    stop = threading.Event()
    client = socket.create_connection(("127.0.0.1", port), 20)

    def talk() -> None:
        while not stop.is_set():
            client.send(b"x")
            assert client.recv(1) == b"x"
            time.sleep(0.005)

    def sent_again() -> float:
        told = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return float(struct.unpack_from("=I", told, 100)[0]) if thread.is_alive() else float("inf")

    thread = threading.Thread(target=talk)
    thread.start()
    yield sent_again
    stop.set()
    thread.join()
    client.close()


@contextmanager
def flood(netns: str, to: str) -> Iterator[None]:
    """Ping every 10 ms and lose nothing but what was still on its way at the end."""
    command = ["ip", "netns", "exec", Path(netns).name, "ping", "-q", "-i", "0.01", to]
    ping = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield
    ping.send_signal(2)
    said, _ = ping.communicate(timeout=30)
    sent, received = map(int, re.findall(r"(\d+) (?:packets transmitted|received)", said))
    assert sent - received <= 1
