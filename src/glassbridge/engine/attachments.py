"""What CNI and netavark order: networks, and one interface at a time, found again by its key."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from threading import Lock

from glassbridge.engine.checking import differences
from glassbridge.engine.defining import DefineNetwork
from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Submit
from glassbridge.engine.networks import RemoveNetwork
from glassbridge.engine.plugging import Plug
from glassbridge.engine.range_sets import range_sets
from glassbridge.engine.realising import Realise
from glassbridge.engine.state import State
from glassbridge.engine.unplugging import Unplug, find_attachment
from glassbridge.errors import GlassbridgeError, InvalidRequest, NotFound
from glassbridge.kernel.nft import Nft
from glassbridge.model.attachment import (
    AS_ADDED,
    Attachment,
    AttachmentKey,
    AttachmentRequest,
    Told,
)
from glassbridge.model.firewall import Family
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.network import Managed, Network
from glassbridge.model.requests import NetworkRequest


class Attachments:
    """Thread-safe; each call blocks until it is committed, and raises GlassbridgeError."""

    def __init__(
        self, state: State, submit: Submit, host: Host, ailing: Callable[[], Sequence[str]]
    ) -> None:
        """Serve; `ailing` says what the last healing could not mend."""
        self._state = state
        self._submit = submit
        self._host = host
        self._ailing = ailing
        self._opening = Lock()
        self._nft: Nft | None = None
        self._defined: dict[Managed, tuple[NetworkRequest, Network]] = {}

    def define(self, request: NetworkRequest) -> Network:
        """Define a managed network, or bring its definition up to date; cheap when it is the same.

        Raises Conflict where it cannot change under its members: another subnet, another bridge.
        """
        managed = request.managed
        if managed is None:
            raise InvalidRequest(f"network {request.name} belongs to no engine")
        last = self._defined.get(managed)
        known = self._state.managed(managed)
        if last is not None and last[0] == request and last[1] is known:
            return last[1]
        network = self._submit(DefineNetwork(request, managed, self._host)).result()
        self._defined[managed] = (request, network)
        return network

    def remove(self, network: Managed) -> None:
        """Remove a managed network and its bridge; gone already is success, members a Conflict."""
        self._defined.pop(network, None)
        known = self._state.managed(network)
        if known is not None:
            try:
                self._submit(RemoveNetwork(known.id)).result()
            except NotFound:  # removed meanwhile
                return

    def networks(self) -> tuple[Network, ...]:
        """Every managed network."""
        return tuple(n for n in self._state.networks if n.managed is not None)

    def add(self, request: AttachmentRequest) -> Attachment:
        """Plug it in, whole or not at all.

        Raises Conflict when the interface, the address or a host port is taken, PoolExhausted.
        """
        self._forget_dead(request.key)
        network = self._state.managed(request.key.network)
        realised: list[Future[Network]] = []
        if network is not None and network.id not in self._state.realised:
            realised.append(self._submit(Realise(network.id, self._host)))
        return self._submit(Plug(request, realised)).result()

    def delete(self, key: AttachmentKey) -> Attachment | None:
        """Take it away by our own state alone; None: it was unknown, which is success."""
        if self.find(key) is None:
            return None
        return self._submit(Unplug(key)).result()

    def find(self, key: AttachmentKey) -> Attachment | None:
        """What stands under a key."""
        return find_attachment(self._state, key)

    def attached(self, network: Managed) -> tuple[Attachment, ...]:
        """All that stand on a network."""
        known = self._state.managed(network)
        members = () if known is None else self._state.members(known.id)
        keys = (
            AttachmentKey(network=network, container=e.container, ifname=e.ifname)
            for e in members
            if e.container
        )
        return tuple(a for key in keys if (a := self.find(key)) is not None)

    def differences(self, key: AttachmentKey, told: Told = AS_ADDED) -> tuple[str, ...]:
        """What of it the kernel has otherwise: link, address, route, firewall, shaping, setting.

        What was told of is none. Raises NotFound.
        """
        found = self.find(key)
        if found is None:
            raise NotFound(f"{key} is not attached")
        return differences(found, self._firewall(), told)

    def obstacles(self, network: Managed | None) -> tuple[str, ...]:
        """Why `add` could not work at present: no free address, nftables refused, ...; cheap."""
        found = list(self._ailing())
        known = None if network is None else self._state.managed(network)
        if known is not None:
            found += [
                f"no free address in {pools[-1].subnet.pool} of network {known.name}"
                for pools in range_sets(self._state.pools(known))
                if all(p.is_exhausted for p in pools)
            ]
        try:
            if self._state.realised and not self._firewall().has_table(Family.INET, NFT_TABLE):
                found.append("our firewall tables are gone")
        except GlassbridgeError as error:
            found.append(f"nftables: {error}")
        return tuple(found)

    def _firewall(self) -> Nft:
        """Of our own: the writer's is busy while it commits."""
        with self._opening:
            if self._nft is None:
                self._nft = Nft()
            return self._nft

    def close(self) -> None:
        """Close what was opened to look at the firewall."""
        with self._opening:
            if self._nft is not None:
                self._nft.close()
                self._nft = None

    def retain(self, network: Managed, valid: Collection[AttachmentKey]) -> tuple[str, ...]:
        """Delete every attachment of a network but the valid ones; returns what could not be."""
        stale = [a.key for a in self.attached(network) if a.key not in valid]
        failed = []
        for key, future in [(key, self._submit(Unplug(key))) for key in stale]:
            try:
                future.result()
            except GlassbridgeError as error:
                failed.append(f"{key}: {error}")
        return tuple(failed)

    def _forget_dead(self, key: AttachmentKey) -> None:
        """What a namespace that is gone had under this key: its runtime never said DEL."""
        present = self.find(key)
        if present is not None and not self._host.is_alive(present.sandbox):
            self.delete(key)
