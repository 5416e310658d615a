"""A listed rule on one line, as nearly as nft would print it."""

from typing import assert_never

from glassbridge.model.ruleset import (
    AddressRange,
    Compare,
    Decide,
    ListedRule,
    LookUp,
    MapElement,
    Match,
    NamedMap,
    NamedSet,
    NoTrack,
    Plain,
    Prefix,
    Range,
    Refuse,
    SetMark,
    Statement,
    Together,
    Translate,
    Unevaluated,
    Value,
)

_QUOTED = ("meta iifname", "meta oifname", "meta iifkind", "meta oifkind", "meta iif", "meta oif")
_SHORT = ("iifname", "oifname", "iif", "oif", "iifgroup", "oifgroup")
"""Keys that nft prints without `meta`."""


def rule_text(rule: ListedRule) -> str:
    """The rule as its tool printed it, else as it would."""
    if rule.text:
        return rule.text
    comment = (f'comment "{rule.comment}"',) if rule.comment else ()
    parts = (*map(match_text, rule.matches), *map(statement_text, rule.statements), *comment)
    return " ".join(parts)


def match_text(match: Match) -> str:
    """One match."""
    match match:
        case Unevaluated(text):
            return text
        case Compare(fields, values, operator, mask):
            left = fields_text(fields) + ("" if mask is None else f" & {mask:#x}")
            right = _values(fields, values, "," if operator == "in" else ", ")
            relation = "" if operator in ("in", "==") and mask is None else f"{operator} "
            return f"{left} {relation}{right}"
    assert_never(match)


def fields_text(fields: tuple[str, ...]) -> str:
    """Fields side by side."""
    return " . ".join(_field(field) for field in fields)


def statement_text(statement: Statement) -> str:  # noqa: PLR0911 - one arm each
    """One statement."""
    match statement:
        case Unevaluated(text):
            return text
        case Decide(verdict, chain):
            return f"{verdict} {chain}".strip()
        case Refuse(answer):
            return f"reject with {answer}" if answer else "reject"
        case LookUp(fields, found):
            rows = f"@{found.name}" if isinstance(found, NamedMap) else _map(fields, found)
            return f"{fields_text(fields)} vmap {rows}"
        case Translate():
            return _translate(statement)
        case SetMark(value, mask):
            kept = f"meta mark & {mask:#x} ^ " if mask else ""
            return f"meta mark set {kept}{value:#x}"
        case NoTrack():
            return "notrack"
    assert_never(statement)


def _field(field: str) -> str:
    key = field.removeprefix("meta ")
    return key if key in _SHORT else field


def _values(fields: tuple[str, ...], values: tuple[Value, ...] | NamedSet, comma: str) -> str:
    if isinstance(values, NamedSet):
        return f"@{values.name}"
    texts = [_value(fields, value) for value in values]
    return texts[0] if len(texts) == 1 else comma.join(texts) if comma == "," else _braces(texts)


def _braces(texts: list[str]) -> str:
    return f"{{ {', '.join(texts)} }}"


def _value(fields: tuple[str, ...], value: Value) -> str:
    match value:
        case Plain(text):
            return f'"{text}"' if fields[0] in _QUOTED else text
        case Range(low, high) | AddressRange(low, high):
            return f"{low}-{high}"
        case Prefix(network):
            return str(network)
        case Together(items):
            if len(items) != len(fields):
                return " . ".join(_value(("",), item) for item in items)
            pairs = zip(fields, items, strict=True)
            return " . ".join(_value((field,), item) for field, item in pairs)
    assert_never(value)


def _map(fields: tuple[str, ...], elements: tuple[MapElement, ...]) -> str:
    return _braces([f"{_value(fields, e.key)} : {_data(e)}" for e in elements])


def _data(element: MapElement) -> str:
    if element.verdict is not None:
        return statement_text(element.verdict)
    return " . ".join(str(part) for part in (element.address, element.port) if part is not None)


def _translate(statement: Translate) -> str:
    version = {4: " ip", 6: " ip6", None: ""}[statement.version]
    if statement.map is not None or statement.elements:
        named = statement.map
        rows = _map(statement.fields, statement.elements) if named is None else f"@{named.name}"
        return f"{statement.kind}{version} to {fields_text(statement.fields)} map {rows}"
    address = "" if statement.address is None else str(statement.address)
    if statement.port is None:
        target = address
    else:
        is6 = statement.address is not None and statement.address.version == 6  # noqa: PLR2004
        target = f"[{address}]:{statement.port}" if is6 else f"{address}:{statement.port}"
    return f"{statement.kind}{version} to {target}" if target else statement.kind
