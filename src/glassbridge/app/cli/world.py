"""`lab` and `demo`: a world to play in."""

import click

from glassbridge.app.cli.exits import CommandEnded
from glassbridge.app.cli.shown import Shown


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    cls=Shown,
    example=["glassbridge lab", "glassbridge lab -- sh -c 'glassbridge up && ip address'"],
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def lab(command: tuple[str, ...]) -> None:
    """Enter a private world: own network, own daemon, nothing of it left afterwards.

    No root is needed. Without COMMAND you get a shell in it.
    """
    from glassbridge.app.lab import run_lab  # noqa: PLC0415 - see main.py

    raise CommandEnded(run_lab(command))


@click.command(cls=Shown, example=["glassbridge demo"])
@click.option(
    "--on-host", is_flag=True, help="On this host itself (root), and clean up afterwards."
)
def demo(on_host: bool) -> None:
    """Watch two containers get their network stacks and talk, on the real kernel."""
    from glassbridge.app.demo import run_demo  # noqa: PLC0415 - see main.py

    raise CommandEnded(run_demo(on_host))
