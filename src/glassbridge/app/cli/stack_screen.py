"""One whole network stack on one screen."""

from collections.abc import Iterable, Iterator

from glassbridge.app.cli.table import bold, sheet
from glassbridge.app.cli.words import duration, size
from glassbridge.engine.stacks import Cable, StackReport
from glassbridge.model.printed_rules import PrintedRules
from glassbridge.model.tables import (
    TABLE_MAIN,
    ListeningSocket,
    Neighbour,
    NeighbourState,
    Route,
    RoutingRule,
)
from glassbridge.model.topology import Link

_WIDTH = 88
"""What is left of 100 columns beside the labels."""

_GAP = "   "
_RULES_SHOWN = 30
_PIDS_SHOWN = 4
_KERNELS_OWN_RULES = {0, 32766, 32767}
"""Priorities of the three rules that every namespace is born with: local, main, default."""


def stack_screen(report: StackReport, *, all_rules: bool = False) -> str:
    """Every part of a stack, in the order in which a packet out of it meets them."""
    stack = report.stack
    cables = {cable.ifname: cable for cable in report.cables}
    rows: list[tuple[str, tuple[str, ...]]] = [
        (link.ifname, tuple(_link_lines(link, report, cables.get(link.ifname))))
        for link in sorted(stack.links, key=lambda k: (not k.is_loopback, k.ifindex))
    ]
    names: dict[int, str] = {link.ifindex: link.ifname for link in stack.links}
    rules = tuple(_routing_rule(r) for r in stack.rules if r.priority not in _KERNELS_OWN_RULES)
    rows += [
        ("routes", tuple(_route(route, names) for route in stack.routes) or ("none",)),
        *([("ip rules", rules)] if rules else []),
        *_neighbour_rows(report, names),
        ("listens", tuple(_sockets(stack.sockets, names)) or ("on nothing",)),
        ("rules", tuple(_rule_lines(report.rulesets, all_rules=all_rules))),
    ]
    return f"{_head(report)}\n{sheet(rows, indent='  ')}"


def _head(report: StackReport) -> str:
    netns = report.stack.netns
    words = [bold(report.name), f"netns {netns.inode}"]
    if len(netns.pids) > _PIDS_SHOWN:
        words.append(f"{len(netns.pids)} processes")
    elif netns.pids:
        words.append(f"pid {' '.join(map(str, netns.pids))}")
    return _GAP.join(words)


def _link_lines(link: Link, report: StackReport, cable: Cable | None) -> Iterator[str]:
    stack = report.stack
    addresses = [str(a.interface) for a in stack.addresses if a.ifindex == link.ifindex]
    counters = link.counters
    words = [_state(link), *addresses]
    if not link.is_loopback:
        words += [link.mac or "no MAC", f"mtu {link.mtu}"]
    words += [
        f"rx {counters.rx_packets} ({size(counters.rx_bytes)})",
        f"tx {counters.tx_packets} ({size(counters.tx_bytes)})",
    ]
    words += [
        f"{label} {count}"
        for label, count in (
            ("rx errors", counters.rx_errors),
            ("tx errors", counters.tx_errors),
            ("rx dropped", counters.rx_dropped),
            ("tx dropped", counters.tx_dropped),
        )
        if count
    ]
    yield from _flow(words)
    master = stack.link(link.master) if link.master is not None else None
    if master is not None and link.port is not None:
        yield f"port {link.port.number} of bridge {master.ifname}"
    elif master is not None:
        yield f"part of {master.ifname}"
    if cable is not None:
        yield _cable(cable)


def _state(link: Link) -> str:
    if not link.is_up:
        return "down"
    return "up" if link.has_carrier or link.is_loopback else "up, but no carrier"


def _cable(cable: Cable) -> str:
    if not cable.place:
        return "cable -> its other end is in a namespace that cannot be found"
    place = f"on {cable.place}" if cable.place.startswith("the ") else f"of {cable.place}"
    text = f"cable -> {cable.far_end} {place}"
    if cable.bridge:
        text += f", port {cable.port} of bridge {cable.bridge}"
    return text


def _route(route: Route, names: dict[int, str]) -> str:
    """As `ip route` says it, and in words where no gateway is asked."""
    words = [] if route.type == "unicast" else [route.type]
    is4 = route.destination.version == 4  # noqa: PLR2004 - IPv4
    words.append("default" if route.is_default else str(route.destination))
    ways = [(hop.gateway, hop.oif) for hop in route.next_hops] or [(route.gateway, route.oif)]
    for gateway, oif in ways:
        if gateway is not None:
            words.append(f"via {gateway}")
        if oif is not None:
            words.append(f"dev {names.get(oif, f'#{oif}')}")
    if route.table != TABLE_MAIN:
        words.append(f"table {route.table}")
    if route.metric:
        words.append(f"metric {route.metric}")
    words += route.flags
    if route.type == "unicast" and all(gateway is None for gateway, _ in ways):
        words.append(f"(direct: neighbours are asked by {'ARP' if is4 else 'ND'})")
    return " ".join(words)


def _routing_rule(rule: RoutingRule) -> str:
    words = [f"{rule.priority}:", f"IPv{rule.family}"]
    if rule.invert:
        words.append("not")
    words.append(f"from {rule.source or 'all'}")
    pairs = (
        ("to", rule.destination),
        ("iif", rule.iif),
        ("oif", rule.oif),
        ("fwmark", None if rule.mark is None else hex(rule.mark)),
    )
    words += [f"{key} {value}" for key, value in pairs if value is not None]
    words.append(f"table {rule.table}" if rule.action == "table" else rule.action)
    return " ".join(words)


def _neighbour_rows(
    report: StackReport, names: dict[int, str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    several = len([n for n in report.stack.links if not n.is_loopback]) > 1
    for label, version in (("arp", 4), ("nd", 6)):
        lines = tuple(
            _neighbour(n, report.names) + (f" dev {names.get(n.ifindex)}" if several else "")
            for n in report.stack.neighbours
            if n.address.version == version and n.state is not NeighbourState.NOARP
        )
        if lines or version == 4:  # noqa: PLR2004 - IPv4
            yield label, lines or ("empty: nobody has been asked yet",)


def _neighbour(neighbour: Neighbour, names: dict[str, str]) -> str:
    if neighbour.is_proxy:
        return f"{neighbour.address} is answered for by us"
    if neighbour.mac is None:
        return f"{neighbour.address} has not answered ({neighbour.state})"
    name = names.get(str(neighbour.address)) or names.get(neighbour.mac)
    who = f" ({name})" if name else ""
    # how long it has been so; `confirmed` starts a minute in the past (___neigh_create), hence not
    # that
    known = neighbour.state is not NeighbourState.PERMANENT
    age = f", {duration(neighbour.updated_seconds)}" if known else ""
    return f"{neighbour.address} is {neighbour.mac}{who}, {neighbour.state}{age}"


def _sockets(sockets: Iterable[ListeningSocket], names: dict[int, str]) -> Iterator[str]:
    """Workers that share a port are one line."""
    lines = []
    for found in sorted(sockets, key=lambda s: (s.protocol, s.port, str(s.address))):
        address = f"[{found.address}]" if found.address.version == 6 else str(found.address)  # noqa: PLR2004 - IPv6
        where = "" if found.ifindex is None else f" on {names.get(found.ifindex)} only"
        process = found.serves or found.process or "no process that we may see"
        lines.append(f"{found.protocol} {address}:{found.port}{where} {process}")
    yield from dict.fromkeys(lines)


def _rule_lines(rulesets: tuple[PrintedRules, ...], *, all_rules: bool) -> Iterator[str]:
    if not rulesets:
        yield "none of its own"
    for ruleset in rulesets:
        if ruleset.complaint:
            yield f"{ruleset.tool}: {ruleset.complaint}"
        elif all_rules or len(ruleset.lines) <= _RULES_SHOWN:
            yield f"{ruleset.tool}:"
            yield from (f"  {line.expandtabs(2)}" for line in ruleset.lines)
        else:
            tables = [line.rstrip(" {") for line in ruleset.lines if line.startswith("table ")]
            tables += [f"table {line[1:]}" for line in ruleset.lines if line.startswith("*")]
            yield f"{ruleset.tool}: {len(ruleset.lines)} lines in {', '.join(tables)}"
            yield "all of them: --rules"


def _flow(words: Iterable[str]) -> Iterator[str]:
    """As many words on a line as fit."""
    line = ""
    for word in words:
        longer = f"{line}{_GAP}{word}" if line else word
        if line and len(longer) > _WIDTH:
            yield line
            line = word
        else:
            line = longer
    yield line
