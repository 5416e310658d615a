"""What a person names, found on the live host: by what is known already, else by asking around."""

import os
from collections.abc import Sequence

from glassbridge.engine.answered_names import Known, the_one_meant
from glassbridge.engine.name_lookup import look_up
from glassbridge.engine.roster import Roster
from glassbridge.engine.targets import (
    At,
    Named,
    NetnsPath,
    Process,
    Surveyed,
    Target,
    TheHost,
    choose_address,
    find_name,
    find_owner,
    is_everybodys,
    near,
    parse_target,
)
from glassbridge.errors import NotFound
from glassbridge.kernel.netns import open_netns_of
from glassbridge.model.address import IPAddress
from glassbridge.model.network import Network
from glassbridge.model.snapshot import Name
from glassbridge.model.topology import Stack

_CONTAINER_LINKS = {"bridge", "veth", "macvlan", "ipvlan", "tun"}
"""Behind a network of these are containers; behind one of hardware is the world."""


class LiveNames:
    """Resolves targets; namespaces that it meets become known to the roster."""

    def __init__(self, roster: Roster, survey: Surveyed) -> None:
        self._roster = roster
        self._survey = survey

    def find(self, target: str, version: int | None, asker: int | None = None) -> Target:
        """See engine.targets.Surveyed.resolve."""
        match parse_target(target):
            case TheHost():
                return self._in(self._roster.home.cookie, version)
            case Process(pid):
                return self._in(self._add_process(pid), version, pid=pid)
            case NetnsPath(path):
                cookie = self._roster.add(path)
                if not self._roster.is_named(cookie):
                    self._roster.ask_engines()
                return self._in(cookie, version)
            case At(address):
                return self._at(address, target)
            case Named(name):
                return self._named(name, version, asker)

    def _add_process(self, pid: int) -> int:
        fd = open_netns_of(pid)
        try:
            cookie = self._roster.add(f"/proc/{pid}/ns/net", pid, fd)
        finally:
            os.close(fd)
        if not self._roster.is_named(cookie):
            self._roster.ask_engines()
        self._roster.name_by_process(cookie, pid)
        return cookie

    def _named(self, name: str, version: int | None, asker: int | None) -> Target:
        roster = self._roster
        known = Known(roster.names, roster.known, roster.our_networks)
        asked = () if asker is None else known.asked_by(asker)
        answered = the_one_meant(name, known.told(name, asked))
        if answered is not None:
            return self._in(answered.cookie, version, answered)
        exact = next((n for n in roster.names if name in (n.name, n.id)), None)
        if exact is None:
            roster.ask_engines()  # an id's beginning may be another's whole name
        try:
            found = exact or find_name(name, roster.names, roster.stopped)
        except NotFound as unknown:
            if name in roster.stopped:
                raise
            hint = known.elsewhere(name, asked) or unknown.hint
            return self._at(self._look_up(name, version, asked, hint), name)
        return self._in(found.cookie, version, found)

    def _look_up(
        self, name: str, version: int | None, asked: Sequence[Network], hint: str
    ) -> IPAddress:
        try:
            addresses = look_up(name)
        except NotFound as error:
            on = " or ".join(n.name for n in asked)
            nor = f"; nor is it a name on {on}" if on else ""
            raise NotFound(f"{error.message}{nor}", hint=hint) from None
        chosen = choose_address(addresses, version)
        if chosen is None:
            raise NotFound(f"{name} has no IPv{version} address", hint=near(name, ()))
        return chosen

    def _in(
        self, cookie: int, version: int | None, name: Name | None = None, pid: int | None = None
    ) -> Target:
        os.close(self._roster.open(cookie))  # raises what reading would only note down
        self._survey.read([cookie])
        return Target(
            name=name.name if name else self._survey.snapshot.call(cookie),
            cookie=cookie,
            address=choose_address(self._survey.addresses_of(cookie), version),
            pid=name.pid if name else pid,
        )

    def _at(self, address: IPAddress, name: str) -> Target:
        owner = None if is_everybodys(address) else self._owner_of(address)
        if owner is None:
            return Target(name=name, cookie=None, address=address)
        self._survey.read([owner])
        return Target(name=self._survey.snapshot.call(owner), cookie=owner, address=address)

    def _owner_of(self, address: IPAddress) -> int | None:
        home = self._roster.home.cookie
        self._survey.read([home])
        owner = find_owner(self._survey.snapshot, address)
        if owner is None and _is_near(self._survey.snapshot.namespaces[home].stack, address):
            self._roster.ask_engines()
            owner = find_owner(self._survey.snapshot, address)
            return self._roster.holder_of(address) if owner is None else owner
        return owner


def _is_near(home: Stack, address: IPAddress) -> bool:
    """Whether it is of a network that the host shares with containers."""
    inward = {k.ifindex for k in home.links if k.kind in _CONTAINER_LINKS}
    return any(
        address in route.destination and not route.is_default and route.oif in inward
        for route in home.routes
    )
