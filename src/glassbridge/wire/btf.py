"""BTF, the kernel's description of its own types (Documentation/bpf/btf.rst): offsets and enums.

Types are numbered by their order and of various lengths, so they must be walked to be found. The
walk goes only as far as it is asked: what the kernel is made of stands in the first tenth.
"""

from struct import Struct as Layout

_header = Layout("=HBBIIIII")  # magic, version, flags, header size; types and strings: start, size
_MAGIC = 0xEB9F

_INT, _ARRAY, _STRUCT, _UNION, _ENUM = 1, 3, 4, 5, 6
_TYPEDEF, _VOLATILE, _CONST, _RESTRICT = 8, 9, 10, 11
_FUNC_PROTO, _VAR, _DATASEC, _DECL_TAG, _TYPE_TAG, _ENUM64 = 13, 14, 15, 17, 18, 19
_COMPOSITES = (_STRUCT, _UNION)
_ALIASES = (_TYPEDEF, _VOLATILE, _CONST, _RESTRICT, _TYPE_TAG)

# lengths in words of 32 bits: name, info, size or type; then some more, and some for each member
_COMMON = 3
_FIXED = {_INT: 4, _ARRAY: 6, _VAR: 4, _DECL_TAG: 4}
_EACH = {_STRUCT: 3, _UNION: 3, _ENUM: 2, _FUNC_PROTO: 2, _DATASEC: 3, _ENUM64: 3}
_LENGTHS = tuple((_FIXED.get(kind, _COMMON), _EACH.get(kind, 0)) for kind in range(32))

_KIND_FLAG = 1 << 31
"""Members' offsets are 24 bits beside a bitfield's width."""


class Types:
    """The types of one kernel; ValueError where the bytes are none or lack what is asked."""

    def __init__(self, btf: bytes) -> None:
        if len(btf) < _header.size:
            raise ValueError("too short for BTF")
        magic, _, _, size, start, length, text_start, text_length = _header.unpack_from(btf)
        if magic != _MAGIC:
            raise ValueError("no BTF of this machine's byte order")
        self._words = memoryview(btf)[size + start : size + start + length].cast("I")
        self._text = btf[size + text_start : size + text_start + text_length]
        self._positions = [0]  # type 0 is void
        self._next = 0
        self._named: dict[tuple[int, int], int] = {}

    def offset(self, struct: str, path: str) -> int:
        """Of a member in octets; `ns.inum` goes into the struct that `ns` is."""
        position = self._find(_STRUCT, struct)
        first, *further = path.split(".")
        total, kind = self._member_of(position, first, struct)
        for name in further:
            offset, kind = self._member_of(self._resolve(kind), name, struct)
            total += offset
        return total

    def enumerators(self, enum: str) -> dict[int, str]:
        """The names of an enum's values; empty if there is no such enum."""
        try:
            position = self._find(_ENUM, enum)
        except ValueError:
            return {}
        words = self._words
        count = words[position + 1] & 0xFFFF
        start = position + _COMMON
        return {words[at + 1]: self._name(words[at]) for at in range(start, start + 2 * count, 2)}

    def _find(self, kind: int, name: str) -> int:
        at = self._text.find(b"\0" + name.encode() + b"\0") + 1
        if not at:
            raise ValueError(f"this kernel has no type {name}")
        while (kind, at) not in self._named:
            if not self._walk():
                raise ValueError(f"this kernel has no type {name}")
        return self._named[kind, at]

    def _walk(self) -> bool:
        """One type further; False at the end."""
        position = self._next
        words = self._words
        if position + _COMMON > len(words):
            return False
        info = words[position + 1]
        kind = info >> 24 & 0x1F
        self._positions.append(position)
        if kind in (_STRUCT, _ENUM):
            self._named.setdefault((kind, words[position]), position)
        fixed, each = _LENGTHS[kind]
        self._next = position + fixed + each * (info & 0xFFFF)
        return True

    def _position(self, number: int) -> int:
        while not 0 < number < len(self._positions):
            if not number or not self._walk():
                raise ValueError(f"there is no type number {number}")
        return self._positions[number]

    def _resolve(self, number: int) -> int:
        """The position of a type behind typedefs and qualifiers."""
        position = self._position(number)
        while self._words[position + 1] >> 24 & 0x1F in _ALIASES:
            position = self._position(self._words[position + 2])
        return position

    def _member_of(self, position: int, name: str, struct: str) -> tuple[int, int]:
        found = self._member(position, name)
        if found is None:
            raise ValueError(f"struct {struct} has no {name}")
        return found

    def _member(self, position: int, name: str) -> tuple[int, int] | None:
        """Offset and type number of a member, also of an anonymous struct or union within."""
        words = self._words
        info = words[position + 1]
        if info >> 24 & 0x1F not in _COMPOSITES:
            return None
        start = position + _COMMON
        for at in range(start, start + 3 * (info & 0xFFFF), 3):
            bits = words[at + 2] & 0xFFFFFF if info & _KIND_FLAG else words[at + 2]
            if not words[at]:
                inner = self._member(self._resolve(words[at + 1]), name)
                if inner is not None:
                    return bits // 8 + inner[0], inner[1]
            elif self._name(words[at]) == name:
                return bits // 8, words[at + 1]
        return None

    def _name(self, at: int) -> str:
        return self._text[at : self._text.index(b"\0", at)].decode(errors="replace")
