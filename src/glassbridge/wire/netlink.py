"""Netlink messages and attributes as bytes; knows the format (linux/netlink.h), no meaning.

Numbers are in host byte order unless a name ends in `be`. Attributes are plain bytes in a dict:
a class per attribute would cost more than the kernel call that it serves.
"""

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct as Layout
from typing import Literal, NamedTuple

from msgspec import Struct

NLMSG_ERROR, NLMSG_DONE = 2, 3

NLM_F_REQUEST, NLM_F_ACK = 0x01, 0x04
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200

_NESTED = 0x8000
_TYPE_MASK = 0x3FFF
_ERROR_TEXT = 1

HEADER_SIZE = 16

_ASKED = NLM_F_REQUEST | NLM_F_ACK

_message_header = Layout("=IHHII")
_attribute_header = Layout("=HH")
_attribute_u8 = Layout("=HHBxxx")
_attribute_u32 = Layout("=HHI")
_i32 = Layout("=i")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
_BYTE_ORDER: Literal["little", "big"] = "little" if Layout("=H").pack(1)[0] else "big"


class Request(Struct, frozen=True):
    """One message without its sequence number: the socket that sends it gives it one."""

    message_type: int
    flags: int
    body: bytes


class Message(NamedTuple):
    """One received message."""

    message_type: int
    flags: int
    sequence: int
    port_id: int
    body: bytes


class Refusal(NamedTuple):
    """What the kernel answered to a request that it did not carry out."""

    errno: int
    text: str
    """The extended acknowledgement (`Device does not exist`), empty where there is none."""


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded."""
    size = len(payload)
    return _attribute_header.pack(size + 4, kind) + payload + _PADDING[size & 3]


def attribute_u8(kind: int, value: int) -> bytes:
    """One attribute that holds 8 bits."""
    return _attribute_u8.pack(5, kind, value)


def attribute_u32(kind: int, value: int) -> bytes:
    """One attribute that holds 32 bits."""
    return _attribute_u32.pack(8, kind, value)


def attribute_text(kind: int, text: str) -> bytes:
    """One attribute that holds text with its closing zero."""
    return attribute(kind, text.encode() + b"\0")


def nest(kind: int, *attributes: bytes) -> bytes:
    """One attribute made of others."""
    return attribute(kind | _NESTED, b"".join(attributes))


def encode(requests: Sequence[Request], first_sequence: int) -> bytes:
    """Messages for one send, numbered upwards; the last one asks for an acknowledgement.

    One is enough: a failed message is always answered, and messages are taken in order.
    """
    parts: list[bytes] = []
    sequence = first_sequence
    last = first_sequence + len(requests) - 1
    for request in requests:
        body = request.body
        size = len(body)
        flags = request.flags | (_ASKED if sequence == last else NLM_F_REQUEST)
        parts.append(
            _message_header.pack(size + HEADER_SIZE, request.message_type, flags, sequence, 0)
        )
        parts.append(body)
        if size & 3:
            parts.append(_PADDING[size & 3])
        sequence += 1
    return b"".join(parts)


def messages(received: bytes) -> Iterator[Message]:
    """Take one datagram apart; a header whose length is impossible ends it."""
    position, end = 0, len(received)
    while position + HEADER_SIZE <= end:
        size, kind, flags, sequence, port_id = _message_header.unpack_from(received, position)
        if size < HEADER_SIZE or position + size > end:
            return
        body = received[position + HEADER_SIZE : position + size]
        yield Message(kind, flags, sequence, port_id, body)
        position += (size + 3) & ~3


def attributes(data: bytes, start: int = 0) -> dict[int, bytes]:
    """Attributes by their number, without the flag bits; of repeated ones the last."""
    found: dict[int, bytes] = {}
    end = len(data)
    unpack = _attribute_header.unpack_from
    while start + 4 <= end:
        size, kind = unpack(data, start)
        if size < 4 or start + size > end:  # noqa: PLR2004 - the header's own size
            break
        found[kind & _TYPE_MASK] = data[start + 4 : start + size]
        start += (size + 3) & ~3
    return found


def attribute_list(data: bytes, start: int = 0) -> list[tuple[int, bytes]]:
    """Attributes in their order: lists repeat one number."""
    found: list[tuple[int, bytes]] = []
    end = len(data)
    while start + 4 <= end:
        size, kind = _attribute_header.unpack_from(data, start)
        if size < 4 or start + size > end:  # noqa: PLR2004 - the header's own size
            break
        found.append((kind & _TYPE_MASK, data[start + 4 : start + size]))
        start += (size + 3) & ~3
    return found


def find_attribute(data: bytes, kind: int, start: int = 0) -> bytes | None:
    """The first attribute of that number; what follows it is not looked at."""
    end = len(data)
    unpack = _attribute_header.unpack_from
    while start + 4 <= end:
        size, found = unpack(data, start)
        if size < 4 or start + size > end:  # noqa: PLR2004 - the header's own size
            return None
        if found & _TYPE_MASK == kind:
            return data[start + 4 : start + size]
        start += (size + 3) & ~3
    return None


def number(payload: bytes) -> int:
    """An unsigned number of any width in host byte order."""
    return int.from_bytes(payload, _BYTE_ORDER)


def signed(payload: bytes) -> int:
    """A signed 32-bit number."""
    value: int = _i32.unpack(payload)[0]
    return value


def text(payload: bytes) -> str:
    """Text up to its closing zero; what is not UTF-8 is kept visible."""
    return payload.partition(b"\0")[0].decode(errors="backslashreplace")


def decode_acknowledgement(message: Message) -> Refusal | None:
    """Read an NLMSG_ERROR message, or the NLMSG_DONE of a dump; None is success."""
    body = message.body
    if len(body) < _i32.size:
        return None
    error = signed(body[: _i32.size])
    if error >= 0:
        return None
    return Refusal(-error, _extended_text(message))


def _extended_text(message: Message) -> str:
    if not message.flags & NLM_F_ACK_TLVS:
        return ""
    start = _i32.size
    if message.message_type == NLMSG_ERROR:
        echoed = HEADER_SIZE
        if not message.flags & NLM_F_CAPPED:
            echoed = int.from_bytes(message.body[4:8], _BYTE_ORDER)
        start += (echoed + 3) & ~3
    return text(attributes(message.body, start).get(_ERROR_TEXT, b""))


def split(requests: Iterable[Request], most_bytes: int, most_requests: int) -> list[list[Request]]:
    """Cut a batch into sends: neither the send nor the answers may overrun a socket buffer."""
    sends: list[list[Request]] = []
    size = most_bytes
    for request in requests:
        needed = HEADER_SIZE + len(request.body) + 3
        if size + needed > most_bytes or len(sends[-1]) >= most_requests:
            sends.append([])
            size = 0
        sends[-1].append(request)
        size += needed
    return sends
