"""What the engine tells about its own objects: answers of the API, rows of `ps`."""

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.container import Container
from glassbridge.model.endpoint import Endpoint, PublishedPort, Sandbox
from glassbridge.model.network import Network
from glassbridge.model.ruleset import Origin


class EndpointView(Struct, frozen=True, kw_only=True):
    """An endpoint with its network's name and bridge."""

    endpoint: Endpoint
    network: str
    bridge: str
    routed: tuple[int, ...] = ()
    """The IP versions in which no port of the host leads to it (gateway mode routed)."""

    @property
    def ports(self) -> tuple[PublishedPort, ...]:
        """Where its published ports are reached; when routed, at its own address and port."""
        if not self.routed:
            return self.endpoint.ports
        own = {a.version: a for a in self.endpoint.addresses if a.version in self.routed}
        return tuple(
            replace(p, host_address=own[p.host_address.version], host_port=p.container_port)
            if p.host_address.version in own
            else p
            for p in self.endpoint.ports
        )


class SandboxView(Struct, frozen=True, kw_only=True):
    """A network stack, and the container in it if our runtime made it."""

    sandbox: Sandbox
    endpoints: tuple[EndpointView, ...] = ()
    container: Container | None = None
    engine: Origin = Origin.GLASSBRIDGE
    """Who made the container, or the namespace; its network may be ours all the same."""

    @property
    def is_anothers(self) -> bool:
        """Whether another engine made it, and has a name for it."""
        return self.engine is not Origin.GLASSBRIDGE

    @property
    def ports(self) -> tuple[PublishedPort, ...]:
        """Where every published port of the sandbox is reached."""
        return tuple(p for e in self.endpoints for p in e.ports)


class NetworkView(Struct, frozen=True, kw_only=True):
    """A network and who is on it."""

    network: Network
    endpoints: tuple[SandboxView, ...] = ()


class Recovery(Struct, frozen=True, kw_only=True):
    """What the last start, or the last healing, found and did."""

    at: float
    trigger: str
    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    """What could not be put right, and why."""
    duration_ms: float = 0.0


class Obstacle(Struct, frozen=True, kw_only=True):
    """What stands in the way of our packets and is not ours to change."""

    what: str
    remedy: str
    """The command with which its owner lets them pass."""


class Status(Struct, frozen=True, kw_only=True):
    """`glassbridge status`."""

    pid: int
    version: str
    networks: int
    endpoints: int
    containers: int
    queue: int
    """Requests that wait for the writer."""
    netns: str
    run_dir: str
    state_dir: str
    started: float
    last_recovery: Recovery | None = None
    healthy: bool = True
    detail: str = ""
    obstacles: tuple[Obstacle, ...] = ()
    """Firewalls of others; they may be meant so, hence they make nothing unhealthy."""
