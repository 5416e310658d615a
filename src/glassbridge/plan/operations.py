"""The closed set of changes to a host; plan.inverses and plan.descriptions know each of them.

An operation whose effect dies with an earlier one of the same plan (an address with its link) has
no inverse of its own. One that overwrites carries the old value, so that its inverse is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

from glassbridge.model.address import IPAddress, IPInterface, Mac
from glassbridge.model.endpoint import PublishedPort, StaticRoute
from glassbridge.model.firewall import Element
from glassbridge.model.network import Ifname
from glassbridge.plan.foreign_firewall import ForeignChain
from glassbridge.plan.interface_operations import InterfaceOperation


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
    mac: Mac | None = None
    """That of a bridge, which once set follows no port (br_stp_recalculate_bridge_id)."""


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
    """A route of a sandbox; ifname is empty for one that leads nowhere (blackhole, ...)."""

    route: StaticRoute
    ifname: Ifname
    netns: str


@dataclass(frozen=True, slots=True)
class RemoveRoute:
    """The inverse of AddRoute."""

    route: StaticRoute
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
class OpenPath:
    """Put two accepts for our bridges into a foreign chain that drops what it does not know."""

    chain: ForeignChain


@dataclass(frozen=True, slots=True)
class ClosePath:
    """Take our accepts out of a foreign chain."""

    chain: ForeignChain


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


OfFirewall = LoadRuleset | DeleteRuleset | AddElements | RemoveElements | OpenPath | ClosePath
OfInterface = InterfaceOperation | AddRoute | RemoveRoute
Operation = (
    CreateBridge
    | CreateVeth
    | DisableLinkLocal
    | PlugPort
    | SetPortFlags
    | BringUp
    | AddAddress
    | RemoveAddress
    | OfInterface
    | DeleteLink
    | DoomLink
    | SpareLink
    | SetSysctl
    | OfFirewall
    | HoldPort
    | ReleasePort
    | ForgetFlows
    | Announce
)
