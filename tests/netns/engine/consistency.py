"""Do the kernel and the store agree?"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from typing import Any

from glassbridge.engine.engine import Engine
from glassbridge.model.endpoint import EndpointState
from glassbridge.model.kernel_names import ALIAS_PREFIX, DOOMED_GROUP, LINK_GROUP, shaper_name
from glassbridge.plan.firewall import endpoint_elements, network_elements


def check_consistency(engine: Engine) -> None:
    """Every link and element of ours has an owner in the store, and every owner has its own."""
    networks = [v.network for v in engine.networks()]
    known = [e.endpoint for v in engine.sandboxes() for e in v.endpoints]
    endpoints = [e for e in known if e.state is not EndpointState.RESERVED]
    assert {e.state for e in endpoints} <= {EndpointState.ATTACHED}

    links = {k["ifname"]: k for k in _json("ip", "-j", "-d", "link")}
    ours = {
        name
        for name, link in links.items()
        if int(str(link.get("group", 0)).replace("default", "0"), 0) in (LINK_GROUP, DOOMED_GROUP)
        or str(link.get("ifalias", "")).startswith(ALIAS_PREFIX)
    }
    bridges = {n.bridge for n in networks if n.bridge in links}
    cables = {e.host_end for e in endpoints if not e.has_foreign_cable}
    shapers = {shaper_name(e.id) for e in endpoints if e.has_shaper}
    assert ours == cables | shapers | (bridges - {n.bridge for n in networks if n.adopted})
    for endpoint in endpoints:
        network = next(n for n in networks if n.id == endpoint.network)
        assert links[endpoint.host_end]["master"] == network.bridge

    # of an adopted bridge nothing else tells whether it is in use
    realised = engine._state.realised  # noqa: SLF001 - the engine shows it to nobody else
    wanted = {
        str(element) for n in networks if n.id in realised for element in network_elements(n)
    } | {
        str(element)
        for e in endpoints
        for element in endpoint_elements(next(n for n in networks if n.id == e.network), e)
    }
    assert _count_elements() == len(wanted)


def _count_elements() -> int:
    """Elements in the sets and maps of both tables; anonymous sets of rules do not count."""
    return sum(
        len(found[kind].get("elem", ()))
        for found in _nft()
        for kind in ("set", "map")
        if kind in found and found[kind]["table"] == "glassbridge"
    )


def _nft() -> Iterable[dict[str, Any]]:
    found: list[dict[str, Any]] = _json("nft", "-j", "list", "ruleset")["nftables"]
    return found


def _json(*command: str) -> Any:
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
