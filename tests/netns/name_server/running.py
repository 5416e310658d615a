"""A name server in a loop of its own, the village's addresses on lo, and servers that it asks."""

import asyncio
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self, TypeVar

import dns.message
import dns.query
from tests.unit.dns.village import (
    BLUE_GATEWAY,
    BLUE_GATEWAY6,
    BOTH,
    BOTH_IN_RED,
    CLOSED_GATEWAY,
    DB,
    LONE,
    OLD,
    RED,
    RED_GATEWAY,
    VILLAGE,
    WEB,
)

from glassbridge.dns.zone import NetworkNames
from glassbridge.frontends.dns.server import NameServer
from glassbridge.frontends.dns.sockets import Place
from glassbridge.kernel.name_sockets import open_name_sockets
from glassbridge.model.network import NetworkId

PORT = 5300
PATIENCE = 20.0
ADDRESSES = (BLUE_GATEWAY, RED_GATEWAY, CLOSED_GATEWAY, WEB, DB, OLD, BOTH, BOTH_IN_RED, RED, LONE)
PLACES = tuple(
    Place(ip_address(a), PORT) for a in (BLUE_GATEWAY, BLUE_GATEWAY6, RED_GATEWAY, CLOSED_GATEWAY)
)
T = TypeVar("T")


class Engine:
    """Names that tests change."""

    def __init__(self) -> None:
        self.version = 1
        self.is_broken = False
        self._networks: tuple[NetworkNames, ...] = VILLAGE

    def networks(self) -> tuple[NetworkNames, ...]:
        if self.is_broken:
            raise RuntimeError("broken on purpose")
        return self._networks

    def change(self, *networks: NetworkNames) -> None:
        self._networks = networks
        self.version += 1


class Running:
    """A server and the thread that its loop runs in."""

    def __init__(self, resolv_conf: Path) -> None:
        self.engine, self.resolv_conf = Engine(), resolv_conf
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="name-server")

    def __enter__(self) -> Self:
        self._thread.start()
        self.server = self.call(lambda: NameServer(self.engine, resolv_conf=self.resolv_conf))
        self.answer_at(*PLACES)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.server.close(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def answer_at(self, *places: Place) -> None:
        """There, and nowhere else; what is open stays so."""

        def there() -> None:
            for place in self.server.places - set(places):
                self.server.leave(place)
            for place in set(places) - self.server.places:
                sockets = open_name_sockets(NetworkId(""), *place)
                self.server.adopt(place, sockets.udp, sockets.tcp)

        self.call(there)

    def call(self, what: Callable[[], T]) -> T:
        """Do something in the loop's thread."""

        async def there() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(PATIENCE)


def ask(
    name: str,
    kind: str = "A",
    *,
    at: str = BLUE_GATEWAY,
    asker: str = WEB,
    over_tcp: bool = False,
    edns: bool = False,
    patience: float = PATIENCE,
) -> dns.message.Message:
    """Ask as a resolver in a container does; dnspython checks id, question and source."""
    question = dns.message.make_query(name, kind, use_edns=edns)
    way = dns.query.tcp if over_tcp else dns.query.udp
    return way(question, at, timeout=patience, port=PORT, source=asker)


def quickest(*calls: Callable[[], object]) -> float:
    """Seconds of the one that took least: the others may have had to wait for a busy machine."""
    took = []
    for call in calls:
        began = monotonic()
        call()
        took.append(monotonic() - began)
    return min(took)


def furnish() -> None:
    """Give lo every address of the village."""
    lines = [f"address add {a}/32 dev lo" for a in ADDRESSES]
    lines += [f"address add {a}/128 dev lo nodad" for a in (BLUE_GATEWAY6, "fd00:18::2")]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


@contextmanager
def dnsmasq(address: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a real server at port 53 of an address."""
    command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"]
    command += ["--no-hosts", "--bind-interfaces", f"--listen-address={address}", "--user=root"]
    process = subprocess.Popen([*command, "--pid-file=", *options])
    try:
        end = monotonic() + PATIENCE
        while process.poll() is None and monotonic() < end:
            with suppress(OSError):
                socket.create_connection((address, 53), timeout=PATIENCE).close()
                break
            sleep(0.02)
        assert process.poll() is None, "dnsmasq ended"
        yield process
    finally:
        process.kill()
        process.wait()


class Upstream:
    """A server at port 53 that answers as a test wants it; what it heard is kept."""

    def __init__(
        self, address: str, answer: Callable[[bytes], list[bytes]], *, source: str = ""
    ) -> None:
        """`source`: where UDP answers come from instead."""
        self.heard: list[bytes] = []
        self.askers: list[tuple[str, int]] = []
        self._answer = answer
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, 53))
        self._liar = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if source else self._udp
        if source:
            self._liar.bind((source, 53))
        self._tcp = socket.create_server((address, 53))
        self._threads = [
            threading.Thread(target=self._serve_udp, name="upstream-udp"),
            threading.Thread(target=self._serve_tcp, name="upstream-tcp"),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._udp, self._tcp):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)  # wakes who waits in it
        for thread in self._threads:
            thread.join(PATIENCE)
        for opened in (self._udp, self._tcp, self._liar):
            opened.close()

    def _serve_udp(self) -> None:
        while True:
            try:
                message, asker = self._udp.recvfrom(4096)
            except OSError:
                return
            if not message:
                return
            self.heard.append(message)
            self.askers.append(asker)
            for answer in self._answer(message):
                self._liar.sendto(answer, asker)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, asker = self._tcp.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE)
                length = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
                message = connection.recv(length, socket.MSG_WAITALL)
                if not message:
                    continue
                self.heard.append(message)
                self.askers.append(asker)
                answers = self._answer(message)
                if not answers:  # silent: until the other side has enough of it
                    connection.recv(1)
                for answer in answers:
                    connection.sendall(len(answer).to_bytes(2, "big") + answer)
