"""Exit codes, and how an error looks on the screen."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from glassbridge import errors

INTERRUPTED = 130
OWN_FAILURE = 125
"""`run` in the foreground and `exec` return the command's code, so ours must be another."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

_TABLE: tuple[tuple[type[errors.GlassbridgeError], int, str], ...] = (
    (errors.InvalidRequest, 2, "the request is wrong: usage, an address, a port, a name"),
    (errors.NotFound, 3, "a network, container, namespace or process does not exist"),
    (errors.Conflict, 4, "a name, address, port or subnet is taken, or the object is in use"),
    (errors.PoolExhausted, 5, "no free address in the pool, or no free subnet"),
    (errors.PermissionRefused, 6, "not permitted: root is needed, or another namespace"),
    (errors.Unavailable, 7, "the daemon, a program or a kernel feature is not there"),
    (errors.KernelRefused, 8, "the kernel refused an operation"),
    (errors.Unsupported, 9, "Docker has it and glassbridge has not"),
    (errors.GlassbridgeError, 1, "a fault in glassbridge itself"),
)

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "done"),
    *sorted((code, meaning) for _, code, meaning in _TABLE),
    (OWN_FAILURE, "`run` in the foreground, and `exec`: glassbridge failed, not the command"),
    (INTERRUPTED, "interrupted with Ctrl-C"),
)

REQUEST_FAILED = 4
"""`trace` and `doctor` answer with their exit code: whatever goes wrong has one of its own."""

TRACE_EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "delivered"),
    (1, "dropped, the packet or its reply"),
    (2, "prediction and observation disagree"),
    (3, "insufficient information: what cannot be known is told"),
    (REQUEST_FAILED, "no answer: usage, an unknown name, not permitted, or any other error"),
    (INTERRUPTED, "interrupted with Ctrl-C"),
)

DOCTOR_EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "nothing found"),
    (1, "a problem: packets are lost now"),
    (2, "warnings only: they will be, or it cannot be told"),
    (REQUEST_FAILED, "not examined: usage, an unknown name, not permitted, or any other error"),
    (INTERRUPTED, "interrupted with Ctrl-C"),
)


class CommandEnded(Exception):
    """The command that ran in a container has ended: its code is ours."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def exit_code_of(error: errors.GlassbridgeError) -> int:
    """The documented exit code of an error."""
    return next(code for kind, code, _ in _TABLE if isinstance(error, kind))


@contextmanager
def output_told() -> Iterator[None]:
    """Tell that standard output takes no more (`> /dev/full`) as an error of ours."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        # what is still buffered goes nowhere: Python would complain of it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise errors.Unavailable(f"the output cannot be written: {error.strerror}") from error


def show_usage_error(error: click.ClickException) -> None:
    """Write a complaint of click's in our two lines instead of its own."""
    context = getattr(error, "ctx", None)
    hint = f"see: {context.command_path} --help" if context is not None else ""
    message = error.format_message().rstrip(".").replace("valid integer range", "whole number")
    show_error(message[:1].lower() + message[1:], hint)


def show_error(message: str, hint: str = "") -> None:
    """Write an error, and what to do about it, to stderr."""
    lines = [f"error: {message}"]
    if hint:
        # never folded: it may be a command
        lines.append(f"hint:  {hint}")
    print(*lines, sep="\n", file=sys.stderr)  # noqa: T201 - this is the command line's voice
