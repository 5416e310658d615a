"""Docker's containers, by the files that dockerd keeps of them (config.v2.json)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_interface
from os.path import exists

from msgspec import Struct, field

from glassbridge.kernel.engines.docker_networks import find_networks
from glassbridge.kernel.engines.files import Reader
from glassbridge.kernel.engines.processes import EngineProcess, is_in_cgroup, option
from glassbridge.model.address import IPAddress, IPInterface
from glassbridge.model.found import Findings, FoundContainer
from glassbridge.model.packet import Transport
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork, Published

DAEMON = "dockerd"
_ROOT, _CONFIGURATION = "/var/lib/docker", "/etc/docker/daemon.json"
_DEFAULT_NETWORK, _DEFAULT_BRIDGE = "bridge", "docker0"
_SHORT_ID = 12
_ANY = "0.0.0.0"  # noqa: S104 - what an empty HostIp means


class _State(Struct):
    running: bool = field(name="Running", default=False)
    pid: int = field(name="Pid", default=0)


class _Endpoint(Struct):
    id: str = field(name="EndpointID", default="")
    network: str = field(name="NetworkID", default="")
    ipv4: str = field(name="IPAddress", default="")
    ipv4_length: int = field(name="IPPrefixLen", default=0)
    ipv6: str = field(name="GlobalIPv6Address", default="")
    ipv6_length: int = field(name="GlobalIPv6PrefixLen", default=0)


class _Binding(Struct):
    address: str = field(name="HostIp", default="")
    port: str = field(name="HostPort", default="")


class _Settings(Struct):
    networks: dict[str, _Endpoint | None] | None = field(name="Networks", default=None)
    ports: dict[str, list[_Binding] | None] | None = field(name="Ports", default=None)
    netns: str = field(name="SandboxKey", default="")


class _Container(Struct):
    id: str = field(name="ID")
    name: str = field(name="Name")
    state: _State = field(name="State", default_factory=_State)
    settings: _Settings | None = field(name="NetworkSettings", default=None)


class _Configuration(Struct):
    data_root: str = field(name="data-root", default="")


def find_docker(daemons: Sequence[EngineProcess]) -> Findings:
    """Containers of every dockerd of our host; of the usual folder where none runs."""
    containers: list[FoundContainer] = []
    networks: dict[str, NamedNetwork] = {}
    driven: dict[str, str] = {}
    complaints: list[str] = []
    for root, folder in dict.fromkeys(data_folders(daemons)):
        reader = Reader(root)
        for path in reader.entries(f"{folder}/containers"):
            found = reader.read(f"{path}/config.v2.json", _Container)
            if found is not None:
                containers.append(_container(found, reader))
                networks |= {n.bridge: n for n in _networks(found)}
        kept, others = find_networks(reader, folder)
        networks |= {n.bridge: n for n in kept}
        driven |= others
        complaints += reader.complaints
    return Findings(
        containers=tuple(containers),
        networks=tuple(networks.values()),
        driven=driven,
        complaints=tuple(complaints),
    )


def data_folders(daemons: Sequence[EngineProcess]) -> Iterator[tuple[str, str]]:
    """Root and data folder of each daemon."""
    for daemon in daemons:
        reader = Reader(daemon.root)
        file = option(daemon.arguments, "--config-file") or _CONFIGURATION
        told = reader.read(file, _Configuration)
        given = option(daemon.arguments, "--data-root", "-g", "--graph")
        yield daemon.root, given or (told.data_root if told else "") or _ROOT
    if not daemons:
        yield "", _ROOT


def _container(found: _Container, reader: Reader) -> FoundContainer:
    name, settings = found.name.removeprefix("/"), found.settings or _Settings()
    addresses = tuple(a.ip for e in _endpoints(settings) for a in _interfaces(e))
    # after a crash of the host the file still says Running, and the number is another's
    pid = found.state.pid if is_in_cgroup(found.state.pid, found.id) else None
    netns = reader.at(settings.netns) if settings.netns else ""
    return FoundContainer(
        name=name,
        origin=Origin.DOCKER,
        id=found.id,
        pid=pid,
        netns="" if pid else netns,
        addresses=addresses,
        published=tuple(_published(settings, addresses, name)),
        endpoints={e.id: n for n, e in (settings.networks or {}).items() if e is not None and e.id},
        is_running=found.state.running and (pid is not None or bool(netns and exists(netns))),  # noqa: PTH110 - text
    )


def _networks(found: _Container) -> Iterator[NamedNetwork]:
    for name, endpoint in ((found.settings or _Settings()).networks or {}).items():
        interfaces = _interfaces(endpoint) if endpoint else ()
        if endpoint is None or not interfaces:
            continue
        bridge = f"br-{endpoint.network[:_SHORT_ID]}"
        yield NamedNetwork(
            name=name,
            origin=Origin.DOCKER,
            bridge=_DEFAULT_BRIDGE if name == _DEFAULT_NETWORK else bridge,
            subnets=tuple(a.network for a in interfaces),
        )


def _endpoints(settings: _Settings) -> Iterator[_Endpoint]:
    return (e for e in (settings.networks or {}).values() if e is not None)


def _interfaces(endpoint: _Endpoint) -> tuple[IPInterface, ...]:
    found = []
    for address, length in (
        (endpoint.ipv4, endpoint.ipv4_length),
        (endpoint.ipv6, endpoint.ipv6_length),
    ):
        with suppress(ValueError):
            found.append(ip_interface(f"{address}/{length}"))
    return tuple(found)


def _published(
    settings: _Settings, addresses: Iterable[IPAddress], name: str
) -> Iterator[Published]:
    """`80/tcp` -> where it is bound; to an IPv6 port without IPv6 inside, docker-proxy leads."""
    own = {a.version: a for a in reversed([*addresses])}
    for port, bindings in (settings.ports or {}).items():
        number, _, protocol = port.partition("/")
        for binding in bindings or ():
            with suppress(ValueError):
                host = ip_address(binding.address or _ANY)
                inside = own.get(host.version) or own.get(4)
                if inside is not None:
                    yield Published(
                        host_address=host,
                        host_port=int(binding.port),
                        transport=Transport(protocol),
                        container_address=inside,
                        container_port=int(number),
                        origin=Origin.DOCKER,
                        name=name,
                    )
