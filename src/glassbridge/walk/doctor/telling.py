"""One cause is told once, with every path that it breaks."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from glassbridge.model.cause import Cause
from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.snapshot import Snapshot
from glassbridge.walk.doctor.astray import astray
from glassbridge.walk.doctor.paths import Path
from glassbridge.walk.doctor.walking import Broken, Strayed

T = TypeVar("T", bound=Hashable)

_ASKED_FOR_ANOTHER: frozenset[Cause | None] = frozenset(
    (
        Cause.DUPLICATE_ADDRESS,
        Cause.DUPLICATE_MAC,
        Cause.HAIRPIN_OFF,
        Cause.IP_FORWARD_OFF,
        Cause.IP6_FORWARD_OFF,
        Cause.MARTIAN,
        Cause.NEIGHBOUR_UNANSWERED,
        Cause.NO_ROUTE,
        Cause.WRONG_FDB,
        Cause.WRONG_GATEWAY,
        Cause.WRONG_NEIGHBOUR,
        None,
    )
)
"""What befalls packets that one gets in another's stead."""

_EXPLAINS: dict[FindingCode, frozenset[Cause | None]] = {
    FindingCode.LINK_DOWN: frozenset(
        (
            Cause.LINK_DOWN,
            Cause.NEIGHBOUR_UNANSWERED,
            Cause.NO_ROUTE,
            Cause.WRONG_GATEWAY,
            Cause.PORT_BLOCKING,
            None,
        )
    ),
    FindingCode.STALE_NEIGHBOUR: frozenset((Cause.WRONG_NEIGHBOUR,)),
    FindingCode.DUPLICATE_ADDRESS: _ASKED_FOR_ANOTHER,
    FindingCode.DUPLICATE_MAC: _ASKED_FOR_ANOTHER,
    FindingCode.SUBNETS_OVERLAP: frozenset(
        (Cause.NEIGHBOUR_UNANSWERED, Cause.NO_ROUTE, Cause.RP_FILTER, None)
    ),
    FindingCode.ROUTE_SHADOWS_SUBNET: frozenset(
        (
            Cause.NEIGHBOUR_UNANSWERED,
            Cause.NO_ROUTE,
            Cause.ROUTE_BLACKHOLE,
            Cause.ROUTE_UNREACHABLE,
            Cause.ROUTE_PROHIBIT,
            Cause.ROUTING_LOOP,
            Cause.RP_FILTER,
            Cause.MARTIAN,
            Cause.WRONG_GATEWAY,
            None,
        )
    ),
    FindingCode.MTU_UNEQUAL: frozenset((Cause.MTU_VETH, Cause.MTU_BRIDGE_PORT)),
    FindingCode.RULES_MISSING: frozenset((*Cause, None)),
    FindingCode.NAMES_UNANSWERED: frozenset((Cause.NO_LISTENER, Cause.OTHER_ADDRESS_LISTENER)),
}
"""Which ends of paths a state that was found wrong accounts for; None: it arrives elsewhere."""


def told(
    snapshot: Snapshot, states: Sequence[Finding], fates: Iterable[Broken | Strayed]
) -> tuple[Finding, ...]:
    """States that are wrong, and broken paths that none of them explains; problems first."""
    findings: dict[object, Finding] = {(f.code, f.sentence): f for f in states}
    states_by_key = dict(findings)
    for fate in fates:
        found = _finding(snapshot, fate)
        if found is None:
            continue
        by = next((k for k, f in states_by_key.items() if _explains(f, found, fate.path)), None)
        key = _key(fate, found) if by is None else by
        known = findings.get(key)
        findings[key] = found if known is None else _broken_too(known, found)
        if known is not None and by is None:
            takes_out = isinstance(fate, Broken) and fate.takes_out
            findings[key] = _mended_too(findings[key], found, is_enough=takes_out)
    told = (_counted(f) if f.code is FindingCode.PATH_BROKEN else f for f in findings.values())
    return tuple(sorted(told, key=lambda f: f.severity is not Severity.PROBLEM))


def _finding(snapshot: Snapshot, fate: Broken | Strayed) -> Finding | None:
    if isinstance(fate, Strayed):
        return astray(snapshot, fate)
    explanation = fate.explanation
    return Finding(
        code=FindingCode.PATH_BROKEN,
        severity=fate.severity,
        where=fate.where,
        sentence=explanation.sentence,
        evidence=explanation.evidence,
        fix=explanation.fix,
        fix_note=explanation.fix_note,
        cause=explanation.code,
        breaks=(fate.path.what,),
        concerns=fate.path.concerns,
    )


def _explains(state: Finding, broken: Finding, path: Path) -> bool:
    """A state of the same container or bridge that leads to such an end."""
    causes = _EXPLAINS.get(state.code)
    if causes is None or broken.code is FindingCode.PORT_SHADOWED or broken.cause not in causes:
        return False
    return not {*path.concerns, *path.bridge}.isdisjoint(state.concerns)


def _key(fate: Broken | Strayed, found: Finding) -> object:
    """Equal where it is the same rule, or the same command mends it."""
    if isinstance(fate, Broken) and fate.explanation.rule is not None:
        return found.where.cookie, _rule(fate.explanation.rule)
    if found.fix:
        return found.code, found.cause, found.fix
    return found.code, found.cause, found.where, found.fix_note


def _rule(rule: RuleRef) -> object:
    return rule.family, rule.table, rule.chain, rule.handle, rule.number, rule.backend


def _broken_too(known: Finding, more: Finding) -> Finding:
    return replace(
        known,
        severity=Severity.PROBLEM if more.severity is Severity.PROBLEM else known.severity,
        breaks=(*known.breaks, *more.breaks),
        concerns=_united(known.concerns, more.concerns),
    )


def _mended_too(known: Finding, more: Finding, *, is_enough: bool) -> Finding:
    """What each path needs; where the rule itself goes, nothing else is needed."""
    # what ends routed packets says more than that it ends bridged ones, too
    leads = known.cause is Cause.BRIDGE_NETFILTER and more.cause is not known.cause
    first, second = (more, known) if leads else (known, more)
    fix = more.fix if is_enough else _united(first.fix, second.fix)
    return replace(
        known,
        cause=first.cause,
        where=first.where,
        sentence=first.sentence,
        evidence=_united(first.evidence, second.evidence) if leads else first.evidence,
        fix=fix,
        fix_note=more.fix_note if is_enough else first.fix_note,
    )


def _united(some: tuple[T, ...], others: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*some, *others)))


def _counted(found: Finding) -> Finding:
    first, others = found.breaks[0], len(found.breaks) - 1
    if found.cause is None:  # its sentence names the path already
        return found
    more = f" and {others} path{'s' if others > 1 else ''} more" if others else ""
    return replace(found, sentence=f"{first}{more}: {found.sentence}")
