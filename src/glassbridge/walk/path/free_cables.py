"""A cable that should be a port of a bridge, and is of none: who is behind it is on no wire."""

from glassbridge.model.address import IPAddress
from glassbridge.model.cause import Cause
from glassbridge.model.topology import Link
from glassbridge.model.walk import Drop, Fact
from glassbridge.walk.path.traveller import Ground
from glassbridge.walk.path.wires import bridge_for, unplugged


def free_cable(ground: Ground, cookie: int, link: Link, target: IPAddress) -> Drop | None:
    """Of who asks by a link, or of who has the address that is asked for."""
    snapshot = ground.snapshot
    owners = [
        (there, ground.link(there, own.ifindex))
        for there, namespace in snapshot.namespaces.items()
        for own in namespace.stack.addresses
        if own.interface.ip == target
    ]
    for whose, end in ((cookie, link), *owners):
        found = unplugged(snapshot, whose, end)
        bridge = bridge_for(snapshot, *found) if found is not None else None
        if found is None or bridge is None:
            continue
        port = found[1].ifname
        return Drop(
            cause=Cause.NEIGHBOUR_UNANSWERED,
            sentence=f"{port}, which leads to {snapshot.call(whose)}, is not a port of "
            f"{bridge.ifname}",
            evidence=(Fact(what=f"bridge of {port}", says="none"),),
            place=ground.place(*found),
            subject=str(target),
        )
    return None
