"""Waits until new cables carry packets."""

import json
import subprocess
import time
from typing import Any

_PATIENCE_SECONDS = 5.0


def await_cables() -> None:
    """Wait until all links, here and in the named namespaces, are what they were last made.

    The queue of a new one drops everything until the kernel's link watch has run (noop_qdisc), and
    a bridge's port neither begins nor stops to forward until then. One that never comes that far
    is no failure.
    """
    listed = subprocess.check_output(["ip", "netns", "list"], text=True).splitlines()
    names = [[], *(["-n", line.split()[0]] for line in listed)]
    end = time.monotonic() + _PATIENCE_SECONDS
    while any(_are_waiting(name) for name in names) and time.monotonic() < end:
        time.sleep(0.005)


def _are_waiting(where: list[str]) -> bool:
    links = json.loads(subprocess.check_output(["ip", *where, "-d", "-j", "link"]))
    up = {link["ifname"] for link in links if "UP" in link["flags"]}
    bridging = {link.get("master") for link in links if "LOWER_UP" in link["flags"]}
    return any(
        (link["qdisc"] == "noop" and "LOWER_UP" in link["flags"])
        or (link["ifname"] in bridging & up and "LOWER_UP" not in link["flags"])
        or (link.get("master") in up and not _port_is_settled(link))
        for link in links
    )


def _port_is_settled(link: dict[str, Any]) -> bool:
    """Whether the bridge knows that its port has come up or gone down."""
    state = link.get("linkinfo", {}).get("info_slave_data", {}).get("state")
    return (state == "disabled") is ("LOWER_UP" not in link["flags"])
