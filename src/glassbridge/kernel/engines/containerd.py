"""Tasks of containerd, of Kubernetes, nerdctl or ctr, by the bundles that it runs them from."""

import tomllib
from collections.abc import Iterator, Sequence

from msgspec import Struct

from glassbridge.kernel.engines.files import Reader
from glassbridge.kernel.engines.processes import EngineProcess, option
from glassbridge.model.found import Findings, FoundContainer
from glassbridge.model.ruleset import Origin

DAEMON = "containerd"
_STATE, _CONFIGURATION = "/run/containerd", "/etc/containerd/config.toml"
_TASKS = "io.containerd.runtime.v2.task"
_DOCKERS = "moby"
"""The namespace of Docker, which has names where this has ids."""

_CONTAINER, _POD = "io.kubernetes.cri.container-name", "io.kubernetes.cri.sandbox-name"
_NERDCTL = "nerdctl/name"
_LONG_ID, _SHORT_ID = 64, 12


class _Namespace(Struct):
    type: str
    path: str = ""


class _Linux(Struct):
    namespaces: tuple[_Namespace, ...] = ()


class _Bundle(Struct):
    annotations: dict[str, str] | None = None
    linux: _Linux | None = None


def find_containerd(daemons: Sequence[EngineProcess]) -> Findings:
    """Tasks of every containerd of our host, and of the usual folder."""
    containers: list[FoundContainer] = []
    complaints: list[str] = []
    for root, folder in dict.fromkeys(_folders(daemons)):
        reader = Reader(root)
        for space in reader.entries(f"{folder}/{_TASKS}"):
            if not space.endswith(f"/{_DOCKERS}"):
                found = (_task(reader, path) for path in reader.entries(space))
                containers += [task for task in found if task is not None]
        complaints += reader.complaints
    return Findings(containers=tuple(containers), complaints=tuple(complaints))


def _folders(daemons: Sequence[EngineProcess]) -> Iterator[tuple[str, str]]:
    for daemon in daemons:
        file = option(daemon.arguments, "--config", "-c") or _CONFIGURATION
        given = option(daemon.arguments, "--state")
        yield daemon.root, given or _configured(Reader(daemon.root).octets(file)) or _STATE
    if not daemons:
        yield "", _STATE


def _configured(body: bytes | None) -> str:
    try:
        state = tomllib.loads((body or b"").decode()).get("state", "")
    except ValueError:  # not UTF-8, not TOML
        return ""
    return state if isinstance(state, str) else ""


def _task(reader: Reader, path: str) -> FoundContainer | None:
    bundle = reader.read(f"{path}/config.json", _Bundle)
    pid = reader.number(f"{path}/init.pid")
    if bundle is None or pid is None:
        return None
    container = path.rpartition("/")[2]
    notes, linux = bundle.annotations or {}, bundle.linux or _Linux()
    netns = next((n.path for n in linux.namespaces if n.type == "network"), "")
    return FoundContainer(
        name=_name(notes, container),
        origin=Origin.KUBERNETES if _POD in notes else Origin.CONTAINERD,
        id=container,
        pid=pid,
        netns=reader.at(netns) if netns else "",
    )


def _name(notes: dict[str, str], container: str) -> str:
    """`pod/container`, `pod` for the one that holds its namespace, or what ctr was told."""
    if _POD in notes:
        return "/".join(notes[key] for key in (_POD, _CONTAINER) if key in notes)
    short = container[:_SHORT_ID] if len(container) == _LONG_ID else container
    return notes.get(_NERDCTL) or short
