"""`glassbridge docker ...`: be a network driver of Docker's, or be one no longer."""

import click
from msgspec import Struct

from glassbridge.app.cli.flags import as_json
from glassbridge.app.cli.printing import print_json
from glassbridge.app.cli.shown import Shown, ShownGroup
from glassbridge.app.cli.table import Cell, sheet, shorten, table
from glassbridge.app.everybody import networks_as_known
from glassbridge.app.paths import DOCKER_SOCKET, Paths
from glassbridge.app.service import connect, connect_if_running
from glassbridge.frontends.api.bodies import FreedAnswer, PluginAnswer, PluginRequest
from glassbridge.model.network import Manager
from glassbridge.model.views import NetworkView

HEADINGS = ("NETWORK", "BRIDGE", "SUBNET", "CONTAINER", "ADDRESS")


class DockerStatus(Struct, frozen=True, kw_only=True):
    """`docker status`."""

    plugin: PluginAnswer
    networks: tuple[NetworkView, ...] = ()
    """Docker's networks of ours, and who is on them, by the names that Docker uses."""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=ShownGroup,
    example=[
        "glassbridge docker enable",
        "docker network create -d glassbridge web-net",
        "docker run -d --network web-net -p 8080:80 nginx",
    ],
)
def docker() -> None:
    """Be a network driver of Docker's, and its address manager (IPAM) if you like.

    Docker then makes networks with `-d glassbridge`; with `--ipam-driver glassbridge` their
    addresses come from us as well.
    """


@docker.command(cls=Shown, example=["glassbridge docker enable"])
def enable() -> None:
    """Put the plugin's socket where Docker looks, now and at every start of the daemon."""
    with connect() as daemon:
        answer = daemon.post("/v1/docker/enable", None, PluginAnswer)
    click.echo(f"Docker finds us at {answer.socket}")
    click.echo("try it: docker network create -d glassbridge web-net")


@docker.command(cls=Shown, example=["glassbridge docker disable"])
@click.option(
    "--force", "-f", is_flag=True, help="Also with networks of Docker's: they are taken down here."
)
def disable(force: bool) -> None:
    """Take the plugin's socket away; Docker's networks must be gone."""
    with connect() as daemon:
        answer = daemon.post("/v1/docker/disable", PluginRequest(force=force), PluginAnswer)
    click.echo(f"Docker finds us no longer: {answer.socket} is gone")


@docker.command(cls=Shown, example=["glassbridge docker prune"])
def prune() -> None:
    """Give back what is held for networks that Docker does not know.

    Docker died while it made or removed them. A subnet also gives way when it is named again.
    """
    with connect() as daemon:
        for freed in daemon.post("/v1/docker/prune", None, FreedAnswer).freed:
            click.echo(freed)


@docker.command(cls=Shown, example=["glassbridge docker status"])
@as_json
def status(as_json: bool) -> None:
    """Show whether Docker finds us, its networks here, and who is on them."""
    daemon = connect_if_running()
    if daemon is None:
        enabled = Paths.here().docker_enabled.exists()
        found = DockerStatus(
            plugin=PluginAnswer(enabled=enabled, socket=str(DOCKER_SOCKET), serving=False)
        )
    else:
        with daemon:
            found = DockerStatus(
                plugin=daemon.get("/v1/docker", PluginAnswer),
                networks=tuple(v for v in networks_as_known(daemon) if _is_docker_s(v)),
            )
    if as_json:
        print_json(found)
        return
    rows: list[tuple[str, Cell]] = [
        ("plugin", _state(found.plugin)),
        ("socket", found.plugin.socket),
    ]
    if found.plugin.orphans:
        free_them = "Docker does not know them, free them with: glassbridge docker prune"
        rows.append(("held for nobody", (*found.plugin.orphans, free_them)))
    click.echo(sheet(rows))
    if found.networks:
        click.echo()
        click.echo(table(HEADINGS, map(network_row, found.networks)))


def _is_docker_s(view: NetworkView) -> bool:
    return view.network.managed is not None and view.network.managed.by is Manager.DOCKER


def _state(plugin: PluginAnswer) -> tuple[str, ...]:
    if plugin.serving:
        return (
            "enabled: Docker finds us" + (", by systemd's socket" if plugin.by_systemd else ""),
        )
    if plugin.enabled:
        return (
            "enabled, but nobody serves it: Docker waits 15 s, and gives up",
            "serve it with: glassbridge docker enable",
        )
    return ("not enabled", "enable it with: glassbridge docker enable")


def network_row(view: NetworkView) -> tuple[Cell, ...]:
    """What stands below HEADINGS."""
    network = view.network
    names: list[str] = []
    addresses: list[str] = []
    for sandbox in view.endpoints:
        for plugged in sandbox.endpoints:
            if plugged.endpoint.network == network.id:
                own = [str(a) for a in plugged.endpoint.addresses]
                names += [shorten(sandbox.sandbox.name, 24), *[""] * (len(own) - 1)]
                addresses += own
    return (
        shorten(network.name, 24),
        network.bridge,
        tuple(str(s.prefix) for s in network.subnets),
        tuple(names) or "-",
        tuple(addresses) or "-",
    )
