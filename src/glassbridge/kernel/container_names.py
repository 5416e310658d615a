"""Names of containers and networks of every engine on this host; no engine is asked."""

import os
from collections import defaultdict
from itertools import chain

from glassbridge.kernel.engines.cni import find_cni
from glassbridge.kernel.engines.containerd import DAEMON as CONTAINERD
from glassbridge.kernel.engines.containerd import find_containerd
from glassbridge.kernel.engines.docker import DAEMON as DOCKERD
from glassbridge.kernel.engines.docker import find_docker
from glassbridge.kernel.engines.libvirt import find_libvirt
from glassbridge.kernel.engines.podman import KEEPER as CONMON
from glassbridge.kernel.engines.podman import find_podman
from glassbridge.kernel.engines.processes import EngineProcess, engine_processes
from glassbridge.model.found import Findings

_NAMED = "/run/netns"


def find_containers() -> Findings:
    """What every engine of this host left in its files; absence is nothing, garbage is told.

    An engine that runs in another network namespace serves another host, such as a lab's.
    """
    running: defaultdict[str, list[EngineProcess]] = defaultdict(list)
    for name, process in engine_processes({DOCKERD, CONMON, CONTAINERD}):
        running[name].append(process)
    # those that know names first: CNI and containerd may know the same containers by an id
    found = (
        find_docker(running[DOCKERD]),
        find_podman(running[CONMON]),
        find_containerd(running[CONTAINERD]),
        find_cni(),
        find_libvirt(),
    )
    return Findings(
        containers=tuple(chain.from_iterable(f.containers for f in found)),
        networks=tuple(chain.from_iterable(f.networks for f in found)),
        driven={i: name for f in found for i, name in f.driven.items()},
        complaints=tuple(chain.from_iterable(f.complaints for f in found)),
    )


def find_named_namespaces() -> tuple[str, ...]:
    """The paths of `ip netns`."""
    try:
        return tuple(sorted(f"{_NAMED}/{name}" for name in os.listdir(_NAMED)))  # noqa: PTH208 - text is wanted
    except OSError:
        return ()
