"""Observations on the stage; run as a program, one on a stage of its own."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from tests.netns.walk.witness_stage import PORT, Stage

from glassbridge.engine.observation_request import ObservationRequest
from glassbridge.engine.observing import observe
from glassbridge.kernel.netns import inside
from glassbridge.kernel.nftrace import NftTrace
from glassbridge.kernel.tracepoints import Tracepoints
from glassbridge.kernel.witness import PacketWitness
from glassbridge.model.observation import Observation
from glassbridge.model.packet import Packet, Question, Transport
from glassbridge.model.walk import Disposition, Walk

NO_WALK = Walk(steps=(), disposition=Disposition.INSUFFICIENT_INFO)


def request(
    stage: Stage,
    transport: Transport,
    to: str,
    port: int = PORT,
    *,
    source: str = "a",
    timeout: float = 5.0,
    neighbour_timeout: float = 10.0,
    size: int = 0,
    is_live: bool = False,
    walk: Walk = NO_WALK,
    say: Callable[[str], None] = lambda _: None,
) -> ObservationRequest:
    names = {stage.cookie(name): name for name in stage.fds}
    return ObservationRequest(
        walk=walk,
        question=Question(
            source=stage.cookie(source),
            transport=transport,
            destination=ip_address(to),
            destination_port=0 if transport is Transport.ICMP else port,
            size=size,
        ),
        open_netns=lambda cookie: os.dup(stage.fds[names[cookie]]),
        cookies=frozenset(names),
        timeout=timeout,
        neighbour_timeout=neighbour_timeout,
        is_live=is_live,
        say=say,
    )


def path(stage: Stage, observation: Observation, *, is_reply: bool = False) -> list[str]:
    """Where the packet was seen: `a eth0 >` where it left, `host port-a <` where it came in."""
    links: dict[tuple[int, int], str] = {}
    for name, fd in stage.fds.items():
        with inside(fd):
            links |= {(stage.cookie(name), i): f"{name} {n}" for i, n in socket.if_nameindex()}
    return [
        f"{links[s.cookie, s.ifindex]} {'>' if s.outgoing else '<'}"
        for s in observation.sightings
        if isinstance(s.seen, Packet) and s.is_reply == is_reply
    ]


@contextmanager
def server(stage: Stage, name: str, port: int = PORT) -> Iterator[None]:
    """Accepts connections, and answers datagrams with other octets, over both IP versions."""
    with inside(stage.fds[name]):
        tcp = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.bind(("::", port))
    udp.settimeout(0.05)
    ends = threading.Event()

    def serve() -> None:
        while not ends.is_set():
            try:
                _, client = udp.recvfrom(4096)
            except TimeoutError:
                continue
            udp.sendto(b"answer", client)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
        tcp.close()
        udp.close()


def main(to: str) -> None:
    """Build the stage where nothing is, ping, and tell where that was seen, and by whom."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    Path("/run/netns").mkdir()
    stage = Stage(_make)
    witnesses: tuple[PacketWitness, ...] = (NftTrace(), Tracepoints())
    seen = observe(request(stage, Transport.ICMP, to, timeout=0.5, say=_tell), witnesses)
    for line in (*path(stage, seen), *path(stage, seen, is_reply=True)):
        _tell(line)
    for witness in seen.witnesses:
        _tell(f"{witness.name} {witness.spoke} {witness.why_not}")


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _make(name: str) -> str:
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    return f"/run/netns/{name}"


if __name__ == "__main__":
    main(sys.argv[1])
