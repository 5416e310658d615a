"""What `iptables-save -c` and `ip6tables-save -c` print as model.ruleset, of either backend."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from glassbridge.model.ruleset import (
    Backend,
    ListedChain,
    ListedHook,
    ListedRule,
    ListedTable,
    Verdict,
)
from glassbridge.walk.firewall.listing.iptables_matches import matches_of
from glassbridge.walk.firewall.listing.iptables_targets import statements_of
from glassbridge.walk.firewall.listing.iptables_words import Words, cut

_PRIORITIES: Final = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
"""linux/netfilter_ipv4.h."""
_SOURCE_NAT: Final = 100
_HOOKS: Final = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}


class _Chain(Struct, frozen=True, kw_only=True):
    name: str
    policy: str
    packets: int | None = None


def parse_save(text: str, family: str, backend: Backend) -> tuple[ListedTable, ...]:
    """The tables of a listing, in the order in which the kernel calls them at each hook."""
    tables: dict[str, tuple[list[_Chain], list[tuple[str, Words]]]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("*"):
            name = line[1:].strip()
            tables[name] = ([], [])
        elif line.startswith(":"):
            tables[name][0].append(_chain(line))
        elif line.startswith(("-A ", "[")):
            tables[name][1].append((line, cut(line)))
    listed = (_table(name, *parts, family, backend) for name, parts in tables.items())
    return tuple(sorted(listed, key=lambda t: _PRIORITIES.get(t.name, 0)))


def is_builtin(table: str, chain: str) -> bool:
    """Whether a table and a chain have the names of iptables' own."""
    return table in _PRIORITIES and chain in _HOOKS


def _chain(line: str) -> _Chain:
    """`:FORWARD DROP [packets:bytes]`."""
    name, policy, *counter = line[1:].split()
    packets = int(counter[0][1:].partition(":")[0]) if counter else None
    return _Chain(name=name, policy=policy, packets=packets)


def _table(
    name: str,
    chains: list[_Chain],
    lines: Iterable[tuple[str, Words]],
    family: str,
    backend: Backend,
) -> ListedTable:
    names = frozenset(c.name for c in chains)
    rules: dict[str, list[ListedRule]] = {}
    for line, words in lines:
        before = rules.setdefault(words.chain, [])
        before.append(_rule(line, words, names, family, len(before) + 1))
    return ListedTable(
        family=family,
        name=name,
        backend=backend,
        chains=tuple(
            ListedChain(
                name=c.name,
                rules=tuple(rules.get(c.name, ())),
                hook=_hook(name, c),
                packets=c.packets,
            )
            for c in chains
        ),
    )


def _hook(table: str, chain: _Chain) -> ListedHook | None:
    hook = _HOOKS.get(chain.name)
    if hook is None or chain.policy == "-":
        return None
    is_nat = table == "nat"
    is_source = is_nat and chain.name in ("POSTROUTING", "INPUT")
    is_route = table == "mangle" and chain.name == "OUTPUT"
    return ListedHook(
        type="nat" if is_nat else "route" if is_route else "filter",
        hook=hook,
        priority=_SOURCE_NAT if is_source else _PRIORITIES.get(table, 0),
        policy=Verdict.DROP if chain.policy == "DROP" else Verdict.ACCEPT,
    )


def _rule(line: str, words: Words, chains: frozenset[str], family: str, number: int) -> ListedRule:
    comments = (p.option("--comment") for p in words.matches if p.name == "comment")
    comment = next((o.word for o in comments if o is not None), "")
    return ListedRule(
        matches=tuple(m for part in words.matches for m in matches_of(part, family)),
        statements=statements_of(words.target, chains, is_goto=words.is_goto),
        number=number,
        text=line[line.index("-A ") :],
        comment=comment,
        packets=words.packets,
    )
