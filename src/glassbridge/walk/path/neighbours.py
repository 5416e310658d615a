"""The next hop's MAC: what the neighbour table has, or who hears the question and who answers.

Sources: neigh_resolve_output and neigh_event_ns in net/core/neighbour.c.
"""

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.step_details import NeighbourFound
from glassbridge.model.tables import Ifindex, Neighbour, NeighbourState
from glassbridge.model.topology import IFF_NOARP, Link, Stack
from glassbridge.model.walk import Drop
from glassbridge.walk.path.answering import Voice, voice
from glassbridge.walk.path.neighbour_rules import Asking, kept_back
from glassbridge.walk.path.port_gates import Flood, unread_behind
from glassbridge.walk.path.segment import Ear, Segment, Turn, explore
from glassbridge.walk.path.silence import silence
from glassbridge.walk.path.source_address import arp_sender
from glassbridge.walk.path.traveller import (
    Addressed,
    Ground,
    Learned,
    Leaving,
    Macs,
    Traveller,
    Unread,
    outgoing,
)
from glassbridge.walk.path.versions import V4

_ASKS_NOBODY = {"tun", "wireguard", "ipip", "sit", "gre", "ip6tnl"}
_USED_AS_THEY_ARE = {
    NeighbourState.REACHABLE,
    NeighbourState.STALE,
    NeighbourState.DELAY,
    NeighbourState.PROBE,
    NeighbourState.PERMANENT,
    NeighbourState.NOARP,
}
_WRITTEN = {NeighbourState.PERMANENT, NeighbourState.NOARP}
_NAMED = 5


class Asked(Struct, frozen=True, kw_only=True):
    """A question on one segment, and what became of it."""

    segment: Segment
    voices: tuple[Voice, ...]
    unread: tuple[Ear, ...] = ()
    """Who may know, but cannot be read any more."""

    @property
    def answers(self) -> tuple[Voice, ...]:
        """Those that answer, in the order in which they are heard."""
        return tuple(v for v in self.voices if v.mac is not None)


def resolve(ground: Ground, traveller: Traveller, station: Addressed) -> Traveller:
    """Put the packet into a frame for the next hop."""
    oif = station.oif
    is_cable = oif.kind in {"veth", "bridge"}
    if oif.kind in _ASKS_NOBODY or oif.mac is None or (oif.flags & IFF_NOARP and not is_cable):
        return traveller.at(Leaving(link=oif))
    entry = _entry(ground.stack(traveller.cookie), traveller, oif, station.next_hop)
    if entry is not None:
        found = NeighbourFound(
            address=station.next_hop, mac=entry.mac, entry=entry, state=entry.state
        )
        told = traveller.then(ground.place(traveller.cookie, oif), found)
        return _framed(told, station, entry.mac)
    if oif.flags & IFF_NOARP:  # the frame gets the sender's own MAC (arp_constructor)
        silent = NeighbourFound(address=station.next_hop, mac=oif.mac, state=NeighbourState.NOARP)
        told = traveller.then(ground.place(traveller.cookie, oif), silent)
        return _framed(told, station, oif.mac)
    return _ask(ground, traveller, station)


def _framed(traveller: Traveller, station: Addressed, destination: Mac | None) -> Traveller:
    """A frame that br_netfilter turned aside keeps its sender's MAC."""
    oif = station.oif
    macs = Macs(
        source=oif.mac if station.entered is None else traveller.macs.source,
        destination=destination,
        next_hop=station.next_hop,
        origin=(traveller.cookie, oif.ifindex),
    )
    return traveller.with_macs(macs).at(Leaving(link=oif, entered=station.entered))


def _entry(stack: Stack, traveller: Traveller, oif: Link, address: IPAddress) -> Neighbour | None:
    """What the table has that is used without asking first; a stale entry is verified later.

    A question heard on the way corrects what the table had of the asker (neigh_event_ns).
    """
    met = traveller.learned.neighbours.get((traveller.cookie, oif.ifindex, address))
    known = next(
        (
            e
            for e in stack.neighbours_at(address)
            if (e.ifindex, e.is_proxy) == (oif.ifindex, False)
            and e.mac is not None
            and e.state in _USED_AS_THEY_ARE
        ),
        None,
    )
    if met is None or (known is not None and (known.mac == met or known.state in _WRITTEN)):
        return known
    return Neighbour(ifindex=oif.ifindex, address=address, mac=met, state=NeighbourState.STALE)


def _ask(ground: Ground, traveller: Traveller, station: Addressed) -> Traveller:
    oif, target = station.oif, station.next_hop
    stack = ground.stack(traveller.cookie)
    sender = arp_sender(stack, oif, traveller.packet.source, target)
    asked = ask(ground, traveller.cookie, oif, target, sender)
    answers, exits = asked.answers, asked.segment.exits
    mac = answers[0].mac if answers else None
    drop: Drop | None = None
    if not answers and not exits:
        drop = silence(ground, traveller, station, asked.segment, asked.voices)
    found = NeighbourFound(
        address=target,
        mac=mac,
        is_asked=True,
        heard_by=_names(ground, asked.segment.ears),
        heard_count=len(asked.segment.ears),
        answered_by=tuple(ground.snapshot.call(v.ear.cookie) for v in answers),
    )
    told = traveller.then(
        ground.place(traveller.cookie, oif),
        found,
        expected=(outgoing(traveller.cookie, oif),),
        assumptions=_assumptions(ground, asked),
        drop=drop,
    )
    if told.has_ended:
        return told
    if answers:
        told = told.knowing(_taught(ground, told, oif, sender, answers[0], target))
    return _framed(told, station, mac)


def ask(ground: Ground, cookie: int, oif: Link, target: IPAddress, sender: IPAddress) -> Asked:
    """Who hears and who answers; raises Unread where a namespace not yet read may be the one."""
    flood = Flood.BROADCAST if target.version == V4 else Flood.MULTICAST
    segment = explore(ground, cookie, oif, flood, target)
    voices = tuple(voice(ground, e, target, sender) for e in segment.ears)
    asking = Asking(cookie=cookie, oif=oif, target=target, sender=sender)
    voices = tuple(_filtered(ground, asking, v) for v in voices)
    unread = tuple(e for e in segment.ears if e.link is None)
    asked = Asked(segment=segment, voices=voices, unread=unread)
    if ground.snapshot.is_whole:
        return asked
    hidden = {e.cookie for e in unread} | unread_behind(ground, segment.shut)
    likely = hidden & (_named(ground, target) | _known_to_others(ground, target, unread))
    if likely:
        raise Unread(tuple(sorted(likely)))
    if hidden and not asked.answers:
        raise Unread(tuple(sorted(hidden)))
    return asked


def _filtered(ground: Ground, asking: Asking, heard: Voice) -> Voice:
    """The same voice, or none where a firewall or a wrong MAC keeps it from being heard."""
    if heard.mac is None:
        return heard
    wrong = _answers_to(ground, asking, heard.ear)
    if wrong is not None:
        why = f"it answers to {wrong}, which its neighbour table has for {asking.sender}"
        return replace(heard, mac=None, silent_because=why)
    kept = kept_back(ground, asking, heard.ear)
    return heard if kept is None else replace(heard, mac=None, kept_back=kept)


def _answers_to(ground: Ground, asking: Asking, ear: Ear) -> Mac | None:
    """Another MAC than the asker's: discovery answers by the table, ARP to the one who asked."""
    if asking.target.version == V4:
        return None
    for entry in ground.stack(ear.cookie).neighbours_at(asking.sender):
        if entry.state in _WRITTEN and not entry.is_proxy and entry.ifindex == ear.ifindex:
            return None if entry.mac == asking.oif.mac else entry.mac
    return None


def _named(ground: Ground, target: IPAddress) -> set[int]:
    return {n.cookie for n in ground.snapshot.names if target in n.addresses}


def _known_to_others(ground: Ground, target: IPAddress, unread: tuple[Ear, ...]) -> set[int]:
    """By a neighbour's table and a switch's FDB: behind which port the address was last."""
    stacks = [(c, n.stack) for c, n in ground.snapshot.namespaces.items()]
    macs = {
        e.mac for _, s in stacks for e in s.neighbours if e.address == target and e.mac is not None
    }
    ports = {(c, f.ifindex) for c, s in stacks for f in s.fdb if f.mac in macs}
    return {e.cookie for e in unread if e.way and (e.way[-1].cookie, e.way[-1].left) in ports}


def _names(ground: Ground, ears: tuple[Ear, ...]) -> tuple[str, ...]:
    return tuple(ground.snapshot.call(e.cookie) for e in ears[:_NAMED])


def _assumptions(ground: Ground, asked: Asked) -> tuple[str, ...]:
    if not asked.answers and asked.segment.exits:
        beyond = asked.segment.exits[0]
        return (f"somebody beyond {beyond.ifname} of {beyond.name} answers",)
    if len(asked.answers) > 1:
        return (f"{ground.snapshot.call(asked.answers[0].ear.cookie)} answers first",)
    return ()


def _taught(
    ground: Ground,
    traveller: Traveller,
    oif: Link,
    sender: IPAddress,
    answer: Voice,
    target: IPAddress,
) -> Learned:
    """Question and answer teach every bridge on the way, and both ends."""
    learned, ear = traveller.learned, answer.ear
    assert answer.mac is not None
    assert oif.mac is not None
    learned = learned.neighbour(traveller.cookie, oif.ifindex, target, answer.mac)
    learned = learned.neighbour(ear.cookie, ear.ifindex, sender, oif.mac)
    for turn in ear.way:
        for mac, port in ((oif.mac, turn.entered), (answer.mac, turn.left)):
            if port is not None and _learns(ground, turn, port):
                learned = learned.port(turn.cookie, turn.bridge, mac, port)
    return learned


def _learns(ground: Ground, turn: Turn, port: Ifindex) -> bool:
    of_port = ground.link(turn.cookie, port).port
    return of_port is not None and of_port.learning
