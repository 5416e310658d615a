"""Where a walk begins: in the sender's namespace, or at the host's uplink."""

from ipaddress import IPv4Address, IPv6Address

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.step_details import Entered
from glassbridge.walk.path.delivering import ECHO_REQUEST
from glassbridge.walk.path.passing import pass_link_hook
from glassbridge.walk.path.routing import Flow, look_up
from glassbridge.walk.path.sysctls import setting
from glassbridge.walk.path.traveller import (
    Ground,
    Macs,
    Raised,
    Sending,
    Traveller,
    Unclear,
    incoming,
)
from glassbridge.walk.path.validity import is_own

_UNSPECIFIED: dict[int, IPAddress] = {4: IPv4Address(0), 6: IPv6Address(0)}


def depart(ground: Ground) -> Traveller:
    """The packet as it is asked for; raises Unclear where it is of a kind that is not traced."""
    question = ground.question
    destination = question.destination
    if destination.is_multicast or destination == IPv4Address("255.255.255.255"):
        raise Unclear(f"{destination} is for many: only packets to one host are predicted")
    if isinstance(destination, IPv6Address) and destination.is_link_local:
        raise Unclear(f"{destination} is a different one on every link: name the link's container")
    packet = _packet(ground)
    if question.source is None:
        return _from_outside(ground, packet)
    own = question.source_address
    stack = ground.stack(question.source)
    nonlocal_bind = setting(stack, f"net.ipv{destination.version}.ip_nonlocal_bind")
    if own is not None and not own.is_loopback and not is_own(stack, own) and not nonlocal_bind:
        raise Unclear(f"{ground.snapshot.call(question.source)} has no address {own} to send from")
    return Traveller(cookie=question.source, packet=packet, station=Sending())


def _packet(ground: Ground) -> Packet:
    question = ground.question
    version = question.destination.version
    is_icmp = question.transport is Transport.ICMP
    icmp_type = question.icmp_type
    if is_icmp and icmp_type is None:
        icmp_type = ECHO_REQUEST[version]
    return Packet(
        transport=question.transport,
        source=question.source_address or _UNSPECIFIED[version],
        destination=question.destination,
        source_port=question.source_port,
        destination_port=0 if is_icmp else question.destination_port,
        icmp_type=icmp_type if is_icmp else None,
        length=question.size,
        ttl=question.ttl,
        tcp_flags="S" if question.transport is Transport.TCP else "",
    )


def _from_outside(ground: Ground, packet: Packet) -> Traveller:
    """By the link that the answer would leave by."""
    home = ground.snapshot.home
    if packet.source.is_unspecified:
        raise Unclear("a packet from outside needs a source address")
    back = look_up(ground.stack(home), Flow(destination=packet.source))
    uplink = back.oif
    if uplink is None or back.refusal or uplink.is_loopback:
        raise Unclear(f"the host has no link that leads to {packet.source}")
    traveller = Traveller(
        cookie=home,
        packet=packet,
        station=Raised(link=uplink),
        macs=Macs(destination=uplink.mac),
    )
    entered = traveller.then(
        ground.place(home, uplink),
        Entered(address=packet.source),
        expected=(incoming(home, uplink),),
    )
    return pass_link_hook(ground, entered, "ingress", uplink)
