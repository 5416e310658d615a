"""Behind a drop that is only a symptom: the state that led the packet there."""

from msgspec.structs import replace

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.observation import AnswerKind
from glassbridge.model.packet import Question
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Entered, NeighbourFound, Place, RouteChosen, Translated
from glassbridge.model.walk import Drop, Fact, Step, Walk
from glassbridge.walk.causes.misdelivered import misdelivered
from glassbridge.walk.evidence.testimony import Testimony
from glassbridge.walk.fixes.publishing import near_miss
from glassbridge.walk.predict import predict

_MISLED = {
    Cause.IP_FORWARD_OFF,
    Cause.IP6_FORWARD_OFF,
    Cause.NO_ROUTE,
    Cause.NO_LISTENER,
    Cause.LOOPBACK_LISTENER,
    Cause.OTHER_ADDRESS_LISTENER,
    Cause.WRONG_NEIGHBOUR,
    Cause.NETWORKS_APART,
    Cause.DUPLICATE_ADDRESS,
    Cause.HAIRPIN_OFF,
    Cause.WRONG_FDB,
}
"""What befalls a packet in a namespace that it was not meant for."""

_UNTAKEN = {Cause.NO_LISTENER, Cause.LOOPBACK_LISTENER, Cause.OTHER_ADDRESS_LISTENER}


def refined(drop: Drop, n: int, walk: Walk, testimony: Testimony, snapshot: Snapshot) -> Drop:
    """The cause behind a drop at the n-th step, or the drop itself."""
    step = walk.steps[n]
    return (
        _stale_connection(drop, step, walk, snapshot)
        or _silent_by_filter(drop)
        or misdelivered(drop, n, walk, snapshot)
        or _wrong_gateway(drop, n, walk, snapshot)
        or _not_published(drop, step, snapshot)
        or _misled(drop, n, walk, snapshot)
        or _black_hole(drop, testimony)
        or drop
    )


def _stale_connection(drop: Drop, end: Step, walk: Walk, snapshot: Snapshot) -> Drop | None:
    """Forget the tracked connections: if it then goes elsewhere, they are what is wrong."""
    if end.is_reply:
        return None
    for step in walk.request:
        detail = step.detail
        if not isinstance(detail, Translated) or detail.rule is not None:
            continue
        cookie = step.place.cookie
        namespace = snapshot.namespaces[cookie]
        if not namespace.connections:
            continue
        fresh = replace(
            snapshot, namespaces={**snapshot.namespaces, cookie: replace(namespace, connections=())}
        )
        other = predict(fresh, _question(walk))
        if not isinstance(other, Walk) or _goes_the_same_way(walk, other):
            continue
        before, after = detail.before, detail.after
        return Drop(
            cause=Cause.STALE_CONNECTION,
            sentence=f"a tracked connection of {step.place.name} still leads {_end(before)} to "
            f"{_end(after)}, as the rules no longer do",
            evidence=(
                Fact(what="conntrack", says=f"{_end(before)} is translated to {_end(after)}"),
                Fact(what="so", says=drop.sentence),
            ),
            place=step.place,
            subject=str(after.destination),
        )
    return None


def _not_published(drop: Drop, end: Step, snapshot: Snapshot) -> Drop | None:
    """On the host nobody takes it, and a container's published port is close to it."""
    if drop.cause not in _UNTAKEN or end.is_reply or end.place.cookie != snapshot.home:
        return None
    near = near_miss(snapshot, end.packet)
    if near is None or not (near.is_of_address or drop.cause is Cause.NO_LISTENER):
        return None
    return replace(drop, cause=Cause.PORT_NOT_PUBLISHED, sentence=near.sentence)


def _question(walk: Walk) -> Question:
    first = walk.steps[0]
    packet = first.packet
    return Question(
        source=None if isinstance(first.detail, Entered) else first.place.cookie,
        transport=packet.transport,
        destination=packet.destination,
        destination_port=packet.destination_port,
        source_address=packet.source,
        source_port=packet.source_port,
        icmp_type=packet.icmp_type,
        size=packet.length,
        ttl=packet.ttl,
    )


def _goes_the_same_way(one: Walk, other: Walk) -> bool:
    return _end(one.request[-1].packet) == _end(other.request[-1].packet)


def _end(packet: object) -> str:
    destination = getattr(packet, "destination", "")
    port = getattr(packet, "destination_port", 0)
    return f"{destination}:{port}" if port else str(destination)


def _silent_by_filter(drop: Drop) -> Drop | None:
    """rp_filter also keeps the kernel from answering ARP."""
    if drop.cause is not Cause.NEIGHBOUR_UNANSWERED:
        return None
    said = next((f for f in drop.evidence if f.says.startswith("rp_filter")), None)
    if said is None or drop.place is None:
        return None
    key = f"net.ipv4.conf.{drop.place.ifname}.rp_filter"
    return replace(drop, cause=Cause.RP_FILTER, subject=key)


def _wrong_gateway(drop: Drop, n: int, walk: Walk, snapshot: Snapshot) -> Drop | None:
    """The gateway takes the packet and does not forward, and is not the host, whose task it is."""
    if drop.cause not in {Cause.IP_FORWARD_OFF, Cause.IP6_FORWARD_OFF}:
        return None
    end = walk.steps[n]
    if end.place.cookie == snapshot.home:
        return None
    routed = next(
        (
            s
            for s in reversed(walk.steps[:n])
            if isinstance(s.detail, RouteChosen) and s.is_reply == end.is_reply
        ),
        None,
    )
    if routed is None or not isinstance(routed.detail, RouteChosen):
        return None
    gateway = routed.detail.gateway
    owners = {place.cookie for place, _ in _owners(snapshot, gateway)} if gateway else set()
    if end.place.cookie not in owners:
        return None
    oif = snapshot.namespaces[routed.place.cookie].stack.link(routed.detail.oif or 0)
    where = routed.place
    if oif is not None:
        where = replace(where, ifname=oif.ifname, ifindex=oif.ifindex)
    return Drop(
        cause=Cause.WRONG_GATEWAY,
        sentence=f"the gateway of {routed.place.name}, {gateway}, is {end.place.name}, which does "
        "not forward",
        evidence=(
            Fact(what=f"routes of {routed.place.name}", says=f"via {gateway}"),
            *drop.evidence,
        ),
        place=where,
        subject=str(gateway),
    )


def _misled(drop: Drop, n: int, walk: Walk, snapshot: Snapshot) -> Drop | None:
    """The sender's neighbour table gave it the MAC of somebody else."""
    if drop.cause not in _MISLED:
        return None
    way = [s for s in walk.steps[: n + 1] if s.is_reply == walk.steps[n].is_reply]
    asked = next((s for s in reversed(way) if isinstance(s.detail, NeighbourFound)), None)
    if asked is None or not isinstance(asked.detail, NeighbourFound) or asked.detail.mac is None:
        return None
    owners = _owners(snapshot, asked.detail.address)
    if len({place.cookie for place, _ in owners}) > 1:
        return _duplicate(asked.detail, owners, drop)
    if owners and all(mac != str(asked.detail.mac) for _, mac in owners):
        return _wrong_neighbour(asked.place, asked.detail, owners[0], drop)
    return None


def _duplicate(found: NeighbourFound, owners: list[tuple[Place, str]], drop: Drop) -> Drop | None:
    names = [f"{p.name} ({p.ifname})" for p, _ in owners]
    return Drop(
        cause=Cause.DUPLICATE_ADDRESS,
        sentence=f"{' and '.join(names)} both have {found.address}: the packet goes to "
        f"{next((p.name for p, mac in owners if mac == found.mac), names[0])}",
        evidence=(
            *(Fact(what=f"MAC of {p.name}", says=mac) for p, mac in owners),
            Fact(what=f"neighbour {found.address}", says=str(found.mac)),
            Fact(what="so", says=drop.sentence),
        ),
        place=owners[0][0],
        subject=str(found.address),
    )


def _wrong_neighbour(
    place: Place, found: NeighbourFound, owner: tuple[Place, str], drop: Drop
) -> Drop:
    return Drop(
        cause=Cause.WRONG_NEIGHBOUR,
        sentence=f"{place.name} takes {found.mac} for the MAC of {owner[0].name} "
        f"({found.address}), which has {owner[1]}",
        evidence=(
            Fact(what=f"neighbour {found.address} dev {place.ifname}", says=str(found.mac)),
            Fact(what=f"MAC of {owner[0].name}", says=owner[1]),
            Fact(what="so", says=drop.sentence),
        ),
        place=place,
        subject=str(found.address),
    )


def _owners(snapshot: Snapshot, address: IPAddress) -> list[tuple[Place, str]]:
    found = []
    for cookie, namespace in snapshot.namespaces.items():
        for own in namespace.stack.addresses:
            link = namespace.stack.link(own.ifindex)
            if own.interface.ip == address and link is not None and not link.is_loopback:
                place = Place(
                    cookie=cookie,
                    name=snapshot.call(cookie),
                    ifname=link.ifname,
                    ifindex=link.ifindex,
                )
                found.append((place, str(link.mac)))
    return found


def _black_hole(drop: Drop, testimony: Testimony) -> Drop | None:
    """A router must say that it is too large; the sender heard nothing."""
    answer = testimony.answer
    if drop.cause is not Cause.MTU_ROUTED or answer is None:
        return None
    if answer.kind is not AnswerKind.NOTHING:
        return None
    was_sent = "sent, and lost on its way back" if testimony.icmp_errors else "not seen"
    return replace(
        drop,
        cause=Cause.MTU_BLACK_HOLE,
        sentence=f"{drop.sentence}; the ICMP error that says so does not reach the sender",
        evidence=(*drop.evidence, Fact(what="ICMP error", says=was_sent)),
    )
