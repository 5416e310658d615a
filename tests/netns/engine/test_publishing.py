"""Published ports through the engine: who reaches them, who else may have them, when they end."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import pytest
from tests.netns.engine.conftest import Outside
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import ask, eventually, is_free, listening, open_socket, pings, run

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, InvalidRequest
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import Endpoint, PortWish
from glassbridge.model.ports import parse_ports
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest

Make = Callable[[str], str]
Publish = Callable[..., Endpoint]
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
NF_CALL = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


@pytest.fixture
def publish(engine: Engine, make_netns: Make) -> Publish:
    """Attach a namespace of that name, with ports as `-p` writes them."""

    def attach(name: str, *ports: str, network: str = "bridge") -> Endpoint:
        wishes = tuple(wish for text in ports for wish in parse_ports(text))
        request = AttachRequest(
            name=name,
            netns=make_netns(name),
            networks=(NetworkWish(network=network),),
            ports=wishes,
        )
        return engine.attach(request).endpoints[0].endpoint

    return attach


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@pytest.mark.parametrize("kind", [TCP, UDP], ids=["tcp", "udp"])
def test_everybody_reaches_it(
    publish: Publish, outside: Outside, kind: int, bridge_nf: str
) -> None:
    """From outside with the client's own address, from the host, a sibling, and itself."""
    NF_CALL.write_text(bridge_nf)
    publish("box", "8080:80", "8080:80/udp")
    publish("sibling")
    with listening("/run/netns/box", 80, kind):
        assert ask(outside.netns, "198.51.100.1", 8080, kind) == outside.address
        assert ask("", "127.0.0.1", 8080, kind) == "172.17.0.1"
        assert ask("", "198.51.100.1", 8080, kind)
        assert ask("/run/netns/sibling", "198.51.100.1", 8080, kind)
        assert ask("/run/netns/box", "198.51.100.1", 8080, kind)


def test_a_specific_address(publish: Publish, outside: Outside) -> None:
    run("ip", "addr", "add", "198.51.100.2/24", "dev", "up0")
    publish("one", "198.51.100.1:8080:80", "127.0.0.1:9090:80")
    publish("two", "198.51.100.2:8080:80")
    with listening("/run/netns/one", 80):
        assert ask(outside.netns, "198.51.100.1", 8080)
        assert not ask(outside.netns, "198.51.100.2", 8080, patience=0.3)
        assert ask("", "127.0.0.1", 9090)
        assert not ask(outside.netns, "198.51.100.1", 9090, patience=0.3)
        assert not ask("", "127.0.0.1", 8080, patience=0.3)
    with pytest.raises(InvalidRequest, match=r"203\.0\.113\.5 is not an address of this host"):
        publish("three", "203.0.113.5:8080:80")


def test_both_families(engine: Engine, publish: Publish, outside: Outside) -> None:
    run("ip", "addr", "add", "2001:db8::1/64", "dev", "up0", "nodad")
    run("ip", "-n", "out", "addr", "add", "2001:db8::9/64", "dev", "up0", "nodad")
    engine.create_network(NetworkRequest(name="six", ipv6=True))
    box = publish("box", "8080:80", network="six")
    assert [str(p) for p in box.ports] == ["8080->80", "8080->80"]
    assert box.ipv6 is not None
    with listening("/run/netns/box", 80, TCP, socket.AF_INET6):
        assert ask(outside.netns, "2001:db8::1", 8080) == "2001:db8::9"
        assert not ask("", "::1", 8080, patience=0.3)


def test_ranges(publish: Publish) -> None:
    ports = publish("box", "8000-8002:80-82").ports
    assert [(p.host_port, p.container_port) for p in ports] == [(8000, 80), (8001, 81), (8002, 82)]
    with held("0.0.0.0", 9000):
        chosen = [publish(name, "9000-9002:80").ports[0].host_port for name in ("one", "two")]
        assert chosen == [9001, 9002], "the first that is free"
        with pytest.raises(Conflict, match="no free host port between 9000 and 9002 for 80/tcp"):
            publish("three", "9000-9002:80")
    assert publish("four", "9000-9002:80").ports[0].host_port == 9000


def test_ephemeral_ports(publish: Publish) -> None:
    """From the kernel's range, without what the administrator reserved."""
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40005")
    Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text("40001-40002")
    with held("0.0.0.0", 40003):
        found = {publish(f"box{i}", "80").ports[0].host_port for i in range(3)}
        assert found == {40000, 40004, 40005}
        with pytest.raises(Conflict, match="no free host port between 40000 and 40005"):
            publish("last", "80")


def test_a_port_taken_by_us_is_refused_by_name(engine: Engine, publish: Publish) -> None:
    publish("one", "8080:80")
    for clash in ("8080:90", "127.0.0.1:8080:90"):
        with pytest.raises(Conflict, match=r"8080/tcp is taken by one \(published .* ago\)"):
            publish(f"no-{clash.count('.')}", clash)
    assert publish("two", "8080:80/udp").ports, "another protocol is another port"
    with pytest.raises(Conflict, match="8081/tcp is asked for twice"):
        publish("three", "8081:80", "8081:81")
    assert is_free(8081), "nothing of a refused request stays"
    check_consistency(engine)


def test_a_port_taken_by_a_program_is_refused_by_its_name(publish: Publish) -> None:
    with program_on(8080) as pid, pytest.raises(Conflict) as refused:
        publish("one", "8079:79", "8080:80")
    assert f"8080/tcp is taken by nc (pid {pid})" in refused.value.message
    assert "another host port, e.g. 8081" in refused.value.hint
    assert is_free(8079)
    publish("two", "8079:79", "8080:80")


def test_a_held_port_is_not_given_to_programs(engine: Engine, publish: Publish) -> None:
    publish("box", "8080:80", "5353:53/udp")
    assert not is_free(8080)
    assert not is_free(5353, UDP)
    engine.detach("box")
    assert is_free(8080)
    assert is_free(5353, UDP)
    assert run("nft", "list", "map", "inet", "glassbridge", "published4_any").count("8080") == 0


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (PortWish(container_port=0), "bad container port 0"),
        (PortWish(container_port=70000), "bad container port 70000"),
        (PortWish(container_port=80, host_ports=(0, 0)), "bad host port 0"),
        (PortWish(container_port=80, host_ports=(70000, 70000)), "bad host port 70000"),
        (PortWish(container_port=80, host_ports=(9001, 9000)), "runs backwards"),
        (PortWish(container_port=80, host_address=IPv6Address("::1")), "::1"),
        (PortWish(container_port=80, host_address=ip_address("224.0.0.1")), "multicast"),
    ],
)
def test_impossible_wishes(engine: Engine, make_netns: Make, wish: PortWish, said: str) -> None:
    """Front-ends parse `-p`; one that sends numbers of its own is refused as well."""
    good = PortWish(container_port=1, host_ports=(8001, 8001))
    request = AttachRequest(name="box", netns=make_netns("box"), ports=(good, wish))
    with pytest.raises(InvalidRequest, match=said):
        engine.attach(request)
    assert is_free(8001)
    assert engine.sandboxes() == ()


def test_a_client_that_never_pauses_reaches_the_successor(
    engine: Engine, publish: Publish, outside: Outside
) -> None:
    """Its UDP flow is forgotten with the old endpoint, else it would go on to a dead address."""
    with open_socket(outside.netns, UDP) as client:
        client.settimeout(0.3)
        client.connect(("198.51.100.1", 5353))
        publish("one", "5353:53/udp")
        with listening("/run/netns/one", 53, UDP):
            eventually(lambda: says(client))
        assert flows("dport=5353")
        engine.detach("one")
        assert not flows("dport=5353")
        assert not says(client), "refused, and now the kernel knows a flow to the host itself"
        publish("two", "5353:53/udp")
        with listening("/run/netns/two", 53, UDP):
            eventually(lambda: says(client))


def test_connections_of_a_freed_address_are_forgotten(
    engine: Engine, publish: Publish, outside: Outside
) -> None:
    publish("box", "8080:80")
    with listening(outside.netns, 80), listening("/run/netns/box", 80):
        assert ask("/run/netns/box", outside.address, 80)
        assert ask(outside.netns, "198.51.100.1", 8080)
    publish("other")
    assert pings("/run/netns/other", outside.address)
    assert flows("172.17.0.2")
    kept = flows("172.17.0.3")
    assert kept
    engine.detach("box")
    assert not flows("172.17.0.2")
    assert flows("172.17.0.3"), "those of others stay"


def test_ports_move_between_networks(engine: Engine, publish: Publish, outside: Outside) -> None:
    """disconnect hands them to the next gateway; without one they end."""
    engine.create_network(NetworkRequest(name="alpha"))
    publish("box", "8080:80")
    engine.connect("alpha", ConnectRequest(container="box", wish=NetworkWish(network="alpha")))
    with listening("/run/netns/box", 80):
        assert ask(outside.netns, "198.51.100.1", 8080)
        engine.disconnect("bridge", "box")
        assert ask(outside.netns, "198.51.100.1", 8080)
    assert not is_free(8080)
    engine.disconnect("alpha", "box")
    assert is_free(8080)
    check_consistency(engine)


def flows(text: str) -> list[str]:
    return [line for line in run("conntrack", "-L").splitlines() if text in line]


def says(client: socket.socket) -> bool:
    try:
        client.send(b"who")
        return bool(client.recv(100))
    except OSError:
        return False


@contextmanager
def held(address: str, port: int) -> Iterator[None]:
    with socket.socket() as holder:
        holder.bind((address, port))
        holder.listen()
        yield


@contextmanager
def program_on(port: int) -> Iterator[int]:
    with subprocess.Popen(["nc", "-l", "-p", str(port)]) as program:
        eventually(lambda: not is_free(port))
        yield program.pid
        program.kill()
