"""Changes to an interface that a client may order beyond addresses and routes.

A part of the closed set in plan.operations.
"""

from __future__ import annotations

from dataclasses import dataclass

from glassbridge.model.address import Mac
from glassbridge.model.endpoint import LinkSettings
from glassbridge.model.network import Ifname


@dataclass(frozen=True, slots=True)
class TuneLink:
    """Settings of a link, in a sandbox but for a bridge's; `old` is what stood there.

    None where the link is ours and goes with its settings.
    """

    ifname: Ifname
    netns: str
    wish: LinkSettings
    mac: Mac | None = None
    old: LinkSettings | None = None
    old_mac: Mac | None = None


@dataclass(frozen=True, slots=True)
class SetSandboxSysctl:
    """Write one key of a sandbox; `old` is what stood there, None where it dies with its link."""

    key: str
    value: str
    netns: str
    old: str | None = None


@dataclass(frozen=True, slots=True)
class AwaitCarrier:
    """Wait until the kernel has noticed that a link's other side is up.

    Whoever came up first has a queue that drops everything (noop_qdisc) until the link watch has
    run, which is work of its own (net/core/link_watch.c): a host end before its sandbox end, a
    bridge before its first port. Without this one attach in a hundred lost its first ARP request,
    and whoever called the sandbox at once waited a second.
    """

    ifname: Ifname


@dataclass(frozen=True, slots=True)
class CreateShaper:
    """An ifb device in our link group, up."""

    ifname: Ifname
    alias: str


@dataclass(frozen=True, slots=True)
class LimitRate:
    """A token bucket for what leaves by a link of the host: bytes per second, bytes at once."""

    ifname: Ifname
    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class UnlimitRate:
    """The inverse of LimitRate."""

    ifname: Ifname
    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class RedirectIngress:
    """What comes in by a link of the host goes through another first."""

    ifname: Ifname
    into: Ifname


@dataclass(frozen=True, slots=True)
class UnredirectIngress:
    """The inverse of RedirectIngress."""

    ifname: Ifname
    into: Ifname


InterfaceOperation = (
    TuneLink
    | SetSandboxSysctl
    | AwaitCarrier
    | CreateShaper
    | LimitRate
    | UnlimitRate
    | RedirectIngress
    | UnredirectIngress
)
