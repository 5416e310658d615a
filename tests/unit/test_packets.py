"""Frames and packets: what tcpdump reads in them is what we read, and no bytes make us fail."""

import struct
import subprocess
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glassbridge.kernel.frames import HeardPacket, read_frame, read_packet
from glassbridge.model.address import Mac
from glassbridge.model.observation import NeighbourMessage
from glassbridge.model.packet import Transport
from glassbridge.wire.frames import decode_arp, decode_ethernet, insert_tag
from glassbridge.wire.packets import (
    decode_icmp,
    decode_ip,
    decode_neighbour_discovery,
    decode_tcp,
    decode_udp,
)

MACS = bytes.fromhex("0242 0a00 0002 0242 0a00 0001")
ETHERNET, BARE = 1, 65534  # ARPHRD_ETHER, ARPHRD_NONE
COOKIE = b"twelve bytes"


def ethernet(payload: bytes, ethertype: int) -> bytes:
    return MACS + struct.pack(">H", ethertype) + payload


def ipv4(payload: bytes, protocol: int, *, options: bytes = b"", fragment: int = 0x4000) -> bytes:
    words = 5 + len(options) // 4
    head = struct.pack(">BBHHHBBH", 0x40 | words, 0, words * 4 + len(payload), 77, fragment, 63,
                       protocol, 0)  # fmt: skip
    return head + bytes([10, 0, 0, 2, 10, 0, 0, 3]) + options + payload


def ipv6(payload: bytes, protocol: int) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 63)
    return head + IPv6Address("fd00::2").packed + IPv6Address("fd00::3").packed + payload


def tcp(flags: int, *, sequence: int = 1000, acknowledgement: int = 2000) -> bytes:
    return struct.pack(">HHIIBBHHH", 40000, 80, sequence, acknowledgement, 0x50, flags, 512, 0, 0)


def udp(payload: bytes = COOKIE) -> bytes:
    return struct.pack(">HHHH", 40000, 53, 8 + len(payload), 0) + payload


def icmp(kind: int, code: int = 0, rest: bytes = b"\x12\x34\0\1", payload: bytes = COOKIE) -> bytes:
    return struct.pack(">BBH", kind, code, 0) + rest + payload


def heard(frame: bytes) -> HeardPacket:
    found = read_frame(frame)
    assert found is not None
    assert isinstance(found.heard, HeardPacket)
    return found.heard


DECODERS = (
    read_frame,
    lambda data: read_frame(data, BARE),
    decode_ethernet,
    decode_arp,
    decode_ip,
    decode_tcp,
    decode_udp,
    decode_icmp,
    decode_neighbour_discovery,
)
FRAMES = (
    ethernet(ipv4(tcp(2), 6), 0x0800),
    ethernet(ipv4(udp(), 17, options=bytes(8)), 0x0800),
    ethernet(ipv4(icmp(3, 3, bytes(4), ipv4(udp(), 17)), 1), 0x0800),
    ethernet(ipv6(bytes([6, 0]) + bytes(6) + tcp(2), 0), 0x86DD),
    ethernet(ipv6(struct.pack(">BxHI", 17, 1, 99) + udp(), 44), 0x86DD),
    ethernet(ipv6(icmp(135, 0, bytes(4), bytes(16) + b"\1\1" + MACS[:6]), 58), 0x86DD),
    ethernet(bytes.fromhex("0001080006040001") + MACS[:6] + bytes(14), 0x0806),
)


@pytest.mark.parametrize("decode", DECODERS)
@given(st.binary(max_size=120))
def test_no_bytes_make_a_decoder_fail(decode: object, data: bytes) -> None:
    assert callable(decode)
    decode(data)


@pytest.mark.parametrize("decode", DECODERS)
@given(st.sampled_from(FRAMES), st.data())
def test_no_damaged_frame_makes_a_decoder_fail(
    decode: object, frame: bytes, data: st.DataObject
) -> None:
    assert callable(decode)
    changed = bytearray(frame)
    for _ in range(data.draw(st.integers(0, 4))):
        changed[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(frame)))])
    decode(cut)
    decode(cut[14:])


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 255))
def test_a_segments_numbers_are_read(sequence: int, acknowledgement: int, flags: int) -> None:
    found = heard(
        ethernet(ipv4(tcp(flags, sequence=sequence, acknowledgement=acknowledgement), 6), 0x0800)
    )
    assert (found.sequence, found.acknowledgement) == (sequence, acknowledgement)
    assert len(found.packet.tcp_flags) == flags.bit_count()


@example(0)
@given(st.integers(0, 10))
def test_options_move_the_transport(words: int) -> None:
    found = heard(ethernet(ipv4(udp(), 17, options=bytes(4 * words)), 0x0800))
    assert (found.packet.source_port, found.packet.destination_port) == (40000, 53)
    assert found.payload == COOKIE


def test_a_later_fragment_has_no_ports_but_its_packets_number() -> None:
    found = heard(ethernet(ipv4(udp(), 17, fragment=185), 0x0800))
    assert found.is_later_fragment
    assert found.identification == 77
    assert (found.packet.source_port, found.payload) == (0, b"")


def test_extension_headers_are_passed_over() -> None:
    hop_by_hop = bytes([60, 0]) + bytes(6)
    options = bytes([44, 1]) + bytes(14)
    fragment = struct.pack(">BxHI", 17, 1, 99)
    found = heard(ethernet(ipv6(hop_by_hop + options + fragment + udp(), 0), 0x86DD))
    assert found.packet.transport is Transport.UDP
    assert found.packet.destination_port == 53
    assert found.identification == 99


def test_an_error_quotes_what_it_is_about() -> None:
    cut = ipv4(tcp(2, sequence=4242), 6)[:28]  # RFC 792: eight octets behind the header
    found = heard(ethernet(ipv4(icmp(3, 1, bytes(4), cut), 1), 0x0800))
    assert (found.packet.icmp_type, found.packet.icmp_code) == (3, 1)
    assert found.quoted is not None
    assert found.quoted.sequence == 4242
    assert found.quoted.acknowledgement is None
    assert found.quoted.packet.destination_port == 80


def test_errors_do_not_nest() -> None:
    inner = ipv4(icmp(11, 0, bytes(4), ipv4(udp(), 17)), 1)
    assert heard(ethernet(ipv4(icmp(3, 1, bytes(4), inner), 1), 0x0800)).quoted is None


def test_a_tag_is_passed_over_and_can_be_put_back() -> None:
    plain = ethernet(ipv4(udp(), 17), 0x0800)
    found = read_frame(insert_tag(plain, 0x8100, 0x2007))
    assert found is not None
    assert found.vlan == 7
    bare = read_frame(plain)
    assert bare is not None
    assert found.heard == bare.heard


def test_padding_is_no_payload() -> None:
    found = heard(ethernet(ipv4(udp(b"abc"), 17) + bytes(20), 0x0800))
    assert found.payload == b"abc"


def test_a_link_without_mac_carries_bare_packets() -> None:
    found = read_frame(ipv4(icmp(8), 1), BARE)
    assert found is not None
    assert found.source_mac is None
    assert found.heard == read_packet(ipv4(icmp(8), 1))


def test_arp_says_who_asks_for_whom() -> None:
    sender, target = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")
    asked = bytes.fromhex("0001080006040001") + MACS[:6] + sender.packed + bytes(6) + target.packed
    found = read_frame(ethernet(asked, 0x0806))
    assert found is not None
    assert found.heard == NeighbourMessage(
        is_reply=False, sender=sender, sender_mac=Mac("02:42:0a:00:00:02"), target=target
    )


def test_tcpdump_reads_the_same(tmp_path: Path) -> None:
    capture = tmp_path / "frames.pcap"
    capture.write_bytes(
        struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        + b"".join(struct.pack("=IIII", 0, 0, len(f), len(f)) + f for f in FRAMES)
    )
    done = subprocess.run(
        ["tcpdump", "-nn", "-t", "-S", "-r", str(capture)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == len(FRAMES)
    for frame, line in zip(FRAMES, lines, strict=True):
        found = read_frame(frame)
        assert found is not None
        if isinstance(found.heard, NeighbourMessage):
            assert str(found.heard.target) in line
            continue
        packet = found.heard.packet
        assert str(packet.source) in line
        if packet.transport is Transport.TCP:
            assert f"{packet.source_port} > " in line
            assert f"{packet.destination_port}: Flags" in line
            assert f"Flags [{packet.tcp_flags}]" in line
            assert f"seq {found.heard.sequence}," in line
        if packet.transport is Transport.ICMP:
            assert "udp port 53 unreachable" in line
