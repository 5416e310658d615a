"""Offsets and enums out of BTF, against types that are laid out here by hand."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.wire.btf import Types

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST = range(1, 11)
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)
FLAGGED = 1 << 31


class Blob:
    """BTF in the making."""

    def __init__(self) -> None:
        self.types = b""
        self.text = b"\0"
        self.count = 0

    def name(self, name: str) -> int:
        if not name:
            return 0
        at = len(self.text)
        self.text += name.encode() + b"\0"
        return at

    def add(self, kind: int, name: str, members: int, size: int, *rest: int, flag: int = 0) -> int:
        words = [self.name(name), kind << 24 | members | flag, size, *rest]
        self.types += pack(f"={len(words)}I", *words)
        self.count += 1
        return self.count

    def struct(
        self, name: str, *members: tuple[str, int, int], kind: int = STRUCT, flag: int = 0
    ) -> int:
        rest = [w for n, of, bits in members for w in (self.name(n), of, bits)]
        return self.add(kind, name, len(members), 64, *rest, flag=flag)

    def octets(self) -> bytes:
        sizes = (0, len(self.types), len(self.types), len(self.text))
        return pack("=HBBIIIII", 0xEB9F, 1, 0, 24, *sizes) + self.types + self.text


FILLERS = (
    lambda b: b.add(INT, "int", 0, 4, 32),
    lambda b: b.add(PTR, "", 0, 1),
    lambda b: b.add(ARRAY, "", 0, 0, 1, 1, 4),
    lambda b: b.struct("other", ("x", 1, 0), ("y", 1, 32)),
    lambda b: b.struct("either", ("x", 1, 0), kind=UNION),
    lambda b: b.add(ENUM, "colours", 2, 4, 0, 7, 0, 8),
    lambda b: b.add(FWD, "later", 0, 0),
    lambda b: b.add(FUNC, "f", 0, 1),
    lambda b: b.add(FUNC_PROTO, "", 2, 1, 0, 1, 0, 1),
    lambda b: b.add(VAR, "v", 0, 1, 1),
    lambda b: b.add(DATASEC, ".data", 2, 8, 1, 0, 4, 1, 4, 4),
    lambda b: b.add(FLOAT, "double", 0, 8),
    lambda b: b.add(DECL_TAG, "tag", 0, 1, 5),
    lambda b: b.add(TYPE_TAG, "user", 0, 1),
    lambda b: b.add(ENUM64, "wide", 1, 8, 0, 1, 2),
)


@given(st.lists(st.sampled_from(FILLERS), max_size=30), st.lists(st.sampled_from(FILLERS)))
def test_a_member_is_found_whatever_stands_around_it(before: list, after: list) -> None:  # type: ignore[type-arg]  # functions of a Blob
    blob = Blob()
    for filler in before:
        filler(blob)
    inner = blob.count + 1
    blob.struct("ns_common", ("stashed", 0, 0), ("inum", 0, 192))
    blob.struct("net", ("count", 0, 0), ("ns", inner, 320))
    blob.add(ENUM, "skb_drop_reason", 2, 4, blob.name("SKB_A"), 2, blob.name("SKB_B"), 3)
    for filler in after:
        filler(blob)
    types = Types(blob.octets())
    assert types.offset("net", "ns.inum") == 40 + 24
    assert types.enumerators("skb_drop_reason") == {2: "SKB_A", 3: "SKB_B"}


def test_members_of_anonymous_structs_and_unions_are_the_outer_ones() -> None:
    blob = Blob()
    blob.struct("sk_buff", ("", 2, 64), ("sk", 0, 512))
    blob.struct("", ("next", 0, 0), ("", 3, 64), kind=UNION)
    blob.struct("", ("prev", 0, 0), ("dev", 0, 128))
    types = Types(blob.octets())
    assert types.offset("sk_buff", "dev") == 8 + 8 + 16
    assert types.offset("sk_buff", "sk") == 64


def test_typedefs_and_qualifiers_are_seen_through() -> None:
    blob = Blob()
    blob.struct("net_device", ("nd_net", 2, 128))
    blob.add(TYPEDEF, "possible_net_t", 0, 3)
    blob.add(CONST, "", 0, 4)
    blob.add(TYPE_TAG, "rcu", 0, 5)
    blob.struct("", ("net", 0, 64))
    assert Types(blob.octets()).offset("net_device", "nd_net.net") == 24


def test_a_struct_with_bitfields_keeps_their_width_beside_the_offset() -> None:
    blob = Blob()
    blob.struct("sk_buff", ("cloned", 0, 1 << 24 | 1000), ("mark", 0, 1024), flag=FLAGGED)
    assert Types(blob.octets()).offset("sk_buff", "mark") == 128


def test_what_is_missing_is_named() -> None:
    blob = Blob()
    blob.struct("sk_buff", ("head", 0, 0))
    blob.add(FWD, "net", 0, 0)
    types = Types(blob.octets())
    with pytest.raises(ValueError, match="no type sock"):
        types.offset("sock", "x")
    with pytest.raises(ValueError, match="no type net"):
        types.offset("net", "ns")  # declared, not defined
    with pytest.raises(ValueError, match=r"sk_buff has no tail"):
        types.offset("sk_buff", "tail")
    with pytest.raises(ValueError, match="no type number 0"):
        types.offset("sk_buff", "head.next")
    assert types.enumerators("skb_drop_reason") == {}


@pytest.mark.parametrize("octets", [b"", b"\x9f\xeb", bytes(40), b"\xeb\x9f" + bytes(40)])
def test_what_is_no_btf_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match="BTF"):
        Types(octets)
