"""What our guards dropped: nothing takes a guard away; what they protect is put in order."""

from glassbridge.model.ruleset import Origin, Plain, Together
from glassbridge.model.topology import Link
from glassbridge.walk.mending import Case, Mending


def mend_source_guard(case: Case) -> Mending:
    """Give the sender back what is its own, as far as the guard's own sets tell."""
    sender, source = case.source, case.packet.source
    stack = case.stack_of(sender.cookie)
    note = "glassbridge drops what a container sends under the MAC or address of another"
    for address in stack.addresses:
        link = stack.link(address.ifindex)
        if address.interface.ip == source and link is not None and not _owns(case, str(source)):
            return Mending(
                commands=(
                    case.at(
                        *("ip", "address", "del", str(address.interface), "dev", link.ifname),
                        cookie=sender.cookie,
                    ),
                ),
                note=f"{note}: {source} is not {sender.name}'s; if it shall be, create the network "
                "with -o glassbridge.source_guard=off",
            )
    for link in stack.links:
        own = _own_mac(case, link)
        if own and own != link.mac:
            return Mending(
                commands=(
                    case.at(
                        *("ip", "link", "set", "dev", link.ifname, "address", own),
                        cookie=sender.cookie,
                    ),
                ),
                note=f"{note}: {link.ifname} gets its own MAC back",
            )
    return Mending(
        note=f"{note}; create the network with -o glassbridge.source_guard=off to allow it"
    )


def _port_of(case: Case, link: Link) -> str:
    """The host's end of a container's cable."""
    far = case.snapshot.far_end(case.source.cookie, link)
    if far is None:
        return ""
    port = case.stack_of(far[0]).link(far[1])
    return port.ifname if port else ""


def _own_elements(case: Case, set_name: str) -> set[tuple[str, str]]:
    """Port and what belongs to it, out of a set of `table bridge glassbridge`."""
    home = case.snapshot.namespaces.get(case.snapshot.home)
    found: set[tuple[str, str]] = set()
    for table in home.ruleset.tables if home else ():
        if table.owner is not Origin.GLASSBRIDGE or table.family != "bridge":
            continue
        for named in table.sets:
            for value in named.values if named.name == set_name else ():
                match value:
                    case Together(items=(Plain(port), Plain(own))):
                        found.add((port, own))
                    case _:
                        pass
    return found


def _own_mac(case: Case, link: Link) -> str:
    port = _port_of(case, link)
    return next((mac for p, mac in _own_elements(case, "own_mac") if port and p == port), "")


def _owns(case: Case, address: str) -> bool:
    ports = {_port_of(case, k) for k in case.stack_of(case.source.cookie).links} - {""}
    return any((port, address) in _own_elements(case, "own4") for port in ports)


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
