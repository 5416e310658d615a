"""Containers and networks of every engine: what our daemon tells first, then what others left.

Where no other engine is, nothing of theirs is loaded or asked for.
"""

import time
from collections.abc import Sequence

from glassbridge.app.client import Client, ref_in_path
from glassbridge.app.naming import networks_if_known, sandboxes_if_known
from glassbridge.app.service import connect
from glassbridge.errors import GlassbridgeError, NotFound
from glassbridge.kernel.engines.presence import is_other_engine_here
from glassbridge.model.names import resolve
from glassbridge.model.views import NetworkView, SandboxView

_SANDBOXES = tuple[SandboxView, ...]
_NETWORKS = tuple[NetworkView, ...]


def all_containers() -> tuple[tuple[SandboxView, ...], GlassbridgeError | None]:
    """Everybody on this host, and why ours are missing from it, if they are.

    Raises that reason where there is nobody else, either.
    """
    try:
        daemon = connect()
    except GlassbridgeError as error:
        others = _everybody(()) if is_other_engine_here() else ()
        if not others:
            raise
        return others, error
    with daemon:
        return containers_beside(daemon), None


def containers_beside(daemon: Client) -> tuple[SandboxView, ...]:
    """The same with a daemon at hand; we look for others while it answers."""
    daemon.ask("/v1/sandboxes")
    is_crowded = is_other_engine_here()
    ours = daemon.hear(_SANDBOXES)
    return _everybody(ours) if is_crowded else ours


def container_called(daemon: Client, name: str, unknown: NotFound) -> SandboxView:
    """A container that our daemon does not know by that name; raises `unknown`, or Conflict."""
    others = tuple(v for v in containers_beside(daemon) if v.is_anothers)
    exact = [v for v in others if v.sandbox.name == name]
    if len(exact) == 1:
        return exact[0]
    by_id = {str(v.sandbox.id): v for v in others if v.sandbox.id}
    try:
        found = resolve(name, [v.sandbox for v in others])
    except NotFound:
        raise unknown from None
    return by_id[found.id]


def networks_as_known(daemon: Client) -> tuple[NetworkView, ...]:
    """Every network of ours, and its members, under the names that their engines use."""
    return _as_called(daemon.get("/v1/networks", _NETWORKS))


def network_called(daemon: Client, name: str) -> NetworkView:
    """One network with its members, by our names first, then by those of their engines."""
    ref = network_ref(daemon, name)
    view = daemon.get(f"/v1/networks/{ref_in_path(ref, 'network')}", NetworkView)
    if view.network.managed is None:
        return view
    return _as_called((view,))[0]


def network_ref(daemon: Client, name: str) -> str:
    """What our daemon knows a network by: `name`, or the id of the one that an engine calls so."""
    plain = daemon.get("/v1/networks?members=false", _NETWORKS)
    if any(name in {v.network.name, v.network.id} for v in plain):
        return name
    called = (v.network for v in _as_called(plain) if v.network.managed is not None)
    return next((n.id for n in called if n.name == name), name)


def known_networks() -> tuple[NetworkView, ...]:
    """The same if the daemon runs, for names alone."""
    return _as_called(networks_if_known())


def containers_if_known() -> tuple[SandboxView, ...]:
    """Everybody, without starting a daemon for it."""
    ours = sandboxes_if_known()
    return _everybody(ours) if is_other_engine_here() else ours


def _as_called(views: tuple[NetworkView, ...]) -> tuple[NetworkView, ...]:
    if not any(view.network.managed for view in views):
        return views
    from glassbridge.engine.inhabitants import with_members  # noqa: PLC0415 - see main.py

    members = {m.sandbox.id: m for view in views for m in view.endpoints}
    try:
        return with_members(views, tuple(members.values()))
    except GlassbridgeError:  # another user's files are not ours to read
        return views


def _everybody(ours: Sequence[SandboxView]) -> tuple[SandboxView, ...]:
    from glassbridge.engine.inhabitants import everybody  # noqa: PLC0415 - see main.py

    return everybody(ours, time.time())
