"""Which packets are the traced one and its reply, whatever NAT makes of their ends.

UDP and ICMP are known by the cookie in their payload, TCP by its sequence number, which NAT leaves
alone; what bears neither (a server's answer) by being the reverse of what was seen going there.
A packet that is not ours has no cookie: then its ends must fit as well.
"""

from collections.abc import Collection, Iterable
from enum import Enum
from typing import NamedTuple, assert_never

from glassbridge.kernel.frames import HeardPacket
from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet, Transport
from glassbridge.wire.packets import ICMP_ECHO_REPLY, ICMPV6_ECHO_REPLY, is_icmp_error

_SEQUENCE_SPACE = 1 << 32
_TELLING = 4
"""A shorter payload could be anybody's."""


class Way(Enum):
    """Which way a packet of the traced connection travels."""

    THERE = False
    BACK = True


class End(NamedTuple):
    """An address with a port; of ICMP echo the client's identifier stands for its port."""

    address: IPAddress
    port: int


class Ends(NamedTuple):
    """From where to where."""

    source: End
    destination: End

    def reversed(self) -> "Ends":
        return Ends(self.destination, self.source)


class Follower:
    """Knows one packet, and learns its translated ends as it is seen; to be asked in time order."""

    def __init__(
        self,
        packet: Packet,
        *,
        payload: bytes = b"",
        is_ours: bool = True,
        goes_to: Collection[End] = (),
    ) -> None:
        """`payload`: what only this packet has there, if `is_ours`; else what it begins with.

        `goes_to`: a SYN is known by its going to one of them; else by its source port.
        """
        self._packet = packet
        self._payload = payload
        self._is_ours = is_ours
        self._goes_to = goes_to
        self._sequence: int | None = None
        self._identification = 0
        self._ways: set[Ends] = set()
        self._clients: set[End] = set()
        self._servers: set[End] = set()
        self._fragments: dict[tuple[IPAddress, IPAddress, int], Way] = {}
        self._learn(packet)

    @classmethod
    def of_another(cls, heard: HeardPacket) -> "Follower":
        """Follow somebody else's packet, that was just seen."""
        follower = cls(heard.packet, payload=heard.payload, is_ours=False)
        follower._sequence = heard.sequence
        follower._identification = heard.identification
        return follower

    @property
    def has_found(self) -> bool:
        """A TCP packet was seen, so that its sequence number is known; others are known before."""
        return self.transport is not Transport.TCP or self._sequence is not None

    @property
    def transport(self) -> Transport:
        """The packet's own; errors about it are ICMP."""
        return self._packet.transport

    @property
    def addresses(self) -> set[IPAddress]:
        """Every address that the packet was seen with."""
        return {e.address for e in self._clients | self._servers}

    def way_of(self, heard: HeardPacket) -> Way | None:
        """Which way a packet that was heard on a link travels; None: it is not the traced one's."""
        place = (heard.packet.source, heard.packet.destination, heard.identification)
        if heard.is_later_fragment:
            return self._fragments.get(place)
        if heard.quoted is not None:
            return self._way_of_error(heard.quoted.packet)
        if heard.packet.transport is not self._packet.transport:
            return None
        match heard.packet.transport:
            case Transport.TCP:
                way = self._way_of_segment(heard)
            case Transport.UDP:
                way = self._way_of_datagram(heard)
            case Transport.ICMP:
                way = self._way_of_message(heard)
            case _:
                assert_never(heard.packet.transport)
        if way is Way.THERE:
            self._learn(heard.packet)
        if way is not None and heard.identification:
            self._fragments[place] = way
        return way

    def way_of_headers(self, packet: Packet) -> Way | None:
        """The same for headers alone, as nftrace and tracepoints tell them, also amid NAT."""
        if is_icmp_error(packet.version, packet.icmp_type or -1):
            is_for_us = any(e.address == packet.destination for e in self._clients)
            return Way.BACK if is_for_us else None
        if packet.transport is not self._packet.transport or self.is_later(packet):
            return None
        ends = _ends_of(packet)
        if ends in self._ways or ends.source in self._clients:
            self._learn(packet)
            return Way.THERE
        if ends.reversed() in self._ways or ends.destination in self._clients:
            return Way.BACK
        return None

    def is_later(self, packet: Packet) -> bool:
        """It follows a handshake's first two segments, whosever it is; a reset ends one."""
        is_handshake = {"S", "R"} & {*packet.tcp_flags}
        return bool(_is_first(self._packet) and packet.tcp_flags and not is_handshake)

    def learn(self, packet: Packet) -> None:
        """The traced packet was seen with these ends, by somebody who knows it otherwise."""
        self._learn(packet)

    def _way_of_error(self, quoted: Packet) -> Way | None:
        """An error travels against the packet that it is about."""
        if quoted.transport is not self._packet.transport:
            return None
        ends = _ends_of(quoted)
        if ends in self._ways:
            return Way.BACK
        return Way.THERE if ends.reversed() in self._ways else None

    def _way_of_segment(self, heard: HeardPacket) -> Way | None:
        packet, sequence = heard.packet, self._sequence
        if sequence is None:
            if not (_is_first(packet) and self._is_as_sent(packet)):
                return None
            self._sequence = heard.sequence
            return Way.THERE
        if not _is_first(self._packet):
            return self._way_in_connection(heard)
        if heard.sequence == sequence and _is_first(packet):
            return Way.THERE if self._is_ours or self._fits(heard) else None
        flags = {*packet.tcp_flags}
        is_answer = heard.acknowledgement == (sequence + 1) % _SEQUENCE_SPACE and "." in flags
        return Way.BACK if is_answer and {"S", "R"} & flags else None

    def _way_in_connection(self, heard: HeardPacket) -> Way | None:
        """Another's segment amid its connection: what comes back next, answers it or follows it."""
        same = (heard.sequence, heard.packet.tcp_flags) == (
            self._sequence,
            self._packet.tcp_flags,
        )
        if same and self._fits(heard):
            return Way.THERE
        return Way.BACK if _ends_of(heard.packet).reversed() in self._ways else None

    def _way_of_datagram(self, heard: HeardPacket) -> Way | None:
        ends = _ends_of(heard.packet)
        if self._bears_cookie(heard):
            # an echo server sends the cookie back
            is_back = ends.reversed() in self._ways or (
                ends not in self._ways
                and (ends.source in self._servers or ends.destination in self._clients)
            )
            if is_back:
                return Way.BACK
            return Way.THERE if self._is_ours or self._fits(heard) else None
        return Way.BACK if ends.reversed() in self._ways else None

    def _way_of_message(self, heard: HeardPacket) -> Way | None:
        if not self._bears_cookie(heard):
            return None
        if heard.packet.icmp_type != self._packet.icmp_type:
            return Way.BACK
        return Way.THERE if self._is_ours or self._fits(heard) else None

    def _bears_cookie(self, heard: HeardPacket) -> bool:
        if len(self._payload) < _TELLING:
            return self._fits(heard)
        return heard.payload == self._payload

    def _fits(self, heard: HeardPacket) -> bool:
        """Another's packet, seen elsewhere: one end is the same, and so is what NAT would keep."""
        ends = _ends_of(heard.packet)
        if ends in self._ways:
            return True
        return (ends.source in self._clients or ends.destination in self._servers) and (
            ends.source.port == self._packet.source_port
            or (heard.identification != 0 and heard.identification == self._identification)
        )

    def _is_as_sent(self, packet: Packet) -> bool:
        """NAT of what the host itself sends has been there before any link: both may be others."""
        if self._goes_to:
            return _ends_of(packet).destination in self._goes_to
        return packet.source_port == self._packet.source_port

    def _learn(self, packet: Packet) -> None:
        if packet.source.is_unspecified:
            return
        ends = _ends_of(packet)
        self._ways.add(ends)
        self._clients.add(ends.source)
        self._servers.add(ends.destination)


def destinations(packets: Iterable[Packet]) -> frozenset[End]:
    """Where any of them goes."""
    return frozenset(_ends_of(p).destination for p in packets)


def _is_first(packet: Packet) -> bool:
    """It opens a connection."""
    return "S" in packet.tcp_flags and "." not in packet.tcp_flags


def _ends_of(packet: Packet) -> Ends:
    source, destination = packet.source_port, packet.destination_port
    if packet.icmp_type in (ICMP_ECHO_REPLY, ICMPV6_ECHO_REPLY):
        source, destination = destination, source
    return Ends(End(packet.source, source), End(packet.destination, destination))
