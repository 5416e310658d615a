"""What CNI's library keeps of every network that it gave to a container (cniCacheV1)."""

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_interface, ip_network
from typing import Any

import msgspec
from msgspec import Struct, field

from glassbridge.kernel.engines.files import Reader
from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.found import Findings, FoundContainer
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork, Published

_RESULTS = ("/var/lib/cni/results", "/var/lib/cni/cache/results")
_CONFIGURATIONS = "/etc/cni/net.d"
_BRIDGE, _DEFAULT_BRIDGE, _PODMANS = "bridge", "cni0", "cni-podman"
_POD, _POD_NAMESPACE = "K8S_POD_NAME", "K8S_POD_NAMESPACE"
_SHORT_ID, _ID = 12, re.compile(r"[0-9a-f]{64}")
_ANY = "0.0.0.0"  # noqa: S104 - what no hostIP means


class _Plugin(Struct):
    type: str = ""
    bridge: str = ""
    ipam: dict[str, Any] = {}


class _Configuration(Struct):
    name: str = ""
    type: str = ""
    bridge: str = ""
    ipam: dict[str, Any] = {}
    plugins: tuple[_Plugin, ...] = ()


class _Mapping(Struct):
    host_port: int = field(name="hostPort", default=0)
    container_port: int = field(name="containerPort", default=0)
    protocol: str = "tcp"
    host_address: str = field(name="hostIP", default="")


class _Capabilities(Struct):
    mappings: tuple[_Mapping, ...] = field(name="portMappings", default=())


class _Interface(Struct):
    name: str = ""
    sandbox: str = ""


class _Address(Struct):
    address: str


class _Result(Struct):
    interfaces: tuple[_Interface, ...] = ()
    ips: tuple[_Address, ...] = ()


class _Cached(Struct):
    container: str = field(name="containerId")
    network: str = field(name="networkName", default="")
    config: str = ""
    arguments: tuple[tuple[str, str], ...] = field(name="cniArgs", default=())
    capabilities: _Capabilities = field(name="capabilityArgs", default_factory=_Capabilities)
    result: _Result = field(default_factory=_Result)


def find_cni(root: str = "") -> Findings:
    """Containers and networks; what was not cleaned up after its end has no namespace any more."""
    reader = Reader(root)
    containers: list[FoundContainer] = []
    networks = {n.bridge: n for n in _configured(reader)}
    for folder in _RESULTS:
        for path in reader.entries(folder):
            cached = reader.read(path, _Cached)
            if cached is not None:
                containers += _container(cached)
                configuration = _decode(cached.config)
                found = _network(configuration) if configuration else None
                if found is not None:
                    networks.setdefault(found.bridge, found)
    return Findings(
        containers=tuple(containers),
        networks=tuple(networks.values()),
        complaints=tuple(reader.complaints),
    )


def _container(cached: _Cached) -> Iterator[FoundContainer]:
    netns = next((i.sandbox for i in cached.result.interfaces if i.sandbox), "")
    if not netns:
        return
    told = dict(cached.arguments)
    known = cached.container
    name = told.get(_POD) or (known[:_SHORT_ID] if _ID.fullmatch(known) else known)
    addresses = tuple(_addresses(cached.result))
    yield FoundContainer(
        name=name,
        origin=Origin.KUBERNETES if _POD_NAMESPACE in told else Origin.CNI,
        id=cached.container,
        netns=netns,
        addresses=addresses,
        published=tuple(_published(cached, addresses, name)),
    )


def _addresses(result: _Result) -> Iterator[IPAddress]:
    for one in result.ips:
        with suppress(ValueError):
            yield ip_interface(one.address).ip


def _published(cached: _Cached, addresses: tuple[IPAddress, ...], name: str) -> Iterator[Published]:
    for mapping in cached.capabilities.mappings:
        with suppress(ValueError):
            host = ip_interface(mapping.host_address or _ANY).ip
            inside = next((a for a in addresses if a.version == host.version), None)
            if inside is not None:
                yield Published(
                    host_address=host,
                    host_port=mapping.host_port,
                    transport=Transport(mapping.protocol),
                    container_address=inside,
                    container_port=mapping.container_port,
                    origin=Origin.CNI,
                    name=name,
                )


def _configured(reader: Reader) -> Iterator[NamedNetwork]:
    for path in reader.entries(_CONFIGURATIONS):
        if path.endswith((".conflist", ".conf", ".json")):
            configuration = reader.read(path, _Configuration)
            found = _network(configuration) if configuration else None
            if found is not None:
                yield found


def _network(configuration: _Configuration) -> NamedNetwork | None:
    """A network whose plugin is `bridge`; others have none to name."""
    own = _Plugin(configuration.type, configuration.bridge, configuration.ipam)
    plugins = configuration.plugins or (own,)
    plugin = next((p for p in plugins if p.type == _BRIDGE), None)
    if plugin is None:
        return None
    bridge = plugin.bridge or _DEFAULT_BRIDGE
    return NamedNetwork(
        name=configuration.name,
        origin=Origin.PODMAN if bridge.startswith(_PODMANS) else Origin.CNI,
        bridge=bridge,
        subnets=tuple(_subnets(plugin.ipam)),
    )


def _subnets(ipam: dict[str, Any]) -> Iterator[IPNetwork]:
    """host-local: one `subnet`, or `ranges` of several; other plugins say it their own way."""
    ranges = ipam.get("ranges")
    told = (
        [ipam, *(r for several in ranges for r in several)] if isinstance(ranges, list) else [ipam]
    )
    for one in told:
        with suppress(ValueError, AttributeError, TypeError):
            yield ip_network(one.get("subnet", ""))


def _decode(config: str) -> _Configuration | None:
    try:
        return msgspec.json.decode(base64.b64decode(config), type=_Configuration)
    except (ValueError, msgspec.DecodeError):
        return None
