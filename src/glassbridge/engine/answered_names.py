"""Names as our name server answers them, for a trace that is to go where the program would go."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from glassbridge.dns.zone import names_of
from glassbridge.errors import Conflict
from glassbridge.model.network import Network
from glassbridge.model.snapshot import Name
from glassbridge.model.views import EndpointView, NetworkView, SandboxView


class Known(Struct, frozen=True):
    """What our daemon told, and the namespaces that its sandboxes are in."""

    names: Iterable[Name]
    sandboxes: Iterable[SandboxView]
    networks: Iterable[NetworkView]

    def asked_by(self, asker: int) -> tuple[Network, ...]:
        """The networks whose names the namespace of that cookie is told, as it asks them."""
        ids = {n.id for n in self.names if n.cookie == asker and n.id}
        own = [e.endpoint for v in self.sandboxes if v.sandbox.id in ids for e in v.endpoints]
        by_id = {n.network.id: n.network for n in self.networks}
        ordered = sorted(own, key=lambda e: not e.is_gateway)
        asked = (by_id.get(e.network) for e in ordered)
        return tuple(n for n in asked if n is not None and n.names_port and n.name_servers)

    def told(self, name: str, asked: Iterable[Network]) -> tuple[Name, ...]:
        """Who bears a name on the first of these networks where anybody does."""
        return next(filter(None, (self._bearers(name, n) for n in asked)), ())

    def _bearers(self, name: str, network: Network) -> tuple[Name, ...]:
        """Bare, or with the network's behind it."""
        wanted, suffix = name.lower().removesuffix("."), f".{network.name.lower()}"
        ids = {
            view.sandbox.id
            for view in self.sandboxes
            for e in view.endpoints
            if e.endpoint.network == network.id and _is_called(view, e, wanted, suffix)
        }
        return tuple(n for n in self.names if n.id in ids)

    def elsewhere(self, name: str, asked: tuple[Network, ...]) -> str:
        """A hint at the network where a name is known that the asker is not told; or empty."""
        for network in (n.network for n in self.networks if n.network not in asked):
            for bearer in self._bearers(name, network):
                return (
                    f"that is {bearer.name} on network {network.name}, whose names only its "
                    f"members are told; trace to {bearer.name}"
                )
        return ""


def the_one_meant(name: str, bearers: tuple[Name, ...]) -> Name | None:
    """The bearer that has it as its own name, else the only one; raises Conflict."""
    own = [b for b in bearers if b.name == name] or bearers
    if len({b.cookie for b in own}) > 1:
        several = ", ".join(sorted({b.name for b in own}))
        raise Conflict(
            f"{name} is an alias of several: {several}; who asks is told each of them by turns",
            hint="name one of them",
        )
    return next(iter(own), None)


def _is_called(view: SandboxView, endpoint: EndpointView, wanted: str, suffix: str) -> bool:
    names = _names(view, endpoint)
    return any(wanted in (n, n + suffix) for n in names)


def _names(view: SandboxView, endpoint: EndpointView) -> Iterator[str]:
    spec = view.container.spec if view.container is not None else None
    hostname = spec.hostname if spec is not None else ""
    yield from names_of(view.sandbox, endpoint.endpoint, hostname)
