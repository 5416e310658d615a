"""`exec`."""

import click

from glassbridge.app.cli.exits import CommandEnded
from glassbridge.app.cli.flags import Sandbox, process_flags, refused
from glassbridge.app.cli.others_containers import ours_only
from glassbridge.app.cli.shown import Shown
from glassbridge.app.cli.wishes import environment
from glassbridge.app.client import ref_in_path
from glassbridge.app.service import connect
from glassbridge.model.views import SandboxView

_NOT_OURS = {
    "-d/--detach": (False, "put it in the background: glassbridge exec NAME COMMAND &"),
    "--privileged": (False, "a command has what its container has: give it to run"),
    "--detach-keys": (True, "there is nothing to detach from: end the command"),
}


@click.command(
    "exec",
    cls=Shown,
    example=["glassbridge exec -it web sh", "glassbridge exec web ip route"],
    context_settings={"allow_interspersed_args": False},
)
@click.argument("name", type=Sandbox())
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@click.option("-i", "--interactive", is_flag=True, help="Pass input on to it.")
@click.option("-t", "--tty", is_flag=True, help="Give it a terminal.")
@process_flags
@refused(_NOT_OURS)
def execute(
    *,
    name: str,
    command: tuple[str, ...],
    interactive: bool,
    tty: bool,
    variables: tuple[str, ...],
    env_files: tuple[str, ...],
    workdir: str,
    user: str,
) -> None:
    """Run one more program in a running container, and return its exit code."""
    from glassbridge.app.cli.foreground import or_own_failure  # noqa: PLC0415 - see main.py
    from glassbridge.app.paths import Paths  # noqa: PLC0415 - see main.py
    from glassbridge.runtime.enter import enter  # noqa: PLC0415 - see main.py
    from glassbridge.runtime.runtime import Runtime  # noqa: PLC0415 - see main.py

    def run_it() -> int:
        with connect() as daemon, ours_only(daemon, name, "exec"):
            path = f"/v1/containers/{ref_in_path(name, 'container')}"
            container = daemon.get(path, SandboxView).container
        assert container is not None  # that path knows containers only
        return enter(
            Runtime(Paths.here().run_dir),
            container,
            command,
            user=user,
            workdir=workdir,
            environment=environment(variables, env_files),
            tty=tty,
            interactive=interactive,
        )

    raise CommandEnded(or_own_failure(run_it))
