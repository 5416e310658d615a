"""Errors as netavark tells them: it knows a sentence only."""

from glassbridge.errors import GlassbridgeError, Remedy, in_words
from glassbridge.frontends.netavark.messages import Failure

PHRASES = {
    Remedy.OTHER_HOST_PORT: "choose another, e.g. -p {free}:{container_port}, or see: {where}",
    Remedy.NETWORK_WITH_IPV6: "create the network with --ipv6",
    Remedy.LARGER_SUBNET: "remove a container, or create a network with a larger --subnet",
    Remedy.NAME_A_SUBNET: (
        "name one with --subnet, or remove unused networks: podman network prune"
    ),
    Remedy.OTHER_SUBNET: "choose another --subnet, or omit it to get a free one",
    Remedy.OTHER_BRIDGE: "choose another --interface-name, or omit it to get a new one",
    Remedy.LOOK_AT_NETWORK: "look at it: podman network inspect {network}",
    Remedy.EMPTY_NETWORK: "podman network disconnect {network} {member}",
}
"""Remedies as the podman command has them."""


def describe_failure(error: GlassbridgeError) -> Failure:
    """Put message and hint into one sentence."""
    hint = in_words(error.hint, PHRASES)
    return Failure(f"{error.message} ({hint})" if hint else error.message)
