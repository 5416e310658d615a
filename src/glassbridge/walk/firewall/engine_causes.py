"""What the dropping rules of container engines mean: ours, Docker's, Podman's and CNI's."""

import re
from typing import NamedTuple

from glassbridge.model.cause import Cause
from glassbridge.model.ruleset import Origin, RuleRef
from glassbridge.walk.firewall.own_causes import own_cause


class _Kind(NamedTuple):
    """Rules of one kind, by chain and text."""

    owner: Origin
    chain: str
    text: str
    cause: Cause
    from_network: Cause | None = None
    """Where it is another cause for what comes from another network."""


_KINDS = (
    _Kind(Origin.DOCKER, r"DOCKER-ISOLATION-STAGE-1|DOCKER-INTERNAL", "", Cause.INTERNAL_NETWORK),
    _Kind(Origin.DOCKER, r"DOCKER-ISOLATION-STAGE-2", "", Cause.NETWORKS_APART),
    # icc=false: setIcc in libnetwork's bridge driver
    _Kind(Origin.DOCKER, "", r"(?<!! )-i (\S+) -o \1 -j (DROP|REJECT)\b", Cause.ICC_OFF),
    # Docker 28: after the ports that are published, and before any routing
    _Kind(
        Origin.DOCKER,
        "DOCKER",
        r"! -i (\S+) -o \1 -j DROP",
        Cause.PORT_NOT_PUBLISHED,
        Cause.NETWORKS_APART,
    ),
    _Kind(
        Origin.DOCKER,
        "PREROUTING",
        r"-d \S+ ! -i \S+ .*-j DROP",
        Cause.DIRECT_ROUTING,
        Cause.NETWORKS_APART,
    ),
    _Kind(Origin.CNI, r"CNI-ISOLATION-STAGE-2", "", Cause.NETWORKS_APART),
    _Kind(Origin.PODMAN, r"NETAVARK[-_]ISOLATION[-_]\d", "", Cause.NETWORKS_APART),
)


def rule_cause(rule: RuleRef, *, from_network: bool) -> Cause | None:
    """Why an engine's rule drops; None: no engine wrote it, or not on purpose.

    `from_network`: the packet came in by the bridge of a network, not from outside.
    """
    own = own_cause(rule, from_network=from_network)
    if own is not None or rule.is_policy:
        return own
    for kind in _KINDS:
        if (
            rule.owner is kind.owner
            and (not kind.chain or re.fullmatch(kind.chain, rule.chain))
            and re.search(kind.text, rule.text)
        ):
            return (kind.from_network if from_network else None) or kind.cause
    return None
