"""Connection tracking of one namespace, as the walk's packets pass its hooks."""

from typing import Final

from msgspec.structs import replace

from glassbridge.model.packet import Packet, Transport
from glassbridge.model.ruleset import (
    Compare,
    ListedRule,
    LookUp,
    Match,
    NoTrack,
    Statement,
    Translate,
    Unevaluated,
)
from glassbridge.model.snapshot import Connection, Namespace
from glassbridge.walk.firewall.hooks import HookCall, Tracking

NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED = (
    "new",
    "established",
    "related",
    "invalid",
    "untracked",
)
FIRST_HOOKS: Final = ("prerouting", "output")
LAST_HOOKS: Final = ("input", "postrouting")
PRIORITY: Final = -200
"""NF_IP_PRI_CONNTRACK."""

_ERRORS: Final = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}
_REQUESTS: Final = {4: (8, 13, 15, 17), 6: (128,)}
"""ICMP that may begin a connection (nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c)."""
_NEIGHBOUR_TALK: Final = (130, 131, 132, 133, 134, 135, 136, 137, 143)
"""ICMPv6 that is never tracked."""


def tracks(namespace: Namespace, version: int) -> bool:
    """Whether conntrack is active there: since some rule of that version asks for it."""
    families = ("inet", "ip" if version == 4 else "ip6")  # noqa: PLR2004 - the IP version
    return any(c.source.version == version for c in namespace.connections) or any(
        _needs_conntrack(rule, version)
        for table in namespace.ruleset.tables
        if table.family in families
        for chain in table.chains
        for rule in chain.rules
    )


def begin(namespace: Namespace, call: HookCall) -> tuple[Tracking | None, str]:
    """What conntrack makes of a packet that it sees for the first time: an entry, and a state."""
    packet = call.packet
    if _is_neighbour_talk(call):
        return None, UNTRACKED
    recorded = _recorded(namespace, call)
    if recorded is not None:
        return recorded, state_of(call, recorded)
    if not may_begin(call):
        return None, INVALID
    return Tracking(original=packet, translated=packet), NEW


def may_begin(call: HookCall) -> bool:
    """Whether such a packet can be the first of a connection."""
    packet = call.packet
    match packet.transport:
        case Transport.ICMP:
            return _icmp_type(packet, call) in _REQUESTS[packet.version]
        case Transport.TCP:
            is_answer = "S" in packet.tcp_flags and "." in packet.tcp_flags
            return not is_answer and "R" not in packet.tcp_flags
        case Transport.UDP:
            return True


def is_error(call: HookCall) -> bool:
    """An ICMP error, which speaks of another packet."""
    packet = call.packet
    return (
        packet.transport is Transport.ICMP
        and packet.icmp_type is not None
        and packet.icmp_type in _ERRORS[packet.version]
    )


def state_of(call: HookCall, tracking: Tracking | None) -> str:
    """A tracked packet's state; of one that has no entry, why it has none."""
    if tracking is None:
        return UNTRACKED if may_begin(call) or _is_neighbour_talk(call) else INVALID
    if is_error(call):
        return RELATED
    return ESTABLISHED if call.is_reply or tracking.is_replied else NEW


def follow(call: HookCall, packet: Packet, tracking: Tracking) -> Packet:
    """A later packet, or a reply, translated as the first one settled it (nf_nat_manip_pkt)."""
    before, after, status = tracking.original, tracking.translated, tracking.status
    at_source = call.hook in LAST_HOOKS
    if not call.is_reply:
        if at_source and "snat" in status:
            return _with_source(packet, after.source, after.source_port)
        if not at_source and "dnat" in status:
            return _with_destination(packet, after.destination, after.destination_port)
        return packet
    if at_source and "dnat" in status:
        return _with_source(packet, before.destination, before.destination_port)
    if not at_source and "snat" in status:
        return _with_destination(packet, before.source, before.source_port)
    return packet


def _with_source(packet: Packet, address: object, port: int) -> Packet:
    has_ports = packet.transport is not Transport.ICMP
    return replace(packet, source=address, source_port=port if has_ports else packet.source_port)


def _with_destination(packet: Packet, address: object, port: int) -> Packet:
    has_ports = packet.transport is not Transport.ICMP
    kept = port if has_ports else packet.destination_port
    return replace(packet, destination=address, destination_port=kept)


def _recorded(namespace: Namespace, call: HookCall) -> Tracking | None:
    """The entry of the same flow that stood there before; an unknown port is a new one."""
    for connection in namespace.connections:
        if _is_of(connection, call.packet, is_reply=call.is_reply):
            return Tracking(
                original=_first(connection),
                translated=_translated(connection),
                is_confirmed=True,
                is_recorded=True,
                is_replied=connection.is_replied,
                is_offloaded=connection.is_offloaded,
                mark=None,
            )
    return None


def _is_of(connection: Connection, packet: Packet, *, is_reply: bool) -> bool:
    if connection.transport is not packet.transport:
        return False
    c = connection
    ends = (c.source, c.destination)
    ports = (c.source_port, c.destination_port)
    if is_reply:
        ends = (c.reply_source, c.reply_destination)
        ports = (c.reply_source_port, c.reply_destination_port)
    if (packet.source, packet.destination) != ends:
        return False
    if packet.transport is Transport.ICMP:  # its identifier is the same in both directions
        return packet.source_port == c.source_port
    return (packet.source_port, packet.destination_port) == ports


def _first(connection: Connection) -> Packet:
    return Packet(
        transport=connection.transport,
        source=connection.source,
        destination=connection.destination,
        source_port=connection.source_port,
        destination_port=connection.destination_port,
    )


def _translated(connection: Connection) -> Packet:
    return Packet(
        transport=connection.transport,
        source=connection.reply_destination,
        destination=connection.reply_source,
        source_port=connection.reply_destination_port,
        destination_port=connection.reply_source_port,
    )


def _is_neighbour_talk(call: HookCall) -> bool:
    return call.packet.version == 6 and _icmp_type(call.packet, call) in _NEIGHBOUR_TALK  # noqa: PLR2004 - the IP version


def _icmp_type(packet: Packet, call: HookCall) -> int | None:
    if packet.transport is not Transport.ICMP:
        return None
    if packet.icmp_type is not None:
        return packet.icmp_type
    if packet.version == 4:  # noqa: PLR2004 - the IP version
        return 0 if call.is_reply else 8
    return 129 if call.is_reply else 128


def _needs_conntrack(rule: ListedRule, version: int) -> bool:
    return any(_asks(m) for m in rule.matches) or any(
        _starts(statement, version) for statement in rule.statements
    )


def _asks(match: Match) -> bool:
    if isinstance(match, Compare):
        return any(field.startswith(("ct ", "ctstate")) for field in match.fields)
    return match.text.startswith(("ct ", "-m conn", "--ct"))


def _starts(statement: Statement, version: int) -> bool:
    """`dnat ip` in a table of inet starts it for IPv4 alone (nft_nat_init)."""
    match statement:
        case Translate():
            return statement.version in (None, version)
        case NoTrack():
            return True
        case LookUp():
            return any(field.startswith("ct ") for field in statement.fields)
        case Unevaluated(text):
            return text.startswith(("ct ", "CT ", "CONNMARK", "MARK -j CONNMARK"))
        case _:
            return False
