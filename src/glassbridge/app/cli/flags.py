"""Flags and arguments that several commands share, and how they complete in a shell."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from glassbridge.errors import Unsupported

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


class Sandbox(click.ParamType[str]):
    """A container or attached namespace, by name or id."""

    name = "name"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Names that the daemon knows, if it runs."""
        from glassbridge.app.naming import sandboxes_if_known  # noqa: PLC0415 - see main.py

        names = (view.sandbox.name for view in sandboxes_if_known())
        return _completions(names, incomplete)


class AnyContainer(Sandbox):
    """The same, or a container of another engine."""

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Names of every engine; no daemon is started for them."""
        from glassbridge.app.everybody import containers_if_known  # noqa: PLC0415 - see main.py

        names = dict.fromkeys(view.sandbox.name for view in containers_if_known())
        return _completions(names, incomplete)


class NetworkName(click.ParamType[str]):
    """A network, by name or id."""

    name = "network"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Names that the daemon knows, if it runs."""
        from glassbridge.app.everybody import known_networks  # noqa: PLC0415 - see main.py

        names = (view.network.name for view in known_networks())
        return _completions(names, incomplete)


def _completions(names: Iterable[str], begun: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - see main.py

    return [CompletionItem(name) for name in names if name.startswith(begun)]


def as_json(command: F) -> F:
    """`--json`: for programs."""
    return click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")(command)


def network_flags(command: F) -> F:
    """`--network` and what belongs to it."""
    for option in (
        click.option("--network-alias", "aliases", multiple=True, metavar="NAME",
                     help="One more name on that network. Repeatable."),
        click.option("--mac-address", "mac", default="", metavar="MAC", help="This MAC address."),
        click.option("--ip6", default="", metavar="ADDRESS", help="This IPv6 address."),
        click.option("--ip", default="", metavar="ADDRESS", help="This IPv4 address."),
        click.option("--network", "--net", "networks", multiple=True, type=NetworkName(),
                     metavar="NETWORK", help="Join this network (default: bridge). Repeatable."),
    ):  # fmt: skip
        command = option(command)
    return command


def process_flags(command: F) -> F:
    """Where and as whom a command is run: of `run` and `exec`."""
    for option in (
        click.option("-u", "--user", default="", metavar="USER[:GROUP]",
                     help="The user to run as."),
        click.option("-w", "--workdir", default="", metavar="DIR",
                     help="Where the command starts."),
        click.option("--env-file", "env_files", multiple=True, metavar="FILE",
                     help="Read variables from FILE. Repeatable."),
        click.option("-e", "--env", "variables", multiple=True, metavar="NAME[=VALUE]",
                     help="An environment variable. Repeatable."),
    ):  # fmt: skip
        command = option(command)
    return command


def publish_flag(command: F) -> F:
    """`-p`."""
    return click.option(
        "-p", "--publish", "ports", multiple=True, metavar="[ADDRESS:][HOST-PORT:]PORT[/PROTO]",
        help="Reach PORT of the container through the host. Ranges too. Repeatable.",
    )(command)  # fmt: skip


def refused(flags: dict[str, tuple[bool, str]]) -> Callable[[F], F]:
    """Take Docker's flags that we have not, and say so: flag -> (takes a value, what to do)."""

    def decorate(command: F) -> F:
        for flag, (takes_value, hint) in flags.items():
            command = click.option(
                *flag.split("/"),
                expose_value=False,
                is_flag=not takes_value,
                multiple=takes_value,
                hidden=True,
                callback=_refusing(flag.split("/")[-1], hint),
            )(command)
        return command

    return decorate


def _refusing(flag: str, hint: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def refuse(_: click.Context, __: click.Parameter, value: object) -> None:
        if value:
            raise Unsupported(f"{flag} is not supported by glassbridge", hint=hint)

    return refuse
