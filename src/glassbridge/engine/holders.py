"""Who has what was asked for, under the name that people know him by."""

import logging

from glassbridge.engine.state import State
from glassbridge.engine.views import sandbox_view
from glassbridge.errors import Conflict, GlassbridgeError
from glassbridge.model.endpoint import Sandbox
from glassbridge.model.ruleset import Origin
from glassbridge.model.views import NetworkView, SandboxView

_log = logging.getLogger(__name__)


class Taken(Conflict):
    """Another engine's container has it; `in_full` finds out what that engine calls it."""

    def __init__(
        self,
        what: str,
        holder: SandboxView,
        networks: tuple[NetworkView, ...],
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
        try:
            name = _name(self._holder, self._networks)
        except (GlassbridgeError, OSError):
            _log.warning("cannot look up who has it: %s", self, exc_info=True)
            return self
        return Conflict(f"{self._what} {name}{self._after}", hint=self.hint)


def taken(state: State, what: str, holder: Sandbox, after: str = "", *, hint: str) -> Conflict:
    """Make the refusal of what a sandbox has: `{what} {its name}{after}`."""
    view = sandbox_view(state, holder.id)
    if not view.is_anothers:
        return Conflict(f"{what} {holder.name}{after}", hint=hint)
    networks = tuple(
        NetworkView(network=state.networks[e.endpoint.network]) for e in view.endpoints
    )
    return Taken(what, view, networks, after, hint)


def _name(holder: SandboxView, networks: tuple[NetworkView, ...]) -> str:
    from glassbridge.engine.roster import Roster  # noqa: PLC0415 - a conflict is rare, and it needs much

    roster = Roster.here((holder,), networks)
    (called,) = roster.known
    if called.engine is Origin.DOCKER and called.sandbox.id == holder.sandbox.id:
        # it went, or Docker's files cannot be read; our own name for its endpoint is of no use
        (network, *_) = (view.network.name for view in roster.our_networks)
        return f"a container of Docker's network {network}"
    return f"{called.sandbox.name} of {called.engine}"
