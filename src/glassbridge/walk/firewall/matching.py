"""Whether a rule's match holds for a packet: yes, no, or None where it cannot be known."""

from collections.abc import Mapping
from typing import assert_never

from glassbridge.model.ruleset import (
    Compare,
    ListedSet,
    Match,
    NamedSet,
    Plain,
    Range,
    Unevaluated,
    Value,
)
from glassbridge.walk.firewall.elements import contains, contains_any
from glassbridge.walk.firewall.fields import read
from glassbridge.walk.firewall.sight import Lack, Reading, Shown, Sight, show_number
from glassbridge.walk.firewall.words import number_of

Sets = Mapping[str, ListedSet]
"""Of the rule's table, by name."""


def holds(match: Match, sight: Sight, sets: Sets) -> bool | None:
    """Evaluate one match."""
    match match:
        case Unevaluated(text):
            return assumed(text)
        case Compare():
            return _compare(match, sight, sets)
    assert_never(match)


def assumed(text: str) -> bool | None:
    """What a match says that is not evaluated: rates and quotas are taken not to be used up."""
    words = text.split()
    if not words or words[0] not in ("limit", "quota", "connlimit", "hashlimit"):
        return None
    return "over" not in words


def read_all(fields: tuple[str, ...], mask: int | None, sight: Sight) -> tuple[Reading, ...]:
    """What all fields show, masked."""
    readings = tuple([read(field, sight) for field in fields])
    if mask is None:
        return readings
    return tuple(
        show_number(field, reading.number & mask)
        if isinstance(reading, Shown) and reading.number is not None
        else reading
        for field, reading in zip(fields, readings, strict=True)
    )


def _compare(match: Compare, sight: Sight, sets: Sets) -> bool | None:
    readings = read_all(match.fields, match.mask, sight)
    if Lack.ABSENT in readings:
        return False
    match match.operator:
        case "==" | "!=":
            found = _is_one_of(match, readings, sets)
            return found if match.operator == "==" or found is None else not found
        case "in":
            return _any_bit(match, readings)
        case operator:
            return _ordered(operator, match, readings)


def _is_one_of(match: Compare, readings: tuple[Reading, ...], sets: Sets) -> bool | None:
    if not isinstance(match.values, NamedSet):
        return contains_any(match.values, match.fields, readings)
    named = sets.get(match.values.name)
    return None if named is None else contains(named, match.fields, readings)


def _any_bit(match: Compare, readings: tuple[Reading, ...]) -> bool | None:
    (reading,) = readings
    if isinstance(match.values, NamedSet) or isinstance(reading, Lack) or reading.number is None:
        return None
    bits = 0
    for value in match.values:
        number = _number(value, match.fields[0])
        if number is None:
            return None
        bits |= number
    return bool(reading.number & bits)


def _ordered(operator: str, match: Compare, readings: tuple[Reading, ...]) -> bool | None:
    (reading,) = readings
    if isinstance(match.values, NamedSet) or isinstance(reading, Lack) or reading.number is None:
        return None
    limit = _number(match.values[0], match.fields[0])
    if limit is None:
        return None
    number = reading.number
    answers = {
        "<": number < limit,
        ">": number > limit,
        "<=": number <= limit,
        ">=": number >= limit,
    }
    return answers.get(operator)


def _number(value: Value, field: str) -> int | None:
    match value:
        case Plain(text):
            return number_of(field, text)
        case Range(low, high) if low == high:
            return low
        case _:
            return None
