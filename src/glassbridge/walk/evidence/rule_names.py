"""Lines of nftrace by their place, as a person finds them."""

from glassbridge.model.observation import RuleHit


def name_hit(hit: RuleHit) -> str:
    """A line of nftrace for a person."""
    which = "policy" if hit.is_policy else f"handle {hit.handle}"
    return f"{hit.family} {hit.table} {hit.chain} {which}: {hit.verdict}"
