"""A kernel made of sets: what operations leave in it, without any Linux."""

from __future__ import annotations

from typing import assert_never

from glassbridge.model.endpoint import LinkSettings
from glassbridge.model.firewall import Element
from glassbridge.plan.interface_operations import (
    AwaitCarrier,
    CreateShaper,
    InterfaceOperation,
    LimitRate,
    RedirectIngress,
    SetSandboxSysctl,
    TuneLink,
    UnlimitRate,
    UnredirectIngress,
)
from glassbridge.plan.operations import (
    AddAddress,
    AddElements,
    AddRoute,
    Announce,
    BringUp,
    ClosePath,
    CreateBridge,
    CreateVeth,
    DeleteLink,
    DeleteRuleset,
    DisableLinkLocal,
    DoomLink,
    ForgetFlows,
    HoldPort,
    LoadRuleset,
    OpenPath,
    Operation,
    PlugPort,
    ReleasePort,
    RemoveAddress,
    RemoveElements,
    RemoveRoute,
    SetPortFlags,
    SetSysctl,
    SpareLink,
)

Fact = tuple[object, ...]


class FakeKernel:
    """Facts; those about a link die with it, and a veth's peer with its host end."""

    def __init__(self) -> None:
        self.facts: set[Fact] = set()
        self.elements: dict[tuple[object, ...], Element] = {}
        self.peers: dict[str, tuple[str, str]] = {}

    def snapshot(self) -> tuple[frozenset[Fact], frozenset[Element]]:
        return frozenset(self.facts), frozenset(self.elements.values())

    def apply(self, operation: Operation) -> None:  # noqa: C901, PLR0912, PLR0915 - one arm each
        match operation:
            case CreateBridge(ifname=ifname):
                self._add(("link", "", ifname))
            case CreateVeth():
                self._add(("link", "", operation.host_end))
                self._add(("link", operation.netns, operation.sandbox_end))
                self.peers[operation.host_end] = (operation.netns, operation.sandbox_end)
            case DisableLinkLocal(ifname, netns):
                self._needs("link", netns, ifname)
            case PlugPort(host_end, bridge):
                self._needs("link", "", bridge)
                self.facts.add(("port", "", host_end, bridge))
            case SetPortFlags():
                self._set_flags(operation)
            case BringUp(ifname, netns):
                if ifname != "lo":
                    self._needs("link", netns, ifname)
                    self.facts.add(("up", netns, ifname))
            case AddAddress(ifname, address, netns):
                self._needs("link", netns, ifname)
                self._add(("address", netns, ifname, address))
            case RemoveAddress(ifname, address, netns):
                self.facts.remove(("address", netns, ifname, address))
            case AddRoute(route, ifname, netns):
                if ifname:
                    self._needs("link", netns, ifname)
                self._add(("route", netns, ifname, route))
            case RemoveRoute(route, ifname, netns):
                self.facts.discard(("route", netns, ifname, route))
            case DeleteLink(ifname) | DoomLink(ifname):
                self._drop_link("", ifname)
            case SpareLink():
                pass
            case SetSysctl(key, value, old):
                self.facts.discard(("sysctl", key, old))
                self.facts.add(("sysctl", key, value))
            case LoadRuleset(elements):
                self.elements = {_key(e): e for e in elements}
            case DeleteRuleset():
                self.elements = {}
            case AddElements(elements):
                for element in elements:
                    assert self.elements.setdefault(_key(element), element) == element
            case RemoveElements(elements):
                for element in elements:
                    self.elements.pop(_key(element), None)
            case HoldPort(port):
                self._add(("held", "", "", port))
            case ReleasePort(port):
                self.facts.remove(("held", "", "", port))
            case OpenPath(chain):
                self._add(("opened", "", "", chain))
            case ClosePath(chain):
                self.facts.remove(("opened", "", "", chain))
            case ForgetFlows() | Announce():
                pass
            case _:
                self._apply_to_interface(operation)

    def _apply_to_interface(self, operation: InterfaceOperation) -> None:
        match operation:
            case TuneLink(ifname, netns, wish, mac, old, _):
                self._needs("link", netns, ifname)
                self.facts.discard(("tuned", netns, ifname, str(old)))
                if wish != LinkSettings() or mac:
                    self.facts.add(("tuned", netns, ifname, str(wish)))
            case SetSandboxSysctl(key, value, netns, old):
                self.facts.discard(("sysctl", netns, _link_of(key), key, old))
                self.facts.add(("sysctl", netns, _link_of(key), key, value))
            case AwaitCarrier(ifname):
                self._needs("link", "", ifname)
            case CreateShaper(ifname=ifname):
                self._add(("link", "", ifname))
            case LimitRate(ifname, rate, burst):
                self._needs("link", "", ifname)
                self._add(("limit", "", ifname, rate, burst))
            case UnlimitRate(ifname, rate, burst):
                self.facts.discard(("limit", "", ifname, rate, burst))
            case RedirectIngress(ifname, into):
                self._needs("link", "", ifname)
                self._needs("link", "", into)
                self._add(("redirected", "", ifname, into))
            case UnredirectIngress(ifname, into):
                self.facts.discard(("redirected", "", ifname, into))
            case _:
                assert_never(operation)

    def _set_flags(self, operation: SetPortFlags) -> None:
        name = operation.host_end
        for flag in ("hairpin", "isolated"):
            fact = ("flag", "", name, flag)
            if getattr(operation, flag):
                self.facts.add(fact)
            else:
                self.facts.discard(fact)

    def _drop_link(self, netns: str, ifname: str) -> None:
        peer = self.peers.pop(ifname, None)
        self.facts = {f for f in self.facts if f[1:3] != (netns, ifname)}
        if peer is not None:
            self._drop_link(*peer)

    def _add(self, fact: Fact) -> None:
        assert fact not in self.facts, f"{fact} exists already"
        self.facts.add(fact)

    def _needs(self, *fact: object) -> None:
        assert fact in self.facts, f"{fact} is needed and missing"


def _link_of(key: str) -> str:
    """A key of a link dies with it; `net.ipv4.conf.eth0.arp_filter` is eth0's."""
    return key.split(".")[3] if ".conf." in key else ""


def _key(element: Element) -> tuple[object, ...]:
    return (element.family, element.name, element.key)
