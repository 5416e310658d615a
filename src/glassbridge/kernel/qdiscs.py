"""Bandwidth limits as the kernel tells them: token buckets, and redirected ingress."""

from typing import NamedTuple

from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.wire.netlink import attributes, find_attribute, text
from glassbridge.wire.qdiscs import (
    INGRESS_FILTERS,
    ROOT,
    TCA_ACT_OPTIONS,
    TCA_ACT_PARMS,
    TCA_KIND,
    TCA_OPTIONS,
    TCA_TBF_PARMS,
    TCA_TBF_RATE64,
    TCA_U32_ACT,
    dump_filters,
    dump_qdiscs,
    mirred,
    rate64,
    rate_spec,
    tbf_queue,
    tc_header,
)

_NANOSECONDS_PER_TICK = 64  # PSCHED_SHIFT 6
_SECOND = 1_000_000_000
_TICKS_END = 1 << 32


class Limit(NamedTuple):
    """A token bucket: bytes per second, and how long it takes to fill in ticks modulo 2**32."""

    rate: int
    ticks: int

    def is_of(self, rate: int, burst: int) -> bool:
        """Whether it was made for this rate and this many bytes at once.

        The kernel rounds the time twice, and the second time by a factor of 31 bits
        (net/sched/sch_generic.c, psched_ratecfg_precompute).
        """
        ticks = burst * _SECOND // rate // _NANOSECONDS_PER_TICK
        off = (self.ticks - ticks) % _TICKS_END
        return self.rate == rate and min(off, _TICKS_END - off) <= 2 + (ticks >> 24)


def read_limit(route: RouteSocket, ifindex: int) -> Limit | None:
    """The token bucket at the root of a link's way out, if one is there."""
    for body in route.dump(dump_qdiscs(ifindex), "list queueing disciplines", torn=True):
        _family, of, _handle, parent, _info = tc_header.unpack_from(body)
        found = attributes(body, tc_header.size)
        if of == ifindex and parent == ROOT and text(found[TCA_KIND]) == "tbf":
            return _decode_limit(found[TCA_OPTIONS])
    return None


def read_redirections(route: RouteSocket, ifindex: int) -> frozenset[int]:
    """The links into which what comes in by a link is redirected."""
    request = dump_filters(ifindex, INGRESS_FILTERS)
    targets = set()
    for body in route.dump(request, "list filters", torn=True):
        options = attributes(body, tc_header.size).get(TCA_OPTIONS, b"")
        for action in attributes(find_attribute(options, TCA_U32_ACT) or b"").values():
            inner = find_attribute(action, TCA_ACT_OPTIONS) or b""
            parameters = find_attribute(inner, TCA_ACT_PARMS)
            if parameters is not None:
                targets.add(mirred.unpack_from(parameters)[-1])
    return frozenset(targets)


def _decode_limit(options: bytes) -> Limit:
    found = attributes(options)
    parameters = found[TCA_TBF_PARMS]
    rate = rate_spec.unpack_from(parameters)[-1]
    if TCA_TBF_RATE64 in found:
        (rate,) = rate64.unpack(found[TCA_TBF_RATE64])
    _limit, buffer, _mtu = tbf_queue.unpack_from(parameters, 2 * rate_spec.size)
    return Limit(rate, buffer)
