"""The host here and now: namespaces are read when they are asked for, and names when needed.

A host may have a thousand namespaces; a walk meets a handful. What costs by the thousand waits
until something cannot be told without it (engine.roster).
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

from msgspec.structs import replace

from glassbridge import __version__
from glassbridge.engine.far_ends import FarEnds
from glassbridge.engine.firewall_reading import FirewallReader
from glassbridge.engine.live_names import LiveNames
from glassbridge.engine.own_sockets import with_own_sockets
from glassbridge.engine.roster import Roster
from glassbridge.engine.targets import FarSide, Target, far_side, own_addresses
from glassbridge.errors import GlassbridgeError, NotFound
from glassbridge.kernel.connections import FlowTarget, connections_to, read_connections
from glassbridge.kernel.netns import inode_of
from glassbridge.kernel.processes import pids_in
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.snapshot import NF_CONNTRACK_COUNT, read_cables, read_link, read_stack
from glassbridge.kernel.sockets import open_diag, read_sockets
from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Question
from glassbridge.model.printed_rules import PrintedRules
from glassbridge.model.ruleset import Ruleset
from glassbridge.model.snapshot import Connection, Name, Namespace, Snapshot
from glassbridge.model.topology import Link, Stack
from glassbridge.model.views import NetworkView, SandboxView

Reads = Literal["cables", "tables", "rules"]
"""Links, addresses and routes alone; whole stacks; or their firewalls as well."""

CONNECTIONS_MAX = 4096
"""How many tracked connections of a namespace a whole snapshot takes."""


class Survey:
    """Reads the live host into a snapshot that grows; one thread uses it at a time."""

    def __init__(
        self,
        known: Sequence[SandboxView] = (),
        networks: Sequence[NetworkView] = (),
        *,
        reads: Reads = "rules",
    ) -> None:
        self.roster = Roster.here(known, networks)
        self._firewall = FirewallReader(known, networks) if reads == "rules" else None
        self._reads = reads
        self._far_ends = FarEnds(self.roster, known)
        self._namespaces: dict[int, Namespace] = {}
        self._unreadable: dict[int, str] = {}
        self._complaints: list[str] = []
        self._flow: FlowTarget | None = None
        self._is_whole = False
        self._taken = 0.0

    @property
    def home(self) -> int:
        """The cookie of the namespace that we call the host."""
        return self.roster.home.cookie

    @property
    def snapshot(self) -> Snapshot:
        """All that was read so far."""
        return Snapshot(
            home=self.home,
            namespaces=dict(self._namespaces),
            names=self._names(),
            networks=tuple(self.roster.networks),
            published=tuple(self.roster.published),
            unserved=self.roster.unserved,
            is_whole=self._is_whole,
            taken=self._taken,
            kernel=os.uname().release,
            version=__version__,
            unreadable=(
                *self.roster.complaints,
                *self._unreadable.values(),
                *self._complaints,
            ),
        )

    @property
    def known(self) -> Sequence[SandboxView]:
        """What our daemon told, under the names that engines use."""
        return self.roster.known

    def focus(self, question: Question) -> None:
        """Read only the tracked connections of this question, also where others were read."""
        self._flow = FlowTarget(
            transport=question.transport,
            address=question.destination,
            port=question.destination_port,
        )
        for cookie, namespace in tuple(self._namespaces.items()):
            with suppress(NotFound), self.opened(cookie) as fd:
                found = self._connections(fd)
                self._namespaces[cookie] = replace(namespace, connections=found)

    def read(self, cookies: Iterable[int]) -> None:
        """Read these namespaces too; one that is gone is told in `snapshot.unreadable`."""
        new = [c for c in dict.fromkeys(cookies) if c not in self._namespaces]
        for cookie in new:
            try:
                with self.opened(cookie) as fd:
                    self._namespaces[cookie] = self._read(cookie, fd)
            except GlassbridgeError as error:
                self._unreadable[cookie] = f"{self.roster.call(cookie)}: {error.message}"
        self._find_far_ends([c for c in new if c in self._namespaces])

    def read_all(self) -> None:
        """Read every namespace of this host, and every engine's names."""
        self._taken = time.time()
        self.read([self.home, *self.roster.related()])
        while left := self._cabled() - self._namespaces.keys() - self._unreadable.keys():
            self.read(left)
        self._is_whole = True

    def resolve(self, target: str, version: int | None = None, asker: int | None = None) -> Target:
        """Find what is meant, and read its namespace; see engine.targets.Surveyed."""
        return LiveNames(self.roster, self).find(target, version, asker)

    def addresses_of(self, cookie: int) -> tuple[IPAddress, ...]:
        """Where a namespace is reached; by its engine's word where it was not read."""
        known = self._namespaces.get(cookie)
        if known is not None:
            return own_addresses(known.stack)
        names = (n for n in self.roster.names if n.cookie == cookie)
        return tuple(dict.fromkeys(a for n in names for a in n.addresses))

    def name_owners(self, cookie: int) -> None:
        """Find the processes of a namespace, and which of them has each of its sockets."""
        namespace = self._namespaces[cookie]
        with self.opened(cookie) as fd, open_diag(fd) as diag:
            netns = replace(namespace.stack.netns, pids=pids_in(inode_of(fd)))
            owned = replace(namespace.stack, netns=netns, sockets=read_sockets(diag, netns.pids))
        self._namespaces[cookie] = replace(namespace, stack=self._with_our_own(owned))

    def printed_rules(self, cookie: int) -> tuple[PrintedRules, ...]:
        """The firewall rules of a namespace as its tools print them."""
        from glassbridge.kernel.rulesets import read_rulesets  # noqa: PLC0415 - no walk needs it

        with self.opened(cookie) as fd:
            return read_rulesets(fd)

    def look_across(self, cookie: int, link: Link) -> FarSide | None:
        """The far end of a veth, without reading the whole namespace that it is in."""
        found = far_side(self.snapshot, cookie, link)
        place = self._namespaces[cookie].peers.get(link.link_nsid or 0)
        if found is not None or place is None or link.peer is None:
            return found
        try:
            with self.opened(place) as fd, RouteSocket(fd) as route:
                end = read_link(route, link.peer)
                master = None if end.master is None else read_link(route, end.master)
        except GlassbridgeError:  # it went while we looked
            return None
        return FarSide(cookie=place, link=end, master=master)

    def open(self, cookie: int) -> int:
        """Open a namespace; the caller closes the descriptor. Raises NotFound when it is gone."""
        return self.roster.open(cookie)

    @contextmanager
    def opened(self, cookie: int) -> Iterator[int]:
        """The same for a while."""
        fd = self.roster.open(cookie)
        try:
            yield fd
        finally:
            os.close(fd)

    def close(self) -> None:
        """Nothing is held open between two readings: a thousand namespaces would not fit."""

    def _read(self, cookie: int, fd: int) -> Namespace:
        netns = self.roster.describe(cookie)
        if not netns.inode:
            netns = replace(netns, inode=inode_of(fd))
        if self._reads == "cables":
            return Namespace(stack=read_cables(fd, netns))
        stack = self._with_our_own(read_stack(fd, netns))
        is_tracked = stack.sysctls.get(NF_CONNTRACK_COUNT, "0") != "0"
        return Namespace(
            stack=stack,
            ruleset=self._rules(fd, stack),
            connections=self._connections(fd) if is_tracked else (),
        )

    def _with_our_own(self, stack: Stack) -> Stack:
        if stack.netns.cookie != self.home:
            return stack
        return with_own_sockets(stack, (n.network for n in self.roster.our_networks))

    def _names(self) -> tuple[Name, ...]:
        """Of a whole snapshot without the processes of namespaces that are not of this host."""
        if not self._is_whole:
            return tuple(self.roster.names)
        met = self._namespaces.keys() | self._unreadable.keys()
        return tuple(n for n in self.roster.names if n.cookie in met)

    def _cabled(self) -> set[int]:
        """Namespaces that links of those that were read lead to."""
        return {cookie for n in self._namespaces.values() for cookie in n.peers.values()}

    def _rules(self, fd: int, stack: Stack) -> Ruleset:
        cookie = stack.netns.cookie
        if self._firewall is None:
            return Ruleset()
        is_home = cookie == self.home
        ruleset = self._firewall.read_host(fd, stack) if is_home else self._firewall.read(fd)
        self._complaints += [f"{self.roster.call(cookie)}: {c}" for c in ruleset.complaints]
        return ruleset

    def _connections(self, fd: int) -> tuple[Connection, ...]:
        try:
            if self._flow is not None:
                return connections_to(fd, self._flow)
            if not self._taken:
                return ()
            found = read_connections(fd, at_most=CONNECTIONS_MAX)
        except GlassbridgeError as error:
            self._complaints.append(error.message)
            return ()
        if found.left_out:
            self._complaints.append(f"{found.left_out} more tracked connections were left out")
        return found.listed

    def _find_far_ends(self, new: Sequence[int]) -> None:
        """Tell whose namespace each number of a link means, now that some more were read."""
        fresh = dict.fromkeys(new)
        for cookie, namespace in tuple(self._namespaces.items()):
            is_new = cookie in fresh
            with suppress(GlassbridgeError), self.opened(cookie) as fd:
                others = self._namespaces if is_new else fresh
                peers = self._far_ends.find(namespace, fd, others, is_new=is_new)
                self._namespaces[cookie] = replace(namespace, peers=dict(peers))
