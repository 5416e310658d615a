"""Real connections from real sockets, several at once, and what came of each in one word."""

from __future__ import annotations

import select
import socket
import time
from ipaddress import ip_address

from tests.netns.firewall.build import World

SILENT, REFUSED, UNREACHABLE = "silent", "refused", "unreachable"
PATIENCE = 3.0
"""How long an answer that must come may take on a busy machine."""
SILENCE = 0.25
"""How long is waited for an answer that must not come."""

_WORDS = {111: REFUSED, 113: UNREACHABLE, 101: UNREACHABLE, 1: REFUSED}
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def reach(world: World, client: str, to: str, port: int, *, silent: bool) -> dict[str, str]:
    """Try TCP and UDP over IPv4 and IPv6 at once; each result is `SERVER saw CLIENT` or a word."""
    results: dict[str, str] = {}
    waiting: dict[socket.socket, str] = {}
    for address in world.book[to]:
        for protocol, kind in _KINDS.items():
            label = f"{protocol}{address.version}"
            if address.is_unspecified:
                continue
            probe = world.socket(client, _FAMILIES[address.version], kind)
            probe.setblocking(False)
            try:
                probe.connect((str(address), port))
                if protocol == "udp":
                    probe.send(b"who")
            except BlockingIOError:
                pass
            except OSError as error:
                results[label] = _WORDS.get(error.errno or 0, str(error))
                probe.close()
                continue
            waiting[probe] = label
    deadline = time.monotonic() + (SILENCE if silent else PATIENCE)
    while waiting and (left := deadline - time.monotonic()) > 0:
        for probe in select.select(list(waiting), [], [], left)[0]:
            results[waiting.pop(probe)] = _hear(world, probe)
    for probe, label in waiting.items():
        results[label] = SILENT
        probe.close()
    return results


def _hear(world: World, probe: socket.socket) -> str:
    with probe:
        try:
            text = probe.recv(200).decode()
        except OSError as error:
            return _WORDS.get(error.errno or 0, str(error))
    server, _, seen = text.partition(" ")
    return f"{server} saw {world.names.get(ip_address(seen), seen)}"
