"""A frame leaves by a link: through a veth pair to its other end, or out of what can be read."""

from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.step_details import Crossed, Left, Place
from glassbridge.model.topology import Link
from glassbridge.model.walk import Action, Disposition, Drop, Fact
from glassbridge.walk.path.passing import pass_link_hook, without_mark
from glassbridge.walk.path.port_gates import bridge_of, dark
from glassbridge.walk.path.segment import MACVLAN, VETH, explore_upper, parent_of
from glassbridge.walk.path.silence import kept_back
from glassbridge.walk.path.strangers import astray, is_for
from glassbridge.walk.path.traveller import (
    Coming,
    Ended,
    Ground,
    Leaving,
    Macs,
    Raised,
    Traveller,
    Unclear,
    incoming,
    outgoing,
)

_VLAN_TAG = 4
"""A frame may exceed the MTU by one tag, whether it has one or not (is_skb_forwardable)."""

_HARDWARE = {"", "bond", "team", "virtio_net"}
_ENCLOSING = {"vxlan", "geneve", "gre", "gretap", "ip6gretap", "ipip", "sit", "wireguard", "ip6tnl"}


def cross(ground: Ground, traveller: Traveller, station: Leaving) -> Traveller:
    """On to wherever the link leads; bridges are `switching`'s."""
    link = station.link
    if not link.is_up or not link.has_carrier:
        return _unlit(ground, traveller, link)
    if link.port is None:  # of a port the bridge has asked already
        traveller = pass_link_hook(ground, traveller, "egress", link)
        if traveller.has_ended:
            return traveller
    if link.kind == VETH:
        return _through_veth(ground, traveller, link)
    if link.kind == MACVLAN:
        return _through_macvlan(ground, traveller, link)
    return _out(ground, traveller, link, _whither(ground, traveller, link))


def _whither(ground: Ground, traveller: Traveller, link: Link) -> str:
    """In words, where a link leads that leaves what can be read; raises Unclear."""
    if link.kind in _HARDWARE:
        return ""
    if link.kind == "tun":
        return f"handed to the process that holds {link.ifname}"
    if link.kind in _ENCLOSING:
        return f"{link.ifname} ({link.kind}) wraps it and sends it on"
    if link.kind in {"vlan", "ipvlan"} and _is_hardware(ground, traveller, link):
        return f"{link.ifname} ({link.kind}) leaves by its parent"
    raise Unclear(f"where {link.ifname}, of kind {link.kind}, leads cannot be predicted")


def arrive(ground: Ground, traveller: Traveller, station: Coming) -> Traveller:
    """From the cable into the stack; bridge ports are `switching`'s."""
    link, wanted = station.link, traveller.macs.destination
    if not is_for(link, wanted):
        for ear in explore_upper(ground, traveller.cookie, link):
            if ear.link is not None and ear.link.mac == wanted:
                raised = traveller.at(Raised(link=ear.link), cookie=ear.cookie)
                return pass_link_hook(ground, raised, "ingress", ear.link)
    return traveller.at(Raised(link=link))


def _through_veth(ground: Ground, traveller: Traveller, link: Link) -> Traveller:
    far = ground.snapshot.far_end(traveller.cookie, link)
    if far is None:
        return _out(ground, traveller, link, f"the other end of {link.ifname} cannot be read")
    cookie, peer = far[0], ground.link(*far)
    here, there = ground.place(traveller.cookie, link), ground.place(cookie, peer)
    leaves, comes = outgoing(traveller.cookie, link), incoming(cookie, peer)
    detail = Crossed(from_=here, to=there, destination=_destination(traveller, peer))
    lost = _not_taken(traveller, peer, there)
    if lost is not None:
        return traveller.then(here, detail, expected=(leaves,), drop=lost)
    drop = None if _has_taker(ground, traveller, cookie, peer) else astray(ground, traveller)
    crossed = traveller.then(here, detail, expected=(leaves, comes), drop=drop)
    if crossed.has_ended:
        return crossed
    moved = without_mark(crossed) if cookie != traveller.cookie else crossed
    return pass_link_hook(ground, moved.at(Coming(link=peer), cookie=cookie), "ingress", peer)


def _not_taken(traveller: Traveller, peer: Link, there: Place) -> Drop | None:
    """The peer's own refusal (__dev_forward_skb2): it is down, or its MTU is too small."""
    if not peer.is_up:
        return Drop(
            cause=Cause.LINK_DOWN,
            sentence=f"{peer.ifname} of {there.name}, the other end of the cable, is down",
            evidence=(Fact(what=f"link {peer.ifname} of {there.name}", says="down"),),
            place=there,
            subject=peer.ifname,
        )
    if traveller.packet.length > peer.mtu + _VLAN_TAG:
        return Drop(
            cause=Cause.MTU_VETH,
            sentence=f"{peer.ifname} of {there.name}, the other end of the cable, takes no"
            f" {traveller.packet.length} bytes, and does not say so",
            evidence=(Fact(what=f"MTU of {peer.ifname}", says=str(peer.mtu)),),
            place=there,
            subject=peer.ifname,
        )
    return None


def _has_taker(ground: Ground, traveller: Traveller, cookie: int, peer: Link) -> bool:
    wanted = traveller.macs.destination
    if bridge_of(ground, cookie, peer) is not None or is_for(peer, wanted):
        return True
    above = explore_upper(ground, cookie, peer)
    return any(e.link is not None and e.link.mac == wanted for e in above)


def _destination(traveller: Traveller, peer: Link) -> Mac:
    return traveller.macs.destination or peer.mac or Mac("ff:ff:ff:ff:ff:ff")


def _through_macvlan(ground: Ground, traveller: Traveller, link: Link) -> Traveller:
    """To a sibling at once (mode bridge), else out by the parent; never to the parent's stack."""
    parent = parent_of(ground, traveller.cookie, link)
    if parent is None:
        return _out(ground, traveller, link, f"the parent of {link.ifname} cannot be read")
    here = ground.place(traveller.cookie, link)
    for ear in explore_upper(ground, *parent):
        if ear.link is not None and ear.link.mac == traveller.macs.destination:
            there = ground.place(ear.cookie, ear.link)
            detail = Crossed(from_=here, to=there, destination=_destination(traveller, ear.link))
            crossed = traveller.then(
                here,
                detail,
                expected=(outgoing(traveller.cookie, link), incoming(ear.cookie, ear.link)),
                assumptions=(f"{link.ifname} is in macvlan mode bridge",),
            )
            raised = without_mark(crossed).at(Raised(link=ear.link), cookie=ear.cookie)
            return pass_link_hook(ground, raised, "ingress", ear.link)
    return without_mark(traveller).at(Leaving(link=parent[1]), cookie=parent[0])


def _is_hardware(ground: Ground, traveller: Traveller, link: Link) -> bool:
    parent = parent_of(ground, traveller.cookie, link)
    return parent is not None and parent[1].kind in _HARDWARE


def _out(ground: Ground, traveller: Traveller, link: Link, how: str = "") -> Traveller:
    """Beyond is what no snapshot holds."""
    next_hop = traveller.macs.next_hop
    is_far = next_hop is not None and next_hop != traveller.packet.destination
    left = traveller.then(
        ground.place(traveller.cookie, link),
        Left(gateway=next_hop if is_far else None),
        action=Action.FORWARDED,
        expected=(outgoing(traveller.cookie, link),),
        assumptions=(how,) if how else (),
    )
    return left.with_macs(Macs()).at(Ended(disposition=Disposition.EXITS_NETWORK))


def _unlit(ground: Ground, traveller: Traveller, link: Link) -> Traveller:
    drop = kept_back(ground, dark(ground, traveller.cookie, link), "nothing leaves by it")
    place = ground.place(traveller.cookie, link)
    return traveller.then(place, Left(gateway=None), drop=drop)
