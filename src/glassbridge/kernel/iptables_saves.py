"""What the programs of iptables list of a namespace, of either backend."""

import subprocess
from collections.abc import Iterator

from msgspec import Struct

from glassbridge.kernel.netns import inside
from glassbridge.model.ruleset import (
    Backend,
    Compare,
    ListedChain,
    ListedRule,
    ListedTable,
    LookUp,
    NamedSet,
)
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
    """Iptables made a base chain of it; nft may have made others beside."""
    return table.family in _TOOLS and any(
        c.hook is not None and is_chain_of_iptables(table, c) for c in table.chains
    )


def is_chain_of_iptables(table: ListedTable, chain: ListedChain) -> bool:
    """It has the name that iptables gives, and rules as it writes: each counted, none by a set.

    iptables-save 1.8.9 prints a native rule without what it does not know: `ip saddr @bad drop`
    becomes `-j DROP`. Base chains of other names it leaves out, of the kernel's it makes up some.
    """
    is_named = chain.hook is None or is_builtin(table.name, chain.name)
    return is_named and not any(r.packets is None or _is_by_set(r) for r in chain.rules)


def _is_by_set(rule: ListedRule) -> bool:
    return any(isinstance(m, Compare) and isinstance(m.values, NamedSet) for m in rule.matches) or (
        any(isinstance(s, LookUp) for s in rule.statements)
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
