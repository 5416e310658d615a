"""What stays the same of a packet at every hop: NAT changes addresses and ports, not these."""

_VLAN, _IPV4, _IPV6 = b"\x81\x00", b"\x08\x00", b"\x86\xdd"
_TCP, _UDP = 6, 17
_ICMP = {1, 58}


def packet_identity(frame: bytes) -> bytes:
    """Octets that are equal for frames which carry the same packet of one connection.

    Of TCP: sequence numbers, flags and data; of UDP: its data; of ICMP: type, code and sequence
    number. Left out are TCP's options (a firewall may clamp the MSS) and the ICMP identifier (NAT
    treats it as a port). What is not IP is its own identity.
    """
    at = 12
    while frame[at : at + 2] == _VLAN:
        at += 4
    ethertype, packet = frame[at : at + 2], frame[at + 2 :]
    if ethertype == _IPV4 and len(packet) > 20:  # noqa: PLR2004 - the shortest header
        protocol, header = packet[9], (packet[0] & 15) * 4
    elif ethertype == _IPV6 and len(packet) > 40:  # noqa: PLR2004 - likewise
        protocol, header = packet[6], 40
    else:
        return packet or frame
    return bytes([protocol]) + _segment_identity(protocol, packet[header:])


def _segment_identity(protocol: int, segment: bytes) -> bytes:
    if protocol == _TCP:
        return segment[4:12] + segment[13:14] + segment[_tcp_header_length(segment) :]
    if protocol == _UDP:
        return segment[8:]
    if protocol in _ICMP:
        return segment[:2] + segment[6:8]
    return segment


def _tcp_header_length(segment: bytes) -> int:
    return (segment[12] >> 4) * 4 if len(segment) > 12 else 0  # noqa: PLR2004 - the data offset
