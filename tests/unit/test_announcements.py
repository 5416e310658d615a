"""wire.announcements: the fields where RFC 5227 and RFC 4861 want them."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from glassbridge.wire.announcements import announcement

macs = st.binary(min_size=6, max_size=6)


@given(st.ip_addresses(v=4), macs)
def test_gratuitous_arp(address: IPv4Address, mac: bytes) -> None:
    frame = announcement(address, mac)
    assert frame[:14] == b"\xff" * 6 + mac + b"\x08\x06"
    assert frame[14:22] == bytes.fromhex("0001 0800 06 04 0001"), "Ethernet, IPv4, request"
    assert frame[22:28] == mac
    assert frame[28:32] == frame[38:42] == address.packed, "sender and target are the same"
    assert len(frame) == 42


@given(st.ip_addresses(v=6), macs)
def test_unsolicited_neighbour_advertisement(address: IPv6Address, mac: bytes) -> None:
    frame = announcement(address, mac)
    assert frame[:14] == bytes.fromhex("333300000001") + mac + b"\x86\xdd"
    head, body = frame[14:54], frame[54:]
    assert head[0] >> 4 == 6
    assert int.from_bytes(head[4:6]) == len(body) == 32
    assert (head[6], head[7]) == (58, 255), "ICMPv6, never forwarded"
    assert head[8:24] == address.packed
    assert head[24:40] == IPv6Address("ff02::1").packed
    assert (body[0], body[1]) == (136, 0)
    assert body[4] == 0x20, "override; neither router nor solicited"
    assert body[8:24] == address.packed
    assert body[24:] == b"\x02\x01" + mac
    assert _sum(head[8:40] + len(body).to_bytes(4) + bytes([0, 0, 0, 58]) + body) == 0xFFFF


def _sum(data: bytes) -> int:
    """RFC 1071: over data with its checksum in place this is all ones."""
    total = sum(data[i] << 8 | data[i + 1] for i in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
