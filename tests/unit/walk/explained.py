"""What a trace says of a hand-made host, without a packet: the cause and its fix."""

from __future__ import annotations

from ipaddress import ip_address

from msgspec.structs import replace
from tests.unit.walk.topologies import World

from glassbridge.model.packet import Question, Transport
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.topology import Netns
from glassbridge.model.walk import Drop, Walk
from glassbridge.walk.causes.refined import refined
from glassbridge.walk.evidence.testimony import Testimony
from glassbridge.walk.fixes.by_cause import mend
from glassbridge.walk.fixes.mending import Case, Mending
from glassbridge.walk.predict import predict


def explained(
    world: World, source: str, to: str, *, port: int = 0, own: str = ""
) -> tuple[Drop, Mending]:
    """The cause of a ping's loss (with a port: of a connection's), and what mends it."""
    snapshot = opened(world)
    question = Question(
        source=world.boxes[source].cookie,
        transport=Transport.TCP if port else Transport.ICMP,
        destination=ip_address(to),
        destination_port=port,
        source_port=40000,
        source_address=ip_address(own) if own else None,
    )
    walk = predict(snapshot, question)
    assert isinstance(walk, Walk)
    n = next(n for n, s in enumerate(walk.steps) if s.drop is not None)
    drop = walk.steps[n].drop
    assert drop is not None
    drop = refined(drop, n, walk, Testimony(), snapshot)
    return drop, mend(Case(drop=drop, step=walk.steps[n], walk=walk, snapshot=snapshot))


def opened(world: World) -> Snapshot:
    """Every namespace has its path, as `ip netns add` makes it."""
    made = world.snapshot()
    named = {b.cookie: name for name, b in world.boxes.items()}
    doors = {
        c: Netns(cookie=c, inode=c, paths=(f"/run/netns/{named[c]}",)) for c in made.namespaces
    }
    return replace(
        made,
        namespaces={
            c: replace(n, stack=replace(n.stack, netns=doors[c]))
            for c, n in made.namespaces.items()
        },
    )
