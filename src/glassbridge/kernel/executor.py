"""Carries out plans: many at once, one send per door of the kernel, and undoes the ones that fail.

All plans advance together. Operations that go through the same door (channels.py) share a netlink
send or an nft transaction; a plan that fails is undone by the inverses of what it did, the others
go on.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from glassbridge.errors import GlassbridgeError, NotFound
from glassbridge.kernel.channels import Channel, channel_of
from glassbridge.kernel.doors import Doors
from glassbridge.kernel.ports import PortHolder
from glassbridge.model.address import IPInterface
from glassbridge.model.endpoint import LinkSettings
from glassbridge.model.topology import Link
from glassbridge.plan.descriptions import describe
from glassbridge.plan.inverses import inverse
from glassbridge.plan.operations import Operation

Plan = Sequence[Operation]
Outcome = GlassbridgeError | None

_log = logging.getLogger(__name__)


class _Progress:
    """How far one plan has come."""

    __slots__ = ("done", "error", "next", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.next = 0
        self.done: list[Operation] = []
        self.error: GlassbridgeError | None = None

    @property
    def is_live(self) -> bool:
        return self.error is None and self.next < len(self.plan)

    def upcoming(self, channel: Channel, most: int | None) -> Plan:
        """The run of operations from here that go through one door."""
        end = self.next
        while end < len(self.plan) and channel_of(self.plan[end]) is channel:
            end += 1
            if most is not None and end - self.next >= most:
                break
        return self.plan[self.next : end]

    def record(self, operations: Plan, outcomes: Iterable[Outcome]) -> None:
        """Note which operations were carried out; the first failure is the plan's error.

        Operations behind a failed one may have been carried out in the same send: they are
        undone with the rest.
        """
        for operation, outcome in zip(operations, outcomes, strict=True):
            if outcome is None:
                self.done.append(operation)
            elif self.error is None:
                self.error = outcome
        self.next += len(operations)

    def give_up(self, operations: Plan, fault: Exception) -> None:
        """Nobody knows what was carried out: all of it is undone, and what is gone stays gone."""
        if not isinstance(fault, GlassbridgeError):
            _log.error("carrying out %s", describe(operations[0]), exc_info=fault)
            fault = GlassbridgeError(f"{describe(operations[0])}: {fault}")
        self.error = fault
        self.done += operations
        self.next += len(operations)


class Executor:
    """Applies plans in the namespace of the thread that made it; one thread uses it.

    `before` is called ahead of each operation, which then goes alone: a test refuses or kills
    there.
    """

    def __init__(self, before: Callable[[Operation], None] | None = None) -> None:
        self._before = before
        self._doors = Doors()
        self.own_cookie = self._doors.own_cookie

    def close(self) -> None:
        """Close every socket; held ports become free."""
        self._doors.close()

    def apply(self, plans: Sequence[Plan]) -> list[Outcome]:
        """Carry plans out side by side; a failed one leaves nothing and its error is returned."""
        progress = [_Progress(plan) for plan in plans]
        try:
            self._advance(progress)
            self._undo([p for p in progress if p.error is not None])
        finally:
            self._doors.end_batch()
        return [p.error for p in progress]

    def cookie(self, netns: str) -> int:
        """SO_NETNS_COOKIE of a namespace; raises NotFound when the path opens none."""
        return self._doors.sandbox(netns).cookie

    def has_link(self, ifname: str, netns: str = "") -> bool:
        """Whether a link of that name exists, here or in a sandbox."""
        return self._doors.has_link(ifname, netns)

    def is_plugged(self, host_end: str, bridge: str) -> bool:
        """Whether a link is up and a port of that bridge."""
        try:
            link = self._doors.link(host_end)
            return link.is_up and link.master == self._doors.ifindex(bridge)
        except NotFound:
            return False

    def kind_of(self, ifname: str) -> str:
        """What a link is (`bridge`, `veth`), empty for a physical one; raises NotFound."""
        return self._doors.link(ifname).kind

    def is_up(self, ifname: str) -> bool:
        """Whether a link was set up; raises NotFound."""
        return self._doors.link(ifname).is_up

    def addresses_of(self, ifname: str) -> frozenset[IPInterface]:
        """The addresses of a link; raises NotFound."""
        return self._doors.addresses_of(ifname)

    def link(self, ifname: str, netns: str = "") -> Link:
        """One link, here or in a sandbox; raises NotFound."""
        return self._doors.link(ifname, netns)

    def settings(self, ifname: str, netns: str) -> LinkSettings:
        """What a client may order of a sandbox's link, as it is, without sysctls."""
        return self._doors.settings(ifname, netns)

    def sysctls(self, keys: Iterable[str], netns: str) -> dict[str, str]:
        """Values of a sandbox; those that the kernel lacks are left out."""
        return self._doors.sysctls(keys, netns)

    def has_tables(self) -> bool:
        """Whether any of our tables is loaded."""
        return self._doors.has_tables()

    @property
    def ports(self) -> PortHolder:
        """Ports are held while they are chosen, before they are planned."""
        return self._doors.ports

    def _advance(self, progress: Sequence[_Progress]) -> None:
        most = None if self._before is None else 1
        while live := [p for p in progress if p.is_live]:
            channel = channel_of(live[0].plan[live[0].next])
            sharers = [p for p in live if channel_of(p.plan[p.next]) is channel]
            if most is not None:
                sharers = sharers[:1]
            runs = [p.upcoming(channel, most) for p in sharers]
            if self._before is not None and (refusal := self._ask(runs[0][0])) is not None:
                sharers[0].record(runs[0], [refusal])
                continue
            try:
                answers = self._doors.perform(channel, runs)
            except Exception as fault:  # noqa: BLE001 - a lost answer, a fault of ours: undo all
                for sharer, run in zip(sharers, runs, strict=True):
                    sharer.give_up(run, fault)
                continue
            for sharer, run, outcomes in zip(sharers, runs, answers, strict=True):
                sharer.record(run, outcomes)

    def _ask(self, operation: Operation) -> Outcome:
        assert self._before is not None
        try:
            self._before(operation)
        except GlassbridgeError as error:
            return error
        return None

    def _undo(self, failed: Sequence[_Progress]) -> None:
        """Take back in reverse order, each step by itself: one refusal must not stop the rest."""
        for progress in failed:
            for operation in reversed(progress.done):
                back = inverse(operation)
                if back is None:
                    continue
                try:
                    (outcomes,) = self._doors.perform(channel_of(back), [[back]])
                except Exception as fault:  # noqa: BLE001 - as above, and the rest must be tried
                    outcomes = [GlassbridgeError(str(fault))]
                if outcomes[0] is not None:
                    _log.warning("undo, %s: %s", describe(back), outcomes[0])
