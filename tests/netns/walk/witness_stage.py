"""Three containers and a host for tests of witnesses: a, b on br0, c on br1, routed between.

The host is the test's own namespace. Every container's link is eth0, its port `port-a` and so on.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex
from typing import Any

from tests.netns.cables import await_cables

from glassbridge.kernel.netns import CURRENT, cookie_of, inode_of, inside, open_netns
from glassbridge.kernel.witness import Watch
from glassbridge.model.packet import Transport

PORT = 9999
# tracepoints hear of the packets of all tests that run at the time
CLIENT_PORT, COOKIE = 40000 + os.getpid() % 20000, token_hex(6).encode()
A, B, C = "10.77.0.2", "10.77.0.3", "10.78.0.2"
A6, B6, C6 = "fd77::2", "fd77::3", "fd78::2"

_HOST = """
link add br0 type bridge forward_delay 0
link add br1 type bridge forward_delay 0
link set br0 up
link set br1 up
addr add 10.77.0.1/24 dev br0
addr add 10.78.0.1/24 dev br1
addr add fd77::1/64 dev br0 nodad
addr add fd78::1/64 dev br1 nodad
"""
_CONTAINERS = (("a", "br0", A, A6), ("b", "br0", B, B6), ("c", "br1", C, C6))


class Stage:
    """The namespaces, by descriptor, and a sender in a."""

    def __init__(self, make_netns: Callable[[str], str]) -> None:
        paths = {name: make_netns(name) for name, *_ in _CONTAINERS}
        for name in ("", *paths):
            # link-local addresses are good at once
            run("sysctl -qw net.ipv6.conf.default.accept_dad=0", name)
        batch(_HOST)
        for name, bridge, address, address6 in _CONTAINERS:
            batch(f"link add port-{name} type veth peer name eth0 netns {name}")
            batch(f"link set port-{name} master {bridge} up")
            batch(
                f"""
                addr add {address}/24 dev eth0
                addr add {address6}/64 dev eth0 nodad
                link set eth0 up
                route add default via {address.rpartition(".")[0]}.1
                route add default via {address6.partition("::")[0]}::1
                """,
                name,
            )
        run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        await_cables()
        self.fds = {"host": open_netns(CURRENT)}
        self.fds |= {name: open_netns(path) for name, path in paths.items()}

    def close(self) -> None:
        for fd in self.fds.values():
            os.close(fd)

    def cookie(self, name: str) -> int:
        return cookie_of(self.fds[name])

    def name_of(self, inode: int) -> str:
        return {inode_of(fd): name for name, fd in self.fds.items()}.get(inode, str(inode))

    def links(self, name: str) -> dict[int, str]:
        """Its links by their index, as `ip` prints them."""
        printed = run("ip -j link", "" if name == "host" else name)
        return {link["ifindex"]: link["ifname"] for link in json.loads(printed)}

    def place(self, inode: int, ifindex: int | None) -> str:
        """`NAME LINK`, as far as there are both."""
        name = self.name_of(inode)
        if not ifindex:
            return name
        return f"{name} {self.links(name).get(ifindex, ifindex)}"

    def watch(self, transport: Transport = Transport.UDP, version: int = 4) -> Watch:
        return Watch(
            namespaces={cookie_of(fd): fd for fd in self.fds.values()},
            transport=transport,
            version=version,
            client_port=CLIENT_PORT,
            server_ports=frozenset({PORT}),
            payload=b"" if transport is Transport.TCP else COOKIE,
        )

    def send(self, to: str, *, port: int = PORT, size: int = 20, source: str = "a") -> str:
        """A datagram with the cookie; the name of the error that the sender got at once."""
        with self.client(source, to) as client:
            try:
                client.sendto(COOKIE.ljust(size, b"."), (to, port))
            except OSError as error:
                return os.strerror(error.errno or 0)
        return ""

    @contextmanager
    def client(self, source: str, to: str) -> Iterator[socket.socket]:
        family = socket.AF_INET6 if ip_address(to).version == 6 else socket.AF_INET
        with inside(self.fds[source]):
            opened = socket.socket(family, socket.SOCK_DGRAM)
        with opened:
            opened.bind(("", CLIENT_PORT))
            yield opened


def settled(collect: Callable[[], Iterable[Any]]) -> list[Any]:
    """What a witness collects, until nothing has come for a while; softirqs may be late."""
    found = list(collect())
    end = time.monotonic() + 5
    while time.monotonic() < end:
        time.sleep(0.05)
        new = list(collect())
        if found and not new:
            break
        found += new
    return found


def await_idle(process: subprocess.Popen[Any]) -> None:
    """Wait until a program that reads what comes has read all of it, and sleeps."""
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0] != "S":
        time.sleep(0.01)


def batch(commands: str, netns: str = "") -> None:
    """`ip -batch`."""
    options = ["-n", netns] if netns else []
    subprocess.run(["ip", *options, "-batch", "-"], input=commands, text=True, check=True)


def run(commands: str, netns: str = "") -> str:
    """Shell commands, in the host's namespace or a container's."""
    prefix = ["ip", "netns", "exec", netns] if netns else []
    done = subprocess.run(
        [*prefix, "sh", "-euc", commands], check=True, capture_output=True, text=True
    )
    return done.stdout
