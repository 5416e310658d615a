"""Files of bbolt, the key-value store of Docker, read without its lock and without a library.

Layout: go.etcd.io/bbolt, page.go and bucket.go. Numbers are in the order of the machine that wrote
them: little-endian everywhere that Docker runs today, but for s390x.
"""

from collections.abc import Iterator
from struct import Struct, error

_PAGE = Struct("<QHHI")
"""Number, flags, elements, further pages."""
_BRANCH_ELEMENT = Struct("<IIQ")
"""Where the key is, counted from this element; its size; the page below."""
_LEAF_ELEMENT = Struct("<IIII")
"""Flags; where the key is, counted from this element; sizes of key and value."""
_META = Struct("<IIIIQQQQQQ")
"""Magic, version, page size, flags, root page, sequence, free list, pages, transaction, sum."""
_BUCKET = Struct("<QQ")
"""Root page, 0 where the only page follows at once; sequence."""
_IS_BRANCH, _IS_LEAF = 0x01, 0x02
_IS_BUCKET = 0x01
_MAGIC, _VERSION, _SUM_SIZE = 0xED0CDAED, 2, 8
_FNV_OFFSET, _FNV_PRIME, _64_BITS = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
_DEPTH_MAX = 64
"""No sound tree is as high: this one leads in circles."""

Entry = tuple[tuple[bytes, ...], bytes]
"""The names of the buckets, then the key; and the value."""


def read_entries(data: bytes) -> Iterator[Entry]:
    """Every key of every bucket of a file, as of its last whole transaction.

    Raises ValueError where it is no such file, or pages were reused while it was read.
    """
    size, root = _newest_root(data)
    try:
        yield from _Pages(data, size).entries(data, root * size, (), 0)
    except (error, OverflowError) as cause:  # the latter where 64 bits of a page number are wrong
        raise ValueError(f"a page leads out of the file: {cause}") from cause


def _newest_root(data: bytes) -> tuple[int, int]:
    """Page size and root page, by the younger of those two headers that are whole."""
    found: list[tuple[int, int, int]] = []
    for page_size in (0, *(1 << power for power in range(9, 17))):
        body = data[page_size + _PAGE.size :][: _META.size]
        if len(body) < _META.size:
            continue
        magic, version, size, _, root, _, _, _, transaction, checked = _META.unpack(body)
        is_it = (magic, version) == (_MAGIC, _VERSION) and page_size in (0, size)
        if is_it and checked == _fnv1a(body[:-_SUM_SIZE]):
            found.append((transaction, size, root))
    if not found:
        raise ValueError("not a file of bbolt, or torn")
    _, size, root = max(found)
    return size, root


def _fnv1a(data: bytes) -> int:
    value = _FNV_OFFSET
    for octet in data:
        value = ((value ^ octet) * _FNV_PRIME) & _64_BITS
    return value


class _Pages:
    """A file in pages."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size

    def entries(
        self, buffer: bytes, at: int, way: tuple[bytes, ...], depth: int
    ) -> Iterator[Entry]:
        """All below one page, which is in the file or inside the value of a small bucket."""
        if depth > _DEPTH_MAX:
            raise ValueError("pages lead in circles")
        _, flags, count, _ = _PAGE.unpack_from(buffer, at)
        first = at + _PAGE.size
        if flags & _IS_BRANCH:
            for n in range(count):
                *_, below = _BRANCH_ELEMENT.unpack_from(buffer, first + n * _BRANCH_ELEMENT.size)
                yield from self.entries(self._data, below * self._size, way, depth + 1)
        elif flags & _IS_LEAF:
            for n in range(count):
                yield from self._leaf(buffer, first + n * _LEAF_ELEMENT.size, way, depth)
        else:
            raise ValueError(f"a page of unknown kind {flags:#x}")

    def _leaf(self, buffer: bytes, at: int, way: tuple[bytes, ...], depth: int) -> Iterator[Entry]:
        marks, offset, key_size, value_size = _LEAF_ELEMENT.unpack_from(buffer, at)
        start = at + offset
        end = start + key_size + value_size
        if end > len(buffer):
            raise ValueError("a value leads out of the file")
        key, value = buffer[start : start + key_size], buffer[start + key_size : end]
        if not marks & _IS_BUCKET:
            yield (*way, key), value
            return
        root, _ = _BUCKET.unpack_from(value)
        inner, place = (self._data, root * self._size) if root else (value, _BUCKET.size)
        yield from self.entries(inner, place, (*way, key), depth + 1)
