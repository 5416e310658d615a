"""Causes that only the whole walk shows: what became of an error, an answer, another try."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from msgspec.structs import replace

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import RouteChosen
from glassbridge.model.walk import Disposition, Drop, Fact, Step
from glassbridge.walk.firewall.hooks import Tracking
from glassbridge.walk.path.no_route import misfitted
from glassbridge.walk.path.traveller import Ended, Ground, Macs, Sending, Traveller, Unread
from glassbridge.walk.path.wires import interfaces, misfit

Go: TypeAlias = Callable[[Ground, Traveller], Traveller]
"""Takes a traveller to the end of its walk."""

_TOO_BIG = {4: (3, 4), 6: (2, 0)}
_UNSPECIFIED: dict[int, IPAddress] = {4: IPv4Address(0), 6: IPv6Address(0)}


def look_back(ground: Ground, start: Traveller, there: Traveller, go: Go) -> Traveller:
    """A request that was lost, with the cause behind its cause where there is one."""
    lost = there.steps[-1] if there.steps else None
    if lost is None or lost.drop is None:
        return there
    away = _sent_away(ground, there, lost.packet.destination)
    if away is not None:
        facts = (*away.evidence, Fact(what="so", says=lost.drop.sentence))
        return _with_drop(there, replace(away, evidence=facts))
    if lost.drop.cause is Cause.MTU_ROUTED:
        return _black_hole(ground, there, lost, lost.drop, go)
    return _stale(ground, start, there, lost.drop, go)


def _sent_away(ground: Ground, there: Traveller, destination: IPAddress) -> Drop | None:
    """A router sent it off to another, though its own bridge has the destination on its wire."""
    for step in there.steps:
        if isinstance(step.detail, RouteChosen) and step.detail.gateway is not None:
            _read_behind_bare_bridges(ground, step.place.cookie, destination.version)
            wrong = misfit(ground.snapshot, step.place.cookie, destination)
            if wrong is not None and wrong.bridge.ifindex != step.detail.oif:
                return misfitted(ground, wrong, destination)
    return None


def _read_behind_bare_bridges(ground: Ground, cookie: int, version: int) -> None:
    """Whose addresses a bridge without one should serve, only its members tell."""
    if ground.snapshot.is_whole:
        return
    stack = ground.stack(cookie)
    bare = (k for k in stack.links if k.bridge is not None and not interfaces(stack, k, version))
    plugs = (p for k in bare for p in ground.snapshot.plugs(cookie, k.ifindex))
    unread = {p.cookie for p in plugs if p.cookie is not None} - set(ground.snapshot.namespaces)
    if unread:
        raise Unread(tuple(sorted(unread)))


def _black_hole(ground: Ground, there: Traveller, lost: Step, drop: Drop, go: Go) -> Traveller:
    """Too large, and the error that says so is lost as well: the sender never learns."""
    if ground.question.source is None:
        return there
    error = go(ground, _error(there, lost.packet))
    if error.has_ended and _is_home(ground, error):
        return there
    last = error.steps[-1] if error.steps else lost
    why = last.drop.sentence if last.drop is not None else "it leaves this host"
    blind = replace(
        drop,
        cause=Cause.MTU_BLACK_HOLE,
        sentence=f"{drop.sentence}; and the error that says so does not reach"
        f" {there.steps[0].place.name}",
        evidence=(*drop.evidence, Fact(what="ICMP error", says=f"lost: {why}")),
    )
    return _with_drop(there, blind)


def _error(there: Traveller, packet: Packet) -> Traveller:
    """The router's own packet back to the source."""
    kind, code = _TOO_BIG[packet.version]
    told = Packet(
        transport=Transport.ICMP,
        source=_UNSPECIFIED[packet.version],
        destination=packet.source,
        source_port=packet.source_port,
        icmp_type=kind,
        icmp_code=code,
        dont_fragment=False,
    )
    back = replace(there, packet=told, is_reply=True, macs=Macs())
    return back.at(Sending())


def _is_home(ground: Ground, traveller: Traveller) -> bool:
    station = traveller.station
    return (
        traveller.cookie == ground.question.source
        and isinstance(station, Ended)
        and station.disposition is Disposition.ACCEPTED
    )


def _stale(ground: Ground, start: Traveller, there: Traveller, drop: Drop, go: Go) -> Traveller:
    """A connection that stood there before translates it; a new one would have arrived."""
    old = next(
        ((c, t) for c, t in there.tracking.items() if t and t.is_recorded and t.status), None
    )
    if old is None:
        return there
    fresh = replace(ground, snapshot=_without_connections(ground.snapshot))
    station = go(fresh, start).station
    if not isinstance(station, Ended) or station.disposition is not Disposition.ACCEPTED:
        return there
    cookie, tracking = old
    name = ground.snapshot.call(cookie)
    stale = replace(
        drop,
        cause=Cause.STALE_CONNECTION,
        sentence=f"{name} still translates this connection to {tracking.translated.destination},"
        " as it was when it began",
        evidence=(Fact(what="conntrack entry", says=_words(tracking)), *drop.evidence),
        place=ground.place(cookie),
        subject=_words(tracking),
    )
    return _with_drop(there, stale)


def _without_connections(snapshot: Snapshot) -> Snapshot:
    forgetful = {c: replace(n, connections=()) for c, n in snapshot.namespaces.items()}
    return replace(snapshot, namespaces=forgetful)


def _words(tracking: Tracking) -> str:
    first, then = tracking.original, tracking.translated
    return (
        f"{first.transport} {first.source}:{first.source_port} ->"
        f" {first.destination}:{first.destination_port}, answered by"
        f" {then.destination}:{then.destination_port}"
    )


def _with_drop(traveller: Traveller, drop: Drop) -> Traveller:
    last = replace(traveller.steps[-1], drop=drop)
    return replace(traveller, steps=(*traveller.steps[:-1], last))


def blame_source(back: Traveller) -> Traveller:
    """An answer that finds no route to an address which the request should not have kept."""
    lost = back.steps[-1] if back.steps else None
    if lost is None or not lost.is_reply or lost.drop is None:
        return back
    sender = back.steps[0]
    router = _router(back.steps)
    is_kept = lost.packet.destination == sender.packet.source
    if lost.drop.cause is not Cause.NO_ROUTE or router is None or not is_kept:
        return back
    drop = Drop(
        cause=Cause.NO_MASQUERADE,
        sentence=f"{lost.place.name} has no way back to {sender.packet.source}, the address that"
        f" {router.place.name} let out as it was",
        evidence=(
            *lost.drop.evidence,
            Fact(what=f"source behind {router.place.name}", says=str(sender.packet.source)),
        ),
        place=router.place,
        subject=str(sender.packet.source),
    )
    return _with_drop(back, drop)


def _router(steps: tuple[Step, ...]) -> Step | None:
    """The last that routed the request."""
    routed = (
        s
        for s in reversed(steps)
        if not s.is_reply and isinstance(s.detail, RouteChosen) and s.detail.is_forwarding
    )
    return next(routed, None)
