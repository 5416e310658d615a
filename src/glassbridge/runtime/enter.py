"""`exec`: one more command in a running container, as confined as its first."""

import marshal
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from glassbridge.errors import InvalidRequest, NotFound
from glassbridge.model.container import Container
from glassbridge.runtime.capabilities import capability_mask, kept_capabilities
from glassbridge.runtime.join import Order
from glassbridge.runtime.preflight import is_mapped
from glassbridge.runtime.process import Process
from glassbridge.runtime.rootfs import Identity, Rootfs
from glassbridge.runtime.runtime import Runtime
from glassbridge.runtime.sandbox import environment_of
from glassbridge.runtime.spawn import launch_command, program
from glassbridge.runtime.terminal import check_terminal, open_pty, relay

_JOIN = "glassbridge.runtime.join"


def enter(
    runtime: Runtime,
    container: Container,
    command: Sequence[str],
    *,
    user: str = "",
    workdir: str = "",
    environment: Mapping[str, str] | None = None,
    tty: bool = False,
    interactive: bool = False,
) -> int:
    """Run a command in a container, with our standard streams; returns its exit code.

    Raises NotFound when the container does not run, or has no such program, user or folder.
    """
    if tty:
        check_terminal()
    init = runtime.init(container)
    root = Rootfs(Path(f"/proc/{init.pid}/root"), f"container {container.name}")
    identity = root.identity(user or container.spec.user)
    _check_user(container, root, identity)
    variables = {"TERM": os.environ.get("TERM", "xterm")} if tty else {}
    variables |= environment_of(container, identity.home) | dict(environment or {})
    folder = workdir or container.spec.workdir or "/"
    root.check_program(command[0], variables["PATH"], folder)
    if not root.on_host(folder).is_dir():
        raise NotFound(f"folder {folder} does not exist in container {container.name}")
    with _pidfd(init, container) as pidfd:
        order = Order(
            pid=init.pid,
            pidfd=pidfd,
            command=list(command),
            environment=variables,
            workdir=folder,
            uid=identity.uid,
            gid=identity.gid,
            groups=list(identity.groups),
            kept=_kept(container, identity),
            seccomp=runtime.seccomp(container),
            terminal=tty,
        )
        if tty:
            return _in_terminal(order, init, identity)
        return _with_our_streams(order, interactive=interactive)


@contextmanager
def _pidfd(init: Process, container: Container) -> Iterator[int]:
    descriptor = init.open_pidfd()
    if descriptor is None:
        raise NotFound(f"container {container.name} ended meanwhile")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _kept(container: Container, identity: Identity) -> int | None:
    """As the first process has it: one with a user namespace of its own keeps none."""
    if container.spec.privileged and not identity.uid:
        return None
    own = Rootfs(Path(container.spec.rootfs)).identity(container.spec.user)
    return 0 if own.uid else capability_mask(kept_capabilities(container.spec))


def _check_user(container: Container, root: Rootfs, identity: Identity) -> None:
    first = root.identity(container.spec.user)
    if first.uid and identity.uid != first.uid:
        raise InvalidRequest(
            f"container {container.name} runs as uid {first.uid}, and has no other",
            hint="run it without --user, and give --user to exec",
        )
    if not first.uid and not is_mapped(identity.uid):
        raise InvalidRequest(
            f"this lab has no uid {identity.uid}: its user namespace maps one uid only",
            hint=f"start the container with --user {identity.uid}, or leave it out",
        )


def _in_terminal(order: Order, init: Process, identity: Identity) -> int:
    """With a terminal of the container's own, so that `tty` and `ps` name it there."""
    master, slave = open_pty(f"/proc/{init.pid}/root/dev/pts")
    try:
        with suppress(OSError):  # a uid that is not mapped here
            os.fchown(slave, identity.uid, -1)
        process = _start(order, slave, output=slave)
    finally:
        os.close(slave)
    ended = os.pidfd_open(process.pid)
    try:
        relay(master, ended)
        return process.wait()
    finally:
        os.close(ended)
        os.close(master)


def _with_our_streams(order: Order, *, interactive: bool) -> int:
    process = _start(order, None if interactive else subprocess.DEVNULL)
    with _interrupts_left_to_it():
        return process.wait()


@contextmanager
def _interrupts_left_to_it() -> Iterator[None]:
    """Ctrl-C reaches the command as well as us, and what it means is for the command to say."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start(order: Order, stdin: int | None, output: int | None = None) -> subprocess.Popen[bytes]:
    """Not by argument and environment, which anybody reads and an LD_PRELOAD would reach."""
    paper = os.memfd_create("order", 0)
    try:
        os.write(paper, marshal.dumps(cast(dict[str, Any], order)))
        os.lseek(paper, 0, os.SEEK_SET)
        return subprocess.Popen(
            launch_command(program(_JOIN, str(paper))),
            stdin=stdin,
            stdout=output,
            stderr=output,
            pass_fds=(paper, order["pidfd"]),
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
    finally:
        os.close(paper)
