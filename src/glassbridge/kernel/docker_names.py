"""Docker's containers and networks, out of the files below its data root."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, ip_address, ip_interface
from pathlib import Path

from msgspec import DecodeError, Struct, ValidationError, field
from msgspec.json import decode

from glassbridge.kernel.engine_processes import EngineProcess
from glassbridge.model.address import IPAddress
from glassbridge.model.found import Findings, FoundContainer
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork, Published
from glassbridge.wire.bolt import read_entries

PROGRAM = "dockerd"

_DATA_ROOT, _CONFIG = "/var/lib/docker", "/etc/docker/daemon.json"
_REMAPPED = re.compile(r"\d+\.\d+")
"""With user namespaces (`userns-remap`) all is one folder deeper."""
_NETWORK_KEY = re.compile(rb"docker/network/v1\.0/(network|bridge)/([0-9a-z]+)/")
_INDEX_SIZE = 8
"""Before each value stands how often the store was written (libkv)."""


class _State(Struct, rename="pascal"):
    running: bool = False
    pid: int = 0


class _Endpoint(Struct):
    ipv4: str = field(name="IPAddress", default="")
    ipv6: str = field(name="GlobalIPv6Address", default="")


class _Binding(Struct, rename="pascal"):
    host_ip: str = ""
    host_port: str = ""


class _NetworkSettings(Struct, rename="pascal"):
    networks: dict[str, _Endpoint | None] | None = None
    ports: dict[str, list[_Binding] | None] | None = None
    sandbox_key: str = ""


class _Container(Struct, rename="pascal"):
    id: str = field(name="ID")
    name: str
    state: _State = field(default_factory=_State)
    network_settings: _NetworkSettings = field(default_factory=_NetworkSettings)


class _Network(Struct):
    name: str = ""


class _Bridge(Struct):
    """A network as its driver keeps it."""

    name: str = field(name="BridgeName", default="")
    icc: bool = field(name="EnableICC", default=True)
    internal: bool = field(name="Internal", default=False)
    ipv4: str = field(name="AddressIPv4", default="")
    ipv6: str = field(name="AddressIPv6", default="")


class _Settings(Struct, rename="kebab"):
    data_root: str = ""


def find(processes: Iterable[EngineProcess]) -> Findings:
    """What every dockerd that runs keeps; without one, what the usual place still has."""
    daemons = [p for p in processes if p.program == PROGRAM]
    finders = [_Finder(d, d.reach(_data_root(d))) for d in daemons]
    finders = finders or [_Finder(None, Path(_DATA_ROOT))]
    return Findings(
        containers=tuple(c for f in finders for c in f.containers()),
        networks=tuple(n for f in finders for n in f.networks()),
        complaints=tuple(c for f in finders for c in f.complaints),
    )


def _data_root(daemon: EngineProcess) -> str:
    given = daemon.option("--data-root", "-g", "--graph")
    if given:
        return given
    config = daemon.reach(daemon.option("--config-file") or _CONFIG)
    with suppress(OSError, DecodeError, ValidationError):
        return decode(config.read_bytes(), type=_Settings).data_root or _DATA_ROOT
    return _DATA_ROOT


class _Finder:
    """One data root."""

    def __init__(self, daemon: EngineProcess | None, root: Path) -> None:
        self._daemon = daemon
        self._is_at_home = daemon is None or daemon.shares("net")
        self.complaints: list[str] = []
        with suppress(OSError):
            remapped = [p for p in root.iterdir() if _REMAPPED.fullmatch(p.name)]
            root = next((p for p in remapped if (p / "containers").exists()), root)
        self._root = root

    def containers(self) -> Iterator[FoundContainer]:
        """Those that run and those that do not."""
        try:
            files = sorted(self._root.glob("containers/*/config.v2.json"))
        except OSError as error:
            self.complaints.append(f"{self._root}: {error.strerror}")
            return
        for file in files:
            try:
                found = decode(file.read_bytes(), type=_Container)
            except FileNotFoundError:
                continue  # removed since the folder was listed
            except (OSError, DecodeError) as error:
                self.complaints.append(f"{file}: {error}")
                continue
            yield self._container(found)

    def _container(self, container: _Container) -> FoundContainer:
        name, settings = container.name.removeprefix("/"), container.network_settings
        netns = str(self._reach(settings.sandbox_key)) if settings.sandbox_key else ""
        pid = container.state.pid if self._daemon and self._daemon.shares("pid") else None
        # what no daemon keeps up to date may be of before the last boot
        is_running = container.state.running and (
            self._daemon is not None or bool(netns and Path(netns).exists())
        )
        own = tuple(_addresses(settings))
        return FoundContainer(
            name=name,
            origin=Origin.DOCKER,
            id=container.id,
            pid=pid or None,
            netns="" if pid else netns,
            addresses=own,
            published=tuple(_published(name, settings, own)) if self._is_at_home else (),
            is_running=is_running and bool(pid or netns),
        )

    def _reach(self, path: str) -> Path:
        return Path(path) if self._daemon is None else self._daemon.reach(path)

    def networks(self) -> Iterator[NamedNetwork]:
        """Those of bridges; the names of links are of the namespace that dockerd is in."""
        file = self._root / "network/files/local-kv.db"
        if not self._is_at_home:
            return
        try:
            names, bridges = _read_networks(file.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self.complaints.append(f"{file}: {error}")
            return
        for number, bridge in bridges.items():
            if number in names:
                yield NamedNetwork(
                    name=names[number].name,
                    origin=Origin.DOCKER,
                    bridge=bridge.name,
                    internal=bridge.internal,
                    icc=bridge.icc,
                    subnets=tuple(ip_interface(a).network for a in (bridge.ipv4, bridge.ipv6) if a),
                )


def _read_networks(data: bytes) -> tuple[dict[bytes, _Network], dict[bytes, _Bridge]]:
    """By network id; raises ValueError, of which those of msgspec are kinds."""
    names: dict[bytes, _Network] = {}
    bridges: dict[bytes, _Bridge] = {}
    for way, value in read_entries(data):
        match = _NETWORK_KEY.fullmatch(way[-1])
        if match is None:
            continue
        body = value[_INDEX_SIZE:]
        if match[1] == b"network":
            names[match[2]] = decode(body, type=_Network)
        else:
            bridges[match[2]] = decode(body, type=_Bridge)
    return names, bridges


def _addresses(settings: _NetworkSettings) -> Iterator[IPAddress]:
    for endpoint in (settings.networks or {}).values():
        for text in (endpoint.ipv4, endpoint.ipv6) if endpoint else ():
            if text:
                yield ip_address(text)


def _published(
    name: str, settings: _NetworkSettings, own: tuple[IPAddress, ...]
) -> Iterator[Published]:
    for served, bindings in (settings.ports or {}).items():
        port, _, protocol = served.partition("/")
        if protocol not in {Transport.TCP, Transport.UDP}:
            continue
        for binding in bindings or ():
            host = ip_address(binding.host_ip or "0.0.0.0")  # noqa: S104 - what Docker means by it
            inner = next((a for a in own if a.version == host.version), None)
            # what is published on :: reaches a container without IPv6 by its docker-proxy
            target = inner or next((a for a in own if isinstance(a, IPv4Address)), None)
            if target is not None and binding.host_port:
                yield Published(
                    host_address=host,
                    host_port=int(binding.host_port),
                    transport=Transport(protocol),
                    container_address=target,
                    container_port=int(port),
                    origin=Origin.DOCKER,
                    name=name,
                )
