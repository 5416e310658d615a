"""Observers tell of exactly the packets that they shall, wherever the kernel keeps things."""

from ipaddress import ip_address
from struct import pack
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.bpf_machine import NOW, Machine

from glassbridge.kernel.trace_matches import transport_matches
from glassbridge.kernel.witness import Watch
from glassbridge.model.packet import Transport
from glassbridge.wire.nft_trace import TransportMatch
from glassbridge.wire.packet_events import PacketEvent, decode_event
from glassbridge.wire.packet_observers import Maps, Offsets, Tracepoint, observer

MAPS = Maps(ring=5, lost=6, symbol_format=7)
SKB, HEAD, LINK, NET, SOCKET = 0x100000, 0x200000, 0x300000, 0x400000, 0x500000
KFREE = Tracepoint("kfree_skb", 2, location=1, reason=2)
RECEIVE = Tracepoint("netif_receive_skb", 1, at_data=True)
CLIENT, SERVER, COOKIE = 40123, 80, b"COOKIE123456"


class Kernel(NamedTuple):
    """Where it keeps things, in an order of its own."""

    offsets: Offsets
    network_header: int


@st.composite
def kernels(draw: st.DrawFn) -> Kernel:
    places = draw(st.permutations(range(0, 88, 8)))
    names = Offsets._fields
    return Kernel(
        Offsets(**{name: 64 + place for name, place in zip(names, places, strict=False)}),
        draw(st.integers(2, 200)),
    )


class Buffer(NamedTuple):
    """A packet in a buffer of the kernel."""

    packet: bytes
    mark: int = 0
    has_link: bool = True
    has_socket: bool = False

    def memory(self, kernel: Kernel) -> dict[int, bytes]:
        at = kernel.offsets
        skb, link, net, sock = (bytearray(256) for _ in range(4))

        def put(struct: bytearray, offset: int, size: int, value: int) -> None:
            struct[offset : offset + size] = value.to_bytes(size, "little")

        put(skb, at.head, 8, HEAD)
        put(skb, at.data, 8, HEAD + kernel.network_header)
        put(skb, at.network_header, 2, kernel.network_header)
        put(skb, at.mark, 4, self.mark)
        put(skb, at.dev, 8, LINK if self.has_link else 0)
        put(skb, at.sk, 8, SOCKET if self.has_socket else 0)
        put(link, at.ifindex, 4, 42)
        put(link, at.dev_net, 8, NET)
        put(sock, at.sk_net, 8, NET)
        put(net, at.inode, 4, 4026531840)
        data = bytes(kernel.network_header) + self.packet + bytes(400)
        parts = {SKB: skb, LINK: link, NET: net, SOCKET: sock, HEAD: data}
        return {address: bytes(octets) for address, octets in parts.items()}


def ipv4(protocol: int, body: bytes, options: int = 0, fragment: int = 0) -> bytes:
    words = 5 + options
    source, destination = ip_address("10.0.0.1").packed, ip_address("10.0.0.2").packed
    total = words * 4 + len(body)
    head = pack("!BBHHHBBH", 4 << 4 | words, 0, total, 1, fragment, 64, protocol, 0)
    return head + source + destination + b"\1" * (options * 4) + body


def ipv6(protocol: int, body: bytes) -> bytes:
    source, destination = ip_address("fd00::1").packed, ip_address("fd00::2").packed
    return pack("!IHBB", 6 << 28, len(body), protocol, 64) + source + destination + body


PORTS = st.sampled_from((CLIENT, SERVER, 1, 443))


@st.composite
def bodies(draw: st.DrawFn, protocol: int) -> bytes:
    """What is behind an IP header; with errors, whose octets are those of another packet."""
    payload = draw(st.sampled_from((COOKIE, b"", b"COOKIE12", b"cookie123456")))
    if protocol in (1, 58):
        identifier = draw(PORTS)
        quoted = ipv4(17, pack("!HHHH", draw(PORTS), draw(PORTS), 8, 0) + payload)
        quoted6 = ipv6(6, pack("!HHI", draw(PORTS), draw(PORTS), 7))
        return draw(
            st.sampled_from(
                (
                    pack("!BBHHH", 8, 0, 0, identifier, 1) + payload,
                    pack("!BBHI", 3, 3, 0, 0) + quoted,
                    pack("!BBHI", 1, 4, 0, 0) + quoted6,
                )
            )
        )
    ports = pack("!HH", draw(PORTS), draw(PORTS))
    if protocol == 6:
        flags = draw(st.sampled_from((0x02, 0x12, 0x14, 0x10)))
        return ports + pack("!IIBBHHH", 1, 2, 0x50, flags, 0, 0, 0)
    return ports + pack("!HH", 8 + len(payload), 0) + payload


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    protocol = draw(st.sampled_from((1, 6, 17, 58, 47)))
    body = draw(bodies(protocol))
    if draw(st.booleans()):
        return ipv6(protocol, body)
    fragment = draw(st.sampled_from((0, 0x4000, 0x2000, 0x2001, 0x0100)))
    return ipv4(protocol, body, draw(st.integers(0, 3)), fragment)


@st.composite
def watches(draw: st.DrawFn) -> Watch:
    transport = draw(st.sampled_from(Transport))
    return Watch(
        namespaces={},
        transport=transport,
        version=draw(st.sampled_from((4, 6))),
        client_port=draw(st.sampled_from((0, CLIENT))),
        server_ports=frozenset(draw(st.sets(st.sampled_from((SERVER, 443))))),
        payload=draw(st.sampled_from((b"", COOKIE))) if transport is not Transport.TCP else b"",
    )


def is_wanted(packet: bytes, version: int, matches: tuple[TransportMatch, ...]) -> bool:
    """What the program shall find, said plainly."""
    if packet[0] >> 4 != version:
        return False
    if version == 4:
        protocol, start = packet[9], (packet[0] & 15) * 4
        if int.from_bytes(packet[6:8]) & 0x1FFF:
            return False
    else:
        protocol, start = packet[6], 40
    behind = (packet[start:] + bytes(64))[:64]
    return any(
        match.protocol == protocol
        and all(behind[at : at + len(octets)] == octets for at, octets in match.octets)
        for match in matches
    )


def observe(
    kernel: Kernel, buffer: Buffer, watch: Watch, tracepoint: Tracepoint, arguments: list[int]
) -> Machine:
    matches = transport_matches(watch)
    machine = Machine([SKB, *arguments], buffer.memory(kernel))
    program = observer(tracepoint, kernel.offsets, watch.version, matches, MAPS)
    assert machine.run(program) == 0
    return machine


@given(kernels(), packets(), watches(), st.sampled_from((KFREE, RECEIVE)))
def test_it_tells_of_what_matches_and_of_nothing_else(
    kernel: Kernel, packet: bytes, watch: Watch, tracepoint: Tracepoint
) -> None:
    machine = observe(kernel, Buffer(packet), watch, tracepoint, [1, 2])
    wanted = is_wanted(packet, watch.version, transport_matches(watch))
    assert len(machine.records) == wanted


WATCH = Watch(namespaces={}, transport=Transport.UDP, version=4, client_port=CLIENT)
PACKET = ipv4(17, pack("!HHHH", CLIENT, SERVER, 20, 0) + COOKIE, options=1)


def event(buffer: Buffer, tracepoint: Tracepoint, arguments: list[int]) -> PacketEvent:
    kernel = Kernel(Offsets(*range(64, 144, 8)), 34)
    (record,) = observe(kernel, buffer, WATCH, tracepoint, arguments).records
    return decode_event(record)


def test_what_an_event_says() -> None:
    told = event(Buffer(PACKET, mark=0x80000001), KFREE, [0xFFFF8000, 12])
    assert told._replace(headers=b"") == PacketEvent(
        monotonic_ns=NOW,
        skb=SKB,
        head=HEAD,
        kind=2,
        ifindex=42,
        inode=4026531840,
        reason=12,
        mark=0x80000001,
        headers=b"",
        function="some_function",
    )
    assert told.headers[: len(PACKET)] == PACKET


def test_without_a_link_it_is_the_sockets_namespace() -> None:
    told = event(Buffer(PACKET, has_link=False, has_socket=True), KFREE, [1, 2])
    assert (told.ifindex, told.inode) == (0, 4026531840)
    told = event(Buffer(PACKET, has_link=False), KFREE, [1, 2])
    assert (told.ifindex, told.inode) == (0, 0)


def test_the_function_is_that_of_the_call_and_not_of_what_follows_it() -> None:
    kernel = Kernel(Offsets(*range(64, 144, 8)), 34)
    machine = observe(kernel, Buffer(PACKET), WATCH, KFREE, [0xFFFFFFFF81000010, 2])
    assert machine.printed == [0xFFFFFFFF8100000F]


def test_type_and_code_of_an_icmp_error() -> None:
    sent = Tracepoint("icmp_send", 3, reason=1, detail=2)
    assert event(Buffer(PACKET), sent, [11, 1]).reason == 11 << 8 | 1


def test_without_a_reason_none_is_read() -> None:
    """The tracepoint has two arguments before Linux 5.17: the kernel would refuse a third."""
    old = Tracepoint("kfree_skb", 2, location=1)
    assert event(Buffer(PACKET), old, [1]).reason == 0


def test_a_full_buffer_counts_what_is_lost() -> None:
    kernel = Kernel(Offsets(*range(64, 144, 8)), 34)
    machine = Machine([SKB, 1, 2], Buffer(PACKET).memory(kernel), is_full=True)
    program = observer(KFREE, kernel.offsets, 4, transport_matches(WATCH), MAPS)
    machine.run(program)
    machine.run(program)
    assert machine.lost == 2


def test_a_buffer_that_cannot_be_read_is_passed_over() -> None:
    kernel = Kernel(Offsets(*range(64, 144, 8)), 34)
    machine = Machine([0xBAD, 1, 2], {})
    machine.run(observer(KFREE, kernel.offsets, 4, transport_matches(WATCH), MAPS))
    assert machine.records == []


@pytest.mark.parametrize("size", [20, 60])
def test_options_that_were_not_copied_are_zeros(size: int) -> None:
    packet = ipv4(17, pack("!HHHH", CLIENT, SERVER, 8, 0), options=(size - 20) // 4)
    told = event(Buffer(packet), KFREE, [1, 2])
    assert told.headers[size : size + 4] == pack("!HH", CLIENT, SERVER)
