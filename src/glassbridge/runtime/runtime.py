"""Containers as processes: prepare, start, signal, find again, and learn how they ended.

Everything about one lies in its folder, so it outlives the daemon and is found again:

    containers/ID/hosts, hostname, resolv.conf   bound into it; changed in place
                  log                            what it wrote
                  status                         bubblewrap's report, at the end with the exit code
                  init                           its first process, as seen here
                  arguments, seccomp             bubblewrap's options; the compiled filter
                  stdin                          a FIFO, for a detached one with --interactive
"""

import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from glassbridge.errors import Conflict, NotFound, PermissionRefused, Unavailable
from glassbridge.model.address import IPAddress
from glassbridge.model.container import Container
from glassbridge.runtime.capabilities import capability_mask, kept_capabilities
from glassbridge.runtime.name_files import render_hosts, resolv_conf
from glassbridge.runtime.preflight import (
    bubblewrap,
    check_container,
    is_mapped,
    mount_points,
    shares_host_files,
)
from glassbridge.runtime.process import Process, holding_files_of, process_now
from glassbridge.runtime.report import record_init, recorded_init, report_of
from glassbridge.runtime.rootfs import Identity, Rootfs
from glassbridge.runtime.sandbox import hostname_of, sandbox_arguments
from glassbridge.runtime.seccomp import seccomp_program
from glassbridge.runtime.spawn import SHELL, Streams, bubblewrap_command, launch_command, spawn

_START_SECONDS = 10.0
_POLL_SECONDS = 0.001
_KILLED = 128 + signal.SIGKILL


class Runtime:
    """Runs containers with bubblewrap; keeps no state but the files below `run_dir`."""

    def __init__(self, run_dir: Path) -> None:
        self._containers = run_dir / "containers"

    def check(self, container: Container) -> None:
        """Raise if it cannot start: rootfs, program, user, mounts, capabilities, bubblewrap."""
        check_container(container)

    def prepare(
        self,
        container: Container,
        hosts: Mapping[str, Sequence[str]],
        servers: Sequence[IPAddress] = (),
    ) -> None:
        """Make its folder and mount points, and write what its files say of names."""
        folder = self.folder(container)
        identity = check_container(container)
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        _write_public(folder / "hostname", f"{hostname_of(container)}\n")
        self.write_hosts(container, hosts)
        self.write_resolv_conf(container, servers)
        if not shares_host_files(container.spec.rootfs):
            _make_mount_points(container)
        options = sandbox_arguments(container, identity, folder)
        _write_private(folder / "arguments", "\0".join([*options, ""]).encode())
        seccomp = b"" if container.spec.privileged else _filter_for(container, identity)
        _write_private(folder / "seccomp", seccomp)
        if container.spec.interactive and not (folder / "stdin").exists():
            os.mkfifo(folder / "stdin", 0o600)

    def write_hosts(self, container: Container, hosts: Mapping[str, Sequence[str]]) -> None:
        """Set its /etc/hosts, running or not; `hosts` maps addresses to names."""
        own = _read(Path("/etc/hosts")) if container.network_mode == "host" else ""
        _write_public(self.folder(container) / "hosts", render_hosts(hosts, own))

    def write_resolv_conf(self, container: Container, servers: Sequence[IPAddress]) -> None:
        """Set its /etc/resolv.conf, running or not: `servers` ask those of --dns by themselves."""
        _write_public(
            self.folder(container) / "resolv.conf", resolv_conf(container, servers, _read)
        )

    def start(self, container: Container, netns: str | None) -> Process:
        """Start it in a network namespace, None for the host's; returns the one to wait for.

        It has become its command when this returns, and may have ended since. Raises Unavailable
        with what bubblewrap said.
        """
        folder = self.folder(container)
        for stale in ("status", "init"):
            (folder / stale).unlink(missing_ok=True)
        log = folder / "log"
        before = log.stat().st_size if log.exists() else 0
        pid = spawn(_command(container, folder, netns), folder, _streams(container, folder))
        monitor = process_now(pid)
        assert monitor is not None, "our own child stays in /proc until it is reaped"
        if self._await_command(container, monitor):
            return monitor
        said = _read(log)[before:].strip().removeprefix("bwrap: ")
        raise Unavailable(f"container {container.name} did not start: {said or 'see its terminal'}")

    def is_running(self, container: Container) -> bool:
        """The process that `start` returned is still there: that one, not one of its number."""
        monitor = _monitor(container)
        return monitor is not None and monitor.is_running()

    def open_pidfd(self, container: Container) -> int | None:
        """A descriptor that polls readable when it ends, owned by the caller; None: it has ended.

        It works for a container of an earlier daemon, which is no child.
        """
        monitor = _monitor(container)
        return None if monitor is None else monitor.open_pidfd()

    def exit_code(self, container: Container) -> int | None:
        """Reap it and say how it ended: 128 + n for signal n; None while it runs."""
        monitor = _monitor(container)
        if monitor is None:
            return container.exit_code
        if monitor.is_running():
            return None
        monitor.reap()
        reported = report_of(self.folder(container)).get("exit-code")
        if reported is not None:
            return reported
        # somebody killed bubblewrap, and nobody waits for the container any more
        init = recorded_init(self.folder(container))
        if init is not None:
            init.send(signal.SIGKILL)
        return _KILLED

    def terminate(self, container: Container) -> None:
        """Ask it to end. As pid 1 it is deaf to SIGTERM unless it handles it: then kill it."""
        init = self.init(container)
        init.send(signal.SIGTERM if init.hears(signal.SIGTERM) else signal.SIGKILL)

    def signal(self, container: Container, number: int) -> None:
        """Send a signal to its command."""
        self.init(container).send(number)

    def kill(self, container: Container) -> None:
        """End it now, with all that it has started; it may have ended already."""
        init = recorded_init(self.folder(container)) or _monitor(container)
        if init is not None:
            init.send(signal.SIGKILL)
            return
        # a start that broke off before anything was written down, and may still be going on
        while holders := holding_files_of(self.folder(container)):
            for holder in holders:
                holder.send(signal.SIGKILL)
            for holder in holders:
                holder.wait(_START_SECONDS)

    def init(self, container: Container) -> Process:
        """Its first process, as the host sees it; raises NotFound when it does not run."""
        init = recorded_init(self.folder(container))
        if init is None or not init.is_running():
            raise NotFound(
                f"container {container.name} is not running",
                hint=f"its last words: glassbridge logs {container.name}",
            )
        return init

    def remove(self, container: Container) -> None:
        """Remove its folder, log included; raises Conflict while it runs."""
        if self.is_running(container):
            raise Conflict(f"container {container.name} is running", hint="stop it first")
        folder = self.folder(container)
        if folder.exists():
            shutil.rmtree(folder)

    def folder(self, container: Container) -> Path:
        """Where its files are."""
        return self._containers / container.id

    def log_path(self, container: Container) -> Path:
        """What it wrote, as it wrote it."""
        return self.folder(container) / "log"

    def stdin_path(self, container: Container) -> Path:
        """The FIFO that a detached container with --interactive reads; it never ends."""
        return self.folder(container) / "stdin"

    def seccomp(self, container: Container) -> bytes:
        """The filter that it runs under; empty: none."""
        return (self.folder(container) / "seccomp").read_bytes()

    def _await_command(self, container: Container, monitor: Process) -> bool:
        """Wait until bubblewrap's child has become the command; False if that failed."""
        deadline = time.monotonic() + _START_SECONDS
        init: Process | None = None
        while monitor.is_running() and time.monotonic() < deadline:
            child = report_of(self.folder(container)).get("child-pid")
            if init is None and child is not None:
                init = process_now(child)
            if init is not None and init.has_executed():
                record_init(self.folder(container), init)
                return True
            time.sleep(_POLL_SECONDS)
        if monitor.is_running():
            monitor.send(signal.SIGKILL)
            monitor.wait(_START_SECONDS)
        monitor.reap()
        return "exit-code" in report_of(self.folder(container))


def _monitor(container: Container) -> Process | None:
    if container.pid is None:
        return None
    return Process(pid=container.pid, started_ticks=container.pid_started)


def _command(container: Container, folder: Path, netns: str | None) -> list[str]:
    spec = container.spec
    identity = Rootfs(Path(spec.rootfs)).identity(spec.user)
    confined = not identity.uid and not spec.privileged
    inner = bubblewrap_command(
        bubblewrap(),
        spec.command,
        has_filter=not spec.privileged,
        takes_terminal=_takes_terminal(container),
    )
    # in a user namespace of one uid bubblewrap itself stays root, and maps that to the user
    becomes_user = identity.uid and is_mapped(identity.uid)
    groups = ",".join(map(str, identity.groups))
    user = (str(folder), str(identity.uid), str(identity.gid), groups)
    return launch_command(
        inner,
        netns=netns or "",
        user=user if becomes_user else ("", "", "", ""),
        kept=capability_mask(kept_capabilities(spec)) if confined else None,
    )


def _takes_terminal(container: Container) -> bool:
    """Without a shell in it, bubblewrap's session has the terminal, and ends at Ctrl-C."""
    shell = Rootfs(Path(container.spec.rootfs)).on_host(SHELL)
    return bool(container.spec.tty) and os.access(shell, os.X_OK)


def _streams(container: Container, folder: Path) -> Streams:
    spec = container.spec
    if spec.tty:
        ours = not _takes_terminal(container)
        return Streams(spec.tty, spec.tty, is_terminal=True, is_ours=ours)
    log = str(folder / "log")
    if spec.interactive and not spec.stdin:
        return Streams(str(folder / "stdin"), log, is_endless=True)
    return Streams(spec.stdin or "/dev/null", log)


def _filter_for(container: Container, identity: Identity) -> bytes:
    """Without root a capability holds in the own user namespace only, and lifts no ban."""
    kept = frozenset[str]() if identity.uid else kept_capabilities(container.spec)
    return seccomp_program(kept)


def _make_mount_points(container: Container) -> None:
    """As Docker: mount points appear in the container's own files."""
    rootfs = Rootfs(Path(container.spec.rootfs))
    try:
        for path, is_folder in mount_points(container):
            place = rootfs.on_host(path)
            (place if is_folder else place.parent).mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.touch()
    except OSError as error:
        raise PermissionRefused(
            f"create mount point {error.filename}: {error.strerror}",
            hint="glassbridge needs to write to a container's rootfs, or use --rootfs /",
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _write_public(path: Path, text: str) -> None:
    """In place: a running container has this very file bound."""
    path.write_text(text)
    path.chmod(0o644)


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
