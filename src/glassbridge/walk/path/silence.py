"""Nobody answers for the next hop: who should have, and what keeps the question from him."""

from msgspec.structs import replace

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.path.answering import Voice
from glassbridge.walk.path.free_cables import free_cable
from glassbridge.walk.path.neighbour_rules import KeptBack
from glassbridge.walk.path.passing import drop_of
from glassbridge.walk.path.port_gates import Shut
from glassbridge.walk.path.segment import Segment
from glassbridge.walk.path.traveller import Addressed, Ground, Traveller
from glassbridge.walk.path.validity import is_own


def silence(
    ground: Ground,
    traveller: Traveller,
    station: Addressed,
    segment: Segment,
    voices: tuple[Voice, ...],
) -> Drop:
    """The cause: a shut port before the owner, an owner that keeps silent, or nobody at all."""
    target = station.next_hop
    shut = _in_between(ground, segment, target)
    if shut is None and not segment.ears and segment.shut:
        shut = segment.shut[0]
    if shut is not None:
        return kept_back(ground, shut, f"{_called(ground, target)} does not hear who asks for it")
    filtered = next((v.kept_back for v in voices if v.kept_back is not None), None)
    if filtered is not None:
        return _filtered(ground, traveller, filtered, target)
    mute = next((v for v in voices if v.silent_because), None)
    if mute is not None:
        return _mute(ground, station.oif, mute, target, segment)
    free = free_cable(ground, traveller.cookie, station.oif, target)
    if free is not None:
        return replace(free, evidence=(*free.evidence, _heard(ground, target, segment)))
    if station.is_gateway:
        return _no_gateway(ground, traveller, station, segment)
    here = ground.snapshot.call(traveller.cookie)
    facts = [_heard(ground, target, segment)]
    owner = ground.snapshot.owner_of(target)
    if owner:
        facts.append(Fact(what=f"owner of {target}", says=f"{owner}, not on this segment"))
    return Drop(
        cause=Cause.NEIGHBOUR_UNANSWERED,
        sentence=f"nobody behind {station.oif.ifname} of {here} has {target}",
        evidence=tuple(facts),
        place=ground.place(traveller.cookie, station.oif),
        subject=str(target),
    )


def _filtered(ground: Ground, traveller: Traveller, kept: KeptBack, target: IPAddress) -> Drop:
    there = traveller.with_packet(kept.call.packet).at(traveller.station, cookie=kept.cookie)
    drop = drop_of(ground, there, kept.call, kept.result)
    what = "the answer who has" if kept.is_answer else "the question who has"
    return replace(
        drop,
        sentence=f"{what} {target} is lost: {drop.sentence}",
        evidence=(*drop.evidence, Fact(what="so", says=f"{_called(ground, target)} stays unknown")),
    )


def kept_back(ground: Ground, shut: Shut, why: str) -> Drop:
    """A drop at a link that lets nothing through."""
    link, name = shut.link, shut.place.name
    master = ground.stack(shut.place.cookie).link(link.master) if link.master is not None else None
    if shut.cause is Cause.LINK_DOWN and master is not None and not master.is_up:
        return _bridge_down(ground, shut, master, why)
    role = f"port {link.ifname} of {master.ifname}" if master is not None else f"link {link.ifname}"
    behind = _behind(ground, shut)
    leads = f", which leads to {behind}," if behind else ""
    sentence = {
        Cause.LINK_DOWN: f"{role} in {name}{leads} is down",
        Cause.PORT_BLOCKING: f"{role} in {name}{leads} is kept from forwarding by STP",
        Cause.PORT_LOCKED: f"{role} in {name}{leads} is locked, and the sender is not admitted",
        Cause.PORT_ISOLATED: f"{role} in {name}{leads} is isolated from the other isolated ports",
        Cause.ICC_OFF: f"the containers of this network are kept apart: {role}{leads} is isolated",
        Cause.HAIRPIN_OFF: f"the way leads back out of {role}, where it came in",
        Cause.FLOOD_OFF: f"{role} in {name}{leads} gets no flooded frames ({shut.says})",
    }[shut.cause]
    return Drop(
        cause=shut.cause,
        sentence=sentence,
        evidence=(Fact(what=role, says=shut.says), Fact(what="so", says=why)),
        place=shut.place,
        subject=link.ifname,
    )


def _bridge_down(ground: Ground, shut: Shut, bridge: Link, why: str) -> Drop:
    """A port's state is then `disabled`, but it is not the port's fault."""
    return Drop(
        cause=Cause.LINK_DOWN,
        sentence=f"bridge {bridge.ifname} of {shut.place.name} is down",
        evidence=(
            Fact(what=f"link {bridge.ifname}", says="down"),
            Fact(what=f"port {shut.link.ifname}", says=shut.says),
            Fact(what="so", says=why),
        ),
        place=ground.place(shut.place.cookie, bridge),
        subject=bridge.ifname,
    )


def _behind(ground: Ground, shut: Shut) -> str:
    far = ground.snapshot.far_end(shut.place.cookie, shut.link)
    return "" if far is None or far[0] == shut.place.cookie else ground.snapshot.call(far[0])


def _in_between(ground: Ground, segment: Segment, target: IPAddress) -> Shut | None:
    """The shut link that the owner is behind, or that is the owner's own."""
    for shut in segment.shut:
        if _owns(ground, shut.place.cookie, shut.link, target):
            return shut
        far = ground.snapshot.far_end(shut.place.cookie, shut.link)
        if far is None or far[0] not in ground.snapshot.namespaces:
            continue
        if _owns(ground, far[0], ground.link(*far), target):
            return shut
    return None


def _owns(ground: Ground, cookie: int, link: Link, target: IPAddress) -> bool:
    """A link with an IP stack of its own, in a namespace that has the address."""
    return link.master is None and is_own(ground.stack(cookie), target)


def _mute(ground: Ground, oif: Link, mute: Voice, target: IPAddress, segment: Segment) -> Drop:
    name = ground.snapshot.call(mute.ear.cookie)
    return Drop(
        cause=Cause.DUPLICATE_ADDRESS if mute.is_rival else Cause.NEIGHBOUR_UNANSWERED,
        sentence=f"{name} has {target} and does not answer for it",
        evidence=(
            Fact(what=f"silence of {name}", says=mute.silent_because),
            _heard(ground, target, segment),
        ),
        place=ground.place(mute.ear.cookie, mute.ear.link),
        subject=oif.ifname,
    )


def _no_gateway(ground: Ground, traveller: Traveller, station: Addressed, segment: Segment) -> Drop:
    here, target = ground.snapshot.call(traveller.cookie), station.next_hop
    return Drop(
        cause=Cause.WRONG_GATEWAY,
        sentence=f"the gateway of {here}, {target}, is nobody behind {station.oif.ifname}",
        evidence=(
            Fact(what=f"routes of {here}", says=f"via {target} dev {station.oif.ifname}"),
            _heard(ground, target, segment),
        ),
        place=ground.place(traveller.cookie, station.oif),
        subject=str(target),
    )


def _heard(ground: Ground, target: IPAddress, segment: Segment) -> Fact:
    names = [ground.snapshot.call(e.cookie) for e in segment.ears[:3]]
    more = f" and {len(segment.ears) - 3} more" if len(segment.ears) > 3 else ""  # noqa: PLR2004 - the names above
    says = f"{', '.join(names)}{more} heard it, nobody answered" if names else "nobody hears it"
    return Fact(what=f"who has {target}", says=says)


def _called(ground: Ground, target: IPAddress) -> str:
    owner = ground.snapshot.owner_of(target)
    return f"{owner} ({target})" if owner else str(target)
