"""`attach` and `detach`: a network stack for what is no container of ours."""

import click

from glassbridge.app.cli.flags import Sandbox, network_flags, publish_flag, refused
from glassbridge.app.cli.others_containers import ours_only
from glassbridge.app.cli.others_networks import ours_to_join
from glassbridge.app.cli.printing import introduce
from glassbridge.app.cli.shown import Shown
from glassbridge.app.cli.wishes import network_wishes, port_wishes
from glassbridge.app.client import ref_in_path
from glassbridge.app.service import connect
from glassbridge.errors import InvalidRequest
from glassbridge.model.requests import AttachRequest
from glassbridge.model.views import SandboxView

_OWN_NAMES = (
    "what is attached keeps its own resolv.conf: write it there, or for a namespace of ip netns "
    "to /etc/netns/NAME/resolv.conf"
)
_NOT_OURS = {
    "--dns": (True, _OWN_NAMES),
    "--dns-search": (True, _OWN_NAMES),
    "--dns-option/--dns-opt": (True, _OWN_NAMES),
}


@click.command(
    cls=Shown,
    example=[
        "ip netns add blue && glassbridge attach --netns /run/netns/blue --name blue",
        "glassbridge attach --pid 4242 -p 8080:80",
    ],
)
@click.option(
    "--pid",
    type=click.IntRange(min=1),
    metavar="PID",
    help="The namespace of this process; it dies with its last process.",
)
@click.option(
    "--netns",
    default="",
    metavar="PATH",
    help="This namespace, e.g. /run/netns/NAME of `ip netns add NAME`.",
)
@click.option("--name", default="", help="Its name. Default: a made-up one.")
@network_flags
@publish_flag
@refused(_NOT_OURS)
def attach(
    *,
    pid: int | None,
    netns: str,
    name: str,
    networks: tuple[str, ...],
    ip: str,
    ip6: str,
    mac: str,
    aliases: tuple[str, ...],
    ports: tuple[str, ...],
) -> None:  # fmt: skip
    """Give any process or network namespace its network: eth0, address, routes, ports."""
    if (pid is None) == (not netns):
        raise InvalidRequest(
            "attach needs a process or a namespace, one of the two",
            hint="--pid 4242, or --netns /run/netns/blue",
        )
    mode, wishes = network_wishes(networks, ip=ip, ip6=ip6, mac=mac, aliases=aliases)
    if mode != "default":
        raise InvalidRequest(f"--network {mode} has no meaning for attach")
    request = AttachRequest(
        name=name, pid=pid, netns=netns, networks=wishes, ports=port_wishes(ports)
    )
    with ours_to_join(wishes), connect() as daemon:
        view = daemon.post("/v1/sandboxes", request, SandboxView)
    click.echo(introduce(view))


@click.command(cls=Shown, example=["glassbridge detach blue"])
@click.argument("names", nargs=-1, required=True, type=Sandbox(), metavar="NAME...")
def detach(names: tuple[str, ...]) -> None:
    """Take away what attach gave; the namespace itself stays."""
    with connect() as daemon:
        for name in names:
            path = f"/v1/sandboxes/{ref_in_path(name, 'sandbox')}"
            with ours_only(daemon, name, "detach"):
                view = daemon.delete(path, SandboxView)
            click.echo(view.sandbox.name)
