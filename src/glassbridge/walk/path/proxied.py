"""A bridge that answers a neighbour's question in the place of another, or keeps it from a port.

Sources: br_do_proxy_suppress_arp and br_do_suppress_nd in net/bridge/br_arp_nd_proxy.c, br_flood in
br_forward.c. It knows whose an address is by the neighbour table of its own namespace.
"""

from msgspec import Struct

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.tables import FdbEntry, NeighbourState
from glassbridge.model.topology import BridgePort, Link, Stack
from glassbridge.walk.path.versions import V4

_KNOWN = {
    NeighbourState.REACHABLE,
    NeighbourState.STALE,
    NeighbourState.DELAY,
    NeighbourState.PROBE,
    NeighbourState.PERMANENT,
    NeighbourState.NOARP,
}


class Proxied(Struct, frozen=True, kw_only=True):
    """What a bridge does with one question who has an address."""

    mac: Mac | None = None
    """What it answers itself."""
    is_suppressed: bool = False
    """Ports that want no questions which the bridge can answer do not get it."""

    def keeps_from(self, port: BridgePort) -> str:
        """Which switch of a port keeps the question back, as `bridge` calls it; or empty."""
        if not self.is_suppressed:
            return ""
        if port.neigh_suppress:
            return "neigh_suppress"
        return "proxy_arp_wifi" if port.proxy_arp_wifi else ""


_ORDINARY = Proxied()


def proxied(stack: Stack, bridge: Link, entered: Link | None, target: IPAddress) -> Proxied:
    """What the bridge makes of a question that came in by a port."""
    if entered is None or entered.port is None or bridge.bridge is None:
        return _ORDINARY
    if bridge.bridge.vlan_filtering:  # it then asks the table of a VLAN device upon it
        return _ORDINARY
    ports = {k.ifindex: k.port for k in stack.ports(bridge.ifindex) if k.port is not None}
    suppresses = any(p.neigh_suppress for p in ports.values())
    if entered.port.neigh_suppress or not (suppresses or any(map(_is_proxy, ports.values()))):
        return _ORDINARY
    if any(a.ifindex == bridge.ifindex and a.interface.ip == target for a in stack.addresses):
        return Proxied(is_suppressed=suppresses)
    behind = _behind(stack, bridge, target)
    if behind is None:
        return _ORDINARY
    far = ports.get(behind.ifindex)
    answers = far is not None and far.neigh_suppress
    if target.version == V4:
        answers |= entered.port.proxy_arp or (far is not None and far.proxy_arp_wifi)
    return Proxied(mac=behind.mac if answers else None, is_suppressed=answers or suppresses)


def _is_proxy(port: BridgePort) -> bool:
    return port.proxy_arp or port.proxy_arp_wifi


def _behind(stack: Stack, bridge: Link, target: IPAddress) -> FdbEntry | None:
    """Where the MAC is that the bridge's own namespace has for the address."""
    macs = {
        n.mac
        for n in stack.neighbours
        if (n.ifindex, n.address, n.is_proxy) == (bridge.ifindex, target, False)
        and n.state in _KNOWN
    }
    return next((e for e in stack.fdb if e.bridge == bridge.ifindex and e.mac in macs), None)
