"""A firewall rule as a person looks for it: where it stands, its comment, and whose it is."""

from glassbridge.model.ruleset import Backend, RuleRef


def rule_text(rule: RuleRef) -> str:
    """`inet glassbridge forward, handle 14: "between networks: drop" (glassbridge)`."""
    where = f"{rule.family} {rule.table} {rule.chain}".strip()
    if rule.is_policy:
        where += ", the chain's policy"
    elif rule.handle:
        where += f", handle {rule.handle}"
    elif rule.number:
        where += f", rule {rule.number}"
    comment = f': "{rule.comment}"' if rule.comment else ""
    by = "" if rule.backend is Backend.NFT else f"by {rule.backend}"
    whose = ", ".join(word for word in (rule.owner.value, by) if word)
    return f"{where}{comment}{f' ({whose})' if whose else ''}"
