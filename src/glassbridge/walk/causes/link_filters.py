"""Packets that vanish where a program or filter of a link stands: XDP, tc, a lossy queue."""

from collections.abc import Iterable
from itertools import takewhile

from glassbridge.model.cause import Cause
from glassbridge.model.step_details import Crossed, FilterMet, NeighbourFound, RouteChosen
from glassbridge.model.tables import FilterHook, Ifindex, LinkFilter
from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop, Fact, Step
from glassbridge.walk.causes.scene import Scene
from glassbridge.walk.path.link_filters import words

_HOOKS = {
    "veth_xdp_rcv_skb": FilterHook.XDP,
    "do_xdp_generic": FilterHook.XDP,
    "XDP": FilterHook.XDP,
    "TC_INGRESS": FilterHook.INGRESS,
    "TC_EGRESS": FilterHook.EGRESS,
}


def told_filter(scene: Scene) -> Drop | None:
    """The kernel says which kind it was, and at which link."""
    event, link = scene.event, scene.link
    if event is None or link is None:
        return None
    hook = _HOOKS.get(event.function) or _HOOKS.get(event.reason)
    if hook is None:
        return None
    there = [f for f in scene.stack.filters if (f.ifindex, f.hook) == (link.ifindex, hook)]
    if not there:
        what = "an XDP program" if hook is FilterHook.XDP else f"a tc filter at {hook}"
        fact = Fact(what=f"filters of {link.ifname}", says="none that can be read")
        return scene.drop(_cause(hook), f"{what} on {link.ifname} drops it", fact, link=link)
    return _dropped(scene, scene.cookie, link, there[0], "drops it")


def told_queue(scene: Scene) -> Drop | None:
    """One that loses on purpose, or an ordinary one that was full or has its limits."""
    link = scene.link
    if link is None:
        return None
    lossy = (f for f in scene.stack.filters if (f.ifindex, f.kind) == (link.ifindex, link.qdisc))
    found = next(lossy, None)
    if found is not None:
        return _dropped(scene, scene.cookie, link, found, "drops it")
    what = f"queueing discipline of {link.ifname}"
    sentence = f"the {what} drops it: it is full, or keeps to its limits"
    return scene.drop(Cause.TC_DROP, sentence, Fact(what=what, says=link.qdisc), link=link)


def silent_filter(scene: Scene) -> Drop | None:
    """It was seen before the filter and not after it, and nobody told of a drop."""
    return _first_of(scene, _between(scene))


def deaf_filter(scene: Scene) -> Drop | None:
    """Nobody answers for a neighbour who is there: the question or its answer met a filter."""
    wire = _wire(scene)
    met = (s for s in scene.walk.steps if (s.place.cookie, s.place.ifindex) in wire)
    return _first_of(scene, met)


def _wire(scene: Scene) -> set[tuple[int, Ifindex | None]]:
    """The links between who asked for the neighbour and the next one that routes."""
    steps = scene.walk.steps
    asked = (n for n in range(scene.n, -1, -1) if isinstance(steps[n].detail, NeighbourFound))
    start = next(asked, scene.n)
    passed = takewhile(lambda s: not isinstance(s.detail, RouteChosen), steps[start + 1 :])
    way = (steps[start], *passed)
    far = (s.detail.to for s in way if isinstance(s.detail, Crossed))
    return {(p.cookie, p.ifindex) for p in (*(s.place for s in way), *far)}


def _first_of(scene: Scene, steps: Iterable[Step]) -> Drop | None:
    """The first filter that was met on these steps."""
    for step in steps:
        cookie = step.place.cookie
        stack = scene.stack_of(cookie)
        link = stack.link(step.place.ifindex or 0)
        found = next((f for f in stack.filters if link and _is_of(f, step, link)), None)
        if link is not None and found is not None:
            return _dropped(scene, cookie, link, found, "takes it away")
    return None


def _between(scene: Scene) -> list[Step]:
    """From the last place where it was seen to the first where it was not."""
    steps, ending = scene.walk.steps, scene.ending
    last = ending.last
    while last + 1 < len(steps) and isinstance(steps[last + 1].detail, FilterMet):
        last += 1
    return [s for s in steps[ending.first : last + 1] if isinstance(s.detail, FilterMet)]


def _is_of(found: LinkFilter, step: Step, link: Link) -> bool:
    detail = step.detail
    return (
        isinstance(detail, FilterMet)
        and found.ifindex == link.ifindex
        and (found.hook, found.kind, found.priority) == (detail.hook, detail.kind, detail.priority)
    )


def _dropped(scene: Scene, cookie: int, link: Link, found: LinkFilter, does: str) -> Drop:
    into = scene.stack_of(cookie).link(found.into) if found.into is not None else None
    what = words(found, into)
    return scene.drop(
        _cause(found.hook),
        f"{what} on {link.ifname} of {scene.snapshot.call(cookie)} {does}",
        Fact(what=f"{link.ifname} ({found.hook})", says=what),
        link=link,
        subject=f"{found.hook} {found.kind} {found.priority}",
        cookie=cookie,
    )


def _cause(hook: FilterHook) -> Cause:
    return Cause.XDP_DROP if hook is FilterHook.XDP else Cause.TC_DROP
