"""Our own firewall, the very value that was rendered, as rules that a walk is checked against."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.firewall import (
    Accept,
    Atom,
    Chain,
    DestinationNat,
    Drop,
    Element,
    Field,
    Goto,
    HasFlag,
    InSet,
    Is,
    Jump,
    KeyType,
    Masquerade,
    OneOf,
    Reject,
    Rule,
    Set,
    SourceNat,
    Table,
    VerdictOf,
    Word,
)
from glassbridge.model.firewall import Match as OwnMatch
from glassbridge.model.firewall import Statement as OwnStatement
from glassbridge.model.firewall import Verdict as OwnVerdict
from glassbridge.model.ruleset import (
    Compare,
    Decide,
    ListedChain,
    ListedHook,
    ListedRule,
    ListedSet,
    ListedTable,
    LookUp,
    MapElement,
    NamedMap,
    NamedSet,
    Origin,
    Plain,
    Prefix,
    Refuse,
    Statement,
    Together,
    Translate,
    Value,
    Verdict,
)

_VERSIONS: Final = {Word.ETHER_IPV4: 4, Word.ETHER_IPV6: 6}
_SHORT: Final = frozenset((Field.INPUT_LINK, Field.OUTPUT_LINK))
"""Fields that nft also knows without `meta`."""


_PRINTED: Final = {
    "udp sport": "th sport",
    "udp dport": "th dport",
    "@nh,64,128": "ip6 saddr",
}
"""Where nft prints a field otherwise than it was written, by what the rest of the rule says."""


class OwnTables(Struct, frozen=True, kw_only=True):
    """Our tables and all elements in them, as plan.firewall has them."""

    tables: tuple[Table, ...]
    elements: tuple[Element, ...] = ()


def listed_tables(own: OwnTables) -> tuple[ListedTable, ...]:
    """Our tables as rules without handles, which only the kernel gives."""
    by_set: dict[tuple[str, str], list[Element]] = {}
    for element in own.elements:
        by_set.setdefault((element.family, element.name), []).append(element)
    return tuple(
        ListedTable(
            family=table.family,
            name=table.name,
            owner=Origin.GLASSBRIDGE,
            chains=tuple(_chain(chain) for chain in table.chains),
            sets=tuple(_set(s, by_set.get((table.family, s.name), ())) for s in table.sets),
        )
        for table in own.tables
    )


def with_handles(rendered: ListedTable, listed: ListedTable) -> ListedTable | None:
    """The rendered table with the kernel's handles; None: the kernel's rules are others.

    `listed` may be without elements. Rules are the same where their comments, their verdicts and
    what they look at are: nft prints values back in its own way.
    """
    found = {chain.name: chain for chain in listed.chains}
    if found.keys() != {chain.name for chain in rendered.chains}:
        return None
    chains = []
    for chain in rendered.chains:
        joined = _join(chain, found[chain.name])
        if joined is None:
            return None
        chains.append(joined)
    return replace(rendered, chains=tuple(chains))


def _join(rendered: ListedChain, listed: ListedChain) -> ListedChain | None:
    if rendered.hook != listed.hook or len(rendered.rules) != len(listed.rules):
        return None
    pairs = list(zip(rendered.rules, listed.rules, strict=True))
    if not all(_is_same(ours, theirs) for ours, theirs in pairs):
        return None
    rules = tuple(replace(ours, handle=theirs.handle) for ours, theirs in pairs)
    return replace(rendered, rules=rules)


def _is_same(ours: ListedRule, theirs: ListedRule) -> bool:
    """Nft leaves out what the rest of a rule implies (`meta protocol ip` before `ip saddr`)."""
    return _words(ours) == _words(theirs) and _looks_at(theirs) <= _looks_at(ours)


def _words(rule: ListedRule) -> tuple[object, ...]:
    """What nft prints back as it was written."""
    kinds = [s.verdict if isinstance(s, Decide) else type(s) for s in rule.statements]
    return rule.comment, *kinds


def _looks_at(rule: ListedRule) -> frozenset[tuple[str, ...]]:
    """The fields and sets of its matches."""
    return frozenset(
        (
            *(_PRINTED.get(field, field) for field in match.fields),
            match.values.name if isinstance(match.values, NamedSet) else "",
        )
        for match in rule.matches
        if isinstance(match, Compare)
    )


def _chain(chain: Chain) -> ListedChain:
    hook = chain.hook
    at = None
    if hook is not None:
        at = ListedHook(type=hook.type, hook=hook.hook, priority=hook.priority)
    rules = tuple(_rule(rule, number) for number, rule in enumerate(chain.rules, start=1))
    return ListedChain(name=chain.name, rules=rules, hook=at)


def _rule(rule: Rule, number: int) -> ListedRule:
    return ListedRule(
        matches=tuple(_match(m) for m in rule.matches),
        statements=(_statement(rule.statement),),
        number=number,
        comment=rule.comment,
    )


def _field(field: Field) -> str:
    return f"meta {field}" if field in _SHORT else field.value


def _fields(fields: Iterable[Field]) -> tuple[str, ...]:
    return tuple(_field(field) for field in fields)


def _match(match: OwnMatch) -> Compare:
    match match:
        case Is(field, value, negated):
            return Compare((_field(field),), (_atom(value),), _equals(negated))
        case OneOf(field, values, negated):
            # nft takes words of a bit field one by one, as a set, where they stand in braces
            return Compare((_field(field),), tuple(map(_atom, values)), _equals(negated))
        case HasFlag(field, flag):
            return Compare((_field(field),), (Plain(flag.value),), "in")
        case InSet(fields, name, negated):
            return Compare(_fields(fields), NamedSet(name), _equals(negated))
    assert_never(match)


def _equals(negated: bool) -> str:
    return "!=" if negated else "=="


def _statement(statement: OwnStatement) -> Statement:
    match statement:
        case Accept() | Drop() | Goto() | Jump():
            return _decide(statement)
        case Reject():
            return Refuse("icmpx port-unreachable")
        case Masquerade():
            return Translate("masquerade")
        case VerdictOf(fields, name):
            return LookUp(_fields(fields), NamedMap(name))
        case DestinationNat(family, fields, name):
            return _translate("dnat", family, fields, name)
        case SourceNat(family, fields, name):
            return _translate("snat", family, fields, name)
    assert_never(statement)


def _translate(kind: str, family: Word, fields: tuple[Field, ...], name: str) -> Translate:
    return Translate(kind, fields=_fields(fields), map=NamedMap(name), version=_VERSIONS[family])


def _decide(verdict: OwnVerdict) -> Decide:
    match verdict:
        case Accept():
            return Decide(Verdict.ACCEPT)
        case Drop():
            return Decide(Verdict.DROP)
        case Goto(chain):
            return Decide(Verdict.GOTO, chain)
        case Jump(chain):
            return Decide(Verdict.JUMP, chain)
    assert_never(verdict)


def _set(declared: Set, elements: Sequence[Element]) -> ListedSet:
    if not declared.data and not declared.verdicts:
        return ListedSet(name=declared.name, values=tuple(_key(declared, e) for e in elements))
    rows = tuple(_row(declared, e) for e in elements)
    return ListedSet(name=declared.name, elements=rows, is_map=True)


def _row(declared: Set, element: Element) -> MapElement:
    key = _key(declared, element)
    match element.value:
        case None:
            return MapElement(key)
        case tuple(data):
            address = next((a for a in data if isinstance(a, IPv4Address | IPv6Address)), None)
            port = next((p for p in data if isinstance(p, int)), None)
            return MapElement(key, address=address, port=port)
        case verdict:
            return MapElement(key, verdict=_decide(verdict))


def _key(declared: Set, element: Element) -> Value:
    pairs = zip(element.key, declared.key, strict=True)
    parts = tuple([_bits(a) if kind is KeyType.IPV6_BITS else _atom(a) for a, kind in pairs])
    return parts[0] if len(parts) == 1 else Together(parts)


def _bits(atom: Atom) -> Plain:
    """An address that the rules read as a bare number."""
    return Plain(str(int(atom))) if isinstance(atom, IPv6Address) else Plain(str(atom))


def _atom(atom: Atom) -> Plain | Prefix:
    # most of what there is: text that is not one of nft's words, and addresses
    if type(atom) is str:
        return Plain(atom)
    if type(atom) is IPv4Address:
        return Plain(str(atom))
    match atom:
        case StrEnum():
            return Plain(atom.value)
        case IPv4Network() | IPv6Network() if atom.prefixlen != atom.max_prefixlen:
            return Prefix(atom)
        case IPv4Network() | IPv6Network():
            return Plain(str(atom.network_address))
        case _:
            return Plain(str(atom))
