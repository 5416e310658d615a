"""An interpreter of eBPF for tests: registers, memory, the helpers that observers call."""

from struct import Struct as Layout
from struct import unpack_from

CONTEXT, STACK, MAP_VALUE = 0x1000, 0x2000, 0x3000
STACK_SIZE = 512
_INSTRUCTION = Layout("<BBhi")
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
_MASK = (1 << 64) - 1
_TIME, _READ, _OUTPUT, _PRINT = 5, 113, 130, 165
_FAULT = -14 & _MASK
NOW = 123_456_789_000


class Machine:
    """One run of a program; what it must not touch raises KeyError."""

    def __init__(
        self, arguments: list[int], kernel: dict[int, bytes], *, is_full: bool = False
    ) -> None:
        self.records: list[bytes] = []
        self.printed: list[int] = []
        self._is_full = is_full
        self._kernel = kernel
        self._own = {
            CONTEXT: bytearray(b"".join(a.to_bytes(8, "little") for a in arguments)),
            STACK: bytearray(STACK_SIZE),
            MAP_VALUE: bytearray(8),
        }
        self._registers = [0] * 11

    @property
    def lost(self) -> int:
        return int.from_bytes(self._own[MAP_VALUE], "little")

    def run(self, program: bytes) -> int:
        code = [_INSTRUCTION.unpack_from(program, at) for at in range(0, len(program), 8)]
        self._registers[1], self._registers[10] = CONTEXT, STACK + STACK_SIZE
        at, steps = 0, 0
        while True:
            steps += 1
            assert steps < 10_000
            opcode, registers, offset, immediate = code[at]
            at += 1
            if opcode == 0x95:
                return self._registers[0]
            if opcode == 0x18:
                is_value = registers >> 4 == 2
                self._registers[registers & 15] = MAP_VALUE if is_value else immediate
                at += 1
            elif opcode == 0x85:
                self._registers[0] = self._call(immediate)
                for lost in range(1, 6):
                    self._registers[lost] = 0xDEAD
            elif self._step(opcode, registers & 15, registers >> 4, offset, immediate):
                at += offset

    def _step(  # noqa: C901 - one arm for each instruction
        self, opcode: int, target: int, source: int, offset: int, immediate: int
    ) -> bool:
        """One instruction; whether it jumps."""
        r = self._registers
        match opcode:
            case 0x05:
                return True
            case 0x15:
                return r[target] == immediate & _MASK
            case 0x56:
                return (r[target] ^ immediate) & 0xFFFFFFFF != 0
            case 0x07:
                r[target] += immediate
            case 0x0F:
                r[target] += r[source]
            case 0x57:
                r[target] &= immediate
            case 0x67:
                r[target] <<= immediate
            case 0x77:
                r[target] >>= immediate
            case 0xB7:
                r[target] = immediate
            case 0xBF:
                r[target] = r[source]
            case 0xDB:
                value = int.from_bytes(self._read_own(r[target], 8), "little") + r[source]
                self._write_own(r[target], value.to_bytes(8, "little"))
            case _:
                self._move(opcode, target, source, offset, immediate)
        r[target] &= _MASK
        return False

    def _move(self, opcode: int, target: int, source: int, offset: int, immediate: int) -> None:
        size = _SIZES[opcode & 0x18]
        r = self._registers
        match opcode & 0x67:
            case 0x61:
                r[target] = int.from_bytes(self._read_own(r[source] + offset, size), "little")
            case 0x63:
                low = r[source] & ((1 << 8 * size) - 1)
                self._write_own(r[target] + offset, low.to_bytes(size, "little"))
            case 0x62:
                value = immediate.to_bytes(size, "little", signed=True)
                self._write_own(r[target] + offset, value)
            case _:
                raise AssertionError(f"instruction {opcode:#x}")

    def _call(self, helper: int) -> int:
        _, one, two, three, four, *_ = self._registers
        match helper:
            case 5:
                return NOW
            case 113:
                found = self._read_kernel(three, two)
                self._write_own(one, found or bytes(two))
                return 0 if found else _FAULT
            case 130:
                if self._is_full:
                    return -11 & _MASK
                self.records.append(self._read_own(two, three))
                return 0
            case 165:
                (address,) = unpack_from("<Q", self._read_own(four, 8))
                self.printed.append(address)
                self._write_own(one, b"some_function [module]\0")
                return 0
        raise AssertionError(f"helper {helper}")

    def _read_kernel(self, address: int, size: int) -> bytes:
        for start, octets in self._kernel.items():
            if start <= address and address + size <= start + len(octets):
                return octets[address - start : address - start + size]
        return b""

    def _region(self, address: int, size: int) -> tuple[bytearray, int]:
        for start, octets in self._own.items():
            if start <= address and address + size <= start + len(octets):
                return octets, address - start
        raise KeyError(f"{size} octets at {address:#x}")

    def _read_own(self, address: int, size: int) -> bytes:
        region, at = self._region(address, size)
        return bytes(region[at : at + size])

    def _write_own(self, address: int, octets: bytes) -> None:
        region, at = self._region(address, len(octets))
        region[at : at + len(octets)] = octets
