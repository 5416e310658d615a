"""What a fix is made of: the case at hand, and commands that work where the fault is."""

import shlex

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Name, NamedNetwork, Snapshot
from glassbridge.model.step_details import Place
from glassbridge.model.topology import Link, Netns, Stack
from glassbridge.model.walk import Drop, Step, Walk

_NAMED = ("/run/netns/", "/var/run/netns/")
_OWN_SWITCH = ("ip", "bridge", "tc")
"""Tools that enter a named namespace by themselves."""


class NoDoor(Exception):
    """Nothing on this host opens the namespace: no command can reach it."""


class Mending(Struct, frozen=True, kw_only=True):
    """What puts it right."""

    commands: tuple[str, ...] = ()
    """In order."""
    note: str = ""
    """What they do, or what is to be decided where there are none."""


class Case(Struct, frozen=True, kw_only=True):
    """A packet that was lost, why, and where."""

    drop: Drop
    step: Step
    """The step at which it ended."""
    walk: Walk
    snapshot: Snapshot
    is_for_all: bool = False
    """The fix shall suit whatever the sender's bridge sends that way, not this packet alone."""

    @property
    def place(self) -> Place:
        """Where it is to be mended."""
        return self.drop.place or self.step.place

    @property
    def cookie(self) -> int:
        """Of the namespace where it is to be mended."""
        return self.place.cookie

    @property
    def stack(self) -> Stack:
        """Of that namespace; an empty one where it was not read."""
        return self.stack_of(self.cookie)

    @property
    def packet(self) -> Packet:
        """As it was where it ended."""
        return self.step.packet

    @property
    def source(self) -> Place:
        """The sender of the request."""
        return self.walk.steps[0].place

    def stack_of(self, cookie: int) -> Stack:
        """A namespace's stack; an empty one where it was not read."""
        namespace = self.snapshot.namespaces.get(cookie)
        return namespace.stack if namespace else Stack(netns=Netns(cookie=cookie, inode=0))

    def link(self, ifname: str = "") -> Link | None:
        """The link of that name at the place; without a name the place's own."""
        wanted = ifname or self.place.ifname
        return next((k for k in self.stack.links if k.ifname == wanted), None)

    def name(self, cookie: int) -> Name | None:
        """What an engine calls a namespace."""
        return next(iter(self.snapshot.names_of(cookie)), None)

    def network_of(self, address: IPAddress) -> NamedNetwork | None:
        """The network whose subnet has that address."""
        return next(
            (n for n in self.snapshot.networks if any(address in s for s in n.subnets)), None
        )

    def at(self, *words: str | int, cookie: int | None = None) -> str:
        """A command for the namespace where it is to be mended, or another one.

        Raises NoDoor where nothing opens that namespace.
        """
        return command(self.snapshot, self.cookie if cookie is None else cookie, *words)


ENGINES = {Origin.GLASSBRIDGE: "glassbridge", Origin.DOCKER: "docker", Origin.PODMAN: "podman"}
"""Whose networks can be joined by a command."""


def command(snapshot: Snapshot, cookie: int, *words: str | int) -> str:
    """One shell command, run in a namespace; raises NoDoor where nothing opens it."""
    plain = [str(w) for w in words]
    if cookie == snapshot.home:
        return shlex.join(plain)
    namespace = snapshot.namespaces.get(cookie)
    netns = namespace.stack.netns if namespace else None
    for path in netns.paths if netns else ():
        if path.startswith(_NAMED):
            name = path.rpartition("/")[2]
            if plain[0] in _OWN_SWITCH:
                return shlex.join([plain[0], "-n", name, *plain[1:]])
            return shlex.join(["ip", "netns", "exec", name, *plain])
    doors = (*netns.paths, *(f"/proc/{pid}/ns/net" for pid in netns.pids)) if netns else ()
    if not doors:
        raise NoDoor
    return shlex.join(["nsenter", f"--net={doors[0]}", *plain])
