"""An assembler for small eBPF programs (RFC 9669): one method for each instruction used here.

Values are 64 bits wide unless a name says otherwise. Little-endian machines only.
"""

from struct import Struct as Layout
from typing import Literal, NewType

Register = NewType("Register", int)
R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FRAME = map(Register, range(11))
"""R0: results; R1 to R5: arguments, lost in a call; R6 to R9: kept; FRAME: the end of the stack."""

Label = NewType("Label", str)
Size = Literal[1, 2, 4, 8]

_INSTRUCTION = Layout("<BBhi")
_WIDTHS: dict[int, int] = {4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18}
_LDX, _STX, _ST = 0x61, 0x63, 0x62  # BPF_MEM, without the width
_ADD, _ADD_REGISTER, _AND, _SHIFT_LEFT = 0x07, 0x0F, 0x57, 0x67
_SHIFT_RIGHT = 0x77
_MOV, _MOV_REGISTER = 0xB7, 0xBF
_LOAD_64, _ATOMIC_ADD = 0x18, 0xDB
_JUMP, _CALL, _EXIT = 0x05, 0x85, 0x95
_JUMP_EQUAL, _JUMP_NOT_EQUAL_32 = 0x15, 0x56
_MAP_FD, _MAP_VALUE = 1, 2


class Assembly:
    """A program as it grows; jumps go forward or back to labels."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, Label | int, int]] = []
        self._labels: dict[Label, int] = {}

    def label(self, name: str) -> None:
        """Give the next instruction a name."""
        self._labels[Label(name)] = len(self._code)

    def number(self, target: Register, value: int) -> None:
        """`target = value`, a number of 32 bits, sign-extended."""
        self._add(_MOV, target, immediate=value)

    def copy(self, target: Register, source: Register) -> None:
        """`target = source`."""
        self._add(_MOV_REGISTER, target, source)

    def add(self, target: Register, value: int) -> None:
        """`target += value`."""
        self._add(_ADD, target, immediate=value)

    def add_register(self, target: Register, other: Register) -> None:
        """`target += other`."""
        self._add(_ADD_REGISTER, target, other)

    def mask(self, target: Register, bits: int) -> None:
        """`target &= bits`."""
        self._add(_AND, target, immediate=bits)

    def shift_left(self, target: Register, bits: int) -> None:
        """`target <<= bits`."""
        self._add(_SHIFT_LEFT, target, immediate=bits)

    def shift_right(self, target: Register, bits: int) -> None:
        """`target >>= bits`."""
        self._add(_SHIFT_RIGHT, target, immediate=bits)

    def load(self, size: Size, target: Register, base: Register, offset: int) -> None:
        """`target = *(base + offset)`."""
        self._add(_LDX | _WIDTHS[size], target, base, offset)

    def store(self, size: Size, base: Register, offset: int, source: Register) -> None:
        """`*(base + offset) = source`."""
        self._add(_STX | _WIDTHS[size], base, source, offset)

    def store_number(self, size: Size, base: Register, offset: int, value: int) -> None:
        """`*(base + offset) = value`."""
        self._add(_ST | _WIDTHS[size], base, 0, offset, value)

    def atomic_add(self, base: Register, source: Register) -> None:
        """`*base += source`, whatever other CPUs do."""
        self._add(_ATOMIC_ADD, base, source)

    def load_map(self, target: Register, fd: int) -> None:
        """`target = the map`."""
        self._load_64(target, _MAP_FD, fd)

    def load_map_value(self, target: Register, fd: int) -> None:
        """`target = the address of the first value of an array map`."""
        self._load_64(target, _MAP_VALUE, fd)

    def jump(self, to: str) -> None:
        """Go on at a label."""
        self._add(_JUMP, offset=Label(to))

    def jump_if(self, left: Register, value: int, to: str) -> None:
        """Go on at a label if `left == value`."""
        self._add(_JUMP_EQUAL, left, 0, Label(to), value)

    def jump_unless_32(self, left: Register, value: int, to: str) -> None:
        """Go on at a label if the lower halves of `left` and `value` differ."""
        signed = value - (1 << 32) if value >> 31 else value
        self._add(_JUMP_NOT_EQUAL_32, left, 0, Label(to), signed)

    def call(self, helper: int) -> None:
        """Call a kernel helper: arguments in R1 to R5, result in R0."""
        self._add(_CALL, immediate=helper)

    def exit(self) -> None:
        """End the program; R0 is its result."""
        self._add(_EXIT)

    def assemble(self) -> bytes:
        """The program; raises KeyError for a label that is nowhere."""
        return b"".join(
            _INSTRUCTION.pack(
                code,
                source << 4 | target,
                offset if isinstance(offset, int) else self._labels[offset] - position - 1,
                immediate,
            )
            for position, (code, target, source, offset, immediate) in enumerate(self._code)
        )

    def _add(
        self,
        code: int,
        target: int = 0,
        source: int = 0,
        offset: Label | int = 0,
        immediate: int = 0,
    ) -> None:
        self._code.append((code, target, source, offset, immediate))

    def _load_64(self, target: Register, kind: int, immediate: int) -> None:
        self._add(_LOAD_64, target, kind, immediate=immediate)
        self._add(0)  # it takes two places: the second would be the number's upper half
