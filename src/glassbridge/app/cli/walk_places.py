"""Names for the namespaces and links that witnesses know by number only."""

from collections.abc import Iterator
from typing import NamedTuple

from glassbridge.model.report import TraceReport
from glassbridge.model.step_details import Crossed, Place, Switched
from glassbridge.model.tables import Ifindex


class Places(NamedTuple):
    """Every namespace and link that a report names."""

    names: dict[int, str]
    """By cookie."""
    cookies: dict[int, int]
    """By inode."""
    links: dict[tuple[int, Ifindex], str]
    """By cookie and ifindex."""

    def namespace(self, cookie: int) -> str:
        """`nginx-1`, else the cookie."""
        return self.names.get(cookie, f"the namespace with cookie {cookie}")

    def link(self, cookie: int, ifindex: Ifindex) -> str:
        """`nginx-1 eth0`."""
        return f"{self.namespace(cookie)} {self.links.get((cookie, ifindex), f'link #{ifindex}')}"

    def link_of(self, inode: int, ifindex: Ifindex) -> str:
        """The same, by the inode that tracepoints tell."""
        cookie = self.cookies.get(inode)
        return f"netns {inode} link #{ifindex}" if cookie is None else self.link(cookie, ifindex)


def places_of(report: TraceReport) -> Places:
    """Collect every name from the steps, and from what was read for them."""
    places = Places({}, {}, {})
    if report.snapshot is not None:
        for cookie, namespace in report.snapshot.namespaces.items():
            places.names[cookie] = report.snapshot.call(cookie)
            places.cookies[namespace.stack.netns.inode] = cookie
            places.links.update(((cookie, k.ifindex), k.ifname) for k in namespace.stack.links)
    for place in _named(report):
        places.names[place.cookie] = place.name
        places.cookies[place.inode] = place.cookie
        if place.ifindex is not None and place.ifname:
            places.links[place.cookie, place.ifindex] = place.ifname
    return places


def _named(report: TraceReport) -> Iterator[Place]:
    yield report.source
    if report.destination is not None:
        yield report.destination
    for hop in report.hops:
        yield hop.step.place
        match hop.step.detail:
            case Crossed(from_=near, to=far):
                yield from (near, far)
            case Switched(to=Place() as port):
                yield port
            case _:
                continue
