"""Everything that glassbridge raises on purpose; each front-end translates it in one table.

A message says what was attempted, on what, and what the kernel answered; the hint says what to do.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Self


class Remedy(StrEnum):
    """What helps where people type something else for it, by the engine that they use.

    The values are plain words. A front-end has phrases of its own, of the same facts, for what
    its users may read.
    """

    OTHER_HOST_PORT = "publish {container_port} on another host port, e.g. {free}, or see: {where}"
    MORE_HOST_PORTS = "publish {container_port} on a wider range of host ports"
    NETWORK_WITH_IPV6 = "give the network an IPv6 subnet"
    LARGER_SUBNET = "remove a container, or create a network with a larger subnet"
    NAME_A_SUBNET = "name a free one, or remove networks that nobody uses"
    OTHER_SUBNET = "choose another subnet, or none to get a free one"
    OTHER_BRIDGE = "choose another bridge, or none to get one of its own"
    LOOK_AT_NETWORK = "look at network {network}"
    LIST_NETWORKS = "see which networks there are"
    LIST_CONTAINERS = "see which containers there are"
    EMPTY_NETWORK = "take {member} off network {network}"


class Hint(str):
    """A remedy in plain words, which a front-end can say in its users' own."""

    __slots__ = ("facts", "remedy")
    remedy: Remedy
    facts: Mapping[str, object]

    def __new__(cls, remedy: Remedy, **facts: object) -> Self:
        """Say it; `facts` are what the remedy's value names."""
        hint = super().__new__(cls, remedy.format(**facts))
        hint.remedy, hint.facts = remedy, facts
        return hint


def in_words(hint: str, phrases: Mapping[Remedy, str]) -> str:
    """A hint as the users of a front-end would have it said."""
    if not isinstance(hint, Hint):
        return hint
    phrase = phrases.get(hint.remedy)
    # plain text: msgspec writes no subclass of str
    return str(hint) if phrase is None else phrase.format(**hint.facts)


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
