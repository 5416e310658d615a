"""Everything that is known of one step of a walk, as labelled facts."""

from collections.abc import Iterator
from typing import assert_never

from glassbridge.app.cli.rule_words import rule_text
from glassbridge.app.cli.walk_places import Places
from glassbridge.app.cli.words import counted, duration
from glassbridge.app.sentences import socket_name, with_port
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.step_details import (
    Crossed,
    Entered,
    FilterMet,
    HookPassed,
    Left,
    NeighbourFound,
    Place,
    PortEntered,
    Received,
    RouteChosen,
    Sighted,
    SocketFound,
    Switched,
    Translated,
)
from glassbridge.model.tables import Neighbour, Route, RoutingRule, table_name
from glassbridge.model.walk import Answered, AtRule, Drop, Expected, OnLink, Step

Labelled = tuple[str, str]
"""What kind of fact, and the fact."""

_PROTOCOLS = {2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp", 186: "bgp"}


def evidence_of(step: Step, places: Places) -> Iterator[Labelled]:
    """The place, what decided the step, the packet after it, and what should be seen of it."""
    if not isinstance(step.detail, Crossed):
        yield "place", place_text(step.place)
    yield from _detail(step)
    yield "packet", f"{step.action.value}: {packet_text(step.packet)}"
    for expected in step.expected:
        yield "expect", expected_text(expected, places)
    for assumption in step.assumptions:
        yield "assumed", assumption
    if step.drop is not None:
        yield from _drop(step.drop)


def place_text(place: Place) -> str:
    """A namespace by name, inode and cookie, and the link."""
    words = [place.name, f"netns {place.inode or '?'}", f"cookie {place.cookie}"]
    if place.ifname:
        words.append(f"link {place.ifname}" + (f" #{place.ifindex}" if place.ifindex else ""))
    return ", ".join(words)


def packet_text(packet: Packet) -> str:
    """Headers on one line."""
    words = [
        packet.transport.value,
        with_port(packet.source, packet.source_port),
        "->",
        with_port(packet.destination, packet.destination_port),
    ]
    if packet.transport is Transport.ICMP and packet.icmp_type is not None:
        words.append(f"type {packet.icmp_type} code {packet.icmp_code}")
    if packet.tcp_flags:
        words.append(f"[{packet.tcp_flags}]")
    words.append(f"ttl {packet.ttl}")
    if packet.length:
        words.append(f"{packet.length} bytes")
    if packet.mark:
        words.append(f"mark {packet.mark:#x}")
    return " ".join(words)


def expected_text(expected: Expected, places: Places) -> str:
    """What a witness should see."""
    match expected:
        case OnLink(cookie=cookie, ifindex=ifindex, outgoing=outgoing):
            return f"{'out of' if outgoing else 'into'} {places.link(cookie, ifindex)}"
        case AtRule(rule=rule):
            return f"a verdict of {rule_text(rule)}"
        case Answered():
            return "an answer at the sender's socket"
        case _ as unreachable:
            assert_never(unreachable)


def route_text(route: Route) -> str:
    """As `ip route` says it, with its table always."""
    words = [] if route.type == "unicast" else [route.type]
    words.append("default" if route.is_default else str(route.destination))
    pairs = (
        ("via", route.gateway),
        ("src", route.source),
        ("proto", _PROTOCOLS.get(route.protocol, route.protocol) if route.protocol else None),
        ("metric", route.metric or None),
        ("mtu", route.mtu),
    )
    words += [f"{key} {value}" for key, value in pairs if value is not None]
    words += [f"nexthop via {hop.gateway} weight {hop.weight}" for hop in route.next_hops]
    return " ".join([*words, f"table {table_name(route.table)}", *route.flags])


def _detail(step: Step) -> Iterator[Labelled]:  # noqa: C901, PLR0912 - one arm for each kind
    match step.detail:
        case RouteChosen() as chosen:
            yield from _route(chosen)
        case NeighbourFound() as found:
            yield from _neighbour(found)
        case Crossed(from_=near, to=far, destination=mac):
            yield "from", place_text(near)
            yield "to", place_text(far)
            yield "frame", f"to {mac}"
        case PortEntered(bridge=bridge, port=port, learns=learns):
            yield "port", f"{port} of bridge {bridge}"
            yield "learned", f"{learns} is behind it" if learns else "nothing new"
        case Switched() as switched:
            yield from _switch(switched)
        case FilterMet(hook=hook, what=what):
            yield str(hook), what
        case HookPassed() as passed:
            yield from _hook(passed)
        case Translated(kind=kind, before=before, after=after, rule=rule):
            yield "kind", kind
            yield "before", packet_text(before)
            yield "after", packet_text(after)
            if rule is not None:
                yield from _rule("rule", rule_text(rule), rule.text)
        case Received(address=address):
            yield "own", f"{address} is in table local"
        case SocketFound() as found:
            yield from _sockets(found)
        case Entered(address=address):
            yield "from", f"{address}, by a link whose other end cannot be read"
        case Left(gateway=gateway):
            yield "to", f"{gateway or 'the destination itself'}, by a link whose end cannot be read"
        case Sighted(outgoing=outgoing):
            yield "seen", "going out" if outgoing else "coming in"
        case _ as unreachable:
            assert_never(unreachable)


def _route(chosen: RouteChosen) -> Iterator[Labelled]:
    if chosen.rule is not None:
        yield "rule", routing_rule_text(chosen.rule)
    yield "route", "none matches, in no table" if chosen.route is None else route_text(chosen.route)
    if chosen.oifname:
        yield "leaves", f"by {chosen.oifname}" + (f" #{chosen.oif}" if chosen.oif else "")
    if chosen.route is not None:
        yield "next", f"gateway {chosen.gateway}" if chosen.gateway else "the destination itself"
    if chosen.source is not None:
        yield "source", f"{chosen.source} is chosen"
    if chosen.other_ways:
        yield "ways", f"{counted(chosen.other_ways, 'more way')}: the kernel's hash chooses"


def routing_rule_text(rule: RoutingRule) -> str:
    """As `ip rule` says it."""
    words = [f"{rule.priority}:", *(["not"] if rule.invert else []), f"from {rule.source or 'all'}"]
    pairs = (
        ("to", rule.destination),
        ("iif", rule.iif),
        ("oif", rule.oif),
        ("fwmark", None if rule.mark is None else hex(rule.mark)),
        ("ipproto", rule.ip_protocol),
        ("suppress_prefixlength", rule.suppress_prefix_length),
    )
    words += [f"{key} {value}" for key, value in pairs if value is not None]
    table = rule.table or 0
    words.append(f"lookup {table_name(table)}" if rule.action == "table" else rule.action)
    return " ".join(words)


def _neighbour(found: NeighbourFound) -> Iterator[Labelled]:
    entry = "nothing" if found.entry is None else _entry(found.entry)
    yield "table", f"{entry} of {found.address}" if found.entry is None else entry
    if found.is_asked:
        kind = "ARP request" if found.address.version == 4 else "neighbour solicitation"  # noqa: PLR2004 - the IP version
        yield "asked", f"by {kind}: who has {found.address}"
        count = max(found.heard_count, len(found.heard_by))
        more = f" and {count - len(found.heard_by)} more" if count > len(found.heard_by) else ""
        yield "heard", f"by {count}: {', '.join(found.heard_by)}{more}" if count else "by nobody"
    yield (
        "answer",
        f"{found.mac} ({', '.join(found.answered_by) or found.state})" if found.mac else "none",
    )
    if len(found.answered_by) > 1:
        yield "beware", f"{len(found.answered_by)} have this address: the last answer wins"


def _entry(entry: Neighbour) -> str:
    ages = (
        f"used {duration(entry.used_seconds)}, confirmed {duration(entry.confirmed_seconds)}, "
        f"updated {duration(entry.updated_seconds)} ago"
    )
    return f"{entry.address} is {entry.mac or 'unknown'}, {entry.state}, {ages}"


def _switch(switched: Switched) -> Iterator[Labelled]:
    age = "" if switched.age_seconds is None else f", seen {duration(switched.age_seconds)} ago"
    if switched.is_own:
        yield "fdb", f"{switched.mac} is the MAC of {switched.bridge} itself"
    elif switched.to is not None:
        yield "fdb", f"{switched.mac} is behind port {switched.port or '?'}{age}"
        yield "port", place_text(switched.to)
    else:
        yield "fdb", f"{switched.mac} is not in the table of {switched.bridge}"
    if switched.flooded_to or switched.flood_count:
        count = max(switched.flood_count, len(switched.flooded_to))
        more = " ..." if count > len(switched.flooded_to) else ""
        yield "flood", f"{counted(count, 'port')}: {', '.join(switched.flooded_to)}{more}"


def _hook(passed: HookPassed) -> Iterator[Labelled]:
    bridged = ", for a bridged frame (br_netfilter)" if passed.through_bridge else ""
    yield "hook", f"{passed.family} {passed.hook}{bridged}"
    if passed.connection:
        yield "ct", passed.connection
    for rule in passed.matched:
        yield from _rule("matched", rule_text(rule), rule.text)
    if passed.decided_by is None:
        yield "verdict", f"{passed.verdict}: no rule or policy said anything"
    else:
        yield from _rule(
            "verdict", f"{passed.verdict} by {rule_text(passed.decided_by)}", passed.decided_by.text
        )


def _rule(label: str, where: str, text: str) -> Iterator[Labelled]:
    yield label, where
    if text:
        yield "", text


def _sockets(found: SocketFound) -> Iterator[Labelled]:
    if found.socket is not None:
        pid = f", pid {found.socket.pid}" if found.socket.pid else ""
        yield "socket", f"{socket_name(found.socket)}{pid}, uid {found.socket.uid}"
    else:
        yield "socket", "none is needed: the stack answers" if found.is_echo else "none"
    for other in found.others:
        yield "other", socket_name(other)


def _drop(drop: Drop) -> Iterator[Labelled]:
    yield "drop", f"{drop.cause.value}: {drop.sentence}"
    for fact in drop.evidence:
        yield "because", f"{fact.what}: {fact.says}"
    if drop.rule is not None:
        yield from _rule("rule", rule_text(drop.rule), drop.rule.text)
    if drop.place is not None:
        yield "mend at", place_text(drop.place)
    if drop.subject:
        yield "subject", drop.subject
