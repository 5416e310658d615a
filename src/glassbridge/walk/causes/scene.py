"""A loss that prediction did not foresee, with all that may tell its cause."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from glassbridge.model.cause import Cause
from glassbridge.model.observation import KernelEvent
from glassbridge.model.packet import Packet
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.step_details import Place, RouteChosen
from glassbridge.model.topology import Link, Netns, Stack
from glassbridge.model.walk import Drop, Fact, Step, Walk
from glassbridge.walk.evidence.testimony import Testimony
from glassbridge.walk.evidence.told_drops import Ending


class Scene(Struct, frozen=True, kw_only=True):
    """Where a packet was seen last, and what the kernel said."""

    snapshot: Snapshot
    walk: Walk
    testimony: Testimony
    ending: Ending
    n: int
    """The step at which it ended; an index into the walk's."""

    @property
    def step(self) -> Step:
        """The step at which it ended."""
        return self.walk.steps[self.n]

    @property
    def cookie(self) -> int:
        """The namespace where it ended: the kernel's word before the walk's."""
        return self.step.place.cookie if self.ending.cookie is None else self.ending.cookie

    @property
    def stack(self) -> Stack:
        """Of that namespace; an empty one where it was not read."""
        return self.stack_of(self.cookie)

    @property
    def name(self) -> str:
        """Of that namespace, for a person."""
        return self.snapshot.call(self.cookie)

    @property
    def packet(self) -> Packet:
        """As it was there."""
        return self.step.packet

    @property
    def event(self) -> KernelEvent | None:
        """The tracepoint's word."""
        found = self.ending.found
        return found if isinstance(found, KernelEvent) else None

    @property
    def errno(self) -> str:
        """What the sender's socket said."""
        answer = self.testimony.answer
        return answer.errno if answer else ""

    def stack_of(self, cookie: int) -> Stack:
        """A namespace's stack; an empty one where it was not read."""
        namespace = self.snapshot.namespaces.get(cookie)
        return namespace.stack if namespace else Stack(netns=Netns(cookie=cookie, inode=0))

    def place(self, link: Link | None = None, cookie: int | None = None) -> Place:
        """A place in that namespace, or another."""
        where = self.cookie if cookie is None else cookie
        return Place(
            cookie=where,
            name=self.snapshot.call(where),
            inode=self.stack_of(where).netns.inode,
            ifname=link.ifname if link else "",
            ifindex=link.ifindex if link else None,
        )

    @property
    def link(self) -> Link | None:
        """The link at which it was when the kernel let it go, else the step's."""
        event = self.event
        if event is not None and event.ifindex is not None:
            return self.stack.link(event.ifindex)
        return self.stack.link(self.step.place.ifindex or 0)

    @property
    def oif(self) -> Link | None:
        """The link by which it was to leave that namespace."""
        for step in reversed(self.walk.steps[: self.n + 1]):
            if isinstance(step.detail, RouteChosen) and step.place.cookie == self.cookie:
                return self.stack.link(step.detail.oif or 0)
        return None

    def drop(
        self,
        cause: Cause,
        sentence: str,
        *facts: Fact,
        link: Link | None = None,
        subject: str = "",
        cookie: int | None = None,
    ) -> Drop:
        """A cause found here."""
        return Drop(
            cause=cause,
            sentence=sentence,
            evidence=facts,
            place=self.place(link, cookie),
            subject=subject or (link.ifname if link else ""),
        )


Candidate: TypeAlias = Callable[[Scene], Drop | None]
"""A cause, if the state that was read bears it out."""
