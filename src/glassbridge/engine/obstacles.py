"""What `status` says of firewalls that are not ours to open."""

from glassbridge.engine.state import State
from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.foreign_firewall import find_closed_chains
from glassbridge.model.views import Obstacle
from glassbridge.plan.foreign_firewall import Hook, how_to_open

_EFFECTS = {
    Hook.FORWARD: "containers may be cut off",
    Hook.INPUT: "containers may not reach services of this host",
}


def find_obstacles(state: State) -> tuple[Obstacle, ...]:
    """Look at every chain of others in the caller's network namespace: some 20 ms.

    Without a network of ours that stands, nothing can be in its way.
    """
    realised = tuple(state.realised)
    bridges = [n.bridge for n in state.networks if n.id in realised]
    if not bridges:
        return ()
    try:
        closed = find_closed_chains(bridges)
    except GlassbridgeError as error:
        return (Obstacle(what=f"cannot look at other firewalls: {error}", remedy=error.hint),)
    return tuple(
        Obstacle(what=f"{_EFFECTS[c.hook]}: {c}", remedy=how_to_open(c, bridges)) for c in closed
    )
