"""Which namespaces there are, how each is opened, and what people call it.

What our daemon told is there from the start. Asking the files of other engines, or looking for
every namespace of the host, is done once, when something cannot be told without.
"""

import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress

from msgspec.structs import replace

from glassbridge.engine.foreign_names import networks_as_called, sandboxes_as_called
from glassbridge.engine.known_names import (
    names_of_sandboxes,
    networks_of_ours,
    published_by_ours,
    stopped,
    unserved_by_ours,
)
from glassbridge.errors import GlassbridgeError, NotFound
from glassbridge.kernel.discovery import find_netns, has_number_for
from glassbridge.kernel.netns import cookie_of, inode_of, open_netns, opened_netns
from glassbridge.kernel.processes import name_of
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.snapshot import read_addresses
from glassbridge.model.address import IPAddress
from glassbridge.model.found import Findings, FoundContainer
from glassbridge.model.names import SHORT_ID
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Name, NamedNetwork, Published
from glassbridge.model.topology import Netns
from glassbridge.model.views import NetworkView, SandboxView

_MADE_UP = re.compile(r"(cni|netns)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Roster:
    """Namespaces by cookie, and names; it grows."""

    def __init__(
        self, home: Netns, known: Sequence[SandboxView], networks: Sequence[NetworkView]
    ) -> None:
        self.home = home
        self.names: list[Name] = []
        self.complaints: list[str] = []
        self._found = {home.cookie: home}
        self._named = {home.cookie}
        self._guessed: set[int] = set()
        self._by_id: dict[str, int] = {}
        self._places: dict[int, list[int]] = {}
        """Cookie -> where its names stand among `names`."""
        self._files: Findings | None = None
        self._asked_engines = self._searched = False
        self.plugged_elsewhere: set[str] = set()
        """Containers of `known`, by id, that their engine has on networks of its own as well."""
        if any(view.is_anothers for view in known) or any(n.network.managed for n in networks):
            known, networks = self._as_called(known, networks)
        self.known, self.our_networks = tuple(known), tuple(networks)
        """What our daemon told, under the names that each engine uses."""
        self.networks: list[NamedNetwork] = list(networks_of_ours(n.network for n in networks))
        self.published: list[Published] = list(published_by_ours(known))
        self.unserved = tuple(unserved_by_ours(known))
        self.stopped = dict.fromkeys(stopped(known), Origin.GLASSBRIDGE)
        for name in names_of_sandboxes(known, home.cookie):
            self._add_name(name)
        for view in known:
            cookie, path = view.sandbox.netns_cookie, view.sandbox.netns
            # of Docker's namespaces the driver learns no cookie
            if path and cookie and cookie not in self._found:
                self._found[cookie] = Netns(cookie=cookie, inode=0, paths=(path,))

    @classmethod
    def here(
        cls, known: Sequence[SandboxView] = (), networks: Sequence[NetworkView] = ()
    ) -> "Roster":
        """Of the namespace that the caller is in, which is called the host."""
        # not CURRENT: whoever opens the path later may do so from another thread
        path = f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
        with opened_netns(path) as fd:
            home = Netns(cookie=cookie_of(fd), inode=inode_of(fd), paths=(path,))
        return cls(home, known, networks)

    def open(self, cookie: int) -> int:
        """Open a namespace; the caller closes the descriptor. Raises NotFound when it is gone."""
        fd = self._open_known(cookie)
        if fd is None:
            self.search()  # it may have other paths
            fd = self._open_known(cookie)
        if fd is None:
            raise NotFound(f"the network namespace of {self.call(cookie)} is gone")
        return fd

    def _open_known(self, cookie: int) -> int | None:
        known = self._found.get(cookie)
        for path in known.paths if known else ():
            with suppress(NotFound):
                fd = open_netns(path)
                if cookie_of(fd) == cookie:
                    return fd
                os.close(fd)  # the path is another's by now
        return None

    def describe(self, cookie: int) -> Netns:
        """What is known of a namespace that was opened."""
        return self._found[cookie]

    def path_of(self, cookie: int) -> str:
        """A path of a namespace that is known."""
        return self._found[cookie].paths[0]

    def paths(self) -> Iterator[tuple[int, str]]:
        """Every namespace that is known by now, and a path of it."""
        return ((cookie, netns.paths[0]) for cookie, netns in tuple(self._found.items()))

    def add(self, path: str, pid: int | None = None, fd: int | None = None) -> int:
        """Make a namespace known by a path; its cookie. Raises what open_netns does."""
        with opened_netns(path) if fd is None else nullcontext(fd) as opened:
            cookie, inode = cookie_of(opened), inode_of(opened)
        known = self._found.get(cookie)
        pids = () if pid is None else (pid,)
        if known is None:
            self._found[cookie] = Netns(cookie=cookie, inode=inode, paths=(path,), pids=pids)
        elif not known.inode or not set(pids) <= set(known.pids):
            self._found[cookie] = replace(known, inode=inode, pids=(*known.pids, *pids))
        return cookie

    def call(self, cookie: int) -> str:
        """The first name of a namespace, or its number."""
        if cookie == self.home.cookie:
            return "the host"
        for place in self._places.get(cookie, ()):
            return self.names[place].name
        known = self._found.get(cookie)
        return f"netns {known.inode if known else cookie}"

    def is_named(self, cookie: int) -> bool:
        """Whether anybody has a name for it."""
        return cookie in self._named

    def ask_engines(self) -> None:
        """Learn the names that other engines left in their files, and those of `ip netns`."""
        if self._asked_engines:
            return
        self._asked_engines = True
        from glassbridge.kernel.container_names import find_named_namespaces  # noqa: PLC0415 - what ours need not pay for

        found = self._read_files()
        taken = {network.bridge for network in self.networks}
        self.networks += [n for n in found.networks if n.bridge not in taken and _exists(n.bridge)]
        for container in found.containers:
            if container.is_running:
                self._learn(container)
            else:
                self.stopped.setdefault(container.name, container.origin)
        for path in find_named_namespaces():
            with suppress(GlassbridgeError):
                self._learn_path(path)

    def search(self) -> None:
        """Find every namespace of the host, and name by its first process what nobody named."""
        if self._searched:
            return
        self._searched = True
        self.ask_engines()
        for netns in find_netns():
            known = self._found.get(netns.cookie)
            first = known.paths if known else ()
            paths = tuple(dict.fromkeys((*first, *netns.paths)))
            self._found[netns.cookie] = replace(netns, paths=paths)
            if netns.pids:
                self.name_by_process(netns.cookie, netns.pids[0])

    def name_by_process(self, cookie: int, pid: int) -> None:
        """Call a namespace after a process in it, if nobody has a name for it.

        A process in a container of an engine that left no name has the container's id.
        """
        if self.is_named(cookie):
            return
        from glassbridge.kernel.engines.processes import container_of  # noqa: PLC0415 - likewise

        origin, container = container_of(pid) or (Origin.PROCESS, "")
        name = container[:SHORT_ID] or f"{name_of(pid) or 'process'} (pid {pid})"
        self._guessed.add(cookie)
        self._add_name(Name(name=name, origin=origin, cookie=cookie, id=container, pid=pid))

    def related(self) -> Iterator[int]:
        """Namespaces that belong to this host beyond doubt: named, or with a link into it.

        Others on the same machine may be another lab's, or a service's that is cut off by
        intention. A cable that leads there from here is for the caller to follow.
        """
        self.search()
        home, told = self.home.paths[0], self._named - self._guessed
        for cookie, path in self.paths():
            if cookie in told:
                yield cookie
                continue
            with suppress(GlassbridgeError), opened_netns(path) as fd, RouteSocket(fd) as route:
                if has_number_for(route, home):
                    yield cookie

    def holder_of(self, address: IPAddress) -> int | None:
        """The namespace of this host that has an address: 80 us for each of them."""
        for cookie in self.related():
            path = self.path_of(cookie)
            with suppress(GlassbridgeError), opened_netns(path) as fd, RouteSocket(fd) as route:
                if any(a.interface.ip == address for a in read_addresses(route)):
                    return cookie
        return None

    def _read_files(self) -> Findings:
        """What the engines' files say, read once."""
        if self._files is None:
            from glassbridge.kernel.container_names import find_containers  # noqa: PLC0415 - likewise

            self._files = find_containers()
            self.complaints += self._files.complaints
        return self._files

    def _as_called(
        self, known: Sequence[SandboxView], networks: Sequence[NetworkView]
    ) -> tuple[Sequence[SandboxView], Sequence[NetworkView]]:
        found = self._read_files()
        by_netns: dict[int, FoundContainer] = {}
        for container in found.containers:
            # CNI's cache knows ids alone, and those we know ourselves
            is_told = container.is_running and container.origin is not Origin.CNI
            if is_told and (cookie := self._place(container)) is not None:
                by_netns.setdefault(cookie, container)
        called = sandboxes_as_called(known, found.containers, by_netns)
        ours = {e.endpoint.id for view in known for e in view.endpoints}
        self.plugged_elsewhere |= {c.id for c in found.containers if c.endpoints.keys() - ours}
        return called, networks_as_called(networks, found.driven)

    def _place(self, container: FoundContainer) -> int | None:
        """The namespace of a container; None where it ended, or may not be opened."""
        path = container.netns or f"/proc/{container.pid}/ns/net"
        try:
            return self.add(path, container.pid)
        except NotFound:  # or its engine left the file behind
            return None
        except GlassbridgeError as error:
            self.complaints.append(f"{container.name} of {container.origin}: {error.message}")
            return None

    def _learn(self, container: FoundContainer) -> None:
        cookie = self._place(container)
        if cookie is None:
            return
        place = self._by_id.get(container.id)
        if place is None and container.origin is Origin.CNI:
            # runtimes make up an id of their own for CNI
            place = next(iter(self._places.get(cookie, ())), None)
        if place is None:
            self._add_name(
                Name(
                    name=container.name,
                    origin=container.origin,
                    cookie=cookie,
                    id=container.id,
                    pid=container.pid,
                    addresses=container.addresses,
                )
            )
            self.published += container.published
            return
        # two engines know it: the first has the name, the other may know where it is reached
        known = self.names[place]
        if not known.addresses:
            self.names[place] = replace(known, addresses=container.addresses)
        self.published += [
            replace(p, name=known.name, origin=known.origin) for p in container.published
        ]

    def _learn_path(self, path: str) -> None:
        name, cookie = os.path.basename(path), self.add(path)  # noqa: PTH119 - a name
        # engines bind namespaces there as well, under names that say nothing
        is_plain = not (self.is_named(cookie) and _MADE_UP.fullmatch(name))
        taken = {self.names[place].name for place in self._places.get(cookie, ())}
        if is_plain and name not in taken:
            self._add_name(Name(name=name, origin=Origin.NETNS, cookie=cookie))

    def _add_name(self, name: Name) -> None:
        if name.id:
            self._by_id.setdefault(name.id, len(self.names))
        self._named.add(name.cookie)
        self._places.setdefault(name.cookie, []).append(len(self.names))
        self.names.append(name)


def _exists(link: str) -> bool:
    try:
        return socket.if_nametoindex(link) > 0
    except OSError:
        return False
