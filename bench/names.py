"""Answers to who asks for a container's name: our name server and dnsmasq, one core each.

Both know the same names, and are asked over UDP for the IPv4 address of one after the other, with
so many questions under way that they never wait. They take turns.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from itertools import cycle
from pathlib import Path
from random import Random
from time import perf_counter, sleep

from bench.figures import Aim, Check, NameRow, Window, name_row
from bench.name_server import GATEWAY, PORT, container
from bench.world import Extent

NAMES = 1000
OURS, DNSMASQ = "glassbridge", "dnsmasq"
DNSMASQ_ADDRESS, DNSMASQ_PORT = IPv4Address("10.98.255.254"), 5301
UNDER_WAY = 64
SECONDS = 1.5
_PATIENCE_SECONDS = 10.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12
"""Fields of proc_pid_stat(5) behind the name, counted from the state."""
_LOOK_SECONDS = 0.05


def measure_names(extent: Extent) -> tuple[list[NameRow], list[Check]]:
    """All of this module."""
    asker = container(0)[1]
    for address in (GATEWAY, DNSMASQ_ADDRESS, asker):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    ours = [sys.executable, "-m", "bench.name_server", str(NAMES)]
    questions = [_question(container(number)[0]) for number in range(NAMES)]
    took: dict[str, list[Window]] = {OURS: [], DNSMASQ: []}
    with (
        _one_core_kept_for_servers() as core,
        _server(ours, core, GATEWAY, PORT) as ours_pid,
        _server(_dnsmasq(), core, DNSMASQ_ADDRESS, DNSMASQ_PORT) as dnsmasq_pid,
    ):
        servers = {
            OURS: (ours_pid, (str(GATEWAY), PORT)),
            DNSMASQ: (dnsmasq_pid, (str(DNSMASQ_ADDRESS), DNSMASQ_PORT)),
        }
        for number in range(extent.windows):
            for label in Random(number).sample(list(servers), len(servers)):
                took[label].append(_ask_for(*servers[label], str(asker), questions))
    rows = [name_row(label, NAMES, windows, took[DNSMASQ]) for label, windows in took.items()]
    return rows, check(rows)


def check(rows: Sequence[NameRow]) -> list[Check]:
    """What the issue aims at, beside what was measured.

    By the server's own time: on a busy machine it has no core for itself.
    """
    aim = Aim("answers to names on one core", 20_000, "per s", at_least=True)
    return [Check(aim, row.per_cpu_second) for row in rows if row.label == OURS]


def _ask_for(pid: int, server: tuple[str, int], asker: str, questions: Sequence[bytes]) -> Window:
    """Ask as fast as answers come; one that is lost ends it with TimeoutError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind((asker, 0))
        way.connect(server)
        way.settimeout(_PATIENCE_SECONDS)
        send, receive, turn = way.send, way.recv, cycle(questions)
        answers, cpu_before, began = 0, _cpu_seconds(pid), perf_counter()
        for _ in range(UNDER_WAY):
            send(next(turn))
        while (now := perf_counter()) - began < SECONDS:
            answer = receive(512)
            if answer[7] != 1:  # so many records
                raise RuntimeError(f"no answer but {answer!r}")
            answers += 1
            send(next(turn))
        return Window(answers, now - began, _cpu_seconds(pid) - cpu_before)


@contextmanager
def _one_core_kept_for_servers() -> Iterator[int]:
    """We have the others, if there are any; servers share it, for they are never asked at once."""
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cpus[:-1] or cpus)
    try:
        yield cpus[-1]
    finally:
        os.sched_setaffinity(0, cpus)


@contextmanager
def _server(command: Sequence[str], core: int, address: IPv4Address, port: int) -> Iterator[int]:
    process = subprocess.Popen(["taskset", "-c", str(core), *command])
    try:
        _wait_for(process, address, port)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], address: IPv4Address, port: int) -> None:
    end = perf_counter() + _PATIENCE_SECONDS
    while perf_counter() < end and process.poll() is None:
        try:
            socket.create_connection((str(address), port), timeout=1).close()
        except OSError:
            sleep(_LOOK_SECONDS)
        else:
            return
    raise RuntimeError("a name server did not start")


def _dnsmasq() -> list[str]:
    hosts = Path("/run/bench-hosts")
    lines = (f"{address} {name}\n" for name, address in map(container, range(NAMES)))
    hosts.write_text("".join(lines))
    return [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        f"--addn-hosts={hosts}",
        "--bind-interfaces",
        f"--listen-address={DNSMASQ_ADDRESS}",
        f"--port={DNSMASQ_PORT}",
        "--user=root",
        "--pid-file=",
    ]


def _question(name: str) -> bytes:
    label = name.encode()
    return b"\0\7\1\0\0\1\0\0\0\0\0\0" + bytes((len(label),)) + label + b"\0\0\1\0\1"


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_SECOND
