"""Walks made by hand, and witnesses that tell the truth about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from msgspec.structs import replace
from tests.unit.walk.topologies import two_containers

from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.observation import (
    Answer,
    AnswerKind,
    EventKind,
    KernelEvent,
    NeighbourLookup,
    NeighbourMessage,
    Observation,
    RouteLookup,
    RuleHit,
    Sighting,
    Witness,
    WitnessName,
)
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.ruleset import Origin, RuleRef
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import (
    Crossed,
    Detail,
    HookPassed,
    NeighbourFound,
    Place,
    PortEntered,
    Received,
    RouteChosen,
    SocketFound,
    Switched,
)
from glassbridge.model.tables import ListeningSocket, SocketProtocol
from glassbridge.model.topology import Link
from glassbridge.model.walk import (
    Action,
    Answered,
    AtRule,
    Disposition,
    Drop,
    Expected,
    OnLink,
    Step,
    Walk,
)

START_NS = 1_795_435_200_000_000_000
HOP_NS = 10_000

ALL = tuple(Witness(name=n, spoke=True) for n in WitnessName)
RULE = RuleRef(
    family="ip",
    table="filter",
    chain="FORWARD",
    handle=7,
    number=1,
    text="accept",
    owner=Origin.DOCKER,
)


def bridged(transport: Transport = Transport.TCP) -> tuple[Snapshot, Walk]:
    """nginx-1 to nginx-2 on one bridge, br_netfilter and a rule that accepts, and the way back."""
    world = two_containers()
    world.warm()
    snapshot = world.snapshot()
    there = _way(snapshot, 2, 3, _packet(transport, 2, 3), is_reply=False)
    back = _way(snapshot, 3, 2, _packet(transport, 3, 2), is_reply=True)
    return snapshot, Walk(steps=(*there, *back), disposition=Disposition.ACCEPTED)


def dropped_at(walk: Walk, n: int, drop: Drop) -> Walk:
    """The same walk, ended at its n-th step."""
    last = walk.steps[n]
    ended = replace(last, drop=drop, action=Action.DROPPED)
    disposition = walk.disposition if last.is_reply else Disposition.DROPPED
    return replace(walk, steps=(*walk.steps[:n], ended), disposition=disposition)


def a_drop(cause: Cause = Cause.FIREWALL_DROP, **attributes: RuleRef | Place | str) -> Drop:
    return Drop(cause=cause, sentence="it ends here", **attributes)  # type: ignore[arg-type] # as given


def index_of(walk: Walk, kind: type[Detail], *, is_reply: bool = False) -> int:
    return next(
        n for n, s in enumerate(walk.steps) if isinstance(s.detail, kind) and s.is_reply == is_reply
    )


def witness(
    walk: Walk,
    snapshot: Snapshot,
    *,
    until: int | None = None,
    kind: AnswerKind | None = None,
    names: Iterable[WitnessName] = tuple(WitnessName),
    questions: bool = True,
) -> Observation:
    """What truthful witnesses see if the packet goes the walk's way up to a step and ends there."""
    spoke = set(names)
    end = len(walk.steps) - 1 if until is None else until
    inodes = {c: n.stack.netns.inode for c, n in snapshot.namespaces.items()}
    sightings: list[Sighting] = []
    events: list[KernelEvent] = []
    hits: list[RuleHit] = []
    for n, step in enumerate(walk.steps[: end + 1]):
        at_ns = START_NS + n * HOP_NS
        for expected in step.expected:
            match expected:
                case OnLink() if isinstance(step.detail, NeighbourFound):
                    if questions:
                        sightings += _exchange(expected, step.detail, at_ns)
                case OnLink():
                    sightings.append(_sighting(expected, step, at_ns))
                    events.append(_event(expected, step, at_ns, inodes))
                case AtRule(cookie=cookie, rule=rule):
                    hits.append(_hit(cookie, rule, step, at_ns))
                case Answered():
                    pass
    answered = walk.steps[end].is_reply and end == len(walk.steps) - 1
    if kind is None:
        good = {Transport.TCP: AnswerKind.ACCEPTED, Transport.ICMP: AnswerKind.ECHO}
        transport = walk.steps[0].packet.transport
        kind = good.get(transport, AnswerKind.DATA) if answered else AnswerKind.NOTHING
    return Observation(
        packet=walk.steps[0].packet,
        sent_ns=START_NS,
        answer=Answer(kind=kind, after_us=80.0) if WitnessName.SENDER in spoke else None,
        sightings=tuple(sightings) if WitnessName.TAPS in spoke else (),
        events=tuple(events) if WitnessName.TRACEPOINTS in spoke else (),
        rule_hits=tuple(hits) if WitnessName.NFTRACE in spoke else (),
        lookups=_lookups(walk) if WitnessName.LOOKUPS in spoke else (),
        witnesses=tuple(Witness(name=n, spoke=n in spoke) for n in WitnessName),
    )


def dropped_event(
    snapshot: Snapshot, cookie: int, reason: str, function: str, *, is_reply: bool = False
) -> KernelEvent:
    return KernelEvent(
        at_ns=START_NS + 990_000,
        kind=EventKind.DROPPED,
        inode=snapshot.namespaces[cookie].stack.netns.inode,
        reason=reason,
        function=function,
        is_reply=is_reply,
    )


def drop_hit(cookie: int, rule: RuleRef, *, is_reply: bool = False) -> RuleHit:
    return RuleHit(
        at_ns=START_NS + 900_000,
        cookie=cookie,
        trace_id=1,
        family=rule.family,
        table=rule.table,
        chain=rule.chain,
        handle=rule.handle,
        is_policy=rule.is_policy,
        verdict="drop",
        is_reply=is_reply,
    )


def _packet(transport: Transport, source: int, destination: int) -> Packet:
    return Packet(
        transport=transport,
        source=ip_address(f"172.17.0.{source}"),
        destination=ip_address(f"172.17.0.{destination}"),
        source_port=40000,
        destination_port=0 if transport is Transport.ICMP else 80,
        icmp_type=8 if transport is Transport.ICMP else None,
    )


def _way(
    snapshot: Snapshot, source: int, target: int, packet: Packet, *, is_reply: bool
) -> list[Step]:
    sender, receiver = snapshot.namespaces[source], snapshot.namespaces[target]
    host = snapshot.namespaces[snapshot.home]
    out, into = sender.stack.links[1], receiver.stack.links[1]
    port_in = next(k for k in host.stack.links if k.link_nsid == source)
    port_out = next(k for k in host.stack.links if k.link_nsid == target)
    steps: list[Step] = []

    def add(cookie: int, link: Link, detail: Detail, *expected: Expected) -> None:
        steps.append(
            Step(
                place=_place(snapshot, cookie, link),
                detail=detail,
                action=Action.FORWARDED,
                packet=packet,
                is_reply=is_reply,
                expected=expected,
            )
        )

    def at(cookie: int, link: Link, *, outgoing: bool) -> OnLink:
        return OnLink(cookie=cookie, ifindex=link.ifindex, outgoing=outgoing)

    mac = into.mac
    assert mac is not None
    route = next(r for r in sender.stack.routes if packet.destination in r.destination)
    add(source, out, RouteChosen(route=route, oif=out.ifindex, oifname=out.ifname))
    add(
        source,
        out,
        NeighbourFound(address=packet.destination, mac=mac, is_asked=True),
        at(source, out, outgoing=True),
    )
    add(
        source,
        out,
        Crossed(
            from_=_place(snapshot, source, out),
            to=_place(snapshot, snapshot.home, port_in),
            destination=mac,
        ),
        at(source, out, outgoing=True),
    )
    home = snapshot.home
    add(home, port_in, PortEntered(bridge="gb0", port=1), at(home, port_in, outgoing=False))
    add(
        home,
        port_in,
        HookPassed(family="ip", hook="forward", verdict="accept", decided_by=RULE),
        AtRule(cookie=home, rule=RULE),
    )
    add(
        home,
        port_out,
        Switched(bridge="gb0", mac=mac, to=_place(snapshot, home, port_out)),
        at(home, port_out, outgoing=True),
    )
    add(
        target,
        into,
        Received(address=packet.destination),
        at(target, into, outgoing=False),
    )
    if is_reply:
        add(target, into, Received(address=packet.destination), Answered())
    else:
        socket = ListeningSocket(
            protocol=SocketProtocol.TCP, address=ip_address("0.0.0.0"), port=80
        )
        add(target, into, SocketFound(socket=socket))
    return steps


def _place(snapshot: Snapshot, cookie: int, link: Link) -> Place:
    return Place(
        cookie=cookie, name=snapshot.call(cookie), ifname=link.ifname, ifindex=link.ifindex
    )


def _exchange(expected: OnLink, found: NeighbourFound, at_ns: int) -> Iterator[Sighting]:
    """The question, and the answer if the walk names one."""
    me, mine = ip_address("172.17.0.2"), Mac("02:42:ac:11:00:02")
    question = NeighbourMessage(is_reply=False, sender=me, sender_mac=mine, target=found.address)
    asked = Sighting(
        at_ns=at_ns,
        cookie=expected.cookie,
        ifindex=expected.ifindex,
        outgoing=True,
        to="outgoing",
        length=42,
        frame=b"",
        seen=question,
    )
    yield asked
    if found.mac is not None:
        answer = NeighbourMessage(
            is_reply=True, sender=found.address, sender_mac=found.mac, target=me
        )
        yield replace(asked, at_ns=at_ns + 100, outgoing=False, to="host", seen=answer)


def _sighting(expected: OnLink, step: Step, at_ns: int) -> Sighting:
    return Sighting(
        at_ns=at_ns,
        cookie=expected.cookie,
        ifindex=expected.ifindex,
        outgoing=expected.outgoing,
        to="outgoing" if expected.outgoing else "host",
        length=74,
        frame=b"",
        seen=step.packet,
        is_reply=step.is_reply,
    )


def _event(expected: OnLink, step: Step, at_ns: int, inodes: dict[int, int]) -> KernelEvent:
    return KernelEvent(
        at_ns=at_ns + 10,
        kind=EventKind.QUEUED if expected.outgoing else EventKind.RECEIVED,
        inode=inodes[expected.cookie],
        ifindex=expected.ifindex,
        packet=step.packet,
        is_reply=step.is_reply,
    )


def _hit(cookie: int, rule: RuleRef, step: Step, at_ns: int) -> RuleHit:
    return RuleHit(
        at_ns=at_ns,
        cookie=cookie,
        trace_id=1,
        family=rule.family,
        table=rule.table,
        chain=rule.chain,
        handle=rule.handle,
        verdict="accept",
        is_reply=step.is_reply,
    )


def _lookups(walk: Walk) -> tuple[RouteLookup | NeighbourLookup, ...]:
    found: list[RouteLookup | NeighbourLookup] = []
    for step in walk.steps:
        match step.detail:
            case RouteChosen(route=route):
                found.append(
                    RouteLookup(
                        cookie=step.place.cookie, destination=step.packet.destination, route=route
                    )
                )
            case NeighbourFound(address=address, mac=mac) if step.place.ifindex is not None:
                found.append(
                    NeighbourLookup(
                        cookie=step.place.cookie,
                        ifindex=step.place.ifindex,
                        address=address,
                        mac=mac,
                    )
                )
            case _:
                pass
    return tuple(found)
