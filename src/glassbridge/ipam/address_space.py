"""What of the address space is in use, and the first subnets that are not."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from msgspec import Struct

from glassbridge.errors import Hint, PoolExhausted, Remedy
from glassbridge.model.address import IPNetwork

DEFAULT_POOLS = (
    *((IPv4Network(f"172.{second}.0.0/16"), 16) for second in range(17, 32)),
    (IPv4Network("192.168.0.0/16"), 20),
)
"""Docker's, in its order: a base and the length of the subnets that it is cut into."""

ULA_SUBNET_LENGTH = 64
DEFAULT_ROUTE_MAX_LENGTH = 7
"""A route this wide is the default route or a part of it (VPNs add 0.0.0.0/1 and 128.0.0.0/1):
the bridge's own, longer route beats it."""


class UserKind(StrEnum):
    """What occupies a prefix; only the first three stand in the way of a subnet that was named."""

    NETWORK = "network"
    POOL = "address pool"
    LINK = "address of link"
    ROUTE = "route by"
    NAMESERVER = "nameserver"
    PROMISED = "Podman's network"


class InUse(Struct, frozen=True, kw_only=True):
    """A prefix of the host that is taken, by what, and that one's name."""

    prefix: IPNetwork
    kind: UserKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.prefix})"


def choose_ipv4(in_use: Iterable[InUse], length: int | None = None) -> IPv4Network:
    """The first free subnet of Docker's pools, or of another length; raises PoolExhausted."""
    taken = [u.prefix for u in in_use if _counts(u)]
    for base, pool_length in DEFAULT_POOLS:
        if length is not None and length < base.prefixlen:
            continue
        for prefix in _free(base, length or pool_length, taken):
            assert isinstance(prefix, IPv4Network)
            return prefix
    raise PoolExhausted(
        "no free IPv4 subnet among 172.17.0.0/16 to 172.31.0.0/16 and 192.168.0.0/16",
        hint=Hint(Remedy.NAME_A_SUBNET),
    )


def choose_ipv6(in_use: Iterable[InUse], global_id: int, length: int | None = None) -> IPv6Network:
    """The first free /64, or of another length, of the host's own /48 (RFC 4193)."""
    if not 0 <= global_id < 1 << 40:
        raise ValueError(f"global id {global_id:#x} has more than 40 bits")
    own = IPv6Network(((0xFD << 120) | (global_id << 80), 48))
    for prefix in _free(own, length or ULA_SUBNET_LENGTH, [u.prefix for u in in_use if _counts(u)]):
        assert isinstance(prefix, IPv6Network)
        return prefix
    raise PoolExhausted(f"no free IPv6 subnet in {own}", hint=Hint(Remedy.NAME_A_SUBNET))


def _free(base: IPNetwork, length: int, taken: Iterable[IPNetwork]) -> Iterator[IPNetwork]:
    """Subnets of a base that overlap nothing, in order, without trying each one of a huge base."""
    bits = base.max_prefixlen - length
    kind = type(base)
    ranges = sorted(
        (int(t.network_address), int(t.broadcast_address))
        for t in taken
        if t.version == base.version
    )
    start, end = int(base.network_address), int(base.broadcast_address)
    for first, last in [*ranges, (end + 1, end + 1)]:
        while start + (1 << bits) <= min(first, end + 1):
            yield kind((start, length))
            start += 1 << bits
        if last >= start:
            start = ((last >> bits) + 1) << bits


def _counts(use: InUse) -> bool:
    return use.kind is not UserKind.ROUTE or use.prefix.prefixlen > DEFAULT_ROUTE_MAX_LENGTH
