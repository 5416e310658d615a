"""Reads what route, ifconfig, brctl, arp and ip print: the demo checks what it claims."""

import json
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from msgspec import Struct

_ANY = "0.0.0.0"  # noqa: S104 - read, not bound to


class RouteLine(Struct, frozen=True, kw_only=True):
    """A line of route(8); no gateway means that neighbours are asked directly."""

    network: IPv4Network
    gateway: IPv4Address | None
    ifname: str


def parse_routes(text: str) -> tuple[RouteLine, ...]:
    """Read what `route` prints, names and `*` included."""
    lines = (line.split() for line in text.splitlines()[2:])
    return tuple(
        RouteLine(
            network=IPv4Network(f"{_ANY if fields[0] == 'default' else fields[0]}/{fields[2]}"),
            gateway=None if fields[1] in (_ANY, "*") else IPv4Address(fields[1]),
            ifname=fields[7],
        )
        for fields in lines
    )


def parse_interfaces(text: str) -> dict[str, tuple[IPv4Address, ...]]:
    """Read what `ifconfig` prints: interfaces and their IPv4 addresses."""
    found: dict[str, tuple[IPv4Address, ...]] = {}
    ifname = ""
    for line in text.splitlines():
        if line[:1].strip():
            ifname = line.split(":")[0].split()[0]
            found[ifname] = ()
        elif line.split()[:1] == ["inet"]:
            found[ifname] += (IPv4Address(line.split()[1].removeprefix("addr:")),)
    return found


def parse_bridges(text: str) -> dict[str, tuple[str, ...]]:
    """Read what `brctl show` prints: bridges and their ports."""
    found: dict[str, tuple[str, ...]] = {}
    bridge = ""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if not line.startswith("\t"):
            bridge, found[fields[0]] = fields[0], ()
            fields = fields[3:]
        found[bridge] += tuple(fields)
    return found


def parse_arp(text: str) -> dict[IPv4Address, str]:
    """Read what `arp -n` prints: complete entries only."""
    lines = (line.split() for line in text.splitlines()[1:] if "ether" in line)
    return {IPv4Address(fields[0]): fields[2] for fields in lines}


def parse_interface_address(text: str) -> IPv4Interface:
    """Read the first address that `ip -json -4 address show dev X` prints."""
    (link,) = filter(None, json.loads(text))  # an older ip prints {} for what it filtered out
    info = link["addr_info"][0]
    return IPv4Interface(f"{info['local']}/{info['prefixlen']}")


def parse_index(text: str) -> int:
    """Read the number that `ip -json link show dev X` prints."""
    (link,) = json.loads(text)
    return int(link["ifindex"])


def parse_learned(text: str) -> dict[str, str]:
    """Read what `bridge -json fdb show` prints: the MACs that were learned, and on which port."""
    return {e["mac"]: e["ifname"] for e in json.loads(text) if not e.get("state")}
