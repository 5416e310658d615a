"""The bodies of both protocols as they are on the wire, in moby's own field names.

Sources: moby's daemon/libnetwork/drivers/remote/api/api.go and ipams/remote/api/api.go. Unknown
fields are let be: every version of Docker adds some. A nil map or slice of Go's comes as null.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

GATEWAY = "com.docker.network.gateway"
GENERIC = "com.docker.network.generic"

NetworkKey = Annotated[str, Meta(pattern=r"^[0-9a-z]{12,64}\Z")]
"""64 hex digits; a swarm's network that is local to its nodes has 25 of base 36."""
EndpointKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
PoolKey = Annotated[str, Meta(min_length=1)]

Options = dict[str, Any]


class Message(Struct, frozen=True, kw_only=True, rename="pascal"):
    """Of either direction."""


class IpamData(Message, frozen=True):
    """What the network's IPAM driver gave it, for one subnet; addresses with their prefix."""

    pool: str
    gateway: str = ""
    aux_addresses: dict[str, str] | None = None


class NetworkWishes(Struct, frozen=True, kw_only=True):
    """Options of a network; those of `docker network create -o` are `given`."""

    given: dict[str, str] | None = field(default=None, name=GENERIC)
    ipv4: bool = field(default=True, name="com.docker.network.enable_ipv4")
    """Only Docker from version 28 says it."""
    ipv6: bool = field(default=False, name="com.docker.network.enable_ipv6")
    internal: bool = field(default=False, name="com.docker.network.internal")


class PortBinding(Message, frozen=True):
    """One `-p`; HostPort 0 leaves the choice to us, HostPortEnd ends a range."""

    proto: int
    """Of IP's protocol numbers."""
    port: int
    host_ip: str = field(default="", name="HostIP")
    host_port: int = 0
    host_port_end: int = 0


class SandboxOptions(Struct, frozen=True, kw_only=True):
    """Options of ProgramExternalConnectivity."""

    portmap: tuple[PortBinding, ...] | None = field(default=None, name="com.docker.network.portmap")


class Interface(Message, frozen=True, omit_defaults=True):
    """An endpoint's addresses, with their prefix."""

    address: str = ""
    address_ipv6: str = field(default="", name="AddressIPv6")
    mac_address: str = ""


class InterfaceName(Message, frozen=True):
    """The link that dockerd moves, and the name that it gets there, but for the number."""

    src_name: str
    dst_prefix: str


class NetworkOptionsCheck(Message, frozen=True):
    """`NetworkDriver.GwAllocCheck`."""

    options: NetworkWishes | None = None


class NetworkCreation(Message, frozen=True):
    """`NetworkDriver.CreateNetwork`."""

    network_id: NetworkKey = field(name="NetworkID")
    options: NetworkWishes | None = None
    ipv4_data: tuple[IpamData, ...] | None = field(default=None, name="IPv4Data")
    ipv6_data: tuple[IpamData, ...] | None = field(default=None, name="IPv6Data")


class NetworkNamed(Message, frozen=True):
    """`NetworkDriver.DeleteNetwork`."""

    network_id: NetworkKey = field(name="NetworkID")


class EndpointCreation(Message, frozen=True):
    """`NetworkDriver.CreateEndpoint`."""

    network_id: NetworkKey = field(name="NetworkID")
    endpoint_id: EndpointKey = field(name="EndpointID")
    interface: Interface | None = None
    options: Options | None = None


class EndpointNamed(Message, frozen=True):
    """`EndpointOperInfo`, `Leave`, `RevokeExternalConnectivity`, `DeleteEndpoint`."""

    network_id: NetworkKey = field(name="NetworkID")
    endpoint_id: EndpointKey = field(name="EndpointID")


class Joining(Message, frozen=True):
    """`NetworkDriver.Join`."""

    endpoint_id: EndpointKey = field(name="EndpointID")
    sandbox_key: str


class Programming(Message, frozen=True):
    """`NetworkDriver.ProgramExternalConnectivity`."""

    endpoint_id: EndpointKey = field(name="EndpointID")
    options: SandboxOptions | None = None


class PoolRequest(Message, frozen=True):
    """`IpamDriver.RequestPool`."""

    pool: str = ""
    sub_pool: str = ""
    options: dict[str, str] | None = None
    v6: bool = False


class PoolNamed(Message, frozen=True):
    """`IpamDriver.ReleasePool`."""

    pool_id: PoolKey = field(name="PoolID")


class AddressMessage(Message, frozen=True):
    """`IpamDriver.RequestAddress` and `ReleaseAddress`; without an address, the next one."""

    pool_id: PoolKey = field(name="PoolID")
    address: str = ""


class Activated(Message, frozen=True):
    """Answer to `Plugin.Activate`."""

    implements: tuple[str, ...] = ("NetworkDriver", "IpamDriver")


class DriverCapabilities(Message, frozen=True):
    """Answer to `NetworkDriver.GetCapabilities`."""

    scope: str = "local"
    connectivity_scope: str = "local"
    gw_alloc_checker: bool = True


class GatewayNeed(Message, frozen=True):
    """Answer to `NetworkDriver.GwAllocCheck`."""

    skip_ipv4: bool = field(name="SkipIPv4")
    skip_ipv6: bool = field(name="SkipIPv6")


class EndpointCreated(Message, frozen=True):
    """Answer to `NetworkDriver.CreateEndpoint`: Docker refuses a field that it had set itself."""

    interface: Interface


class EndpointInfo(Message, frozen=True):
    """Answer to `NetworkDriver.EndpointOperInfo`."""

    value: dict[str, str] = {}


class JoinedAnswer(Message, frozen=True):
    """Answer to `NetworkDriver.Join`."""

    interface_name: InterfaceName
    gateway: str
    gateway_ipv6: str = field(name="GatewayIPv6")
    disable_gateway_service: bool
    """Without a gateway of IPv4, dockerd would plug the container into docker_gwbridge too."""


class IpamCapabilities(Message, frozen=True):
    """Answer to `IpamDriver.GetCapabilities`."""

    requires_mac_address: bool = field(default=False, name="RequiresMACAddress")
    requires_request_replay: bool = False


class AddressSpaces(Message, frozen=True):
    """Answer to `IpamDriver.GetDefaultAddressSpaces`."""

    local_default_address_space: str = "glassbridge"
    global_default_address_space: str = "glassbridge"


class PoolAnswer(Message, frozen=True):
    """Answer to `IpamDriver.RequestPool`."""

    pool_id: str = field(name="PoolID")
    pool: str
    data: dict[str, str] = {}


class AddressAnswer(Message, frozen=True):
    """Answer to `IpamDriver.RequestAddress`; the address with the prefix of its pool."""

    address: str
    data: dict[str, str] = {}


class Done(Message, frozen=True):
    """Answer to whatever needs none."""
