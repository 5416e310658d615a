"""kernel.ports: who can and who cannot take a port that is held."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from glassbridge.errors import Conflict, InvalidRequest, PermissionRefused
from glassbridge.kernel import ports as module
from glassbridge.kernel import sysctl
from glassbridge.kernel.ports import PortHolder, ephemeral_ports, ephemeral_range
from glassbridge.model.endpoint import Protocol, PublishedPort

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


def published(address: str, port: int, protocol: Protocol = Protocol.TCP) -> PublishedPort:
    return PublishedPort(
        host_address=ip_address(address), host_port=port, container_port=80, protocol=protocol
    )


@pytest.fixture
def holder(fresh_host: None) -> Iterator[PortHolder]:
    opened = PortHolder()
    yield opened
    opened.close()


def refusal(address: str, port: int, kind: int = STREAM, *, reuse: bool = False) -> int:
    """What a program that wants the port is told; 0 is success."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as other:
        if reuse:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            other.bind((address, port))
            if kind == STREAM:
                other.listen()
        except OSError as error:
            return error.errno or -1
    return 0


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_nobody_takes_a_held_port(holder: PortHolder, protocol: Protocol, reuse: bool) -> None:
    kind = STREAM if protocol is Protocol.TCP else DGRAM
    held = published("0.0.0.0", 8080, protocol)
    holder.hold(held)
    holder.hold(held)
    assert refusal("0.0.0.0", 8080, kind, reuse=reuse) == errno.EADDRINUSE
    assert refusal("127.0.0.1", 8080, kind, reuse=reuse) == errno.EADDRINUSE
    assert refusal("::", 8080, kind, reuse=reuse) == 0, "IPv6 is another matter"
    assert refusal("0.0.0.0", 8080, DGRAM if kind == STREAM else STREAM) == 0
    holder.release(held)
    holder.release(held)
    assert refusal("0.0.0.0", 8080, kind) == 0


def test_a_held_ipv6_port_leaves_ipv4_alone(holder: PortHolder) -> None:
    holder.hold(published("::", 8080))
    assert refusal("::1", 8080) == errno.EADDRINUSE
    assert refusal("0.0.0.0", 8080) == 0
    holder.hold(published("0.0.0.0", 8080))


def test_a_held_address_leaves_the_others_alone(holder: PortHolder) -> None:
    holder.hold(published("127.0.0.1", 8080))
    assert refusal("127.0.0.1", 8080) == errno.EADDRINUSE
    assert refusal("127.0.0.2", 8080) == 0


def test_a_client_of_a_held_tcp_port_is_refused_at_once(holder: PortHolder) -> None:
    holder.hold(published("0.0.0.0", 8080))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8080), timeout=5)


SERVER = """
import socket, sys, time
kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[sys.argv[1]]
server = socket.socket(socket.AF_INET, kind)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", 8080))
if sys.argv[2] == "listen":
    server.listen()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("protocol", "state"),
    [(Protocol.TCP, "listen"), (Protocol.TCP, "bound"), (Protocol.UDP, "bound")],
)
def test_a_taken_port_is_refused_with_its_owner(
    holder: PortHolder, protocol: Protocol, state: str
) -> None:
    command = [sys.executable, "-c", SERVER, protocol, state]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        name = Path(f"/proc/{server.pid}/comm").read_text().strip()
        with pytest.raises(Conflict) as caught:
            holder.hold(published("127.0.0.1", 8080, protocol))
        server.kill()
    message = f"host port 8080/{protocol} is taken by {name} (pid {server.pid})"
    assert caught.value.message == message
    assert "another host port, e.g. 8081" in caught.value.hint
    holder.hold(published("127.0.0.1", 8080, protocol))


def test_a_port_that_a_keeper_has_is_left_to_it(holder: PortHolder) -> None:
    port = published("0.0.0.0", 8080)
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, "tcp", "listen"], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        name = Path(f"/proc/{server.pid}/comm").read_text().strip()
        with pytest.raises(Conflict, match="8080"):
            holder.check([port], ("podman",))
        holder.check([port], ("podman", name))
        server.kill()
    holder.check([port], ())
    assert refusal("0.0.0.0", 8080) == 0, "a check holds nothing"


def test_remains_of_closed_connections_are_no_obstacle(holder: PortHolder) -> None:
    with socket.create_server(("127.0.0.1", 8080)) as server:
        client = socket.create_connection(("127.0.0.1", 8080))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first is left in TIME_WAIT
        client.close()
    assert refusal("0.0.0.0", 8080) == errno.EADDRINUSE
    holder.hold(published("0.0.0.0", 8080))
    assert refusal("0.0.0.0", 8080, reuse=True) == errno.EADDRINUSE
    assert refusal("127.0.0.1", 8080, reuse=True) == errno.EADDRINUSE


def test_a_connection_that_stands_is_an_obstacle(holder: PortHolder) -> None:
    with socket.create_server(("127.0.0.1", 8080)) as server:
        client = socket.create_connection(("127.0.0.1", 8080))
        accepted, _ = server.accept()
    with client, accepted, pytest.raises(Conflict, match=f"pid {os.getpid()}"):
        holder.hold(published("127.0.0.1", 8080))


def test_all_or_none(holder: PortHolder) -> None:
    before, free, taken = (published("127.0.0.1", p) for p in (8079, 8080, 8081))
    holder.hold(before)
    with socket.create_server(("127.0.0.1", 8081)):
        with pytest.raises(Conflict):
            holder.hold_all([before, free, taken])
        assert refusal("127.0.0.1", 8080) == 0
        assert refusal("127.0.0.1", 8079) == errno.EADDRINUSE, "was held before"
    holder.hold_all([before, free, taken])
    assert refusal("127.0.0.1", 8081) == errno.EADDRINUSE


def test_an_address_of_somebody_else(holder: PortHolder) -> None:
    with pytest.raises(InvalidRequest, match=r"198\.51\.100\.1 is not an address of this host"):
        holder.hold(published("198.51.100.1", 8080))


def test_sctp_is_held_where_the_kernel_has_it(holder: PortHolder) -> None:
    try:
        socket.socket(socket.AF_INET, STREAM, socket.IPPROTO_SCTP).close()
        has_sctp = True
    except OSError:
        has_sctp = False
    port = published("127.0.0.1", 8080, Protocol.SCTP)
    holder.hold(port)
    assert (holder._held[module._key(port)] is not None) == has_sctp  # noqa: SLF001 - unseen else
    holder.release(port)


def test_a_low_port_without_the_privilege(
    holder: PortHolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PermissionRefused, match="hold host port 80/tcp: Permission denied"):
        holder.hold(published("127.0.0.1", 80))


def test_ephemeral_ports_are_the_kernels(fresh_host: None) -> None:
    sysctl.write("net.ipv4.ip_local_port_range", "40000 40009")
    sysctl.write("net.ipv4.ip_local_reserved_ports", "40002,40005-40007")
    assert ephemeral_range() == (40000, 40009)
    found = list(ephemeral_ports())
    assert sorted(found) == [40000, 40001, 40003, 40004, 40008, 40009]
    assert len({next(ephemeral_ports()) for _ in range(200)}) > 1, "not always the same first"
