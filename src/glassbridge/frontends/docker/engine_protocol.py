"""What the Docker front-end needs of the engine; each call blocks until it is committed."""

from collections.abc import Sequence
from typing import Protocol

from glassbridge.model.address import IPAddress, IPInterface
from glassbridge.model.driven import AddressPool, DrivenEndpoint, Joined, PoolId, PoolWish
from glassbridge.model.endpoint import Endpoint, EndpointId, PortWish
from glassbridge.model.network import Managed, Network
from glassbridge.model.requests import NetworkRequest


class DriverEngine(Protocol):
    """Networks and endpoints that dockerd orders; every call may be repeated."""

    def create_network(self, request: NetworkRequest) -> Network:
        """Define it, under `request.managed`; the same request again is success."""

    def remove_network(self, network: Managed) -> None:
        """Remove it; gone already is success, endpoints that are alive are a Conflict."""

    def reserve(self, wish: DrivenEndpoint) -> Endpoint:
        """Hold its addresses and choose its MAC: no link yet; who held them and is dead, goes.

        An address that a dead endpoint holds (its link is gone, or Docker gives it again) is taken
        over; one of a living endpoint is a Conflict.
        """

    def join(self, endpoint: EndpointId, netns: str) -> Joined:
        """Make its cable, with the sandbox end left in the host's namespace for dockerd to move.

        `netns` need not exist yet.
        """

    def publish(self, endpoint: EndpointId, ports: Sequence[PortWish]) -> Endpoint:
        """Publish ports in place of those it has; raises Conflict when one is taken."""

    def unpublish(self, endpoint: EndpointId) -> None:
        """Take its ports back; gone already is success."""

    def leave(self, endpoint: EndpointId) -> None:
        """Delete its cable and ports; gone already is success."""

    def forget(self, endpoint: EndpointId) -> None:
        """Forget it, and whatever `leave` would have taken; gone already is success."""


class IpamEngine(Protocol):
    """Address pools that dockerd orders."""

    def request_pool(self, wish: PoolWish) -> AddressPool:
        """Choose a free subnet, or take the named one; raises Conflict, PoolExhausted."""

    def release_pool(self, pool: PoolId) -> None:
        """Forget it with all its leases; gone already is success."""

    def request_address(self, pool: PoolId, address: IPAddress | None) -> IPInterface:
        """Lease an address, a certain one or the next."""

    def release_address(self, pool: PoolId, address: IPAddress) -> None:
        """Take it back; gone already is success."""
