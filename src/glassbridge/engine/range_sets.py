"""Several subnets of one family on a network, in the way of host-local's range sets."""

from collections.abc import Iterable, Sequence

from glassbridge.ipam.pool import Pool


def range_sets(pools: Iterable[Pool]) -> Iterable[Sequence[Pool]]:
    """Pools of which one gives each member an address, in their order."""
    sets: dict[tuple[int, int], list[Pool]] = {}
    for pool in pools:
        subnet = pool.subnet
        sets.setdefault((subnet.prefix.version, subnet.range_set), []).append(pool)
    return sets.values()
