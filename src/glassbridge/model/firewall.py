"""The firewall as a value: built by plan.firewall, printed by plan.nft_script, walked by a trace."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from msgspec import Struct

Atom = str | int | IPv4Address | IPv6Address | IPv4Network | IPv6Network
"""One component of a set key or of a map's data."""


class Element(Struct, frozen=True):
    """One element of a set or map, of either table; `value` is None in a set."""

    family: str
    """`inet` or `bridge`: which of our two tables."""
    name: str
    """The set or map."""
    key: tuple[Atom, ...]
    value: tuple[Atom, ...] | None = None

    def __str__(self) -> str:
        key = " . ".join(map(str, self.key))
        data = "" if self.value is None else f" : {' . '.join(map(str, self.value))}"
        return f"{self.name} {{ {key}{data} }}"
