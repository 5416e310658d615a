"""From a wish to an endpoint: addresses, MAC, names and ports are chosen and leased here.

Everything taken is taken back when a later choice fails; nothing in the kernel is touched, except
that host ports are held by a socket the moment they are chosen: only the kernel knows who else
has one.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address

from glassbridge.engine.holders import taken
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, InvalidRequest
from glassbridge.ipam.pool import Pool
from glassbridge.model.address import IPAddress, IPInterface, Mac, mac_of, mac_without_ipv4
from glassbridge.model.container import NetworkWish
from glassbridge.model.container_flags import parse_mac
from glassbridge.model.endpoint import Endpoint, EndpointId, EndpointState, Sandbox
from glassbridge.model.kernel_names import host_end_name
from glassbridge.model.names import check_ifname
from glassbridge.model.network import Ifname, Network

_INTERFACES: dict[int, Callable[[tuple[int, int]], IPInterface]] = {
    4: IPv4Interface,
    6: IPv6Interface,
}


class Leases:
    """What one job has taken so far, so that it can be given back."""

    def __init__(self, state: State, now: float) -> None:
        self._state = state
        self._now = now
        self._taken: list[tuple[Network, IPAddress]] = []

    def address(self, network: Network, version: int, wish: str, holder: str) -> IPInterface | None:
        """Lease an address of a family; None where the network lacks it and nobody asked."""
        if wish:
            return self.wished(network, _parse_address(wish, version), holder)
        pool = self._state.pool(network, version)
        return None if pool is None else self._noted(network, pool, pool.lease(holder, self._now))

    def wished(self, network: Network, wish: IPAddress, holder: str) -> IPInterface:
        """Lease a certain address; raises InvalidRequest or Conflict."""
        pool = self._state.pool_of(network, wish) or self._state.pool(network, wish.version)
        if pool is None:
            raise InvalidRequest(
                f"network {network.name} has no IPv{wish.version} subnet for address {wish}"
            )
        if (owner := pool.holder_of(wish)) is not None:
            raise _in_use(self._state, network, wish, owner)
        pool.reserve(wish, holder)
        return self._noted(network, pool, wish)

    def next_of(self, network: Network, pools: Sequence[Pool], holder: str) -> IPInterface:
        """Lease the next address of the first pool that has one; raises PoolExhausted."""
        *firsts, last = pools
        pool = next((p for p in firsts if not p.is_exhausted), last)
        return self._noted(network, pool, pool.lease(holder, self._now))

    def _noted(self, network: Network, pool: Pool, leased: IPAddress) -> IPInterface:
        self._taken.append((network, leased))
        # from numbers: ipaddress would parse the text of an address, too
        return _INTERFACES[leased.version]((int(leased), pool.subnet.prefix.prefixlen))

    def give_back(self) -> None:
        """Return every lease unused: it need not rest."""
        for network, address in self._taken:
            pool = self._state.pool_of(network, address)
            if pool is not None:
                pool.cancel(address)


def new_endpoint(
    state: State,
    leases: Leases,
    sandbox: Sandbox,
    network: Network,
    wish: NetworkWish,
    ifname: Ifname,
    host_end_is_free: Callable[[Ifname], bool],
    now: float,
) -> Endpoint:
    """Choose everything about an endpoint that does not depend on its siblings."""
    endpoint_id, host_end = fresh_id(host_end_is_free)
    ipv4 = leases.address(network, 4, wish.ipv4, sandbox.name)
    ipv6 = leases.address(network, 6, wish.ipv6, sandbox.name)
    mac = choose_mac(state, network, wish.mac, endpoint_id, ipv4)
    return Endpoint(
        id=endpoint_id,
        network=network.id,
        sandbox=sandbox.id,
        ifname=ifname,
        host_end=host_end,
        mac=mac,
        host_mac=host_mac_of(mac),
        ipv4=ipv4,  # type: ignore[arg-type]  # the pool's version says the family
        ipv6=ipv6,  # type: ignore[arg-type]  # same
        gateway_priority=wish.gateway_priority,
        aliases=wish.aliases,
        state=EndpointState.ATTACHING,
        created=now,
    )


def choose_ifname(
    network: Network, wish: str, taken: Collection[str], exists: Callable[[Ifname], bool]
) -> Ifname:
    """The wished name, else the network's prefix with the lowest free index, as Docker."""
    if wish:
        if wish in taken or exists(Ifname(wish)):
            raise Conflict(f"the namespace already has an interface {wish}")
        return check_ifname(wish)
    index = 0
    while True:
        name = Ifname(f"{network.options.ifname_prefix}{index}")
        if name not in taken and not exists(name):
            return name
        index += 1


def fresh_id(host_end_is_free: Callable[[Ifname], bool]) -> tuple[EndpointId, Ifname]:
    """Seven hex digits may meet a foreign link by chance; then another id is drawn."""
    while True:
        endpoint_id = EndpointId(secrets.token_hex(32))
        host_end = host_end_name(endpoint_id)
        if host_end_is_free(host_end):
            return endpoint_id, host_end


def _in_use(state: State, network: Network, address: IPAddress, owner: str) -> Conflict:
    what = f"address {address} on network {network.name} is in use by"
    hint = "choose another, or omit it to get the next free one"
    holder = state.sandboxes.named(owner)
    return (
        Conflict(f"{what} {owner}", hint=hint)
        if holder is None
        else taken(state, what, holder, hint=hint)
    )


def _parse_address(text: str, version: int) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(text)
    except ValueError as error:
        raise InvalidRequest(f"bad IPv{version} address {text!r}: not an address") from error
    if address.version != version:
        raise InvalidRequest(f"{text} is not an IPv{version} address")
    return address


def choose_mac(
    state: State, network: Network, wish: str, endpoint_id: str, ipv4: IPInterface | None
) -> Mac:
    """The wished MAC, else one made of the IPv4 address, else a random one; raises Conflict."""
    # of every network: the source guard knows one owner of a MAC
    holders = {e.mac: e for e in tuple(state.endpoints.values())} if wish or ipv4 is None else {}
    if wish:
        mac = parse_mac(wish)
        if mac in holders:
            holder = state.sandboxes[holders[mac].sandbox]
            raise taken(state, f"MAC address {mac} is used by", holder, hint="choose another")
        return mac
    if isinstance(ipv4, IPv4Interface):
        return mac_of(ipv4.ip)
    mac = mac_without_ipv4(network.id, endpoint_id)
    while mac in holders:
        mac = mac_without_ipv4(network.id, secrets.token_hex(32))
    return mac


def host_mac_of(mac: Mac) -> Mac:
    """Unlike the sandbox end's, for a port's own MAC is local to the bridge."""
    octets = bytearray(bytes.fromhex(mac.replace(":", "")))
    octets[0], octets[1] = 0x02, octets[1] ^ 0x80
    return Mac(octets.hex(":"))
