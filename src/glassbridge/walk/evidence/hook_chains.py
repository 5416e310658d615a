"""From a chain to the hooks of netfilter that lead to it, by the jumps of the listed rules."""

from glassbridge.model.ruleset import Decide, ListedChain, ListedTable, LookUp
from glassbridge.model.snapshot import Snapshot


def hooks_reaching(
    snapshot: Snapshot, cookie: int, family: str, table: str, chain: str
) -> frozenset[str]:
    """The hooks whose base chains are, or jump to, that chain; empty if it is not known."""
    namespace = snapshot.namespaces.get(cookie)
    listed = namespace.ruleset.tables if namespace else ()
    found = next((t for t in listed if (t.family, t.name) == (family, table)), None)
    if found is None:
        return frozenset()
    chains = {c.name: c for c in found.chains}
    hooks: set[str] = set()
    for base in found.chains:
        if base.hook is not None and chain in _reachable(base, chains, found):
            hooks.add(base.hook.hook)
    return frozenset(hooks)


def _reachable(base: ListedChain, chains: dict[str, ListedChain], table: ListedTable) -> set[str]:
    maps = {s.name: s for s in table.sets}
    reached: set[str] = set()
    waiting = [base.name]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in chains:
            continue
        reached.add(name)
        for rule in chains[name].rules:
            for statement in rule.statements:
                match statement:
                    case Decide(chain=target) if target:
                        waiting.append(target)
                    case LookUp(map=where):
                        named = maps.get(where.name) if not isinstance(where, tuple) else None
                        rows = (
                            where if isinstance(where, tuple) else named.elements if named else ()
                        )
                        waiting += [r.verdict.chain for r in rows if r.verdict and r.verdict.chain]
                    case _:
                        pass
    return reached
