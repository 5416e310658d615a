"""Names of containers and networks from the files of their engines: no engine is asked."""

import os
from collections.abc import Callable
from itertools import chain

from glassbridge.model.found import Findings

_NAMED = "/run/netns"
_FINDERS: tuple[Callable[[], Findings], ...] = ()


def find_containers() -> Findings:
    """What every engine of this host left in its files; absence is nothing, garbage is told."""
    found = tuple(find() for find in _FINDERS)
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
