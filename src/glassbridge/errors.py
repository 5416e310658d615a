"""Everything that glassbridge raises on purpose; each front-end translates it in one table.

A message says what was attempted, on what, and what the kernel answered; the hint says what to do.
"""

import os


class GlassbridgeError(Exception):
    """The root of the tree: a sentence for a person, and a hint when there is one."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidRequest(GlassbridgeError):
    """The request itself is wrong, whatever the state of the host."""


class NotFound(GlassbridgeError):
    """The named network, container, namespace or process does not exist."""


class Conflict(GlassbridgeError):
    """A name, address, port or subnet is taken, or the object is still in use."""


class PoolExhausted(GlassbridgeError):
    """No free address in the pool, or no free subnet among the pools."""


class PermissionRefused(GlassbridgeError):
    """The caller, or this process, may not do that."""


class Unavailable(GlassbridgeError):
    """The daemon, a program or a kernel feature that is needed is not there."""


class Unsupported(GlassbridgeError):
    """Docker has it and glassbridge has not (yet); refused rather than ignored."""


class KernelRefused(GlassbridgeError):
    """The kernel said no to an operation."""

    def __init__(
        self, operation: str, errno: int, kernel_message: str = "", *, hint: str = ""
    ) -> None:
        said = kernel_message or os.strerror(errno)
        super().__init__(f"{operation}: {said}", hint=hint)
        self.operation = operation
        self.errno = errno
        self.kernel_message = kernel_message
