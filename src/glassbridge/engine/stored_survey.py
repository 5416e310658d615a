"""A host out of a file: everything is there already, and nothing can be asked.

Nothing here or below opens a socket or needs Linux.
"""

from collections.abc import Iterable, Iterator, Sequence

from glassbridge.engine.targets import (
    At,
    FarSide,
    Named,
    NetnsPath,
    Process,
    Target,
    TheHost,
    choose_address,
    far_side,
    find_name,
    find_owner,
    is_everybodys,
    own_addresses,
    parse_target,
)
from glassbridge.errors import NotFound
from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Question
from glassbridge.model.printed_rules import PrintedRules
from glassbridge.model.ruleset import Backend, ListedTable
from glassbridge.model.snapshot import Snapshot
from glassbridge.model.topology import Link
from glassbridge.model.views import SandboxView

_TOOLS = {Backend.IPTABLES_LEGACY: ("iptables", "ip6tables")}


class StoredSurvey:
    """A whole snapshot; see engine.targets.Surveyed."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def snapshot(self) -> Snapshot:
        """All that was read."""
        return self._snapshot

    @property
    def known(self) -> Sequence[SandboxView]:
        """Nothing: their names are among the snapshot's."""
        return ()

    def focus(self, question: Question) -> None:
        """Nothing: it holds what was tracked when it was taken."""

    def read(self, cookies: Iterable[int]) -> None:
        """Nothing: what is not in it cannot be read."""

    def read_all(self) -> None:
        """Nothing: all that could be read was."""

    def resolve(self, target: str, version: int | None = None, asker: int | None = None) -> Target:
        """Find what is meant among the names and addresses of the file; aliases are not in it."""
        match parse_target(target):
            case TheHost():
                return self._in(self._snapshot.home, version, "host")
            case Process(pid):
                return self._in(self._with_process(pid), version, pid=pid)
            case NetnsPath(path):
                return self._in(self._at_path(path), version)
            case At(address):
                return self._at(address)
            case Named(name):
                found = find_name(name, self._snapshot.names)
                return self._in(found.cookie, version, found.name, found.pid)

    def addresses_of(self, cookie: int) -> tuple[IPAddress, ...]:
        """Where a namespace is reached; by its engine's word where it could not be read."""
        known = self._snapshot.namespaces.get(cookie)
        if known is not None:
            return own_addresses(known.stack)
        names = self._snapshot.names_of(cookie)
        return tuple(dict.fromkeys(a for n in names for a in n.addresses))

    def name_owners(self, cookie: int) -> None:
        """Nothing: they were found when it was taken."""

    def printed_rules(self, cookie: int) -> tuple[PrintedRules, ...]:
        """The rules as text, much as their tools print them."""
        tables = self._snapshot.namespaces[cookie].ruleset.tables
        lines: dict[str, list[str]] = {}
        for table in tables:
            v6 = table.family == "ip6"
            tool = _TOOLS[table.backend][v6] if table.backend in _TOOLS else "nft"
            lines.setdefault(tool, []).extend(_print(table))
        return tuple(PrintedRules(tool=t, lines=tuple(some)) for t, some in lines.items())

    def look_across(self, cookie: int, link: Link) -> FarSide | None:
        """The far end of a link's cable, if its namespace is in the file."""
        return far_side(self._snapshot, cookie, link)

    def close(self) -> None:
        """Nothing is open."""

    def _in(
        self, cookie: int, version: int | None, name: str = "", pid: int | None = None
    ) -> Target:
        if cookie not in self._snapshot.namespaces:
            raise NotFound(
                f"{name or self._snapshot.call(cookie)} could not be read when the snapshot was"
                " taken",
                hint="; ".join(self._snapshot.unreadable[:3]),
            )
        return Target(
            name=name or self._snapshot.call(cookie),
            cookie=cookie,
            address=choose_address(self.addresses_of(cookie), version),
            pid=pid,
        )

    def _at(self, address: IPAddress) -> Target:
        owner = None if is_everybodys(address) else find_owner(self._snapshot, address)
        name = str(address) if owner is None else self._snapshot.call(owner)
        return Target(name=name, cookie=owner, address=address)

    def _with_process(self, pid: int) -> int:
        for name in self._snapshot.names:
            if name.pid == pid:
                return name.cookie
        for cookie, namespace in self._snapshot.namespaces.items():
            if pid in namespace.stack.netns.pids:
                return cookie
        raise NotFound(f"process {pid} is not in the snapshot")

    def _at_path(self, path: str) -> int:
        for cookie, namespace in self._snapshot.namespaces.items():
            if path in namespace.stack.netns.paths:
                return cookie
        raise NotFound(f"no network namespace in the snapshot has the path {path}")


def _print(table: ListedTable) -> Iterator[str]:
    yield f"table {table.family} {table.name} {{"
    for chain in table.chains:
        yield f"\tchain {chain.name} {{"
        if chain.hook is not None:
            hook = chain.hook
            yield (
                f"\t\ttype {hook.type} hook {hook.hook} priority {hook.priority};"
                f" policy {hook.policy};"
            )
        for rule in chain.rules:
            yield f"\t\t{rule.text}"
        yield "\t}"
    yield "}"
