"""What the kernel's own tools say, and waiting until they say it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.netns.firewall.answering import Answering

from glassbridge.kernel.netns import inside

_PATIENCE = 30.0
"""How many seconds a slow machine is waited for before it counts as never."""


def show(*command: str) -> Any:
    """What a tool answers in JSON."""
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def is_free(port: int, kind: int = socket.SOCK_STREAM) -> bool:
    """Whether a port of the host can be bound."""
    with socket.socket(socket.AF_INET, kind) as wanted:
        try:
            wanted.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def run(*command: str) -> str:
    """What a tool answers in text."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def link(ifname: str, netns: str = "") -> dict[str, Any]:
    """One link as `ip` shows it, empty when there is none."""
    within = ("nsenter", f"--net={Path('/run/netns', netns)}") if netns else ()
    found = (k for k in show(*within, "ip", "-j", "-d", "addr") if k.get("ifname") == ifname)
    return next(found, {})


def addresses(ifname: str, netns: str = "") -> set[str]:
    """Its addresses with their prefix, but for link-local ones."""
    shown = link(ifname, netns).get("addr_info", ())
    return {f"{a['local']}/{a['prefixlen']}" for a in shown if a["scope"] != "link"}


def pings(netns: str, to: str, *, patience: float = 5.0) -> bool:
    """Whether a namespace reaches an address."""
    command = ("ip", "netns", "exec", Path(netns).name, "ping", "-c1", f"-W{patience}", to)
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0


def open_socket(
    netns: str, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET, protocol: int = 0
) -> socket.socket:
    """A socket in a namespace, used from here; "" is the host."""
    if not netns:
        return socket.socket(family, kind, protocol)
    with Path(netns).open() as opened, inside(opened.fileno()):
        return socket.socket(family, kind, protocol)


def eventually(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


@contextmanager
def listening(
    netns: str, port: int, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET
) -> Iterator[None]:
    """A server that tells each client the address that it sees; "" is the host."""
    answering = Answering()
    answering.listen("server", open_socket(netns, kind, family), port)
    answering.start()
    try:
        yield
    finally:
        answering.close()


def ask(
    netns: str, address: str, port: int, kind: int = socket.SOCK_STREAM, *, patience: float = 2.0
) -> str:
    """What a server answers to a client in a namespace: the client's address; "" if it does not."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with open_socket(netns, kind, family) as client:
        client.settimeout(patience)
        try:
            client.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                client.send(b"who")
            return client.recv(200).decode().partition(" ")[2]
        except OSError:
            return ""
