"""Waits until new cables carry packets."""

import json
import subprocess
import time
from typing import Any

_PATIENCE_SECONDS = 5.0


def await_cables() -> None:
    """Wait until every link that is up, here and in the named namespaces, sends what it is given.

    The queue of a new one drops everything until the kernel's link watch has run (noop_qdisc), and
    a bridge's port forwards nothing until then. A link that never comes that far is no failure.
    """
    listed = subprocess.check_output(["ip", "netns", "list"], text=True).splitlines()
    names = [[], *(["-n", line.split()[0]] for line in listed)]
    end = time.monotonic() + _PATIENCE_SECONDS
    while any(_are_waiting(name) for name in names) and time.monotonic() < end:
        time.sleep(0.005)


def _are_waiting(where: list[str]) -> bool:
    links = json.loads(subprocess.check_output(["ip", *where, "-d", "-j", "link"]))
    connected = [link for link in links if "LOWER_UP" in link["flags"]]
    bridges = {link.get("master") for link in connected}
    return any(
        _drops_everything(link)
        or (link["ifname"] in bridges and "UP" in link["flags"] and link not in connected)
        for link in links
    )


def _drops_everything(link: dict[str, Any]) -> bool:
    port = link.get("linkinfo", {}).get("info_slave_data", {})
    return "LOWER_UP" in link["flags"] and (
        link["qdisc"] == "noop" or port.get("state") == "disabled"
    )
