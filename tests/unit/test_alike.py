"""Attributes by a remembered layout are the same as attributes taken one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from glassbridge.wire.alike import Attributes
from glassbridge.wire.netlink import attribute, attributes

KINDS = st.integers(1, 6)
BODIES = st.lists(st.tuples(KINDS, st.binary(max_size=9)), max_size=6)
START = 8


def message(body: list[tuple[int, bytes]]) -> bytes:
    return bytes(START) + b"".join(attribute(kind, payload) for kind, payload in body)


def plainly(data: bytes, wanted: set[int]) -> dict[int, bytes]:
    return {k: v for k, v in attributes(data, START).items() if k in wanted}


@given(st.sets(KINDS), st.lists(BODIES, max_size=8))
def test_the_same_is_found(wanted: set[int], bodies: list[list[tuple[int, bytes]]]) -> None:
    read = Attributes(START, wanted)
    for body in [*bodies, *bodies]:
        data = message(body)
        assert read(data) == plainly(data, wanted)


@given(st.sets(KINDS), BODIES, st.data())
def test_what_only_looks_alike_is_not_mistaken(
    wanted: set[int], body: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    """A message of the same size whose headers are others, or nonsense."""
    read = Attributes(START, wanted)
    first = message(body)
    read(first)
    read(first)
    octets = bytearray(first)
    for _ in range(data.draw(st.integers(1, 3))):
        if len(octets) > START:
            place = data.draw(st.integers(START, len(octets) - 1))
            octets[place] = data.draw(st.integers(0, 255))
    changed = bytes(octets)
    assert read(changed) == plainly(changed, wanted)
    cut = first[: data.draw(st.integers(START, len(first)))]
    assert read(cut) == plainly(cut, wanted)


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    read = Attributes(0, {1, 2, 3})
    expected = {k: v for k, v in attributes(data).items() if k in {1, 2, 3}}
    assert read(data) == expected
    assert read(data) == expected
