"""Fields of the links that a packet came in by and leaves by, and of bridge ports among them.

As linux/net/netfilter/nft_meta.c, nft_meta_bridge.c and xt_physdev.c have them.
"""

from collections.abc import Callable
from typing import Final

from glassbridge.model.topology import Link
from glassbridge.walk.firewall.sight import Lack, Reader, Reading, Shown, Sight, numbered

_LinkOf = Callable[[Sight], Link | None]


def _incoming(sight: Sight) -> Link | None:
    return sight.call.iif


def _outgoing(sight: Sight) -> Link | None:
    return sight.call.oif


def _name(link: _LinkOf) -> Reader:
    """No link: an empty name, which may well be compared."""

    def reader(sight: Sight) -> Reading:
        found = link(sight)
        return Shown(("" if found is None else found.ifname,))

    return reader


def _index(link: _LinkOf) -> Reader:
    def reader(sight: Sight) -> Reading:
        found = link(sight)
        if found is None:
            return Shown(("0",), 0)
        return Shown((found.ifname, str(found.ifindex)), found.ifindex)

    return reader


def _kind(link: _LinkOf) -> Reader:
    def reader(sight: Sight) -> Reading:
        found = link(sight)
        return Lack.ABSENT if found is None or not found.kind else Shown((found.kind,))

    return reader


def _group(field: str, link: _LinkOf) -> Reader:
    def number(sight: Sight) -> int | Lack:
        found = link(sight)
        return Lack.ABSENT if found is None else found.group

    return numbered(field, number)


def _bridge(link: _LinkOf) -> Reader:
    """The bridge that a port belongs to; only the bridge family has it."""

    def reader(sight: Sight) -> Reading:
        found = link(sight)
        if sight.call.family != "bridge" or found is None or found.master is None:
            return Lack.ABSENT
        bridge = sight.namespace.stack.link(found.master)
        return Lack.UNKNOWN if bridge is None else Shown((bridge.ifname,))

    return reader


def _yes(holds: Callable[[Sight], bool]) -> Reader:
    return lambda sight: Shown(("1",), 1) if holds(sight) else Shown(("0",), 0)


def _is_bridged(sight: Sight) -> bool:
    return sight.call.physical_in is not None and sight.call.physical_out is not None


LINK_FIELDS: Final[dict[str, Reader]] = {
    "meta iifname": _name(_incoming),
    "meta oifname": _name(_outgoing),
    "meta iif": _index(_incoming),
    "meta oif": _index(_outgoing),
    "meta iifkind": _kind(_incoming),
    "meta oifkind": _kind(_outgoing),
    "meta iifgroup": _group("meta iifgroup", _incoming),
    "meta oifgroup": _group("meta oifgroup", _outgoing),
    "meta ibrname": _bridge(_incoming),
    "meta obrname": _bridge(_outgoing),
    "physdev in": _name(lambda s: s.call.physical_in),
    "physdev out": _name(lambda s: s.call.physical_out),
    "physdev is-in": _yes(lambda s: s.call.physical_in is not None),
    "physdev is-out": _yes(lambda s: s.call.physical_out is not None),
    "physdev is-bridged": _yes(_is_bridged),
}
