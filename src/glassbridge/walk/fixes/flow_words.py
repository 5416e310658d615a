"""A packet's flow as a match in the words of nft and of iptables."""

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet, Transport
from glassbridge.walk.path.versions import V4, V6

_IP_WORDS = {V4: "ip", V6: "ip6"}
_ICMP_WORDS = {V4: "icmp", V6: "ipv6-icmp"}


def nft_flow(packet: Packet, *, is_back: bool = False, from_anyone: bool = False) -> str:
    """`ip saddr 172.17.0.2 ip daddr 172.17.0.3 tcp dport 80`."""
    ip = _IP_WORDS[packet.version]
    source, destination = _ends(packet, is_back=is_back)
    ends = f"{ip} daddr {destination}"
    if not from_anyone:
        ends = f"{ip} saddr {source} {ends}"
    if packet.transport is Transport.ICMP:
        return f"{ends} meta l4proto {_ICMP_WORDS[packet.version]}"
    port = "sport" if is_back else "dport"
    return f"{ends} {packet.transport.value} {port} {packet.destination_port}"


def iptables_flow(packet: Packet, *, is_back: bool = False, from_anyone: bool = False) -> str:
    """`-s 172.17.0.2 -d 172.17.0.3 -p tcp --dport 80`."""
    source, destination = _ends(packet, is_back=is_back)
    ends = f"-d {destination}" if from_anyone else f"-s {source} -d {destination}"
    if packet.transport is Transport.ICMP:
        return f"{ends} -p {_ICMP_WORDS[packet.version]}"
    port = "--sport" if is_back else "--dport"
    return f"{ends} -p {packet.transport.value} {port} {packet.destination_port}"


def nft_service(packet: Packet, link: str) -> str:
    """`iifname "gb0" udp dport 53`: the same from whoever is behind that link."""
    return f'iifname "{link}" {packet.transport.value} dport {packet.destination_port}'


def iptables_service(packet: Packet, link: str) -> str:
    """`-i gb0 -p udp --dport 53`."""
    return f"-i {link} -p {packet.transport.value} --dport {packet.destination_port}"


def _ends(packet: Packet, *, is_back: bool) -> tuple[IPAddress, IPAddress]:
    if is_back:
        return packet.destination, packet.source
    return packet.source, packet.destination
