"""Containers for kernel tests: the host's files, a namespace each, ended with the test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from glassbridge.model.container import Container, ContainerSpec
from glassbridge.model.endpoint import SandboxId
from glassbridge.runtime.process import Process
from glassbridge.runtime.runtime import Runtime

HOSTS = {"172.17.0.2": ("box",)}


def container_of(script: str, **options: Any) -> Container:
    """A container that runs a shell script on the host's files, or `rootfs`."""
    mode = options.pop("network_mode", "default")
    options.setdefault("command", ("sh", "-c", script))
    spec = ContainerSpec(rootfs=options.pop("rootfs", "/"), **options)
    sandbox = SandboxId(secrets.token_hex(32))
    return Container(id=sandbox, name="box", spec=spec, network_mode=mode)


def started(runtime: Runtime, container: Container, netns: str | None) -> Container:
    """Prepare and start it."""
    runtime.prepare(container, HOSTS)
    process = runtime.start(container, netns)
    return replace(container, pid=process.pid, pid_started=process.started_ticks)


def process_of(container: Container) -> Process:
    """The one that waits for it."""
    assert container.pid is not None
    return Process(pid=container.pid, started_ticks=container.pid_started)


def outcome(runtime: Runtime, container: Container, netns: str | None) -> tuple[int, str]:
    """Run it to its end; returns its exit code and what it wrote."""
    running = started(runtime, container, netns)
    assert process_of(running).wait(20), "it did not end"
    code = runtime.exit_code(running)
    assert code is not None
    text = runtime.log_path(running).read_text()
    runtime.remove(running)
    return code, text


@contextmanager
def running(runtime: Runtime, container: Container, netns: str | None) -> Iterator[Container]:
    """Run it for the length of a block."""
    box = started(runtime, container, netns)
    try:
        yield box
    finally:
        runtime.kill(box)
        assert process_of(box).wait(10)
        runtime.exit_code(box)
