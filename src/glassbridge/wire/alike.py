"""Messages of one dump look alike: where attributes stand in one, they stand in the next.

A dump of a thousand links has fifty thousand attributes. Taken apart one by one they cost more
than all else that is done with them; by a layout that was seen before, a quarter of it.
"""

from collections.abc import Collection
from struct import Struct as Layout
from typing import NamedTuple

from glassbridge.wire.netlink import attributes

_LAYOUTS_MAX = 64
_HEADER_SIZE, _TYPE_MASK = 4, 0x3FFF
_ALL_BITS = b"\xff"
_header = Layout("=HH")


class _Seen(NamedTuple):
    """One layout: messages of one size with these headers at these places."""

    mask: int
    """The headers' bits of a whole message, taken as one number: to compare them is one step."""
    headers: int
    payloads: Layout
    """Those that are wanted."""
    kinds: tuple[int, ...]


class Attributes:
    """Reads the wanted attributes behind a fixed header; of repeated ones the last."""

    def __init__(self, start: int, wanted: Collection[int]) -> None:
        self._start, self._wanted = start, frozenset(wanted)
        self._seen: dict[int, _Seen] = {}

    def __call__(self, data: bytes) -> dict[int, bytes]:
        """What wire.netlink.attributes finds, of those that are wanted."""
        seen = self._seen.get(len(data))
        if seen is not None and int.from_bytes(data, "little") & seen.mask == seen.headers:
            return dict(zip(seen.kinds, seen.payloads.unpack_from(data), strict=True))
        if len(self._seen) < _LAYOUTS_MAX:
            learned = self._learn(data)
            if learned is not None:
                self._seen[len(data)] = learned
        found = attributes(data, self._start)
        return {k: v for k, v in found.items() if k in self._wanted}

    def _learn(self, data: bytes) -> _Seen | None:
        """The layout of a message; None for one that ends in the middle of an attribute."""
        words, kinds = [f"={self._start}x"], []
        mask = bytearray(len(data))
        position, end = self._start, len(data)
        while position + _HEADER_SIZE <= end:
            size, kind = _header.unpack_from(data, position)
            if size < _HEADER_SIZE or position + size > end:
                return None
            mask[position : position + _HEADER_SIZE] = _ALL_BITS * _HEADER_SIZE
            payload, padding = size - _HEADER_SIZE, -size & 3
            if kind & _TYPE_MASK in self._wanted:
                kinds.append(kind & _TYPE_MASK)
                words.append(f"{_HEADER_SIZE}x{payload}s{padding}x")
            else:
                words.append(f"{_HEADER_SIZE + payload + padding}x")
            position += size + padding
        payloads, bits = Layout("".join(words)), int.from_bytes(mask, "little")
        if payloads.size > end:
            return None
        return _Seen(bits, int.from_bytes(data, "little") & bits, payloads, tuple(kinds))
