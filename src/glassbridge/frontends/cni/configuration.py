"""The network configuration: the keys of one plugin that stands for a whole chain of them.

Beside its own they are those of bridge, host-local, portmap, firewall, bandwidth and tuning.
Unknown keys are left alone, as the specification wants; of the known ones, those that ask for what
glassbridge does not do are refused (code 2).
"""

from typing import Any

import msgspec
from msgspec import Struct, field

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.frontends.cni.decoding import OWN_IPAM
from glassbridge.frontends.cni.failures import BadJson
from glassbridge.frontends.cni.results import Dns, Result, Route, parse_result, parse_text
from glassbridge.frontends.cni.versions import UNSAID
from glassbridge.model.network import Ingress


class _Keys(Struct, frozen=True, kw_only=True, rename="camel"):
    """Go's names."""


class Range(_Keys, frozen=True, kw_only=True):
    """Of host-local, as text: the engine parses and checks subnets."""

    subnet: str = ""
    range_start: str = ""
    range_end: str = ""
    gateway: str = ""


class Ipam(Range, frozen=True, kw_only=True):
    """`ipam`."""

    type: str = ""
    ranges: tuple[tuple[Range, ...], ...] = ()
    routes: tuple[Route, ...] = ()
    resolv_conf: str = ""


class PortMapping(_Keys, frozen=True, kw_only=True):
    """The capability portMappings."""

    host_port: int
    container_port: int
    protocol: str = ""
    host_ip: str = field(default="", name="hostIP")


class Bandwidth(_Keys, frozen=True, kw_only=True):
    """The capability bandwidth, and bandwidth's own keys; bits per second, and bits."""

    ingress_rate: int = 0
    ingress_burst: int = 0
    egress_rate: int = 0
    egress_burst: int = 0


class RuntimeDns(_Keys, frozen=True, kw_only=True):
    """The capability dns, in the words of the kubelet."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class RuntimeConfig(_Keys, frozen=True, kw_only=True):
    """`runtimeConfig`: what the runtime gives for each capability that the plugin declares."""

    port_mappings: tuple[PortMapping, ...] = ()
    ips: tuple[str, ...] = ()
    mac: str = ""
    bandwidth: Bandwidth | None = None
    dns: RuntimeDns = field(default_factory=RuntimeDns)
    ip_ranges: tuple[tuple[Range, ...], ...] = ()
    aliases: dict[str, tuple[str, ...]] | tuple[str, ...] = ()
    """Podman gives them by network."""


class CniArgs(_Keys, frozen=True, kw_only=True):
    """`args.cni`."""

    ips: tuple[str, ...] = ()
    mac: str = ""


class Args(_Keys, frozen=True, kw_only=True):
    """`args`."""

    cni: CniArgs = field(default_factory=CniArgs)


class ValidAttachment(_Keys, frozen=True, kw_only=True):
    """An entry of `cni.dev/valid-attachments`."""

    container_id: str = field(name="containerID")
    ifname: str


class Configuration(Bandwidth, frozen=True, kw_only=True):
    """One plugin's configuration as it comes by stdin."""

    name: str = ""
    cni_version: str = UNSAID
    prev_result: Any = None
    ipam: Ipam = field(default_factory=Ipam)
    dns: Dns = field(default_factory=Dns)
    args: Args = field(default_factory=Args)
    runtime_config: RuntimeConfig = field(default_factory=RuntimeConfig)

    bridge: str = ""
    is_gateway: bool = False
    is_default_gateway: bool = False
    force_address: bool = False
    ip_masq: bool = False
    mtu: int = 0
    hairpin_mode: bool = False
    promisc_mode: bool = False
    vlan: int = 0
    vlan_trunk: tuple[Any, ...] = ()
    macspoofchk: bool = False
    enabledad: bool = False
    disable_container_interface: bool = False
    port_isolation: bool = False

    snat: bool = True
    masq_all: bool = False
    conditions_v4: tuple[str, ...] = ()
    conditions_v6: tuple[str, ...] = ()

    ingress_policy: str = ""

    shaped_subnets: tuple[str, ...] = ()
    unshaped_subnets: tuple[str, ...] = ()

    mac: str = ""
    promisc: bool | None = None
    allmulti: bool | None = None
    queue_length: int | None = field(default=None, name="txQLen")
    sysctl: dict[str, str] = {}

    @property
    def has_own_ipam(self) -> bool:
        """Whether addresses come from our own pools."""
        if self.ipam.type:
            return self.ipam.type in OWN_IPAM
        return bool(self.ipam.subnet or self.ipam.ranges or self.runtime_config.ip_ranges)

    @property
    def foreign_ipam(self) -> str:
        """The IPAM plugin to delegate to; empty: none."""
        return "" if self.ipam.type in OWN_IPAM else self.ipam.type

    def previous(self) -> Result | None:
        """What the chain made so far; raises BadJson."""
        if self.prev_result is None or self.prev_result == {}:
            return None
        said = self.prev_result
        # a runtime may keep a result in the version of the plugin that made it
        version = said.get("cniVersion") if isinstance(said, dict) else None
        return parse_result(said, str(version or self.cni_version), "prevResult")


def parse_configuration(said: dict[str, Any]) -> Configuration:
    """Read every key; raises BadJson, InvalidRequest or Unsupported naming key and value."""
    try:
        configuration = msgspec.convert(said, Configuration, dec_hook=parse_text)
    except msgspec.ValidationError as error:
        raise BadJson(f"the network configuration: {error}") from None
    _refuse_unsupported(configuration)
    _refuse_contradictions(configuration)
    return configuration


def valid_attachments_of(said: dict[str, Any]) -> tuple[ValidAttachment, ...] | None:
    """Read what GC is to keep; None is not the same as nothing.

    libcni sends it twice, once by a name that it misspelt (cni#1101). Raises BadJson.
    """
    keys = ("cni.dev/valid-attachments", "cni.dev/attachments")
    named = next((key for key in keys if key in said), None)
    if named is None:
        return None
    try:
        return msgspec.convert(said[named], tuple[ValidAttachment, ...])
    except msgspec.ValidationError as error:
        raise BadJson(f"{named}: {error}") from None


def ingress_of(configuration: Configuration) -> tuple[Ingress, bool]:
    """Who may come in, and whether its own network's members may."""
    match configuration.ingress_policy:
        case "" | "open":
            return Ingress.OPEN, not configuration.port_isolation
        case "same-bridge":
            return Ingress.SAME_BRIDGE, not configuration.port_isolation
        case "isolated":
            return Ingress.SAME_BRIDGE, False
        case other:
            raise InvalidRequest(
                f"ingressPolicy {other!r} is unknown", hint="open, same-bridge or isolated"
            )


def _refuse_unsupported(configuration: Configuration) -> None:
    c = configuration
    refused = (
        ("vlan", c.vlan, "a network of its own separates as well"),
        ("vlanTrunk", c.vlan_trunk, "a network of its own separates as well"),
        ("conditionsV4", c.conditions_v4, "hostIP narrows a published port"),
        ("conditionsV6", c.conditions_v6, "hostIP narrows a published port"),
        ("shapedSubnets", c.shaped_subnets, "bandwidth is limited for all traffic or none"),
        ("unshapedSubnets", c.unshaped_subnets, "bandwidth is limited for all traffic or none"),
    )
    for key, value, hint in refused:
        if value:
            said = msgspec.json.encode(value).decode()[:80]
            raise Unsupported(f"{key}: {said} is not supported by glassbridge", hint=hint)


def _refuse_contradictions(configuration: Configuration) -> None:
    """What bridge refuses, too."""
    c = configuration
    if c.hairpin_mode and c.promisc_mode:
        raise InvalidRequest(
            "hairpinMode, and promiscMode: a frame that is sent back would come twice",
            hint="leave promiscMode out",
        )
    if c.disable_container_interface and (c.has_own_ipam or c.foreign_ipam):
        raise InvalidRequest(
            "disableContainerInterface, and ipam: an interface that is down has no address",
            hint="leave one of the two out",
        )
