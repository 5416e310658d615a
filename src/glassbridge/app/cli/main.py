"""The command `glassbridge`: which commands there are, and what happens when one fails.

A command's module is imported when the command is used: `ps` must not pay for `run`.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

import click
from click.exceptions import NoArgsIsHelpError

from glassbridge import __version__
from glassbridge.app.cli.exits import (
    INTERRUPTED,
    CommandEnded,
    exit_code_of,
    output_told,
    show_error,
    show_usage_error,
)
from glassbridge.app.cli.shown import ShownGroup
from glassbridge.errors import GlassbridgeError, InvalidRequest


class Entry(NamedTuple):
    """Where a command lives, and its line in the overview."""

    module: str
    attribute: str
    summary: str


SECTIONS: Mapping[str, Mapping[str, Entry]] = {
    "Start here": {
        "demo": Entry("world", "demo", "Watch two containers get their network and talk."),
        "lab": Entry("world", "lab", "A private world to try everything in, without root."),
    },
    "Containers": {
        "run": Entry("run", "run", "Run a program in a container of its own."),
        "ps": Entry("containers", "ps", "List containers and attached namespaces."),
        "exec": Entry("execute", "execute", "Run one more program in a container."),
        "logs": Entry("containers", "logs", "Show what a container wrote."),
        "port": Entry("containers", "port", "Show the published ports of one container."),
        "ports": Entry("containers", "ports", "Show every published port."),
        "inspect": Entry("containers", "inspect", "Show all that is known, as JSON."),
        "start": Entry("containers", "start", "Start containers that have ended."),
        "stop": Entry("containers", "stop", "Stop containers."),
        "rm": Entry("containers", "rm", "Remove containers."),
    },
    "Any process or namespace": {
        "attach": Entry("sandboxes", "attach", "Give a process or namespace a network."),
        "detach": Entry("sandboxes", "detach", "Take it away again."),
    },
    "Networks": {
        "network": Entry("networks", "network", "Create, list, remove and join networks."),
        "up": Entry("system", "up", "Create the default network's bridge."),
        "down": Entry("system", "down", "Take everything off the host again."),
    },
    "Other engines": {
        "docker": Entry("docker", "docker", "Be a network driver of Docker's."),
        "cni": Entry("cni", "cni", "Be a CNI plugin, for containerd and Kubernetes."),
        "netavark": Entry("netavark", "netavark", "Be a network driver of Podman's."),
    },
    "Look inside": {
        "stack": Entry("looking", "stack", "One whole network stack, on one screen."),
        "bridge": Entry("looking", "bridge", "A bridge: ports, and what it has learned."),
        "topology": Entry("topology", "topology", "What is plugged into what, on this host."),
        "trace": Entry("trace", "trace", "A packet's walk, predicted and seen; why it is dropped."),
        "doctor": Entry("doctor", "doctor", "What is wrong with networks here, and what mends it."),
        "snapshot": Entry("snapshot", "snapshot", "Write all of it to a file, to look later."),
        "status": Entry("system", "status", "How the daemon is doing."),
    },
    "The program itself": {
        "daemon": Entry("system", "daemon", "Run the daemon in the foreground."),
        "completion": Entry("system", "completion", "Print shell completion."),
        "version": Entry("system", "version", "Print the version."),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

_EXAMPLES = (
    "glassbridge run -d --name web -p 8080:80 --rootfs / nginx -g 'daemon off;'",
    "glassbridge stack web        its interfaces, routes, neighbours, sockets, rules",
    "glassbridge bridge           which cable is whose, and what the switch has learned",
    "glassbridge trace web db:80  where the packet goes, and why it does not arrive",
    "glassbridge network create backend --subnet 10.9.0.0/24",
    "glassbridge network connect backend web",
)


class Overview(ShownGroup):
    """Commands by section, imported only when used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every command, in the order of the overview."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = import_module(f"glassbridge.app.cli.{entry.module}")
        command: click.Command = getattr(module, entry.attribute)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section after the other."""
        for section, entries in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(
                    [(name, entry.summary) for name, entry in entries.items()], col_max=12
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command with the nearest ones as a hint."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from glassbridge.model.names import closest  # noqa: PLC0415 - rarely needed

            hint = closest(args[0], COMMANDS) or "glassbridge --help lists every command"
            raise InvalidRequest(f"there is no command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Overview,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every reading command takes --json. Each command's --help has an example.",
    example=_EXAMPLES,
    options_metavar="",
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def glassbridge() -> None:
    """Container networking you can see through.

    Give any program, process or network namespace its own network stack on a bridge, as Docker
    does, and look at every part of it.
    """


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are told on stderr."""
    try:
        with output_told():
            glassbridge.main(
                args=None if arguments is None else list(arguments),
                prog_name="glassbridge",
                standalone_mode=False,
            )
    except CommandEnded as ended:
        return ended.exit_code
    except GlassbridgeError as error:
        show_error(error.message, error.hint)
        return exit_code_of(error)
    except NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        show_usage_error(error)
        return 2
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `glassbridge ps | head -1`
        sys.stderr.close()
    return 0
