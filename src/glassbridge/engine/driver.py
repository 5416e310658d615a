"""Docker's remote network driver: what the front-end calls."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress

from glassbridge.engine.bridges import refuse_bridge_of_others
from glassbridge.engine.driving import Join, Reserve, find_endpoint
from glassbridge.engine.exposing import Expose
from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Submit
from glassbridge.engine.leaving import Forget, Leave, is_dead
from glassbridge.engine.networks import CreateNetwork, RemoveNetwork
from glassbridge.engine.realising import Realise
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, Hint, InvalidRequest, NotFound, Remedy
from glassbridge.ipam.subnets import plan_subnets
from glassbridge.model.driven import DrivenEndpoint, Joined
from glassbridge.model.endpoint import Endpoint, EndpointId, EndpointState, PortWish
from glassbridge.model.names import SHORT_ID
from glassbridge.model.network import Managed, Manager, Network, NetworkId
from glassbridge.model.options import parse_options
from glassbridge.model.requests import NetworkRequest


class Driver:
    """Thread-safe; each call blocks until it is committed."""

    def __init__(self, state: State, submit: Submit, host: Host) -> None:
        self._state = state
        self._submit = submit
        self._host = host

    def create_network(self, request: NetworkRequest) -> Network:
        """Define it, under `request.managed`; the same request again is success."""
        if request.managed is None:
            raise InvalidRequest(f"network {request.name} belongs to no engine")
        known = self._state.managed(request.managed)
        if known is None:
            refuse_bridge_of_others(request.options)
            self._bury_networks(request)
            return self._submit(CreateNetwork(request, self._host)).result()
        if not self._is_as_asked(known, request):
            raise Conflict(
                f"Docker's network {request.managed.key[:SHORT_ID]} exists already, and differs",
                hint=Hint(Remedy.LOOK_AT_NETWORK, network=known.id[:SHORT_ID]),
            )
        return self._realise(known.id).result()

    def remove_network(self, network: Managed) -> None:
        """Remove it; gone already is success, endpoints that are alive are a Conflict."""
        known = self._state.managed(network)
        if known is not None:
            self._bury(e.id for e in self._state.members(known.id))
            with suppress(NotFound):  # removed meanwhile
                self._submit(RemoveNetwork(known.id)).result()

    def reserve(self, wish: DrivenEndpoint) -> Endpoint:
        """Hold its addresses and choose its MAC: no link yet; who held them and is dead, goes."""
        self._bury(e.id for e in self._in_the_way(wish))
        return self._submit(Reserve(wish)).result()

    def join(self, endpoint: EndpointId, netns: str) -> Joined:
        """Make its cable, with the sandbox end left in the host's namespace for dockerd to move."""
        known = find_endpoint(self._state, endpoint)
        realised = self._realise(known.network)
        return self._submit(Join(endpoint, netns, realised)).result()

    def publish(self, endpoint: EndpointId, ports: Sequence[PortWish]) -> Endpoint:
        """Publish ports in place of those it has; raises Conflict when one is taken."""
        return self._submit(Expose(endpoint, ports)).result()

    def unpublish(self, endpoint: EndpointId) -> None:
        """Take its ports back; gone already is success."""
        with suppress(NotFound):
            self._submit(Expose(endpoint, None)).result()

    def leave(self, endpoint: EndpointId) -> None:
        """Delete its cable and ports; gone already is success."""
        self._submit(Leave(endpoint)).result()

    def forget(self, endpoint: EndpointId) -> None:
        """Forget it, and whatever `leave` would have taken; gone already is success."""
        self._submit(Forget(endpoint)).result()

    def _realise(self, network: NetworkId) -> Future[Network]:
        """After a reboot, or `down`, the bridge is made again: dockerd does not order it anew."""
        known = self._state.networks.get(network)
        if known is None or network not in self._state.realised:
            return self._submit(Realise(network, self._host))
        stands: Future[Network] = Future()
        stands.set_result(known)
        return stands

    def _is_as_asked(self, known: Network, request: NetworkRequest) -> bool:
        """What the request leaves open was chosen here, and does not count."""
        parsed = parse_options(request.options)
        asked = plan_subnets(request, parsed.options, (), self._host.global_id)
        named = {6 if ":" in wish.subnet else 4 for wish in request.subnets}
        subnets = zip((4, 6), (known.ipv4, known.ipv6), asked, strict=True)
        return (
            known.options == parsed.options
            and parsed.bridge in (None, known.bridge)
            and known.internal == request.internal
            and known.labels == request.labels
            and all(
                has == wants if version in named else (has is None) == (wants is None)
                for version, has, wants in subnets
            )
        )

    def _in_the_way(self, wish: DrivenEndpoint) -> Iterator[Endpoint]:
        """Who has its addresses or its MAC, and whatever of itself is just going."""
        network = self._state.managed(wish.network)
        addresses = {a.ip for a in (wish.ipv4, wish.ipv6) if a is not None}
        for known in () if network is None else self._state.members(network.id):
            if known.id == wish.id:
                if known.state is EndpointState.DETACHING:
                    yield known
            elif addresses.intersection(known.addresses) or known.mac == wish.mac.lower():
                yield known

    def _bury_networks(self, request: NetworkRequest) -> None:
        """Remove those of Docker's whose subnet its own address manager gives again.

        Docker heard of no success as they were created, and nothing else tells of it.
        """
        named = {wish.subnet for wish in request.subnets}
        pools = tuple(self._state.address_pools)
        if any(str(pool.prefix) in named for pool in pools):
            return
        with_pools = {pool.network for pool in pools}
        for known in self._state.networks:
            of_docker = known.managed is not None and known.managed.by is Manager.DOCKER
            again = named.intersection(str(s.prefix) for s in known.subnets)
            if of_docker and again and known.id not in with_pools:
                with suppress(Conflict, NotFound):  # somebody is on it, or it is gone already
                    self._submit(RemoveNetwork(known.id)).result()

    def _bury(self, endpoints: Iterator[EndpointId]) -> None:
        """Forget those that are dead, all at once."""
        for future in [self._submit(Forget(e, is_dead)) for e in endpoints]:
            future.result()
