"""A packet as its headers tell it, and the question that a trace answers."""

from enum import StrEnum

from msgspec import Struct

from glassbridge.model.address import IPAddress

ICMP_NUMBER, TCP_NUMBER, UDP_NUMBER, ICMPV6_NUMBER = 1, 6, 17, 58


class Transport(StrEnum):
    """What a walk can be asked of; `icmp` is ICMPv6 between IPv6 addresses."""

    ICMP = "icmp"
    TCP = "tcp"
    UDP = "udp"

    def number(self, version: int) -> int:
        """The protocol number in an IP header of that version."""
        if self is Transport.TCP:
            return TCP_NUMBER
        if self is Transport.UDP:
            return UDP_NUMBER
        return ICMP_NUMBER if version == 4 else ICMPV6_NUMBER  # noqa: PLR2004 - the IP version


class Packet(Struct, frozen=True, kw_only=True, tag="packet"):
    """The headers that routing and firewalls look at, at one point of a walk."""

    transport: Transport
    source: IPAddress
    destination: IPAddress
    source_port: int = 0
    """Of ICMP echo: its identifier."""
    destination_port: int = 0
    """0 for ICMP."""
    icmp_type: int | None = None
    icmp_code: int = 0
    length: int = 0
    """Of the whole IP packet, in octets."""
    ttl: int = 64
    """Or hop limit."""
    dont_fragment: bool = True
    mark: int = 0
    """Only within one namespace: a veth crossing scrubs it."""
    tcp_flags: str = ""
    """As tcpdump writes them: `S`, `S.`, `R.`, `.`"""

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.source.version

    @property
    def protocol_number(self) -> int:
        """The number in the IP header."""
        return self.transport.number(self.version)


class FlowWish(Struct, frozen=True, kw_only=True):
    """What `trace` was asked: parsed, not yet resolved."""

    source: str
    """A name, `host`, `pid:N`, `netns:PATH` or an address."""
    destination: str
    transport: Transport
    port: int | None = None
    version: int | None = None
    """4 or 6; None: what the destination has, 4 first."""
    source_address: IPAddress | None = None
    """As `ping -I`: None leaves the choice to the source's routing."""
    source_port: int | None = None
    icmp_type: int | None = None
    """None: echo request."""
    size: int | None = None
    """Octets of the whole IP packet; None: as small as the probe is."""
    ttl: int | None = None


class Question(Struct, frozen=True, kw_only=True):
    """What prediction is asked, names resolved: which packet, from which namespace."""

    source: int | None
    """Cookie of the sender's namespace; None: outside, it comes in by the host's uplink."""
    transport: Transport
    destination: IPAddress
    destination_port: int = 0
    source_address: IPAddress | None = None
    """None: routing chooses; from outside it is given."""
    source_port: int = 0
    """0: not known beforehand, any."""
    icmp_type: int | None = None
    size: int = 0
    """Octets of the IP packet; 0: small."""
    ttl: int = 64
    meant: int | None = None
    """Cookie of the namespace that was asked for by its name; None: an address was."""
