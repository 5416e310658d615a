"""What rules of Docker, Podman and CNI are there for; the texts are as iptables prints them."""

from __future__ import annotations

import pytest

from glassbridge.model.cause import Cause
from glassbridge.model.ruleset import Backend, Origin, RuleRef
from glassbridge.walk.firewall.engine_causes import rule_cause


def rule(owner: Origin, table: str, chain: str, text: str) -> RuleRef:
    return RuleRef(
        family="ip",
        table=table,
        chain=chain,
        text=text,
        number=1,
        owner=owner,
        backend=Backend.IPTABLES_NFT,
    )


@pytest.mark.parametrize(
    ("owner", "table", "chain", "text", "outside", "sibling"),
    [
        (
            Origin.DOCKER,
            "filter",
            "DOCKER-ISOLATION-STAGE-2",
            "-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP",
            Cause.NETWORKS_APART,
            Cause.NETWORKS_APART,
        ),
        (
            Origin.DOCKER,
            "filter",
            "DOCKER-ISOLATION-STAGE-1",
            "-A DOCKER-ISOLATION-STAGE-1 ! -s 172.18.0.0/16 -o br-db30ca0015ac -j DROP",
            Cause.INTERNAL_NETWORK,
            Cause.INTERNAL_NETWORK,
        ),
        (
            Origin.DOCKER,
            "filter",
            "FORWARD",
            "-A FORWARD -i br-db30ca0015ac -o br-db30ca0015ac -j DROP",
            Cause.ICC_OFF,
            Cause.ICC_OFF,
        ),
        (
            Origin.DOCKER,
            "filter",
            "DOCKER",
            "-A DOCKER ! -i docker0 -o docker0 -j DROP",
            Cause.PORT_NOT_PUBLISHED,
            Cause.NETWORKS_APART,
        ),
        (
            Origin.DOCKER,
            "raw",
            "PREROUTING",
            "-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP",
            Cause.DIRECT_ROUTING,
            Cause.NETWORKS_APART,
        ),
        (
            Origin.PODMAN,
            "filter",
            "NETAVARK_ISOLATION_2",
            "-A NETAVARK_ISOLATION_2 -o podman1 -j DROP",
            Cause.NETWORKS_APART,
            Cause.NETWORKS_APART,
        ),
        (
            Origin.CNI,
            "filter",
            "CNI-ISOLATION-STAGE-2",
            "-A CNI-ISOLATION-STAGE-2 -o cni1 -j DROP",
            Cause.NETWORKS_APART,
            Cause.NETWORKS_APART,
        ),
    ],
)
def test_a_rule_has_its_engine_s_purpose(
    owner: Origin, table: str, chain: str, text: str, outside: Cause, sibling: Cause
) -> None:
    there = rule(owner, table, chain, text)
    assert rule_cause(there, from_network=False) is outside
    assert rule_cause(there, from_network=True) is sibling


@pytest.mark.parametrize(
    ("owner", "chain", "text"),
    [
        (Origin.UNKNOWN, "FORWARD", "-A FORWARD -i br0 -o br0 -j DROP"),
        (Origin.DOCKER, "FORWARD", "-A FORWARD -i br0 -o br1 -j DROP"),
        (Origin.DOCKER, "DOCKER-USER", "-A DOCKER-USER -s 10.0.0.0/8 -j DROP"),
        (Origin.PODMAN, "DOCKER-ISOLATION-STAGE-2", "-j DROP"),
    ],
)
def test_what_a_person_wrote_is_a_rule_like_any_other(owner: Origin, chain: str, text: str) -> None:
    assert rule_cause(rule(owner, "filter", chain, text), from_network=True) is None
