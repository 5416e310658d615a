"""A snapshot as a tree of what is plugged into what; the same snapshot gives the same tree."""

import re

from msgspec.structs import replace

from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import Name, Published, Snapshot
from glassbridge.model.topology import Link
from glassbridge.model.wiring import Counts, FarEnd, Hanger, Hanging, Wiring, hangings

_IDLE_KINDS = frozenset(
    {"ipip", "gre", "gretap", "erspan", "sit", "vti", "vti6", "ip6tnl", "ip6gre", "ip6gretap"}
)
"""Every namespace gets one of each where the module is loaded (net.core.fb_tunnels_only_...)."""

_DEPTH_MAX = 16
"""Of namespaces within namespaces; what is deeper starts a tree of its own."""

_NO_CONTAINERS = frozenset({Origin.NETNS, Origin.PROCESS, Origin.HOST, Origin.UNKNOWN})

_Place = tuple[int, int]
"""Cookie and ifindex."""


def wiring_of(snapshot: Snapshot, recorded: str = "") -> Wiring:
    """Everything that was read; each namespace unfolds where the first cable leads to it."""
    return _Cabling(snapshot).wiring(recorded)


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that puts web-2 before web-10."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((int(p), "") if i % 2 else (-1, p.casefold()) for i, p in enumerate(parts))


class _Cabling:
    """One snapshot with its look-up tables, and which namespaces have their place already."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._placed: set[int] = set()
        self._depth = 0
        self._names: dict[int, list[Name]] = {}
        for name in snapshot.names:
            self._names.setdefault(name.cookie, []).append(name)
        self._networks = {(snapshot.home, n.bridge): n for n in snapshot.networks}
        self._published: dict[str, list[Published]] = {}
        for port in snapshot.published:
            self._published.setdefault(str(port.container_address), []).append(port)
        self._links: dict[_Place, Link] = {}
        self._addresses: dict[_Place, list[str]] = {}
        self._uplinks: set[_Place] = set()
        for cookie, namespace in snapshot.namespaces.items():
            self._links |= {(cookie, int(k.ifindex)): k for k in namespace.stack.links}
            for a in namespace.stack.addresses:
                if a.scope != "link":
                    place = (cookie, int(a.ifindex))
                    self._addresses.setdefault(place, []).append(str(a.interface))
            self._uplinks |= {
                (cookie, int(r.oif)) for r in namespace.stack.routes if r.is_default and r.oif
            }
        self._above: dict[_Place, list[_Place]] = {}
        """What hangs on a link: the ports of a bridge, and the links that are stacked on it."""
        for place, link in self._links.items():
            below = self._below(place[0], link)
            if below in self._links and below != place:
                self._above.setdefault(below, []).append(place)
        self._hung = {place for places in self._above.values() for place in places}

    def wiring(self, recorded: str) -> Wiring:
        """The host first; then what has cables, then what has none."""
        home = self._snapshot.home
        others = sorted((c for c in self._snapshot.namespaces if c != home), key=self._order)
        roots = [self._hanger(home)] if home in self._snapshot.namespaces else []
        roots.extend(  # one after the other: each places what hangs on it
            self._hanger(cookie)
            for cookie in others
            if cookie not in self._placed and self._has_cable(cookie)
        )
        apart = [self._hanger(cookie) for cookie in others if cookie not in self._placed]
        every = [link for hanger in (*roots, *apart) for link in hangings(hanger)]
        named = {n.id or n.name for n in self._snapshot.names if n.origin not in _NO_CONTAINERS}
        return Wiring(
            roots=tuple(roots),
            apart=tuple(apart),
            counts=Counts(
                namespaces=len(self._snapshot.namespaces),
                containers=len(named),
                bridges=sum(link.kind == "bridge" for link in every),
                cables=sum(link.kind == "veth" and link.far is not None for link in every),
            ),
            unreadable=self._snapshot.unreadable,
            recorded=recorded,
        )

    def _below(self, cookie: int, link: Link) -> _Place | None:
        """The bridge that a link is a port of, else the lower link that it is stacked on."""
        if link.master is not None:
            return cookie, int(link.master)
        if link.parent is None:
            return None
        if link.link_nsid is None:
            return cookie, int(link.parent)
        other = self._snapshot.namespaces[cookie].peers.get(link.link_nsid)
        return None if other is None else (other, int(link.parent))

    def _order(self, cookie: int) -> tuple[int, tuple[tuple[int, str], ...], int]:
        """Those with bridges first: the others hang on them."""
        links = self._snapshot.namespaces[cookie].stack.links
        bridges = sum(link.kind == "bridge" for link in links)
        return -bridges, natural(self._call(cookie)), cookie

    def _has_cable(self, cookie: int) -> bool:
        links = self._snapshot.namespaces[cookie].stack.links
        return any(link.kind == "bridge" or self._far(cookie, link) for link in links)

    def _far(self, cookie: int, link: Link) -> _Place | None:
        return self._snapshot.far_end(cookie, link)

    def _call(self, cookie: int) -> str:
        named = self._names.get(cookie)
        if named and cookie != self._snapshot.home:
            return named[0].name
        known = self._snapshot.namespaces.get(cookie)
        if cookie == self._snapshot.home:
            return "host"
        return f"netns {known.stack.netns.inode if known else cookie}"

    def _hanger(self, cookie: int, entry: int | None = None) -> Hanger:
        """A namespace with its links; entered by one, only those that lead further."""
        named = self._names.get(cookie, [])
        namespace = self._snapshot.namespaces.get(cookie)
        hanger = Hanger(
            cookie=cookie,
            inode=namespace.stack.netns.inode if namespace else 0,
            name=self._call(cookie),
            names=tuple(n.name for n in named),
            owner=named[0].origin if named else Origin.UNKNOWN,
        )
        if namespace is None or cookie in self._placed or self._depth == _DEPTH_MAX:
            return hanger
        self._placed.add(cookie)
        self._depth += 1
        tops = [
            link
            for link in namespace.stack.links
            if link.ifindex != entry
            and self._is_top(cookie, link)
            and (entry is None or self._leads_on(cookie, link))
        ]
        hung = [self._hanging((cookie, int(link.ifindex))) for link in sorted(tops, key=_by_kind)]
        if entry is not None:
            hung += self._ports((cookie, entry))
        self._depth -= 1
        return replace(hanger, links=tuple(hung))

    def _is_top(self, cookie: int, link: Link) -> bool:
        """It hangs on no other link that is shown."""
        if link.is_loopback or (link.kind in _IDLE_KINDS and not link.is_up):
            return False
        if (cookie, int(link.ifindex)) in self._hung:
            return False
        # of a pair within one namespace, one end shows the other
        far = self._far(cookie, link)
        if far is None or far[0] != cookie or far not in self._links:
            return True
        return far not in self._hung and link.ifindex < far[1]

    def _leads_on(self, cookie: int, link: Link) -> bool:
        """To something that has no place yet, or it is a bridge."""
        if link.kind == "bridge" or (cookie, int(link.ifindex)) in self._above:
            return True
        far = self._far(cookie, link)
        return far is not None and far[0] not in self._placed

    def _hanging(self, place: _Place) -> Hanging:
        cookie, link = place[0], self._links[place]
        network = self._networks.get((cookie, link.ifname))
        return Hanging(
            ifname=link.ifname,
            kind=link.kind,
            mac=link.mac,
            addresses=tuple(self._addresses.get(place, ())),
            is_up=link.is_up,
            is_uplink=place in self._uplinks,
            port=link.port.number if link.port else None,
            is_isolated=link.port is not None and link.port.isolated,
            network=network.name if network else "",
            owner=network.origin if network else Origin.UNKNOWN,
            is_internal=network is not None and network.internal,
            far=self._far_end(self._far(cookie, link)),
            links=tuple(self._ports(place)),
        )

    def _ports(self, place: _Place) -> list[Hanging]:
        """What hangs on a link, by the names of what it leads to."""
        return [
            self._hanging(p) if p[0] == place[0] else self._handed_on(p)
            for p in sorted(self._above.get(place, ()), key=self._by_names)
        ]

    def _handed_on(self, place: _Place) -> Hanging:
        """A macvlan, ipvlan or vlan that was given to another namespace."""
        return Hanging(kind=self._links[place].kind, ifname="", far=self._far_end(place))

    def _far_end(self, place: _Place | None) -> FarEnd | None:
        if place is None:
            return None
        link = self._links.get(place)
        if link is None:
            return FarEnd(namespace=self._hanger(place[0], place[1]))
        addresses = self._addresses.get(place, [])
        return FarEnd(
            ifname=link.ifname,
            mac=link.mac,
            addresses=tuple(addresses),
            is_up=link.is_up,
            published=tuple(
                dict.fromkeys(
                    _published(port)
                    for address in addresses
                    for port in self._published.get(address.partition("/")[0], ())
                )
            ),
            namespace=self._hanger(place[0], place[1]),
        )

    def _by_names(self, place: _Place) -> tuple[object, ...]:
        """Whose the far end is; then the link's own name."""
        link = self._links[place]
        far = self._far(place[0], link) if link.kind == "veth" else place
        whose = self._call(far[0]) if far and far[0] != self._snapshot.home else ""
        return not whose, natural(whose), natural(link.ifname), place


def _by_kind(link: Link) -> tuple[object, ...]:
    """Hardware, bridges, then the rest."""
    return link.kind != "", link.kind != "bridge", natural(link.ifname)


def _published(port: Published) -> str:
    """As `docker port` would have it: any address is not named."""
    outside = "" if port.host_address.is_unspecified else f"{port.host_address}:"
    if port.host_address.version == 6 and outside:  # noqa: PLR2004 - the IP version
        outside = f"[{port.host_address}]:"
    transport = "" if port.transport is Transport.TCP else f"/{port.transport}"
    return f"{outside}{port.host_port}->{port.container_port}{transport}"
