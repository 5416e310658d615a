"""Operations in the words that errors and logs show."""

from typing import assert_never

from glassbridge.model.address import Mac
from glassbridge.model.endpoint import LinkSettings, RouteKind, StaticRoute
from glassbridge.model.firewall import Element
from glassbridge.model.network import Ifname
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


def describe(operation: Operation) -> str:  # noqa: C901, PLR0911, PLR0912 - one arm each
    """Say what an operation does, in the words that errors and `--dry-run` show."""
    if isinstance(operation, OfInterface):
        return _interface(operation)
    if isinstance(operation, OfFirewall):
        return _firewall(operation)
    match operation:
        case CreateBridge(ifname=ifname, mac=mac, mtu=mtu):
            return f"create bridge {ifname} ({mac}, mtu {mtu})"
        case CreateVeth():
            return (
                f"create veth {operation.host_end} with peer {operation.sandbox_end} "
                f"in {operation.netns}"
            )
        case DisableLinkLocal(ifname, netns):
            return f"turn off link-local addresses on {ifname}{_in(netns)}"
        case PlugPort(host_end, bridge):
            return f"plug {host_end} into bridge {bridge}"
        case SetPortFlags(host_end=host_end, hairpin=hairpin, isolated=isolated):
            flags = f"hairpin {_on(hairpin)}, isolated {_on(isolated)}"
            return f"set port {host_end}: {flags}"
        case BringUp(ifname, netns):
            return f"set {ifname}{_in(netns)} up"
        case AddAddress(ifname, address, netns):
            return f"add {address} to {ifname}{_in(netns)}"
        case RemoveAddress(ifname, address, netns):
            return f"remove {address} from {ifname}{_in(netns)}"
        case DeleteLink(ifname):
            return f"delete link {ifname}"
        case DoomLink(host_end):
            return f"hand {host_end} to the reaper"
        case SpareLink(host_end):
            return f"take {host_end} back from the reaper"
        case SetSysctl(key, value, old):
            return f"set {key} = {value}" + ("" if old is None else f" (was {old})")
        case HoldPort(port):
            return f"hold host port {port.host_port}/{port.protocol} on {port.host_address}"
        case ReleasePort(port):
            return f"release host port {port.host_port}/{port.protocol} on {port.host_address}"
        case ForgetFlows(addresses, ports):
            return f"forget connections of {', '.join(map(str, (*addresses, *ports)))}"
        case Announce(ifname, addresses, mac, netns):
            who = ", ".join(map(str, addresses))
            return f"announce {who} at {mac} on {ifname}{_in(netns)}"
    assert_never(operation)


def _firewall(operation: OfFirewall) -> str:
    match operation:
        case LoadRuleset(elements):
            return f"load nftables tables inet and bridge glassbridge, {len(elements)} elements"
        case DeleteRuleset():
            return "delete nftables tables inet and bridge glassbridge"
        case OpenPath(chain):
            return f"let our bridges pass {chain}"
        case ClosePath(chain):
            return f"take our accepts out of {chain}"
        case AddElements(elements):
            return f"add {len(elements)} firewall elements: {_some(elements)}"
        case RemoveElements(elements):
            return f"remove {len(elements)} firewall elements: {_some(elements)}"
    assert_never(operation)


def _in(netns: str) -> str:
    return f" in {netns}" if netns else ""


def _on(flag: bool) -> str:
    return "on" if flag else "off"


def _some(elements: tuple[Element, ...]) -> str:
    shown = ", ".join(str(e) for e in elements[:3])
    return shown if len(elements) <= 3 else f"{shown}, ..."  # noqa: PLR2004 - what fits a line


def _way(route: StaticRoute, ifname: Ifname) -> str:
    """A route as `ip route` writes it."""
    kind = "" if route.kind is RouteKind.UNICAST else f"{route.kind} "
    to = "default" if route.destination.prefixlen == 0 else str(route.destination)
    words = {
        "via": route.gateway,
        "dev": ifname,
        "table": route.table,
        "metric": route.metric,
    }
    rest = "".join(f" {word} {value}" for word, value in words.items() if value not in (None, ""))
    return f"{kind}{to}{rest}"


def _settings(wish: LinkSettings, mac: Mac | None) -> str:
    words = {
        "address": mac,
        "mtu": wish.mtu,
        "txqueuelen": wish.queue_length,
        "promisc": None if wish.promiscuous is None else _on(wish.promiscuous),
        "allmulticast": None if wish.all_multicast is None else _on(wish.all_multicast),
    }
    return ", ".join(f"{word} {value}" for word, value in words.items() if value is not None)


def _interface(operation: OfInterface) -> str:  # noqa: C901, PLR0911 - one arm each
    match operation:
        case AddRoute(route, ifname, netns):
            return f"add route {_way(route, ifname)}{_in(netns)}"
        case RemoveRoute(route, ifname, netns):
            return f"remove route {_way(route, ifname)}{_in(netns)}"
        case TuneLink(ifname, netns, wish, mac):
            return f"set {ifname}{_in(netns)}: {_settings(wish, mac)}"
        case SetSandboxSysctl(key, value, netns):
            return f"set sysctl {key} = {value}{_in(netns)}"
        case AwaitCarrier(ifname):
            return f"wait for the carrier of {ifname}"
        case CreateShaper(ifname=ifname):
            return f"create ifb {ifname}"
        case LimitRate(ifname, rate, burst):
            return f"limit {ifname} to {rate * 8} bit/s, {burst * 8} bits at once"
        case UnlimitRate(ifname):
            return f"lift the limit of {ifname}"
        case RedirectIngress(ifname, into):
            return f"redirect what comes in by {ifname} into {into}"
        case UnredirectIngress(ifname, into):
            return f"redirect what comes in by {ifname} into {into} no more"
    assert_never(operation)
