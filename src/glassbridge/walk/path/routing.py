"""Which route the kernel takes: the rules in order of priority, in each table the longest prefix.

Sources: fib_rules_lookup in net/core/fib_rules.c, fib_table_lookup in net/ipv4/fib_trie.c,
fib6_table_lookup in net/ipv6/route.c.
"""

from collections.abc import Iterator

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.packet import Packet
from glassbridge.model.tables import TABLE_LOCAL, TABLE_MAIN, Ifindex, Route, RoutingRule
from glassbridge.model.topology import Link, Stack
from glassbridge.walk.path.traveller import Unclear

OWN = "lo"
"""The input link of what a namespace sends itself."""

_TABLE_DEFAULT = 253
_ALL_BITS = 0xFFFFFFFF
_REFUSALS = ("blackhole", "unreachable", "prohibit")
_STANDING = {
    4: tuple(
        RoutingRule(family=4, priority=priority, table=table)
        for priority, table in ((0, TABLE_LOCAL), (32766, TABLE_MAIN), (32767, _TABLE_DEFAULT))
    ),
    6: tuple(
        RoutingRule(family=6, priority=priority, table=table)
        for priority, table in ((0, TABLE_LOCAL), (32766, TABLE_MAIN))
    ),
}


class Flow(Struct, frozen=True, kw_only=True):
    """What a routing lookup is given."""

    destination: IPAddress
    source: IPAddress | None = None
    """None: still to be chosen."""
    iif: str = OWN
    mark: int = 0
    uid: int = 0
    protocol: int = 0
    ports: tuple[int, int] | None = None
    """Source and destination; None: the protocol has none."""


class Chosen(Struct, frozen=True, kw_only=True):
    """What the lookup found."""

    route: Route | None = None
    rule: RoutingRule | None = None
    gateway: IPAddress | None = None
    oif: Link | None = None
    other_ways: int = 0

    @property
    def refusal(self) -> str:
        """Why no packet goes this way: `none`, blackhole, unreachable, prohibit; empty: it does."""
        if self.route is not None:
            return self.route.type if self.route.type in _REFUSALS else ""
        if self.rule is not None and self.rule.action in _REFUSALS:
            return self.rule.action
        return "none"

    @property
    def type(self) -> str:
        """The type of the route found; empty where there is none."""
        return self.route.type if self.route is not None else ""


def flow_of(packet: Packet, *, iif: str = OWN, has_source: bool = True, uid: int = 0) -> Flow:
    """The lookup that the kernel makes for a packet."""
    has_ports = packet.icmp_type is None
    return Flow(
        destination=packet.destination,
        source=packet.source if has_source else None,
        iif=iif,
        mark=packet.mark,
        uid=uid,
        protocol=packet.protocol_number,
        ports=(packet.source_port, packet.destination_port) if has_ports else None,
    )


def look_up(stack: Stack, flow: Flow) -> Chosen:
    """The kernel's choice; raises Unclear where the snapshot does not hold what decides."""
    version = flow.destination.version
    rules = tuple(r for r in stack.rules if r.family == version) or _STANDING[version]
    at_least = 0
    for rule in sorted(rules, key=lambda r: r.priority):
        if rule.priority < at_least or not _matches(stack, rule, flow):
            continue
        match rule.action:
            case "table":
                chosen = _in_table(stack, rule, flow)
                if chosen is not None:
                    return chosen
            case "goto":
                at_least = max(rule.goto or 0, rule.priority + 1)
            case "nop":
                continue
            case "blackhole" | "unreachable" | "prohibit":
                return Chosen(rule=rule)
            case other:
                raise Unclear(f"a routing rule of priority {rule.priority} has action {other}")
    return Chosen()


def _matches(stack: Stack, rule: RoutingRule, flow: Flow) -> bool:
    return all(_conditions(stack, rule, flow)) is not rule.invert


def _conditions(stack: Stack, rule: RoutingRule, flow: Flow) -> Iterator[bool]:
    """Each condition of a rule; an output link is only known to sockets bound to one."""
    yield rule.source is None or _within(flow.source, rule.source)
    yield rule.destination is None or _within(flow.destination, rule.destination)
    yield rule.iif is None or rule.iif == flow.iif
    yield rule.oif is None
    mask = _ALL_BITS if rule.mark_mask is None else rule.mark_mask
    yield rule.mark is None or flow.mark & mask == rule.mark & mask
    yield rule.tos == 0
    yield rule.ip_protocol is None or rule.ip_protocol == flow.protocol
    for index, wanted in enumerate((rule.source_ports, rule.destination_ports)):
        yield wanted is None or _port_matches(flow, index, wanted, rule)
    yield rule.uids is None or rule.uids[0] <= flow.uid <= rule.uids[1]
    if rule.l3mdev:
        if any(link.kind == "vrf" for link in stack.links):
            raise Unclear("a VRF decides here which routing table is asked")
        yield False


def _within(address: IPAddress | None, prefix: IPNetwork) -> bool:
    """An address yet to be chosen is the unspecified one to the kernel."""
    return prefix.prefixlen == 0 if address is None else address in prefix


def _port_matches(flow: Flow, index: int, wanted: tuple[int, int], rule: RoutingRule) -> bool:
    if flow.ports is None:
        return False
    port = flow.ports[index]
    if port == 0:
        raise Unclear(f"a routing rule of priority {rule.priority} asks for a port not yet chosen")
    return wanted[0] <= port <= wanted[1]


def _in_table(stack: Stack, rule: RoutingRule, flow: Flow) -> Chosen | None:
    """The longest prefix in the rule's table; None: the next rule is asked."""
    found = best_routes(stack, rule.table or TABLE_MAIN, flow)
    if not found or found[0].type == "throw":
        return None
    route = found[0]
    suppressed = rule.suppress_prefix_length
    if suppressed is not None and route.destination.prefixlen <= suppressed:
        return None
    if route.type in _REFUSALS:
        return Chosen(route=route, rule=rule)
    ways = tuple(way for r in found for way in ways_of(stack, r))
    gateway, oif = ways[0]
    return Chosen(route=route, rule=rule, gateway=gateway, oif=oif, other_ways=len(ways) - 1)


def best_routes(stack: Stack, table: int, flow: Flow) -> tuple[Route, ...]:
    """The routes of one table that win, several where they stand equal (IPv6 ECMP)."""
    routes = stack.local_routes if table == TABLE_LOCAL else stack.routes
    fitting = [r for r in routes if r.table == table and _fits(stack, r, flow)]
    if not fitting:
        return ()
    best = min(map(_rank, fitting))
    return tuple(r for r in fitting if _rank(r) == best)


def _rank(route: Route) -> tuple[int, int, int]:
    from_length = route.from_prefix.prefixlen if route.from_prefix is not None else 0
    return -route.destination.prefixlen, -from_length, route.metric


def _fits(stack: Stack, route: Route, flow: Flow) -> bool:
    if flow.destination not in route.destination or route.tos or "dead" in route.flags:
        return False
    if route.from_prefix is not None and not _within(flow.source, route.from_prefix):
        return False
    return route.type != "unicast" or bool(ways_of(stack, route))


def ways_of(stack: Stack, route: Route) -> tuple[tuple[IPAddress | None, Link | None], ...]:
    """Gateway and link of every next hop that is alive: one by a link that is down is not."""
    if route.next_hops:
        ways = [(hop.gateway, hop.oif) for hop in route.next_hops]
    elif route.oif is None and route.type == "unicast":
        raise Unclear(
            f"the route to {route.destination} names nexthop object {route.nexthop_id},"
            " which is not part of a snapshot"
        )
    else:
        ways = [(route.gateway, route.oif)]
    own = stack.own_addresses
    # a route of scope host: its gateway is not asked for (rt_set_nexthop)
    found = ((None if gateway in own else gateway, _link(stack, oif)) for gateway, oif in ways)
    # the own addresses of a link stay reachable when it goes down (fib_sync_down_dev)
    return tuple((g, k) for g, k in found if k is None or k.is_up or route.type != "unicast")


def _link(stack: Stack, ifindex: Ifindex | None) -> Link | None:
    return None if ifindex is None else stack.link(ifindex)
