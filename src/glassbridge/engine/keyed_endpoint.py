"""From what CNI or netavark asks for to an endpoint: addresses, MAC and names are chosen here."""

import time
from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv6Interface

from glassbridge.engine.leasing import Leases, choose_mac, fresh_id, host_mac_of
from glassbridge.engine.state import State
from glassbridge.errors import Conflict
from glassbridge.kernel.executor import Executor
from glassbridge.model.address import IPInterface
from glassbridge.model.attachment import AttachmentRequest
from glassbridge.model.endpoint import Endpoint, EndpointId, EndpointState, Sandbox, StaticRoute
from glassbridge.model.names import check_ifname
from glassbridge.model.network import Ifname, Network
from glassbridge.plan.endpoint import EVERYWHERE


class KeyedEndpoint:
    """The choices of one ADD; what was leased is in `leases`, for the caller to give back."""

    def __init__(
        self,
        state: State,
        executor: Executor,
        leases: Leases,
        network: Network,
        sandbox: Sandbox,
        request: AttachmentRequest,
    ) -> None:
        self._state = state
        self._executor = executor
        self._leases = leases
        self._network = network
        self._sandbox = sandbox
        self._request = request

    def choose(self) -> Endpoint:
        """Choose everything but the ports; raises Conflict, PoolExhausted or InvalidRequest."""
        request, network = self._request, self._network
        ifname = self._ifname()
        endpoint_id, host_end = self._host_end()
        addresses = self._addresses()
        ipv4 = next((a for a in addresses if isinstance(a, IPv4Interface)), None)
        ipv6 = next((a for a in addresses if isinstance(a, IPv6Interface)), None)
        mac = choose_mac(self._state, network, request.mac, endpoint_id, ipv4)
        return Endpoint(
            id=endpoint_id,
            network=network.id,
            sandbox=self._sandbox.id,
            ifname=ifname,
            host_end=host_end,
            mac=mac,
            host_mac=host_mac_of(mac),
            ipv4=ipv4,
            ipv6=ipv6,
            more=tuple(a for a in addresses if a not in (ipv4, ipv6)),
            aliases=request.aliases,
            routes=(*request.routes, *self._default_routes()),
            settings=request.settings,
            shaping=request.shaping,
            container=request.key.container,
            state=EndpointState.ATTACHING,
            created=time.time(),
        )

    def _ifname(self) -> Ifname:
        ifname = check_ifname(self._request.key.ifname)
        if self._executor.has_link(ifname, self._request.netns):
            raise Conflict(f"{self._request.netns} already has an interface {ifname}")
        return ifname

    def _host_end(self) -> tuple[EndpointId, Ifname]:
        endpoint_id, host_end = fresh_id(lambda name: not self._executor.has_link(name))
        if not self._request.host_end:
            return endpoint_id, host_end
        wish = check_ifname(self._request.host_end)
        if self._executor.has_link(wish):
            raise Conflict(f"the host already has a link {wish}", hint="choose another name")
        return endpoint_id, wish

    def _addresses(self) -> tuple[IPInterface, ...]:
        if self._request.given is not None:
            return tuple(map(self._take, self._request.given))
        return tuple(self._leased())

    def _leased(self) -> Iterable[IPInterface]:
        holder = self._sandbox.name
        for version in (4, 6):
            wishes = [str(w) for w in self._request.wishes if w.version == version] or [""]
            for wish in wishes:
                leased = self._leases.address(self._network, version, wish, holder)
                if leased is not None:
                    yield leased

    def _take(self, given: IPInterface) -> IPInterface:
        """What a foreign IPAM leased is held in our pool, too, where it is of that."""
        pool = self._state.pool(self._network, given.version)
        if pool is not None and given.ip in pool.subnet.prefix:
            self._leases.address(self._network, given.version, str(given.ip), self._sandbox.name)
        return given

    def _default_routes(self) -> Iterable[StaticRoute]:
        metric = self._request.default_metric
        for gateway in self._request.default_routes:
            yield StaticRoute(
                destination=EVERYWHERE[gateway.version], gateway=gateway, metric=metric
            )
