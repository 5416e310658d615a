"""NAT of a new connection: the address and port that a statement gives a packet."""

from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet
from glassbridge.model.ruleset import MapElement, Translate
from glassbridge.model.tables import Address
from glassbridge.model.topology import Link
from glassbridge.walk.firewall.address_types import longest_match
from glassbridge.walk.firewall.elements import find, keys_of
from glassbridge.walk.firewall.matching import Sets, read_all
from glassbridge.walk.firewall.sight import Lack, Sight

_SOURCE_KINDS = ("snat", "masquerade")
_LOOPBACK4, _LOOPBACK6 = IPv4Address("127.0.0.1"), IPv6Address("::1")
_UNUSABLE = frozenset(("tentative", "dadfailed", "deprecated"))


class Nat(Struct, frozen=True, kw_only=True):
    """What becomes of the packet; None: it stays."""

    kind: str
    address: IPAddress | None = None
    port: int | None = None

    def of(self, packet: Packet) -> Packet:
        """The packet after it; ICMP has no ports."""
        has_ports = bool(packet.destination_port)
        if self.kind in _SOURCE_KINDS:
            return replace(
                packet,
                source=self.address or packet.source,
                source_port=self.port if self.port and has_ports else packet.source_port,
            )
        return replace(
            packet,
            destination=self.address or packet.destination,
            destination_port=self.port if self.port and has_ports else packet.destination_port,
        )


def resolve(statement: Translate, sight: Sight, sets: Sets) -> Nat | Lack:
    """What a NAT statement does; ABSENT: its map has nothing for this packet, so the rule ends."""
    packet = sight.packet
    if statement.version not in (None, packet.version):
        return Lack.ABSENT
    if not statement.is_exact:
        return Lack.UNKNOWN
    if statement.map is not None or statement.elements:
        return _of_map(statement, sight, sets)
    match statement.kind:
        case "masquerade":
            address = outgoing_address(sight)
        case "redirect":
            address = _own_address(sight)
        case _:
            address = statement.address
            is_other = address is not None and address.version != packet.version
            return Lack.ABSENT if is_other else _nat(statement, address, statement.port)
    return Lack.UNKNOWN if address is None else _nat(statement, address, statement.port)


def outgoing_address(sight: Sight) -> IPAddress | None:
    """What masquerade chooses: an address of the link that it leaves by, near the next hop.

    inet_select_addr and ipv6_dev_get_saddr; None where the link has none.
    """
    link, destination = sight.call.oif, sight.packet.destination
    if link is None:
        return None
    usable = _addresses(sight, link, destination.version)
    near = _next_hop(sight, link, destination) if destination.version == 4 else destination  # noqa: PLR2004 - the IP version
    if destination.version == 4:  # noqa: PLR2004 - the IP version
        on_link = (a for a in usable if near in a.interface.network)
        chosen = next(on_link, None) or next(iter(usable), None)
        return None if chosen is None else chosen.interface.ip
    return max(
        (a.interface.ip for a in usable), key=lambda ip: _common_bits(ip, destination), default=None
    )


def _nat(statement: Translate, address: IPAddress | None, port: int | None) -> Nat:
    return Nat(kind=statement.kind, address=address, port=port)


def _of_map(statement: Translate, sight: Sight, sets: Sets) -> Nat | Lack:
    readings = read_all(statement.fields, None, sight)
    if Lack.ABSENT in readings:
        return Lack.ABSENT
    rows, is_complete = _rows(statement, sets)
    hits = list(find(keys_of(rows), statement.fields, readings))
    if not hits:
        return Lack.ABSENT if is_complete else Lack.UNKNOWN
    row = rows[hits[0].place]
    if not hits[0].is_certain:
        return Lack.UNKNOWN
    port = statement.port if row.port is None else row.port
    return _nat(statement, statement.address if row.address is None else row.address, port)


def _rows(statement: Translate, sets: Sets) -> tuple[tuple[MapElement, ...], bool]:
    if statement.map is None:
        return statement.elements, True
    named = sets.get(statement.map.name)
    return ((), False) if named is None else (named.elements, named.is_complete)


def _own_address(sight: Sight) -> IPAddress | None:
    """What redirect chooses: loopback for one's own packets, else the incoming link's first."""
    version = sight.packet.version
    if sight.call.hook == "output" or sight.call.iif is None:
        return _LOOPBACK4 if version == 4 else _LOOPBACK6  # noqa: PLR2004 - the IP version
    found = _addresses(sight, sight.call.iif, version)
    return found[0].interface.ip if found else None


def _addresses(sight: Sight, link: Link, version: int) -> list[Address]:
    return [
        a
        for a in sight.namespace.stack.addresses
        if a.ifindex == link.ifindex
        and a.interface.version == version
        and a.scope == "global"
        and not ("secondary" in a.flags and version == 4)  # noqa: PLR2004 - the IP version
        and not (_UNUSABLE.intersection(a.flags) and version == 6)  # noqa: PLR2004 - the IP version
    ]


def _next_hop(sight: Sight, link: Link, destination: IPAddress) -> IPAddress:
    ways = tuple(r for r in sight.namespace.stack.routes if r.oif == link.ifindex)
    route = longest_match(ways, destination)
    return destination if route is None or route.gateway is None else route.gateway


def _common_bits(one: IPAddress, other: IPAddress) -> int:
    return 128 - (int(one) ^ int(other)).bit_length()
