"""What was seen of the packet where no predicted step leads."""

from msgspec import Struct

from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Crossed, NeighbourFound, RouteChosen, Switched
from glassbridge.model.topology import Stack
from glassbridge.model.walk import OnLink, Step
from glassbridge.walk.evidence.testimony import OTHERHOST, Mark, Testimony

Where = tuple[int, int]
"""Cookie and ifindex."""


class _Way(Struct, frozen=True):
    links: frozenset[Where]
    floods: frozenset[Where]
    """Bridges that send copies to all ports."""


def unpredicted(
    steps: tuple[Step, ...], testimony: Testimony, snapshot: Snapshot
) -> tuple[Mark, ...]:
    """The first mark at every link that the walk does not lead over, in the order of time.

    A reply counts only where one was predicted: a refused or dropped request has answers of its
    own kind. Copies of a flooded frame are no surprise.
    """
    ways = {is_reply: _way(steps, snapshot, is_reply=is_reply) for is_reply in (False, True)}
    walked = {s.place.cookie for s in steps}
    strangers = {c for e, c in testimony.drops if e.reason == OTHERHOST and c not in walked}
    has_reply = any(s.is_reply for s in steps)
    found: dict[tuple[Where, bool, bool], Mark] = {}
    for mark in testimony.marks:
        way = ways[mark.is_reply]
        if mark.is_reply and not has_reply:
            continue
        where = (mark.cookie, mark.ifindex)
        if where in way.links or mark.cookie in strangers or _is_copy(mark, way, snapshot):
            continue
        found.setdefault((where, mark.outgoing, mark.is_reply), mark)
    return tuple(found.values())


def _way(steps: tuple[Step, ...], snapshot: Snapshot, *, is_reply: bool) -> _Way:
    links: set[Where] = set()
    floods: set[Where] = set()
    for step in steps:
        if step.is_reply != is_reply:
            continue
        places = [step.place]
        match step.detail:
            case Crossed(from_=from_, to=to):
                places += [from_, to]
            case Switched(to=to):
                places += [to] if to else []
                if step.detail.flood_count:
                    floods |= _named(step.place.cookie, step.detail.bridge, snapshot)
            case RouteChosen(oif=oif) if oif is not None:
                links.add((step.place.cookie, oif))
            case NeighbourFound(is_asked=True):
                pass
            case _:
                pass
        links |= {(p.cookie, p.ifindex) for p in places if p.ifindex is not None}
        links |= {(e.cookie, e.ifindex) for e in step.expected if isinstance(e, OnLink)}
    return _Way(frozenset(links | _bridges_of(links, snapshot)), frozenset(floods))


def _bridges_of(links: set[Where], snapshot: Snapshot) -> set[Where]:
    """A frame for the host is seen at its port and again at the bridge."""
    masters: set[Where] = set()
    for cookie, ifindex in links:
        namespace = snapshot.namespaces.get(cookie)
        link = namespace.stack.link(ifindex) if namespace else None
        if link is not None and link.master is not None:
            masters.add((cookie, link.master))
    return masters


def _named(cookie: int, ifname: str, snapshot: Snapshot) -> set[Where]:
    namespace = snapshot.namespaces.get(cookie)
    if namespace is None:
        return set()
    return {(cookie, k.ifindex) for k in namespace.stack.links if k.ifname == ifname}


def _is_copy(mark: Mark, way: _Way, snapshot: Snapshot) -> bool:
    """A flooded frame at a port, at the bridge, or at the far end of a port's cable."""
    if mark.is_for_another and not mark.outgoing:
        namespace = snapshot.namespaces.get(mark.cookie)
        if way.floods and not (namespace and _is_port(namespace.stack, mark.ifindex)):
            return True
    for cookie, bridge in way.floods:
        if mark.cookie != cookie:
            continue
        stack = snapshot.namespaces[cookie].stack
        if mark.ifindex == bridge or any(p.ifindex == mark.ifindex for p in stack.ports(bridge)):
            return True
    return False


def _is_port(stack: Stack, ifindex: int) -> bool:
    link = stack.link(ifindex)
    return link is not None and link.master is not None
