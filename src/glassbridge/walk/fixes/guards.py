"""What our guards dropped: nothing takes a guard away; what they protect is put in order."""

from glassbridge.walk.firewall.guarded import own_addresses, own_macs, port_of
from glassbridge.walk.fixes.mending import Case, Mending


def mend_source_guard(case: Case) -> Mending:
    """Give the sender back what is its own, as far as the guard's own sets tell."""
    sender, source = case.source, case.packet.source
    stack = case.stack_of(sender.cookie)
    note = "glassbridge drops what a container sends under the MAC or address of another"
    for address in stack.addresses:
        link = stack.link(address.ifindex)
        if link is None or address.interface.ip != source:
            continue
        if str(source) not in own_addresses(case.snapshot, port_of(case.snapshot, sender, link)):
            return Mending(
                commands=(
                    case.at(
                        *("ip", "address", "del", str(address.interface), "dev", link.ifname),
                        cookie=sender.cookie,
                    ),
                ),
                note=f"{note}: {source} is not {sender.name}'s; if it should be, create the "
                "network with -o glassbridge.source_guard=off",
            )
    for link in stack.links:
        own = own_macs(case.snapshot, port_of(case.snapshot, sender, link))
        if own and str(link.mac) not in own:
            return Mending(
                commands=(
                    case.at(
                        *("ip", "link", "set", "dev", link.ifname, "address", min(own)),
                        cookie=sender.cookie,
                    ),
                ),
                note=f"{note}: {link.ifname} gets its own MAC back",
            )
    return Mending(
        note=f"{note}; create the network with -o glassbridge.source_guard=off to allow it"
    )


def mend_router_guard(case: Case) -> Mending:
    """No container may give its siblings a route."""
    return Mending(
        note=f"glassbridge lets no container act as router or DHCP server, and {case.source.name} "
        "would: run it outside of its networks"
    )


def mend_loopback_guard(case: Case) -> Mending:
    """127.0.0.0/8 is the host's own."""
    gateway = next(
        (str(a.interface.ip) for a in case.stack.addresses if not a.interface.ip.is_loopback), ""
    )
    return Mending(
        note="glassbridge lets nobody but the host itself reach its 127.0.0.0/8; let the program "
        f"listen on {gateway or 'an address of the host'} and ask that"
    )
