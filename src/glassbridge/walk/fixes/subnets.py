"""To which subnet and bridge of the host an address belongs."""

from ipaddress import ip_network

from glassbridge.model.address import IPAddress
from glassbridge.walk.fixes.mending import Case


def subnet_of(case: Case, address: IPAddress) -> str:
    """The subnet of a link of the host that has the address, else the address alone."""
    return next((str(n) for n, _ in _holding(case, address)), str(ip_network(address)))


def bridge_of(case: Case, address: IPAddress) -> str:
    """The host's link to that subnet; empty where it has none."""
    return next((ifname for _, ifname in _holding(case, address)), "")


def network_holds(subnet: str, address: IPAddress) -> bool:
    """Whether an address lies in a subnet."""
    return address in ip_network(subnet)


def _holding(case: Case, address: IPAddress) -> list[tuple[object, str]]:
    home = case.stack_of(case.snapshot.home)
    found: list[tuple[object, str]] = []
    for own in home.addresses:
        link = home.link(own.ifindex)
        if link is not None and address in own.interface.network:
            found.append((own.interface.network, link.ifname))
    return found
