"""Read-only views of any network stack and any bridge, ours or not.

They read the kernel, and take names from whoever calls; nothing here needs an engine.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from glassbridge.errors import GlassbridgeError, InvalidRequest, NotFound
from glassbridge.kernel.discovery import describe_netns, find_netns, neighbours_by_nsid
from glassbridge.kernel.netns import CURRENT, open_netns
from glassbridge.kernel.processes import name_of
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.rulesets import Ruleset, read_rulesets
from glassbridge.kernel.snapshot import read_bridge, read_link, read_links, read_stack
from glassbridge.model.container import ContainerState
from glassbridge.model.names import resolve
from glassbridge.model.topology import Link, Netns, Stack, Switch
from glassbridge.model.views import SandboxView

HOST = "the host"
_NAMED = Path("/run/netns")


class Cable(Struct, frozen=True, kw_only=True):
    """A veth pair as seen from one of its ends."""

    ifname: str
    """This end."""
    place: str = ""
    """Whose namespace the other end is in; empty: it cannot be found."""
    far_end: str = ""
    far_mac: str = ""
    bridge: str = ""
    """The bridge that the other end is a port of."""
    bridge_mac: str = ""
    port: int | None = None


class StackReport(Struct, frozen=True, kw_only=True):
    """One namespace: its stack, where its cables lead, its rules, and names for what is in it."""

    name: str
    stack: Stack
    cables: tuple[Cable, ...] = ()
    names: dict[str, str] = {}
    """Whose an address or a MAC is."""
    rulesets: tuple[Ruleset, ...] = ()


class BridgeReport(Struct, frozen=True, kw_only=True):
    """One bridge: ports, FDB, and whose the other ends are."""

    switch: Switch
    cables: tuple[Cable, ...] = ()
    names: dict[str, str] = {}


class Surroundings:
    """The namespaces around us, found once, and what people call them."""

    def __init__(self, known: Sequence[SandboxView]) -> None:
        self.known = known
        self.home = describe_netns(CURRENT)
        self.namespaces = find_netns()
        self._by_cookie = {v.sandbox.netns_cookie: v.sandbox.name for v in known}

    def name_of(self, netns: Netns) -> str:
        """Our name for it, that of `ip netns`, its first process, or its number."""
        if netns.cookie == self.home.cookie:
            return HOST
        named = self._by_cookie.get(netns.cookie)
        if named:
            return named
        paths = (Path(path) for path in netns.paths if not path.startswith("/proc/"))
        bound = next((path.name for path in paths), "")
        if bound:
            return bound
        if netns.pids:
            return f"{name_of(netns.pids[0]) or 'process'} (pid {netns.pids[0]})"
        return f"netns {netns.inode}"

    def names(self) -> dict[str, str]:
        """Addresses and MACs of the endpoints that we know."""
        found: dict[str, str] = {}
        for view in self.known:
            for member in view.endpoints:
                found[member.endpoint.mac] = view.sandbox.name
                found |= {str(a): view.sandbox.name for a in member.endpoint.addresses}
        return found

    def cables(self, links: Sequence[Link], here: Netns, route: RouteSocket) -> tuple[Cable, ...]:
        """Where each veth of a namespace leads; `route` is a socket of it."""
        veths = [link for link in links if link.kind == "veth"]
        abroad = any(link.link_nsid is not None for link in veths)
        numbered = neighbours_by_nsid(route, self.namespaces) if abroad else {}
        found = []
        for link in veths:
            far = here if link.link_nsid is None else numbered.get(link.link_nsid)
            found.append(self._cable(link, far))
        return tuple(found)

    def _cable(self, link: Link, far: Netns | None) -> Cable:
        if far is None or link.peer is None:
            return Cable(ifname=link.ifname)
        try:
            with ExitStack() as opened:
                fd = open_netns(far.paths[0])
                opened.callback(os.close, fd)
                route = opened.enter_context(RouteSocket(fd))
                end = read_link(route, link.peer)
                master = None if end.master is None else read_link(route, end.master)
        except GlassbridgeError:  # it went while we looked
            return Cable(ifname=link.ifname)
        return Cable(
            ifname=link.ifname,
            place=self.name_of(far),
            far_end=end.ifname,
            far_mac=end.mac or "",
            bridge=master.ifname if master else "",
            bridge_mac=(master.mac or "") if master else "",
            port=end.port.number if end.port else None,
        )


def look_at_stack(target: str, known: Sequence[SandboxView]) -> StackReport:
    """Read the stack of NAME, pid:N, netns:PATH or host; raises NotFound when it is not there."""
    path, name = _locate(target, known)
    around = Surroundings(known)
    stack = read_stack(path)
    with ExitStack() as opened:
        fd = open_netns(path)
        opened.callback(os.close, fd)
        route = opened.enter_context(RouteSocket(fd))
        cables = around.cables(stack.links, stack.netns, route)
        rulesets = read_rulesets(fd)
    return StackReport(
        name=name or around.name_of(stack.netns),
        stack=stack,
        cables=cables,
        names=_with_cables(around.names(), cables),
        rulesets=rulesets,
    )


def look_at_bridges(name: str, known: Sequence[SandboxView]) -> tuple[BridgeReport, ...]:
    """Read one bridge of this namespace, or all when no name is given."""
    around = Surroundings(known)
    with RouteSocket() as route:
        if name:
            wanted = [name]
        else:
            wanted = [link.ifname for link in read_links(route) if link.bridge is not None]
        return tuple(_bridge_report(ifname, around, route) for ifname in wanted)


def _bridge_report(ifname: str, around: Surroundings, route: RouteSocket) -> BridgeReport:
    switch = read_bridge(ifname)
    cables = around.cables(switch.ports, around.home, route)
    return BridgeReport(switch=switch, cables=cables, names=_with_cables(around.names(), cables))


def _with_cables(names: dict[str, str], cables: Sequence[Cable]) -> dict[str, str]:
    """What the kernel itself tells about whose a MAC is; our own names come first."""
    for cable in cables:
        if cable.far_mac and cable.place:
            names.setdefault(cable.far_mac, cable.place)
        if cable.bridge_mac:
            names.setdefault(cable.bridge_mac, f"{cable.bridge} on {cable.place}")
    return names


def _locate(target: str, known: Sequence[SandboxView]) -> tuple[str, str]:
    """The path of the namespace that is meant, and its name where the target says one."""
    kind, colon, rest = target.partition(":")
    if target == "host":
        return CURRENT, HOST
    if colon and kind == "pid":
        if not (rest.isascii() and rest.isdecimal()):
            raise InvalidRequest(f"{target!r}: {rest!r} is not a process number")
        if not Path("/proc", rest).is_dir():
            raise NotFound(f"process {rest} does not exist")
        return f"/proc/{rest}/ns/net", ""
    if colon and kind == "netns":
        return rest, ""
    return _locate_named(target, known)


def _locate_named(target: str, known: Sequence[SandboxView]) -> tuple[str, str]:
    """A sandbox that we know, else a name of `ip netns`."""
    try:
        sandbox = resolve(target, [view.sandbox for view in known])
    except NotFound as error:
        named = _NAMED / target
        if target not in {"", ".", ".."} and "/" not in target and named.exists():
            return str(named), target
        raise NotFound(error.message, hint=error.hint or _hint(known)) from None
    if sandbox.netns:
        return sandbox.netns, sandbox.name
    view = next(v for v in known if v.sandbox is sandbox)
    if view.container is not None and view.container.state is ContainerState.RUNNING:
        mode, _, other = view.container.network_mode.partition(":")
        if mode == "host":
            return CURRENT, sandbox.name
        if mode == "container":
            return _locate_named(other, known)[0], sandbox.name
    raise NotFound(
        f"{sandbox.name} is not running, so it has no network stack",
        hint=f"start it: glassbridge start {sandbox.name}",
    )


def _hint(known: Sequence[SandboxView]) -> str:
    others = "pid:N, netns:PATH or host"
    if known:
        return f"glassbridge ps shows the names; or give {others}"
    return f"no daemon that answers us is running here to ask for names; give {others}"
