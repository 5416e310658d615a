"""One life of everything: networks, namespaces, ports, connections, and their end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from glassbridge.engine.engine import Engine
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import PortWish, Protocol
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest
from glassbridge.plan.operations import Operation

NAMESPACES = ("one", "two")
STEPS = (
    "create",
    "attach",
    "publish",
    "connect",
    "disconnect",
    "detach",
    "remove",
)


def live(engine: Engine, step: Callable[[str], None] = lambda _: None) -> None:
    """Go through every use case that changes the kernel."""
    step("create")
    engine.create_network(NetworkRequest(name="blue", ipv6=True))
    step("attach")
    engine.attach(AttachRequest(name="one", netns="/run/netns/one"))
    step("publish")
    engine.attach(
        AttachRequest(
            name="two",
            netns="/run/netns/two",
            networks=(NetworkWish(network="blue"), NetworkWish(network="bridge")),
            ports=(
                PortWish(container_port=80, host_ports=(8080, 8080)),
                PortWish(container_port=53, host_ports=(5353, 5353), protocol=Protocol.UDP),
            ),
        )
    )
    step("connect")
    wish = NetworkWish(network="blue", gateway_priority=1)
    engine.connect("blue", ConnectRequest(container="one", wish=wish))
    step("disconnect")
    engine.disconnect("blue", "two")
    step("detach")
    engine.detach("one")
    engine.detach("two")
    step("remove")
    engine.remove_network("blue")


class DiesAhead:
    """Counts operations, and kills the process ahead of one of them."""

    def __init__(self, fatal: int) -> None:
        self._left = fatal

    def __call__(self, operation: Operation) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
