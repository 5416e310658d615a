"""Every rule of ours that drops has a meaning of its own, and no meaning is without its rule."""

from collections.abc import Iterator

import pytest

from glassbridge.model.cause import Cause
from glassbridge.model.firewall import Drop, Reject
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.ruleset import Origin, RuleRef
from glassbridge.plan.firewall import tables
from glassbridge.walk.firewall.own_causes import CAUSES, SENTENCES, own_cause


def dropping() -> Iterator[tuple[str, str]]:
    for table in tables():
        for chain in table.chains:
            for rule in chain.rules:
                if isinstance(rule.statement, Drop | Reject):
                    yield chain.name, rule.comment


def test_every_dropping_rule_is_named_and_no_other() -> None:
    assert set(dropping()) == set(CAUSES)


def test_every_meaning_has_its_sentence() -> None:
    assert {*CAUSES.values(), Cause.NETWORKS_APART} == set(SENTENCES)


def ref(chain: str, comment: str, table: str = NFT_TABLE) -> RuleRef:
    return RuleRef(
        family="inet", table=table, chain=chain, comment=comment, owner=Origin.GLASSBRIDGE
    )


@pytest.mark.parametrize(
    ("chain", "comment", "from_network", "cause"),
    [
        ("raw", "loopback guard", True, Cause.LOOPBACK_GUARD),
        ("raw", "container addresses are not reachable from outside", False, Cause.DIRECT_ROUTING),
        ("raw", "container addresses are not reachable from outside", True, Cause.NETWORKS_APART),
        ("forward", "internal network: no way in", True, Cause.INTERNAL_NETWORK),
        (
            "forward",
            "only published ports are reachable from outside or another network",
            False,
            Cause.PORT_NOT_PUBLISHED,
        ),
        (
            "forward",
            "only published ports are reachable from outside or another network",
            True,
            Cause.NETWORKS_APART,
        ),
        ("published_only", "containers of this network are kept apart", True, Cause.ICC_OFF),
    ],
)
def test_what_a_rule_means(chain: str, comment: str, from_network: bool, cause: Cause) -> None:
    assert own_cause(ref(chain, comment), from_network=from_network) is cause


def test_rules_of_others_mean_nothing_here() -> None:
    assert own_cause(ref("raw", "loopback guard", "filter"), from_network=True) is None
