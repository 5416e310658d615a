"""Who calls a sandbox the moment it is attached is heard."""

import socket
import time
from contextlib import suppress
from pathlib import Path

from glassbridge.engine.engine import Engine
from glassbridge.kernel.netns import create_netns, delete_netns
from glassbridge.model.requests import AttachRequest

DISCARD = 9
TIMES = 40
REPEATED = 0.9
"""A lost ARP request is sent again after a second."""


def test_the_first_packet_arrives(fresh_host: None, tmp_path: Path) -> None:
    """Each time anew on an empty bridge, whose own carrier comes with its first port."""
    engine = Engine(tmp_path / "run", tmp_path / "state")
    try:
        engine.up()
        waited = [refused_after(engine, tmp_path / f"netns{n}") for n in range(TIMES)]
    finally:
        engine.down(force=True)
        engine.close()
    # a starved machine may lose one in a while
    assert sum(seconds > REPEATED for seconds in waited) <= 1, waited


def refused_after(engine: Engine, netns: Path) -> float:
    """Seconds until a new sandbox has refused a datagram."""
    create_netns(str(netns))
    try:
        view = engine.attach(AttachRequest(netns=str(netns), name=netns.name))
        (address,) = view.endpoints[0].endpoint.addresses
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.settimeout(5)
            caller.connect((str(address), DISCARD))
            began = time.monotonic()
            caller.send(b"anybody there?")
            with suppress(ConnectionRefusedError):
                caller.recv(1)
            return time.monotonic() - began
    finally:
        engine.detach(netns.name)
        delete_netns(str(netns))
