"""What takes an operation back, exactly."""

from typing import assert_never

from glassbridge.plan.interface_operations import (
    AwaitCarrier,
    CreateShaper,
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
    OfFirewall,
    OfInterface,
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


def inverse(operation: Operation) -> Operation | None:  # noqa: C901, PLR0911, PLR0912 - one arm each
    """Return what takes an operation back, or None where nothing of its own remains."""
    if isinstance(operation, OfInterface):
        return _of_interface(operation)
    if isinstance(operation, OfFirewall):
        return _of_firewall(operation)
    match operation:
        case CreateBridge(ifname=ifname):
            return DeleteLink(ifname)
        case CreateVeth(host_end=host_end):
            return DeleteLink(host_end)
        case DoomLink(host_end):
            return SpareLink(host_end)
        case SpareLink(host_end):
            return DoomLink(host_end)
        case SetPortFlags():
            return SetPortFlags(
                operation.host_end,
                hairpin=operation.old_hairpin,
                isolated=operation.old_isolated,
                old_hairpin=operation.hairpin,
                old_isolated=operation.isolated,
            )
        case AddAddress(ifname, address, netns):
            return RemoveAddress(ifname, address, netns)
        case RemoveAddress(ifname, address, netns):
            return AddAddress(ifname, address, netns)
        case SetSysctl(key, value, old):
            return None if old is None else SetSysctl(key, old, value)
        case HoldPort(port):
            return ReleasePort(port)
        case ReleasePort(port):
            return HoldPort(port)
        case (
            DisableLinkLocal() | PlugPort() | BringUp() | DeleteLink() | ForgetFlows() | Announce()
        ):
            return None
    assert_never(operation)


def _of_firewall(operation: OfFirewall) -> Operation | None:
    match operation:
        case LoadRuleset():
            return DeleteRuleset()
        case OpenPath(chain):
            return ClosePath(chain)
        case ClosePath(chain):
            return OpenPath(chain)
        case AddElements(elements):
            return RemoveElements(elements)
        case RemoveElements(elements):
            return AddElements(elements)
        case DeleteRuleset():
            return None
    assert_never(operation)


def _of_interface(operation: OfInterface) -> Operation | None:  # noqa: C901, PLR0911 - one arm each
    match operation:
        case AddRoute(route, ifname, netns):
            return RemoveRoute(route, ifname, netns)
        case RemoveRoute(route, ifname, netns):
            return AddRoute(route, ifname, netns)
        case TuneLink(ifname, netns, wish, mac, old, old_mac):
            return None if old is None else TuneLink(ifname, netns, old, old_mac, wish, mac)
        case SetSandboxSysctl(key, value, netns, old):
            return None if old is None else SetSandboxSysctl(key, old, netns, value)
        case AwaitCarrier():
            return None
        case CreateShaper(ifname=ifname):
            return DeleteLink(ifname)
        case LimitRate(ifname, rate, burst):
            return UnlimitRate(ifname, rate, burst)
        case UnlimitRate(ifname, rate, burst):
            return LimitRate(ifname, rate, burst)
        case RedirectIngress(ifname, into):
            return UnredirectIngress(ifname, into)
        case UnredirectIngress(ifname, into):
            return RedirectIngress(ifname, into)
    assert_never(operation)
