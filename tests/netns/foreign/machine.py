"""A machine for an engine that glassbridge did not make: what the engine does to it, ends with it.

It has its own network, mounts, processes and control groups. Its /run and /var/lib are empty, and
what is written to its /etc stays in it, so that an engine runs as installed, with its usual paths.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

SRC = Path(__file__).parents[3] / "src"
_PREPARE = """
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/etc/upper /run/etc/work /run/lock
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /var/lib
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/init
echo 1 >/sys/fs/cgroup/init/cgroup.procs
ip link set lo up
sleep infinity & echo ready
wait # also for what engines leave behind
"""
_LIBRARY = re.compile(r"(/\S+) \(0x")
_JOIN = 'echo $$ >/sys/fs/cgroup/init/cgroup.procs; exec "$@"'
_FULL_UID_MAP = str(2**32 - 1)
_UPLINK = """
link add uplink type veth peer name eth0 netns outside
addr add 203.0.113.1/24 dev uplink
addr add 2001:db8:113::1/64 dev uplink nodad
link set uplink up
"""
_OUTSIDE = """
addr add 203.0.113.9/24 dev eth0
addr add 2001:db8:113::9/64 dev eth0 nodad
link set eth0 up
"""
HOST, OUTSIDE = "203.0.113.1", "203.0.113.9"
PATIENCE = 30


class Machine:
    """Runs commands in its namespaces; `outside` is a neighbour, as `ip netns`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def command(self, *words: str) -> list[str]:
        enter = ("nsenter", "-t", str(self.pid), "-n", "-m", "-p", "-C")
        return [*enter, "sh", "-c", _JOIN, "sh", *words]

    def run(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            check=False,
            capture_output=True,
            text=True,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            timeout=PATIENCE,
        )

    def __call__(self, *words: str, text: str | None = None) -> str:
        done = self.run(*words, text=text)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *words: str, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as told:
            return subprocess.Popen(
                self.command(*words), stdin=subprocess.DEVNULL, stdout=told, stderr=told
            )

    # -- glassbridge in it

    def glassbridge(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("env", f"PYTHONPATH={SRC}", sys.executable, "-m", "glassbridge", *words)

    def screen(self, *words: str) -> str:
        done = self.glassbridge(*words)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def look(self, *words: str) -> Any:
        return json.loads(self.screen(*words, "--json"))

    def trace(self, *words: str) -> Any:
        """Its report, whatever became of the packet."""
        done = self.glassbridge("trace", *words, "--json")
        assert done.stdout, done.stderr
        assert not done.stderr, done.stderr
        return json.loads(done.stdout)

    # -- what it is compared with

    def fetches(self, url: str, *where: str, patience: float) -> bool:
        """Whether curl gets a page soon: who serves it may not listen yet.

        `where` is what enters a namespace, as `ip netns exec`.
        """
        command = ("curl", "-gsS", "-m", str(min(5, patience)), "-o", "/dev/null", url)
        return self._succeeds(*where, *command, patience=patience)

    def pings(self, address: str, *where: str, patience: float) -> bool:
        """Whether it answers soon; a new cable's queue may drop the first request."""
        command = ("ping", "-c1", f"-W{min(1, patience)}", "-q", address)
        return self._succeeds(*where, *command, patience=patience)

    def _succeeds(self, *words: str, patience: float) -> bool:
        end = time.monotonic() + patience
        while self.run(*words).returncode:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True


@contextmanager
def started(name: str) -> Iterator[Machine]:
    """A machine with an uplink, until the end of the block."""
    if _uid_map_is_partial():
        pytest.skip("an engine needs root outside of a user namespace")
    with _own_cgroup(name) as cgroup:
        kept = ("setpriv", "--pdeathsig", "KILL", "unshare", "-nmpC", "--fork", "--kill-child")
        script = f"echo $$ >{cgroup}/cgroup.procs; exec {' '.join(kept)} sh -ec '{_PREPARE}'"
        process = subprocess.Popen(
            ["sh", "-ec", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            machine = Machine(int(children))
            machine("ip", "netns", "add", "outside")
            machine("ip", "-batch", "-", text=_UPLINK)
            machine("ip", "-n", "outside", "-batch", "-", text=_OUTSIDE)
            yield machine
        finally:
            process.send_signal(signal.SIGKILL)  # its child, and all that it bore, go with it
            process.communicate()


def root_archive(folder: Path) -> Path:
    """A file system of busybox alone, which serves a page, pings and fetches."""
    archive = folder / "root.tar"
    busybox = shutil.which("busybox")
    assert busybox is not None
    with tarfile.open(archive, "w") as tar:
        tar.add(busybox, "bin/busybox")
        linked = subprocess.run(["ldd", busybox], check=False, capture_output=True, text=True)
        for library in _LIBRARY.findall(linked.stdout):  # none of a static one
            tar.add(Path(library).resolve(), library)
        for name in ("sh", "httpd", "sleep", "nc", "ip"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return archive


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"{what}: not after {PATIENCE} seconds"
        time.sleep(0.05)


def need(*programs: str) -> None:
    """Skip where an engine is not installed; on the build server it must be."""
    missing = [p for p in programs if shutil.which(p) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {' '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")


@contextmanager
def _own_cgroup(name: str) -> Iterator[Path]:
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    root = next((Path(m[1]) for m in mounts if m[2] == "cgroup2"), None)
    if root is None:
        pytest.skip("no control groups (v2) here")
    own = root / f"glassbridge-test-{os.getpid()}-{name}"
    own.mkdir()
    try:
        yield own
    finally:
        wait_until(f"{own} is left", lambda: _removed(own))


def _removed(cgroup: Path) -> bool:
    """It is gone; the kernel refuses as long as a process of it is ending."""
    with suppress(OSError):
        for folder, _, _ in os.walk(cgroup, topdown=False):
            Path(folder).rmdir()
    return not cgroup.exists()


def _uid_map_is_partial() -> bool:
    return Path("/proc/self/uid_map").read_text().split()[-1] != _FULL_UID_MAP
