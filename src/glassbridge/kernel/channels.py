"""Through which door of the kernel an operation goes: operations of one door share a send."""

from enum import Enum, auto
from typing import assert_never

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


class Channel(Enum):
    """One door each."""

    HOST_LINKS = auto()
    SANDBOX_LINKS = auto()
    FIREWALL = auto()
    FOREIGN_FIREWALL = auto()
    SYSCTL = auto()
    PORTS = auto()
    FLOWS = auto()
    ANNOUNCEMENTS = auto()


def channel_of(operation: Operation) -> Channel:  # noqa: PLR0911 - one arm a channel
    """Say through which door an operation goes."""
    match operation:
        case (
            CreateBridge()
            | CreateVeth()
            | PlugPort()
            | SetPortFlags()
            | DeleteLink()
            | DoomLink()
            | SpareLink()
        ):
            return Channel.HOST_LINKS
        case (
            DisableLinkLocal(netns=netns)
            | BringUp(netns=netns)
            | AddAddress(netns=netns)
            | RemoveAddress(netns=netns)
            | AddRoute(netns=netns)
            | RemoveRoute(netns=netns)
        ):
            return Channel.SANDBOX_LINKS if netns else Channel.HOST_LINKS
        case LoadRuleset() | DeleteRuleset() | AddElements() | RemoveElements():
            return Channel.FIREWALL
        case OpenPath() | ClosePath():
            return Channel.FOREIGN_FIREWALL
        case SetSysctl():
            return Channel.SYSCTL
        case HoldPort() | ReleasePort():
            return Channel.PORTS
        case ForgetFlows():
            return Channel.FLOWS
        case Announce():
            return Channel.ANNOUNCEMENTS
    assert_never(operation)
