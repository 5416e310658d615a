"""Commands about the whole: up, down, status, daemon, completion, version."""

import time
from collections.abc import Iterator

import click

from glassbridge import __version__
from glassbridge.app.cli.flags import as_json
from glassbridge.app.cli.printing import print_json
from glassbridge.app.cli.shown import Shown
from glassbridge.app.cli.table import sheet
from glassbridge.app.cli.words import counted, duration
from glassbridge.app.client import NotRunning
from glassbridge.app.paths import Paths
from glassbridge.app.service import connect, connect_if_running
from glassbridge.errors import InvalidRequest
from glassbridge.frontends.api.bodies import DownAnswer, DownRequest
from glassbridge.model.network import Network
from glassbridge.model.views import Obstacle, Recovery, Status

_SHELLS = ("bash", "zsh", "fish")


@click.command(cls=Shown, example=["glassbridge up && ip address show gb0"])
def up() -> None:
    """Create the default network's bridge; every other command does so when it needs to."""
    with connect() as daemon:
        made = daemon.post("/v1/up", None, Network)
    addresses = "  ".join(map(str, made.gateway_interfaces))
    click.echo(f"{made.bridge}  {addresses}  network {made.name}")


@click.command(cls=Shown, example=["glassbridge down --force"])
@click.option("--force", "-f", is_flag=True, help="Also with containers running: they are stopped.")
def down(force: bool) -> None:
    """Take everything off the host again, and end the daemon.

    Bridges, cables, rules and settings go; what has to stay is told, and why. Network definitions
    are kept: the next `up` or `run` makes them real again.
    """
    with connect() as daemon:
        answer = daemon.post("/v1/down", DownRequest(force=force), DownAnswer)
        daemon.end_daemon()
    for note in answer.notes:
        click.echo(note)
    if not answer.notes:
        click.echo("the host is as it was before")


@click.command(cls=Shown, example=["glassbridge status"])
@as_json
def status(as_json: bool) -> None:
    """Show how the daemon is doing: what it serves, what waits, what it last had to mend."""
    daemon = connect_if_running()
    if daemon is None:
        raise NotRunning(
            f"no daemon is running here ({Paths.here().socket})",
            hint="the first command that needs it starts it, e.g. glassbridge up",
        )
    with daemon:
        found = daemon.get("/v1/status", Status)
    if as_json:
        print_json(found)
        return
    up_for = duration(time.time() - found.started)
    counts = (
        counted(found.networks, "network"),
        counted(found.containers, "container"),
        counted(found.endpoints, "endpoint"),
    )
    click.echo(
        sheet(
            [
                ("health", "good" if found.healthy else f"NOT good: {found.detail}"),
                ("daemon", f"version {found.version}, pid {found.pid}, up {up_for}"),
                ("has", ", ".join(counts)),
                ("queue", f"{counted(found.queue, 'request')} waiting"),
                ("serves", f"network namespace {found.netns}"),
                ("folders", f"{found.run_dir} (run), {found.state_dir} (state)"),
                ("recovery", _recovery(found.last_recovery)),
                *_obstacles(found.obstacles),
            ]
        )
    )


def _obstacles(obstacles: tuple[Obstacle, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for found in obstacles:
        yield "note", (found.what, *([f"to open it: {found.remedy}"] if found.remedy else []))


def _recovery(last: Recovery | None) -> tuple[str, ...]:
    if last is None:
        return ("none was needed",)
    when = f"{duration(time.time() - last.at)} ago, after {last.trigger}, {last.duration_ms:.0f} ms"
    return (
        when,
        *(f"restored {what}" for what in last.restored),
        *(f"removed {what}" for what in last.removed),
        *(f"could not restore {what}" for what in last.failed),
    )


@click.command(cls=Shown, example=["glassbridge daemon"])
@click.option("--ready-fd", type=int, hidden=True)
def daemon(ready_fd: int | None) -> None:
    """Run the daemon in the foreground; commands start it by themselves when they need it."""
    from glassbridge.app.daemon import run_daemon  # noqa: PLC0415 - 90 ms that `up` need not pay

    run_daemon(ready_fd=ready_fd)


@click.command(
    cls=Shown,
    example=[
        "source <(glassbridge completion bash)",
        "glassbridge completion fish > ~/.config/fish/completions/glassbridge.fish",
    ],
)
@click.argument("shell", metavar="[bash|zsh|fish]")
def completion(shell: str) -> None:
    """Print a script that completes commands, flags and names in your shell."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - rarely needed

    known = get_completion_class(shell) if shell in _SHELLS else None
    if known is None:
        raise InvalidRequest(
            f"no completion for shell {shell!r}", hint=f"one of {', '.join(_SHELLS)}"
        )
    root = click.get_current_context().find_root().command
    click.echo(known(root, {}, "glassbridge", "_GLASSBRIDGE_COMPLETE").source())


@click.command(cls=Shown, example=["glassbridge version"])
@as_json
def version(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": __version__})
    else:
        click.echo(f"glassbridge {__version__}")
