"""The table of methods: what each takes, and which call of the engine it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glassbridge.errors import Unsupported
from glassbridge.frontends.docker.endpoints import (
    driven_endpoint,
    endpoint_created,
    joined_answer,
    port_wishes,
)
from glassbridge.frontends.docker.engine_protocol import DriverEngine, IpamEngine
from glassbridge.frontends.docker.failures import ErrorKey
from glassbridge.frontends.docker.messages import (
    Activated,
    AddressAnswer,
    AddressMessage,
    AddressSpaces,
    Done,
    DriverCapabilities,
    EndpointCreated,
    EndpointCreation,
    EndpointInfo,
    EndpointNamed,
    GatewayNeed,
    IpamCapabilities,
    JoinedAnswer,
    Joining,
    Message,
    NetworkCreation,
    NetworkNamed,
    NetworkOptionsCheck,
    NetworkWishes,
    PoolAnswer,
    PoolNamed,
    PoolRequest,
    Programming,
)
from glassbridge.frontends.docker.networks import gateway_need, managed, network_request
from glassbridge.frontends.docker.pools import (
    named_address,
    pool_answer,
    pool_wish,
    wished_address,
)
from glassbridge.model.driven import PoolId
from glassbridge.model.endpoint import EndpointId


@dataclass(frozen=True, slots=True)
class Method:
    """What the body must be, and the call; `body` is None where Docker sends none that matters."""

    call: Callable[[DriverEngine, IpamEngine, Any], Message]
    body: type[Message] | None = None
    error_key: ErrorKey = ErrorKey.DRIVER
    blocks: bool = True
    """It waits for the engine's writer."""


def _create_network(driver: DriverEngine, _: IpamEngine, asked: NetworkCreation) -> Done:
    driver.create_network(network_request(asked))
    return Done()


def _delete_network(driver: DriverEngine, _: IpamEngine, asked: NetworkNamed) -> Done:
    driver.remove_network(managed(asked.network_id))
    return Done()


def _check_gateways(_: DriverEngine, __: IpamEngine, asked: NetworkOptionsCheck) -> GatewayNeed:
    return gateway_need(asked.options or NetworkWishes())


def _create_endpoint(
    driver: DriverEngine, _: IpamEngine, asked: EndpointCreation
) -> EndpointCreated:
    return endpoint_created(asked, driver.reserve(driven_endpoint(asked)))


def _join(driver: DriverEngine, _: IpamEngine, asked: Joining) -> JoinedAnswer:
    return joined_answer(driver.join(EndpointId(asked.endpoint_id), asked.sandbox_key))


def _program(driver: DriverEngine, _: IpamEngine, asked: Programming) -> Done:
    portmap = asked.options.portmap if asked.options else None
    driver.publish(EndpointId(asked.endpoint_id), tuple(port_wishes(portmap)))
    return Done()


def _revoke(driver: DriverEngine, _: IpamEngine, asked: EndpointNamed) -> Done:
    driver.unpublish(EndpointId(asked.endpoint_id))
    return Done()


def _leave(driver: DriverEngine, _: IpamEngine, asked: EndpointNamed) -> Done:
    driver.leave(EndpointId(asked.endpoint_id))
    return Done()


def _delete_endpoint(driver: DriverEngine, _: IpamEngine, asked: EndpointNamed) -> Done:
    driver.forget(EndpointId(asked.endpoint_id))
    return Done()


def _request_pool(_: DriverEngine, ipam: IpamEngine, asked: PoolRequest) -> PoolAnswer:
    return pool_answer(ipam.request_pool(pool_wish(asked)))


def _release_pool(_: DriverEngine, ipam: IpamEngine, asked: PoolNamed) -> Done:
    ipam.release_pool(PoolId(asked.pool_id))
    return Done()


def _request_address(_: DriverEngine, ipam: IpamEngine, asked: AddressMessage) -> AddressAnswer:
    leased = ipam.request_address(PoolId(asked.pool_id), wished_address(asked))
    return AddressAnswer(address=str(leased))


def _release_address(_: DriverEngine, ipam: IpamEngine, asked: AddressMessage) -> Done:
    ipam.release_address(PoolId(asked.pool_id), named_address(asked))
    return Done()


def _for_swarm_only(*_: object) -> Message:
    raise Unsupported(
        "glassbridge has networks of local scope only: nothing is allocated for a swarm",
        hint="omit --scope swarm and --attachable",
    )


def _says(answer: Message, key: ErrorKey = ErrorKey.DRIVER) -> Method:
    return Method(lambda *_: answer, error_key=key, blocks=False)


METHODS = {
    "/Plugin.Activate": _says(Activated()),
    "/NetworkDriver.GetCapabilities": _says(DriverCapabilities()),
    "/NetworkDriver.GwAllocCheck": Method(_check_gateways, NetworkOptionsCheck, blocks=False),
    "/NetworkDriver.AllocateNetwork": Method(_for_swarm_only, blocks=False),
    "/NetworkDriver.FreeNetwork": Method(_for_swarm_only, blocks=False),
    "/NetworkDriver.CreateNetwork": Method(_create_network, NetworkCreation),
    "/NetworkDriver.DeleteNetwork": Method(_delete_network, NetworkNamed),
    "/NetworkDriver.CreateEndpoint": Method(_create_endpoint, EndpointCreation),
    "/NetworkDriver.EndpointOperInfo": _says(EndpointInfo()),
    "/NetworkDriver.Join": Method(_join, Joining),
    "/NetworkDriver.ProgramExternalConnectivity": Method(_program, Programming),
    "/NetworkDriver.RevokeExternalConnectivity": Method(_revoke, EndpointNamed),
    "/NetworkDriver.Leave": Method(_leave, EndpointNamed),
    "/NetworkDriver.DeleteEndpoint": Method(_delete_endpoint, EndpointNamed),
    "/NetworkDriver.DiscoverNew": _says(Done()),
    "/NetworkDriver.DiscoverDelete": _says(Done()),
    "/IpamDriver.GetCapabilities": _says(IpamCapabilities(), ErrorKey.IPAM),
    "/IpamDriver.GetDefaultAddressSpaces": _says(AddressSpaces(), ErrorKey.IPAM),
    "/IpamDriver.RequestPool": Method(_request_pool, PoolRequest, ErrorKey.IPAM),
    "/IpamDriver.ReleasePool": Method(_release_pool, PoolNamed, ErrorKey.IPAM),
    "/IpamDriver.RequestAddress": Method(_request_address, AddressMessage, ErrorKey.IPAM),
    "/IpamDriver.ReleaseAddress": Method(_release_address, AddressMessage, ErrorKey.IPAM),
}
