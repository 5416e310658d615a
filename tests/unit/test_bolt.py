"""Files of bbolt: a tree of pages built here in the layout of its page.go, read back."""

from __future__ import annotations

from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.wire.bolt import read_entries

PAGE = 4096
BRANCH, LEAF, META, IS_BUCKET = 0x01, 0x02, 0x04, 0x01

Tree = dict[bytes, "bytes | Tree"]
keys = st.binary(min_size=1, max_size=40)
trees = st.recursive(
    st.dictionaries(keys, st.binary(max_size=60), max_size=5),
    lambda inner: st.dictionaries(keys, st.binary(max_size=60) | inner, max_size=4),
    max_leaves=12,
)


def fnv1a(data: bytes) -> int:
    value = 14695981039346656037
    for octet in data:
        value = (value ^ octet) * 1099511628211 % 2**64
    return value


def meta(number: int, root: int, transaction: int) -> bytes:
    body = pack("<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, root, 0, 2, 99, transaction)
    page = pack("<QHHI", number, META, 0, 0) + body + pack("<Q", fnv1a(body))
    return page.ljust(PAGE, b"\0")


class File:
    """Writes pages one after another; small buckets stay in the value of their key."""

    def __init__(self, *, inline: bool) -> None:
        self.inline = inline
        self.pages: list[bytes] = [b"", b"", bytes(PAGE)]

    def add(self, page: bytes) -> int:
        number = len(self.pages)
        size = -(-len(page) // PAGE) * PAGE
        whole = page.ljust(size, b"\0")
        self.pages += [whole[n : n + PAGE] for n in range(0, size, PAGE)]
        return number

    def leaf(self, tree: Tree) -> bytes:
        head = pack("<QHHI", 0, LEAF, len(tree), 0)
        elements, content = b"", b""
        for n, (key, value) in enumerate(sorted(tree.items())):
            flags, data = (0, value) if isinstance(value, bytes) else self.bucket(value)
            offset = (len(tree) - n) * 16 + len(content)
            elements += pack("<IIII", flags, offset, len(key), len(data))
            content += key + data
        return head + elements + content

    def bucket(self, tree: Tree) -> tuple[int, bytes]:
        if self.inline:
            return IS_BUCKET, pack("<QQ", 0, 0) + self.leaf(tree)
        return IS_BUCKET, pack("<QQ", self.add(self.leaf(tree)), 0)

    def branch(self, parts: list[Tree]) -> bytes:
        below = [self.add(self.leaf(part)) for part in parts]
        head = pack("<QHHI", 0, BRANCH, len(parts), 0)
        return head + b"".join(pack("<IIQ", 0, 0, number) for number in below)

    def data(self, root: int) -> bytes:
        self.pages[0], self.pages[1] = meta(0, 2, 7), meta(1, root, 8)
        return b"".join(self.pages)


def flat(tree: Tree, way: tuple[bytes, ...] = ()) -> dict[tuple[bytes, ...], bytes]:
    found: dict[tuple[bytes, ...], bytes] = {}
    for key, value in tree.items():
        found |= {(*way, key): value} if isinstance(value, bytes) else flat(value, (*way, key))
    return found


@given(tree=trees, inline=st.booleans())
def test_all_buckets_are_read(tree: Tree, *, inline: bool) -> None:
    file = File(inline=inline)
    root = file.add(file.leaf(tree))
    assert dict(read_entries(file.data(root))) == flat(tree)


def test_branches_are_followed() -> None:
    file = File(inline=False)
    root = file.add(file.branch([{b"a": b"1"}, {b"b": {b"c": b"2"}}]))
    assert dict(read_entries(file.data(root))) == {(b"a",): b"1", (b"b", b"c"): b"2"}


def test_a_torn_header_gives_way_to_the_older_one() -> None:
    file = File(inline=False)
    old, new = file.add(file.leaf({b"k": b"old"})), file.add(file.leaf({b"k": b"new"}))
    whole = file.data(new)
    assert dict(read_entries(whole)) == {(b"k",): b"new"}
    torn = meta(0, old, 7) + whole[PAGE : PAGE + 60] + b"\xff" + whole[PAGE + 61 :]
    assert dict(read_entries(torn)) == {(b"k",): b"old"}


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"SQLite format 3\0" * 1000])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="bbolt"):
        list(read_entries(data))


def test_a_page_that_leads_to_itself_is_refused() -> None:
    file = File(inline=False)
    root = file.add(pack("<QHHI", 0, BRANCH, 1, 0) + pack("<IIQ", 0, 0, 3))
    with pytest.raises(ValueError, match="circles"):
        list(read_entries(file.data(root)))


@given(tree=trees, cut=st.integers(min_value=0), noise=st.binary(max_size=200))
def test_what_is_overwritten_raises_nothing_else(tree: Tree, cut: int, noise: bytes) -> None:
    file = File(inline=True)
    data = file.data(file.add(file.leaf(tree)))
    at = 2 * PAGE + cut % (len(data) - 2 * PAGE)
    with suppress(ValueError):
        list(read_entries(data[:at] + noise + data[at + len(noise) :]))
