"""Who answers for an address: ARP in IPv4, neighbour discovery in IPv6.

Sources: arp_process in net/ipv4/arp.c, ndisc_recv_ns in net/ipv6/ndisc.c.
"""

from ipaddress import IPv4Address

from msgspec import Struct

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.topology import IFF_NOARP, Link, Stack
from glassbridge.walk.path.neighbour_rules import KeptBack
from glassbridge.walk.path.proxied import proxied
from glassbridge.walk.path.routing import Chosen, Flow, look_up
from glassbridge.walk.path.segment import Ear
from glassbridge.walk.path.sysctls import forwards, has_ipv6, highest
from glassbridge.walk.path.traveller import Ground
from glassbridge.walk.path.validity import is_own, passes

_NOT_YET = {"tentative", "dadfailed"}
_LINK_ONLY, _SAME_SUBNET, _NOT_HOST_SCOPE, _NEVER = 1, 2, 3, 8


class Voice(Struct, frozen=True, kw_only=True):
    """What one stack that hears the question does."""

    ear: Ear
    mac: Mac | None = None
    """Its answer; None: it is silent."""
    silent_because: str = ""
    """Where the address is its own, and it says nothing all the same."""
    is_rival: bool = False
    """It says nothing because the asker's address is its own too."""
    kept_back: KeptBack | None = None
    """A firewall ends the question, or its answer."""


def voice(ground: Ground, ear: Ear, target: IPAddress, sender: IPAddress) -> Voice:
    """Whether one that hears the question answers it; one that was not read is silent."""
    if ear.link is None:
        return Voice(ear=ear)
    stack = ground.stack(ear.cookie)
    if ear.link.bridge is not None and ear.way and ear.way[-1].entered is not None:
        entered = ground.link(ear.cookie, ear.way[-1].entered)
        in_his_place = proxied(stack, ear.link, entered, target).mac
        if in_his_place is not None:
            return Voice(ear=ear, mac=in_his_place)
    if isinstance(target, IPv4Address):
        return _arp(stack, ear, ear.link, target, sender)
    return _discovery(stack, ear, ear.link, target)


def _arp(stack: Stack, ear: Ear, link: Link, target: IPAddress, sender: IPAddress) -> Voice:
    mac = link.mac
    proxies = any(
        n.is_proxy and n.address == target and n.ifindex == link.ifindex for n in stack.neighbours
    )
    route = look_up(stack, Flow(destination=target, source=sender, iif=link.ifname))
    if route.type == "local":
        if is_own(stack, sender) and not highest(stack, link, "accept_local"):
            why = f"{sender}, which asks, is its own address as well"
            return Voice(ear=ear, silent_because=why, is_rival=True)
        why = _keeps_silent(stack, link, target, sender)
        return Voice(ear=ear, mac=None if why else mac, silent_because=why)
    elsewhere = route.oif is not None and route.oif.ifindex != link.ifindex
    proxy_arp = highest(stack, link, "proxy_arp") and elsewhere and route.type == "unicast"
    if (proxies or proxy_arp) and forwards(stack, link, 4):
        return Voice(ear=ear, mac=mac)
    return Voice(ear=ear)


def _keeps_silent(stack: Stack, link: Link, target: IPAddress, sender: IPAddress) -> str:
    """The address is its own: why it does not say so; empty: it does."""
    if link.flags & IFF_NOARP:
        return f"ARP is switched off on {link.ifname}"
    ignores = _ignores(stack, link, target, sender)
    if ignores:
        return ignores
    back = look_up(stack, Flow(destination=sender, source=target))
    mode = highest(stack, link, "rp_filter")
    if mode and not sender.is_unspecified and not passes(back, link, mode):
        return f"rp_filter {mode} of {link.ifname}: its way to {sender} is another"
    if highest(stack, link, "arp_filter") and not _leads_by(back, link):
        return f"arp_filter of {link.ifname}: its way to {sender} is another"
    return ""


def _leads_by(back: Chosen, link: Link) -> bool:
    return back.oif is not None and back.oif.ifindex == link.ifindex and not back.refusal


def _ignores(stack: Stack, link: Link, target: IPAddress, sender: IPAddress) -> str:
    mode = highest(stack, link, "arp_ignore")
    on_link = [a for a in stack.addresses if a.ifindex == link.ifindex and a.interface.ip == target]
    same_subnet = [a for a in on_link if sender in a.interface.network]
    everywhere = [a for a in stack.addresses if a.interface.ip == target]
    says = f"arp_ignore {mode} of {link.ifname}"
    if mode == _NEVER:
        return says
    if mode == _LINK_ONLY and not on_link:
        return f"{says}: the address is on another of its links"
    if mode == _SAME_SUBNET and not same_subnet:
        return f"{says}: {sender} is in another subnet"
    if mode == _NOT_HOST_SCOPE and everywhere and all(a.scope == "host" for a in everywhere):
        return f"{says}: the address has scope host"
    return ""


def _discovery(stack: Stack, ear: Ear, link: Link, target: IPAddress) -> Voice:
    own = next(
        (a for a in stack.addresses if a.ifindex == link.ifindex and a.interface.ip == target),
        None,
    )
    if own is not None:
        if not has_ipv6(stack, link):
            return Voice(ear=ear, silent_because=f"IPv6 is switched off on {link.ifname}")
        unusable = _NOT_YET & set(own.flags)
        if unusable and "optimistic" not in own.flags:
            return Voice(ear=ear, silent_because=f"the address is {', '.join(unusable)}")
        return Voice(ear=ear, mac=link.mac)
    proxies = any(
        n.is_proxy and n.address == target and n.ifindex == link.ifindex for n in stack.neighbours
    )
    if proxies and highest(stack, link, "proxy_ndp", 6) and forwards(stack, link, 6):
        return Voice(ear=ear, mac=link.mac)
    return Voice(ear=ear)
