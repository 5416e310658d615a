"""What was listed of a dropping rule: its table, its chain, and the rules around it."""

from glassbridge.model.ruleset import (
    Backend,
    Compare,
    Decide,
    ListedChain,
    ListedRule,
    ListedTable,
    Plain,
    RuleRef,
    Verdict,
)
from glassbridge.walk.fixes.mending import Case

_ESTABLISHED = "established"


def table_of(case: Case, rule: RuleRef) -> ListedTable | None:
    """The table that the rule is in; None where it was not listed."""
    namespace = case.snapshot.namespaces.get(case.cookie)
    is_legacy = rule.backend is Backend.IPTABLES_LEGACY
    return next(
        (
            t
            for t in (namespace.ruleset.tables if namespace else ())
            if (t.family, t.name) == (rule.family, rule.table)
            and (t.backend is Backend.IPTABLES_LEGACY) == is_legacy
        ),
        None,
    )


def listed_rule(case: Case, rule: RuleRef) -> ListedRule | None:
    """The rule as a value; None for a policy, and where it was not listed."""
    chain = _chain(case, rule)
    return next(
        (
            r
            for r in (chain.rules if chain else ())
            if (r.handle, r.number) == (rule.handle, rule.number)
        ),
        None,
    )


def takes_answers(case: Case, rule: RuleRef) -> bool:
    """A rule of that chain accepts established connections already."""
    chain = _chain(case, rule)
    return chain is not None and any(
        any(_names_established(m) for m in r.matches if isinstance(m, Compare))
        and any(isinstance(s, Decide) and s.verdict is Verdict.ACCEPT for s in r.statements)
        for r in chain.rules
    )


def _names_established(match: Compare) -> bool:
    return (
        match.fields == ("ct state",)
        and match.operator in {"==", "in"}
        and isinstance(match.values, tuple)
        and Plain(_ESTABLISHED) in match.values
    )


def _chain(case: Case, rule: RuleRef) -> ListedChain | None:
    table = table_of(case, rule)
    return next((c for c in table.chains if c.name == rule.chain), None) if table else None
