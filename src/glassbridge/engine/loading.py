"""From the store to the state, and the identity that the store is stamped with."""

import os
from pathlib import Path

from glassbridge.engine.host import REALISED, decode_realised
from glassbridge.engine.pool_registry import HOLDER
from glassbridge.engine.state import State
from glassbridge.kernel.netns import CURRENT, cookie_of, open_netns
from glassbridge.store.store import Store


def load_state(store: Store) -> State:
    """Everything that was known, with its addresses leased again."""
    state = State()
    for network in store.list_networks():
        state.add_network(network)
    _load_pools(state, store)
    known = {n.id for n in state.networks}
    state.realised = decode_realised(store.setting(REALISED)) & known
    for sandbox in store.list_sandboxes():
        state.put_sandbox(sandbox)
    for container in store.list_containers():
        state.containers.put(container)
    for endpoint in sorted(store.list_endpoints(), key=lambda e: e.created):
        if endpoint.network not in known or endpoint.sandbox not in state.sandboxes:
            with store.transaction():
                store.delete_endpoint(endpoint.id)
            continue
        state.put_endpoint(endpoint)
        holder = state.sandboxes[endpoint.sandbox].name
        for address in endpoint.addresses:
            pool = state.pool_of(state.networks[endpoint.network], address)
            if pool is not None:
                pool.reserve(address, holder)
    return state


def _load_pools(state: State, store: Store) -> None:
    for pool in store.list_address_pools():
        state.address_pools.put(pool)
        for address in pool.lasting:
            state.address_pools.leases(pool).reserve(address, HOLDER)
    for lease in store.list_address_leases():
        known = state.address_pools.get(lease.pool)
        if known is not None:
            state.address_pools.leases(known).reserve(lease.address.ip, HOLDER)


def netns_identity() -> tuple[str, int, str]:
    """The boot id, and this thread's namespace as cookie and as what `lsns` shows."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    fd = open_netns(CURRENT)
    try:
        return boot_id, cookie_of(fd), f"net:[{os.fstat(fd).st_ino}]"
    finally:
        os.close(fd)
