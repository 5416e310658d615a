"""JSON for programs, and the words for containers that several screens share."""

import time
from pathlib import Path

import click
import msgspec

from glassbridge.app.cli.words import duration
from glassbridge.model.address import to_json
from glassbridge.model.container import ContainerState
from glassbridge.model.endpoint import PublishedPort
from glassbridge.model.names import SHORT_ID
from glassbridge.model.views import SandboxView


def print_json(value: object) -> None:
    """Write a model value as indented JSON."""
    click.echo(msgspec.json.format(to_json(value), indent=2).decode())


def say_removed(path: Path, was_there: bool) -> None:
    """One line about a file that is gone."""
    click.echo(f"{path} is {'removed' if was_there else 'not there'}")


def state_of(view: SandboxView) -> str:
    """`up 3 min`, `exited (0) 2 min ago`, `created`, `attached 5 min`."""
    now = time.time()
    if view.is_anothers and view.sandbox.pid is not None:
        return f"up {duration(now - view.sandbox.created)}" if view.sandbox.created else "up"
    if view.container is None:
        return f"attached {duration(now - view.sandbox.created)}"
    container = view.container
    match container.state:
        case ContainerState.RUNNING:
            return f"up {duration(now - container.started)}"
        case ContainerState.EXITED:
            return f"exited ({container.exit_code}) {duration(now - container.finished)} ago"
        case ContainerState.CREATED:
            return "created"


def published(ports: tuple[PublishedPort, ...]) -> tuple[str, ...]:
    """Every published port, in order: a range is one line, as any IPv4 and any IPv6 address are."""
    runs: list[list[PublishedPort]] = []
    for port in sorted({str(p): p for p in ports}.values(), key=_place):
        if runs and _place(port) == _place(runs[-1][-1], after=1):
            runs[-1].append(port)
        else:
            runs.append([port])
    return tuple(_range(run[0], run[-1]) for run in runs) or ("-",)


def _place(port: PublishedPort, after: int = 0) -> tuple[str, str, int, int]:
    host = "" if port.host_address.is_unspecified else str(port.host_address)
    return port.protocol, host, port.host_port + after, port.container_port + after


def _range(first: PublishedPort, last: PublishedPort) -> str:
    if first == last:
        return str(first)
    outside, _, inside = str(first).partition("->")
    port, slash, protocol = inside.partition("/")
    return f"{outside}-{last.host_port}->{port}-{last.container_port}{slash}{protocol}"


def introduce(view: SandboxView) -> str:
    """One line for what has just got its network: who, where, and how it is reached."""
    words = [view.sandbox.name]
    for member in view.endpoints:
        words += [str(address) for address in member.endpoint.addresses]
        words.append(f"on {member.network} ({member.bridge})")
    if not view.endpoints and view.container is not None:
        kind, colon, shared = view.container.network_mode.partition(":")
        words.append(f"network {kind}{colon}{shared[:SHORT_ID]}")
    words += dict.fromkeys(map(_arrow, view.ports))
    return "  ".join(words)


def _arrow(port: PublishedPort) -> str:
    outside, _, _ = str(port).partition("->")
    return f"{outside} -> {port.container_port}/{port.protocol}"
