"""Cables: ends that are down, MTUs that do not fit together or not through the uplink."""

from collections.abc import Iterator

from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.snapshot import Namespace, Plug, Snapshot
from glassbridge.model.topology import Link
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import (
    BridgeOf,
    Line,
    bridges,
    default_routes,
    mended,
    names_of_bridge,
    network_named,
    network_of,
    place,
    uplink,
)

_SET = ("ip", "link", "set", "dev")


def cable_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Of every bridge that was read."""
    for bridge in bridges(snapshot):
        plugs = snapshot.plugs(bridge.cookie, bridge.link.ifindex)
        if plugs and not bridge.link.is_up:
            yield _link_down(
                snapshot,
                snapshot.namespaces[bridge.cookie],
                bridge.link,
                f"{network_named(snapshot, bridge)} is down, with {_links(len(plugs))} plugged in",
                names_of_bridge(snapshot, bridge),
            )
        for plug in plugs:
            yield from _down(snapshot, bridge, plug)
            yield from _unequal(snapshot, bridge, plug)
        if plugs:
            yield from _above_uplink(snapshot, bridge, plugs)


def _links(count: int) -> str:
    return f"{count} link{'' if count == 1 else 's'}"


def _down(snapshot: Snapshot, bridge: BridgeOf, plug: Plug) -> Iterator[Finding]:
    home = snapshot.namespaces[bridge.cookie]
    whose = snapshot.call(plug.cookie) if plug.cookie in snapshot.namespaces and plug.cookie else ""
    names = (whose,) if whose else names_of_bridge(snapshot, bridge)
    if not plug.port.is_up:
        sentence = f"port {plug.port.ifname} of {bridge.link.ifname} is down: "
        sentence += f"{whose or 'what is behind it'} is cut off"
        yield _link_down(snapshot, home, plug.port, sentence, names)
    far = snapshot.namespaces.get(plug.cookie) if plug.cookie is not None else None
    if far is not None and plug.link is not None and not plug.link.is_up:
        sentence = f"{plug.link.ifname} of {whose} is down: it is cut off"
        lost = _lost_defaults(snapshot, bridge, far, plug.link)
        yield _link_down(snapshot, far, plug.link, sentence, names, *lost)


def _lost_defaults(
    snapshot: Snapshot, bridge: BridgeOf, at: Namespace, link: Link
) -> Iterator[Line]:
    """The kernel takes routes away with their link, and brings back only the connected ones."""
    network = network_of(snapshot, bridge)
    if network is not None and network.internal:
        return
    own = [a.interface.network for a in at.stack.addresses if a.ifindex == link.ifindex]
    for address in snapshot.namespaces[bridge.cookie].stack.addresses:
        gateway = address.interface.ip
        is_near = address.ifindex == bridge.link.ifindex and any(gateway in n for n in own)
        is_lost = not default_routes(at.stack, gateway.version)
        if is_near and is_lost and not gateway.is_link_local:
            words = ("ip", "route", "add", "default", "via", str(gateway), "dev", link.ifname)
            yield at.cookie, words


def _link_down(
    snapshot: Snapshot,
    at: Namespace,
    link: Link,
    sentence: str,
    concerns: tuple[str, ...],
    *lost: Line,
) -> Finding:
    return mended(
        snapshot,
        Finding(
            code=FindingCode.LINK_DOWN,
            severity=Severity.PROBLEM,
            where=place(snapshot, at, link),
            sentence=sentence,
            evidence=(Fact(what=f"link {link.ifname}", says="down"),),
            fix_note="gives back the default route, too, which went with it" if lost else "",
            concerns=concerns,
        ),
        (at.cookie, (*_SET, link.ifname, "up")),
        *lost,
    )


def _unequal(snapshot: Snapshot, bridge: BridgeOf, plug: Plug) -> Iterator[Finding]:
    if plug.link is None or plug.cookie is None or plug.link.mtu == plug.port.mtu:
        return
    smaller = min(plug.link.mtu, plug.port.mtu)
    narrow = plug.cookie if plug.link.mtu == smaller else bridge.cookie
    ifname = plug.link.ifname if plug.link.mtu == smaller else plug.port.ifname
    wide = max(plug.link.mtu, plug.port.mtu)
    yield mended(
        snapshot,
        Finding(
            code=FindingCode.MTU_UNEQUAL,
            severity=Severity.PROBLEM,
            where=place(snapshot, snapshot.namespaces[bridge.cookie], plug.port),
            sentence=f"the cable of {snapshot.call(plug.cookie)} has ends of unequal MTU: packets "
            f"over {smaller} bytes are lost without a word",
            evidence=(
                Fact(what=f"mtu of {plug.port.ifname}", says=str(plug.port.mtu)),
                Fact(what=f"mtu of {plug.link.ifname}", says=str(plug.link.mtu)),
            ),
            fix_note="or make the other end as narrow",
            concerns=(snapshot.call(plug.cookie),),
        ),
        (narrow, (*_SET, ifname, "mtu", wide)),
    )


def _above_uplink(
    snapshot: Snapshot, bridge: BridgeOf, plugs: tuple[Plug, ...]
) -> Iterator[Finding]:
    """Only a warning: path-MTU discovery repairs it where ICMP is let through."""
    out = uplink(snapshot.namespaces[bridge.cookie].stack)
    network = network_of(snapshot, bridge)
    behind = (
        [p for p in plugs if p.link is not None and p.port.ifindex != out.ifindex] if out else []
    )
    largest = max((p.port.mtu for p in behind), default=0)
    if out is None or (network and network.internal) or largest <= out.mtu:
        return
    if bridge.link.ifindex in {out.ifindex, out.master}:
        return  # the bridge is the uplink
    yield mended(
        snapshot,
        Finding(
            code=FindingCode.MTU_ABOVE_UPLINK,
            severity=Severity.WARNING,
            where=place(snapshot, snapshot.namespaces[bridge.cookie], bridge.link),
            sentence=f"containers of {network_named(snapshot, bridge)} send packets of up to "
            f"{largest} bytes, the uplink {out.ifname} takes {out.mtu}: connections hang where "
            "ICMP is filtered",
            evidence=(
                Fact(what=f"mtu of {bridge.link.ifname}'s ports", says=str(largest)),
                Fact(what=f"mtu of {out.ifname}", says=str(out.mtu)),
            ),
            fix_note="for containers to come: create the network anew with "
            f"-o com.docker.network.driver.mtu={out.mtu}",
            concerns=names_of_bridge(snapshot, bridge),
        ),
        *_narrowing(bridge, behind, out.mtu),
    )


def _narrowing(bridge: BridgeOf, plugs: list[Plug], mtu: int) -> Iterator[Line]:
    """Both ends of each cable, the container's first, then the bridge."""
    for plug in plugs:
        for cookie, link in ((plug.cookie, plug.link), (bridge.cookie, plug.port)):
            if cookie is not None and link is not None and link.mtu > mtu:
                yield cookie, (*_SET, link.ifname, "mtu", mtu)
    if bridge.link.mtu > mtu:
        yield bridge.cookie, (*_SET, bridge.link.ifname, "mtu", mtu)
