"""What may drop or redirect a packet at a link beside netfilter: XDP, tc, tcx, lossy queues.

What only classifies, mirrors or accepts is left out: it changes nothing about a walk.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from struct import Struct as Layout

from glassbridge.errors import GlassbridgeError
from glassbridge.kernel import bpf
from glassbridge.kernel.netns import inside
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.model.tables import FilterHook, Ifindex, LinkFilter
from glassbridge.model.topology import Link
from glassbridge.wire.links import get_link, link_header
from glassbridge.wire.netlink import Refusal, attributes, find_attribute, number, text
from glassbridge.wire.qdiscs import (
    EGRESS_FILTERS,
    INGRESS_FILTERS,
    TCA_ACT_KIND,
    TCA_ACT_OPTIONS,
    TCA_ACT_PARMS,
    TCA_KIND,
    TCA_OPTIONS,
    TCA_U32_SEL,
    dump_filters,
    dump_qdiscs,
    mirred,
    tc_header,
    u32_key,
    u32_selector,
)

_IFLA_XDP, _XDP_ATTACHED = 43, 2
_XDP_MODES = {1: "xdp", 2: "xdpgeneric", 3: "xdpoffload"}
_XDP_IDS = (5, 6, 7, 4)
"""IFLA_XDP_DRV_PROG_ID, _SKB_, _HW_; the last is told of the only one."""

_PLACES = {b"clsact\0": (INGRESS_FILTERS, EGRESS_FILTERS), b"ingress\0": (INGRESS_FILTERS,)}
_HOOKS = {INGRESS_FILTERS: FilterHook.INGRESS, EGRESS_FILTERS: FilterHook.EGRESS}
_LOSSY = {"netem", "plug", "blackhole"}

# classifier -> where its actions are, and where a policer of the old kind
_ACTIONS = {"u32": (7, 6), "bpf": (1, 2), "flower": (3, 0), "matchall": (2, 0), "basic": (3, 4)}
_BPF_NAME, _BPF_FLAGS, _BPF_ID, _DIRECT_ACTION = 7, 8, 11, 1
_MIRRED_REDIRECT, _MIRRED_MIRRORS = 1, (2, 4)
_GACT_PASSES = {-1, 0, 1, 3}  # unspecified, ok, reclassify, pipe
_gact = Layout("=IIi")  # struct tc_gact: index, capab, action

_TCX = {46: FilterHook.INGRESS, 47: FilterHook.EGRESS}  # BPF_TCX_INGRESS, BPF_TCX_EGRESS


def read_filters(netns: int, route: RouteSocket, links: Iterable[Link]) -> tuple[LinkFilter, ...]:
    """Of an open namespace; what asks for more rights than one has is not found."""
    return (*_read(netns, route, tuple(links)),)


def _read(netns: int, route: RouteSocket, links: tuple[Link, ...]) -> Iterator[LinkFilter]:
    for link in links:
        if link.has_xdp:
            yield from _read_xdp(route, link)
        if link.qdisc in _LOSSY:
            yield LinkFilter(ifindex=link.ifindex, hook=FilterHook.EGRESS, kind=link.qdisc)
    for body in route.dump(dump_qdiscs(0), "list queueing disciplines", torn=True):
        if b"clsact" not in body and b"ingress" not in body:
            continue  # a thousand links have as many that hold no filter of this kind
        for parent in _PLACES.get(find_attribute(body, TCA_KIND, tc_header.size) or b"", ()):
            ifindex = tc_header.unpack_from(body)[1]
            yield from _read_tc(route, Ifindex(ifindex), parent)
    with suppress(GlassbridgeError), inside(netns):  # bpf(2) answers for the caller's namespace
        yield from _read_tcx(links)


def _read_xdp(route: RouteSocket, link: Link) -> Iterator[LinkFilter]:
    answer = route.get(get_link(link.ifindex))
    if isinstance(answer, Refusal):
        return
    found = attributes(find_attribute(answer, _IFLA_XDP, link_header.size) or b"")
    program = next((number(found[kind]) for kind in _XDP_IDS if kind in found), 0)
    yield LinkFilter(
        ifindex=link.ifindex,
        hook=FilterHook.XDP,
        kind=_XDP_MODES.get(number(found.get(_XDP_ATTACHED, b"")), "xdp"),
        program=program,
        name=_name(program),
    )


def _name(program: int) -> str:
    try:
        return bpf.program_name(program)
    except GlassbridgeError:
        return ""


def _read_tcx(links: tuple[Link, ...]) -> Iterator[LinkFilter]:
    ifindexes = [k.ifindex for k in links if k.is_up]
    for place, hook in _TCX.items():
        for ifindex, program in bpf.programs_at(place, ifindexes):
            yield LinkFilter(
                ifindex=Ifindex(ifindex),
                hook=hook,
                kind="tcx",
                program=program,
                name=_name(program),
            )


def _read_tc(route: RouteSocket, ifindex: Ifindex, parent: int) -> Iterator[LinkFilter]:
    for body in route.dump(dump_filters(ifindex, parent), "list filters", torn=True):
        info = tc_header.unpack_from(body)[4]
        found = attributes(body, tc_header.size)
        kind, options = text(found.get(TCA_KIND, b"")), attributes(found.get(TCA_OPTIONS, b""))
        actions, policer = _ACTIONS.get(kind, (0, 0))
        acts = [attributes(a) for a in attributes(options.get(actions, b"")).values()]
        is_direct = kind == "bpf" and bool(number(options.get(_BPF_FLAGS, b"")) & _DIRECT_ACTION)
        into = _redirection(acts)
        is_known = bool(actions) and not is_direct and policer not in options
        if not options or (is_known and into is None and all(map(_passes, acts))):
            continue
        yield LinkFilter(
            ifindex=ifindex,
            hook=_HOOKS[parent],
            kind=kind,
            program=number(options.get(_BPF_ID, b"")) if kind == "bpf" else 0,
            name=text(options.get(_BPF_NAME, b"")) if kind == "bpf" else "",
            priority=info >> 16,
            protocol=int.from_bytes((info & 0xFFFF).to_bytes(2, "little")),
            into=into if is_known and len(acts) == 1 else None,
            takes_all=_takes_all(kind, options),
        )


def _redirection(acts: list[dict[int, bytes]]) -> Ifindex | None:
    """The link into which what matches goes, out of its far side."""
    for act in acts:
        if text(act.get(TCA_ACT_KIND, b"")) == "mirred":
            *_, action, ifindex = mirred.unpack_from(_parameters(act))
            if action == _MIRRED_REDIRECT:
                return Ifindex(ifindex)
    return None


def _passes(act: dict[int, bytes]) -> bool:
    match text(act.get(TCA_ACT_KIND, b"")):
        case "mirred":
            return mirred.unpack_from(_parameters(act))[-2] in _MIRRED_MIRRORS
        case "gact":
            return _gact.unpack_from(_parameters(act))[-1] in _GACT_PASSES
        case _:
            return False


def _parameters(act: dict[int, bytes]) -> bytes:
    return find_attribute(act.get(TCA_ACT_OPTIONS, b""), TCA_ACT_PARMS) or bytes(mirred.size)


def _takes_all(kind: str, options: dict[int, bytes]) -> bool:
    selector = options.get(TCA_U32_SEL, b"")
    if kind != "u32" or len(selector) != u32_selector.size + u32_key.size:
        return kind == "matchall"
    mask, value, *_ = u32_key.unpack_from(selector, u32_selector.size)
    return (mask, value) == (0, 0)
