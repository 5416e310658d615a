"""Bridged frames at the hooks of IP, where br_netfilter shows them.

Source: net/bridge/br_netfilter_hooks.c. At prerouting the input link is the bridge, at forward both
links are; a destination that DNAT changes there is routed at once (br_nf_pre_routing_finish): back
into the same bridge the frame is bridged on, with the MAC of its new destination and without being
routed; else it goes up into the stack, where prerouting is not called again (ip_sabotage_in).
"""

from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop
from glassbridge.walk.path.no_route import no_route
from glassbridge.walk.path.passing import pass_bridge_hook, pass_ip_hook, pass_link_hook
from glassbridge.walk.path.routing import flow_of, look_up
from glassbridge.walk.path.sending import tell_route
from glassbridge.walk.path.sysctls import calls_ip_hooks, forwards
from glassbridge.walk.path.traveller import Addressed, Ground, Leaving, Raised, Traveller
from glassbridge.walk.path.validity import invalid


def preroute(ground: Ground, traveller: Traveller, bridge: Link, port: Link) -> Traveller:
    """Prerouting of family bridge, then that of IP."""
    after = pass_bridge_hook(ground, traveller, "prerouting", iif=port)
    if after.has_ended or not is_shown(ground, after, bridge):
        return after
    return pass_ip_hook(ground, after, "prerouting", iif=bridge, ports=(port, None))


def is_shown(ground: Ground, traveller: Traveller, bridge: Link) -> bool:
    """Whether frames of this bridge and IP version pass the hooks of IP."""
    return calls_ip_hooks(ground.stack(traveller.cookie), bridge, traveller.packet.version)


def turn_aside(ground: Ground, traveller: Traveller, bridge: Link, port: Link) -> Traveller:
    """Where a frame goes whose destination was translated as it entered."""
    stack, packet = ground.stack(traveller.cookie), traveller.packet
    chosen = look_up(stack, flow_of(packet, iif=bridge.ifname))
    raised = traveller.at(Raised(link=bridge, is_prerouted=True))
    if chosen.type in {"local", "anycast"}:
        return raised
    is_back = chosen.oif is not None and chosen.oif.ifindex == bridge.ifindex
    drop: Drop | None = None
    if chosen.refusal:
        drop = no_route(ground, traveller, chosen)
    elif not (is_back and not forwards(stack, bridge, packet.version)):
        # bridged and translated traffic does not need forwarding; all else is routed in the stack
        drop = invalid(ground, traveller, bridge)
    if drop is None and not is_back:
        return raised
    told = tell_route(ground, traveller, chosen, drop, iif=bridge)
    if told.has_ended:
        return told
    next_hop = chosen.gateway or packet.destination
    return told.at(Addressed(oif=bridge, next_hop=next_hop, entered=port))


def forward(
    ground: Ground, traveller: Traveller, bridge: Link, ports: tuple[Link | None, Link]
) -> Traveller:
    """From the FDB's answer to the port: forward (or output, of an own frame), postrouting."""
    entered, leaving = ports
    if entered is None:
        after = pass_bridge_hook(ground, traveller, "output", oif=leaving)
    else:
        after = pass_bridge_hook(ground, traveller, "forward", iif=entered, oif=leaving)
    shown = entered is not None and is_shown(ground, traveller, bridge)
    if shown and not after.has_ended:
        after = pass_ip_hook(ground, after, "forward", iif=bridge, oif=bridge, ports=ports)
    if not after.has_ended:
        after = pass_bridge_hook(ground, after, "postrouting", oif=leaving)
    if shown and not after.has_ended:
        after = pass_ip_hook(ground, after, "postrouting", oif=bridge, ports=(None, leaving))
    if not after.has_ended:
        after = pass_link_hook(ground, after, "egress", leaving)
    return after if after.has_ended else after.at(Leaving(link=leaving))
