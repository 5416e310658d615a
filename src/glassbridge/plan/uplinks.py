"""Which links of the host lead outside."""

from collections.abc import Collection, Iterable

from glassbridge.model.network import Ifname
from glassbridge.model.tables import Route
from glassbridge.model.topology import Link


def uplink_bridges(
    links: Iterable[Link], routes: Iterable[Route], ours: Collection[str]
) -> tuple[Ifname, ...]:
    """Foreign bridges that lead out: they carry a default route, or a port with hardware below.

    A port without a link kind is a physical (or paravirtual) device; taps and veths have one.
    """
    by_index = {k.ifindex: k for k in links}
    leading = {r.oif for r in routes if r.destination.prefixlen == 0}
    leading |= {k.master for k in by_index.values() if not k.kind and k.master is not None}
    return tuple(
        sorted(
            Ifname(k.ifname)
            for k in by_index.values()
            if k.kind == "bridge" and k.ifindex in leading and k.ifname not in ours
        )
    )
