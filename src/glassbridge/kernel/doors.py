"""The sockets and contexts through which operations reach the kernel, and their answers.

Each `perform` takes one run of operations per plan and answers per operation: None, or the error.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from glassbridge.errors import (
    Conflict,
    GlassbridgeError,
    InvalidRequest,
    KernelRefused,
    NotFound,
)
from glassbridge.kernel import announce, sysctl
from glassbridge.kernel.carriers import await_carriers
from glassbridge.kernel.channels import Channel, netns_of
from glassbridge.kernel.conntrack import Conntrack
from glassbridge.kernel.end_settings import read_settings
from glassbridge.kernel.firewall_door import change_of, judge_firewall, script_of
from glassbridge.kernel.foreign_firewall import close_path, open_path
from glassbridge.kernel.link_requests import requests_of
from glassbridge.kernel.nft import Nft
from glassbridge.kernel.ports import PortHolder
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.sandbox import OpenSandbox
from glassbridge.kernel.snapshot import read_addresses, read_link
from glassbridge.model.address import IPInterface
from glassbridge.model.endpoint import LinkSettings
from glassbridge.model.firewall import Family
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.topology import Link
from glassbridge.plan.descriptions import describe
from glassbridge.plan.interface_operations import (
    AwaitCarrier,
    SetSandboxSysctl,
    UnlimitRate,
    UnredirectIngress,
)
from glassbridge.plan.operations import (
    Announce,
    ClosePath,
    DeleteLink,
    DoomLink,
    ForgetFlows,
    HoldPort,
    OpenPath,
    Operation,
    ReleasePort,
    RemoveAddress,
    RemoveRoute,
    SetPortFlags,
    SetSysctl,
)
from glassbridge.wire.netlink import Refusal, Request

Run = Sequence[Operation]
Outcome = GlassbridgeError | None

_ENOENT, _ENODEV, _ESRCH, _EEXIST, _EINVAL, _EADDRNOTAVAIL = 2, 19, 3, 17, 22, 99
_GONE = (_ENODEV, _ESRCH, _EADDRNOTAVAIL, _ENOENT)
_REMOVALS = DeleteLink | DoomLink | RemoveAddress | RemoveRoute | UnlimitRate | UnredirectIngress


class Doors:
    """One of each, opened in the namespace of the calling thread."""

    def __init__(self) -> None:
        self._links = RouteSocket()
        self._nft = Nft()
        self._conntrack = Conntrack()
        self.ports = PortHolder()
        self._sandboxes: dict[str, OpenSandbox] = {}
        self.own_cookie = self._links.netns_cookie
        self._performers: dict[Channel, Callable[[Sequence[Run]], list[list[Outcome]]]] = {
            Channel.HOST_LINKS: self._host_links,
            Channel.SANDBOX_LINKS: self._sandbox_links,
            Channel.SHAPING: self._host_links,
            Channel.FIREWALL: self._firewall,
            Channel.SYSCTL: _each(_set_sysctl),
            Channel.SANDBOX_SYSCTL: _each(self._set_sandbox_sysctl),
            Channel.FOREIGN_FIREWALL: _each(_open_or_close),
            Channel.PORTS: _each(self._port),
            Channel.FLOWS: self._forget,
            Channel.CARRIERS: self._await_carriers,
            Channel.ANNOUNCEMENTS: _each(self._announce),
        }

    def close(self) -> None:
        """Close everything; held ports become free."""
        self.end_batch()
        self._links.close()
        self._nft.close()
        self._conntrack.close()
        self.ports.close()

    def end_batch(self) -> None:
        """Let go of sandboxes: an open descriptor would keep a dead one alive."""
        for sandbox in self._sandboxes.values():
            sandbox.close()
        self._sandboxes.clear()

    def sandbox(self, path: str) -> OpenSandbox:
        """Open a sandbox once per batch; raises what OpenSandbox does."""
        found = self._sandboxes.get(path)
        if found is None:
            found = self._sandboxes[path] = OpenSandbox(path)
        return found

    def ifindex(self, ifname: str) -> int:
        """The index of a link by name; raises NotFound."""
        return self._links.ifindex(ifname)

    def has_link(self, ifname: str, netns: str = "") -> bool:
        """Whether a link of that name exists, here or in a sandbox."""
        socket = self.sandbox(netns).links if netns else self._links
        return socket.find_ifindex(ifname) is not None

    def link(self, ifname: str, netns: str = "") -> Link:
        """One link by name, here or in a sandbox; raises NotFound."""
        return read_link(self.sandbox(netns).links if netns else self._links, ifname)

    def settings(self, ifname: str, netns: str) -> LinkSettings:
        """What a client may order of a sandbox's link, as it is; raises NotFound."""
        return read_settings(self.sandbox(netns).links, ifname)

    def sysctls(self, keys: Iterable[str], netns: str) -> dict[str, str]:
        """Values of a sandbox; those that the kernel lacks are left out."""
        return sysctl.read_present(keys, self.sandbox(netns).fd)

    def addresses_of(self, ifname: str) -> frozenset[IPInterface]:
        """The addresses of a link; raises NotFound."""
        found = read_addresses(self._links, self._links.ifindex(ifname))
        return frozenset(a.interface for a in found)

    def has_tables(self) -> bool:
        """Whether any of our tables is loaded."""
        return any(self._nft.has_table(family, NFT_TABLE) for family in Family)

    def perform(self, channel: Channel, runs: Sequence[Run]) -> list[list[Outcome]]:
        """Carry out runs of one channel together."""
        return self._performers[channel](runs)

    def _host_links(self, runs: Sequence[Run]) -> list[list[Outcome]]:
        return self._send(self._links, runs)

    def _sandbox_links(self, runs: Sequence[Run]) -> list[list[Outcome]]:
        answers: list[list[Outcome]] = []
        for run in runs:
            try:
                links = self.sandbox(netns_of(run[0])).links
            except GlassbridgeError as error:
                answers.append([error] * len(run))
                continue
            answers += self._send(links, [run])
        return answers

    def _send(self, socket: RouteSocket, runs: Sequence[Run]) -> list[list[Outcome]]:
        ifindex = cache(socket.ifindex)  # many plans plug into one bridge
        requests: list[Request] = []
        encoded: list[list[tuple[Operation, int] | GlassbridgeError]] = []
        for run in runs:
            entries: list[tuple[Operation, int] | GlassbridgeError] = []
            for operation in run:
                try:
                    own = requests_of(operation, ifindex, lambda p: self.sandbox(p).fd)
                except NotFound as error:
                    entries.append((operation, 0) if isinstance(operation, _REMOVALS) else error)
                    continue
                except GlassbridgeError as error:
                    entries.append(error)
                    continue
                requests += own
                entries.append((operation, len(own)))
            encoded.append(entries)
        replies = iter(socket.send_batch(requests))
        return [
            [
                entry
                if isinstance(entry, GlassbridgeError)
                else _judge(entry[0], [next(replies) for _ in range(entry[1])])
                for entry in entries
            ]
            for entries in encoded
        ]

    def _firewall(self, runs: Sequence[Run]) -> list[list[Outcome]]:
        """One transaction for all; refused as a whole, it is tried plan by plan."""
        try:
            self._transact([o for run in runs for o in run])
        except GlassbridgeError as error:
            if len(runs) == 1:
                return [[judge_firewall(o, error) for o in runs[0]]]
            return [self._firewall([run])[0] for run in runs]
        return [[None] * len(run) for run in runs]

    def _transact(self, operations: Sequence[Operation]) -> None:
        changes = [c for o in operations if (c := change_of(o)) is not None]
        if len(changes) == len(operations):
            self._nft.change(changes)
        else:
            self._nft.run("".join(map(script_of, operations)))

    def _set_sandbox_sysctl(self, operation: Operation) -> None:
        if isinstance(operation, SetSandboxSysctl):
            netns = self.sandbox(operation.netns).fd
            try:
                sysctl.write(operation.key, operation.value, netns)
            except NotFound as error:  # not the sandbox is missing: the client's wish is wrong
                raise InvalidRequest(error.message, hint=error.hint) from error

    def _port(self, operation: Operation) -> None:
        match operation:
            case HoldPort(port):
                self.ports.hold(port)
            case ReleasePort(port):
                self.ports.release(port)

    def _forget(self, runs: Sequence[Run]) -> list[list[Outcome]]:
        """All at once: a look through the table costs the same for one address as for many."""
        wanted = [o for run in runs for o in run if isinstance(o, ForgetFlows)]
        refusal: Outcome = None
        try:
            self._conntrack.forget(
                [a for o in wanted for a in o.addresses], [p for o in wanted for p in o.ports]
            )
        except GlassbridgeError as error:
            refusal = error
        return [[refusal] * len(run) for run in runs]

    def _await_carriers(self, runs: Sequence[Run]) -> list[list[Outcome]]:
        """Each link once: the plans of a batch share a bridge."""
        waiting = (o.ifname for run in runs for o in run if isinstance(o, AwaitCarrier))
        await_carriers(self._links, dict.fromkeys(waiting))
        return [[None] * len(run) for run in runs]

    def _announce(self, operation: Operation) -> None:
        if isinstance(operation, Announce):
            sandbox = self.sandbox(operation.netns)
            announce.announce(sandbox.fd, operation.ifname, operation.addresses, operation.mac)


def _each(perform: Callable[[Operation], None]) -> Callable[[Sequence[Run]], list[list[Outcome]]]:
    """A door without a common send: one operation after the other, stopping at a run's failure."""

    def one(operation: Operation) -> Outcome:
        try:
            perform(operation)
        except GlassbridgeError as error:
            return error
        return None

    def all_runs(runs: Sequence[Run]) -> list[list[Outcome]]:
        answers: list[list[Outcome]] = []
        for run in runs:
            outcomes: list[Outcome] = []
            for operation in run:
                failed = next((o for o in outcomes if o is not None), None)
                outcomes.append(failed if failed is not None else one(operation))
            answers.append(outcomes)
        return answers

    return all_runs


def _set_sysctl(operation: Operation) -> None:
    if isinstance(operation, SetSysctl):
        sysctl.write(operation.key, operation.value)


def _open_or_close(operation: Operation) -> None:
    match operation:
        case OpenPath(chain):
            open_path(chain)
        case ClosePath(chain):
            close_path(chain)


def _judge(operation: Operation, replies: Sequence[Refusal | None]) -> Outcome:
    """The first refusal of an operation's requests; taking away what is gone is a success."""
    refusal = next((r for r in replies if r is not None), None)
    if refusal is None:
        return None
    if refusal.errno in _GONE and isinstance(operation, _REMOVALS):
        return None
    if refusal.errno == _ENODEV and isinstance(operation, SetPortFlags) and not operation.hairpin:
        return None  # Docker takes ports back from a container that ended, and its cable with it
    if refusal.errno == _EINVAL and isinstance(operation, UnlimitRate | UnredirectIngress):
        return None  # no queueing discipline under that handle (net/sched/sch_api.c)
    if refusal.errno == _EEXIST:
        return Conflict(f"{describe(operation)}: it exists already")
    return KernelRefused(describe(operation), refusal.errno, refusal.text)
