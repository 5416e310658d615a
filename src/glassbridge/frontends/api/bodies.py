"""The few bodies that only the API has; everything else on the wire is a model value."""

from msgspec import Struct

DEFAULT_STOP_TIMEOUT = 10.0
LONGEST_WAIT = 30.0
"""Seconds after which a `wait` is answered without a code, and asked again."""


class DownRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`down`."""

    force: bool = False
    """Also with containers running."""


class DownAnswer(Struct, frozen=True, kw_only=True):
    """What `down` left in place, and why."""

    notes: tuple[str, ...] = ()


class DisconnectRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`network disconnect`."""

    container: str


class StopRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`stop`: SIGTERM, and SIGKILL after `timeout` seconds."""

    timeout: float = DEFAULT_STOP_TIMEOUT


class NetworksQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`network ls`."""

    members: bool = True
    """Tell who is on each; without it a thousand containers cost nothing."""


class RemoveQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rm`."""

    force: bool = False
    """Stop it first if it runs."""


class WaitRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`wait`, at most `timeout` seconds."""

    timeout: float = LONGEST_WAIT


class WaitAnswer(Struct, frozen=True, kw_only=True):
    """The exit code, or null while the container runs."""

    exit_code: int | None


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One refusal: a stable word for programs, a sentence and a hint for people."""

    code: str
    message: str
    hint: str = ""
    operation: str = ""
    """What the kernel refused."""
    errno: int = 0
    kernel_message: str = ""


class FailureAnswer(Struct, frozen=True, kw_only=True):
    """The body of every answer that is not a success."""

    error: Failure


class PluginRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`docker disable`."""

    force: bool = False
    """Also with networks of Docker's: they are taken down here."""


class PluginAnswer(Struct, frozen=True, kw_only=True):
    """How things stand with Docker's plugin."""

    enabled: bool
    """The daemon serves it, now and after every start."""
    socket: str
    """Where Docker looks for it."""
    serving: bool
    by_systemd: bool = False
    """The socket is of a unit, which decides whether it is there."""
    orphans: tuple[str, ...] = ()
    """What is held for networks that Docker does not know."""


class FreedAnswer(Struct, frozen=True, kw_only=True):
    """`docker prune`."""

    freed: tuple[str, ...]
