"""nft's JSON (`nft -j list ruleset`, libnftables-json(5)) as model.ruleset."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from msgspec.structs import replace

from glassbridge.model.ruleset import (
    Backend,
    ListedChain,
    ListedHook,
    ListedRule,
    ListedSet,
    ListedTable,
    Match,
    Statement,
    Unevaluated,
    Verdict,
)
from glassbridge.walk.firewall.listing.nft_expressions import (
    Json,
    NotUnderstood,
    match_of,
    quote,
    value,
)
from glassbridge.walk.firewall.listing.nft_statements import element, statement_of

T = TypeVar("T")

_Key = tuple[str, str]
"""Family and name of a table."""


def parse_ruleset(objects: Iterable[Json]) -> tuple[ListedTable, ...]:
    """The tables of a listing, in its order; dormant ones, which the kernel does not call, not."""
    tables: dict[_Key, list[dict[str, Any]]] = {}
    dormant: set[_Key] = set()
    for listed in objects:
        ((kind, inside),) = listed.items()
        match kind:
            case "table":
                key = (inside["family"], inside["name"])
                tables.setdefault(key, [])
                if "dormant" in _words(inside.get("flags", ())):
                    dormant.add(key)
            case "chain" | "rule" | "set" | "map":
                tables.setdefault((inside["family"], inside["table"]), []).append(listed)
            case _:
                continue
    return tuple(_table(key, parts) for key, parts in tables.items() if key not in dormant)


def parse_rule(expressions: Iterable[Json], handle: int = 0, number: int = 0) -> ListedRule:
    """One rule."""
    matches: list[Match] = []
    statements: list[Statement] = []
    packets = None
    for expression in expressions:
        match expression:
            case {"match": {"op": str(operator), "left": left, "right": right}}:
                matches.append(match_of(operator, left, right))
            case {"limit": dict(limit)}:
                matches.append(_limit(limit))
            case {"quota": _} | {"ct count": _} | {"xt": {"type": "match"}}:
                matches.append(_uncertain(expression))
            case {"counter": {"packets": int(count)}}:
                packets = count
            case _:
                found = statement_of(expression)
                if found is not None:
                    statements.append(found)
    return ListedRule(
        matches=tuple(matches),
        statements=tuple(statements),
        handle=handle,
        number=number,
        packets=packets,
    )


def _words(flags: str | list[str]) -> list[str]:
    return [flags] if isinstance(flags, str) else list(flags)


def _table(key: _Key, parts: list[dict[str, Any]]) -> ListedTable:
    family, name = key
    rules: dict[str, list[ListedRule]] = {}
    for part in parts:
        if "rule" in part:
            rule = part["rule"]
            before = rules.setdefault(rule["chain"], [])
            listed = parse_rule(rule["expr"], rule["handle"], len(before) + 1)
            before.append(_commented(listed, rule.get("comment", "")))
    return ListedTable(
        family=family,
        name=name,
        backend=Backend.NFT,
        chains=tuple(_chain(p["chain"], rules) for p in parts if "chain" in p),
        sets=tuple(_sets(parts)),
    )


def _commented(rule: ListedRule, comment: str) -> ListedRule:
    return replace(rule, comment=comment) if comment else rule


def _chain(chain: dict[str, Any], rules: dict[str, list[ListedRule]]) -> ListedChain:
    hook = None
    if "hook" in chain:
        hook = ListedHook(
            type=chain["type"],
            hook=chain["hook"],
            priority=chain["prio"],
            policy=Verdict(chain.get("policy", "accept")),
            devices=tuple(_words(chain.get("dev", ()))),
        )
    return ListedChain(name=chain["name"], rules=tuple(rules.get(chain["name"], ())), hook=hook)


def _sets(parts: list[dict[str, Any]]) -> Iterator[ListedSet]:
    for part in parts:
        if "set" in part:
            listed = part["set"]
            values, is_whole = _read(listed.get("elem"), value)
            yield ListedSet(name=listed["name"], values=values, is_complete=is_whole)
        elif "map" in part:
            listed = part["map"]
            elements, is_whole = _read(listed.get("elem"), element)
            yield ListedSet(
                name=listed["name"], elements=elements, is_map=True, is_complete=is_whole
            )


def _read(elements: list[Json] | None, read: Callable[[Json], T]) -> tuple[tuple[T, ...], bool]:
    """Elements, and whether all of them were understood."""
    found: list[T] = []
    is_whole = True
    for listed in elements or ():
        try:
            found.append(read(listed))
        except NotUnderstood:
            is_whole = False
    return tuple(found), is_whole


def _limit(limit: dict[str, Any]) -> Unevaluated:
    over = "over " if limit.get("inv") else ""
    unit = f" {limit['rate_unit']}" if limit.get("rate_unit", "packets") != "packets" else ""
    return Unevaluated(f"limit rate {over}{limit['rate']}{unit}/{limit['per']}")


def _uncertain(expression: Json) -> Unevaluated:
    """A match that counts: taken not to be used up, as a rate is."""
    match expression:
        case {"quota": {"inv": True}}:
            return Unevaluated(f"quota over: {quote(expression)}")
        case {"ct count": dict(count)}:
            over = "over " if count.get("inv") else ""
            return Unevaluated(f"connlimit {over}{count.get('val')}")
        case _:
            return Unevaluated(quote(expression))
