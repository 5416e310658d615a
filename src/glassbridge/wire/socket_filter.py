"""Classic BPF programs for packet sockets (linux/filter.h): which frames one hands over.

Assembled by hand: the few questions below are the same for every trace. Offsets count from the
network header (SKF_NET_OFF), so that one socket may hear links with and without a MAC header.
What the filter cannot read (a header that is not in the linear part of the buffer) is not heard.
"""

from collections.abc import Collection
from struct import Struct as Layout
from typing import NamedTuple

from glassbridge.wire.frames import ETH_8021AD, ETH_8021Q, ETH_ARP, ETH_IPV4, ETH_IPV6
from glassbridge.wire.packets import (
    ICMP_ERRORS,
    ICMPV6_ERRORS,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    ND_ADVERTISEMENT,
    ND_SOLICITATION,
)

_PROTOCOL = -0x1000 & 0xFFFFFFFF  # SKF_AD_OFF + SKF_AD_PROTOCOL: as eth_type_trans saw it
_NET = -0x100000 & 0xFFFFFFFF  # SKF_NET_OFF

_LD_H, _LD_B = 0x28, 0x30  # BPF_ABS
_LDX_W, _LDX_H, _LDX_B = 0x40, 0x48, 0x50  # BPF_IND: at X + k
_SET_X, _TAX = 0x01, 0x07
_AND, _SHIFT_LEFT = 0x54, 0x64
_JUMP, _IF_EQUAL, _IF_ANY_BIT = 0x05, 0x15, 0x45
_RETURN = 0x06

_SYN_OR_RST = 0x02 | 0x04
_IPV6_HEAD = 40
# they hide the transport: let through what bears any of them
_EXTENSIONS = (0, 43, 44, 51, 60)
_MAX_PORTS = 32
"""A conditional jump reaches 255 instructions far."""

_instruction = Layout("=HBBI")  # struct sock_filter

_ACCEPT, _REJECT = "accept", "reject"


class Wanted(NamedTuple):
    """Which transport packets to hear; ARP or neighbour discovery and ICMP errors always are."""

    version: int
    protocol: int
    client_port: int = 0
    """Of ICMP the echo identifier; 0: not known."""
    server_ports: Collection[int] = ()
    payload: bytes = b""
    """The first octets behind the UDP or ICMP header, empty if not known."""


class _Program:
    """Instructions with named places to jump to, all of them further down."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, str, str]] = []
        self._places: dict[str, int] = {}

    def do(self, code: int, k: int = 0) -> None:
        self._code.append((code, k, "", ""))

    def when(self, code: int, k: int, then: str, otherwise: str = "") -> None:
        self._code.append((code, k, then, otherwise))

    def place(self, name: str) -> None:
        self._places[name] = len(self._code)

    def assemble(self) -> bytes:
        return b"".join(self._one(n, *line) for n, line in enumerate(self._code))

    def _one(self, at: int, code: int, k: int, then: str, otherwise: str) -> bytes:
        if code == _JUMP:
            return _instruction.pack(code, 0, 0, self._far(at, then))
        return _instruction.pack(code, self._far(at, then), self._far(at, otherwise), k)

    def _far(self, at: int, name: str) -> int:
        return self._places[name] - at - 1 if name else 0


def tap_filter(wanted: Wanted, snap: int) -> bytes:
    """The program that hears what a trace needs, and cuts it after `snap` octets.

    Of TCP whole packets of the client's port, and of the server's ports only SYN and RST: a
    connection's data is never asked for, whatever its ports were translated to.
    """
    program = _Program()
    program.do(_LD_H, _PROTOCOL)
    for tagged in (ETH_8021Q, ETH_8021AD):
        program.when(_IF_EQUAL, tagged, _ACCEPT)
    if wanted.version == 4:  # noqa: PLR2004 - the IP version
        program.when(_IF_EQUAL, ETH_ARP, _ACCEPT)
        program.when(_IF_EQUAL, ETH_IPV4, "", _REJECT)
        _hear_ipv4(program, wanted)
    else:
        program.when(_IF_EQUAL, ETH_IPV6, "", _REJECT)
        _hear_ipv6(program, wanted)
    program.place("transport")
    _hear_transport(program, wanted)
    program.place(_REJECT)
    program.do(_RETURN, 0)
    program.place(_ACCEPT)
    program.do(_RETURN, snap)
    return program.assemble()


def _hear_ipv4(program: _Program, wanted: Wanted) -> None:
    """Ends with X on the transport header."""
    program.do(_LD_B, _NET + 9)
    program.when(_IF_EQUAL, IPPROTO_ICMP, "known")
    program.when(_IF_EQUAL, wanted.protocol, "", _REJECT)
    program.place("known")
    program.do(_LD_H, _NET + 6)
    program.when(_IF_ANY_BIT, 0x1FFF, _ACCEPT)  # a later fragment has no ports
    program.do(_LD_B, _NET)
    program.do(_AND, 0xF)
    program.do(_SHIFT_LEFT, 2)
    program.do(_TAX)
    program.do(_LD_B, _NET + 9)
    program.when(_IF_EQUAL, IPPROTO_ICMP, "", "transport")
    _hear_icmp(program, ICMP_ERRORS, is_transport=wanted.protocol == IPPROTO_ICMP)


def _hear_ipv6(program: _Program, wanted: Wanted) -> None:
    program.do(_SET_X, _IPV6_HEAD)
    program.do(_LD_B, _NET + 6)
    for extension in _EXTENSIONS:
        program.when(_IF_EQUAL, extension, _ACCEPT)
    program.when(_IF_EQUAL, IPPROTO_ICMPV6, "icmp")
    program.when(_IF_EQUAL, wanted.protocol, "transport", _REJECT)
    program.place("icmp")
    heard = ICMPV6_ERRORS | {ND_SOLICITATION, ND_ADVERTISEMENT}
    _hear_icmp(program, heard, is_transport=wanted.protocol == IPPROTO_ICMPV6)


def _hear_icmp(program: _Program, types: Collection[int], *, is_transport: bool) -> None:
    program.do(_LDX_B, _NET)
    for kind in sorted(types):
        program.when(_IF_EQUAL, kind, _ACCEPT)
    if not is_transport:
        program.when(_JUMP, 0, _REJECT)


def _hear_transport(program: _Program, wanted: Wanted) -> None:
    if wanted.protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        _hear_echo(program, wanted)
    elif not (wanted.client_port or wanted.server_ports) or len(wanted.server_ports) > _MAX_PORTS:
        program.when(_JUMP, 0, _ACCEPT)
    else:
        _hear_ports(program, wanted)


def _hear_echo(program: _Program, wanted: Wanted) -> None:
    _hear_payload(program, wanted)
    if wanted.client_port:
        program.do(_LDX_H, _NET + 4)
        program.when(_IF_EQUAL, wanted.client_port, _ACCEPT)
    elif not wanted.payload:
        program.when(_JUMP, 0, _ACCEPT)


def _hear_ports(program: _Program, wanted: Wanted) -> None:
    if wanted.client_port:
        for end in (0, 2):
            program.do(_LDX_H, _NET + end)
            program.when(_IF_EQUAL, wanted.client_port, _ACCEPT)
        if wanted.protocol == IPPROTO_TCP:
            program.do(_LDX_B, _NET + 13)
            program.when(_IF_ANY_BIT, _SYN_OR_RST, "", _REJECT)
    if wanted.protocol == IPPROTO_UDP:
        _hear_payload(program, wanted)
    # what goes to the server is known by its payload, whatever became of the client's port
    for end in (0,) if wanted.payload else (0, 2):
        program.do(_LDX_H, _NET + end)
        for port in sorted(wanted.server_ports):
            program.when(_IF_EQUAL, port, _ACCEPT)


def _hear_payload(program: _Program, wanted: Wanted) -> None:
    if len(wanted.payload) >= 4:  # noqa: PLR2004 - the octets of one word
        program.do(_LDX_W, _NET + 8)
        program.when(_IF_EQUAL, int.from_bytes(wanted.payload[:4]), _ACCEPT)
