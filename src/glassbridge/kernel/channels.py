"""Through which door of the kernel an operation goes: operations of one door share a send."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

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
    SHAPING = auto()
    FIREWALL = auto()
    FOREIGN_FIREWALL = auto()
    SYSCTL = auto()
    SANDBOX_SYSCTL = auto()
    PORTS = auto()
    FLOWS = auto()
    CARRIERS = auto()
    ANNOUNCEMENTS = auto()


# a dict, not a match: every operation is looked up twice, and a match tries its arms in turn
CHANNELS: Final[Mapping[type[Operation], Channel]] = {
    CreateBridge: Channel.HOST_LINKS,
    CreateVeth: Channel.HOST_LINKS,
    PlugPort: Channel.HOST_LINKS,
    SetPortFlags: Channel.HOST_LINKS,
    CreateShaper: Channel.HOST_LINKS,
    DeleteLink: Channel.HOST_LINKS,
    DoomLink: Channel.HOST_LINKS,
    SpareLink: Channel.HOST_LINKS,
    DisableLinkLocal: Channel.SANDBOX_LINKS,
    BringUp: Channel.SANDBOX_LINKS,
    AddAddress: Channel.SANDBOX_LINKS,
    RemoveAddress: Channel.SANDBOX_LINKS,
    AddRoute: Channel.SANDBOX_LINKS,
    RemoveRoute: Channel.SANDBOX_LINKS,
    TuneLink: Channel.SANDBOX_LINKS,
    # behind the links' door: these name a link by its index, which must exist by then
    LimitRate: Channel.SHAPING,
    UnlimitRate: Channel.SHAPING,
    RedirectIngress: Channel.SHAPING,
    UnredirectIngress: Channel.SHAPING,
    LoadRuleset: Channel.FIREWALL,
    DeleteRuleset: Channel.FIREWALL,
    AddElements: Channel.FIREWALL,
    RemoveElements: Channel.FIREWALL,
    OpenPath: Channel.FOREIGN_FIREWALL,
    ClosePath: Channel.FOREIGN_FIREWALL,
    SetSysctl: Channel.SYSCTL,
    SetSandboxSysctl: Channel.SANDBOX_SYSCTL,
    HoldPort: Channel.PORTS,
    ReleasePort: Channel.PORTS,
    ForgetFlows: Channel.FLOWS,
    AwaitCarrier: Channel.CARRIERS,
    Announce: Channel.ANNOUNCEMENTS,
}


def channel_of(operation: Operation) -> Channel:
    """Say through which door an operation goes; one on a sandbox's links without one is ours."""
    channel = CHANNELS[type(operation)]
    if channel is Channel.SANDBOX_LINKS and not netns_of(operation):
        return Channel.HOST_LINKS
    return channel


def netns_of(operation: Operation) -> str:
    """The namespace of an operation on a sandbox's links; empty for the host's."""
    netns: str = getattr(operation, "netns")  # noqa: B009 - this channel's all have one
    return netns
