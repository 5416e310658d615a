"""`glassbridge cni ...`: be a CNI plugin for containerd, CRI-O, Podman 4 and Kubernetes."""

from pathlib import Path

import click

from glassbridge.app import plugin_files
from glassbridge.app.cli.printing import say_removed
from glassbridge.app.cli.shown import Shown, ShownGroup

_BIN_DIR = "/opt/cni/bin"
_CONF_DIR = "/etc/cni/net.d"
_NAME = "glassbridge"
_SUBNET = "10.92.0.0/16"

_bin_dir = click.option(
    "--bin-dir",
    type=click.Path(path_type=Path),
    default=_BIN_DIR,
    show_default=True,
    help="Where the runtime looks for plugins.",
)
_conf_dir = click.option(
    "--conf-dir",
    type=click.Path(path_type=Path),
    default=_CONF_DIR,
    show_default=True,
    help="Where the runtime looks for networks.",
)
_no_conf = click.option("--no-conf", is_flag=True, help="The program only, no network.")
_name = click.option("--name", default=_NAME, show_default=True, help="The network's name.")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=ShownGroup,
    example=["glassbridge cni install", "ctr run --cni docker.io/library/nginx:latest web"],
)
def cni() -> None:
    """Be a CNI plugin: for containerd, CRI-O, Podman 4 and Kubernetes."""


@cni.command(
    cls=Shown,
    example=[
        "glassbridge cni install",
        "glassbridge cni install --name pods --subnet 10.40.0.0/16",
    ],
)
@_bin_dir
@_conf_dir
@_no_conf
@_name
@click.option("--subnet", default=_SUBNET, show_default=True, help="The network's.")
def install(bin_dir: Path, conf_dir: Path, no_conf: bool, name: str, subnet: str) -> None:
    """Put the plugin where runtimes look, and a network that uses it.

    A network's file that is there already is left as it is, and the difference is shown.
    """
    wanted = "" if no_conf else plugin_files.conflist(name, subnet)
    program = bin_dir / plugin_files.CNI_PROGRAM
    language = plugin_files.install_program(program)
    click.echo(f"plugin   {program} ({language})")
    if no_conf:
        return
    path = _conflist(conf_dir, name)
    difference = plugin_files.install_configuration(path, wanted)
    click.echo(f"network  {path}{' is left as it is' if difference else ''}")
    if difference:
        click.echo(difference, nl=False)


@cni.command(cls=Shown, example=["glassbridge cni uninstall"])
@_bin_dir
@_conf_dir
@_no_conf
@_name
def uninstall(bin_dir: Path, conf_dir: Path, no_conf: bool, name: str) -> None:
    """Remove what `install` put there; containers keep the network that they have.

    The plugin stays while another network uses it.
    """
    # the network first: nobody shall be asked for a plugin that is gone
    if not no_conf:
        path = _conflist(conf_dir, name)
        say_removed(path, plugin_files.remove_configuration(path))
    program = bin_dir / plugin_files.CNI_PROGRAM
    others = [] if no_conf else plugin_files.configurations(conf_dir)
    if others and program.exists():
        click.echo(f"{program} stays: {', '.join(map(str, others))} needs it")
        return
    say_removed(program, plugin_files.remove_program(program))


def _conflist(conf_dir: Path, name: str) -> Path:
    return conf_dir / f"10-{name}.conflist"
