"""Keeps the kernel as the store says: once at start, and whenever something of ours vanishes.

A thread of its own looks and has the writer repair; it never changes anything itself.
"""

import logging
import threading
import time
from enum import StrEnum
from typing import assert_never

from glassbridge.engine.detaching import Detach, Disconnect
from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Submit
from glassbridge.engine.repairs import (
    LoadFirewall,
    OpenPaths,
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
from glassbridge.model.kernel_events import (
    AddressChanged,
    EventsLost,
    KernelEvent,
    LinkGone,
    LinkNew,
    RouteChanged,
    RulesetChanged,
)
from glassbridge.model.kernel_names import NFT_TABLE
from glassbridge.model.network import Ifname
from glassbridge.model.views import Recovery
from glassbridge.plan.diff import compare

_OUR_TABLES = {f"inet {NFT_TABLE}", f"bridge {NFT_TABLE}"}

_log = logging.getLogger(__name__)


class Ailment(StrEnum):
    """What may be wrong, in the words of `status`."""

    LINKS = "a link vanished"
    FIREWALL = "our tables changed"
    PATHS = "foreign rules changed"
    UPLINKS = "routes changed"


class Healer:
    """Watches links and rules, and has repaired what differs from the state."""

    def __init__(self, state: State, submit: Submit, host: Host) -> None:
        self._state = state
        self._submit = submit
        self._host = host
        self._wake = threading.Event()
        self._ailments: set[Ailment] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="glassbridge-healer")
        self.last: Recovery | None = None
        self._links = RouteSocket()
        # before anything is read: a change between reading and listening would be missed
        self._monitor = Monitor(self._listen)

    def start(self) -> None:
        """Recover from whatever the last daemon left, then keep watching."""
        self._recover_unfinished()
        self._heal(set(Ailment), "start")
        self._monitor.start()
        self._thread.start()

    def stop(self) -> None:
        """End both threads; works also when it was never started."""
        self._monitor.stop()
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._links.close()

    def _listen(self, events: tuple[KernelEvent, ...]) -> None:
        ailments = {a for event in events if (a := self._ailment(event)) is not None}
        if ailments:
            self._ailments |= ailments
            self._wake.set()

    def _ailment(self, event: KernelEvent) -> Ailment | None:
        """What an event may mean; attaches and detaches of our own mean nothing."""
        match event:
            case LinkGone(_, ifname):
                return Ailment.LINKS if self._is_wanted(ifname) else None
            case LinkNew(_, ifname, is_up, _, master):
                endpoint = self._state.endpoint_at(ifname)
                loose = endpoint is not None and (master is None or not is_up)
                return Ailment.LINKS if loose and self._is_wanted(ifname) else None
            case RulesetChanged(_, _, tables):
                return Ailment.FIREWALL if _OUR_TABLES & set(tables) else Ailment.PATHS
            case RouteChanged():
                return Ailment.UPLINKS
            case AddressChanged():
                return None
            case EventsLost(source):
                return Ailment.LINKS if source == "links" else Ailment.FIREWALL
        assert_never(event)

    def _is_wanted(self, ifname: Ifname) -> bool:
        endpoint = self._state.endpoint_at(ifname)
        if endpoint is not None:
            return endpoint.state is EndpointState.ATTACHED
        realised = tuple(self._state.realised)
        return any(self._state.networks[n].bridge == ifname for n in realised)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if self._stopping:
                return
            self._wake.clear()
            ailments, self._ailments = self._ailments, set()
            try:
                self._heal(ailments, ", ".join(sorted(ailments)))
            except GlassbridgeError as error:
                _log.warning("healing, %s: %s", ", ".join(ailments), error)

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

    def _heal(self, ailments: set[Ailment], trigger: str) -> None:
        began = time.monotonic()
        restored: list[str] = []
        removed: list[str] = []
        if Ailment.UPLINKS in ailments and self._host.look_for_uplinks(self._state):
            ailments = {*ailments, Ailment.FIREWALL}
        if Ailment.FIREWALL in ailments and self._submit(LoadFirewall(self._host)).result():
            restored.append("firewall")
        if {Ailment.PATHS, Ailment.FIREWALL} & ailments:
            self._submit(OpenPaths(self._host.closed_paths(self._state))).result()
        if Ailment.LINKS in ailments:
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
            _log.info("%s: restored %s, removed %s", trigger, restored, removed)

    def _heal_links(self, restored: list[str], removed: list[str]) -> None:
        state = self._state
        networks = [state.networks[n] for n in tuple(state.realised)]
        endpoints = tuple(state.endpoints.values())
        difference = compare(networks, endpoints, read_links(self._links))
        restored += [
            network.bridge
            for network in difference.missing_networks
            if self._submit(RestoreNetwork(network.id)).result()
        ]
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
        for sandbox in self._state.sandboxes:
            if sandbox.kind is SandboxKind.FOREIGN and not self._host.is_alive(sandbox):
                try:
                    self._submit(Detach(sandbox.id)).result()
                except GlassbridgeError as error:
                    _log.warning("dropping %s: %s", sandbox.name, error)
                    continue
                removed.append(sandbox.name)
