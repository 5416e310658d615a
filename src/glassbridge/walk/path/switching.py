"""A bridge with a frame: the port takes it, the FDB says where to, a port lets it out.

Sources: br_handle_frame_finish in net/bridge/br_input.c, br_dev_xmit in net/bridge/br_device.c,
br_dev_queue_push_xmit in net/bridge/br_forward.c.
"""

from msgspec.structs import replace

from glassbridge.model.address import Mac
from glassbridge.model.cause import Cause
from glassbridge.model.step_details import PortEntered, Switched
from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop, Expected, Fact
from glassbridge.walk.path.bridge_netfilter import forward, is_shown, preroute, turn_aside
from glassbridge.walk.path.flooding import Known, Spread, entry_of, known_port, spread
from glassbridge.walk.path.passing import pass_bridge_hook, pass_link_hook
from glassbridge.walk.path.port_gates import Shut, no_entry, no_exit, not_admitted
from glassbridge.walk.path.silence import kept_back
from glassbridge.walk.path.strangers import astray
from glassbridge.walk.path.traveller import (
    Coming,
    Ground,
    Leaving,
    Raised,
    Traveller,
    incoming,
    outgoing,
)
from glassbridge.walk.path.versions import V6

_VLAN_TAG = 4
_NAMED = 5


def enter_port(ground: Ground, traveller: Traveller, station: Coming, bridge: Link) -> Traveller:
    """A frame that came in by a port: its hooks, what the bridge learns, then where it goes."""
    port, cookie = station.link, traveller.cookie
    refused = no_entry(ground, cookie, port)
    if refused is not None:
        drop = kept_back(ground, refused, "it takes no frames")
        return _entered(ground, traveller, bridge, port, drop=drop)
    hooked = preroute(ground, traveller, bridge, port)
    if hooked.has_ended:
        told = _entered(ground, traveller, bridge, port)
        return replace(hooked, steps=(*told.steps, *hooked.steps[len(traveller.steps) :]))
    locked = not_admitted(ground, cookie, port, traveller.macs.source)
    if locked is not None:
        drop = kept_back(ground, locked, "it is not let in")
        return _entered(ground, hooked, bridge, port, drop=drop)
    learns = _learns(ground, traveller, bridge, port)
    told = _entered(ground, traveller, bridge, port, learns=learns)
    after = replace(hooked, steps=(*told.steps, *hooked.steps[len(traveller.steps) :]))
    if learns is not None:
        after = after.knowing(after.learned.port(cookie, bridge.ifindex, learns, port.ifindex))
    if after.packet.destination != traveller.packet.destination and is_shown(ground, after, bridge):
        return turn_aside(ground, after, bridge, port)
    return _switch(ground, after, bridge, port)


def leave_bridge(ground: Ground, traveller: Traveller, station: Leaving) -> Traveller:
    """A frame given to the bridge itself: the namespace's own, or one that DNAT turned aside."""
    bridge = station.link
    if bridge.is_up and bridge.has_carrier:
        if station.entered is None:
            traveller = pass_link_hook(ground, traveller, "egress", bridge)
        if traveller.has_ended:
            return traveller
        return _switch(ground, traveller, bridge, station.entered)
    says = "no carrier: none of its ports is up" if bridge.is_up else "down"
    place = ground.place(traveller.cookie, bridge)
    shut = Shut(place=place, link=bridge, cause=Cause.LINK_DOWN, says=says)
    detail = Switched(bridge=bridge.ifname, mac=_wanted(traveller))
    return traveller.then(place, detail, drop=kept_back(ground, shut, "nothing leaves by it"))


def _entered(
    ground: Ground,
    traveller: Traveller,
    bridge: Link,
    port: Link,
    *,
    learns: Mac | None = None,
    drop: Drop | None = None,
) -> Traveller:
    number = port.port.number if port.port is not None else 0
    return traveller.then(
        ground.place(traveller.cookie, port),
        PortEntered(bridge=bridge.ifname, port=number, learns=learns),
        expected=(incoming(traveller.cookie, port),),
        drop=drop,
    )


def _learns(ground: Ground, traveller: Traveller, bridge: Link, port: Link) -> Mac | None:
    """The sender's MAC, unless the FDB has it behind this port already."""
    source = traveller.macs.source
    if source is None or port.port is None or not port.port.learning:
        return None
    known = known_port(ground.stack(traveller.cookie), traveller, bridge, source)
    if known is not None and known.port in {None, port.ifindex}:
        return None
    if known is not None and known.entry is not None and known.entry.is_sticky:
        return None
    return source


def _wanted(traveller: Traveller) -> Mac:
    return traveller.macs.destination or Mac("")


def _switch(ground: Ground, traveller: Traveller, bridge: Link, entered: Link | None) -> Traveller:
    """By the FDB to one port, up into the stack, or to all."""
    stack = ground.stack(traveller.cookie)
    known = known_port(stack, traveller, bridge, traveller.macs.destination)
    if known is None:
        return _flood(ground, traveller, bridge, entered)
    if known.port is None and entered is not None:
        return _go_up(ground, traveller, bridge, entered)
    return _to_port(ground, traveller, bridge, entered, known)


def _go_up(ground: Ground, traveller: Traveller, bridge: Link, entered: Link) -> Traveller:
    told = traveller.then(
        ground.place(traveller.cookie, bridge),
        Switched(bridge=bridge.ifname, mac=_wanted(traveller), is_own=True),
        expected=(incoming(traveller.cookie, bridge),),
        assumptions=_vlan_assumption(bridge),
        # to the MAC of another port it goes up as well, and the stack takes it for another's
        drop=None
        if traveller.macs.destination in {bridge.mac, entered.mac}
        else astray(ground, traveller),
    )
    if told.has_ended:
        return told
    after = pass_bridge_hook(ground, told, "input", iif=entered)
    if after.has_ended:
        return after
    raised = after.at(Raised(link=bridge, is_prerouted=is_shown(ground, traveller, bridge)))
    return pass_link_hook(ground, raised, "ingress", bridge)


def _to_port(
    ground: Ground, traveller: Traveller, bridge: Link, entered: Link | None, known: Known
) -> Traveller:
    cookie = traveller.cookie
    if known.port is None:
        # sent by the namespace to the MAC of a port, which the bridge may have for its own
        entry = entry_of(ground.stack(cookie), bridge, _wanted(traveller))
        if entry is not None and entry.ifindex != bridge.ifindex:
            known = replace(known, port=entry.ifindex)
    port = bridge if known.port is None else ground.link(cookie, known.port)
    detail = Switched(
        bridge=bridge.ifname,
        mac=_wanted(traveller),
        to=ground.place(cookie, port),
        port=port.port.number if port.port is not None else 0,
        age_seconds=known.age_seconds,
    )
    if known.port is None:
        drop: Drop | None = astray(ground, traveller)
    else:
        drop = _not_out(ground, traveller, bridge, entered, port)
    return _let_out(ground, traveller, bridge, entered, port, detail, drop)


def _let_out(
    ground: Ground,
    traveller: Traveller,
    bridge: Link,
    entered: Link | None,
    port: Link,
    detail: Switched,
    drop: Drop | None,
    assumptions: tuple[str, ...] = (),
) -> Traveller:
    told = traveller.then(
        ground.place(traveller.cookie, bridge),
        detail,
        expected=() if drop is not None else _sightings(traveller, bridge, entered, port),
        assumptions=(*_vlan_assumption(bridge), *assumptions),
        drop=drop,
    )
    if told.has_ended:
        return told
    after = forward(ground, told, bridge, (entered, port))
    if not after.has_ended:
        return after
    # the hooks between look-up and port kept it: the port shows nothing
    n, leaves = len(traveller.steps), outgoing(traveller.cookie, port)
    quiet = replace(told.steps[n], expected=tuple(e for e in told.steps[n].expected if e != leaves))
    return replace(after, steps=(*after.steps[:n], quiet, *after.steps[n + 1 :]))


def _sightings(
    traveller: Traveller, bridge: Link, entered: Link | None, port: Link
) -> tuple[Expected, ...]:
    """A tap on the bridge sees what the namespace sends by it, and nothing that is bridged."""
    leaves = outgoing(traveller.cookie, port)
    return (outgoing(traveller.cookie, bridge), leaves) if entered is None else (leaves,)


def _not_out(
    ground: Ground, traveller: Traveller, bridge: Link, entered: Link | None, port: Link
) -> Drop | None:
    """Why the port that the FDB names does not let the frame out."""
    shut = no_exit(ground, traveller.cookie, entered, port, None)
    if shut is not None:
        why = f"the FDB of {bridge.ifname} has {traveller.macs.destination} behind it"
        return kept_back(ground, shut, why)
    return _too_large(ground, traveller, bridge, entered, port)


def _too_large(
    ground: Ground, traveller: Traveller, bridge: Link, entered: Link | None, port: Link
) -> Drop | None:
    """br_netfilter cuts what may be cut, and is exact; without it there is room for a VLAN tag."""
    packet = traveller.packet
    if entered is not None and is_shown(ground, traveller, bridge):
        room = port.mtu if packet.dont_fragment or packet.version == V6 else packet.length
    else:
        room = port.mtu + _VLAN_TAG
    if packet.length <= room:
        return None
    name = ground.snapshot.call(traveller.cookie)
    return Drop(
        cause=Cause.MTU_BRIDGE_PORT,
        sentence=f"port {port.ifname} of {bridge.ifname} in {name} lets no {packet.length} bytes"
        " out, and a switch does not say so",
        evidence=(
            Fact(what=f"MTU of port {port.ifname}", says=str(port.mtu)),
            Fact(what="packet", says=f"{packet.length} bytes"),
        ),
        place=ground.place(traveller.cookie, port),
        subject=port.ifname,
    )


def _flood(ground: Ground, traveller: Traveller, bridge: Link, entered: Link | None) -> Traveller:
    copies = spread(ground, traveller, bridge, entered)
    detail = Switched(
        bridge=bridge.ifname,
        mac=_wanted(traveller),
        flooded_to=tuple(p.ifname for p in copies.ports[:_NAMED]),
        flood_count=len(copies.ports),
    )
    if copies.taken is None:
        drop = _lost_in_flood(ground, traveller, bridge, copies)
        return traveller.then(ground.place(traveller.cookie, bridge), detail, drop=drop)
    beyond = f"whoever is beyond {copies.taken.ifname} takes it"
    return _let_out(
        ground,
        traveller,
        bridge,
        entered,
        copies.taken,
        detail,
        _too_large(ground, traveller, bridge, entered, copies.taken),
        (beyond,) if copies.is_beyond and traveller.macs.destination else (),
    )


def _lost_in_flood(ground: Ground, traveller: Traveller, bridge: Link, copies: Spread) -> Drop:
    if copies.shut is None:
        return astray(ground, traveller)
    why = f"{bridge.ifname} floods {traveller.macs.destination}, and not to there"
    return kept_back(ground, copies.shut, why)


def _vlan_assumption(bridge: Link) -> tuple[str, ...]:
    if bridge.bridge is None or not bridge.bridge.vlan_filtering:
        return ()
    return (f"the ports of {bridge.ifname} are in VLAN 1, untagged",)
