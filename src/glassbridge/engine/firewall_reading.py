"""The rules of a namespace as values; our own tables are taken as they were rendered.

What our daemon has put into its sets is computed once more, as it does itself: thousands of
elements need not be listed by the kernel and parsed again.
"""

from collections.abc import Iterator, Sequence

from glassbridge.kernel.listed_rules import read_ruleset
from glassbridge.model.endpoint import EndpointState
from glassbridge.model.firewall import Element
from glassbridge.model.network import Network
from glassbridge.model.ruleset import Ruleset
from glassbridge.model.topology import Stack
from glassbridge.model.views import NetworkView, SandboxView
from glassbridge.plan.firewall import endpoint_elements, network_elements, tables, uplink_elements
from glassbridge.plan.uplinks import uplink_bridges
from glassbridge.walk.firewall.rendered import OwnTables


class FirewallReader:
    """Lists rules; knows what our daemon has put into its own tables."""

    def __init__(self, known: Sequence[SandboxView], networks: Sequence[NetworkView]) -> None:
        self._known, self._networks = known, tuple(n.network for n in networks)

    def read_host(self, fd: int, stack: Stack) -> Ruleset:
        """The rules of the host's namespace, whose stack was read."""
        return read_ruleset(fd, self._own_tables(stack))

    def read(self, fd: int) -> Ruleset:
        """The rules of any other namespace."""
        return read_ruleset(fd)

    def _own_tables(self, host: Stack) -> OwnTables | None:
        """None where none of our networks stands: then our tables do not, either."""
        present = {link.ifname for link in host.links}
        realised = {n.id: n for n in self._networks if n.bridge in present}
        if not realised:
            return None
        ours = {n.bridge for n in self._networks}
        uplinks = uplink_bridges(host.links, (*host.routes, *host.local_routes), ours)
        elements = (*uplink_elements(uplinks), *self._elements(tuple(realised.values())))
        return OwnTables(tables=tables(), elements=elements)

    def _elements(self, networks: Sequence[Network]) -> Iterator[Element]:
        by_id = {n.id: n for n in networks}
        for network in networks:
            yield from network_elements(network)
        for view in self._known:
            for member in view.endpoints:
                on = by_id.get(member.endpoint.network)
                if on is not None and member.endpoint.state is not EndpointState.DETACHING:
                    yield from endpoint_elements(on, member.endpoint)
