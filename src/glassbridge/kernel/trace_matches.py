"""Which packets a watch means, as octets behind the IP header: what nftables can compare."""

from glassbridge.kernel.witness import Watch
from glassbridge.model.packet import Transport
from glassbridge.wire.nft_trace import TransportMatch

Octets = tuple[tuple[int, bytes], ...]
"""Offset from the transport header, and what stands there; all of them."""

_ICMP = Transport.ICMP
_UDP_PAYLOAD = 8
"""Also of ICMP echo."""
_ECHO_IDENTIFIER = 4
_SOURCE_PORT, _DESTINATION_PORT = 0, 2
_TCP_FLAGS = 13
_SYN, _SYN_ACK, _RST_ACK = b"\x02", b"\x12", b"\x14"
_MOST_PAYLOAD = 8

# an ICMP error holds, behind its own 8 octets, the IP header that it is about
_INNER_PROTOCOL = {4: 8 + 9, 6: 8 + 6}
_INNER_TRANSPORT = {4: 8 + 20, 6: 8 + 40}


def transport_matches(watch: Watch) -> tuple[TransportMatch, ...]:
    """The flow in either direction, and ICMP errors about it; any one of them suffices."""
    number = watch.transport.number(watch.version)
    flow = _by_identifier(watch) if watch.transport is _ICMP else _by_port(watch)
    if watch.payload:
        # survives translation of any address and port
        flow.append(((_UDP_PAYLOAD, watch.payload[:_MOST_PAYLOAD]),))
    matches = [TransportMatch(number, octets) for octets in flow]
    return (*matches, *_errors(watch, number, flow))


def _by_identifier(watch: Watch) -> list[Octets]:
    return [((_ECHO_IDENTIFIER, _u16(watch.client_port)),)] if watch.client_port else [()]


def _by_port(watch: Watch) -> list[Octets]:
    servers = [_u16(port) for port in sorted(watch.server_ports)]
    if not watch.client_port:
        return _either_way(servers) or [()]
    flow = _either_way([_u16(watch.client_port)])
    if watch.transport is Transport.TCP:
        # finds the flow again where a masquerade has changed the client's port
        flow += [((_DESTINATION_PORT, port), (_TCP_FLAGS, _SYN)) for port in servers]
        flow += [
            ((_SOURCE_PORT, p), (_TCP_FLAGS, f)) for p in servers for f in (_SYN_ACK, _RST_ACK)
        ]
    return flow


def _either_way(ports: list[bytes]) -> list[Octets]:
    return [((side, port),) for port in ports for side in (_SOURCE_PORT, _DESTINATION_PORT)]


def _errors(watch: Watch, number: int, flow: list[Octets]) -> list[TransportMatch]:
    start = _INNER_TRANSPORT[watch.version]
    protocol = (_INNER_PROTOCOL[watch.version], bytes((number,)))
    return [
        TransportMatch(
            _ICMP.number(watch.version),
            (protocol, *((start + offset, octets) for offset, octets in match)),
        )
        for match in flow
        # of TCP's header an error need not hold more than the ports and the sequence number
        if all(offset != _TCP_FLAGS for offset, _ in match)
    ]


def _u16(value: int) -> bytes:
    return value.to_bytes(2)
