"""Drops that a witness told of: by which rule or kernel function, at which step of the walk."""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.observation import CounterChange, KernelEvent, RuleHit
from glassbridge.model.ruleset import Decide, Refuse, Verdict
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Detail, HookPassed
from glassbridge.model.walk import AtRule, Step
from glassbridge.walk.evidence.drop_sites import details_of
from glassbridge.walk.evidence.hook_chains import hooks_reaching
from glassbridge.walk.evidence.reached import has_arrived, is_seen
from glassbridge.walk.evidence.testimony import OTHERHOST, Testimony, is_hit_of

Found = KernelEvent | RuleHit | CounterChange


class Fate(StrEnum):
    """What became of the packet, by what was seen."""

    DELIVERED = "delivered"
    LOST = "lost"
    LEFT = "left"
    """It went out, and no answer came: what is beyond cannot be seen."""
    UNSETTLED = "unsettled"
    """Nobody saw enough."""


class Ending(Struct, frozen=True, kw_only=True):
    """The end of the real packet, or of its reply."""

    fate: Fate
    is_reply: bool = False
    """Of LOST: the request arrived, its answer did not."""
    first: int = 0
    last: int = 0
    """Of LOST: it ended between these steps of the walk, both among them."""
    cookie: int | None = None
    """The namespace where the kernel dropped it, if a witness told."""
    found: Found | None = None
    """Who told."""
    is_beyond: bool = False
    """Lost where nothing can be read, or after it had passed the last step."""
    is_astray: bool = False
    """Of DELIVERED: it was not seen where it should have come in, but elsewhere."""


def told_drop(
    steps: tuple[Step, ...], testimony: Testimony, snapshot: Snapshot, *, is_reply: bool
) -> Ending | None:
    """A rule's verdict, then a tracepoint, then a legacy counter: the more exact first."""
    walked = {s.place.cookie for s in steps}
    for hit in testimony.hits:
        if hit.verdict == "drop" and hit.is_reply == is_reply:
            return _at_hook(steps, hit, snapshot, is_reply=is_reply)
    drops = [(e, c) for e, c in testimony.drops if e.is_reply == is_reply]
    # a flooded copy ends in every other container: that is not the packet's own end
    own = [(e, c) for e, c in drops if e.reason != OTHERHOST and (c is None or c in walked)]
    for event, cookie in own:
        return _at_event(steps, event, cookie, testimony, is_reply=is_reply)
    for change in testimony.counters:
        if _is_dropping(change, snapshot) and not is_reply:
            return _at_hook(steps, change, snapshot, is_reply=is_reply)
    if drops and not has_arrived([s for s in steps if s.is_reply == is_reply], testimony):
        return _at_event(steps, drops[0][0], None, testimony, is_reply=is_reply)
    return None


def _at_hook(
    steps: tuple[Step, ...], found: RuleHit | CounterChange, snapshot: Snapshot, *, is_reply: bool
) -> Ending:
    way = [
        n
        for n, s in enumerate(steps)
        if s.is_reply == is_reply and s.place.cookie == found.cookie and _is_hook(s)
    ]
    exact = []
    if isinstance(found, RuleHit):
        exact = [n for n in way if _expects(steps[n], found)]
    hooks = hooks_reaching(snapshot, found.cookie, found.family, found.table, found.chain)
    fitting = exact or [n for n in way if getattr(steps[n].detail, "hook", "") in hooks] or way
    place = fitting[0] if fitting else _nearest(steps, found.cookie, is_reply=is_reply)
    return Ending(
        fate=Fate.LOST,
        is_reply=is_reply,
        first=place,
        last=place,
        cookie=found.cookie,
        found=found,
    )


def _at_event(
    steps: tuple[Step, ...],
    event: KernelEvent,
    cookie: int | None,
    testimony: Testimony,
    *,
    is_reply: bool,
) -> Ending:
    way = [n for n, s in enumerate(steps) if s.is_reply == is_reply] or [0]
    seen = max((n for n in way if is_seen(steps[n], testimony)), default=way[0])
    first, last = seen, way[-1]
    if event.reason != OTHERHOST:
        # who hears another's frame lets it go: where it was to go, that does not tell
        there = [n for n in way if cookie is None or steps[n].place.cookie == cookie] or way
        last = max(seen, there[-1])
        place = _fitting(steps, there, seen, details_of(event.reason, event.function))
        if place is not None:
            first = last = place
    return Ending(
        fate=Fate.LOST, is_reply=is_reply, first=first, last=last, cookie=cookie, found=event
    )


def _fitting(
    steps: tuple[Step, ...], there: list[int], seen: int, kinds: tuple[type[Detail], ...]
) -> int | None:
    """The step of that kind where a drop was predicted, else the first that was not passed yet."""
    fitting = [n for n in there if isinstance(steps[n].detail, kinds)]
    predicted = [n for n in fitting if steps[n].drop is not None]
    ahead = [
        n for kind in kinds for n in fitting if n >= seen and isinstance(steps[n].detail, kind)
    ]
    return next(iter((*predicted, *ahead, *reversed(fitting))), None)


def _nearest(steps: tuple[Step, ...], cookie: int, *, is_reply: bool) -> int:
    way = [n for n, s in enumerate(steps) if s.is_reply == is_reply]
    there = [n for n in way if steps[n].place.cookie == cookie]
    return (there or way or [0])[-1]


def _expects(step: Step, hit: RuleHit) -> bool:
    detail = step.detail
    if not isinstance(detail, HookPassed):
        return False
    rules = [r for r in (detail.decided_by, *detail.matched) if r is not None]
    rules += [e.rule for e in step.expected if isinstance(e, AtRule)]
    return any(is_hit_of(hit, rule) for rule in rules)


def _is_hook(step: Step) -> bool:
    return isinstance(step.detail, HookPassed)


def _is_dropping(change: CounterChange, snapshot: Snapshot) -> bool:
    namespace = snapshot.namespaces.get(change.cookie)
    for table in namespace.ruleset.tables if namespace else ():
        if (table.family, table.name) != (change.family, change.table):
            continue
        for chain in table.chains:
            if chain.name != change.chain:
                continue
            if not change.number:
                return chain.hook is not None and chain.hook.policy is Verdict.DROP
            for rule in chain.rules:
                if rule.number == change.number:
                    return any(
                        isinstance(s, Refuse)
                        or (isinstance(s, Decide) and s.verdict is Verdict.DROP)
                        for s in rule.statements
                    )
    return False
