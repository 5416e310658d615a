"""Neighbour discovery before the firewall: ICMPv6, unlike ARP, passes the hooks of IP.

Sources: ndisc_send_skb in net/ipv6/ndisc.c, br_nf_pre_routing_ipv6 in br_netfilter_ipv6.c.
"""

from collections.abc import Iterator
from ipaddress import IPv6Address

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.topology import Link
from glassbridge.walk.hooks import HookCall, HookResult, HookVerdict
from glassbridge.walk.segment import Ear, Turn
from glassbridge.walk.sysctls import calls_ip_hooks
from glassbridge.walk.traveller import Ground

SOLICITATION, ADVERTISEMENT = 135, 136
_SOLICITED_NODE = int(IPv6Address("ff02::1:ff00:0"))
_LOW_24_BITS = 0xFFFFFF
_HOP_LIMIT = 255


class KeptBack(Struct, frozen=True, kw_only=True):
    """A question, or its answer, that a firewall lets nobody hear."""

    cookie: int
    call: HookCall
    result: HookResult


def kept_back(
    ground: Ground, cookie: int, oif: Link, asked: tuple[IPAddress, IPAddress], ear: Ear
) -> KeptBack | None:
    """The first hook that ends question or answer; `asked` is the address and who asks for it."""
    target, sender = asked
    group = IPv6Address(_SOLICITED_NODE | int(target) & _LOW_24_BITS)
    question = _talk(sender, group, SOLICITATION)
    answer = _talk(target, sender, ADVERTISEMENT)
    link = ear.link
    if link is None:
        return None
    for where, call in (
        *_sent(cookie, question, oif),
        *_bridged(ground, question, ear.way),
        *_taken(ear.cookie, question, link),
        *_sent(ear.cookie, answer, link),
        *_bridged(ground, answer, tuple(map(_back, reversed(ear.way)))),
        *_taken(cookie, answer, oif),
    ):
        result = ground.pass_hook(ground.namespace(where), call, None)
        if result.verdict in {HookVerdict.DROP, HookVerdict.REJECT}:
            return KeptBack(cookie=where, call=call, result=result)
    return None


def _talk(source: IPAddress, destination: IPAddress, icmp_type: int) -> Packet:
    return Packet(
        transport=Transport.ICMP,
        source=source,
        destination=destination,
        icmp_type=icmp_type,
        ttl=_HOP_LIMIT,
    )


def _sent(cookie: int, packet: Packet, oif: Link) -> Iterator[tuple[int, HookCall]]:
    for hook in ("output", "postrouting"):
        yield cookie, HookCall(family="ip6", hook=hook, packet=packet, oif=oif)


def _taken(cookie: int, packet: Packet, iif: Link) -> Iterator[tuple[int, HookCall]]:
    for hook in ("prerouting", "input"):
        yield cookie, HookCall(family="ip6", hook=hook, packet=packet, iif=iif)


def _back(turn: Turn) -> Turn:
    return Turn(cookie=turn.cookie, bridge=turn.bridge, entered=turn.left, left=turn.entered)


def _bridged(
    ground: Ground, packet: Packet, way: tuple[Turn, ...]
) -> Iterator[tuple[int, HookCall]]:
    """From port to port: forwarding alone, where rules about neighbours are in practice."""
    for turn in way:
        if turn.entered is None or turn.left is None:
            continue
        ports = ground.link(turn.cookie, turn.entered), ground.link(turn.cookie, turn.left)
        yield (
            turn.cookie,
            HookCall(family="bridge", hook="forward", packet=packet, iif=ports[0], oif=ports[1]),
        )
        bridge = ground.link(turn.cookie, turn.bridge)
        if calls_ip_hooks(ground.stack(turn.cookie), bridge, packet.version):
            yield (
                turn.cookie,
                HookCall(
                    family="ip6",
                    hook="forward",
                    packet=packet,
                    iif=bridge,
                    oif=bridge,
                    physical_in=ports[0],
                    physical_out=ports[1],
                ),
            )
