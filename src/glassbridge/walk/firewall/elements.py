"""Sets and maps of thousands of elements: which of them a packet's fields hit."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

from msgspec import Struct

from glassbridge.model.ruleset import ListedSet, MapElement, Plain, Together, Value
from glassbridge.walk.firewall.sight import Reading, Shown
from glassbridge.walk.firewall.values import fits

_FEW = 8
"""So many elements are looked through one by one; more are worth an index."""
_SETS_REMEMBERED = 128


class Hit(Struct, frozen=True):
    """An element that the fields show, by its place; `is_certain` False: they may show it."""

    place: int
    is_certain: bool


def contains(
    found: ListedSet, fields: tuple[str, ...], readings: tuple[Reading, ...]
) -> bool | None:
    """Whether a set has an element that the fields show."""
    values = keys_of(found.elements) if found.is_map else found.values
    answer = contains_any(values, fields, readings)
    return None if answer is False and not found.is_complete else answer


def contains_any(
    values: Sequence[Value], fields: tuple[str, ...], readings: tuple[Reading, ...]
) -> bool | None:
    """Whether one of some values is what the fields show."""
    answer: bool | None = False
    for place in _places(values, readings):
        fit = fits(values[place], fields, readings)
        if fit:
            return True
        if fit is None:
            answer = None
    return answer


def keys_of(elements: tuple[MapElement, ...]) -> tuple[Value, ...]:
    """The keys of a map's elements."""
    return _keys(_Same(elements))


def find(
    values: Sequence[Value], fields: tuple[str, ...], readings: tuple[Reading, ...]
) -> Iterator[Hit]:
    """The elements that the fields show, or may show, in the order of the listing."""
    for place in _places(values, readings):
        fit = fits(values[place], fields, readings)
        if fit is not False:
            yield Hit(place, is_certain=fit is True)


def _places(values: Sequence[Value], readings: tuple[Reading, ...]) -> Sequence[int]:
    """Of the elements that are worth a look."""
    if len(values) > _FEW and isinstance(values, tuple):
        return _index(_Same(values)).candidates(readings)
    return range(len(values))


class _Same:
    """A value known by its identity: hashing thousands of elements would cost what it saves."""

    __slots__ = ("value",)

    def __init__(self, value: tuple[object, ...]) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


class _Index:
    """Elements by their texts; ranges, prefixes and patterns stay to be looked through."""

    __slots__ = ("_by_texts", "_others", "_values")

    def __init__(self, values: tuple[Value, ...]) -> None:
        self._values = values
        self._by_texts: dict[tuple[str, ...], list[int]] = {}
        self._others: list[int] = []
        for place, value in enumerate(values):
            texts = _texts(value)
            if texts is None:
                self._others.append(place)
            else:
                self._by_texts.setdefault(texts, []).append(place)

    def candidates(self, readings: tuple[Reading, ...]) -> Sequence[int]:
        """Places of the elements that may be shown."""
        shown = [r.texts for r in readings if isinstance(r, Shown)]
        if len(shown) != len(readings):
            return range(len(self._values))
        exact = [p for texts in product(*shown) for p in self._by_texts.get(texts, ())]
        return sorted({*exact, *self._others})


def _texts(value: Value) -> tuple[str, ...] | None:
    parts = value.items if isinstance(value, Together) else (value,)
    texts = tuple(p.value for p in parts if isinstance(p, Plain) and not p.value.endswith("*"))
    return texts if len(texts) == len(parts) else None


@lru_cache(maxsize=_SETS_REMEMBERED)
def _index(same: _Same) -> _Index:
    values: tuple[Value, ...] = same.value  # type: ignore[assignment]  # only tuples of values come
    return _Index(values)


@lru_cache(maxsize=_SETS_REMEMBERED)
def _keys(same: _Same) -> tuple[Value, ...]:
    elements: tuple[MapElement, ...] = same.value  # type: ignore[assignment]  # of a map
    return tuple(element.key for element in elements)
