"""Rules and lines of nftrace by their place, as a person finds them."""

from glassbridge.model.observation import RuleHit
from glassbridge.model.ruleset import RuleRef


def name_hit(hit: RuleHit) -> str:
    """A line of nftrace for a person."""
    which = "policy" if hit.is_policy else f"handle {hit.handle}"
    return f"{hit.family} {hit.table} {hit.chain} {which}: {hit.verdict}"


def name_rule(rule: RuleRef) -> str:
    """A rule as a person finds it."""
    if rule.is_policy:
        which = "policy"
    else:
        which = f"handle {rule.handle}" if rule.handle else f"rule {rule.number}"
    return f"{rule.family} {rule.table} {rule.chain} {which}"
