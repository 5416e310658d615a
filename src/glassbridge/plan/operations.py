"""The closed set of changes to a host: each describes itself and knows its inverse.

An operation whose effect dies with an earlier one of the same plan (an address with its link) has
no inverse of its own. One that overwrites carries the old value, so that its inverse is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from glassbridge.model.address import IPAddress, IPInterface, IPNetwork, Mac
from glassbridge.model.endpoint import PublishedPort
from glassbridge.model.firewall import Element
from glassbridge.model.network import Ifname


@dataclass(frozen=True, slots=True)
class CreateBridge:
    """A bridge with a pinned MAC, in our link group; STP is off by the kernel's default."""

    ifname: Ifname
    mac: Mac
    mtu: int
    alias: str


@dataclass(frozen=True, slots=True)
class CreateVeth:
    """A veth pair whose sandbox end is born in the target namespace: a move costs 15 ms."""

    host_end: Ifname
    host_mac: Mac
    sandbox_end: Ifname
    sandbox_mac: Mac
    mtu: int
    netns: str


@dataclass(frozen=True, slots=True)
class DisableLinkLocal:
    """addr_gen_mode none: no fe80 address, hence no DAD, MLD and RS floods on every attach.

    It must be a message of its own before the link goes up: in one RTM_SETLINK the kernel applies
    flags before IFLA_AF_SPEC.
    """

    ifname: Ifname
    netns: str = ""


@dataclass(frozen=True, slots=True)
class PlugPort:
    """The host end becomes a port of the bridge, goes up and gets its alias."""

    host_end: Ifname
    bridge: Ifname
    alias: str


@dataclass(frozen=True, slots=True)
class SetPortFlags:
    """Hairpin for a published endpoint under br_netfilter; isolated where ICC is off."""

    host_end: Ifname
    hairpin: bool
    isolated: bool
    old_hairpin: bool = False
    old_isolated: bool = False


@dataclass(frozen=True, slots=True)
class BringUp:
    """Set a link up; in a sandbox its going down comes with its deletion."""

    ifname: Ifname
    netns: str = ""


@dataclass(frozen=True, slots=True)
class AddAddress:
    """An address with its prefix; IPv6 without DAD, which would delay it by a second."""

    ifname: Ifname
    address: IPInterface
    netns: str = ""


@dataclass(frozen=True, slots=True)
class RemoveAddress:
    """Take an address from a link."""

    ifname: Ifname
    address: IPInterface
    netns: str = ""


@dataclass(frozen=True, slots=True)
class AddRoute:
    """A route in the main table; destination None is the default route."""

    destination: IPNetwork | None
    gateway: IPAddress
    ifname: Ifname
    netns: str


@dataclass(frozen=True, slots=True)
class RemoveRoute:
    """The inverse of AddRoute."""

    destination: IPNetwork | None
    gateway: IPAddress
    ifname: Ifname
    netns: str


@dataclass(frozen=True, slots=True)
class DeleteLink:
    """Delete one link and wait for it: 16 ms of RCU, so not for host ends in an answer's path."""

    ifname: Ifname


@dataclass(frozen=True, slots=True)
class DoomLink:
    """Hand the host end to the reaper by its group; setting it down would cost 16 ms of RCU."""

    host_end: Ifname


@dataclass(frozen=True, slots=True)
class SpareLink:
    """Take a host end back from the reaper, before it came."""

    host_end: Ifname


@dataclass(frozen=True, slots=True)
class SetSysctl:
    """Write one key; `old` is what stood there, None where the key dies with its link."""

    key: str
    value: str
    old: str | None = None


@dataclass(frozen=True, slots=True)
class LoadRuleset:
    """Declare both tables with exactly these elements, in one transaction, whatever was there."""

    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class DeleteRuleset:
    """Delete both tables; already gone is success."""


@dataclass(frozen=True, slots=True)
class AddElements:
    """Put elements into sets and maps, in the batch's one transaction."""

    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class RemoveElements:
    """Take elements out, in the batch's one transaction."""

    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class HoldPort:
    """Bind a socket to the host port, so that nobody else takes it while we publish it."""

    port: PublishedPort


@dataclass(frozen=True, slots=True)
class ReleasePort:
    """Close the socket that held a host port."""

    port: PublishedPort


@dataclass(frozen=True, slots=True)
class ForgetFlows:
    """Delete conntrack entries of an address, or of published UDP ports, that now mean another."""

    addresses: tuple[IPAddress, ...]
    ports: tuple[PublishedPort, ...] = ()


@dataclass(frozen=True, slots=True)
class Announce:
    """Gratuitous ARP or unsolicited NA: the MAC of an address may have changed."""

    ifname: Ifname
    addresses: tuple[IPAddress, ...]
    mac: Mac
    netns: str


Operation = (
    CreateBridge
    | CreateVeth
    | DisableLinkLocal
    | PlugPort
    | SetPortFlags
    | BringUp
    | AddAddress
    | RemoveAddress
    | AddRoute
    | RemoveRoute
    | DeleteLink
    | DoomLink
    | SpareLink
    | SetSysctl
    | LoadRuleset
    | DeleteRuleset
    | AddElements
    | RemoveElements
    | HoldPort
    | ReleasePort
    | ForgetFlows
    | Announce
)


def inverse(operation: Operation) -> Operation | None:  # noqa: C901, PLR0911, PLR0912 - one arm each
    """Return what takes an operation back, or None where nothing of its own remains."""
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
        case AddRoute(destination, gateway, ifname, netns):
            return RemoveRoute(destination, gateway, ifname, netns)
        case RemoveRoute(destination, gateway, ifname, netns):
            return AddRoute(destination, gateway, ifname, netns)
        case SetSysctl(key, value, old):
            return None if old is None else SetSysctl(key, old, value)
        case LoadRuleset():
            return DeleteRuleset()
        case AddElements(elements):
            return RemoveElements(elements)
        case RemoveElements(elements):
            return AddElements(elements)
        case HoldPort(port):
            return ReleasePort(port)
        case ReleasePort(port):
            return HoldPort(port)
        case (
            DisableLinkLocal()
            | PlugPort()
            | BringUp()
            | DeleteLink()
            | DeleteRuleset()
            | ForgetFlows()
            | Announce()
        ):
            return None
    assert_never(operation)


def describe(operation: Operation) -> str:  # noqa: C901, PLR0911, PLR0912 - one arm each
    """Say what an operation does, in the words that errors and `--dry-run` show."""
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
        case AddRoute(destination, gateway, ifname, netns):
            return f"add route {destination or 'default'} via {gateway} dev {ifname}{_in(netns)}"
        case RemoveRoute(destination, gateway, ifname, netns):
            return f"remove route {destination or 'default'} via {gateway} dev {ifname}{_in(netns)}"
        case DeleteLink(ifname):
            return f"delete link {ifname}"
        case DoomLink(host_end):
            return f"hand {host_end} to the reaper"
        case SpareLink(host_end):
            return f"take {host_end} back from the reaper"
        case SetSysctl(key, value, old):
            return f"set {key} = {value}" + ("" if old is None else f" (was {old})")
        case LoadRuleset(elements):
            return f"load nftables tables inet and bridge glassbridge, {len(elements)} elements"
        case DeleteRuleset():
            return "delete nftables tables inet and bridge glassbridge"
        case AddElements(elements):
            return f"add {len(elements)} firewall elements: {_some(elements)}"
        case RemoveElements(elements):
            return f"remove {len(elements)} firewall elements: {_some(elements)}"
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


def _in(netns: str) -> str:
    return f" in {netns}" if netns else ""


def _on(flag: bool) -> str:
    return "on" if flag else "off"


def _some(elements: tuple[Element, ...]) -> str:
    shown = ", ".join(str(e) for e in elements[:3])
    return shown if len(elements) <= 3 else f"{shown}, ..."  # noqa: PLR2004 - what fits a line
