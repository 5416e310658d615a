"""How far along the predicted steps the packet was seen."""

from glassbridge.model.cause import Cause
from glassbridge.model.observation import NeighbourMessage
from glassbridge.model.step_details import Crossed, NeighbourFound, PortEntered, SocketFound
from glassbridge.model.walk import OnLink, Step
from glassbridge.walk.evidence.testimony import Testimony


def has_link(step: Step) -> bool:
    """Whether witnesses of links should see the packet at that step."""
    return any(isinstance(e, OnLink) for e in step.expected) and not isinstance(
        step.detail, NeighbourFound
    )


def is_seen(step: Step, testimony: Testimony) -> bool:
    """A witness of links saw the packet there; of a neighbour step, the question."""
    if isinstance(step.detail, NeighbourFound):
        return any(
            isinstance(s.seen, NeighbourMessage)
            and s.seen.target == step.detail.address
            and s.cookie == step.place.cookie
            and s.outgoing
            for s in testimony.neighbour_messages
        )
    return any(
        testimony.at_link(e.cookie, e.ifindex, outgoing=e.outgoing, is_reply=step.is_reply)
        for e in step.expected
        if isinstance(e, OnLink)
    )


def is_halfway(step: Step, testimony: Testimony) -> bool:
    """It went into a cable and not out; or a neighbour was asked for and did not answer."""
    if isinstance(step.detail, NeighbourFound):
        return is_seen(step, testimony) and not any(
            isinstance(s.seen, NeighbourMessage)
            and s.seen.is_reply
            and s.seen.sender == step.detail.address
            and s.cookie == step.place.cookie
            for s in testimony.neighbour_messages
        )
    links = [e for e in step.expected if isinstance(e, OnLink)]
    seen = [
        e
        for e in links
        if testimony.at_link(e.cookie, e.ifindex, outgoing=e.outgoing, is_reply=step.is_reply)
    ]
    return isinstance(step.detail, Crossed) and 0 < len(seen) < len(links)


def has_arrived(way: list[Step], testimony: Testimony) -> bool:
    """It was seen at the last link of the way, addressed to who is there."""
    last = next((s for s in reversed(way) if has_link(s)), None)
    if last is None:
        return False
    return any(
        not m.is_for_another or isinstance(last.detail, PortEntered | Crossed)
        for e in last.expected
        if isinstance(e, OnLink)
        for m in testimony.at_link(e.cookie, e.ifindex, outgoing=e.outgoing, is_reply=last.is_reply)
    )


def is_usurped(step: Step) -> bool:
    """Taken, and answered, by somebody else who has the address too: that is its drop."""
    taken = isinstance(step.detail, SocketFound) and (step.detail.socket or step.detail.is_echo)
    return bool(taken) and step.drop is not None and step.drop.cause is Cause.DUPLICATE_ADDRESS
