"""Whether a source or destination may come in by a link at all: martians, reverse path filter.

Sources: ip_route_input_slow and fib_validate_source in net/ipv4, ip6_rcv_core in net/ipv6.
"""

from msgspec.structs import replace

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.packet import Packet
from glassbridge.model.topology import Link, Stack
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.path.routing import Chosen, flow_of, look_up
from glassbridge.walk.path.sysctls import has_ipv6, highest, key_of, setting
from glassbridge.walk.path.traveller import Ground, Traveller
from glassbridge.walk.path.versions import V6

_STRICT = 1


def invalid(ground: Ground, traveller: Traveller, link: Link) -> Drop | None:
    """Why the namespace will not take this packet from that link; None: it does."""
    stack, packet = ground.stack(traveller.cookie), traveller.packet
    name = ground.snapshot.call(traveller.cookie)
    place = ground.place(traveller.cookie, link)
    if packet.version == V6:
        return _invalid6(ground, traveller, link)
    if packet.destination.is_loopback or packet.source.is_loopback:
        if highest(stack, link, "route_localnet"):
            return None
        which = packet.destination if packet.destination.is_loopback else packet.source
        key = f"net.ipv4.conf.{link.ifname}.route_localnet"
        return Drop(
            cause=Cause.MARTIAN,
            sentence=f"{name} takes {which} only from itself, not from {link.ifname}",
            evidence=(Fact(what=f"sysctl {key}", says="0"),),
            place=place,
            subject=key,
        )
    if is_own(stack, packet.source) and not highest(stack, link, "accept_local"):
        twins = {
            c
            for c, n in ground.snapshot.namespaces.items()
            if c != traveller.cookie and is_own(n.stack, packet.source)
        }
        return Drop(
            cause=Cause.DUPLICATE_ADDRESS if twins else Cause.MARTIAN,
            sentence=f"{packet.source} is {name}'s own address: it is not taken from {link.ifname}",
            evidence=(
                Fact(what=f"addresses of {name}", says=str(packet.source)),
                Fact(what=f"sysctl {_dotted(link, 'accept_local')}", says="0"),
            ),
            place=place,
            subject=str(packet.source),
        )
    return _reverse_path(ground, traveller, link)


def is_own(stack: Stack, address: IPAddress) -> bool:
    """One of the namespace's own addresses."""
    return any(a.interface.ip == address for a in stack.addresses)


def _invalid6(ground: Ground, traveller: Traveller, link: Link) -> Drop | None:
    stack, packet = ground.stack(traveller.cookie), traveller.packet
    name = ground.snapshot.call(traveller.cookie)
    place = ground.place(traveller.cookie, link)
    if not has_ipv6(stack, link):
        return Drop(
            cause=Cause.IPV6_ABSENT,
            sentence=f"IPv6 is switched off on {link.ifname} of {name}",
            evidence=(Fact(what=f"sysctl net.ipv6.conf.{link.ifname}.disable_ipv6", says="1"),),
            place=place,
            subject=f"net.ipv6.conf.{link.ifname}.disable_ipv6",
        )
    if packet.destination.is_loopback or packet.source.is_loopback:
        return Drop(
            cause=Cause.MARTIAN,
            sentence=f"{name} takes ::1 only from itself, not from {link.ifname}",
            evidence=(Fact(what="RFC 4291, 2.5.3", says="::1 never comes in by a link"),),
            place=place,
        )
    return None


def _reverse_path(ground: Ground, traveller: Traveller, link: Link) -> Drop | None:
    stack, packet = ground.stack(traveller.cookie), traveller.packet
    mode = highest(stack, link, "rp_filter")
    if not mode:
        return None
    back = way_back(stack, packet, link)
    if passes(back, link, mode):
        return None
    name = ground.snapshot.call(traveller.cookie)
    goes = f"by {back.oif.ifname}" if back.oif is not None and not back.refusal else "nowhere"
    everywhere = setting(stack, "net/ipv4/conf/all/rp_filter")
    key = "net.ipv4.conf.all.rp_filter" if everywhere == mode else _dotted(link, "rp_filter")
    return Drop(
        cause=Cause.RP_FILTER,
        sentence=f"{name} does not take {packet.source} from {link.ifname}:"
        f" its way back goes {goes}",
        evidence=(
            Fact(what=f"sysctl {key}", says=str(mode)),
            Fact(what=f"ip route get {packet.source}", says=goes),
        ),
        place=ground.place(traveller.cookie, link),
        subject=key,
    )


def way_back(stack: Stack, packet: Packet, link: Link) -> Chosen:
    """The route that an answer to this packet would take, as the filter asks for it."""
    mark = packet.mark if highest(stack, link, "src_valid_mark") else 0
    reverse = replace(packet, source=packet.destination, destination=packet.source, mark=mark)
    return look_up(stack, flow_of(reverse))


def passes(back: Chosen, link: Link, mode: int) -> bool:
    """Strict: one way back goes by that link. Loose: there is a way back at all."""
    if back.refusal or back.type != "unicast":
        return False
    if mode != _STRICT:
        return True
    if back.route is not None and back.route.next_hops:
        return any(hop.oif == link.ifindex for hop in back.route.next_hops)
    return back.oif is not None and back.oif.ifindex == link.ifindex


def _dotted(link: Link, name: str) -> str:
    return key_of(link, name).replace("/", ".")
