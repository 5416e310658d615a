"""Errors as Docker shows them: one line behind `remote: `, and HTTP 200 below it.

dockerd puts the text behind `remote: ` only when the call itself was answered; of another status
it shows the method's name instead.
"""

from enum import StrEnum

from glassbridge.errors import GlassbridgeError, Remedy, in_words

REFUSED = 200

PHRASES = {
    Remedy.OTHER_HOST_PORT: "choose another, e.g. -p {free}:{container_port}, or see: {where}",
    Remedy.MORE_HOST_PORTS: (
        "publish on a wider range, or see what is published: glassbridge ports"
    ),
    Remedy.NETWORK_WITH_IPV6: "create the network with --ipv6 and an IPv6 --subnet",
    Remedy.LARGER_SUBNET: "remove a container, or create a network with a larger --subnet",
    Remedy.NAME_A_SUBNET: (
        "name one with --subnet, or remove unused networks: docker network prune"
    ),
    Remedy.OTHER_SUBNET: "choose another --subnet, or omit it to get a free one",
    Remedy.OTHER_BRIDGE: (
        "choose another with -o com.docker.network.bridge.name=NAME, or omit it to get a new one"
    ),
    Remedy.LOOK_AT_NETWORK: "look at it: docker network inspect {network}",
    Remedy.EMPTY_NETWORK: "see who is on it: docker network inspect {network}",
}
"""Remedies as the docker command has them."""


class ErrorKey(StrEnum):
    """Which member of an answer says that a call failed."""

    DRIVER = "Err"
    IPAM = "Error"


def describe_failure(key: ErrorKey, error: GlassbridgeError) -> dict[str, str]:
    """Put message and hint on the one line that there is."""
    hint = in_words(error.hint, PHRASES)
    text = f"{error.message} ({hint})" if hint else error.message
    return {key: " ".join(text.split())}
