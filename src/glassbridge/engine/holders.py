"""Who has what was asked for, under the name that people know him by."""

import logging
from collections.abc import Iterable, Sequence

from glassbridge.engine.state import State
from glassbridge.engine.views import sandbox_view
from glassbridge.errors import Conflict, GlassbridgeError, NotFound
from glassbridge.model.endpoint import Sandbox, SandboxId
from glassbridge.model.ruleset import Origin
from glassbridge.model.views import NetworkView, SandboxView

_log = logging.getLogger(__name__)


class Taken(Conflict):
    """Another engine's container has it; `in_full` finds out what that engine calls it."""

    def __init__(
        self,
        what: str,
        holder: SandboxView,
        networks: Sequence[NetworkView],
        after: str,
        hint: str,
    ) -> None:
        super().__init__(f"{what} {holder.sandbox.name}{after}", hint=hint)
        self._what = what
        self._holder = holder
        self._networks = networks
        self._after = after

    def in_full(self) -> Conflict:
        """The same with the container's name; reads the engines' files, so not for the writer."""
        (name,) = _names((self._holder,), self._networks)
        return Conflict(f"{self._what} {name}{self._after}", hint=self.hint)


def taken(state: State, what: str, holder: Sandbox, after: str = "", *, hint: str) -> Conflict:
    """Make the refusal of what a sandbox has: `{what} {its name}{after}`."""
    view = sandbox_view(state, holder.id)
    if not view.is_anothers:
        return Conflict(f"{what} {holder.name}{after}", hint=hint)
    return Taken(what, view, _networks_of(state, view), after, hint)


def names_of(state: State, sandboxes: Iterable[SandboxId]) -> list[str]:
    """Their names, those of other engines with the engine's; reads files, so not for the writer."""
    views = []
    for sandbox in sandboxes:
        try:
            views.append(sandbox_view(state, sandbox))
        except NotFound:  # removed meanwhile
            continue
    networks = {n.network.id: n for view in views for n in _networks_of(state, view)}
    return _names(views, tuple(networks.values()))


def _networks_of(state: State, view: SandboxView) -> tuple[NetworkView, ...]:
    found = (state.networks.get(e.endpoint.network) for e in view.endpoints)
    return tuple(NetworkView(network=n) for n in found if n is not None)


def _names(views: Sequence[SandboxView], networks: Sequence[NetworkView]) -> list[str]:
    if not any(view.is_anothers for view in views):
        return [view.sandbox.name for view in views]
    from glassbridge.engine.roster import Roster  # noqa: PLC0415 - a conflict is rare, and it needs much

    try:
        roster = Roster.here(views, networks)
    except (GlassbridgeError, OSError):
        _log.warning("cannot look up the names of containers", exc_info=True)
        return [view.sandbox.name for view in views]
    called = {str(n.network.id): n.network.name for n in roster.our_networks}
    ours = {str(view.sandbox.id) for view in views}
    # several without a name may be told in the same words
    return list(dict.fromkeys(_name(view, called, ours) for view in roster.known))


def _name(view: SandboxView, networks: dict[str, str], ours: set[str]) -> str:
    if not view.is_anothers:
        return view.sandbox.name
    if view.engine is Origin.DOCKER and view.sandbox.id in ours:
        # it went, or Docker's files cannot be read; our name for its endpoint is of no use
        on = sorted(networks.get(e.endpoint.network, e.network) for e in view.endpoints)
        return f"a container of Docker's network {', '.join(on)}"
    return f"{view.sandbox.name} of {view.engine}"
