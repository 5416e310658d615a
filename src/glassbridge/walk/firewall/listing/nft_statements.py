"""Statements of nft's JSON (libnftables-json(5)): verdicts, maps, NAT, marks."""

from ipaddress import ip_address
from typing import Any

from glassbridge.model.address import IPAddress
from glassbridge.model.ruleset import (
    Decide,
    LookUp,
    MapElement,
    NamedMap,
    NoTrack,
    Refuse,
    SetMark,
    Statement,
    Translate,
    Unevaluated,
    Value,
    Verdict,
)
from glassbridge.walk.firewall.listing.nft_expressions import (
    Json,
    NotUnderstood,
    fields,
    quote,
    value,
)

_SILENT = ("counter", "log", "comment", "last")
"""What says nothing about the packet."""
_PLAIN = {"accept", "drop", "return", "continue", "queue"}
"""Verdicts without a chain."""
_VERSIONS = {"ip": 4, "ip6": 6}
_ALL_BITS = 0xFFFFFFFF


def statement_of(expression: Json) -> Statement | None:
    """One statement; None where it says nothing about the packet."""
    ((word, inside),) = expression.items()
    if word in _SILENT:
        return None
    try:
        return _statement(word, inside, expression)
    except NotUnderstood:
        return Unevaluated(quote(expression))


def _statement(  # noqa: PLR0911 - one arm each
    word: str, inside: Json, expression: Json
) -> Statement:
    match word:
        case "accept" | "drop" | "return" | "continue" | "jump" | "goto" | "queue":
            return decide(expression)
        case "reject":
            return Refuse(_answer(inside or {}))
        case "vmap":
            return _look_up(inside)
        case "snat" | "dnat" | "masquerade" | "redirect":
            return _translate(word, inside or {})
        case "mangle":
            return _mangle(inside, expression)
        case "notrack":
            return NoTrack()
        case _:
            return Unevaluated(quote(expression))


def decide(expression: Json) -> Decide:
    """A verdict; raises NotUnderstood."""
    match expression:
        case {"jump": {"target": str(chain)}}:
            return Decide(Verdict.JUMP, chain)
        case {"goto": {"target": str(chain)}}:
            return Decide(Verdict.GOTO, chain)
        case {**inside} if len(inside) == 1 and inside.keys() <= _PLAIN:
            return Decide(Verdict(str(next(iter(inside)))))
        case _:
            raise NotUnderstood(quote(expression))


def _answer(inside: dict[str, Any]) -> str:
    return " ".join(str(inside[key]) for key in ("type", "expr") if key in inside)


def _look_up(inside: Json) -> LookUp:
    names = fields(inside["key"])
    match inside["data"]:
        case str(name):
            return LookUp(names, NamedMap(name.removeprefix("@")))
        case {"set": list(rows)}:
            return LookUp(names, tuple(element(row) for row in rows))
        case other:
            raise NotUnderstood(quote(other))


def element(row: Json) -> MapElement:
    """One row of a map: [key, data]; raises NotUnderstood."""
    key, data = row
    found: Value = value(key)
    match data:
        case str():
            return MapElement(found, address=address(data))
        case int():
            return MapElement(found, port=data)
        case {"concat": [str(text), int(port)]}:
            return MapElement(found, address=address(text), port=port)
        case {"elem": {"val": inside}}:
            return element([key, inside])
        case _:
            return MapElement(found, verdict=decide(data))


def address(text: str) -> IPAddress:
    """An address; raises NotUnderstood."""
    try:
        return ip_address(text)
    except ValueError as error:
        raise NotUnderstood(text) from error


def _translate(kind: str, inside: dict[str, Any]) -> Translate:
    """A range leaves the choice open; `random` flags only change ports that nobody asks for."""
    version = _VERSIONS.get(inside.get("family", ""))
    port = inside.get("port")
    is_exact = port is None or isinstance(port, int) or kind == "masquerade"
    exact_port = port if isinstance(port, int) else None
    match inside.get("addr"):
        case None:
            return Translate(kind, port=exact_port, version=version, is_exact=is_exact)
        case str(text):
            return Translate(kind, address(text), exact_port, version=version, is_exact=is_exact)
        case {"map": {"key": key, "data": str(name)}}:
            table = NamedMap(name.removeprefix("@"))
            return Translate(kind, port=exact_port, fields=fields(key), map=table, version=version)
        case {"map": {"key": key, "data": {"set": list(rows)}}}:
            elements = tuple(element(row) for row in rows)
            names = fields(key)
            return Translate(
                kind, port=exact_port, fields=names, elements=elements, version=version
            )
        case _:
            return Translate(kind, version=version, is_exact=False)


def _mangle(inside: Json, expression: Json) -> Statement:
    """`meta mark set` to a number, or to bits of itself changed; everything else is text."""
    match inside:
        case {"key": {"meta": {"key": "mark"}}, "value": source}:
            mask, number = _mark(source)
            return SetMark(number, mask)
        case {"key": {"ct": {"key": "mark"}}, "value": source}:
            return Unevaluated(f"ct mark set {quote(source)}")
        case _:
            return Unevaluated(quote(expression))


def _mark(source: Json) -> tuple[int, int]:
    """(mask, value) of (mark and mask) xor value."""
    match source:
        case bool():
            raise NotUnderstood(quote(source))
        case int():
            return 0, source
        case {"meta": {"key": "mark"}}:
            return _ALL_BITS, 0
        case {"&": [inner, int(kept)]}:
            mask, number = _mark(inner)
            return mask & kept, number & kept
        case {"|": [inner, int(bits)]}:
            mask, number = _mark(inner)
            return mask & ~bits & _ALL_BITS, number & ~bits | bits
        case {"^": [inner, int(bits)]}:
            mask, number = _mark(inner)
            return mask, number ^ bits
        case _:
            raise NotUnderstood(quote(source))
