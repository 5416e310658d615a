"""The one table between errors and CNI's error codes (SPEC 1.1.0, section 5, "Error")."""

from msgspec import Struct

from glassbridge import errors
from glassbridge.errors import Remedy


class BadEnvironment(errors.InvalidRequest):
    """A CNI_ variable is missing or cannot be."""


class BadJson(errors.InvalidRequest):
    """What came by stdin is not JSON, or a key has a value of the wrong type."""


class BadTransfer(errors.InvalidRequest):
    """The request did not arrive whole."""


class IncompatibleVersion(errors.InvalidRequest):
    """This version of the specification is unknown, or has no such command."""


class NotReady(errors.GlassbridgeError):
    """STATUS: ADD could not work at present."""


class Differs(errors.GlassbridgeError):
    """CHECK: the kernel, or what the runtime remembers, is not as ADD left it."""


class IpamRefused(errors.GlassbridgeError):
    """A delegated IPAM plugin failed, with a code and a message of its own."""

    def __init__(self, plugin: str, code: int, message: str, details: str = "") -> None:
        super().__init__(f"{plugin}: {message}", hint=details)
        self.code = code


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What is printed on stdout instead of a result."""

    cni_version: str
    code: int
    msg: str
    details: str = ""


INTERNAL = 999
"""As the reference library has it for what nothing else fits."""

_TABLE: tuple[tuple[type[errors.GlassbridgeError], int], ...] = (
    (IncompatibleVersion, 1),
    (errors.Unsupported, 2),
    (errors.NotFound, 3),
    (BadEnvironment, 4),
    (BadTransfer, 5),
    (BadJson, 6),
    (errors.InvalidRequest, 7),
    (errors.Unavailable, 11),
    (NotReady, 50),
    (errors.Conflict, 100),
    (errors.PoolExhausted, 101),
    (errors.KernelRefused, 102),
    (errors.PermissionRefused, 103),
    (Differs, 104),
    (errors.GlassbridgeError, INTERNAL),
)
"""The first row that fits; from 100 on codes are a plugin's own."""


PHRASES = {
    Remedy.OTHER_HOST_PORT: "choose another hostPort, e.g. {free}, or see: {where}",
    Remedy.NETWORK_WITH_IPV6: "the ranges of ipam need an IPv6 subnet",
    Remedy.LARGER_SUBNET: "remove a container, or give ipam a larger subnet or one more range",
    Remedy.OTHER_SUBNET: "choose another subnet in ipam",
    Remedy.OTHER_BRIDGE: 'choose another "bridge" in the configuration',
    Remedy.LOOK_AT_NETWORK: "look at it: glassbridge network inspect {network}",
    Remedy.EMPTY_NETWORK: "see who is on it: glassbridge network inspect {network}",
}
"""Remedies as a network configuration has them."""


def describe_failure(error: errors.GlassbridgeError, version: str) -> Failure:
    """Turn an error into CNI's words."""
    if isinstance(error, IpamRefused):
        code = error.code
    else:
        code = next(number for kind, number in _TABLE if isinstance(error, kind))
    hint = errors.in_words(error.hint, PHRASES)
    return Failure(cni_version=version, code=code, msg=error.message, details=hint)
