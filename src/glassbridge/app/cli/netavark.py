"""`glassbridge netavark ...`: be a network driver of Podman's."""

from pathlib import Path

import click

from glassbridge.app import plugin_files
from glassbridge.app.cli.printing import say_removed
from glassbridge.app.cli.shown import Shown, ShownGroup

_PLUGIN_DIR = "/usr/local/lib/netavark"
_PODMAN_LOOKS = tuple(
    Path(f"{base}/netavark")
    for base in ("/usr/local/libexec", "/usr/libexec", "/usr/local/lib", "/usr/lib")
)
"""containers.conf(5), netavark_plugin_dirs."""

_plugin_dir = click.option(
    "--plugin-dir",
    type=click.Path(path_type=Path),
    default=_PLUGIN_DIR,
    show_default=True,
    help="Where Podman looks for plugins of netavark.",
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=ShownGroup,
    example=[
        "glassbridge netavark install",
        "podman network create -d glassbridge web-net",
        "podman run -d --network web-net -p 8080:80 nginx",
    ],
)
def netavark() -> None:
    """Be a network driver of Podman's, from version 4.6 on and as root.

    Podman then makes networks with `-d glassbridge`.
    """


@netavark.command(cls=Shown, example=["glassbridge netavark install"])
@_plugin_dir
def install(plugin_dir: Path) -> None:
    """Put the plugin where Podman looks, or say how Podman is told where it is."""
    program = plugin_dir / plugin_files.NETAVARK_PROGRAM
    language = plugin_files.install_program(program)
    click.echo(f"plugin  {program} ({language})")
    if plugin_dir in _PODMAN_LOOKS:
        click.echo("try it: podman network create -d glassbridge web-net")
    else:
        click.echo("Podman finds it by these lines in /etc/containers/containers.conf:")
        click.echo(f'[network]\nnetavark_plugin_dirs = ["{plugin_dir}"]')


@netavark.command(cls=Shown, example=["glassbridge netavark uninstall"])
@_plugin_dir
def uninstall(plugin_dir: Path) -> None:
    """Remove what `install` put there; containers keep the network that they have."""
    program = plugin_dir / plugin_files.NETAVARK_PROGRAM
    say_removed(program, plugin_files.remove_program(program))
