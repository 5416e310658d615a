"""What Docker's remote driver and IPAM protocols ask for, as values."""

from ipaddress import IPv4Interface, IPv6Interface
from typing import NewType

from msgspec import Struct

from glassbridge.model.address import IPAddress, IPInterface, IPNetwork
from glassbridge.model.endpoint import EndpointId
from glassbridge.model.network import Ifname, Managed, NetworkId

PoolId = NewType("PoolId", str)
"""`glassbridge/172.20.0.0/16`, with `/172.20.5.0/24` behind it where a range was asked for."""


class DrivenEndpoint(Struct, frozen=True, kw_only=True):
    """`CreateEndpoint`: the addresses were leased by whichever IPAM the network has."""

    id: EndpointId
    network: Managed
    ipv4: IPv4Interface | None = None
    ipv6: IPv6Interface | None = None
    mac: str = ""


class Joined(Struct, frozen=True, kw_only=True):
    """What dockerd must know to move the sandbox end, which waits in the host's namespace."""

    link: Ifname
    ifname_prefix: str
    gateways: tuple[IPAddress, ...] = ()
    """At most one of each family; none: internal or isolated."""


class PoolWish(Struct, frozen=True, kw_only=True):
    """`RequestPool`, as text; empty means any."""

    prefix: str = ""
    ip_range: str = ""
    ipv6: bool = False


class AddressPool(Struct, frozen=True, kw_only=True):
    """A subnet that Docker holds for one of its networks, outlasting reboots.

    dockerd asks for the gateway and the auxiliary addresses before it creates the network, and
    never again: those outlast a reboot as well. Later ones are an endpoint's, and do not.
    """

    id: PoolId
    prefix: IPNetwork
    ip_range: IPNetwork | None = None
    lasting: tuple[IPAddress, ...] = ()
    network: NetworkId | None = None
    """The network that took it into use."""
    created: float = 0.0


class DockerRecords(Struct, frozen=True, kw_only=True):
    """What Docker has written down of its networks: what is not there is nobody's."""

    networks: frozenset[NetworkId] = frozenset()
    pools: frozenset[PoolId] = frozenset()
    leases: frozenset[tuple[PoolId, IPAddress]] = frozenset()


class Orphan(Struct, frozen=True, kw_only=True):
    """One thing that Docker ordered, and died before it wrote it down: one of these three."""

    network: NetworkId | None = None
    pool: PoolId | None = None
    address: IPAddress | None = None
    """Of that pool, which is not itself an orphan."""
    what: str
    """As people read it: `subnet 172.20.0.0/16`."""


class AddressLease(Struct, frozen=True, kw_only=True):
    """One address of a pool that Docker holds for an endpoint, of this boot."""

    pool: PoolId
    address: IPInterface
