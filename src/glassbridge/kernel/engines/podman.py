"""Containers of Podman and CRI-O: each has a conmon that was told its name and id."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, ip_network

from msgspec import Struct

from glassbridge.kernel.engines.files import Reader
from glassbridge.kernel.engines.podman_store import Kept, completed, read_store
from glassbridge.kernel.engines.processes import EngineProcess, option
from glassbridge.model.address import IPNetwork
from glassbridge.model.found import Findings, FoundContainer
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork

KEEPER = "conmon"
_STORAGE = "/var/lib/containers/storage"
_NETWORKS = "/etc/containers/networks"
_SETTINGS, _DEFAULT_SUBNET = "/etc/containers/containers.conf", IPv4Network("10.88.0.0/16")
_DEFAULT, _DEFAULT_BRIDGE = "podman", "podman0"
_BRIDGE = "bridge"
_OWN_DRIVERS = (_BRIDGE, "macvlan", "ipvlan")
_CRIO_PREFIX, _CRIO_POD = "k8s_", "POD"
_CRIO_PARTS = 4


class _Stored(Struct):
    id: str
    names: tuple[str, ...] = ()


class _Subnet(Struct):
    subnet: str


class _Network(Struct):
    """What netavark keeps of a network that somebody made."""

    name: str
    id: str = ""
    network_interface: str = ""
    driver: str = _BRIDGE
    internal: bool = False
    subnets: tuple[_Subnet, ...] = ()


def find_podman(keepers: Sequence[EngineProcess], root: str = "") -> Findings:
    """Containers that run, by their conmon; those that do not, by the storage."""
    reader = Reader(root)
    roots = _storages(reader, keepers)
    kept = {k: v for storage, at in roots.items() for k, v in read_store(at, storage).items()}
    running = [
        completed(found, kept[found.id]) if found.id in kept else found
        for keeper in keepers
        if (found := _running(keeper)) is not None
    ]
    ids = {container.id for container in running}
    made = dict(_made(reader))
    stopped = [c for c in _stored(roots) if c.id not in ids]
    return Findings(
        containers=(*running, *stopped),
        networks=tuple(_networks(reader, kept.values(), made)),
        driven={n.id: n.name for n in made.values() if n.driver not in _OWN_DRIVERS},
        complaints=tuple(c for at in {reader, *roots.values()} for c in at.complaints),
    )


def _running(keeper: EngineProcess) -> FoundContainer | None:
    container = option(keeper.arguments, "-c", "--cid")
    name = option(keeper.arguments, "-n", "--name") or container
    pidfile = option(keeper.arguments, "-p", "--container-pidfile")
    pid = Reader(keeper.root).number(pidfile) if pidfile else None
    if not container or pid is None:
        return None
    is_crio = name.startswith(_CRIO_PREFIX)
    return FoundContainer(
        name=_crio_name(name) if is_crio else name,
        origin=Origin.KUBERNETES if is_crio else Origin.PODMAN,
        id=container,
        pid=pid,
    )


def _crio_name(name: str) -> str:
    """k8s_CONTAINER_POD_NAMESPACE_UID_N; the container POD is the pod itself."""
    parts = name.split("_")
    if len(parts) < _CRIO_PARTS:
        return name
    _, container, pod, *_ = parts
    return pod if container == _CRIO_POD else f"{pod}/{container}"


def _storages(reader: Reader, keepers: Sequence[EngineProcess]) -> dict[str, Reader]:
    """Where containers are kept, and who reads there."""
    roots = {_STORAGE: reader}
    for keeper in keepers:
        # the arguments that conmon hands to `podman container cleanup` name the storage
        words = [w for w in keeper.arguments if w != "--exit-command-arg"]
        root = option(words, "--root")
        if root:
            roots.setdefault(root, Reader(keeper.root))
    return roots


def _stored(roots: Mapping[str, Reader]) -> Iterator[FoundContainer]:
    for root, storage in roots.items():
        for path in storage.entries(root):
            if path.endswith("-containers"):  # overlay-containers, vfs-containers, ...
                for one in storage.read(f"{path}/containers.json", tuple[_Stored, ...]) or ():
                    for name in one.names[:1]:
                        yield FoundContainer(
                            name=name, origin=Origin.PODMAN, id=one.id, is_running=False
                        )


def _made(reader: Reader) -> Iterator[tuple[str, _Network]]:
    for path in reader.entries(_NETWORKS):
        found = reader.read(path, _Network) if path.endswith(".json") else None
        if found is not None:
            yield path, found


def _networks(
    reader: Reader, kept: Iterable[Kept], made: Mapping[str, _Network]
) -> Iterator[NamedNetwork]:
    # netavark has the usual one without a file; one that is there has the last word
    if any(_DEFAULT in (one.networks or ()) for one in kept):
        usual: tuple[IPNetwork, ...] = (_default_subnet(reader),)
        yield NamedNetwork(
            name=_DEFAULT, origin=Origin.PODMAN, bridge=_DEFAULT_BRIDGE, subnets=usual
        )
    for path, found in made.items():
        if found.driver != _BRIDGE or not found.network_interface:
            continue
        try:
            subnets = tuple(ip_network(s.subnet) for s in found.subnets)
        except ValueError as error:
            reader.complaints.append(f"{path}: {error}")
            continue
        yield NamedNetwork(
            name=found.name,
            origin=Origin.PODMAN,
            bridge=found.network_interface,
            internal=found.internal,
            subnets=subnets,
        )


def _default_subnet(reader: Reader) -> IPNetwork:
    try:
        settings = tomllib.loads((reader.octets(_SETTINGS) or b"").decode())
        return ip_network(settings["network"]["default_subnet"])
    except (ValueError, LookupError, TypeError):
        return _DEFAULT_SUBNET
