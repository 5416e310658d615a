"""How neighbour entries, addresses in two places and tracked connections are mended."""

from ipaddress import ip_address

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Transport
from glassbridge.model.step_details import NeighbourFound, Place
from glassbridge.model.tables import Address
from glassbridge.model.topology import IFF_NOARP
from glassbridge.walk.fixes.mending import Case, Mending
from glassbridge.walk.path.wires import bridge_for


def mend_neighbour(case: Case) -> Mending:
    """The entry goes; the next packet asks anew."""
    address, ifname = _asked(case), case.place.ifname
    if not ifname:
        return Mending(note=f"take out the entry: ip neigh del {address} dev ...")
    if _is_mute(case):
        return _ask_again(case)
    return Mending(
        commands=(case.at("ip", "neigh", "del", str(address), "dev", ifname),),
        note="the next packet asks for the MAC anew",
    )


def mend_unanswered(case: Case) -> Mending:
    """Nobody has the address, or who has it does not answer."""
    address = _asked(case)
    if _is_mute(case):
        return _ask_again(case)
    silenced = _silencing(case)
    if silenced:
        return Mending(
            commands=(case.at("sysctl", "-w", f"{silenced}=0"),),
            note=f"{case.place.name} answers for its address again",
        )
    port = case.link()
    bridge = bridge_for(case.snapshot, case.cookie, port) if port is not None else None
    if port is not None and bridge is not None:
        plug = ("ip", "link", "set", "dev", port.ifname, "master", bridge.ifname)
        return Mending(
            commands=(case.at(*plug),), note=f"plugs {port.ifname} into {bridge.ifname} again"
        )
    owner = case.snapshot.owner_of(address)
    if owner:
        return Mending(
            note=f"{owner} has {address}, but not on the wire where it is asked for: put both on "
            "one network, or route between them"
        )
    return Mending(note=f"nobody on that wire has {address}: is it running, is that its address?")


def _is_mute(case: Case) -> bool:
    link = case.link()
    return link is not None and bool(link.flags & IFF_NOARP)


def _ask_again(case: Case) -> Mending:
    ifname = case.place.ifname
    return Mending(
        commands=(case.at("ip", "link", "set", "dev", ifname, "arp", "on"),),
        note=f"{ifname} of {case.place.name} asks and answers by ARP again",
    )


def _silencing(case: Case) -> str:
    """The setting by which the owner keeps silent."""
    said = " ".join(f"{f.what} {f.says}" for f in case.drop.evidence)
    ifname = case.place.ifname
    for name in ("arp_ignore", "arp_filter"):
        if name in said:
            own = case.stack.sysctls.get(f"net/ipv4/conf/{ifname}/{name}", "0") != "0"
            return f"net/ipv4/conf/{ifname if own else 'all'}/{name}"
    return ""


def _asked(case: Case) -> IPAddress:
    """The address that is in question; a drop names it, or the step does."""
    try:
        return ip_address(case.drop.subject)
    except ValueError:
        detail = case.step.detail
        return detail.address if isinstance(detail, NeighbourFound) else case.packet.destination


def owners(case: Case, address: IPAddress) -> list[tuple[Place, Address]]:
    """Every stack that has an address, by what was read."""
    found = []
    for cookie, namespace in case.snapshot.namespaces.items():
        for own in namespace.stack.addresses:
            link = namespace.stack.link(own.ifindex)
            if own.interface.ip == address and link is not None:
                place = Place(cookie=cookie, name=case.snapshot.call(cookie), ifname=link.ifname)
                found.append((place, own))
    return found


def mend_duplicate(case: Case) -> Mending:
    """Who an engine says has it keeps it; the other gives it up, and the entry goes."""
    address = _asked(case)
    found = owners(case, address)
    keeper = _keeper(case, address, [p.cookie for p, _ in found])
    commands = [
        case.at("ip", "address", "del", str(own.interface), "dev", p.ifname, cookie=p.cookie)
        for p, own in found
        if p.cookie != keeper
    ]
    commands += _forgetting(case, address, {p.cookie for p, _ in found})
    if len(found) < 2:  # noqa: PLR2004 - one owner is as it should be
        return Mending(note=f"two answer for {address}: one of them is outside of what can be read")
    return Mending(
        commands=tuple(commands),
        note=f"{case.snapshot.call(keeper)} keeps {address}; the other must get another one",
    )


def mend_duplicate_mac(case: Case) -> Mending:
    """One of the links gets another MAC; who has a neighbour of the old one asks anew."""
    mac, ifname = case.drop.subject, case.place.ifname
    taken = {k.mac for n in case.snapshot.namespaces.values() for k in n.stack.links}
    head, last = mac[:-2], mac[-2:]
    if not ifname or not last or set(last) - set("0123456789abcdef"):
        return Mending(note="give one of the links another MAC: ip link set dev LINK address MAC")
    free = (f"{head}{(int(last, 16) + step) % 256:02x}" for step in range(1, 256))
    new = next((m for m in free if m not in taken), mac)
    commands = [case.at("ip", "link", "set", "dev", ifname, "address", new)]
    for cookie, namespace in case.snapshot.namespaces.items():
        for entry in namespace.stack.neighbours:
            link = namespace.stack.link(entry.ifindex)
            if entry.mac == mac and link is not None and not entry.is_proxy:
                words = ("ip", "neigh", "del", str(entry.address), "dev", link.ifname)
                commands.append(case.at(*words, cookie=cookie))
    return Mending(
        commands=tuple(commands),
        note=f"{ifname} of {case.place.name} gets another MAC, and who knew the old one asks anew",
    )


def _keeper(case: Case, address: IPAddress, cookies: list[int]) -> int:
    """Who an engine gave it to, else who was asked for it first."""
    entitled = {n.cookie for n in case.snapshot.names if address in n.addresses}
    return next((c for c in cookies if c in entitled), cookies[0] if cookies else case.cookie)


def _forgetting(case: Case, address: IPAddress, having: set[int]) -> list[str]:
    """Everyone on the way who has a neighbour entry for it shall ask anew."""
    commands = []
    for cookie in dict.fromkeys(s.place.cookie for s in case.walk.steps):
        stack = case.stack_of(cookie)
        for entry in stack.neighbours if cookie not in having else ():
            link = stack.link(entry.ifindex)
            if entry.address == address and link is not None:
                words = ("ip", "neigh", "del", str(address), "dev", link.ifname)
                commands.append(case.at(*words, cookie=cookie))
    return commands


def mend_connection(case: Case) -> Mending:
    """Conntrack forgets it, and the next packet is translated by the rules as they are now."""
    for step in case.walk.steps:
        packet = step.packet
        tracked = next(
            (
                c
                for c in case.snapshot.namespaces[case.cookie].connections
                if (c.transport, c.source, c.destination)
                == (
                    packet.transport,
                    packet.source,
                    packet.destination,
                )
                and (c.transport is Transport.ICMP or c.destination_port == packet.destination_port)
            ),
            None,
        )
        if tracked is None:
            continue
        words = ["conntrack", "-D", "-p", _protocol(tracked.transport, packet.version)]
        words += ["--orig-src", str(tracked.source), "--orig-dst", str(tracked.destination)]
        if tracked.transport is not Transport.ICMP:
            words += ["--orig-port-src", str(tracked.source_port)]
            words += ["--orig-port-dst", str(tracked.destination_port)]
        return Mending(
            commands=(case.at(*words),), note="the next packet is translated by today's rules"
        )
    words = ["conntrack", "-D", "--orig-dst", str(case.walk.steps[0].packet.destination)]
    return Mending(commands=(case.at(*words),), note="all connections to that address start anew")


def _protocol(transport: Transport, version: int) -> str:
    if transport is Transport.ICMP and version == 6:  # noqa: PLR2004 - the IP version
        return "icmpv6"
    return transport.value
