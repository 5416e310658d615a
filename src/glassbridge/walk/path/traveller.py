"""Who is on the way, where, and what happened so far: a step makes the next such value of one."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from glassbridge.errors import GlassbridgeError
from glassbridge.model.address import IPAddress, Mac
from glassbridge.model.packet import Packet, Question
from glassbridge.model.snapshot import Namespace, Snapshot
from glassbridge.model.step_details import Detail, Place
from glassbridge.model.tables import Ifindex
from glassbridge.model.topology import Link, Stack
from glassbridge.model.walk import Action, Disposition, Drop, Expected, OnLink, Step
from glassbridge.walk.firewall.hooks import HookCall, HookResult, Tracking

PassHook: TypeAlias = Callable[[Namespace, HookCall, Tracking | None], HookResult]


class Unread(Exception):
    """These namespaces decide what comes next, and have not been read yet."""

    def __init__(self, cookies: tuple[int, ...]) -> None:
        super().__init__(cookies)
        self.cookies = cookies


class Unclear(GlassbridgeError):
    """What comes next cannot be known from a snapshot; the message says why."""


# -- where the traveller is


class Sending(Struct, frozen=True, kw_only=True, tag="sending"):
    """A process, or the kernel itself, hands the packet to the namespace's IP stack."""

    uid: int = 0


class Addressed(Struct, frozen=True, kw_only=True, tag="addressed"):
    """Routed, and past the last IP hook: the next hop's MAC is wanted."""

    oif: Link
    next_hop: IPAddress
    is_gateway: bool = False
    entered: Link | None = None
    """The port by which the frame came, where br_netfilter turns it aside within a bridge."""


class Leaving(Struct, frozen=True, kw_only=True, tag="leaving"):
    """A frame is given to a link."""

    link: Link
    entered: Link | None = None
    """As of Addressed."""


class Coming(Struct, frozen=True, kw_only=True, tag="coming"):
    """A frame was taken from a cable."""

    link: Link


class Raised(Struct, frozen=True, kw_only=True, tag="raised"):
    """A link hands the packet up to the namespace's IP stack."""

    link: Link
    is_prerouted: bool = False
    """br_netfilter has called the prerouting hook already: it is not called twice."""


class Delivered(Struct, frozen=True, kw_only=True, tag="delivered"):
    """The namespace has taken the packet for itself."""

    link: Link


class Ended(Struct, frozen=True, kw_only=True, tag="ended"):
    """There is no further step."""

    disposition: Disposition
    unknown: str = ""


Station = Sending | Addressed | Leaving | Coming | Raised | Delivered | Ended


class Macs(Struct, frozen=True, kw_only=True):
    """Both ends of a frame."""

    source: Mac | None = None
    destination: Mac | None = None
    """None: whoever is beyond a link that leads outside, known to the kernel, not to us."""
    next_hop: IPAddress | None = None
    """Whose the destination should be."""
    origin: tuple[int, Ifindex] | None = None
    """Namespace and link that sent the frame."""


class Learned(Struct, frozen=True, kw_only=True):
    """What this very walk has taught the switches and stacks that it came through."""

    ports: dict[tuple[int, Ifindex, Mac], Ifindex] = {}
    """Namespace, bridge and MAC -> the port behind which it is."""
    neighbours: dict[tuple[int, Ifindex, IPAddress], Mac] = {}
    """Namespace, link and address -> its MAC."""

    def port(self, cookie: int, bridge: Ifindex, mac: Mac, port: Ifindex) -> "Learned":
        """A bridge has seen a frame from that MAC."""
        return msgspec.structs.replace(self, ports={**self.ports, (cookie, bridge, mac): port})

    def neighbour(self, cookie: int, link: Ifindex, address: IPAddress, mac: Mac) -> "Learned":
        """A stack has been told whose that address is."""
        known = {**self.neighbours, (cookie, link, address): mac}
        return msgspec.structs.replace(self, neighbours=known)


class Traveller(Struct, frozen=True, kw_only=True):
    """One packet at one point of its walk."""

    cookie: int
    packet: Packet
    station: Station
    macs: Macs = Macs()
    is_reply: bool = False
    tracking: dict[int, Tracking | None] = {}
    """What conntrack of each namespace knows, by cookie; never changed in place."""
    learned: Learned = Learned()
    steps: tuple[Step, ...] = ()

    @property
    def has_ended(self) -> bool:
        """There is no further step."""
        return isinstance(self.station, Ended)

    def at(self, station: Station, *, cookie: int | None = None) -> "Traveller":
        """Go on there."""
        return msgspec.structs.replace(
            self, station=station, cookie=self.cookie if cookie is None else cookie
        )

    def with_packet(self, packet: Packet) -> "Traveller":
        """Go on with changed headers."""
        return msgspec.structs.replace(self, packet=packet)

    def with_macs(self, macs: Macs) -> "Traveller":
        """Go on in another frame."""
        return msgspec.structs.replace(self, macs=macs)

    def knowing(self, learned: Learned) -> "Traveller":
        """Go on after somebody has learned something."""
        return msgspec.structs.replace(self, learned=learned)

    def remembering(self, tracking: Tracking | None) -> "Traveller":
        """Go on with what conntrack of this namespace knows now."""
        return msgspec.structs.replace(self, tracking={**self.tracking, self.cookie: tracking})

    def then(
        self,
        place: Place,
        detail: Detail,
        *,
        action: Action = Action.FORWARDED,
        expected: tuple[Expected, ...] = (),
        assumptions: tuple[str, ...] = (),
        drop: Drop | None = None,
    ) -> "Traveller":
        """One step more; a drop ends the walk."""
        step = Step(
            place=place,
            detail=detail,
            action=action if drop is None else Action.DROPPED,
            packet=self.packet,
            is_reply=self.is_reply,
            expected=expected,
            assumptions=assumptions,
            drop=drop,
        )
        grown = msgspec.structs.replace(self, steps=(*self.steps, step))
        return grown if drop is None else grown.at(Ended(disposition=Disposition.DROPPED))


class Ground(Struct, frozen=True, kw_only=True):
    """What is walked on: the snapshot, who asks, and who evaluates the firewall."""

    snapshot: Snapshot
    question: Question
    pass_hook: PassHook

    def namespace(self, cookie: int) -> Namespace:
        """One that was read; raises Unread, or Unclear where it cannot be read later either."""
        found = self.snapshot.namespaces.get(cookie)
        if found is not None:
            return found
        if self.snapshot.is_whole:
            raise Unclear(f"the namespace of {self.snapshot.call(cookie)} could not be read")
        raise Unread((cookie,))

    def stack(self, cookie: int) -> Stack:
        """The tables of a namespace; raises as `namespace` does."""
        return self.namespace(cookie).stack

    def link(self, cookie: int, ifindex: int) -> Link:
        """One link; raises Unclear where it has gone."""
        found = self.stack(cookie).link(ifindex)
        if found is None:
            raise Unclear(f"{self.snapshot.call(cookie)} has no link of index {ifindex}")
        return found

    def place(self, cookie: int, link: Link | None = None) -> Place:
        """Where a step happens, as screens name it."""
        known = self.snapshot.namespaces.get(cookie)
        return Place(
            cookie=cookie,
            name=self.snapshot.call(cookie),
            inode=known.stack.netns.inode if known else 0,
            ifname=link.ifname if link else "",
            ifindex=link.ifindex if link else None,
        )


def outgoing(cookie: int, link: Link) -> OnLink:
    """A tap should see the packet leave by a link."""
    return OnLink(cookie=cookie, ifindex=Ifindex(link.ifindex), outgoing=True)


def incoming(cookie: int, link: Link) -> OnLink:
    """A tap should see the packet come in by a link."""
    return OnLink(cookie=cookie, ifindex=Ifindex(link.ifindex), outgoing=False)
