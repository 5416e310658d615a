"""A rule that drops by a list: the packet leaves the list, and the rule stays for all others."""

from collections.abc import Iterator

from glassbridge.model.ruleset import (
    Backend,
    Compare,
    ListedRule,
    ListedTable,
    LookUp,
    NamedMap,
    NamedSet,
    Plain,
    RuleRef,
    Together,
    Value,
)
from glassbridge.model.step_details import HookPassed
from glassbridge.walk.firewall.elements import find, keys_of
from glassbridge.walk.firewall.hooks import HookCall
from glassbridge.walk.firewall.matching import read_all
from glassbridge.walk.firewall.sight import Sight
from glassbridge.walk.fixes.listed import listed_rule, table_of
from glassbridge.walk.fixes.mending import Case, Mending

_OF_IPSET = "--match-set"


def is_by_list(listed: ListedRule) -> bool:
    """It drops more than one thing: what is in a set, or one of several values."""
    return (
        _OF_IPSET in listed.text
        or any(isinstance(s, LookUp) for s in listed.statements)
        or any(
            isinstance(m, Compare) and (isinstance(m.values, NamedSet) or len(m.values) > 1)
            for m in listed.matches
        )
    )


def take_out(case: Case, rule: RuleRef) -> Mending | None:
    """The packet's own element; None where none is its alone, as of a network or a range."""
    table, listed = table_of(case, rule), listed_rule(case, rule)
    if table is None or listed is None or rule.backend is not Backend.NFT:
        return None
    for fields, name in _lookups(listed):
        element = _own_element(case, table, fields, name)
        if element:
            words = f"delete element {rule.family} {rule.table} {name} {{ {element} }}"
            note = f"takes {element} out of {name}, by which the rule drops: {rule.text}"
            return Mending(commands=(case.at("nft", words),), note=note)
    return None


def _lookups(listed: ListedRule) -> Iterator[tuple[tuple[str, ...], str]]:
    """Fields, and the set or map in which they are looked up."""
    for match in listed.matches:
        match match:
            case Compare(fields=fields, values=NamedSet(name), operator="==", mask=None):
                yield fields, name
            case _:
                pass
    for statement in listed.statements:
        match statement:
            case LookUp(fields=fields, map=NamedMap(name)):
                yield fields, name
            case _:
                pass


def _own_element(case: Case, table: ListedTable, fields: tuple[str, ...], name: str) -> str:
    """As nft writes it; empty where there is none."""
    found = next((s for s in table.sets if s.name == name), None)
    namespace = case.snapshot.namespaces.get(case.cookie)
    detail = case.step.detail
    if found is None or namespace is None or not isinstance(detail, HookPassed):
        return ""
    call = HookCall(family=detail.family, hook=detail.hook, packet=case.packet)
    readings = read_all(fields, None, Sight(namespace=namespace, call=call, packet=case.packet))
    values = keys_of(found.elements) if found.is_map else found.values
    hits = find(values, fields, readings)
    return next((_text(values[h.place]) for h in hits if h.is_certain), "")


def _text(value: Value) -> str:
    parts = value.items if isinstance(value, Together) else (value,)
    texts = [p.value for p in parts if isinstance(p, Plain)]
    return " . ".join(texts) if len(texts) == len(parts) else ""
