"""What a step of a walk says on every screen and picture: where it happens, and what happened."""

from typing import assert_never

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.ruleset import RuleRef
from glassbridge.model.step_details import (
    Crossed,
    Entered,
    FilterMet,
    HookPassed,
    Left,
    NeighbourFound,
    PortEntered,
    Received,
    RouteChosen,
    Sighted,
    SocketFound,
    Switched,
    Translated,
)
from glassbridge.model.tables import TABLE_LOCAL, TABLE_MAIN, ListeningSocket, Route
from glassbridge.model.walk import Step


def where_of(step: Step) -> str:
    """`nginx-1 eth0`, `gb0 port 1`, `eth0 -> veth9c02e56`."""
    place = step.place
    match step.detail:
        case Crossed(from_=near, to=far):
            return f"{near.ifname} -> {far.ifname}"
        case PortEntered(bridge=bridge, port=port):
            return f"{bridge} port {port}"
        case Switched(bridge=bridge):
            return bridge
        case HookPassed(hook=hook, through_bridge=through_bridge):
            return f"{place.name} {hook}{' (bridged)' if through_bridge else ''}"
        case RouteChosen() | SocketFound():
            return place.name
        case (
            NeighbourFound()
            | FilterMet()
            | Translated()
            | Received()
            | Entered()
            | Left()
            | Sighted()
        ):
            return f"{place.name} {place.ifname}".rstrip()
        case _ as unreachable:
            assert_never(unreachable)


def sentence_of(step: Step) -> str:  # noqa: C901, PLR0912 - one arm for each kind of step
    """What happened at a step, as one would tell it; of a drop, what ended the packet."""
    match step.detail:
        case RouteChosen() as chosen:
            told = _route(chosen, step.packet)
        case NeighbourFound() as found:
            told = _neighbour(found)
        case Crossed(to=to):
            told = f"crossed the veth pair into {_into(to.name)}"
        case PortEntered(learns=learns):
            told = f"{f'learned {learns}' if learns else 'a port takes it'}; a port has no IP stack"
        case Switched() as switched:
            told = _switch(switched)
        case FilterMet(what=what, comes_back=comes_back):
            told = what if comes_back else f"{what} may drop or redirect it"
        case HookPassed() as passed:
            told = _hook(passed)
        case Translated() as translated:
            told = _translation(translated)
        case Received(address=address):
            told = f"{address} is its own address: up to the sockets"
        case SocketFound() as found:
            told = _socket(found, step)
        case Entered(address=address):
            told = f"comes in from outside, from {address}"
        case Left(gateway=gateway):
            told = f"leaves this host for gateway {gateway}" if gateway else "leaves this host"
        case Sighted(outgoing=outgoing):
            told = f"seen {'going out' if outgoing else 'coming in'} here, not predicted"
        case _ as unreachable:
            assert_never(unreachable)
    return told if step.drop is None or _tells_its_end(step) else step.drop.sentence


def rule_name(rule: RuleRef) -> str:
    """`inet glassbridge forward #14`, `ip filter FORWARD rule 2`, `ip filter FORWARD policy`."""
    chain = f"{rule.family} {rule.table} {rule.chain}".strip()
    if rule.is_policy:
        return f"{chain} policy"
    if rule.handle:
        return f"{chain} #{rule.handle}"
    return f"{chain} rule {rule.number}" if rule.number else chain


def socket_name(socket: ListeningSocket) -> str:
    """`tcp 0.0.0.0:80 (nginx)`."""
    program = socket.serves or socket.process
    who = f" ({program})" if program else ""
    return f"{socket.protocol} {with_port(socket.address, socket.port)}{who}"


def with_port(address: IPAddress, port: int) -> str:
    """`172.17.0.3:80`, `[fd00::2]:80`; without a port the address alone."""
    if not port:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"  # noqa: PLR2004 - the IP version


def changed_ends(translated: Translated) -> list[tuple[str, str]]:
    """Old and new `address:port` of each end that NAT changed, the destination first."""
    before, after = translated.before, translated.after
    ends = (
        (
            with_port(before.destination, before.destination_port),
            with_port(after.destination, after.destination_port),
        ),
        (
            with_port(before.source, before.source_port),
            with_port(after.source, after.source_port),
        ),
    )
    return [(old, new) for old, new in ends if old != new]


def _tells_its_end(step: Step) -> bool:
    """Whether the sentence of the detail already says why the packet goes no further."""
    match step.detail:
        case RouteChosen(route=route):
            is_none = step.drop is None or step.drop.cause is Cause.NO_ROUTE
            return is_none if route is None else route.type in _ENDS
        case NeighbourFound(mac=mac):
            return mac is None
        case HookPassed(verdict=verdict):
            return verdict in _REFUSALS
        case SocketFound(socket=socket, is_echo=is_echo):
            return socket is None and not is_echo
        case _:
            return False


_ENDS = {
    "blackhole": "thrown away without a word",
    "unreachable": "refused as unreachable",
    "prohibit": "prohibited",
    "throw": "no answer from this table",
}
_HEARD_NAMED = 3
_REFUSALS = {"drop": "dropped", "reject": "rejected"}


def _into(name: str) -> str:
    return "the host" if name == "host" else name


def _route(chosen: RouteChosen, packet: Packet) -> str:
    route = chosen.route
    if route is None:
        return f"no route to {packet.destination}"
    prefix = "default" if route.is_default else str(route.destination)
    table = "" if route.table in {0, TABLE_MAIN, TABLE_LOCAL} else f" (table {route.table})"
    if route.type in _ENDS:
        return f"route {route.type} {prefix}{table}: {_ENDS[route.type]}"
    verb = "forwarded by" if chosen.is_forwarding else "route"
    return f"{verb} {prefix}{_way(chosen, route)}{table}"


def _way(chosen: RouteChosen, route: Route) -> str:
    device = f" dev {chosen.oifname}" if chosen.oifname else ""
    others = f", 1 of {chosen.other_ways + 1} ways" if chosen.other_ways else ""
    if chosen.gateway is not None:
        return f" via {chosen.gateway}{device}{others}"
    if route.type == "local":
        return f"{device}: an address of its own"
    direct = "direct" if chosen.is_forwarding else "direct, no gateway"
    return f"{device}: {direct}{others}"


def _neighbour(found: NeighbourFound) -> str:
    asks = "ARP" if found.address.version == 4 else "ND"  # noqa: PLR2004 - the IP version
    if not found.is_asked:
        return f"{asks}: {found.address} is {found.mac} ({found.state})"
    question = f"{asks} who-has {found.address}"
    if found.mac is None:
        heard = f"heard by {found.heard_count}, " if found.heard_count else ""
        return f"{question}: {heard}answered by nobody"
    return f"{question}, to all: {_heard(found)}"


def _heard(found: NeighbourFound) -> str:
    """Who heard the question: three by name, of more the first and a number."""
    if not found.heard_by:
        return f"{' and '.join(found.answered_by) or 'someone'} answered"
    count = max(found.heard_count, len(found.heard_by))
    if count == len(found.heard_by) <= _HEARD_NAMED:
        return f"{', '.join(found.heard_by)} heard it"
    others = "1 other" if count == 2 else f"{count - 1} others"  # noqa: PLR2004 - the first and one
    return f"{found.heard_by[0]} and {others} heard it"


def _switch(switched: Switched) -> str:
    if switched.is_own:
        return f"{switched.mac} is the bridge's own: up into the IP stack"
    if switched.to is None:
        return f"FDB does not know {switched.mac}: flooded to {_ports(switched.flood_count)}"
    port = f"port {switched.port} " if switched.port else ""
    return f"FDB {switched.mac} -> {port}{switched.to.ifname}"


def _ports(count: int) -> str:
    return "1 port" if count == 1 else f"{count} ports"


def _hook(passed: HookPassed) -> str:
    by = f" by {rule_name(passed.decided_by)}" if passed.decided_by else ""
    match passed.verdict:
        case "accept" if not by:
            return "firewall: no rule objects"
        case "accept":
            return f"firewall: accepted{by}"
        case "drop" | "reject":
            return f"firewall: {_REFUSALS[passed.verdict]}{by}"
        case _:
            return "firewall: cannot be told beforehand"


def _translation(translated: Translated) -> str:
    if translated.kind == "masquerade":
        return f"masqueraded as {translated.after.source}"
    kind = "as its connection is:" if translated.kind == "connection" else translated.kind
    ends = ", ".join(f"{old} -> {new}" for old, new in changed_ends(translated))
    return f"{kind} {ends or 'no change'}"


def _socket(found: SocketFound, step: Step) -> str:
    packet = step.packet
    if found.socket is not None:
        return f"socket {socket_name(found.socket)}"
    if found.is_echo:
        return "ICMP echo: the IP stack itself answers"
    if found.others:
        return _others(found, packet)
    if step.drop is None:
        return "the socket that asked has its answer"
    if packet.transport is Transport.ICMP:
        return "nothing takes it here"
    return f"nothing listens on {packet.transport} {packet.destination_port}"


def _others(found: SocketFound, packet: Packet) -> str:
    there = ", ".join(with_port(s.address, s.port) for s in found.others[:2])
    service = f"{packet.transport} {packet.destination_port}"
    if any(s.port == packet.destination_port for s in found.others):
        return f"nothing takes {service} at {packet.destination}: only at {there}"
    return f"nothing listens on {service}, but on {there}"
