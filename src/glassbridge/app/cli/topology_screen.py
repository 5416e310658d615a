"""What is plugged into what, as a tree for the terminal: one line for each cable."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from glassbridge.app.cli.columns import SCREEN, columns, cut, fold, is_unicode, pad, plain, shorten
from glassbridge.app.cli.table import bold
from glassbridge.app.cli.words import counted
from glassbridge.model.ruleset import Origin
from glassbridge.model.wiring import Hanger, Hanging, Wiring

_GAP = "  "
_NAME_MAX, _ADDRESS_MAX, _LINK_MAX = 28, 39, 15
_BRIEF_FROM = 40
"""A bridge with more ports shows one address of each."""
_APART_SHOWN = 12


class _Branches(NamedTuple):
    fork: str
    last: str
    bar: str
    cable: str


_LINES = _Branches("├── ", "└── ", "│   ", " ── ")
_ASCII = _Branches("|-- ", "`-- ", "|   ", " -- ")
_BLANK = "    "


def topology_screen(wiring: Wiring) -> str:
    """Trees within 100 columns, and how many of everything there are."""
    lines: list[str] = []
    if wiring.recorded:
        lines += [f"from {plain(wiring.recorded)}", ""]
    for root in wiring.roots:
        lines += [*_root(root), ""]
    lines += _apart(wiring.apart)
    lines += _summary(wiring)
    return "\n".join(cut(line, SCREEN).rstrip() if "\033" not in line else line for line in lines)


def _root(root: Hanger) -> Iterator[str]:
    """The namespace with its own links on the first line; what hangs on the others below."""
    name = plain(root.name)
    plain_links = [link for link in root.links if not _carries(link)]
    words = [_own(link) for link in plain_links if link.addresses or link.is_uplink]
    room = SCREEN - columns(name) - len(_GAP)
    folded = _side_by_side(words, room)
    yield f"{bold(name)}{_GAP}{folded[0]}" if folded else bold(name)
    for further in folded[1:]:
        yield f"{' ' * columns(name)}{_GAP}{further}"
    if root.name == "host" and root.names:
        yield from fold(f"in the host's own stack: {', '.join(map(plain, root.names))}", SCREEN)
    yield from _links([link for link in root.links if _carries(link)], "")


def _carries(link: Hanging) -> bool:
    """It has a line of its own."""
    return bool(link.far or link.links or link.kind)


def _own(link: Hanging) -> str:
    uplink = " (uplink)" if link.is_uplink else ""
    down = "" if link.is_up else " DOWN"
    return " ".join([plain(link.ifname), *link.addresses]) + uplink + down


def _side_by_side(words: Sequence[str], room: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        joined = f"{lines[-1]}{_GAP * 2}{word}" if lines else word
        if lines and columns(joined) <= room:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def _links(links: Sequence[Hanging], indent: str) -> Iterator[str]:
    draw = _LINES if is_unicode() else _ASCII
    heads = max((columns(_head(link)) for link in links if link.far), default=0)
    rows = [_cells(link, heads, brief=len(links) > _BRIEF_FROM) for link in links]
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)] if rows else []
    for link, cells in zip(links, rows, strict=True):
        is_last = link is links[-1]
        said = _GAP.join(pad(c, w) for c, w in zip(cells, widths, strict=True)).rstrip()
        if link.far is None:  # no columns to keep to
            said = _GAP.join(word for word in (_head(link), *_words(link)) if word)
        yield f"{indent}{draw.last if is_last else draw.fork}{said}"
        below = indent + (_BLANK if is_last else draw.bar)
        yield from _links(link.links, below)
        if link.far is not None:
            yield from _links(link.far.namespace.links, below)


def _cells(link: Hanging, head: int, *, brief: bool) -> tuple[str, ...]:
    """Both ends of the cable, whose the far one is, where it is reached, what is published."""
    far = link.far
    if far is None:
        return ("",) * 4
    draw = _LINES if is_unicode() else _ASCII
    shown = far.addresses[:1] if brief else far.addresses[:2]
    more = f" + {len(far.addresses) - len(shown)}" if len(far.addresses) > len(shown) else ""
    addresses = ", ".join(a.partition("/")[0] for a in shown) + more
    name = ", ".join(map(plain, far.namespace.names)) or plain(far.namespace.name)
    if far.namespace.name == "host":
        name = "host"
    marks = [word for word in (
        "DOWN" if not (link.is_up and far.is_up) else "",
        "isolated" if link.is_isolated else "",
        *far.published,
    ) if word]  # fmt: skip
    return (
        f"{pad(_head(link), head)}{draw.cable}{plain(far.ifname) or '?'}",
        shorten(name, _NAME_MAX),
        cut(addresses, _ADDRESS_MAX),
        " ".join(marks),
    )


def _head(link: Hanging) -> str:
    return shorten(plain(link.ifname), _LINK_MAX) if link.ifname else link.kind


def _words(link: Hanging) -> Iterator[str]:
    """Of a link without a cable: its addresses, and what it is."""
    yield from link.addresses
    if link.kind == "bridge":
        owner = f" ({link.owner})" if link.owner not in {Origin.GLASSBRIDGE, Origin.UNKNOWN} else ""
        yield f"network {plain(link.network)}{owner}" if link.network else "bridge"
        if link.is_internal:
            yield "internal"
        if len(link.links) > _BRIEF_FROM:
            yield counted(len(link.links), "port")
    else:
        yield f"({link.kind or 'hardware'})"
    if link.is_uplink:
        yield "uplink"
    if not link.is_up:
        yield "DOWN"


def _apart(apart: Sequence[Hanger]) -> Iterator[str]:
    if not apart:
        return
    named = [plain(hanger.name) for hanger in apart[:_APART_SHOWN]]
    more = f" and {len(apart) - len(named)} more" if len(apart) > len(named) else ""
    yield from fold(f"without a cable: {', '.join(named)}{more}", SCREEN)
    yield ""


def _summary(wiring: Wiring) -> Iterator[str]:
    counts = wiring.counts
    bridges = counted(counts.bridges, "bridge")
    cables = counted(counts.cables, "cable")
    containers = counted(counts.containers, "container")
    namespaces = counted(counts.namespaces, "namespace")
    yield f"{bridges}, {cables}, {containers}, {namespaces}"
    for problem in wiring.unreadable[:_APART_SHOWN]:
        yield from fold(f"not read: {plain(problem)}", SCREEN)
