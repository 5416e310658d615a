"""Write docs/ruleset.md from the firewall's own value, or check it with --check.

The page shows the very rules that are loaded; only the sentences about sets and hooks are added.
"""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

from glassbridge.model.firewall import Chain, Family, Set, Table
from glassbridge.plan.firewall import tables
from glassbridge.plan.nft_script import rule_line

PAGE = Path(__file__).parent.parent / "docs" / "ruleset.md"

INTRODUCTION = """\
# The ruleset

Written by `scripts/ruleset_page.py`; `make docs` writes it anew.

glassbridge has two nftables tables, `inet glassbridge` and `bridge glassbridge`, and touches no
other. Their rules are the same on every host and never grow in number: what differs is in sets and
maps, where a network, an endpoint or a published port is a few elements. `nft list table inet
glassbridge` and `nft list table bridge glassbridge` show them with their elements.

Every rule holds with `bridge-nf-call-iptables` at 0 and at 1; glassbridge never writes that key. An
`accept` ends our own chain only: a rule of somebody else may still drop the packet.
"""

ABOUT = {
    Family.INET: "Who may reach whom, and under which address.",
    Family.BRIDGE: "What a container may claim to be. Seen by every frame that enters by a port of "
    "ours,\nbefore the bridge learns its source address.",
}


def page() -> str:
    """The whole page."""
    return "".join([INTRODUCTION, *(line for table in tables() for line in _table(table))])


def _table(table: Table) -> Iterator[str]:
    yield f"\n## table {table.family} {table.name}\n\n{ABOUT[table.family]}\n"
    yield "\n| set or map | key | data | holds |\n| --- | --- | --- | --- |\n"
    yield from (_row(declared) for declared in table.sets)
    # base chains first: that is where a packet comes in
    for chain in sorted(table.chains, key=lambda c: c.hook is None):
        yield from _chain(chain)


def _row(declared: Set) -> str:
    data = "verdict" if declared.verdicts else " . ".join(declared.data)
    key = " . ".join(declared.key)
    return f"| `{declared.name}` | {key} | {data} | {declared.comment} |\n"


def _chain(chain: Chain) -> Iterator[str]:
    yield f"\n### {chain.name}\n\n"
    if chain.hook is not None:
        yield f"Hook {chain.hook.hook}, type {chain.hook.type}, priority {chain.hook.priority}; "
        yield "policy accept.\n\n"
    yield "```nft\n"
    for rule in chain.rules:
        text = rule_line(rule)
        rule_text, _, _ = text.partition(' comment "')
        yield f"# {rule.comment}\n{rule_text}\n" if rule.comment else f"{rule_text}\n"
    yield "```\n"


def main() -> int:
    """Write or check; the exit code is 1 when the page is not what it should be."""
    new = page()
    if "--check" not in sys.argv:
        PAGE.write_text(new)
        return 0
    old = PAGE.read_text()
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), "written", "should be"
    )
    sys.stdout.writelines(lines)
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
