"""`glassbridge network ...`."""

import click

from glassbridge.app.cli.flags import NetworkName, Sandbox, as_json, refused
from glassbridge.app.cli.printing import print_json
from glassbridge.app.cli.shown import Shown, ShownGroup
from glassbridge.app.cli.table import Cell, shorten, table
from glassbridge.app.cli.wishes import gateway_priority, key_values, subnet_wishes
from glassbridge.app.client import Client, ref_in_path
from glassbridge.app.everybody import network_called, network_ref, networks_as_known
from glassbridge.app.service import connect
from glassbridge.errors import Unsupported
from glassbridge.frontends.api.bodies import DisconnectRequest
from glassbridge.model.container import NetworkWish
from glassbridge.model.container_flags import parse_alias
from glassbridge.model.network import Network
from glassbridge.model.requests import ConnectRequest, NetworkRequest
from glassbridge.model.views import NetworkView, SandboxView

_SHORT_ID = 12
_NOT_OURS = {
    "--attachable": (False, "there is no swarm: every container may join a network of ours"),
    "--ingress": (False, "there is no swarm here"),
    "--scope": (True, "every network is local to this host"),
    "--config-only": (False, "give the configuration to the network itself"),
    "--config-from": (True, "give the configuration to the network itself"),
    "--ipam-driver": (
        True,
        "addresses come from glassbridge's own pools: see --subnet, --ip-range",
    ),
    "--ipam-opt": (True, "addresses come from glassbridge's own pools: see --subnet, --ip-range"),
}


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=ShownGroup,
    example=[
        "glassbridge network create backend --subnet 10.9.0.0/24",
        "glassbridge network connect backend web",
    ],
)
def network() -> None:
    """Create, list, remove and join networks.

    A network is a bridge with a subnet; its members reach each other, other networks do not reach
    them.
    """


@network.command(
    cls=Shown,
    example=[
        "glassbridge network create backend --subnet 10.9.0.0/24 --internal",
        "glassbridge network create dual --ipv6 -o com.docker.network.bridge.name=br-dual",
    ],
)
@click.argument("name")
@click.option(
    "--subnet",
    "subnets",
    multiple=True,
    metavar="CIDR",
    help="Its addresses; one of IPv4 and one of IPv6. Default: a free one.",
)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="ADDRESS",
    help="The bridge's own address. Default: the first of the subnet.",
)
@click.option(
    "--ip-range",
    "ranges",
    multiple=True,
    metavar="CIDR",
    help="Lease addresses from this part of the subnet only.",
)
@click.option(
    "--aux-address",
    "reserved",
    multiple=True,
    metavar="NAME=ADDRESS",
    help="Never lease this address. Repeatable.",
)
@click.option("--ipv4/--no-ipv4", default=True, help="With IPv4 (the default).")
@click.option("--ipv6/--no-ipv6", default=False, help="With IPv6.")
@click.option("--internal", is_flag=True, help="No way out of it, and none in.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A note. Repeatable.")
@click.option(
    "--opt",
    "-o",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="A driver option, with Docker's keys. Repeatable.",
)
@click.option(
    "--driver", "-d", default="bridge", metavar="bridge", help="The only driver is bridge."
)
@refused(_NOT_OURS)
def create(
    *,
    name: str,
    subnets: tuple[str, ...],
    gateways: tuple[str, ...],
    ranges: tuple[str, ...],
    reserved: tuple[str, ...],
    ipv4: bool,
    ipv6: bool,
    internal: bool,
    labels: tuple[str, ...],
    options: tuple[str, ...],
    driver: str,
) -> None:  # fmt: skip
    """Create a network and its bridge."""
    if driver != "bridge":
        raise Unsupported(
            f"network driver {driver!r} is not supported", hint="the only driver is bridge"
        )
    request = NetworkRequest(
        name=name,
        subnets=subnet_wishes(subnets, gateways, ranges, key_values(reserved, "--aux-address")),
        ipv4=ipv4,
        ipv6=ipv6,
        internal=internal,
        options=key_values(options, "--opt"),
        labels=key_values(labels, "--label"),
    )
    with connect() as daemon:
        made = daemon.post("/v1/networks", request, Network)
    click.echo(f"{made.name}  {_prefixes(made)}  on {made.bridge}")


@network.command("ls", cls=Shown, example=["glassbridge network ls"])
@as_json
def list_networks(as_json: bool) -> None:
    """List networks."""
    with connect() as daemon:
        views = networks_as_known(daemon)
    if as_json:
        print_json(views)
        return
    is_mixed = any(view.network.managed for view in views)
    headings = ("NAME", "ID", "BRIDGE", "SUBNET", "GATEWAY", "MEMBERS", "KIND")
    rows = (_row(view, with_manager=is_mixed) for view in views)
    click.echo(table((*headings, "MANAGER") if is_mixed else headings, rows))


def _row(view: NetworkView, *, with_manager: bool) -> tuple[Cell, ...]:
    made = view.network
    row: tuple[Cell, ...] = (
        shorten(made.name, 24),
        made.id[:_SHORT_ID],
        made.bridge,
        tuple(str(s.prefix) for s in made.subnets),
        tuple(str(s.gateway or "-") for s in made.subnets),
        str(len(view.endpoints)),
        _kind(made),
    )
    return (*row, str(made.managed.by) if made.managed else "-") if with_manager else row


@network.command("inspect", cls=Shown, example=["glassbridge network inspect bridge"])
@click.argument("names", nargs=-1, required=True, type=NetworkName(), metavar="NETWORK...")
@click.option("--json", "as_json", is_flag=True, hidden=True)
def inspect_network(names: tuple[str, ...], as_json: bool) -> None:  # noqa: ARG001 - it is always JSON
    """Show all that is known about networks, as JSON."""
    with connect() as daemon:
        views = [network_called(daemon, name) for name in names]
    print_json(views)


@network.command("rm", cls=Shown, example=["glassbridge network rm backend"])
@click.argument("names", nargs=-1, required=True, type=NetworkName(), metavar="NETWORK...")
def remove_network(names: tuple[str, ...]) -> None:
    """Remove networks that nobody is on, and their bridges."""
    with connect() as daemon:
        for name in names:
            gone = daemon.delete(_path(daemon, name), Network)
            click.echo(gone.name)


@network.command(cls=Shown, example=["glassbridge network prune"])
@click.option("--force", "-f", is_flag=True, help="As in Docker; glassbridge never asks.")
def prune(force: bool) -> None:  # noqa: ARG001 - taken for Docker's scripts
    """Remove every network that nobody is on.

    The default one stays.
    """
    with connect() as daemon:
        for gone in daemon.post("/v1/prune", None, tuple[Network, ...]):
            click.echo(gone.name)


@network.command(
    "connect", cls=Shown, example=["glassbridge network connect backend web --ip 10.9.0.7"]
)
@click.argument("name", type=NetworkName(), metavar="NETWORK")
@click.argument("container", type=Sandbox())
@click.option("--ip", default="", metavar="ADDRESS", help="This IPv4 address.")
@click.option("--ip6", default="", metavar="ADDRESS", help="This IPv6 address.")
@click.option("--mac-address", "mac", default="", metavar="MAC", help="This MAC address.")
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    metavar="NAME",
    help="One more name on that network. Repeatable.",
)
@click.option(
    "--gw-priority",
    default="0",
    metavar="NUMBER",
    help="The highest one carries the default route.",
)
@refused(
    {
        "--link": (True, "members of a network know each other by name"),
        "--link-local-ip": (True, "give an address of the network with --ip"),
    }
)
def connect_network(
    *,
    name: str,
    container: str,
    ip: str,
    ip6: str,
    mac: str,
    aliases: tuple[str, ...],
    gw_priority: str,
) -> None:  # fmt: skip
    """Give a container one more interface, on this network."""
    wish = NetworkWish(
        network=name,
        ipv4=ip,
        ipv6=ip6,
        mac=mac,
        aliases=tuple(map(parse_alias, aliases)),
        gateway_priority=gateway_priority(gw_priority),
    )
    with connect() as daemon:
        path = f"{_path(daemon, name)}/connect"
        view = daemon.post(path, ConnectRequest(container=container, wish=wish), SandboxView)
    for member in view.endpoints:
        if name in {member.network, member.endpoint.network}:
            addresses = "  ".join(map(str, member.endpoint.addresses)) or "no address"
            click.echo(
                f"{view.sandbox.name}  {member.endpoint.ifname}  {addresses}  "
                f"on {member.network} ({member.bridge})"
            )


@network.command("disconnect", cls=Shown, example=["glassbridge network disconnect backend web"])
@click.argument("name", type=NetworkName(), metavar="NETWORK")
@click.argument("container", type=Sandbox())
@refused({"-f/--force": (False, "disconnect never needs force here")})
def disconnect_network(name: str, container: str) -> None:
    """Take a container's interface on this network away."""
    with connect() as daemon:
        path = f"{_path(daemon, name)}/disconnect"
        view = daemon.post(path, DisconnectRequest(container=container), SandboxView)
    click.echo(f"{view.sandbox.name} has left {name}")


def _path(daemon: Client, name: str) -> str:
    return f"/v1/networks/{ref_in_path(network_ref(daemon, name), 'network')}"


def _prefixes(made: Network) -> str:
    return "  ".join(str(subnet.prefix) for subnet in made.subnets)


def _kind(made: Network) -> str:
    if made.internal:
        return "internal"
    modes = dict.fromkeys(made.gateway_mode(s.prefix.network_address) for s in made.subnets)
    return "/".join(modes) or str(made.options.gateway_mode4)
