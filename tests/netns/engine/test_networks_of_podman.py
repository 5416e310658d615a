"""Networks that Podman made and removed without a word, by what netavark's plugin is told."""

from __future__ import annotations

import json
from typing import Any

from glassbridge.engine.engine import Engine
from glassbridge.frontends.netavark.commands import Commands
from glassbridge.frontends.netavark.messages import Network, decode
from glassbridge.frontends.netavark.networks import managed, present_request


def create(engine: Engine, network_id: str) -> Any:
    """`podman network create web-net`."""
    wish = {"name": "web-net", "id": network_id, "driver": "glassbridge", "ipv6_enabled": False}
    wish |= {"internal": False, "dns_enabled": True, "options": {}, "ipam_options": {}}
    wish |= {"network_interface": "", "created": "2026-01-01T00:00:00Z"}
    answer = Commands(engine.attachments).respond(["create"], json.dumps(wish).encode())
    assert answer.exit_code == 0, answer.stdout
    return answer.stdout


def defined_name(engine: Engine, network_id: str) -> str:
    """What `setup` calls the network: as it is there when the daemon dies in the middle."""
    network = decode(create(engine, network_id), Network)
    engine.attachments.define(present_request(network))
    return next(n.name for n in engine.attachments.networks() if n.managed == managed(network))


def test_a_network_that_was_removed_and_made_again_has_its_name(engine: Engine) -> None:
    assert defined_name(engine, "11" * 32) == "web-net"
    assert defined_name(engine, "22" * 32) == "web-net"
    assert len(engine.attachments.networks()) == 1
