"""Which step of a walk a kernel function belongs to, where it lets a packet go.

Function names only: offsets differ with every build, and reasons are often NOT_SPECIFIED.
"""

from glassbridge.model.step_details import (
    Crossed,
    Detail,
    FilterMet,
    HookPassed,
    NeighbourFound,
    PortEntered,
    Received,
    RouteChosen,
    SocketFound,
    Switched,
)

_ROUTING: tuple[type[Detail], ...] = (RouteChosen, Received)
_SOCKET: tuple[type[Detail], ...] = (SocketFound, Received)

_BY_FUNCTION: dict[str, tuple[type[Detail], ...]] = {
    "nft_do_chain": (HookPassed,),
    "nf_hook_slow": (HookPassed,),
    "nf_hook_slow_list": (HookPassed,),
    "ip_error": _ROUTING,
    "ip_forward": _ROUTING,
    "ip_rcv_finish_core": _ROUTING,
    "ip6_forward": _ROUTING,
    "ip6_pkt_drop": _ROUTING,
    "ip6_pkt_discard": _ROUTING,
    "ip6_pkt_prohibit": _ROUTING,
    "ip_fragment": _ROUTING,
    "ip_finish_output": _ROUTING,
    "ip6_finish_output": _ROUTING,
    "ip_rcv_core": (Received, RouteChosen),
    "ip6_rcv_core": (Received, RouteChosen),
    "neigh_invalidate": (NeighbourFound,),
    "arp_error_report": (NeighbourFound,),
    "ndisc_error_report": (NeighbourFound,),
    "__neigh_event_send": (NeighbourFound,),
    "br_handle_frame": (PortEntered, Switched),
    "br_handle_frame_finish": (PortEntered, Switched),
    "br_flood": (Switched,),
    "br_forward": (Switched,),
    "__br_forward": (Switched,),
    "br_nf_dev_queue_xmit": (Switched,),
    "br_dev_queue_push_xmit": (Switched,),
    "br_dev_xmit": (Switched,),
    "__dev_forward_skb2": (Crossed,),
    "__dev_forward_skb": (Crossed,),
    "veth_xmit": (Crossed,),
    "veth_xdp_rcv_skb": (FilterMet,),
    "do_xdp_generic": (FilterMet,),
    "__udp4_lib_rcv": _SOCKET,
    "__udp6_lib_rcv": _SOCKET,
    "udp_queue_rcv_one_skb": _SOCKET,
    "tcp_v4_rcv": _SOCKET,
    "tcp_v6_rcv": _SOCKET,
    "tcp_v4_do_rcv": _SOCKET,
    "tcp_v6_do_rcv": _SOCKET,
    "tcp_conn_request": _SOCKET,
    "icmp_rcv": _SOCKET,
    "icmpv6_rcv": _SOCKET,
}

_BY_REASON: dict[str, tuple[type[Detail], ...]] = {
    "NETFILTER_DROP": (HookPassed,),
    "XDP": (FilterMet,),
    "TC_INGRESS": (FilterMet,),
    "TC_EGRESS": (FilterMet,),
    "NEIGH_FAILED": (NeighbourFound,),
    "NEIGH_QUEUEFULL": (NeighbourFound,),
    "NEIGH_CREATEFAIL": (NeighbourFound,),
    "NO_SOCKET": _SOCKET,
    "TCP_LISTEN_OVERFLOW": _SOCKET,
    "NO_TX_TARGET": (Switched,),
    "BRIDGE_INGRESS_STP_STATE": (PortEntered,),
    "IP_RPFILTER": _ROUTING,
    "IP_INNOROUTES": _ROUTING,
    "IP_OUTNOROUTES": _ROUTING,
    "IP_INADDRERRORS": _ROUTING,
    "IP_LOCALNET": _ROUTING,
    "IP_INVALID_SOURCE": _ROUTING,
    "IP_INVALID_DEST": _ROUTING,
    "PKT_TOO_BIG": _ROUTING,
    "OTHERHOST": (Received, RouteChosen),
    "DEV_READY": (Crossed, Switched),
}


def details_of(reason: str, function: str) -> tuple[type[Detail], ...]:
    """The kinds of steps that a drop there can be of; empty: any."""
    return _BY_FUNCTION.get(function) or _BY_REASON.get(reason) or ()
