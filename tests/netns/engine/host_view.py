"""What the host looks like to its own tools, for a comparison before and after."""

from __future__ import annotations

import json
import subprocess

HostView = dict[str, object]


def look_at_host() -> HostView:
    """Links, rules and sysctls, as the host's own tools show them."""
    links = json.loads(_run("ip", "-j", "-d", "link"))
    for link in links:
        # counts down on its own
        link.get("linkinfo", {}).get("info_data", {}).pop("gc_timer", None)
    sysctls = _run("sysctl", "-a", "--pattern", r"^net\.(ipv4|ipv6|bridge)")
    changing = ("nf_conntrack_count", "route.flush", "stable_secret", "fib_info_entries")
    return {
        "links": links,
        "ruleset": _run("nft", "list", "ruleset"),
        "sysctls": [k for k in sysctls.splitlines() if not any(c in k for c in changing)],
        "neighbours": sorted(_run("ip", "neigh").splitlines()),
    }


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
