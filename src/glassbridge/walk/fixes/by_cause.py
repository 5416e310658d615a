"""One cause, one fix: commands in the language of whoever owns the rule or object."""

from collections.abc import Callable

from glassbridge.model.cause import Cause
from glassbridge.model.packet import Transport
from glassbridge.walk.firewall.name_servers import is_asked_by_a_stranger, is_led
from glassbridge.walk.fixes.firewall import masquerade, mend_rule
from glassbridge.walk.fixes.gateways import mend_gateway
from glassbridge.walk.fixes.guards import mend_loopback_guard, mend_router_guard, mend_source_guard
from glassbridge.walk.fixes.link_filters import mend_filter
from glassbridge.walk.fixes.mending import ENGINES, Case, Mending, NoDoor
from glassbridge.walk.fixes.neighbours import (
    mend_connection,
    mend_duplicate,
    mend_duplicate_mac,
    mend_neighbour,
    mend_unanswered,
)
from glassbridge.walk.fixes.networks import (
    mend_apart,
    mend_direct,
    mend_icc,
    mend_internal,
    mend_no_cable,
    mend_unpublished,
)
from glassbridge.walk.fixes.routing import (
    mend_forwarding,
    mend_ipv6_absent,
    mend_loop,
    mend_martian,
    mend_no_route,
    mend_refused,
    mend_rp_filter,
    mend_sysctl,
    mend_ttl,
)
from glassbridge.walk.fixes.subnets import bridge_of, network_holds, subnet_of
from glassbridge.walk.fixes.switching import mend_fdb, mend_link_down, mend_mtu, mend_port
from glassbridge.walk.path.delivering import other_protocol

_IP_WORDS = {4: "ip", 6: "ip6"}


def mend(case: Case) -> Mending:
    """The fix of a drop; a note alone where no command can decide for a person."""
    try:
        return _MENDERS[case.drop.cause](case)
    except NoDoor:
        return Mending(
            note=f"to be mended in {case.place.name}, a namespace that no path or process opens"
        )


def _mend_listener(case: Case) -> Mending:
    packet = case.packet
    service = f"{packet.destination_port}/{packet.transport.value}"
    name = case.place.name
    if is_led(case.snapshot, case.cookie, packet):
        return Mending(commands=("glassbridge up",), note="the daemon answers names")
    if is_asked_by_a_stranger(case.snapshot, case.cookie, packet):
        return Mending(note="ask in a member: glassbridge exec NAME getent hosts ...")
    if case.drop.cause is Cause.NO_LISTENER:
        start = f"start the program in {name} that should answer on {service}"
        other = other_protocol(case.stack, packet).rpartition(" ")[2]
        ask = f"ask by {other} (--proto {other}), or " if other else ""
        return Mending(note=f"{ask}{start}{_or_publish(case)}")
    return Mending(
        note=f"let the program in {name} listen on {packet.destination}, or on all addresses"
    )


def _mend_queue(case: Case) -> Mending:
    """Whether the program hangs or is too slow cannot be seen from here."""
    name, port = case.place.name, case.packet.destination_port
    look = case.at("ss", "-ltnp", f"sport = :{port}")
    return Mending(
        note=f"see what keeps the program in {name} from accepting (stopped, hanging, out of "
        f"file descriptors), or restart it; one that is only too slow needs more workers, or a "
        f"larger backlog where it calls listen(), up to net.core.somaxconn; watch Recv-Q in: {look}"
    )


def _or_publish(case: Case) -> str:
    """The commonest mistake: a container's port is meant, and asked at the host's address."""
    snapshot, port = case.snapshot, case.packet.destination_port
    engines = [n.origin for n in snapshot.names if n.origin in ENGINES]
    if case.cookie != snapshot.home or not engines:
        return ""
    suffix = "/udp" if case.packet.transport is Transport.UDP else ""
    return (
        f"; if a container's is meant: run it with -p {port}:{port}{suffix}, for the host's "
        "address leads to published ports only"
    )


def _mend_masquerade(case: Case) -> Mending:
    source = case.walk.steps[0].packet.source
    network = case.network_of(source)
    subnet = subnet_of(case, source)
    answered = case.packet.source
    if case.step.is_reply and network_holds(subnet, answered):
        # a published port of a sibling: the answer must come back by the host
        return Mending(
            commands=masquerade(case, f"{subnet} {_IP_WORDS[source.version]} daddr {subnet}"),
            note="the answer then comes back by the host, from the address that was asked",
        )
    bridge = network.bridge if network else bridge_of(case, source)
    whose = f"network {network.name} was created without masquerading; " if network else ""
    leaves = f' oifname != "{bridge}"' if bridge else ""
    return Mending(
        commands=masquerade(case, f"{subnet}{leaves}"),
        note=f"{whose}{subnet} leaves under the host's own address, to which answers find back",
    )


def _mend_no_answer(case: Case) -> Mending:
    if "ignore_all" in case.drop.subject:
        mended = mend_sysctl(case, 0)
        return Mending(commands=mended.commands, note=f"{case.place.name} answers ping again")
    return Mending(
        note="the packet arrived: look at the program that took it, and at the way back "
        f"(trace {case.place.name} {case.source.name})"
    )


def _mend_unexplained(_: Case) -> Mending:
    return Mending(note="the evidence is all that is known: please report it with --json")


_MENDERS: dict[Cause, Callable[[Case], Mending]] = {
    Cause.NO_LISTENER: _mend_listener,
    Cause.LOOPBACK_LISTENER: _mend_listener,
    Cause.OTHER_ADDRESS_LISTENER: _mend_listener,
    Cause.LISTEN_QUEUE_FULL: _mend_queue,
    Cause.FIREWALL_DROP: mend_rule,
    Cause.FIREWALL_REJECT: mend_rule,
    Cause.FIREWALL_POLICY: mend_rule,
    Cause.SENDER_FIREWALL: mend_rule,
    Cause.BRIDGE_NETFILTER: mend_rule,
    Cause.NO_ROUTE: mend_no_route,
    Cause.ROUTE_BLACKHOLE: mend_refused,
    Cause.ROUTE_UNREACHABLE: mend_refused,
    Cause.ROUTE_PROHIBIT: mend_refused,
    Cause.IP_FORWARD_OFF: mend_forwarding,
    Cause.IP6_FORWARD_OFF: mend_forwarding,
    Cause.RP_FILTER: mend_rp_filter,
    Cause.MARTIAN: mend_martian,
    Cause.TTL_EXCEEDED: mend_ttl,
    Cause.ROUTING_LOOP: mend_loop,
    Cause.MTU_ROUTED: mend_mtu,
    Cause.MTU_BRIDGE_PORT: mend_mtu,
    Cause.MTU_VETH: mend_mtu,
    Cause.MTU_SENDER: mend_mtu,
    Cause.MTU_BLACK_HOLE: mend_mtu,
    Cause.NEIGHBOUR_UNANSWERED: mend_unanswered,
    Cause.WRONG_GATEWAY: mend_gateway,
    Cause.WRONG_NEIGHBOUR: mend_neighbour,
    Cause.DUPLICATE_ADDRESS: mend_duplicate,
    Cause.DUPLICATE_MAC: mend_duplicate_mac,
    Cause.WRONG_FDB: mend_fdb,
    Cause.PORT_ISOLATED: mend_port,
    Cause.ICC_OFF: mend_icc,
    Cause.PORT_LOCKED: mend_port,
    Cause.PORT_BLOCKING: mend_port,
    Cause.HAIRPIN_OFF: mend_port,
    Cause.FLOOD_OFF: mend_port,
    Cause.LINK_DOWN: mend_link_down,
    Cause.NO_CABLE: mend_no_cable,
    Cause.XDP_DROP: mend_filter,
    Cause.TC_DROP: mend_filter,
    Cause.SOURCE_GUARD: mend_source_guard,
    Cause.ROUTER_GUARD: mend_router_guard,
    Cause.LOOPBACK_GUARD: mend_loopback_guard,
    Cause.DIRECT_ROUTING: mend_direct,
    Cause.INTERNAL_NETWORK: mend_internal,
    Cause.NETWORKS_APART: mend_apart,
    Cause.PORT_NOT_PUBLISHED: mend_unpublished,
    Cause.STALE_CONNECTION: mend_connection,
    Cause.NO_MASQUERADE: _mend_masquerade,
    Cause.IPV6_ABSENT: mend_ipv6_absent,
    Cause.NO_ANSWER: _mend_no_answer,
    Cause.NOT_EXPLAINED: _mend_unexplained,
}
