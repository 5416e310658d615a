"""Elements of nftables sets and maps as netlink messages (linux/netfilter/nf_tables.h).

Numbers inside are in network byte order. A key or a datum is its components side by side, each
padded to four bytes when there is more than one.
"""

from collections.abc import Iterable, Sequence
from struct import Struct as Layout

from glassbridge.wire.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    Request,
    attribute,
    attribute_text,
    nest,
)

NFPROTO_INET, NFPROTO_BRIDGE = 1, 7
VERDICT_DROP, VERDICT_ACCEPT, VERDICT_JUMP, VERDICT_GOTO = 0, 1, -3, -4

_SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_GET_TABLE = _SUBSYSTEM << 8 | 1
_GET_GENERATION = _SUBSYSTEM << 8 | 16
_NEW_ELEMENTS, _DELETE_ELEMENTS = _SUBSYSTEM << 8 | 12, _SUBSYSTEM << 8 | 14

_TABLE_NAME = 1
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS, _LIST_ITEM = 1, 2, 3, 1
_ELEMENT_KEY, _ELEMENT_DATA = 1, 2
_DATA_VALUE, _DATA_VERDICT = 1, 2
_VERDICT_CODE, _VERDICT_CHAIN = 1, 2
_GENERATION_ID = 1

_nfgenmsg = Layout("!BBH")
_i32 = Layout("!i")

GENERATION = Request(_GET_GENERATION, 0, bytes(_nfgenmsg.size))
HEADER_SIZE = _nfgenmsg.size


def concatenate(components: Sequence[bytes]) -> bytes:
    """Components of a key or datum in one piece."""
    if len(components) == 1:
        return components[0]
    return b"".join(c + bytes(-len(c) & 3) for c in components)


def value(octets: bytes) -> bytes:
    """A datum of a map, or a key."""
    return attribute(_DATA_VALUE, octets)


def verdict(code: int, chain: str = "") -> bytes:
    """A datum of a verdict map."""
    target = attribute_text(_VERDICT_CHAIN, chain) if chain else b""
    return nest(_DATA_VERDICT, attribute(_VERDICT_CODE, _i32.pack(code)), target)


def element(key: bytes, datum: bytes = b"") -> bytes:
    """One element; `datum` as value() or verdict() made it, empty in a set."""
    data = nest(_ELEMENT_DATA, datum) if datum else b""
    return nest(_LIST_ITEM, nest(_ELEMENT_KEY, value(key)), data)


def add_elements(family: int, table: str, name: str, elements: Iterable[bytes]) -> Request:
    """Put elements in; one that is there with the same datum is no error (no NLM_F_EXCL)."""
    return Request(_NEW_ELEMENTS, NLM_F_CREATE, _element_list(family, table, name, elements))


def delete_elements(family: int, table: str, name: str, elements: Iterable[bytes]) -> Request:
    """Take elements out; one that is not there is an error."""
    return Request(_DELETE_ELEMENTS, 0, _element_list(family, table, name, elements))


def get_table(family: int, table: str) -> Request:
    """Ask for one table; ENOENT says that it is not there."""
    header = _nfgenmsg.pack(family, 0, 0)
    return Request(_GET_TABLE, 0, header + attribute_text(_TABLE_NAME, table))


def batch(requests: Sequence[Request]) -> list[Request]:
    """One transaction; the last request asks for its answer, the end of a batch may not have one.

    Kernels before 6.10 acknowledge no BATCH_END.
    """
    last = requests[-1]
    marker = _nfgenmsg.pack(0, 0, _SUBSYSTEM)
    return [
        Request(_BATCH_BEGIN, 0, marker),
        *requests[:-1],
        Request(last.message_type, last.flags | NLM_F_ACK, last.body),
        Request(_BATCH_END, 0, marker),
    ]


def decode_generation(found: dict[int, bytes]) -> int:
    """The number in an answer to GENERATION."""
    return int.from_bytes(found[_GENERATION_ID], "big")


def _element_list(family: int, table: str, name: str, elements: Iterable[bytes]) -> bytes:
    return b"".join(
        (
            _nfgenmsg.pack(family, 0, 0),
            attribute_text(_LIST_TABLE, table),
            attribute_text(_LIST_SET, name),
            nest(_LIST_ELEMENTS, *elements),
        )
    )
