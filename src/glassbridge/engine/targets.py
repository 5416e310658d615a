"""What a person names: parsed, found among the names of a snapshot, and given an address."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from types import MappingProxyType
from typing import Protocol

from msgspec import Struct

from glassbridge.errors import InvalidRequest, NotFound
from glassbridge.model.address import IPAddress
from glassbridge.model.names import closest, resolve
from glassbridge.model.packet import Question
from glassbridge.model.printed_rules import PrintedRules
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Name, Snapshot
from glassbridge.model.topology import Link, Stack
from glassbridge.model.views import SandboxView

HOST = "host"
_UNUSABLE = {"tentative", "dadfailed"}
_OTHER_WAYS = "pid:N, netns:PATH, an address or host"


class Target(Struct, frozen=True, kw_only=True):
    """What was named: a namespace, an address, or both."""

    name: str
    """As screens print it."""
    cookie: int | None
    """None: outside of this host, or 127.0.0.1, which is everybody's own."""
    address: IPAddress | None = None
    """Where it is reached; None where it has no address (of the wanted IP version)."""
    pid: int | None = None


class FarSide(Struct, frozen=True, kw_only=True):
    """The other end of a veth pair."""

    cookie: int
    link: Link
    master: Link | None = None
    """What it is a port of."""


class Surveyed(Protocol):
    """A host as far as it was read: here and now, or out of a file."""

    @property
    def snapshot(self) -> Snapshot:
        """All that was read so far."""

    @property
    def known(self) -> Sequence[SandboxView]:
        """What our daemon told of its sandboxes, under the names that their engines use."""

    def focus(self, question: Question) -> None:
        """Of tracked connections only those of this question matter from now on."""

    def read(self, cookies: Iterable[int]) -> None:
        """Read these namespaces too; one that cannot be is told in `snapshot.unreadable`."""

    def read_all(self) -> None:
        """Read every namespace, and every engine's names."""

    def resolve(self, target: str, version: int | None = None, asker: int | None = None) -> Target:
        """Find what is meant by a name, `host`, `pid:N`, `netns:PATH`, an address or a DNS name.

        A name means first what our name server would tell the namespace `asker`, if one is given.
        Its namespace is read. Raises NotFound, Conflict, InvalidRequest or PermissionRefused.
        """

    def addresses_of(self, cookie: int) -> tuple[IPAddress, ...]:
        """Where a namespace is reached, IPv4 first, its first link first."""

    def name_owners(self, cookie: int) -> None:
        """Find out whose the sockets of a namespace are that was read."""

    def printed_rules(self, cookie: int) -> tuple[PrintedRules, ...]:
        """The firewall rules of a namespace as text."""

    def look_across(self, cookie: int, link: Link) -> FarSide | None:
        """The far end of a link's cable; None where there is none, or it cannot be told."""

    def close(self) -> None:
        """Release what reading needs."""


class TheHost(Struct, frozen=True):
    """`host`."""


class Process(Struct, frozen=True):
    """`pid:N`."""

    pid: int


class NetnsPath(Struct, frozen=True):
    """`netns:PATH`."""

    path: str


class At(Struct, frozen=True):
    """An address."""

    address: IPAddress


class Named(Struct, frozen=True):
    """Anything else: a container, or a host in the DNS."""

    name: str


Wish = TheHost | Process | NetnsPath | At | Named


def parse_target(target: str) -> Wish:
    """Which kind of target a text is; raises InvalidRequest."""
    kind, colon, rest = target.partition(":")
    if target == HOST:
        return TheHost()
    if colon and kind == "pid":
        if not (rest.isascii() and rest.isdecimal()):
            raise InvalidRequest(f"{target!r}: {rest!r} is not a process number")
        return Process(int(rest))
    if colon and kind == "netns":
        return NetnsPath(rest)
    try:
        return At(ip_address(target.removeprefix("[").removesuffix("]")))
    except ValueError:
        if not target or target.startswith("-"):
            raise InvalidRequest(f"{target!r} names nothing", hint=_hint(())) from None
        return Named(target)


def find_name(
    reference: str, names: Sequence[Name], stopped: Mapping[str, Origin] = MappingProxyType({})
) -> Name:
    """The name that is meant: exact, or the beginning of an id; raises NotFound or Conflict.

    Two engines may give one namespace the same name.
    """
    exact = [n for n in names if n.name == reference]
    if len({n.cookie for n in exact}) == 1:
        return exact[0]
    if not exact and reference in stopped:
        raise NotFound(
            f"{reference} is not running, so it has no network stack",
            hint=f"start it: {str(stopped[reference]).lower()} start {reference}",
        )
    try:
        return resolve(reference, names)
    except NotFound as error:
        raise NotFound(error.message, hint=error.hint or _hint(names)) from None


def near(reference: str, names: Iterable[Name]) -> str:
    """`did you mean ...?`, or empty."""
    return closest(reference, [n.name for n in names])


def own_addresses(stack: Stack) -> tuple[IPAddress, ...]:
    """The addresses by which others reach a stack: IPv4 first, then in the order of its links."""
    loopbacks = {k.ifindex for k in stack.links if k.is_loopback}
    usable = [
        a
        for a in stack.addresses
        if a.scope == "global" and a.ifindex not in loopbacks and not _UNUSABLE & set(a.flags)
    ]
    usable.sort(key=lambda a: (a.interface.version, "deprecated" in a.flags, a.ifindex))
    return tuple(a.interface.ip for a in usable)


def choose_address(
    addresses: Sequence[IPAddress], version: int | None, source: Stack | None = None
) -> IPAddress | None:
    """One of several: of the wanted version, and of a network that the source is on, if any is."""
    fitting = [a for a in addresses if version in (None, a.version)]
    if source is not None:
        near_by = [a.interface.network for a in source.addresses]
        fitting.sort(key=lambda a: (a.version, not any(a in n for n in near_by)))
    return next(iter(fitting), None)


def find_owner(snapshot: Snapshot, address: IPAddress) -> int | None:
    """Whose an address is: the host's if it has it, else by the stacks read, else by engines."""
    found = [c for c, n in snapshot.namespaces.items() if address in _all_addresses(n.stack)]
    if snapshot.home in found:
        return snapshot.home
    found += [n.cookie for n in snapshot.names if address in n.addresses]
    return found[0] if found else None


def far_side(snapshot: Snapshot, cookie: int, link: Link) -> FarSide | None:
    """The far end of a cable, where its namespace was read."""
    far = snapshot.far_end(cookie, link)
    other = None if far is None else snapshot.namespaces.get(far[0])
    end = None if far is None or other is None else other.stack.link(far[1])
    if far is None or other is None or end is None:
        return None
    master = None if end.master is None else other.stack.link(end.master)
    return FarSide(cookie=far[0], link=end, master=master)


def is_everybodys(address: IPAddress) -> bool:
    """It means another stack wherever it is used: 127.0.0.1, 0.0.0.0, a group."""
    return address.is_loopback or address.is_unspecified or address.is_multicast


def _all_addresses(stack: Stack) -> set[IPAddress]:
    return {a.interface.ip for a in stack.addresses}


def _hint(names: Sequence[Name]) -> str:
    if names:
        return f"glassbridge ps shows the names; or give {_OTHER_WAYS}"
    return f"nobody here who could be asked knows a name; give {_OTHER_WAYS}"
