"""`glassbridge docker ...`: be a network driver of Docker's, or be one no longer."""

from collections.abc import Iterator

import click

from glassbridge.app.cli.flags import as_json
from glassbridge.app.cli.printing import print_json
from glassbridge.app.cli.shown import Shown, ShownGroup
from glassbridge.app.cli.table import sheet, table
from glassbridge.app.cli.words import counted
from glassbridge.app.paths import DOCKER_SOCKET, Paths
from glassbridge.app.service import connect, connect_if_running
from glassbridge.frontends.api.bodies import PluginAnswer, PluginRequest
from glassbridge.model.views import NetworkView

_SHORT_ID = 12


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


@docker.command(cls=Shown, example=["glassbridge docker status"])
@as_json
def status(as_json: bool) -> None:
    """Show whether Docker finds us, its networks here, and who is on them."""
    daemon = connect_if_running()
    if daemon is None:
        enabled = Paths.here().docker_enabled.exists()
        answer = PluginAnswer(enabled=enabled, socket=str(DOCKER_SOCKET), serving=False)
    else:
        with daemon:
            answer = daemon.get("/v1/docker", PluginAnswer)
    if as_json:
        print_json(answer)
        return
    click.echo(sheet([("plugin", _state(answer)), ("socket", answer.socket), *_counts(answer)]))
    if answer.networks:
        click.echo()
        click.echo(table(("NETWORK", "BRIDGE", "SUBNETS", "ENDPOINTS"), map(_row, answer.networks)))


def _state(answer: PluginAnswer) -> tuple[str, ...]:
    if answer.serving:
        return (
            "enabled: Docker finds us" + (", by systemd's socket" if answer.by_systemd else ""),
        )
    if answer.enabled:
        return (
            "enabled, but nobody serves it: Docker waits 15 s, and gives up",
            "serve it with: glassbridge docker enable",
        )
    return ("not enabled", "enable it with: glassbridge docker enable")


def _counts(answer: PluginAnswer) -> Iterator[tuple[str, str]]:
    if answer.serving:
        endpoints = sum(len(view.endpoints) for view in answer.networks)
        networks = counted(len(answer.networks), "network")
        yield "has", f"{networks}, {counted(endpoints, 'endpoint')}"


def _row(view: NetworkView) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    network = view.network
    members = tuple(
        f"{plugged.endpoint.id[:_SHORT_ID]}  {'  '.join(map(str, plugged.endpoint.addresses))}"
        for sandbox in view.endpoints
        for plugged in sandbox.endpoints
        if plugged.endpoint.network == network.id
    )
    return (
        network.name,
        network.bridge,
        tuple(str(s.prefix) for s in network.subnets),
        members or ("-",),
    )
