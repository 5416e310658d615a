"""Keeps the kernel as the store says: once at start, and whenever something of ours vanishes.

A thread of its own looks and has the writer repair; it never changes anything itself.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from glassbridge.engine.attachment_repairs import DropUncabled, RestoreShaping
from glassbridge.engine.detaching import Detach, Disconnect
from glassbridge.engine.host import Host
from glassbridge.engine.jobs import Job, Submit
from glassbridge.engine.leaving import Applies, Forget, has_lost_its_cable, was_given_back
from glassbridge.engine.repairs import (
    HoldPorts,
    LoadFirewall,
    OpenClosedPath,
    RestoreEndpoint,
    RestoreNetwork,
    Sweep,
    Unwind,
    has_link,
)
from glassbridge.engine.state import State
from glassbridge.errors import GlassbridgeError
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
from glassbridge.model.kernel_names import NFT_TABLE, shaper_name
from glassbridge.model.network import Ifname
from glassbridge.model.views import Recovery
from glassbridge.plan.diff import compare

_OUR_TABLES = {f"inet {NFT_TABLE}", f"bridge {NFT_TABLE}"}

_log = logging.getLogger(__name__)


class Ailment(StrEnum):
    """What may be wrong, in the words of `status`."""

    LINKS = "a link vanished"
    BRIDGES = "a bridge changed"
    FIREWALL = "our tables changed"
    PATHS = "foreign rules changed"
    UPLINKS = "routes changed"


@dataclass(slots=True)
class _Work:
    """What one healing did."""

    restored: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Healer:
    """Watches links and rules, and has repaired what differs from the state."""

    def __init__(self, state: State, submit: Submit, host: Host) -> None:
        self._state = state
        self._submit = submit
        self._host = host
        self._heard: queue.SimpleQueue[set[Ailment] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="glassbridge-healer")
        self.last: Recovery | None = None
        self._links = RouteSocket()
        # before anything is read: a change between reading and listening would be missed
        self._monitor = Monitor(self._listen)

    def start(self) -> None:
        """Recover from whatever the last daemon left, then keep watching."""
        work = _Work()
        self._recover_unfinished(work)
        self._heal(set(Ailment), "start", work)
        self._monitor.start()
        self._thread.start()

    def stop(self) -> None:
        """End both threads; works also when it was never started."""
        self._monitor.stop()
        self._heard.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        self._links.close()

    @property
    def failures(self) -> tuple[str, ...]:
        """What the last healing could not mend."""
        return self.last.failed if self.last else ()

    def _listen(self, events: tuple[KernelEvent, ...]) -> None:
        ailments = {a for event in events if (a := self._ailment(event)) is not None}
        if ailments:
            self._heard.put(ailments)

    def _ailment(self, event: KernelEvent) -> Ailment | None:  # noqa: PLR0911 - one arm each
        """What an event may mean; attaches and detaches of our own mean nothing."""
        match event:
            case LinkGone(_, ifname):
                return Ailment.LINKS if self._is_wanted(ifname) else None
            case LinkNew(_, ifname, is_up, _, master):
                if self._state.endpoint_at(ifname) is None:
                    return None if is_up or not self._is_wanted(ifname) else Ailment.BRIDGES
                loose = master is None or not is_up
                return Ailment.LINKS if loose and self._is_wanted(ifname) else None
            case RulesetChanged(_, _, tables):
                return Ailment.FIREWALL if _OUR_TABLES & set(tables) else Ailment.PATHS
            case RouteChanged():
                return Ailment.UPLINKS
            case AddressChanged():
                return Ailment.BRIDGES
            case EventsLost(source):
                return Ailment.LINKS if source == "links" else Ailment.FIREWALL
        assert_never(event)

    def _is_wanted(self, ifname: Ifname) -> bool:
        endpoint = self._state.endpoint_at(ifname)
        if endpoint is not None:
            return endpoint.state is EndpointState.ATTACHED
        if any(shaper_name(e.id) == ifname for e in self._shaped()):
            return True
        realised = tuple(self._state.realised)
        return any(n.bridge == ifname for n in self._state.networks if n.id in realised)

    def _shaped(self) -> Iterable[Endpoint]:
        known = tuple(self._state.endpoints.values())
        return (e for e in known if e.has_shaper and e.state is EndpointState.ATTACHED)

    def _run(self) -> None:
        while (ailments := self._next_ailments()) is not None:
            try:
                self._heal(ailments, ", ".join(sorted(ailments)), _Work())
            except Exception:  # noqa: BLE001 - one bad look must not end the watch
                _log.exception("healing, %s", ", ".join(ailments))

    def _next_ailments(self) -> set[Ailment] | None:
        """Wait for something to be wrong, and take all that is; None: there will be no more."""
        ailments: set[Ailment] = set()
        found = self._heard.get()
        while found is not None:
            ailments |= found
            try:
                found = self._heard.get_nowait()
            except queue.Empty:
                return ailments
        return None

    def _recover_unfinished(self, work: _Work) -> None:
        """What a crash left between intent and settlement is taken away: nobody was answered."""
        for endpoint in tuple(self._state.endpoints.values()):
            if endpoint.state in (EndpointState.ATTACHED, EndpointState.RESERVED):
                continue
            siblings = [
                e
                for e in self._state.endpoints_of(endpoint.sandbox)
                if e.state is EndpointState.ATTACHED
            ]
            # one of CNI's or netavark's carries nothing that a sibling could inherit
            try:
                if siblings and not endpoint.container:
                    self._disconnect(endpoint)
                else:
                    self._submit(Unwind(endpoint)).result()
            except GlassbridgeError as error:
                # the daemon serves the others all the same, and its next start tries again
                _log.warning("%s cannot be taken away: %s", endpoint.host_end, error)
                work.failed.append(f"{endpoint.host_end}: {error}")

    def _disconnect(self, endpoint: Endpoint) -> None:
        """Its siblings live on: the default route and the published ports go to one of them."""
        try:
            self._submit(Disconnect(endpoint.network, endpoint.sandbox, again=True)).result()
        except GlassbridgeError as error:
            _log.warning("recovering %s: %s", endpoint.host_end, error)
            self._submit(Unwind(endpoint)).result()

    def _heal(self, ailments: set[Ailment], trigger: str, work: _Work) -> None:
        began = time.monotonic()
        if Ailment.UPLINKS in ailments and self._host.look_for_uplinks(self._state, self._links):
            ailments = {*ailments, Ailment.FIREWALL}
        if Ailment.FIREWALL in ailments:
            self._repair([("firewall", LoadFirewall(self._host))], work)
        if {Ailment.PATHS, Ailment.FIREWALL} & ailments:
            self._open_paths(work)
        if Ailment.BRIDGES in ailments:
            bridges = [n for n in self._state.networks if n.id in self._state.realised]
            self._repair([(n.bridge, RestoreNetwork(n.id)) for n in bridges], work)
        if Ailment.LINKS in ailments:
            self._heal_links(work)
            self._drop_dead(work)
        work.failed += self._submit(HoldPorts()).result()
        was_ill = self.last is not None and bool(self.last.failed)
        if work.restored or work.removed or work.failed or was_ill or trigger == "start":
            self.last = Recovery(
                at=time.time(),
                trigger=trigger,
                restored=tuple(work.restored),
                removed=tuple(work.removed),
                failed=tuple(work.failed),
                duration_ms=round((time.monotonic() - began) * 1000, 1),
            )
            _log.info("%s: %s", trigger, work)

    def _open_paths(self, work: _Work) -> None:
        try:
            closed = self._host.closed_paths(self._state)
        except GlassbridgeError as error:
            work.failed.append(str(error))
        else:
            self._repair([(str(c), OpenClosedPath(c)) for c in closed], work)

    def _heal_links(self, work: _Work) -> None:
        state = self._state
        networks = [n for n in state.networks if n.id in state.realised]
        # one that is just being attached is not missing, and its link is no stray: the order of
        # the looks and each job's own look at its turn see to that
        endpoints = tuple(e for e in tuple(state.endpoints.values()) if has_link(e))
        links = read_links(self._links)
        difference = compare(networks, endpoints, links)
        self._repair([(n.bridge, RestoreNetwork(n.id)) for n in difference.missing_networks], work)
        loose = (*difference.missing_endpoints, *difference.unplugged_endpoints)
        self._repair([(e.host_end, RestoreEndpoint(e.id)) for e in loose], work)
        unshaped = difference.unshaped_endpoints
        self._repair([(e.host_end, RestoreShaping(e.id)) for e in unshaped], work)
        for endpoint in difference.uncabled_endpoints:
            if self._submit(DropUncabled(endpoint.id)).result():
                work.removed.append(endpoint.host_end)
        strays = (*difference.stray_links, *difference.stray_bridges)
        if strays:
            work.removed += self._submit(Sweep(strays)).result()
        here = {link.ifname for link in links}
        self._forget(difference.missing_endpoints, has_lost_its_cable, work)
        self._forget([e for e in endpoints if e.ifname in here], was_given_back, work)

    def _repair(self, jobs: Sequence[tuple[str, Job[bool]]], work: _Work) -> None:
        """Have them all done, and note which were needed and which could not be done."""
        for what, future in [(what, self._submit(job)) for what, job in jobs]:
            try:
                if future.result():
                    work.restored.append(what)
            except GlassbridgeError as error:
                _log.warning("%s cannot be put back: %s", what, error)
                work.failed.append(f"{what}: {error}")

    def _forget(self, suspects: Sequence[Endpoint], only: Applies, work: _Work) -> None:
        """Endpoints of Docker's that ended, and dockerd may never say so."""
        for endpoint in suspects:
            sandbox = self._state.sandboxes.get(endpoint.sandbox)
            if sandbox is None or sandbox.kind is not SandboxKind.DOCKER:
                continue
            try:
                self._submit(Forget(endpoint.id, only)).result()
            except GlassbridgeError as error:
                _log.warning("dropping %s: %s", sandbox.name, error)
            else:
                if endpoint.id not in self._state.endpoints:
                    work.removed.append(sandbox.name)

    def _drop_dead(self, work: _Work) -> None:
        """Attached namespaces that ended without a detach; containers have their own watch."""
        for sandbox in self._state.sandboxes:
            if sandbox.kind is SandboxKind.FOREIGN and not self._host.is_alive(sandbox):
                try:
                    self._submit(Detach(sandbox.id)).result()
                except GlassbridgeError as error:
                    _log.warning("dropping %s: %s", sandbox.name, error)
                    continue
                work.removed.append(sandbox.name)
