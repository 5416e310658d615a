"""One call of the plugin: CNI_ variables and stdin, as the shim forwards them."""

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from glassbridge.errors import InvalidRequest
from glassbridge.frontends.cni.failures import BadEnvironment, BadTransfer
from glassbridge.model.names import check_ifname
from glassbridge.model.network import Ifname

_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
"""SPEC, section 2: container ids, and names of networks."""

_ID_MAX = 256
_KNOWN_ARGS = (
    "IgnoreUnknown",
    "MAC",
    "IP",
    "K8S_POD_NAME",
    "K8S_POD_NAMESPACE",
    "K8S_POD_INFRA_CONTAINER_ID",
    "K8S_POD_UID",
)


class Command(StrEnum):
    """CNI_COMMAND."""

    ADD = "ADD"
    DEL = "DEL"
    CHECK = "CHECK"
    GC = "GC"
    STATUS = "STATUS"
    VERSION = "VERSION"


_REQUIRED = {
    Command.ADD: ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
    Command.DEL: ("CNI_CONTAINERID", "CNI_IFNAME"),
    Command.CHECK: ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
}


class Invocation(Struct, frozen=True, kw_only=True):
    """Variables that a command does not need are empty, whatever they were."""

    command: Command
    container: str = ""
    netns: str = ""
    ifname: Ifname = Ifname("")
    args: dict[str, str] = {}
    """CNI_ARGS."""
    path: tuple[str, ...] = ()
    environment: Mapping[str, str]
    """All of it, for delegates."""
    stdin: bytes


def split_body(body: bytes) -> tuple[dict[str, str], bytes]:
    """Take the shim's request apart: KEY=VALUE and NUL, repeated, one more NUL, stdin.

    Raises BadTransfer.
    """
    if body.startswith(b"\0"):
        return {}, body[1:]
    variables, end, stdin = body.partition(b"\0\0")
    if not end:
        raise BadTransfer("the request of the plugin's shim has no end of its environment")
    try:
        pairs = [v.decode().partition("=") for v in variables.split(b"\0")]
    except UnicodeDecodeError as error:
        raise BadTransfer(f"a variable of the environment is not UTF-8: {error}") from None
    return {key: value for key, _, value in pairs}, stdin


def parse_invocation(environment: Mapping[str, str], stdin: bytes) -> Invocation:
    """Check the variables of a command; an empty one is an absent one, as libcni sends them.

    Raises BadEnvironment naming each that is missing.
    """
    said = environment.get("CNI_COMMAND", "")
    try:
        command = Command(said)
    except ValueError:
        raise BadEnvironment(
            f"unknown CNI_COMMAND: {said[:40]!r}", hint=f"one of {', '.join(Command)}"
        ) from None
    required = _REQUIRED.get(command, ())
    missing = [name for name in required if not environment.get(name)]
    if missing:
        raise BadEnvironment(f"required env variables [{','.join(missing)}] missing")
    path = tuple(p for p in environment.get("CNI_PATH", "").split(":") if p)
    if not required:
        return Invocation(command=command, path=path, environment=environment, stdin=stdin)
    return Invocation(
        command=command,
        container=_check_container(environment["CNI_CONTAINERID"]),
        netns=environment.get("CNI_NETNS", ""),
        ifname=_check_ifname(environment["CNI_IFNAME"]),
        # what a DEL is asked with may be nonsense: there is something to take away all the same
        args={} if command is Command.DEL else _parse_args(environment.get("CNI_ARGS", "")),
        path=path,
        environment=environment,
        stdin=stdin,
    )


def check_network_name(name: str) -> str:
    """Return a name that CNI allows a network; raises InvalidRequest."""
    if not name:
        raise InvalidRequest("missing network name", hint='the configuration needs a "name"')
    if not _ID.fullmatch(name) or len(name) > _ID_MAX:
        raise InvalidRequest(
            f"invalid characters found in network name {name[:_ID_MAX]!r}",
            hint="a letter or a digit, then letters, digits, _ . and -",
        )
    return name


def _check_container(container: str) -> str:
    if not _ID.fullmatch(container) or len(container) > _ID_MAX:
        raise BadEnvironment(
            f"invalid characters in CNI_CONTAINERID {container[:_ID_MAX]!r}",
            hint="a letter or a digit, then letters, digits, _ . and -",
        )
    return container


def _check_ifname(name: str) -> Ifname:
    try:
        return check_ifname(name, "CNI_IFNAME")
    except InvalidRequest as error:
        raise BadEnvironment(error.message) from None


def _parse_args(text: str) -> dict[str, str]:
    args = {}
    for pair in filter(None, text.split(";")):
        key, sign, value = pair.partition("=")
        if not sign:
            raise BadEnvironment(f"CNI_ARGS: {pair[:80]!r} is no KEY=VALUE")
        args[key] = value
    unknown = sorted(args.keys() - set(_KNOWN_ARGS))
    if unknown and args.get("IgnoreUnknown", "").lower() not in {"1", "t", "true"}:
        raise BadEnvironment(
            f"CNI_ARGS: unknown args {', '.join(unknown)[:200]}", hint="IgnoreUnknown=1 allows them"
        )
    return args
