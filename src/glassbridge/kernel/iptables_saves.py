"""What the programs of iptables list of a namespace, of either backend."""

import subprocess
from collections.abc import Iterator

from msgspec import Struct

from glassbridge.kernel.netns import inside
from glassbridge.model.ruleset import Backend, ListedTable
from glassbridge.walk.firewall.listing.iptables_save import is_builtin, parse_save

_TOOLS = {"ip": "iptables", "ip6": "ip6tables"}
_SUFFIXES = {Backend.IPTABLES_NFT: "nft", Backend.IPTABLES_LEGACY: "legacy"}


class _Running(Struct, frozen=True, kw_only=True):
    """An iptables-save that is running in the namespace."""

    family: str
    backend: Backend
    program: str
    child: subprocess.Popen[str] | None
    """None: it is not installed."""


def is_of_iptables(table: ListedTable) -> bool:
    """It has the names that iptables gives, no set, and a counter in each rule, as iptables writes.

    iptables-save 1.8.9 prints a native rule in such a table without what it does not know:
    `ip saddr @bad drop` becomes `-j DROP`.
    """
    return (
        table.family in _TOOLS
        and not table.sets
        and any(c.hook is not None and is_builtin(table.name, c.name) for c in table.chains)
        and all(rule.packets is not None for c in table.chains for rule in c.rules)
    )


def read_saves(
    netns_fd: int, asked: list[tuple[str, Backend]]
) -> Iterator[tuple[tuple[ListedTable, ...], str]]:
    """What each program lists, and why it does not; all of them run at once."""
    running = [_start(netns_fd, family, backend) for family, backend in asked]
    for one in running:
        if one.child is None:
            yield (), f"{one.program} is not installed: rules of {one.backend} are not understood"
            continue
        listed, complaint = one.child.communicate()
        if one.child.returncode:
            yield (), f"{one.program}: {complaint.strip().partition(chr(10))[0]}"
        else:
            yield parse_save(listed, one.family, one.backend), ""


def _start(netns_fd: int, family: str, backend: Backend) -> _Running:
    program = f"{_TOOLS[family]}-{_SUFFIXES[backend]}-save"
    try:
        with inside(netns_fd):  # the child keeps the namespace that it is born in
            child = subprocess.Popen(
                [program, "-c"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
    except FileNotFoundError:
        return _Running(family=family, backend=backend, program=program, child=None)
    return _Running(family=family, backend=backend, program=program, child=child)
