"""`run`: flags as Docker has them, those that we have not refused by name."""

import os
from typing import Any

import click

from glassbridge.app.cli.exits import CommandEnded
from glassbridge.app.cli.flags import network_flags, process_flags, publish_flag, refused
from glassbridge.app.cli.others_networks import ours_to_join
from glassbridge.app.cli.printing import introduce
from glassbridge.app.cli.shown import Shown
from glassbridge.app.cli.wishes import (
    capabilities,
    environment,
    extra_hosts,
    mounts,
    name_servers,
    network_wishes,
    port_wishes,
    resolver_options,
    search_domains,
)
from glassbridge.app.service import connect
from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.model.container import ContainerSpec
from glassbridge.model.requests import RunRequest
from glassbridge.model.views import SandboxView

_LIMITS = "limit it from outside: systemd-run --scope -p MemoryMax=... glassbridge run ..."
_NO_IMAGES = "there are no images yet: give a folder with --rootfs"
_EXAMPLE = "glassbridge run --rootfs / sh -c 'ip address'"
_NOT_OURS = {
    "--restart": (True, "let a service manager restart it, e.g. a systemd unit"),
    "-m/--memory": (True, _LIMITS),
    "--memory-swap": (True, _LIMITS),
    "--cpus": (True, _LIMITS),
    "--cpu-shares": (True, _LIMITS),
    "--cpuset-cpus": (True, _LIMITS),
    "--pids-limit": (True, _LIMITS),
    "--ulimit": (True, "set it before: prlimit --nofile=... glassbridge run ..."),
    "--shm-size": (True, _LIMITS),
    "--blkio-weight": (True, _LIMITS),
    "--gpus": (True, "devices are not given to containers"),
    "--device": (True, "devices are not given to containers"),
    "--mount": (True, "use -v SOURCE:TARGET[:ro]"),
    "--volumes-from": (True, "use -v SOURCE:TARGET[:ro]"),
    "--tmpfs": (True, "with --rootfs / the folders tmp and run are private"),
    "--read-only": (False, "with --rootfs / the files are read-only already"),
    "--pull": (True, _NO_IMAGES),
    "--platform": (True, _NO_IMAGES),
    "--entrypoint": (True, "the command is given as it is: there is no image to override"),
    "--expose": (True, "every port of a network's members is open to its other members"),
    "-P/--publish-all": (False, "name each port: -p 8080:80"),
    "--link": (True, "join both to one network: --network NAME"),
    "--sysctl": (True, "set it from outside: nsenter --net=... sysctl -w ..."),
    "--security-opt": (True, "the seccomp filter applies unless --privileged"),
    "--userns": (True, "containers have no user namespace of their own on a host"),
    "--pid": (True, "a container always has its own process namespace"),
    "--ipc": (True, "a container always has its own IPC namespace"),
    "--uts": (True, "a container always has its own host name"),
    "--cgroupns": (True, "cgroups are left as they are"),
    "--cgroup-parent": (True, "cgroups are left as they are"),
    "--runtime": (True, "the runtime is bubblewrap, always"),
    "--health-cmd": (True, "check it from outside: glassbridge exec NAME ..."),
    "--log-driver": (True, "output goes to a file: glassbridge logs NAME"),
    "--log-opt": (True, "output goes to a file: glassbridge logs NAME"),
    "-l/--label": (True, "containers have no labels; networks do"),
    "--label-file": (True, "containers have no labels; networks do"),
    "--cidfile": (True, "use --name"),
    "--init": (False, "the command is process 1: put an init before it, e.g. tini -- COMMAND"),
    "--stop-signal": (True, "stop sends SIGTERM, then SIGKILL"),
    "--stop-timeout": (True, "give it to stop: glassbridge stop -t SECONDS NAME"),
    "-a/--attach": (True, "without -d the output is shown; with -it it is a terminal"),
    "--group-add": (True, "give uid and gid with -u UID:GID"),
    "--domainname": (True, "give the full name with --hostname"),
    "--oom-score-adj": (True, _LIMITS),
    "--storage-opt": (True, _NO_IMAGES),
    "--isolation": (True, "that is for Windows"),
}
_SETTINGS = {"allow_interspersed_args": False, "help_option_names": ["--help"]}


@click.command(
    context_settings=_SETTINGS,
    cls=Shown,
    example=[
        "glassbridge run -d --name web -p 8080:80 --rootfs / nginx -g 'daemon off;'",
        "glassbridge run --rm -it --rootfs / bash",
    ],
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND [ARG]...")
@click.option(
    "--rootfs",
    default="",
    metavar="DIR",
    help="The container's files; / shares the host's, read-only.",
)
@click.option("-d", "--detach", is_flag=True, help="In the background; else its output is shown.")
@click.option(
    "-i", "--interactive", is_flag=True, help="Pass input on to it; with -d, keep its input open."
)
@click.option("-t", "--tty", is_flag=True, help="With -i: give it a terminal.")
@click.option("--rm", "remove", is_flag=True, help="Remove it when it ends.")
@click.option("--name", default="", help="Its name. Default: a made-up one.")
@click.option("-h", "--hostname", default="", help="Its own host name. Default: its id.")
@network_flags
@publish_flag
@process_flags
@click.option(
    "-v",
    "--volume",
    "volumes",
    multiple=True,
    metavar="SOURCE:TARGET[:ro]",
    help="Show a file or folder of the host. Repeatable.",
)
@click.option("--dns", "dns", multiple=True, metavar="ADDRESS", help="A name server. Repeatable.")
@click.option(
    "--dns-search",
    "searches",
    multiple=True,
    metavar="DOMAIN",
    help="Complete names with it, not as the host does; . for none. Repeatable.",
)
@click.option(
    "--dns-option",
    "--dns-opt",
    "resolver",
    multiple=True,
    metavar="OPTION",
    help="An option of resolv.conf, e.g. ndots:1. Repeatable.",
)
@click.option(
    "--add-host",
    "hosts",
    multiple=True,
    metavar="NAME:ADDRESS",
    help="A line of /etc/hosts. Repeatable.",
)
@click.option("--cap-add", multiple=True, metavar="CAP", help="Add a capability, or ALL.")
@click.option("--cap-drop", multiple=True, metavar="CAP", help="Drop a capability, or ALL.")
@click.option("--privileged", is_flag=True, help="With every capability and no seccomp filter.")
@refused(_NOT_OURS)
def run(*, detach: bool, remove: bool, **flags: Any) -> None:  # noqa: ANN401 - see below
    """Run a program in a container: its own files, processes and network stack.

    Without -d its output is shown, Ctrl-C stops it, and its exit code is returned.
    """
    _check(detach=detach, **flags)
    request = _request(auto_remove=remove and detach, **flags)
    if not detach:
        from glassbridge.app.cli.foreground import or_own_failure, run_here  # noqa: PLC0415 - for it

        tty = flags["tty"]
        raise CommandEnded(or_own_failure(lambda: run_here(request, remove=remove, tty=tty)))
    with ours_to_join(request.networks), connect() as daemon:
        click.echo(introduce(daemon.post("/v1/containers", request, SandboxView)))


def _check(
    *,
    detach: bool,
    command: tuple[str, ...],
    rootfs: str,
    interactive: bool,
    tty: bool,
    **_: object,
) -> None:
    if not rootfs:
        given = f": {command[0]!r} was taken for a command" if command else ""
        raise Unsupported(
            f"images are not supported{given}",
            hint=f"name the container's files: --rootfs / {' '.join(command[:1]) or 'COMMAND'}",
        )
    if not command:
        raise InvalidRequest("no command given: what should run in the container?", hint=_EXAMPLE)
    if tty and detach:
        raise Unsupported(
            "a terminal (-t) in the background (-d) is not supported", hint="leave one of them out"
        )
    if tty and not interactive:
        raise Unsupported(
            "a terminal (-t) that takes no input is not supported", hint="-it, or neither of them"
        )


def _request(*, auto_remove: bool, **flags: Any) -> RunRequest:  # noqa: ANN401 - click's values
    mode, wishes = network_wishes(
        flags["networks"],
        ip=flags["ip"],
        ip6=flags["ip6"],
        mac=flags["mac"],
        aliases=flags["aliases"],
    )
    spec = ContainerSpec(
        rootfs=os.path.abspath(flags["rootfs"]),  # noqa: PTH100 - resolve() would follow links
        command=flags["command"],
        hostname=flags["hostname"],
        environment=environment(flags["variables"], flags["env_files"]),
        workdir=flags["workdir"],
        user=flags["user"],
        mounts=mounts(flags["volumes"]),
        dns=name_servers(flags["dns"]),
        dns_search=search_domains(flags["searches"]),
        dns_options=resolver_options(flags["resolver"]),
        extra_hosts=extra_hosts(flags["hosts"]),
        cap_add=capabilities(flags["cap_add"]),
        cap_drop=capabilities(flags["cap_drop"]),
        privileged=flags["privileged"],
        interactive=flags["interactive"],
        auto_remove=auto_remove,
    )
    return RunRequest(
        spec=spec,
        name=flags["name"],
        network_mode=mode,
        networks=wishes,
        ports=port_wishes(flags["ports"]),
    )
