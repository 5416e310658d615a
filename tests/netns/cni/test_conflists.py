"""Files that others write and ship, key by key in one entry, beside the chain that they name."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.netns.cni.pods import Pods, addresses, routes, shown
from tests.netns.cni.reference import Reference
from tests.netns.cni.test_as_the_reference import shape
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import ask, listening

from glassbridge.engine.engine import Engine

FOLDER = Path(__file__).parent / "conflists"
PORTS = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}


def merged(conflist: dict[str, Any]) -> dict[str, Any]:
    """As docs/cni.md says: every key into the entry of bridge, and two types named anew."""
    entry: dict[str, Any] = {}
    for plugin in conflist["plugins"]:
        entry |= plugin
    return entry | {
        "cniVersion": conflist["cniVersion"],
        "name": conflist["name"],
        "type": "glassbridge-cni",
        "ipam": entry["ipam"] | {"type": "glassbridge"},
    }


def bridge_of(result: Any, *where: str) -> dict[str, Any]:
    """What does not depend on the host of it, by the name that the answer gives it."""
    name = next(i["name"] for i in result["interfaces"] if not i.get("sandbox"))
    (link,) = shown("ip", *where, "-d", "-j", "link", "show", "dev", name)
    return {
        "mtu": link["mtu"],
        "promiscuous": link["promiscuity"] > 0 and "PROMISC" in link["flags"],
        "addresses": addresses(*where, link=name),
    }


@pytest.mark.parametrize("name", sorted(file.name for file in FOLDER.iterdir()))
def test_one_entry_does_what_the_chain_does(
    pods: Pods, engine: Engine, reference: Reference, name: str
) -> None:
    conflist = json.loads((FOLDER / name).read_text())
    said = merged(conflist)
    given = PORTS if "capabilities" in said else {}
    ours = pods.add("ours", said | {"runtimeConfig": given})
    theirs = reference.add_chain("theirs", conflist, given)
    assert shape(ours) == shape(theirs)
    assert addresses("-n", "ours") == addresses("-n", "theirs")
    assert routes("ours") == routes("theirs")
    assert bridge_of(ours) == bridge_of(theirs, *reference.host)
    gateway = ours["ips"][0].get("gateway", "")
    for pod, host in (("ours", ""), ("theirs", reference.netns)) if given else ():
        with listening(f"/run/netns/{pod}", 80, socket.SOCK_STREAM):
            assert ask(host, gateway, 8080, socket.SOCK_STREAM)
    assert pods.call("DEL", "ours", said).status == 0
    assert engine.sandboxes() == ()
    check_consistency(engine)
