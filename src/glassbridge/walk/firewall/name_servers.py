"""Where our own rules lead questions for names; they stay when the daemon goes, which answers."""

from collections.abc import Iterator

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.packet import Packet
from glassbridge.model.ruleset import MapElement, Plain, Ruleset, Together
from glassbridge.model.snapshot import Snapshot

_MAPS = ("names4", "names6")


class Lead(Struct, frozen=True):
    """One element of our maps; the key's parts as nft prints them."""

    asked: str
    bridge: str
    protocol: str
    asked_port: str
    address: IPAddress
    port: int

    @property
    def key(self) -> str:
        """`172.17.0.1 . gb0 . udp . 53`."""
        return f"{self.asked} . {self.bridge} . {self.protocol} . {self.asked_port}"


def leads(host: Ruleset) -> Iterator[Lead]:
    """All of them."""
    for table in host.tables:
        if (table.family, table.name) == ("inet", NFT_TABLE):
            for listed in table.sets:
                if listed.name in _MAPS:
                    yield from filter(None, map(_lead, listed.elements))


def is_led(snapshot: Snapshot, cookie: int, packet: Packet) -> bool:
    """Whether a packet that came to a namespace is a question that our rules led there."""
    at = (packet.transport.value, packet.destination, packet.destination_port)
    return any((x.protocol, x.address, x.port) == at for x in _of(snapshot, cookie))


def is_asked_by_a_stranger(snapshot: Snapshot, cookie: int, packet: Packet) -> bool:
    """Whether it is for where members ask, and came from elsewhere, so that it is not led."""
    at = (packet.transport.value, str(packet.destination), str(packet.destination_port))
    return any((x.protocol, x.asked, x.asked_port) == at for x in _of(snapshot, cookie))


def unanswered(snapshot: Snapshot, cookie: int, packet: Packet) -> str:
    """The rest of a sentence that nobody listens; empty where it is no question for names."""
    if is_led(snapshot, cookie, packet):
        return ": glassbridge's name server does not run"
    if is_asked_by_a_stranger(snapshot, cookie, packet):
        return ": glassbridge's name server hears the network's members only"
    return ""


def _of(snapshot: Snapshot, cookie: int) -> Iterator[Lead]:
    return leads(snapshot.namespaces[cookie].ruleset)


def _lead(element: MapElement) -> Lead | None:
    match element:
        case MapElement(
            key=Together(items=(Plain(asked), Plain(bridge), Plain(protocol), Plain(asked_port))),
            address=address,
            port=int(port),
        ) if address is not None:
            return Lead(asked, bridge, protocol, asked_port, address, port)
        case _:
            return None
