"""Messages of one dump look alike: where attributes stand in one, they stand in the next.

A dump of a thousand links has fifty thousand attributes. Taken apart one by one they cost more
than all else that is done with them; by a layout that was seen before, a quarter of it.
"""

from collections.abc import Callable, Collection
from operator import itemgetter
from struct import Struct as Layout
from typing import Any, NamedTuple

from glassbridge.wire.netlink import attributes

_LAYOUTS_MAX = 64
_HEADER_SIZE, _TYPE_MASK = 4, 0x3FFF
_header = Layout("=HH")

Pick = Callable[[tuple[bytes, ...]], Any]


class _Seen(NamedTuple):
    """One layout: messages of this size whose headers are these."""

    parts: Layout
    """Every header, and the payloads that are wanted."""
    headers: Pick
    expected: object
    payloads: Pick
    kinds: tuple[int, ...]


class Attributes:
    """Reads the wanted attributes behind a fixed header; of repeated ones the last."""

    def __init__(self, start: int, wanted: Collection[int]) -> None:
        self._start, self._wanted = start, frozenset(wanted)
        self._seen: dict[int, _Seen] = {}

    def __call__(self, data: bytes) -> dict[int, bytes]:
        """What wire.netlink.attributes finds, of those that are wanted."""
        seen = self._seen.get(len(data))
        if seen is not None:
            parts = seen.parts.unpack_from(data)
            if seen.headers(parts) == seen.expected:
                return dict(zip(seen.kinds, seen.payloads(parts), strict=True))
        if len(self._seen) < _LAYOUTS_MAX:
            learned = self._learn(data)
            if learned is not None:
                self._seen[len(data)] = learned
        found = attributes(data, self._start)
        return {k: v for k, v in found.items() if k in self._wanted}

    def _learn(self, data: bytes) -> _Seen | None:
        """The layout of a message; None for one that has too little in it to be worth it."""
        words, kinds = [f"={self._start}x"], []
        headers, payloads = [], []
        position, end, place = self._start, len(data), 0
        while position + _HEADER_SIZE <= end:
            size, kind = _header.unpack_from(data, position)
            if size < _HEADER_SIZE or position + size > end:
                break
            headers.append(place)
            place += 1
            padding = -size & 3
            if kind & _TYPE_MASK in self._wanted:
                kinds.append(kind & _TYPE_MASK)
                payloads.append(place)
                place += 1
                words.append(f"4s{size - _HEADER_SIZE}s{padding}x")
            else:
                words.append(f"4s{size - _HEADER_SIZE + padding}x")
            position += size + padding
        if len(headers) < 2 or len(payloads) < 2 or position > end:  # noqa: PLR2004 - itemgetter of one is no tuple
            return None
        parts = Layout("".join(words))
        if parts.size > end:
            return None
        pick = itemgetter(*headers)
        return _Seen(
            parts, pick, pick(parts.unpack_from(data)), itemgetter(*payloads), tuple(kinds)
        )
