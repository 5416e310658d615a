"""Names on the networks that we answer for: what is known of them, and where they are asked.

Values come from the state as it is; whoever asks again gets the same objects where nothing changed.
"""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple, Protocol

from glassbridge.dns.zone import Member, NetworkNames, names_of
from glassbridge.engine.jobs import Submit
from glassbridge.engine.name_ports import ChoosePort, MovePort
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, GlassbridgeError
from glassbridge.kernel.name_sockets import NameSockets, open_name_sockets
from glassbridge.model.address import IPAddress
from glassbridge.model.container import ContainerSpec
from glassbridge.model.endpoint import Endpoint, EndpointId, EndpointState, Sandbox, SandboxId
from glassbridge.model.network import Network, NetworkId

_RESOLVERS_MAX = 3
"""What resolv.conf(5) allows (MAXNS)."""

_log = logging.getLogger(__name__)

At = tuple[NetworkId, IPAddress, int]


class NameServing(Protocol):
    """Who answers; told on the writer's thread."""

    def opened(self, sockets: NameSockets) -> None:
        """Answer at these from now on; they are yours."""

    def closed(self, sockets: NameSockets) -> None:
        """Answer no more there; returns when they are closed, for the next may need the port."""


@dataclass(slots=True)
class _Known:
    """What was last said of a network, and at which of its changes."""

    changes: int
    names: NetworkNames
    members: dict[EndpointId, "_Made"]


class _Made(NamedTuple):
    """A member and what it was made of: each is replaced when it changes, never altered."""

    endpoint: Endpoint
    sandbox: Sandbox
    spec: ContainerSpec | None
    member: Member


class Names:
    """A source of names for a server, and of servers for containers; any thread may ask."""

    def __init__(self, state: State, submit: Submit) -> None:
        self._state = state
        self._submit = submit
        self._lock = threading.Lock()
        self._version = 0
        self._committed: object = None
        self._known: dict[NetworkId, _Known] = {}
        self._serving: NameServing | None = None
        self._open: dict[At, NameSockets] = {}
        self._served: object = None

    @property
    def version(self) -> int:
        """Another number whenever a commit may have changed `networks`."""
        return self._version

    def networks(self) -> tuple[NetworkNames, ...]:
        """Every network with a bridge at which its members may ask."""
        with self._lock:
            known = {n.id: self._names_of(n) for n in self._asked()}
            self._known = known
            return tuple(k.names for k in known.values())

    def servers_of(self, sandbox: SandboxId) -> tuple[IPAddress, ...]:
        """Where a sandbox asks: at its default route's network first, IPv4 where it has it."""
        endpoints = sorted(self._state.endpoints_of(sandbox), key=lambda e: not e.is_gateway)
        found = (_server(self._state.networks[e.network], e) for e in endpoints)
        return tuple(dict.fromkeys(a for a in found if a is not None))[:_RESOLVERS_MAX]

    def serve(self, serving: NameServing) -> None:
        """Have somebody answer; once this returns, questions wait for him at every network."""
        self._serving = serving
        self._submit(ChoosePort()).result()

    def quit(self) -> None:
        """Nobody answers any more; open sockets stay with who was handed them."""
        self._serving = None
        self._open = {}

    def follow(self) -> None:
        """Take note of a commit: of the writer's thread alone."""
        realised = frozenset(self._state.realised)
        committed = (self._state.changes, realised)
        if committed != self._committed:
            self._committed = committed
            self._version += 1
        served = (self._serving, self._state.network_changes, realised)
        if served != self._served:
            self._served = served
            if self._serving is not None:
                self._open_and_close(self._serving)

    def _open_and_close(self, serving: NameServing) -> None:
        """Sockets are open ahead of a network's first member: its questions wait in them."""
        wanted = {(n.id, a, n.names_port): n for n in self._asked() for a in n.name_servers}
        for at in self._open.keys() - wanted.keys():
            serving.closed(self._open.pop(at))
        for at, network in wanted.items():
            if at not in self._open:
                self._listen(serving, at, network)

    def _listen(self, serving: NameServing, at: At, network: Network) -> None:
        _, address, port = at
        if not port:  # it was defined while nobody answered
            self._submit(MovePort(network.id, port))
            return
        try:
            sockets = open_name_sockets(network.id, address, port)
        except Conflict as error:
            _log.info("names of network %s: %s", network.name, error)
            self._submit(MovePort(network.id, port))
        except GlassbridgeError as error:
            _log.warning("names of network %s: %s", network.name, error)
        else:
            self._open[at] = sockets
            serving.opened(sockets)

    def _asked(self) -> Iterator[Network]:
        found = (self._state.networks.get(i) for i in sorted(frozenset(self._state.realised)))
        return (n for n in found if n is not None and n.name_servers)

    def _names_of(self, network: Network) -> _Known:
        before = self._known.get(network.id)
        changes = self._state.changes_of(network.id)  # first: what changes meanwhile is seen next
        if before is not None and before.changes == changes:
            return before
        made = {} if before is None else before.members
        members = {
            endpoint.id: member
            for endpoint in self._state.members(network.id)
            if (member := self._member(endpoint, made.get(endpoint.id))) is not None
        }
        names = NetworkNames(
            id=network.id,
            name=network.name.lower(),
            gateways=network.name_servers,
            subnets=tuple(s.prefix for s in network.subnets),
            internal=network.internal,
            members=tuple(m.member for m in members.values()),
        )
        return _Known(changes, names, members)

    def _member(self, endpoint: Endpoint, before: _Made | None) -> _Made | None:
        sandbox = self._state.sandboxes.get(endpoint.sandbox)
        if sandbox is None or endpoint.state is not EndpointState.ATTACHED:
            return None
        container = self._state.containers.get(sandbox.id)
        spec = container.spec if container is not None else None
        if (
            before is not None
            and before.endpoint is endpoint
            and before.sandbox is sandbox
            and before.spec is spec
        ):
            return before
        member = _member_of(endpoint, sandbox, spec)
        is_same = before is not None and before.member == member
        return _Made(endpoint, sandbox, spec, before.member if before and is_same else member)


def _member_of(endpoint: Endpoint, sandbox: Sandbox, spec: ContainerSpec | None) -> Member:
    hostname = spec.hostname if spec is not None else ""
    return Member(
        sandbox=sandbox.id,
        names=names_of(sandbox, endpoint, hostname),
        addresses=endpoint.addresses,
        servers=tuple(_addresses(spec.dns)) if spec is not None else (),
    )


def _server(network: Network, endpoint: Endpoint) -> IPAddress | None:
    if not network.names_port:
        return None
    own = {a.version for a in endpoint.addresses}
    return next((a for a in network.name_servers if a.version in own), None)


def _addresses(texts: tuple[str, ...]) -> Iterator[IPAddress]:
    for text in texts:
        try:
            yield ip_address(text)
        except ValueError:
            _log.warning("--dns %s is not an address", text)
