"""A host that routes: a and b on br0, c on br1, d by an uplink; predictions beside real packets.

The host is the test's own namespace, called `host`. Each container's link is eth0, its port `to-a`.
"""

import os
import shlex
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import TypeVar

from tests.netns.cables import await_cables

from glassbridge.engine.survey import Survey
from glassbridge.kernel.netns import CURRENT, cookie_of, inside, open_netns
from glassbridge.model.packet import Question, Transport
from glassbridge.model.walk import Disposition, Walk
from glassbridge.walk.predict import predict

HOST = "host"
Made = TypeVar("Made")
PORT = 8080
A, B, C, D = "10.77.0.2", "10.77.0.3", "10.78.0.2", "192.0.2.2"
A6, B6, C6, D6 = "fd77::2", "fd77::3", "fd78::2", "fd92::2"

_HOST_LINKS = """
link add br0 type bridge forward_delay 0
link add br1 type bridge forward_delay 0
link set br0 up
link set br1 up
addr add 10.77.0.1/24 dev br0
addr add 10.78.0.1/24 dev br1
addr add fd77::1/64 dev br0 nodad
addr add fd78::1/64 dev br1 nodad
link add uplink type veth peer name eth0 netns d
addr add 192.0.2.1/24 dev uplink
addr add fd92::1/64 dev uplink nodad
link set uplink up
route add default via 192.0.2.2
"""
_BOXES = (
    ("a", "br0", A, A6),
    ("b", "br0", B, B6),
    ("c", "br1", C, C6),
    ("d", "", D, D6),
)


class CannotBeDone(Exception):
    """A command failed."""


class Stage:
    """The namespaces, by name, and what can be done in them."""

    def __init__(self, make_netns: Callable[[str], str]) -> None:
        paths = {name: make_netns(name) for name, *_ in _BOXES}
        for name in (HOST, *paths):
            self.run("sysctl -qw net.ipv6.conf.default.accept_dad=0", name)
        _batch(_HOST_LINKS)
        for name, bridge, v4, v6 in _BOXES:
            if bridge:
                _batch(f"link add to-{name} type veth peer name eth0 netns {name}")
                _batch(f"link set to-{name} master {bridge} up")
            _batch(
                f"addr add {v4}/24 dev eth0\n"
                f"addr add {v6}/64 dev eth0 nodad\n"
                "link set eth0 up\n"
                f"route add default via {v4.rpartition('.')[0]}.1\n"
                f"route add default via {v6.partition('::')[0]}::1\n",
                name,
            )
        self.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        await_cables()
        self._fds = {HOST: open_netns(CURRENT)}
        self._fds |= {name: open_netns(path) for name, path in paths.items()}
        self._sockets: list[socket.socket] = []

    def close(self) -> None:
        for opened in self._sockets:
            opened.close()
        for fd in self._fds.values():
            os.close(fd)

    def cookie(self, name: str) -> int:
        return cookie_of(self._fds[name])

    def run(self, command: str, where: str = HOST) -> str:
        """One command, or a script where it has lines, in a namespace."""
        enter = [] if where == HOST else ["ip", "netns", "exec", where]
        words = ["sh", "-ec", command] if "\n" in command else shlex.split(command)
        done = subprocess.run(
            [*enter, *words], capture_output=True, text=True, check=False, timeout=20
        )
        if done.returncode:
            raise CannotBeDone(f"{command}: {done.stderr}")
        return done.stdout

    def listen(self, name: str, address: str = "", port: int = PORT) -> None:
        """TCP, answered by the kernel: nobody needs to accept."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with inside(self._fds[name]):
            made = socket.socket(family, socket.SOCK_STREAM)
        self._sockets.append(made)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen()

    def made_in(self, name: str, make: Callable[[], Made]) -> Made:
        """Whatever opens its socket while it is made."""
        with inside(self._fds[name]):
            return make()

    def connects(self, name: str, address: str, port: int = PORT) -> bool:
        """A real connection."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with inside(self._fds[name]):
            made = socket.socket(family, socket.SOCK_STREAM)
        with made:
            made.settimeout(0.5)
            with suppress(OSError):
                made.connect((address, port))
                return True
        return False

    def pings(self, name: str, address: str, *options: str) -> bool:
        """A real echo, answered."""
        enter = [] if name == HOST else ["ip", "netns", "exec", name]
        words = ["ping", "-n", "-c1", "-W0.5", *options, address]
        done = subprocess.run([*enter, *words], capture_output=True, check=False, timeout=20)
        return done.returncode == 0

    def predict(
        self,
        source: str,
        destination: str,
        port: int = 0,
        *,
        size: int = 0,
        ttl: int = 64,
        knows_target: bool = True,
    ) -> Walk:
        """As a trace does it: what is missing is read, and nothing else.

        Who names the target has its namespace read; an address alone says nothing.
        """
        survey = Survey()
        if knows_target:
            survey.read(self.cookie(name) for name, _, *own in _BOXES if destination in own)
        question = Question(
            source=self.cookie(source),
            transport=Transport.TCP if port else Transport.ICMP,
            destination=ip_address(destination),
            destination_port=port,
            size=size,
            ttl=ttl,
        )
        for _ in range(10):
            outcome = predict(survey.snapshot, question)
            if isinstance(outcome, Walk):
                return outcome
            survey.read(outcome.cookies)
        raise AssertionError(f"never enough: {outcome}")


def cause_of(walk: Walk) -> str:
    """In one word why not; empty: delivered."""
    dropped = walk.dropped
    if dropped is None:
        return "" if walk.disposition is Disposition.ACCEPTED else walk.disposition.value
    assert dropped.drop is not None
    return dropped.drop.cause.value


def _batch(commands: str, name: str = "") -> None:
    netns = ["-n", name] if name else []
    for family in ("-4", "-6"):
        wanted = [c for c in commands.splitlines() if c.strip()]
        wanted = [c for c in wanted if (_is_6(c)) is (family == "-6")]
        subprocess.run(
            ["ip", family, *netns, "-batch", "-"], input="\n".join(wanted), check=True, text=True
        )


def _is_6(command: str) -> bool:
    """Only addresses of IPv6 have two colons."""
    return "::" in command
