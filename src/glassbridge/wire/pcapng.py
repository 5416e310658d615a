"""Capture files that Wireshark reads, as bytes (draft-ietf-opsawg-pcapng), little-endian."""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from struct import pack

from msgspec import Struct

LINKTYPE_ETHERNET = 1

_SECTION_HEADER, _INTERFACE, _NAMES, _PACKET = 0x0A0D0D0A, 1, 4, 6
_BYTE_ORDER = 0x1A2B3C4D
_LENGTH_UNKNOWN = 2**64 - 1
_NANOSECONDS = b"\x09"
"""if_tsresol: a power of ten."""
_OPTION_MAX = 2**16 - 1
_OPT_END, _OPT_COMMENT = 0, 1
_SHB_OS, _SHB_PROGRAM = 3, 4
_IF_NAME, _IF_DESCRIPTION, _IF_MAC, _IF_TSRESOL = 2, 3, 6, 9
_EPB_FLAGS, _EPB_PACKET_ID = 2, 5
_NAME_END, _NAME_OF = 0, {4: 1, 6: 2}


class Direction(IntEnum):
    """Bits 0 and 1 of epb_flags."""

    UNKNOWN = 0
    INBOUND = 1
    OUTBOUND = 2


class Reception(IntEnum):
    """Bits 2 to 4 of epb_flags: whom the frame was addressed to."""

    UNKNOWN = 0
    UNICAST = 1
    MULTICAST = 2
    BROADCAST = 3
    OTHER = 4
    """Somebody else: it came past."""


class Interface(Struct, frozen=True, kw_only=True):
    """One point where frames were seen."""

    name: str
    description: str = ""
    mac: bytes | None = None
    link_type: int = LINKTYPE_ETHERNET


class CapturedFrame(Struct, frozen=True, kw_only=True):
    """One frame at one interface."""

    interface: int
    """Its place in Capture.interfaces, from 0."""
    at_ns: int
    """Since the epoch."""
    octets: bytes
    original_length: int
    """On the wire; `octets` may be fewer."""
    packet_id: int | None = None
    """The same at every interface that the packet passes; 64 bits."""
    direction: Direction = Direction.UNKNOWN
    reception: Reception = Reception.UNKNOWN
    comments: tuple[str, ...] = ()


class Capture(Struct, frozen=True, kw_only=True):
    """A whole file: one section."""

    interfaces: tuple[Interface, ...]
    frames: tuple[CapturedFrame, ...]
    names: tuple[tuple[IPv4Address | IPv6Address, str], ...] = ()
    """What to call an address."""
    program: str = ""
    system: str = ""
    comments: tuple[str, ...] = ()


def encode_capture(capture: Capture) -> bytes:
    """The file: header, interfaces, names, and the frames in their order."""
    blocks = [_section_header(capture)]
    blocks += map(_interface, capture.interfaces)
    if capture.names:
        blocks.append(_names(capture.names))
    blocks += map(_frame, capture.frames)
    return b"".join(blocks)


def _section_header(capture: Capture) -> bytes:
    fixed = pack("<IHHQ", _BYTE_ORDER, 1, 0, _LENGTH_UNKNOWN)
    options = [*_texts(_OPT_COMMENT, capture.comments)]
    options += _texts(_SHB_OS, (capture.system,))
    options += _texts(_SHB_PROGRAM, (capture.program,))
    return _block(_SECTION_HEADER, fixed, options)


def _interface(interface: Interface) -> bytes:
    options = [*_texts(_IF_NAME, (interface.name,))]
    options += _texts(_IF_DESCRIPTION, (interface.description,))
    if interface.mac is not None:
        options.append((_IF_MAC, interface.mac))
    options.append((_IF_TSRESOL, _NANOSECONDS))
    # snap length 0 is "no limit"
    return _block(_INTERFACE, pack("<HHI", interface.link_type, 0, 0), options)


def _names(names: Iterable[tuple[IPv4Address | IPv6Address, str]]) -> bytes:
    records = b"".join(
        _option(_NAME_OF[address.version], address.packed + _cut(name, 255) + b"\0")
        for address, name in names
    )
    return _block(_NAMES, records + _option(_NAME_END, b""), [])


def _frame(frame: CapturedFrame) -> bytes:
    fixed = pack(
        "<IIIII",
        frame.interface,
        frame.at_ns >> 32,
        frame.at_ns & 0xFFFFFFFF,
        len(frame.octets),
        frame.original_length,
    )
    options = [*_texts(_OPT_COMMENT, frame.comments)]
    options.append((_EPB_FLAGS, pack("<I", frame.direction | frame.reception << 2)))
    if frame.packet_id is not None:
        options.append((_EPB_PACKET_ID, pack("<Q", frame.packet_id)))
    return _block(_PACKET, fixed + _padded(frame.octets), options)


def _texts(code: int, texts: Iterable[str]) -> Iterator[tuple[int, bytes]]:
    """One option for each text that says something."""
    return ((code, _cut(text, _OPTION_MAX)) for text in texts if text)


def _cut(text: str, octets: int) -> bytes:
    """UTF-8 of no more than that, never half a character."""
    return text.encode("utf-8", "replace")[:octets].decode("utf-8", "ignore").encode()


def _block(kind: int, body: bytes, options: list[tuple[int, bytes]]) -> bytes:
    """The total length stands at both ends, so that a file can be read backwards."""
    if options:
        body += b"".join(_option(code, value) for code, value in options) + _option(_OPT_END, b"")
    length = pack("<I", len(body) + 12)
    return pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return pack("<HH", code, len(value)) + _padded(value)


def _padded(octets: bytes) -> bytes:
    """To a multiple of four."""
    return octets + bytes(-len(octets) % 4)
