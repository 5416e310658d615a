"""Frames that a bridge or a cable let go: ports, flags, MTUs, MACs."""

from glassbridge.model.cause import Cause
from glassbridge.model.step_details import NeighbourFound, Place, Switched
from glassbridge.model.tables import FdbEntry
from glassbridge.model.topology import Link, PortState
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.causes.scene import Scene

_VLAN_TAG = 4


def port_locked(scene: Scene) -> Drop | None:
    """It takes only frames of MACs that somebody admitted."""
    port = _entered(scene)
    if port is None or port.port is None or not port.port.locked:
        return None
    return _of_port(scene, Cause.PORT_LOCKED, port, "locked on", "is locked")


def port_isolated(scene: Scene) -> Drop | None:
    """Both ports are isolated: they do not talk to each other."""
    entered, left = _entered(scene), _left(scene)
    if entered is None or entered.port is None or not entered.port.isolated:
        return None
    if left is not None and left.port is not None and not left.port.isolated:
        return None
    bridge = scene.stack.link(entered.master or 0)
    on_purpose = bridge is not None and any(
        n.bridge == bridge.ifname and not n.icc for n in scene.snapshot.networks
    )
    cause = Cause.ICC_OFF if on_purpose else Cause.PORT_ISOLATED
    return _of_port(scene, cause, left or entered, "isolated on", "is isolated from its siblings")


def hairpin_off(scene: Scene) -> Drop | None:
    """It should leave by the port that it came in by."""
    entered, left = _entered(scene), _left(scene)
    if entered is None or left is None or entered.ifindex != left.ifindex:
        return None
    if left.port is None or left.port.hairpin:
        return None
    return _of_port(
        scene, Cause.HAIRPIN_OFF, left, "hairpin off", "sends nothing back where it came in"
    )


def port_blocking(scene: Scene) -> Drop | None:
    """STP, or somebody, keeps a port from forwarding."""
    for port in (_entered(scene), _left(scene)):
        if (
            port is not None
            and port.port is not None
            and port.port.state is not PortState.FORWARDING
        ):
            says = f"state {port.port.state}"
            return _of_port(scene, Cause.PORT_BLOCKING, port, says, "does not forward")
    return None


def flood_off(scene: Scene) -> Drop | None:
    """Nobody knows the MAC, and the port gets no flooded frames."""
    detail = scene.step.detail
    if not isinstance(detail, Switched) or _entry(scene, str(detail.mac)) is not None:
        return None
    ports = [k for k in scene.stack.links if k.port is not None and not k.port.flood]
    if not ports:
        return None
    return _of_port(
        scene, Cause.FLOOD_OFF, ports[0], "flood off", f"gets no frames for {detail.mac}"
    )


def wrong_fdb(scene: Scene) -> Drop | None:
    """Somebody wrote down a MAC behind a port where it is not."""
    for step in scene.walk.steps[: scene.n + 1]:
        detail, cookie = step.detail, step.place.cookie
        if not isinstance(detail, Switched):
            continue
        for entry in scene.stack_of(cookie).fdb:
            if entry.mac != detail.mac or not entry.is_static or entry.is_local:
                continue
            port = scene.stack_of(cookie).link(entry.ifindex)
            far = scene.snapshot.far_end(cookie, port) if port is not None else None
            behind = scene.stack_of(far[0]).link(far[1]) if far else None
            if port is None or behind is None or behind.mac == detail.mac:
                continue
            return scene.drop(
                Cause.WRONG_FDB,
                f"the switch has {detail.mac} behind {port.ifname}, where it is not",
                Fact(what=f"fdb {detail.mac}", says=f"dev {port.ifname} static"),
                Fact(what=f"MAC behind {port.ifname}", says=str(behind.mac)),
                link=port,
                subject=str(detail.mac),
                cookie=cookie,
            )
    return None


def wrong_neighbour(scene: Scene) -> Drop | None:
    """The frame was addressed to a MAC that the next hop has not."""
    found = [
        (s.place, s.detail)
        for s in scene.walk.steps[: scene.n + 1]
        if isinstance(s.detail, NeighbourFound) and s.is_reply == scene.step.is_reply
    ]
    for place, detail in reversed(found):
        true = {
            str(link.mac)
            for namespace in scene.snapshot.namespaces.values()
            for a in namespace.stack.addresses
            if a.interface.ip == detail.address
            and (link := namespace.stack.link(a.ifindex)) is not None
        }
        if detail.mac is None or not true or str(detail.mac) in true:
            continue
        return _of_neighbour(place, detail, sorted(true))
    return None


def _of_neighbour(place: Place, found: NeighbourFound, true: list[str]) -> Drop:
    return Drop(
        cause=Cause.WRONG_NEIGHBOUR,
        sentence=f"{place.name} takes {found.mac} for {found.address}, whose MAC is {true[0]}",
        evidence=(
            Fact(what=f"neighbour {found.address} dev {place.ifname}", says=str(found.mac)),
            Fact(what=f"MAC of {found.address}", says=", ".join(true)),
        ),
        place=place,
        subject=str(found.address),
    )


def mtu_of_port(scene: Scene) -> Drop | None:
    """A bridge lets too large a frame go without a word."""
    port = _left(scene) or scene.link
    if port is None or scene.packet.length <= port.mtu:
        return None
    return _too_large(scene, Cause.MTU_BRIDGE_PORT, port, "a switch does not say so")


def mtu_of_peer(scene: Scene) -> Drop | None:
    """The other end of a cable is narrower than this one."""
    near = scene.link
    far = scene.snapshot.far_end(scene.cookie, near) if near is not None else None
    peer = scene.stack_of(far[0]).link(far[1]) if far else None
    if far is None or peer is None or scene.packet.length <= peer.mtu + _VLAN_TAG:
        return None
    drop = _too_large(scene, Cause.MTU_VETH, peer, "a cable does not say so")
    return Drop(
        cause=drop.cause,
        sentence=drop.sentence,
        evidence=drop.evidence,
        place=scene.place(peer, far[0]),
        subject=peer.ifname,
    )


def link_down(scene: Scene) -> Drop | None:
    """A link on the rest of the way is down, or its other end is."""
    for step in scene.walk.steps[scene.n :]:
        if step.is_reply != scene.step.is_reply:
            continue
        cookie = step.place.cookie
        link = scene.stack_of(cookie).link(step.place.ifindex or 0)
        far = scene.snapshot.far_end(cookie, link) if link is not None else None
        other = scene.stack_of(far[0]).link(far[1]) if far else None
        for where, end in ((cookie, link), (far[0] if far else cookie, other)):
            if end is not None and not end.is_up:
                return scene.drop(
                    Cause.LINK_DOWN,
                    f"{end.ifname} of {scene.snapshot.call(where)} is down",
                    Fact(what=f"link {end.ifname}", says="down"),
                    link=end,
                    cookie=where,
                )
    return None


def _too_large(scene: Scene, cause: Cause, link: Link, why: str) -> Drop:
    return scene.drop(
        cause,
        f"{link.ifname} takes no {scene.packet.length} bytes, and {why}",
        Fact(what=f"MTU of {link.ifname}", says=str(link.mtu)),
        Fact(what="packet", says=f"{scene.packet.length} bytes"),
        link=link,
    )


def _of_port(scene: Scene, cause: Cause, port: Link, says: str, does: str) -> Drop:
    master = scene.stack.link(port.master or 0)
    role = f"port {port.ifname}" + (f" of {master.ifname}" if master else "")
    return scene.drop(cause, f"{role} {does}", Fact(what=role, says=says), link=port)


def _entered(scene: Scene) -> Link | None:
    """The port by which the frame came into the last bridge."""
    for step in reversed(scene.walk.steps[: scene.n + 1]):
        link = scene.stack.link(step.place.ifindex or 0)
        is_port = link is not None and link.port is not None and step.place.cookie == scene.cookie
        if is_port and not isinstance(step.detail, Switched):
            return link
    return None


def _left(scene: Scene) -> Link | None:
    """The port by which the last bridge was to send it on."""
    for step in scene.walk.steps[max(0, scene.n - 1) :]:
        if isinstance(step.detail, Switched) and step.place.cookie == scene.cookie:
            return scene.stack.link(step.detail.to.ifindex or 0) if step.detail.to else None
    return None


def _entry(scene: Scene, mac: str) -> FdbEntry | None:
    return next((e for e in scene.stack.fdb if e.mac == mac and e.bridge is not None), None)
