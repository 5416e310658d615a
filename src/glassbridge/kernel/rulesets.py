"""Firewall rules of any namespace as their own tools print them: nft and legacy iptables."""

import subprocess
from pathlib import Path

from glassbridge.kernel.netns import inside
from glassbridge.model.printed_rules import PrintedRules

_LEGACY = (
    ("iptables", "/proc/thread-self/net/ip_tables_names", "iptables-legacy-save"),
    ("ip6tables", "/proc/thread-self/net/ip6_tables_names", "ip6tables-legacy-save"),
)


def read_rulesets(netns: int) -> tuple[PrintedRules, ...]:
    """Every ruleset of a namespace that is not empty, or could not be read."""
    found = [_listed(netns, "nft", ["nft", "list", "ruleset"])]
    for tool, tables, save in _LEGACY:
        if _names(netns, tables):
            found.append(_listed(netns, tool, [save]))
    return tuple(r for r in found if r.lines or r.complaint)


def _names(netns: int, tables: str) -> str:
    """Which tables are in use; looking by iptables itself could load its modules."""
    with inside(netns):
        try:
            return Path(tables).read_text()
        except OSError:
            return ""


def _listed(netns: int, tool: str, command: list[str]) -> PrintedRules:
    try:
        with inside(netns):  # the child keeps the namespace that it is born in
            child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
    except FileNotFoundError:
        return PrintedRules(
            tool=tool, lines=(), complaint=f"the program {command[0]} is not installed"
        )
    listed, complaint = child.communicate()
    if child.returncode:
        return PrintedRules(tool=tool, lines=(), complaint=complaint.strip().partition("\n")[0])
    return PrintedRules(
        tool=tool, lines=tuple(line for line in listed.splitlines() if line.strip())
    )
