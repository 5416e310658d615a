"""Expressions of nft's JSON (libnftables-json(5)): fields, values, and matches made of them."""

import json
from ipaddress import ip_address, ip_network
from typing import Any

from glassbridge.model.ruleset import (
    AddressRange,
    Compare,
    Match,
    NamedSet,
    Plain,
    Prefix,
    Range,
    Together,
    Unevaluated,
    Value,
)
from glassbridge.walk.firewall.words import number_of

Single = Range | AddressRange | Prefix | Plain
Json = Any
"""One expression as decoded: an object with one key, a list, or a plain value."""

_BITS = ("ct state", "ct status", "tcp flags")
"""Fields whose words are bits: a list of words is all of them together."""


_NEVER_KNOWN = {"rt", "socket", "numgen", "jhash", "symhash", "osf", "exthdr", "tcp option"}
"""Fields that nothing tells beforehand: they keep their text."""


class NotUnderstood(Exception):
    """An expression that has no form in model.ruleset; its rule keeps it as text."""


def quote(expression: Json) -> str:
    """An expression that is not evaluated, as text."""
    if isinstance(expression, dict) and len(expression) == 1:
        ((word, inside),) = expression.items()
        if inside is None or inside == {}:
            return str(word)
        if isinstance(inside, str | int):
            return f"{word} {inside}"
        if isinstance(inside, dict):
            return f"{word} {' '.join(f'{key} {_inner(value)}' for key, value in inside.items())}"
    return _inner(expression)


def _inner(value: Json) -> str:
    return str(value) if isinstance(value, str | int) else json.dumps(value)


def fields(expression: Json) -> tuple[str, ...]:
    """The fields of an expression, several where they stand side by side."""
    match expression:
        case {"concat": list(parts)}:
            return tuple(field(part) for part in parts)
        case _:
            return (field(expression),)


def field(expression: Json) -> str:  # noqa: PLR0911 - one arm each
    """One field by nft's words; raises NotUnderstood."""
    match expression:
        case {"meta": {"key": str(key)}}:
            return f"meta {key}"
        case {"payload": {"protocol": str(protocol), "field": str(name)}}:
            return f"{protocol} {name}"
        case {"payload": {"base": str(base), "offset": int(offset), "len": int(length)}}:
            return f"@{base},{offset},{length}"
        case {"ct": {"key": str(key), "dir": str(direction)}}:
            return f"ct {direction} {key}"
        case {"ct": {"key": str(key)}}:
            return f"ct {key}"
        case {"fib": {"result": str(result), "flags": list(flags)}}:
            return f"fib {' . '.join(_fib_flags(flags))} {result}"
        case {"fib": {"result": str(result), "flags": str(flag)}}:
            return f"fib {flag} {result}"
        case {**inside} if inside.keys() & _NEVER_KNOWN:
            return quote(expression)
        case _:
            raise NotUnderstood(quote(expression))


def _fib_flags(flags: list[str]) -> list[str]:
    order = ("saddr", "daddr", "mark", "iif", "oif")
    return sorted(flags, key=order.index)


def masked_field(expression: Json) -> tuple[tuple[str, ...], int | None]:
    """The fields of a comparison's left side, and the mask of a single one."""
    match expression:
        case {"&": [left, mask]}:
            name = field(left)
            return (name,), _bits(name, mask)
        case _:
            return fields(expression), None


def _bits(name: str, words: Json) -> int:
    """A number, or words that stand for bits, one or several."""
    match words:
        case bool():
            raise NotUnderstood(quote(words))
        case int():
            return words
        case str():
            number = number_of(name, words)
            if number is None:
                raise NotUnderstood(words)
            return number
        case list():
            return _union(name, words)
        case {"|": list(both)}:
            return _union(name, both)
        case _:
            raise NotUnderstood(quote(words))


def _union(name: str, words: list[Json]) -> int:
    bits = 0
    for word in words:
        bits |= _bits(name, word)
    return bits


def match_of(operator: str, left: Json, right: Json) -> Match:
    """A comparison; what cannot be understood is Unevaluated."""
    try:
        names, mask = masked_field(left)
        if isinstance(right, str) and right.startswith("@"):
            return Compare(names, NamedSet(right[1:]), operator, mask)
        if operator == "!":  # none of these bits
            return Compare(names, (Plain("0"),), "==", _bits(names[0], right))
        if operator != "in" and names[0] in _BITS and isinstance(right, list | dict):
            return Compare(names, _bit_values(names[0], right), operator, mask)
        return Compare(names, values(right), operator, mask)
    except NotUnderstood:
        return Unevaluated(f"{quote(left)} {operator} {quote(right)}")


def _bit_values(name: str, right: Json) -> tuple[Value, ...]:
    if isinstance(right, dict) and "set" in right:
        return values(right)
    return (Plain(str(_bits(name, right))),)


def values(expression: Json) -> tuple[Value, ...]:
    """The values that a comparison names, any of which will do."""
    match expression:
        case {"set": list(elements)}:
            return tuple(value(element) for element in elements)
        case {"set": single}:
            return (value(single),)
        case list():
            return tuple(value(element) for element in expression)
        case _:
            return (value(expression),)


def value(expression: Json) -> Value:
    """One value; raises NotUnderstood."""
    match expression:
        case {"elem": {"val": inside}}:
            return value(inside)
        case {"concat": list(parts)}:
            return Together(tuple(_single(part) for part in parts))
        case _:
            return _single(expression)


def _single(expression: Json) -> Single:  # noqa: PLR0911 - one arm each
    match expression:
        case bool():
            return Plain("exists" if expression else "missing")
        case int():
            return Plain(str(expression))
        case str() if expression.startswith("0x"):  # a number too large for nft's JSON
            return Plain(str(int(expression, 16)))
        case str():
            return Plain(expression)
        case {"prefix": {"addr": str(address), "len": int(length)}}:
            return Prefix(_network(address, length))
        case {"range": [int(low), int(high)]}:
            return Range(low, high)
        case {"range": [str(low), str(high)]}:
            return _address_range(low, high)
        case _:
            raise NotUnderstood(quote(expression))


def _network(address: str, length: int) -> Any:  # noqa: ANN401 - either family, told by ipaddress
    try:
        return ip_network((address, length), strict=False)
    except ValueError as error:
        raise NotUnderstood(f"{address}/{length}") from error


def _address_range(low: str, high: str) -> AddressRange:
    try:
        return AddressRange(ip_address(low), ip_address(high))
    except ValueError as error:
        raise NotUnderstood(f"{low}-{high}") from error
