"""Keeps the kernel as the store says: once at start, and whenever something of ours vanishes.

A thread of its own looks and has the writer repair; it never changes anything itself.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from glassbridge.engine.detaching import Detach, Disconnect
from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Job, Submit
from glassbridge.engine.repairs import (
    LoadFirewall,
    RestoreEndpoint,
    RestoreNetwork,
    Sweep,
    Unwind,
)
from glassbridge.engine.state import State
from glassbridge.errors import GlassbridgeError, NotFound
from glassbridge.kernel.monitor import Monitor
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.snapshot import read_links
from glassbridge.model.endpoint import Endpoint, EndpointState, SandboxKind
from glassbridge.model.views import Recovery
from glassbridge.plan.diff import compare

SETTLE_SECONDS = 0.05
"""Events come in bursts (a flush, a dying namespace): they are answered once."""

_log = logging.getLogger(__name__)


class Healer:
    """Watches links and rules, and has repaired what differs from the state."""

    def __init__(
        self, state: State, submit: Submit, host: Host
    ) -> None:
        self._state = state
        self._submit = submit
        self._host = host
        self._links = RouteSocket()
        self._monitor = Monitor(self._notice)
        self._wake = threading.Event()
        self._reasons: set[str] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="glassbridge-healer")
        self.last: Recovery | None = None

    def start(self) -> None:
        """Recover from whatever the last daemon left, then keep watching."""
        self._monitor.start()
        self._recover_unfinished()
        self._heal("start")
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        self._wake.set()
        self._monitor.stop()
        self._thread.join()
        self._links.close()

    def _notice(self, reason: str) -> None:
        self._reasons.add(reason)
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if self._stopping:
                return
            time.sleep(SETTLE_SECONDS)
            self._wake.clear()
            reasons, self._reasons = self._reasons, set()
            try:
                self._heal(", ".join(sorted(reasons)))
            except GlassbridgeError as error:
                _log.warning("healing after %s: %s", reasons, error)

    def _recover_unfinished(self) -> None:
        """What a crash left between intent and settlement is taken away: nobody was answered."""
        for endpoint in tuple(self._state.endpoints.values()):
            if endpoint.state is EndpointState.ATTACHED:
                continue
            siblings = [
                e
                for e in self._state.endpoints_of(endpoint.sandbox)
                if e.state is EndpointState.ATTACHED
            ]
            if siblings:
                self._disconnect(endpoint)
            else:
                self._submit(Unwind(endpoint)).result()

    def _disconnect(self, endpoint: Endpoint) -> None:
        """Its siblings live on: the default route and the published ports go to one of them."""
        try:
            self._submit(Disconnect(endpoint.network, endpoint.sandbox, again=True)).result()
        except GlassbridgeError as error:
            _log.warning("recovering %s: %s", endpoint.host_end, error)
            self._submit(Unwind(endpoint)).result()

    def _heal(self, trigger: str) -> None:
        began = time.monotonic()
        restored: list[str] = []
        removed: list[str] = []
        if self._host.firewall_needs_loading(trigger):
            self._submit(LoadFirewall(self._host)).result()
            restored.append("firewall")
        self._host.refresh(self._state)
        self._heal_links(restored, removed)
        self._drop_dead(removed)
        if restored or removed or trigger == "start":
            self.last = Recovery(
                at=time.time(),
                trigger=trigger,
                restored=tuple(restored),
                removed=tuple(removed),
                duration_ms=round((time.monotonic() - began) * 1000, 1),
            )
        if (restored or removed) and trigger != "start":
            _log.info("after %s: restored %s, removed %s", trigger, restored, removed)

    def _heal_links(self, restored: list[str], removed: list[str]) -> None:
        state = self._state
        networks = [state.networks[n] for n in tuple(state.realised)]
        endpoints = tuple(state.endpoints.values())
        difference = compare(networks, endpoints, read_links(self._links))
        for network in difference.missing_networks:
            if self._submit(RestoreNetwork(network.id)).result():
                restored.append(network.bridge)
        loose = (*difference.missing_endpoints, *difference.unplugged_endpoints)
        for endpoint, future in [(e, self._submit(RestoreEndpoint(e.id))) for e in loose]:
            try:
                if future.result():
                    restored.append(endpoint.host_end)
            except NotFound:
                continue  # its sandbox is gone; _drop_dead takes it
            except GlassbridgeError as error:
                _log.warning("%s cannot be put back: %s", endpoint.host_end, error)
        strays = (*difference.stray_links, *difference.stray_bridges)
        if strays:
            self._submit(Sweep(difference.stray_links, difference.stray_bridges)).result()
            removed += strays

    def _drop_dead(self, removed: list[str]) -> None:
        """Attached namespaces that ended without a detach; containers have their own watch."""
        for sandbox in tuple(self._state.sandboxes.values()):
            if sandbox.kind is SandboxKind.FOREIGN and not self._host.is_alive(sandbox):
                try:
                    self._submit(Detach(sandbox.id)).result()
                except GlassbridgeError as error:
                    _log.warning("dropping %s: %s", sandbox.name, error)
                    continue
                removed.append(sandbox.name)
