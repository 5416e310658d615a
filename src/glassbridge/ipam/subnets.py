"""The subnets of a new network: what was asked for, checked, or free ones of the pools."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from itertools import chain, islice

from glassbridge.errors import Conflict, Hint, InvalidRequest, Remedy
from glassbridge.ipam.address_space import InUse, UserKind, choose_ipv4, choose_ipv6
from glassbridge.ipam.prefixes import parse_prefix
from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.network import AddressRange, GatewayMode, NetworkOptions, Subnet
from glassbridge.model.requests import NetworkRequest, SubnetWish

IPV6_MIN_MTU = 1280
"""RFC 8200, section 5; below it the kernel drops IPv6 from the link."""

_REFUSED = (
    (ip_network("0.0.0.0/8"), '"this network" (RFC 791)'),
    (ip_network("127.0.0.0/8"), "loopback"),
    (ip_network("169.254.0.0/16"), "link-local"),
    (ip_network("224.0.0.0/4"), "multicast"),
    (ip_network("240.0.0.0/4"), "reserved (RFC 1112)"),
    (ip_network("::1/128"), "loopback"),
    (ip_network("::ffff:0:0/96"), "IPv4-mapped"),
    (ip_network("fe80::/10"), "link-local"),
    (ip_network("ff00::/8"), "multicast"),
)


def plan_subnets(
    request: NetworkRequest, options: NetworkOptions, in_use: Iterable[InUse], global_id: int
) -> tuple[Subnet | None, Subnet | None]:
    """Decide both subnets of a network; `global_id` is the host's 40 random bits (RFC 4193).

    An address of the bridge that the network adopts must not be among those in use. Raises
    InvalidRequest for a wish that cannot be, Conflict naming who has an overlapping subnet, and
    PoolExhausted when no pool has a free one.
    """
    taken = tuple(in_use)
    wished = _wishes_by_version(request)
    wants4 = request.ipv4
    wants6 = request.ipv6 or 6 in wished  # noqa: PLR2004 - the IP version
    _check_families(request, options, wished, wants4=wants4, wants6=wants6)
    subnet4 = subnet6 = None
    if wants4:
        prefix4 = _named(wished.get(4), taken) or choose_ipv4(taken, _length(wished.get(4)))
        subnet4 = _build(prefix4, wished.get(4), _has_gateway4(request, options))
    if wants6:
        prefix6 = _named(wished.get(6), taken) or choose_ipv6(
            taken, global_id, _length(wished.get(6))
        )
        has_gateway6 = options.gateway_mode6 is not GatewayMode.ISOLATED
        subnet6 = _build(prefix6, wished.get(6), has_gateway6)
    return subnet4, subnet6


def plan_more_subnets(
    request: NetworkRequest,
    options: NetworkOptions,
    firsts: Iterable[Subnet | None],
    in_use: Iterable[InUse],
) -> tuple[Subnet, ...]:
    """Decide the subnets beyond the first of each family; raises as plan_subnets does."""
    taken = [*in_use, *(_own(s.prefix, request) for s in firsts if s is not None)]
    more: list[Subnet] = []
    for wish in request.more:
        prefix = _named(wish, tuple(taken))
        if prefix is None:
            raise InvalidRequest(f"subnet {wish.subnet}: only the first of a family can be any")
        is4 = prefix.version == 4  # noqa: PLR2004 - the IP version
        mode = options.gateway_mode4 if is4 else options.gateway_mode6
        more.append(_build(prefix, wish, mode is not GatewayMode.ISOLATED))
        taken.append(_own(prefix, request))
    return tuple(more)


def _own(prefix: IPNetwork, request: NetworkRequest) -> InUse:
    return InUse(prefix=prefix, kind=UserKind.NETWORK, name=f"{request.name} itself")


def _wishes_by_version(request: NetworkRequest) -> dict[int, SubnetWish]:
    wished: dict[int, SubnetWish] = {}
    for wish in request.subnets:
        version = 6 if ":" in wish.subnet else 4
        if version in wished:
            raise InvalidRequest(
                f"two IPv{version} subnets, {wished[version].subnet} and {wish.subnet}: "
                "a network has one of each family at most"
            )
        wished[version] = wish
    return wished


def _check_families(
    request: NetworkRequest,
    options: NetworkOptions,
    wished: dict[int, SubnetWish],
    *,
    wants4: bool,
    wants6: bool,
) -> None:
    if not wants4 and 4 in wished:  # noqa: PLR2004 - the IP version
        raise InvalidRequest(
            f"subnet {wished[4].subnet} for a network without IPv4",
            hint="omit it, or allow IPv4",
        )
    if not wants4 and not wants6 and request.managed is None:
        raise InvalidRequest("a network needs IPv4 or IPv6", hint="add --ipv6")
    for version, wants, mode in (
        (4, wants4, options.gateway_mode4),
        (6, wants6, options.gateway_mode6),
    ):
        if wants and mode is GatewayMode.ISOLATED and not request.internal:
            raise InvalidRequest(
                f"gateway mode isolated (IPv{version}) needs an internal network",
                hint="add --internal",
            )
    if wants6 and options.mtu < IPV6_MIN_MTU:
        raise InvalidRequest(f"mtu {options.mtu} is too small for IPv6, which needs {IPV6_MIN_MTU}")


def _has_gateway4(request: NetworkRequest, options: NetworkOptions) -> bool:
    # as Docker: an inhibited bridge has no address, but containers still route to that one, which
    # somebody else's router has; an internal network has no route that could use it
    without = options.inhibit_ipv4 and request.internal
    return options.gateway_mode4 is not GatewayMode.ISOLATED and not without


def _length(wish: SubnetWish | None) -> int | None:
    """Docker's `--subnet 0.0.0.0/24`: any subnet of that length."""
    prefix = wish and parse_prefix(wish.subnet, "subnet")
    return prefix.prefixlen if prefix else None


def _named(wish: SubnetWish | None, in_use: tuple[InUse, ...]) -> IPNetwork | None:
    """The named prefix, checked; None where any will do."""
    if wish is None:
        return None
    prefix = parse_prefix(wish.subnet, "subnet")
    if prefix.prefixlen == 0:
        raise InvalidRequest(f"subnet {prefix} is the whole address space")
    if prefix.network_address.is_unspecified:
        return None
    for refused, what in _REFUSED:
        if prefix.version == refused.version and prefix.overlaps(refused):
            raise InvalidRequest(f"subnet {prefix} cannot be used: {refused} is {what}")
    for use in in_use:
        if use.kind not in {UserKind.NETWORK, UserKind.POOL, UserKind.LINK}:
            continue
        if use.prefix.version == prefix.version and use.prefix.overlaps(prefix):
            raise Conflict(
                f"subnet {prefix} overlaps {use}",
                hint=Hint(Remedy.OTHER_SUBNET),
            )
    return prefix


def _build(prefix: IPNetwork, wish: SubnetWish | None, has_gateway: bool) -> Subnet:
    ip_range = _parse_range(wish.ip_range, prefix) if wish and wish.ip_range else None
    reserved = {
        name: _parse_inside(text, prefix, f"auxiliary address {name}")
        for name, text in (wish.reserved if wish else {}).items()
    }
    gateway = None
    if wish and wish.gateway:
        if not has_gateway:
            raise InvalidRequest(
                f"gateway {wish.gateway}: an isolated network has none, nor has an internal one "
                "whose bridge has no address",
                hint="omit the gateway",
            )
        gateway = _parse_inside(wish.gateway, prefix, "gateway")
    elif has_gateway:
        gateway = _first_usable(prefix, ip_range, set(reserved.values()))
    for name, address in reserved.items():
        if address == gateway:
            raise InvalidRequest(f"auxiliary address {name} ({address}) is the gateway")
    subnet = Subnet(
        prefix=prefix,
        gateway=gateway,
        ip_range=ip_range,
        ranges=_parse_ranges(wish.ranges, ip_range or prefix) if wish else (),
        on_bridge=wish is None or wish.on_bridge,
        reserved=reserved,
        range_set=wish.range_set if wish else 0,
    )
    _check_room(subnet)
    return subnet


def _parse_range(text: str, prefix: IPNetwork) -> IPNetwork:
    ip_range = parse_prefix(text, "ip range")
    if ip_range.version != prefix.version or not (
        ip_range.network_address in prefix and ip_range.prefixlen >= prefix.prefixlen
    ):
        raise InvalidRequest(
            f"ip range {ip_range} is not inside subnet {prefix}", hint="choose a part of it"
        )
    return ip_range


def _parse_ranges(wishes: Iterable[tuple[str, str]], prefix: IPNetwork) -> tuple[AddressRange, ...]:
    ranges: list[AddressRange] = []
    for first_text, last_text in wishes:
        what = f"range {first_text}-{last_text}"
        first = _parse_inside(first_text, prefix, f"first address of {what}:")
        last = _parse_inside(last_text, prefix, f"last address of {what}:")
        if int(first) > int(last):
            raise InvalidRequest(f"{what} ends before it begins")
        for other in ranges:
            if int(first) <= int(other.last) and int(other.first) <= int(last):
                raise InvalidRequest(f"{what} overlaps {other.first}-{other.last}")
        ranges.append(AddressRange(first=first, last=last))
    return tuple(ranges)


def _parse_inside(text: str, prefix: IPNetwork, what: str) -> IPAddress:
    try:
        address = ip_address(text)
    except ValueError:
        raise InvalidRequest(f"bad {what} {text!r}: not an address") from None
    if isinstance(address, IPv6Address) and address.scope_id:
        raise InvalidRequest(f"bad {what} {text!r}: an address with a zone")
    if address not in prefix:
        raise InvalidRequest(
            f"{what} {address} is outside subnet {prefix}", hint="choose an address of it"
        )
    if address in _ends(prefix):
        role = "network" if address == prefix.network_address else "broadcast"
        raise InvalidRequest(
            f"{what} {address} is the {role} address of subnet {prefix}", hint="choose another"
        )
    return address


def _ends(prefix: IPNetwork) -> set[IPAddress]:
    """The addresses that no host may have; RFC 3021 and RFC 6164 lift that for pairs."""
    if prefix.num_addresses <= 2:  # noqa: PLR2004 - a pair or a single address
        return set()
    if isinstance(prefix, IPv6Network):
        return {prefix.network_address}
    return {prefix.network_address, prefix.broadcast_address}


def _first_usable(
    prefix: IPNetwork, ip_range: IPNetwork | None, reserved: set[IPAddress]
) -> IPAddress:
    """Docker's choice: the first address of the range where there is one, else of the subnet."""
    unusable = _ends(prefix) | reserved
    for address in ip_range or prefix:
        if address not in unusable:
            return address
    raise InvalidRequest(f"subnet {prefix} has no room for a gateway beside what is reserved")


def _check_room(subnet: Subnet) -> None:
    unusable = _ends(subnet.prefix) | set(subnet.reserved.values()) | {subnet.gateway}
    addresses = chain.from_iterable(map(_addresses_of, subnet.ranges)) if subnet.ranges else None
    if all(a in unusable for a in islice(addresses or subnet.pool, len(unusable) + 1)):
        where = "subnet" if subnet.ip_range is None else "ip range"
        raise InvalidRequest(f"{where} {subnet.pool} has no room for a container")


def _addresses_of(found: AddressRange) -> Iterator[IPAddress]:
    return (type(found.first)(n) for n in range(int(found.first), int(found.last) + 1))
