"""A bridge as `brctl show` and `brctl showmacs` should have been."""

from glassbridge.app.cli.columns import SCREEN
from glassbridge.app.cli.table import bold, shorten, table
from glassbridge.app.cli.words import duration
from glassbridge.engine.stacks import BridgeReport, Cable
from glassbridge.model.tables import FdbEntry
from glassbridge.model.topology import Link

_PORTS_MAX = 1023
"""BR_MAX_PORTS of net/bridge/br_private.h, less the port number 0."""

_INDENT, _WIDE_GAP = "  ", "   "


def bridge_screen(report: BridgeReport) -> str:
    """The bridge itself on one line, then a line for each port."""
    switch = report.switch
    link = switch.bridge
    assert link.bridge is not None  # look_at_bridges shows nothing else
    learning = "on" if all(p.port is None or p.port.learning for p in switch.ports) else "partly"
    words = [
        *(str(address.interface) for address in switch.addresses),
        link.mac or "no MAC",
        f"{len(switch.ports)} of {_PORTS_MAX} ports",
        f"learning {learning}",
        f"stp {'on' if link.bridge.stp else 'off'}",
    ]
    if not link.is_up:
        words.insert(0, "DOWN")
    head = _head(link.ifname, words)
    if not switch.ports:
        return f"{head}\n{_INDENT}no cable is plugged in"
    cables = {cable.ifname: cable for cable in report.cables}
    rows = [_row(port, cables.get(port.ifname), report) for port in switch.ports]
    text = table(("PORT", "HOST END", "CONTAINER", "STATE", "ADDRESSES LEARNED (age)"), rows)
    return "\n".join([head, *(f"{_INDENT}{line}" for line in text.split("\n"))])


def _head(name: str, words: list[str]) -> str:
    """On as many lines as it takes; no word is broken."""
    lines, used = [bold(name)], len(name)
    for word in words:
        if used + len(_WIDE_GAP) + len(word) > SCREEN:
            lines.append(" " * len(name))
            used = len(name)
        lines[-1] += f"{_WIDE_GAP}{word}"
        used += len(_WIDE_GAP) + len(word)
    return "\n".join(lines)


def _row(
    port: Link, cable: Cable | None, report: BridgeReport
) -> tuple[str, str, str, str, tuple[str, ...]]:
    # entries of no bridge are the link's own filter: multicast groups that it takes
    fdb = [e for e in report.switch.fdb if e.bridge is not None and not e.is_local]
    learned = [e for e in fdb if e.ifindex == port.ifindex]
    learned.sort(key=lambda entry: entry.updated_seconds)
    own = cable.far_mac if cable else ""
    return (
        str(port.port.number) if port.port else "-",
        port.ifname,
        shorten(_owner(port, cable), 24),
        _state(port),
        tuple(_learned(entry, own, report.names) for entry in learned) or ("-",),
    )


def _owner(port: Link, cable: Cable | None) -> str:
    if cable is None:
        return f"({port.kind or 'hardware'})"
    return cable.place or "(not found)"


def _state(port: Link) -> str:
    if port.port is None:
        return "-"
    words = [str(port.port.state) if port.is_up else "down"]
    if port.port.isolated:
        words.append("isolated")
    if port.port.hairpin:
        words.append("hairpin")
    return " ".join(words)


def _learned(entry: FdbEntry, own: str, names: dict[str, str]) -> str:
    """The MAC with its age; whose it is only when the port's own column does not say it."""
    age = "static" if entry.is_static else duration(entry.updated_seconds)
    vlan = f" vlan {entry.vlan}" if entry.vlan is not None else ""
    name = names.get(entry.mac, "")
    who = f" {name}" if name and entry.mac != own else ""
    return f"{entry.mac}{vlan}{who} ({age})"
