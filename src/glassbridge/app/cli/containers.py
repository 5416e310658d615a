"""Commands about containers that exist: ps, port, ports, logs, inspect, start, stop, rm."""

from ipaddress import IPv6Address

import click

from glassbridge.app.cli.flags import AnyContainer, Sandbox, as_json
from glassbridge.app.cli.others_containers import ours_only
from glassbridge.app.cli.printing import print_json, published, state_of
from glassbridge.app.cli.shown import Shown
from glassbridge.app.cli.table import Cell, shorten, table
from glassbridge.app.client import Client, ref_in_path
from glassbridge.app.everybody import (
    all_containers,
    container_called,
    network_called,
)
from glassbridge.app.paths import Paths
from glassbridge.app.service import connect
from glassbridge.errors import NotFound
from glassbridge.frontends.api.bodies import DEFAULT_STOP_TIMEOUT, StopRequest
from glassbridge.model.container import ContainerState
from glassbridge.model.endpoint import PublishedPort
from glassbridge.model.views import NetworkView, SandboxView

_NAMES = click.argument("names", nargs=-1, required=True, type=Sandbox(), metavar="NAME...")


@click.command(cls=Shown, example=["glassbridge ps -a"])
@click.option("--all", "-a", "show_all", is_flag=True, help="Also ours that have ended.")
@click.option(
    "--quiet", "-q", is_flag=True, help="Only names, and only ours: what other commands take."
)
@as_json
def ps(show_all: bool, quiet: bool, as_json: bool) -> None:
    """List containers and attached namespaces, and the running containers of other engines."""
    views = _everybody()
    shown = [v for v in views if show_all or _is_up(v)]
    if as_json:
        print_json(shown)
    elif quiet:
        ours = (v for v in shown if not v.is_anothers)
        click.echo("".join(f"{v.sandbox.name}\n" for v in ours), nl=False)
    else:
        headings = ("NETWORK", "ADDRESS", "MAC", "HOST END", "PUBLISHED", "STATE")
        names = {str(v.sandbox.id): v.sandbox.name for v in views}
        is_crowded = any(v.is_anothers for v in shown)
        rows = [(*_name(v, is_crowded=is_crowded), *_ps_row(v, names)) for v in shown]
        whose = ("NAME", "ENGINE") if is_crowded else ("NAME",)
        click.echo(table((*whose, *headings), rows))


def _everybody() -> tuple[SandboxView, ...]:
    views, why_not_ours = all_containers()
    if why_not_ours is not None:
        click.echo(f"note: containers of glassbridge's own are not shown: {why_not_ours}", err=True)
    return views


def _name(view: SandboxView, *, is_crowded: bool) -> tuple[str, ...]:
    """With its engine, as soon as there is more than ours."""
    name = shorten(view.sandbox.name, 24)
    return (name, str(view.engine)) if is_crowded else (name,)


def _is_up(view: SandboxView) -> bool:
    return view.container is None or view.container.state is ContainerState.RUNNING


def _ps_row(view: SandboxView, names: dict[str, str]) -> tuple[Cell, ...]:
    """One line per address; what belongs to the endpoint stands on the first of its lines."""
    networks, addresses, macs, host_ends = [], [], [], []
    for member in view.endpoints:
        endpoint = member.endpoint
        count = max(1, len(endpoint.addresses))
        rest = [""] * (count - 1)
        networks += [shorten(member.network, 16), *rest]
        addresses += [str(a) for a in endpoint.addresses] or ["-"]
        macs += [endpoint.mac, *rest]
        host_ends += [endpoint.host_end or "-", *rest]
    if not view.endpoints:
        mode = _network_mode(view)
        kind, _, shared = mode.partition(":")
        if shared:
            kind = f"of {names.get(shared, shared)}"
        networks = ["-" if mode == "default" else shorten(kind, 16)]
    return (
        tuple(networks),
        tuple(addresses) or "-",
        tuple(macs) or "-",
        tuple(host_ends) or "-",
        published(view.ports),
        state_of(view),
    )


def _network_mode(view: SandboxView) -> str:
    if view.container is not None:
        return view.container.network_mode
    return "host" if view.is_anothers and not view.sandbox.netns else "none"


@click.command(cls=Shown, example=["glassbridge port web", "glassbridge port web 80/tcp"])
@click.argument("name", type=AnyContainer())
@click.argument("private", required=False, metavar="[PORT[/PROTOCOL]]")
@as_json
def port(name: str, private: str | None, as_json: bool) -> None:
    """Show the published ports of one container, in Docker's words."""
    with connect() as daemon:
        view = _sandbox(daemon, name)
    if as_json:
        print_json(view.ports)
        return
    wanted = None if private is None else private if "/" in private else f"{private}/tcp"
    lines = []
    for entry in sorted(view.ports, key=_inside_first):
        inside = f"{entry.container_port}/{entry.protocol}"
        host = entry.host_address
        address = f"[{host}]" if isinstance(host, IPv6Address) else str(host)
        outside = f"{address}:{entry.host_port}"
        if wanted is None:
            lines.append(f"{inside} -> {outside}")
        elif wanted == inside:
            lines.append(outside)
    if wanted is not None and not lines:
        raise NotFound(
            f"{view.sandbox.name} publishes no port {wanted}", hint=f"glassbridge port {name}"
        )
    click.echo("".join(f"{line}\n" for line in lines), nl=False)


def _inside_first(port: PublishedPort) -> tuple[int, str, int, int]:
    return port.container_port, port.protocol, port.host_address.version, port.host_port


@click.command(cls=Shown, example=["glassbridge ports"])
@as_json
def ports(as_json: bool) -> None:
    """Show every published port and whose it is.

    It is a port of the host, but in a network of gateway mode routed: there no port of the host
    leads to a container, whose own address and port are shown instead.
    """
    views = [v for v in _everybody() if v.ports]
    if as_json:
        told: dict[str, tuple[PublishedPort, ...]] = {}
        for view in views:
            told[view.sandbox.name] = (*told.get(view.sandbox.name, ()), *view.ports)
        print_json(told)
        return
    found = [(port, view) for view in views for port in view.ports]
    found.sort(key=lambda f: (f[0].host_port, f[0].protocol, str(f[0].host_address)))
    is_mixed = any(v.is_anothers for v in views)
    rows = [
        (
            f"{port.host_port}/{port.protocol}",
            str(port.host_address),
            shorten(view.sandbox.name),
            *((str(view.engine),) if is_mixed else ()),
            str(port.container_port),
        )
        for port, view in found
    ]
    engine = ("ENGINE",) if is_mixed else ()
    click.echo(table(("PORT", "ON", "CONTAINER", *engine, "CONTAINER PORT"), rows))


@click.command(cls=Shown, example=["glassbridge logs -f web"])
@click.argument("name", type=Sandbox())
@click.option("--follow", "-f", is_flag=True, help="Go on until the container ends.")
@click.option("--tail", "-n", default="all", metavar="LINES", help="Only the last lines.")
def logs(name: str, follow: bool, tail: str) -> None:
    """Show what a container wrote to its standard output and error."""
    from glassbridge.app.cli.logs import show_log  # noqa: PLC0415 - `ps` needs none of it
    from glassbridge.runtime.runtime import Runtime  # noqa: PLC0415 - `ps` needs none of it

    with connect() as daemon, ours_only(daemon, name, "logs"):
        container = daemon.get(_path(name), SandboxView).container
    assert container is not None  # that path knows containers only
    log = Runtime(Paths.here().run_dir).log_path(container)
    show_log(container, log, follow=follow, tail=tail)


@click.command(cls=Shown, example=["glassbridge inspect web"])
@click.argument("names", nargs=-1, required=True, type=AnyContainer(), metavar="NAME...")
@click.option("--json", "as_json", is_flag=True, hidden=True)
def inspect(names: tuple[str, ...], as_json: bool) -> None:  # noqa: ARG001 - it is always JSON
    """Show all that is known about containers, attached namespaces or networks, as JSON."""
    with connect() as daemon:
        print_json([_anything(daemon, name) for name in names])


def _anything(daemon: Client, name: str) -> SandboxView | NetworkView:
    try:
        return _sandbox(daemon, name)
    except NotFound as no_sandbox:
        try:
            return network_called(daemon, name)
        except NotFound:
            raise no_sandbox from None


@click.command(cls=Shown, example=["glassbridge start web"])
@_NAMES
def start(names: tuple[str, ...]) -> None:
    """Start containers that have ended, with the network that they had asked for."""
    with connect() as daemon:
        for name in names:
            with ours_only(daemon, name, "start"):
                view = daemon.post(f"{_path(name)}/start", None, SandboxView)
            click.echo(view.sandbox.name)


@click.command(cls=Shown, example=["glassbridge stop -t 2 web"])
@_NAMES
@click.option(
    "--time",
    "-t",
    "--timeout",
    "timeout",
    type=click.FloatRange(min=0),
    default=DEFAULT_STOP_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="Patience between SIGTERM and SIGKILL.",
)
def stop(names: tuple[str, ...], timeout: float) -> None:  # fmt: skip
    """Stop containers; they stay, with their log, until `rm`."""
    with connect() as daemon:
        for name in names:
            asked = StopRequest(timeout=timeout)
            with ours_only(daemon, name, "stop"):
                view = daemon.post(f"{_path(name)}/stop", asked, SandboxView)
            click.echo(view.sandbox.name)


@click.command(cls=Shown, example=["glassbridge rm -f web"])
@_NAMES
@click.option("--force", "-f", is_flag=True, help="Also running ones.")
def rm(names: tuple[str, ...], force: bool) -> None:
    """Remove containers, their network and their log."""
    with connect() as daemon:
        for name in names:
            query = "?force=true" if force else ""
            with ours_only(daemon, name, "rm"):
                view = daemon.delete(f"{_path(name)}{query}", SandboxView)
            click.echo(view.sandbox.name)


def _sandbox(daemon: Client, name: str) -> SandboxView:
    """By our own names first, then by those of other engines."""
    try:
        return daemon.get(f"/v1/sandboxes/{ref_in_path(name, 'container')}", SandboxView)
    except NotFound as unknown:
        return container_called(daemon, name, unknown)


def _path(name: str) -> str:
    return f"/v1/containers/{ref_in_path(name, 'container')}"
