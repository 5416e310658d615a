"""Requests about queueing disciplines and their filters (linux/pkt_sched.h, linux/pkt_cls.h)."""

from struct import Struct as Layout

from glassbridge.wire.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    Request,
    attribute,
    attribute_text,
    attribute_u32,
    nest,
)

RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
RTM_NEWTFILTER, RTM_GETTFILTER = 44, 46

TCA_KIND, TCA_OPTIONS = 1, 2
TCA_TBF_PARMS, TCA_TBF_RATE64, TCA_TBF_BURST = 1, 4, 6
TCA_U32_SEL, TCA_U32_ACT = 5, 7
TCA_ACT_KIND, TCA_ACT_OPTIONS, TCA_ACT_PARMS = 1, 2, 2
"""The parameters of mirred and of gact have the same number."""

ROOT, INGRESS = 0xFFFFFFFF, 0xFFFFFFF1
INGRESS_HANDLE = 0xFFFF0000
INGRESS_FILTERS, EGRESS_FILTERS = 0xFFFFFFF2, 0xFFFFFFF3
"""Parents of filters, of both clsact and ingress."""
_FIRST_HANDLE = 0x10000
_PRIORITY, _ETH_P_ALL = 1, 0x0300  # the protocol in network order
_LINKLAYER_ETHERNET = 1  # named, so that the kernel wants no rate table
_TC_ACT_STOLEN, _TCA_EGRESS_REDIR = 4, 1
_U32_TERMINAL = 1

_LATENCY_SECONDS = 0.025
"""How long a packet may wait; CNI's bandwidth plugin has the same."""
_TICKS_PER_SECOND = 1_000_000_000 // 64  # PSCHED_SHIFT 6
_MOST = 0xFFFFFFFF

tc_header = Layout("=BxxxiIII")  # struct tcmsg: family, ifindex, handle, parent, info
rate_spec = Layout("=BBHhHI")  # struct tc_ratespec: cell_log, linklayer, overhead, align, mpu, rate
tbf_queue = Layout("=III")  # the end of struct tc_tbf_qopt: limit, buffer, mtu
u32_selector = Layout("=BBBxHHhhI")  # struct tc_u32_sel
u32_key = Layout("=IIii")  # struct tcu32_key: mask, value, offset, offset's mask
rate64 = Layout("=Q")
mirred = Layout("=IIiiiiI")  # struct tc_mirred: index, capab, action, two counts, eaction, ifindex


def limit_rate(ifindex: int, rate: int, burst: int) -> Request:
    """A token bucket for what leaves by a link: bytes per second, and bytes at once."""
    limit = min(int(rate * _LATENCY_SECONDS) + burst, _MOST)
    buffer = min(burst * _TICKS_PER_SECOND // rate, _MOST)
    shown = rate_spec.pack(0, _LINKLAYER_ETHERNET, 0, 0, 0, min(rate, _MOST))
    options = (
        attribute(TCA_TBF_PARMS, shown + bytes(rate_spec.size) + tbf_queue.pack(limit, buffer, 0)),
        attribute_u32(TCA_TBF_BURST, min(burst, _MOST)),
        *((attribute(TCA_TBF_RATE64, rate64.pack(rate)),) if rate > _MOST else ()),
    )
    return Request(
        RTM_NEWQDISC,
        NLM_F_CREATE | NLM_F_EXCL,
        tc_header.pack(0, ifindex, _FIRST_HANDLE, ROOT, 0)
        + attribute_text(TCA_KIND, "tbf")
        + nest(TCA_OPTIONS, *options),
    )


def unlimit_rate(ifindex: int) -> Request:
    """Take the token bucket away."""
    return Request(RTM_DELQDISC, 0, tc_header.pack(0, ifindex, _FIRST_HANDLE, ROOT, 0))


def catch_ingress(ifindex: int) -> Request:
    """The place where filters see what comes in by a link."""
    return Request(
        RTM_NEWQDISC,
        NLM_F_CREATE | NLM_F_EXCL,
        tc_header.pack(0, ifindex, INGRESS_HANDLE, INGRESS, 0)
        + attribute_text(TCA_KIND, "ingress"),
    )


def release_ingress(ifindex: int) -> Request:
    """Take that place away, and its filters with it."""
    return Request(RTM_DELQDISC, 0, tc_header.pack(0, ifindex, INGRESS_HANDLE, INGRESS, 0))


def redirect_ingress(ifindex: int, into: int) -> Request:
    """Everything that comes in by a link leaves by another: a filter that matches all."""
    everything = u32_selector.pack(_U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + u32_key.pack(0, 0, 0, 0)
    parameters = mirred.pack(0, 0, _TC_ACT_STOLEN, 0, 0, _TCA_EGRESS_REDIR, into)
    action = nest(
        1,
        attribute_text(TCA_ACT_KIND, "mirred"),
        nest(TCA_ACT_OPTIONS, attribute(TCA_ACT_PARMS, parameters)),
    )
    return Request(
        RTM_NEWTFILTER,
        NLM_F_CREATE | NLM_F_EXCL,
        tc_header.pack(0, ifindex, 0, INGRESS_HANDLE, _PRIORITY << 16 | _ETH_P_ALL)
        + attribute_text(TCA_KIND, "u32")
        + nest(TCA_OPTIONS, attribute(TCA_U32_SEL, everything), nest(TCA_U32_ACT, action)),
    )


def dump_qdiscs(ifindex: int) -> Request:
    """Ask for the queueing disciplines of a link, or of all (0); older kernels always tell all."""
    return Request(RTM_GETQDISC, NLM_F_DUMP, tc_header.pack(0, ifindex, 0, 0, 0))


def dump_filters(ifindex: int, parent: int) -> Request:
    """Ask for the filters on what comes in by a link, or leaves by it."""
    return Request(RTM_GETTFILTER, NLM_F_DUMP, tc_header.pack(0, ifindex, 0, parent, 0))
