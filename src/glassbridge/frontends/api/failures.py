"""The one table between errors and answers, read in both directions: by server and client."""

from glassbridge import errors
from glassbridge.errors import Remedy
from glassbridge.frontends.api.bodies import Failure

INTERNAL = "internal"

_TABLE: tuple[tuple[type[errors.GlassbridgeError], str, int], ...] = (
    (errors.InvalidRequest, "invalid_request", 400),
    (errors.PermissionRefused, "permission_refused", 403),
    (errors.NotFound, "not_found", 404),
    (errors.Conflict, "conflict", 409),
    (errors.KernelRefused, "kernel_refused", 500),
    (errors.Unsupported, "unsupported", 501),
    (errors.Unavailable, "unavailable", 503),
    (errors.PoolExhausted, "pool_exhausted", 507),
    (errors.GlassbridgeError, INTERNAL, 500),
)
PHRASES = {
    Remedy.OTHER_HOST_PORT: "choose another, e.g. -p {free}:{container_port}, or see: {where}",
    Remedy.MORE_HOST_PORTS: (
        "publish on a wider range, or see what is published: glassbridge ports"
    ),
    Remedy.NETWORK_WITH_IPV6: "create the network with --ipv6",
    Remedy.LARGER_SUBNET: "remove a container, or create a network with a larger --subnet",
    Remedy.NAME_A_SUBNET: (
        "name one with --subnet, or remove unused networks: glassbridge network prune"
    ),
    Remedy.OTHER_SUBNET: "choose another --subnet, or omit it to get a free one",
    Remedy.OTHER_BRIDGE: (
        "choose another with -o com.docker.network.bridge.name=NAME, or omit it to get a new one"
    ),
    Remedy.LOOK_AT_NETWORK: "look at it: glassbridge network inspect {network}",
    Remedy.LIST_NETWORKS: "see: glassbridge network ls",
    Remedy.LIST_CONTAINERS: "see: glassbridge ps -a",
    Remedy.EMPTY_NETWORK: "glassbridge network disconnect {network} {member}",
}
"""Remedies as our own command line has them."""

_BY_CODE = {code: error for error, code, _ in _TABLE}
STATUSES = {code: status for _, code, status in _TABLE}


def describe_failure(error: errors.GlassbridgeError) -> tuple[int, Failure]:
    """Turn an error into an HTTP status and the body that says it."""
    code, status = next((c, s) for kind, c, s in _TABLE if isinstance(error, kind))
    hint = errors.in_words(error.hint, PHRASES)
    if isinstance(error, errors.KernelRefused):
        return status, Failure(
            code=code,
            message=error.message,
            hint=hint,
            operation=error.operation,
            errno=error.errno,
            kernel_message=error.kernel_message,
        )
    return status, Failure(code=code, message=error.message, hint=hint)


def failure_as_error(failure: Failure) -> errors.GlassbridgeError:
    """Turn an answer back into the error that the server raised."""
    kind = _BY_CODE.get(failure.code, errors.GlassbridgeError)
    if kind is errors.KernelRefused:
        return errors.KernelRefused(
            failure.operation, failure.errno, failure.kernel_message, hint=failure.hint
        )
    return kind(failure.message, hint=failure.hint)
