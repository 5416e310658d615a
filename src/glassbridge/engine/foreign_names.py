"""What we serve other engines with, under the names that people know from those engines."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from glassbridge.model.found import FoundContainer
from glassbridge.model.network import Manager, Network
from glassbridge.model.views import NetworkView, SandboxView


def sandboxes_as_called(
    views: Iterable[SandboxView],
    found: Iterable[FoundContainer],
    by_netns: Mapping[int, FoundContainer],
) -> tuple[SandboxView, ...]:
    """Sandboxes under their engines' names; one for all of a container's, each of which Docker has.

    `by_netns` has containers by the cookie of their namespace. What no engine knows stays as it is.
    """
    by_endpoint = {endpoint: c for c in found for endpoint in c.endpoints}
    merged: dict[str, SandboxView] = {}
    for view in views:
        netns, own = view.sandbox.netns_cookie, str(view.sandbox.id)
        container = by_endpoint.get(own) or (by_netns.get(netns) if netns else None)
        called = view
        if container is not None and view.is_anothers:
            called = _called(view, container)
        first = merged.get(called.sandbox.id)
        if first is not None:
            called = replace(first, endpoints=(*first.endpoints, *called.endpoints))
        merged[called.sandbox.id] = called
    return tuple(merged.values())


def networks_as_called(
    views: Iterable[NetworkView], driven: Mapping[str, str]
) -> tuple[NetworkView, ...]:
    """Networks under their engines' names, the members left as they are.

    `driven` has the names of those networks of which their engine tells us the id only.
    """
    return tuple(replace(view, network=_named(view.network, driven)) for view in views)


def _called(view: SandboxView, container: FoundContainer) -> SandboxView:
    sandbox = replace(
        view.sandbox,
        id=container.id or view.sandbox.id,
        name=container.name,
        pid=container.pid or view.sandbox.pid,
    )
    endpoints = tuple(
        replace(e, network=container.endpoints.get(e.endpoint.id, e.network))
        for e in view.endpoints
    )
    return replace(view, sandbox=sandbox, endpoints=endpoints, engine=container.origin)


def _named(network: Network, driven: Mapping[str, str]) -> Network:
    managed = network.managed
    if managed is None:
        return network
    by_rule = managed.key if managed.by is Manager.CNI else network.name
    return replace(network, name=driven.get(managed.key, by_rule))
