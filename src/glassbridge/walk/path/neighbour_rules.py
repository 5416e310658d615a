"""Who has this address? The question and its answer before the firewalls on their way.

ARP passes tables of families arp and bridge; neighbour discovery is ICMPv6, and passes those of IP.
Sources: arp_send_dst and arp_rcv in net/ipv4/arp.c, ndisc_send_skb in net/ipv6/ndisc.c.
"""

from collections.abc import Iterator
from ipaddress import IPv6Address

from msgspec import Struct

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.topology import Link
from glassbridge.walk.firewall.hooks import HookCall, HookResult, HookVerdict
from glassbridge.walk.path.segment import Ear, Turn
from glassbridge.walk.path.sysctls import calls_ip_hooks
from glassbridge.walk.path.traveller import Ground
from glassbridge.walk.path.versions import V4, V6

_ARP_REQUEST, _ARP_REPLY = 1, 2
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOLICITED_NODE, _LOW_24_BITS = int(IPv6Address("ff02::1:ff00:0")), 0xFFFFFF
_EVERYBODY = Mac("ff:ff:ff:ff:ff:ff")
_HOP_LIMIT = 255


class Asking(Struct, frozen=True, kw_only=True):
    """A question as it leaves."""

    cookie: int
    oif: Link
    target: IPAddress
    sender: IPAddress


class KeptBack(Struct, frozen=True, kw_only=True):
    """A question, or its answer, that a firewall lets nobody hear."""

    cookie: int
    call: HookCall
    result: HookResult
    is_answer: bool


class _Talk(Struct, frozen=True):
    """One of the two on its way."""

    packet: Packet
    source_mac: Mac | None
    destination_mac: Mac | None
    arp_operation: int = 0

    def at(
        self,
        family: str,
        hook: str,
        iif: Link | None,
        oif: Link | None,
        ports: tuple[Link | None, Link | None] = (None, None),
    ) -> HookCall:
        return HookCall(
            family=family,
            hook=hook,
            packet=self.packet,
            iif=iif,
            oif=oif,
            physical_in=ports[0],
            physical_out=ports[1],
            source_mac=self.source_mac,
            destination_mac=self.destination_mac,
            arp_operation=self.arp_operation,
        )


_Calls = Iterator[tuple[int, HookCall]]
"""Where, and what is asked there."""


def kept_back(ground: Ground, asking: Asking, ear: Ear) -> KeptBack | None:
    """The first hook that ends question or answer; what is not known lets them pass."""
    link = ear.link
    if link is None:
        return None
    question, answer = _talks(asking, link)
    back = tuple(map(_reversed, reversed(ear.way)))
    ways = (
        (_sent(asking.cookie, question, asking.oif), ear.way, _taken(ear.cookie, question, link)),
        (_sent(ear.cookie, answer, link), back, _taken(asking.cookie, answer, asking.oif)),
    )
    for talk, (sent, way, taken) in zip((question, answer), ways, strict=True):
        for cookie, call in (*sent, *_bridged(ground, talk, way), *taken):
            result = ground.pass_hook(ground.namespace(cookie), call, None)
            if result.verdict in {HookVerdict.DROP, HookVerdict.REJECT}:
                is_answer = talk is answer
                return KeptBack(cookie=cookie, call=call, result=result, is_answer=is_answer)
    return None


def _talks(asking: Asking, ear: Link) -> tuple[_Talk, _Talk]:
    target, sender = asking.target, asking.sender
    macs = asking.oif.mac, ear.mac
    if target.version == V4:
        return (
            _Talk(_packet(sender, target), macs[0], _EVERYBODY, _ARP_REQUEST),
            _Talk(_packet(target, sender), macs[1], macs[0], _ARP_REPLY),
        )
    group = IPv6Address(_SOLICITED_NODE | int(target) & _LOW_24_BITS)
    # RFC 2464 §7
    group_mac = Mac("33:33:" + ":".join(f"{octet:02x}" for octet in group.packed[-4:]))
    return (
        _Talk(_packet(sender, group, _SOLICITATION), macs[0], group_mac),
        _Talk(_packet(target, sender, _ADVERTISEMENT), macs[1], macs[0]),
    )


def _packet(source: IPAddress, destination: IPAddress, icmp_type: int | None = None) -> Packet:
    """Of ARP only the addresses are read."""
    return Packet(
        transport=Transport.ICMP,
        source=source,
        destination=destination,
        icmp_type=icmp_type,
        ttl=_HOP_LIMIT,
    )


def _sent(cookie: int, talk: _Talk, oif: Link) -> _Calls:
    if talk.arp_operation:
        yield cookie, talk.at("arp", "output", None, oif)
    else:
        for hook in ("output", "postrouting"):
            yield cookie, talk.at("ip6", hook, None, oif)
    yield cookie, talk.at("netdev", "egress", None, oif)


def _taken(cookie: int, talk: _Talk, iif: Link) -> _Calls:
    yield cookie, talk.at("netdev", "ingress", iif, None)
    if talk.arp_operation:
        yield cookie, talk.at("arp", "input", iif, None)
        return
    for hook in ("prerouting", "input"):
        yield cookie, talk.at("ip6", hook, iif, None)


def _reversed(turn: Turn) -> Turn:
    return Turn(cookie=turn.cookie, bridge=turn.bridge, entered=turn.left, left=turn.entered)


def _bridged(ground: Ground, talk: _Talk, way: tuple[Turn, ...]) -> _Calls:
    """The hooks of each bridge on the way, as walk.path.switching passes them."""
    for turn in way:
        cookie, bridge = turn.cookie, ground.link(turn.cookie, turn.bridge)
        entered = None if turn.entered is None else ground.link(cookie, turn.entered)
        left = None if turn.left is None else ground.link(cookie, turn.left)
        is_shown = not talk.arp_operation and calls_ip_hooks(ground.stack(cookie), bridge, V6)
        if entered is not None:
            yield cookie, talk.at("netdev", "ingress", entered, None)
            yield cookie, talk.at("bridge", "prerouting", entered, None)
            if is_shown:
                yield cookie, talk.at("ip6", "prerouting", bridge, None, (entered, None))
            hook = "input" if left is None else "forward"
            yield cookie, talk.at("bridge", hook, entered, left)
        elif left is not None:
            yield cookie, talk.at("bridge", "output", None, left)
        if entered is not None and left is not None and is_shown:
            yield cookie, talk.at("ip6", "forward", bridge, bridge, (entered, left))
        if left is not None:
            yield cookie, talk.at("bridge", "postrouting", None, left)
            yield cookie, talk.at("netdev", "egress", None, left)
