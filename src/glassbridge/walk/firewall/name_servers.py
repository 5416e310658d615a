"""Where our own rules lead questions for names."""

from collections.abc import Iterator

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.ruleset import MapElement, Plain, Ruleset, Together

_MAPS = ("names4", "names6")


class Lead(Struct, frozen=True):
    """One element of our maps: they stay when the daemon goes, which is the one that answers."""

    asked: str
    """`172.17.0.1 . gb0 . udp . 53`, as nft has it."""
    bridge: str
    protocol: str
    address: IPAddress
    port: int


def leads(host: Ruleset) -> Iterator[Lead]:
    """All of them."""
    for table in host.tables:
        if (table.family, table.name) == ("inet", NFT_TABLE):
            for listed in table.sets:
                if listed.name in _MAPS:
                    yield from filter(None, map(_lead, listed.elements))


def _lead(element: MapElement) -> Lead | None:
    match element:
        case MapElement(
            key=Together(items=(Plain(asked), Plain(bridge), Plain(protocol), Plain(port))),
            address=address,
            port=int(to),
        ) if address is not None:
            return Lead(f"{asked} . {bridge} . {protocol} . {port}", bridge, protocol, address, to)
        case _:
            return None
