"""A frame at a link whose MAC it does not bear: whose it is, and who sent it astray.

The kernel drops it there as PACKET_OTHERHOST (ip_rcv_core): the last place where it is seen.
"""

from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.path.free_cables import free_cable
from glassbridge.walk.path.port_gates import Flood
from glassbridge.walk.path.segment import Ear, explore
from glassbridge.walk.path.traveller import Ground, Traveller, Unread


def astray(ground: Ground, traveller: Traveller) -> Drop:
    """Nobody takes the frame: the sender has a wrong MAC, or a switch the wrong port for it."""
    macs = traveller.macs
    assert macs.destination is not None
    assert macs.origin is not None
    owner = owner_of_mac(ground, traveller, macs.destination)
    if owner is not None:
        return _wrong_port(ground, owner, macs.destination)
    origin = ground.place(macs.origin[0], ground.link(*macs.origin))
    true = _true_mac(ground, traveller)
    known = Fact(what=f"neighbour {macs.next_hop} dev {origin.ifname}", says=str(macs.destination))
    next_hop, sender = macs.next_hop, ground.link(*macs.origin)
    free = free_cable(ground, macs.origin[0], sender, next_hop) if next_hop is not None else None
    if free is not None:
        return free
    if not true:
        return Drop(
            cause=Cause.NEIGHBOUR_UNANSWERED,
            sentence=f"{_next_hop(ground, traveller)} is not behind {origin.ifname} of"
            f" {origin.name}: nobody there has its MAC",
            evidence=(known,),
            place=origin,
            subject=str(macs.next_hop),
        )
    facts = (known, Fact(what=f"MAC of {macs.next_hop}", says=true))
    return Drop(
        cause=Cause.WRONG_NEIGHBOUR,
        sentence=f"{origin.name} takes {macs.destination} for the MAC of"
        f" {_next_hop(ground, traveller)}, and nobody has it",
        evidence=facts,
        place=origin,
        subject=str(macs.next_hop),
    )


def owner_of_mac(ground: Ground, traveller: Traveller, mac: Mac) -> Ear | None:
    """The link on the sender's segment that has a MAC, among those that were read."""
    return next((e for e in _ears(ground, traveller) if e.link and e.link.mac == mac), None)


def _wrong_port(ground: Ground, owner: Ear, mac: Mac) -> Drop:
    """The last bridge that it came through has it behind a port where it is not."""
    turn = owner.way[-1] if owner.way else None
    assert owner.link is not None
    name = ground.snapshot.call(owner.cookie)
    where = ground.place(owner.cookie, owner.link)
    right = ""
    if turn is not None:
        right_port = ground.link(turn.cookie, turn.left or turn.bridge)
        where, right = ground.place(turn.cookie, right_port), right_port.ifname
    return Drop(
        cause=Cause.WRONG_FDB,
        sentence=f"the switch has {mac} of {name} behind another port than {right or name}",
        evidence=(
            Fact(what=f"fdb {mac}", says=_said(ground, turn.cookie, mac) if turn else "elsewhere"),
            Fact(what=f"{owner.link.ifname} of {name}", says=f"{mac}, behind {right or name}"),
        ),
        place=where,
        subject=str(mac),
    )


def _said(ground: Ground, cookie: int, mac: Mac) -> str:
    stack = ground.stack(cookie)
    entry = next((e for e in stack.fdb if e.mac == mac and e.bridge is not None), None)
    port = stack.link(entry.ifindex) if entry is not None else None
    if entry is None or port is None:
        return "no entry"
    return f"dev {port.ifname} {'static' if entry.is_static else 'learned'}"


def _true_mac(ground: Ground, traveller: Traveller) -> str:
    for ear in _ears(ground, traveller):
        if ear.link is None:
            continue
        stack = ground.stack(ear.cookie)
        if any(a.interface.ip == traveller.macs.next_hop for a in stack.addresses):
            return f"{ear.link.mac} ({ground.snapshot.call(ear.cookie)})"
    return ""


def _ears(ground: Ground, traveller: Traveller) -> tuple[Ear, ...]:
    origin = traveller.macs.origin
    assert origin is not None
    ears = explore(ground, origin[0], ground.link(*origin), Flood.BROADCAST).ears
    unread = {e.cookie for e in ears if e.link is None}
    if unread and not ground.snapshot.is_whole:
        wanted = traveller.macs.next_hop
        named = {n.cookie for n in ground.snapshot.names if wanted in n.addresses}
        raise Unread(tuple(sorted(unread & named or unread)))
    return ears


def _next_hop(ground: Ground, traveller: Traveller) -> str:
    next_hop = traveller.macs.next_hop
    owner = ground.snapshot.owner_of(next_hop) if next_hop is not None else ""
    return f"{owner} ({next_hop})" if owner else str(next_hop)


def is_for(link: Link, mac: Mac | None) -> bool:
    """The link takes frames to that MAC up; None is whoever is there."""
    return mac is None or link.mac == mac
