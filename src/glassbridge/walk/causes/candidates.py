"""What may be behind a loss that nobody foresaw, by the words in which it was told."""

from glassbridge.model.observation import AnswerKind, KernelEvent
from glassbridge.model.step_details import NeighbourFound
from glassbridge.walk.causes import firewall as causes_firewall
from glassbridge.walk.causes import link_filters as causes_filters
from glassbridge.walk.causes import routing as causes_routing
from glassbridge.walk.causes import switching as causes_switching
from glassbridge.walk.causes.scene import Candidate, Scene

_BRIDGED = (
    causes_switching.port_locked,
    causes_switching.port_blocking,
    causes_switching.hairpin_off,
    causes_switching.port_isolated,
    causes_switching.flood_off,
    causes_switching.link_down,
)

_UNHEARD = (
    causes_filters.deaf_filter,
    causes_firewall.source_guard,
    causes_switching.link_down,
    causes_routing.unanswered,
)

BY_FUNCTION: dict[str, tuple[Candidate, ...]] = {
    "br_handle_frame_finish": _BRIDGED,
    "br_handle_frame": (causes_switching.link_down, causes_switching.port_blocking),
    "br_nf_dev_queue_xmit": (causes_switching.mtu_of_port,),
    "br_dev_queue_push_xmit": (causes_switching.mtu_of_port,),
    "__dev_forward_skb2": (causes_switching.mtu_of_peer, causes_switching.link_down),
    "veth_xdp_rcv_skb": (causes_filters.told_filter,),
    "do_xdp_generic": (causes_filters.told_filter,),
    "neigh_invalidate": _UNHEARD,
    "ip6_pkt_discard": (causes_routing.refused_route, causes_routing.no_route),
    "dst_discard_out": (causes_routing.refused_route,),
}
"""What to look for where the function says more than the reason; tried in order."""

BY_REASON: dict[str, tuple[Candidate, ...]] = {
    "NO_SOCKET": (causes_routing.nobody_listens,),
    "TCP_LISTEN_OVERFLOW": (causes_routing.queue_full,),
    "NETFILTER_DROP": (causes_firewall.dropped_by_rule,),
    "XDP": (causes_filters.told_filter,),
    "TC_INGRESS": (causes_filters.told_filter,),
    "TC_EGRESS": (causes_filters.told_filter,),
    "QDISC_DROP": (causes_filters.told_queue,),
    "IP_INNOROUTES": (causes_routing.refused_route, causes_routing.no_route),
    "IP_OUTNOROUTES": (causes_routing.refused_route, causes_routing.no_route),
    "IP_INADDRERRORS": (causes_switching.wrong_neighbour, causes_routing.forwarding_off),
    "IP_RPFILTER": (causes_routing.rp_filter,),
    "IP_LOCALNET": (causes_routing.martian,),
    "IP_LOCAL_SOURCE": (causes_routing.martian,),
    "IP_INVALID_SOURCE": (causes_routing.martian,),
    "IP_INVALID_DEST": (causes_routing.martian,),
    "IP_INHDR": (causes_routing.ttl_exceeded,),
    "PKT_TOO_BIG": (causes_routing.mtu_of_way,),
    "NO_TX_TARGET": _BRIDGED,
    "BRIDGE_INGRESS_STP_STATE": (causes_switching.link_down, causes_switching.port_blocking),
    "OTHERHOST": (
        causes_switching.wrong_fdb,
        causes_switching.wrong_neighbour,
        causes_switching.link_down,
    ),
    "NEIGH_FAILED": _UNHEARD,
    "IPV6DISABLED": (causes_routing.ipv6_off,),
    "DEV_READY": (causes_switching.link_down,),
    "NOT_SPECIFIED": (causes_routing.refused_route,),
}

BY_ERRNO: dict[str, tuple[Candidate, ...]] = {
    "ENETUNREACH": (causes_routing.no_route,),
    "EHOSTUNREACH": (
        causes_firewall.source_guard,
        causes_switching.link_down,
        causes_routing.refused_route,
        causes_routing.unanswered,
    ),
    "EACCES": (causes_routing.refused_route,),
    "EINVAL": (causes_routing.refused_route,),
    "EPERM": (causes_firewall.dropped_by_rule,),
    "EMSGSIZE": (causes_routing.mtu_of_way,),
    "ECONNREFUSED": (causes_routing.nobody_listens,),
    "EADDRNOTAVAIL": (causes_routing.ipv6_off,),
    "EAFNOSUPPORT": (causes_routing.ipv6_off,),
}

BY_SILENCE: tuple[Candidate, ...] = (
    causes_filters.silent_filter,
    causes_routing.queue_full,
    causes_switching.link_down,
    *_BRIDGED[:-1],
    causes_switching.wrong_fdb,
    causes_switching.wrong_neighbour,
    causes_switching.mtu_of_port,
    causes_switching.mtu_of_peer,
)
"""Nobody told of a drop: only a state that is plainly wrong counts."""


def candidates(scene: Scene) -> tuple[Candidate, ...]:
    """The more exact word first: a function, a reason, an errno, silence."""
    found = scene.ending.found
    if found is not None and not isinstance(found, KernelEvent):
        return (causes_firewall.dropped_by_rule,)
    if found is not None:
        exact = BY_FUNCTION.get(found.function, ())
        return (*exact, *(c for c in BY_REASON.get(found.reason, ()) if c not in exact))
    answer = scene.testimony.answer
    if scene.errno in BY_ERRNO:
        return BY_ERRNO[scene.errno]
    if answer is not None and answer.kind is AnswerKind.REFUSED:
        return (causes_routing.nobody_listens,)
    if isinstance(scene.step.detail, NeighbourFound):
        return (*_UNHEARD[:2], *BY_SILENCE, causes_routing.unanswered)
    return BY_SILENCE
