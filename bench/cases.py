"""What is measured, one class per way to attach; a peer joins by a class and a line in CASES.

Each case has a bridge of its own, so that port counts grow alike while they take turns.
"""

import subprocess
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from time import perf_counter
from typing import Protocol

from bench.daemon import Daemon, attach_request
from bench.http_client import encode

_GATEWAY = IPv4Address("10.99.0.1")
_PREFIX_LENGTH = 16
_FIRST_HOST_PORT = 30000
_NOT_FOUND = 404


class Case(Protocol):
    """Something that can be done once per namespace."""

    def once(self, number: int, netns: str) -> float:
        """Do it; microseconds."""

    def close(self) -> None:
        """End what it started."""


class Floor:
    """The same kernel messages from C: no firewall, no store, no HTTP."""

    bridge = "floor"

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ask(f"bridge {self.bridge}")

    def once(self, number: int, netns: str) -> float:
        address, host_end = _address(number), f"{self.bridge}{number}"
        return self._ask(f"attach {netns} {host_end} {self.bridge} {address} {_GATEWAY}")

    def close(self) -> None:
        self._process.communicate()
        subprocess.run(["ip", "link", "del", self.bridge], check=True)

    def _ask(self, line: str) -> float:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the floor refused: {line}")
        return float(answer)


class IpBatch:
    """What a careful script does: two executions of ip(8), no firewall, no addresses kept."""

    bridge = "batch"

    def __init__(self) -> None:
        _ip(f"link add {self.bridge} up type bridge")

    def once(self, number: int, netns: str) -> float:
        name, host_end = Path(netns).name, f"{self.bridge}{number}"
        host = (
            f"link add {host_end} mtu 1500 type veth peer name eth0 mtu 1500 netns {name}\n"
            f"link set {host_end} addrgenmode none\n"
            f"link set {host_end} up master {self.bridge} alias {host_end}\n"
        )
        inside = (
            "link set eth0 addrgenmode none\n"
            "link set lo up\n"
            "link set eth0 up\n"
            f"address add {_address(number)}/{_PREFIX_LENGTH} dev eth0\n"
            f"route add default via {_GATEWAY} dev eth0\n"
        )
        began = perf_counter()
        _ip(host)
        _ip(inside, netns=name)
        return (perf_counter() - began) * 1e6

    def close(self) -> None:
        _ip(f"link del {self.bridge}")


class EmptyRoundTrip:
    """A path that the daemon does not know: HTTP, its event loop and our client, nothing else."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._request = encode("GET", "/nothing")

    def once(self, _number: int, _netns: str) -> float:
        return self._daemon.connection.request(self._request, _NOT_FOUND)

    def close(self) -> None:
        """Nothing was made."""


class Attach:
    """Through the daemon: addresses, store and firewall included."""

    def __init__(self, daemon: Daemon, network: str, *, publish: bool = False) -> None:
        daemon.make_network(network)
        self._daemon, self._network, self._publish = daemon, network, publish
        self._attached: list[str] = []

    def once(self, number: int, netns: str) -> float:
        name = f"{self._network}-{number}"
        host_port = _FIRST_HOST_PORT + number if self._publish else None
        request = attach_request(name, netns, self._network, host_port)
        self._attached.append(name)
        return self._daemon.attach(request)

    def close(self) -> None:
        self._daemon.detach_all(self._attached, concurrency=64)


class Detach:
    """What the attach case gave, taken away again; it is attached outside the clock."""

    network = "detach"

    def __init__(self, daemon: Daemon) -> None:
        daemon.make_network(self.network)
        self._daemon = daemon

    def once(self, number: int, netns: str) -> float:
        name = f"{self.network}-{number}"
        self._daemon.attach(attach_request(name, netns, self.network))
        return self._daemon.detach(name)

    def close(self) -> None:
        """Nothing is left."""


FLOOR, ATTACH = "floor (C)", "attach"

CASES: Mapping[str, Callable[[Daemon, Path], Case]] = {
    FLOOR: lambda _, floor: Floor(floor),
    "ip -batch, 2 executions": lambda *_: IpBatch(),
    "empty round trip": lambda daemon, _: EmptyRoundTrip(daemon),
    ATTACH: lambda daemon, _: Attach(daemon, "plain"),
    "attach, one port": lambda daemon, _: Attach(daemon, "published", publish=True),
    "detach": lambda daemon, _: Detach(daemon),
}
"""In the order of the table; docker, CNI plugins and netavark are to join here."""


def _address(number: int) -> IPv4Address:
    return _GATEWAY + 1 + number


def _ip(lines: str, netns: str = "") -> None:
    inside = ["-n", netns] if netns else []
    subprocess.run(["ip", *inside, "-batch", "-"], input=lines.encode(), check=True)
