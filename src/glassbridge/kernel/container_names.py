"""Names of containers and networks from the files of their engines: no engine is asked."""

import os
from itertools import chain

from glassbridge.kernel import docker_names
from glassbridge.kernel.engine_processes import find_processes
from glassbridge.model.found import Findings

_NAMED = "/run/netns"
_FINDERS = (docker_names.find,)
_PROGRAMS = frozenset({docker_names.PROGRAM})


def find_containers() -> Findings:
    """What every engine of this host left in its files; absence is nothing, garbage is told."""
    processes = find_processes(_PROGRAMS)
    found = tuple(find(processes) for find in _FINDERS)
    return Findings(
        containers=tuple(chain.from_iterable(f.containers for f in found)),
        networks=tuple(chain.from_iterable(f.networks for f in found)),
        complaints=tuple(chain.from_iterable(f.complaints for f in found)),
    )


def find_named_namespaces() -> tuple[str, ...]:
    """The paths of `ip netns`."""
    try:
        return tuple(sorted(f"{_NAMED}/{name}" for name in os.listdir(_NAMED)))  # noqa: PTH208 - text is wanted
    except OSError:
        return ()
