"""Cables: ends that are down, MTUs that do not fit together or not through the uplink."""

from collections.abc import Iterator

from glassbridge.model.finding import Finding, FindingCode, Severity
from glassbridge.model.snapshot import Namespace, Plug, Snapshot
from glassbridge.model.topology import Link
from glassbridge.model.walk import Fact
from glassbridge.walk.doctor.surroundings import BridgeOf, bridges, network_named, place, uplink


def cable_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Of every bridge that was read."""
    for bridge in bridges(snapshot):
        plugs = snapshot.plugs(bridge.cookie, bridge.link.ifindex)
        if plugs:
            yield from _bridge_down(snapshot, bridge, len(plugs))
        for plug in plugs:
            yield from _down(snapshot, bridge, plug)
            yield from _unequal(snapshot, bridge, plug)
        if bridge.cookie == snapshot.home and plugs:
            yield from _above_uplink(snapshot, bridge, plugs)


def _bridge_down(snapshot: Snapshot, bridge: BridgeOf, plugged: int) -> Iterator[Finding]:
    if not bridge.link.is_up:
        yield _link_down(
            snapshot,
            snapshot.namespaces[bridge.cookie],
            bridge.link,
            f"{network_named(snapshot, bridge)} is down, with {plugged} links plugged in",
        )


def _down(snapshot: Snapshot, bridge: BridgeOf, plug: Plug) -> Iterator[Finding]:
    home = snapshot.namespaces[bridge.cookie]
    if not plug.port.is_up:
        whose = snapshot.call(plug.cookie) if plug.cookie is not None else "nobody we can see"
        yield _link_down(
            snapshot,
            home,
            plug.port,
            f"port {plug.port.ifname} of {bridge.link.ifname} is down: {whose} is cut off",
        )
    far = snapshot.namespaces.get(plug.cookie) if plug.cookie is not None else None
    if far is not None and plug.link is not None and not plug.link.is_up:
        name = snapshot.call(far.cookie)
        yield _link_down(
            snapshot, far, plug.link, f"{plug.link.ifname} of {name} is down: it is cut off"
        )


def _link_down(snapshot: Snapshot, at: Namespace, link: Link, sentence: str) -> Finding:
    return Finding(
        code=FindingCode.LINK_DOWN,
        severity=Severity.PROBLEM,
        where=place(snapshot, at, link),
        sentence=sentence,
        evidence=(Fact(what=f"link {link.ifname}", says="down"),),
        fix=(f"ip link set dev {link.ifname} up",),
    )


def _unequal(snapshot: Snapshot, bridge: BridgeOf, plug: Plug) -> Iterator[Finding]:
    if plug.link is None or plug.cookie is None or plug.link.mtu == plug.port.mtu:
        return
    smaller = min(plug.link.mtu, plug.port.mtu)
    yield Finding(
        code=FindingCode.MTU_UNEQUAL,
        severity=Severity.WARNING,
        where=place(snapshot, snapshot.namespaces[bridge.cookie], plug.port),
        sentence=f"the cable of {snapshot.call(plug.cookie)} has ends of unequal MTU: packets over "
        f"{smaller} octets are lost without a word",
        evidence=(
            Fact(what=f"mtu of {plug.port.ifname}", says=str(plug.port.mtu)),
            Fact(what=f"mtu of {plug.link.ifname}", says=str(plug.link.mtu)),
        ),
        fix=(f"ip link set dev {plug.port.ifname} mtu {plug.link.mtu}",),
    )


def _above_uplink(
    snapshot: Snapshot, bridge: BridgeOf, plugs: tuple[Plug, ...]
) -> Iterator[Finding]:
    """Only a warning: path-MTU discovery repairs it where ICMP is let through."""
    out = uplink(snapshot.namespaces[snapshot.home].stack)
    internal = any(n.internal for n in snapshot.networks if n.bridge == bridge.link.ifname)
    largest = max(p.port.mtu for p in plugs)
    if out is None or internal or out.ifindex == bridge.link.ifindex or largest <= out.mtu:
        return
    if out.master == bridge.link.ifindex:
        return
    yield Finding(
        code=FindingCode.MTU_ABOVE_UPLINK,
        severity=Severity.WARNING,
        where=place(snapshot, snapshot.namespaces[snapshot.home], bridge.link),
        sentence=f"containers of {network_named(snapshot, bridge)} send packets of up to {largest} "
        f"octets, the uplink {out.ifname} takes {out.mtu}: connections hang where ICMP is filtered",
        evidence=(
            Fact(what=f"mtu of {bridge.link.ifname}'s ports", says=str(largest)),
            Fact(what=f"mtu of {out.ifname}", says=str(out.mtu)),
        ),
        fix_note=f"create the network anew with -o com.docker.network.driver.mtu={out.mtu}",
    )
