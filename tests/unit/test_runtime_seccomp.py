"""The compiled filter says what the profile says, on every architecture a kernel runs."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence

import pytest

from glassbridge.model.container import DOCKER_CAPABILITIES
from glassbridge.runtime.capabilities import NUMBERS
from glassbridge.runtime.seccomp import ARCHITECTURES, seccomp_program
from glassbridge.runtime.seccomp_profile import BANS, NAMESPACE_FLAGS

DOCKER = frozenset(DOCKER_CAPABILITIES)
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x00000000, 0x00050000
X86_64, I386, AARCH64 = 0xC000003E, 0x40000003, 0xC00000B7
X32 = 0x40000000
EPERM = ERRNO | errno.EPERM
ENOSYS = ERRNO | errno.ENOSYS

# asm/unistd_64.h, asm/unistd_32.h and asm-generic/unistd.h
NUMBERS_OF = {
    X86_64: {
        "read": 0,
        "clone": 56,
        "personality": 135,
        "mount": 165,
        "bpf": 321,
        "keyctl": 250,
        "unshare": 272,
        "setns": 308,
        "socket": 41,
        "clone3": 435,
        "io_uring_setup": 425,
        "ptrace": 101,
        "chroot": 161,
    },
    I386: {"read": 3, "clone": 120, "mount": 21, "bpf": 357, "unshare": 310, "umount": 22},
    AARCH64: {
        "read": 63,
        "clone": 220,
        "personality": 92,
        "mount": 40,
        "bpf": 280,
        "keyctl": 219,
        "unshare": 97,
        "setns": 268,
        "socket": 198,
        "clone3": 435,
        "io_uring_setup": 425,
        "ptrace": 117,
        "chroot": 51,
    },
}


def verdict(program: bytes, architecture: int, number: int, arguments: Sequence[int] = ()) -> int:
    """Run the filter on one call, as the kernel would (linux/filter.h, linux/seccomp.h)."""
    padded = [*arguments, *([0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *padded)
    instructions = list(struct.iter_unpack("<HBBI", program))
    accumulator, position = 0, 0
    while True:
        code, if_true, if_false, constant = instructions[position]
        position += 1
        match code:
            case 0x20:  # BPF_LD | BPF_W | BPF_ABS
                (accumulator,) = struct.unpack_from("<I", data, constant)
            case 0x54:  # BPF_ALU | BPF_AND | BPF_K
                accumulator &= constant
            case 0x05:  # BPF_JMP | BPF_JA
                position += constant
            case 0x15:
                position += if_true if accumulator == constant else if_false
            case 0x25:
                position += if_true if accumulator > constant else if_false
            case 0x35:
                position += if_true if accumulator >= constant else if_false
            case 0x45:
                position += if_true if accumulator & constant else if_false
            case 0x06:
                return int(constant)
            case _:
                pytest.fail(f"instruction {code:#x} is not one of seccomp's")


MACHINES = [("x86_64", X86_64), ("x86_64", I386), ("aarch64", AARCH64)]


@pytest.mark.parametrize(("machine", "architecture"), MACHINES)
def test_bans_hold_and_the_rest_passes(machine: str, architecture: int) -> None:
    program = seccomp_program(DOCKER, machine)
    banned = {call for ban in BANS for call in ban.calls.split()}
    for call, number in NUMBERS_OF[architecture].items():
        expected = ENOSYS if call == "clone3" else EPERM if call in banned else ALLOW
        assert verdict(program, architecture, number) == expected, call


@pytest.mark.parametrize(("machine", "architecture"), MACHINES)
@pytest.mark.parametrize("call", ["clone", "unshare"])
@pytest.mark.parametrize("flag", NAMESPACE_FLAGS)
def test_every_namespace_is_refused_alone_and_among_others(
    machine: str, architecture: int, call: str, flag: int
) -> None:
    program = seccomp_program(DOCKER, machine)
    number = NUMBERS_OF[architecture][call]
    harmless = 0x00000F11  # CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD
    assert verdict(program, architecture, number, [flag]) == EPERM
    assert verdict(program, architecture, number, [flag | harmless]) == EPERM
    assert verdict(program, architecture, number, [harmless]) == ALLOW


def test_x32_calls_are_no_way_round() -> None:
    program = seccomp_program(DOCKER, "x86_64")
    assert verdict(program, X86_64, X32 | NUMBERS_OF[X86_64]["mount"]) == EPERM
    assert verdict(program, X86_64, X32 | NUMBERS_OF[X86_64]["unshare"], [0x10000000]) == EPERM
    assert verdict(program, X86_64, X32 | NUMBERS_OF[X86_64]["read"]) == ALLOW


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_a_foreign_architecture_is_killed(machine: str) -> None:
    assert verdict(seccomp_program(DOCKER, machine), 0x8000002B, 1) == KILL  # SPARC


@pytest.mark.parametrize(("machine", "architecture"), [MACHINES[0], MACHINES[2]])
def test_arguments_decide(machine: str, architecture: int) -> None:
    program = seccomp_program(DOCKER, machine)
    numbers = NUMBERS_OF[architecture]
    for family, expected in ((2, ALLOW), (10, ALLOW), (16, ALLOW), (40, EPERM)):
        assert verdict(program, architecture, numbers["socket"], [family]) == expected
    for persona, expected in ((0, ALLOW), (8, ALLOW), (0xFFFFFFFF, ALLOW), (6, EPERM)):
        assert verdict(program, architecture, numbers["personality"], [persona]) == expected


def test_sys_admin_may_make_namespaces() -> None:
    program = seccomp_program(DOCKER | {"CAP_SYS_ADMIN"}, "x86_64")
    numbers = NUMBERS_OF[X86_64]
    assert verdict(program, X86_64, numbers["unshare"], [0x10000000]) == ALLOW
    assert verdict(program, X86_64, numbers["clone3"]) == ALLOW
    assert verdict(program, X86_64, numbers["mount"]) == ALLOW
    assert verdict(program, X86_64, numbers["keyctl"]) == EPERM


def test_every_ban_names_a_real_capability_and_no_call_twice() -> None:
    calls = [call for ban in BANS for call in ban.calls.split()]
    assert len(calls) == len(set(calls))
    assert {ban.unless for ban in BANS} - {""} <= set(NUMBERS)
    assert all(ban.reason for ban in BANS)
