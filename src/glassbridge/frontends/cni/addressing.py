"""Where an interface's addresses come from: our own pools, another plugin, or nowhere."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path

from msgspec import Struct, field

from glassbridge.errors import InvalidRequest
from glassbridge.frontends.cni.configuration import Configuration, Range
from glassbridge.frontends.cni.results import Dns, Ip, Result, Route
from glassbridge.frontends.cni.versions import UNSAID, at_least
from glassbridge.ipam.prefixes import parse_prefix
from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.requests import SubnetWish

_DEFAULT = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


class Addressing(Struct, frozen=True, kw_only=True):
    """Subnets, next hops and routes; nothing of it is a network of layer 2 alone."""

    subnets: tuple[SubnetWish, ...] = ()
    """The first of each family."""
    more: tuple[SubnetWish, ...] = ()
    gateways: dict[int, IPAddress] = {}
    """By IP version: where a route leads that names no next hop."""
    given: tuple[Ip, ...] | None = None
    """What another plugin leased."""
    routes: tuple[Route, ...] = ()
    dns: Dns = field(default_factory=Dns)


def own_addressing(configuration: Configuration) -> Addressing:
    """Read the ranges of our own IPAM, in host-local's words; raises InvalidRequest."""
    ipam, runtime = configuration.ipam, configuration.runtime_config
    single = ((ipam,),) if ipam.subnet else ()
    sets: tuple[Sequence[Range], ...] = (*runtime.ip_ranges, *single, *ipam.ranges)
    if not sets:
        raise InvalidRequest("no IP ranges specified", hint='e.g. "subnet": "10.22.0.0/16" in ipam')
    has_address = configuration.is_gateway or configuration.is_default_gateway
    wishes = [
        wish
        for number, ranges in enumerate(sets)
        for wish in _read_set(ranges, number, on_bridge=has_address)
    ]
    _refuse_twice(wishes)
    _refuse_untold(wishes, configuration.cni_version or UNSAID)
    firsts: dict[bool, SubnetWish] = {}
    more = tuple(w for w in wishes if firsts.setdefault(":" in w.subnet, w) is not w)
    hops = (ip_address(w.gateway) for w in firsts.values())
    gateways: dict[int, IPAddress] = {hop.version: hop for hop in hops}
    return Addressing(
        subnets=tuple(firsts.values()),
        more=more,
        gateways=gateways,
        routes=_with_default(configuration, ipam.routes, gateways),
        dns=_resolv_conf(ipam.resolv_conf) if ipam.resolv_conf else Dns(),
    )


def given_addressing(configuration: Configuration, leased: Result) -> Addressing:
    """Take what another IPAM plugin leased; raises InvalidRequest where that is nothing."""
    if not leased.ips:
        raise InvalidRequest("IPAM plugin returned missing IP config")
    has_address = configuration.is_gateway or configuration.is_default_gateway
    given = tuple(_with_gateway(ip) if has_address else ip for ip in leased.ips)
    gateways: dict[int, IPAddress] = {}
    prefixes: dict[int, IPNetwork] = {}
    for ip in given:
        prefixes.setdefault(ip.address.version, ip.address.network)
        if ip.gateway is not None:
            gateways.setdefault(ip.address.version, ip.gateway)
    subnets: tuple[SubnetWish, ...] = ()
    if has_address or configuration.ip_masq:
        subnets = tuple(
            SubnetWish(
                subnet=str(prefix),
                gateway=str(gateways.get(version, "")),
                on_bridge=has_address,
            )
            for version, prefix in prefixes.items()
        )
    return Addressing(
        subnets=subnets,
        gateways=gateways,
        given=given,
        routes=_with_default(configuration, leased.routes, gateways),
        dns=leased.dns,
    )


def is_default(route: Route) -> bool:
    """Whether it is the interface's default route: without attributes that set it apart."""
    apart = (route.mtu, route.advmss, route.table, route.scope)
    return route.dst in _DEFAULT.values() and not any(a is not None for a in apart)


def _with_default(
    configuration: Configuration, routes: Iterable[Route], gateways: dict[int, IPAddress]
) -> tuple[Route, ...]:
    """IsDefaultGateway adds a default route of each family, unless one with a next hop is there."""
    routes = tuple(routes)
    if not configuration.is_default_gateway:
        return routes
    there = {r.dst for r in routes if r.gw is not None}
    added = (
        Route(dst=_DEFAULT[version], gw=gateway)
        for version, gateway in gateways.items()
        if _DEFAULT[version] not in there
    )
    return (*routes, *added)


def _with_gateway(ip: Ip) -> Ip:
    if ip.gateway is not None:
        return ip
    gateway = ip.address.network.network_address + 1
    return Ip(address=ip.address, gateway=gateway, interface=ip.interface)


def _read_set(ranges: Sequence[Range], number: int, *, on_bridge: bool) -> Iterator[SubnetWish]:
    """Read one range set; a subnet's gateway is its first address, as host-local has it."""
    if not ranges:
        raise InvalidRequest("a range set of ipam is empty")
    by_prefix: dict[IPNetwork, list[Range]] = {}
    for wished in ranges:
        by_prefix.setdefault(parse_subnet(wished.subnet), []).append(wished)
    if len({prefix.version for prefix in by_prefix}) > 1:
        named = " and ".join(map(str, by_prefix))
        raise InvalidRequest(
            f"one range set has ranges of {named}, which are of two families",
            hint="each family has range sets of its own: [[{...}], [{...}]]",
        )
    for prefix, within in by_prefix.items():
        gateways = {_parse(r.gateway, "gateway") for r in within if r.gateway}
        if len(gateways) > 1:
            raise InvalidRequest(f"the ranges of {prefix} name several gateways")
        (gateway,) = gateways or {prefix.network_address + 1}
        is_plain = not any(r.range_start or r.range_end for r in within)
        yield SubnetWish(
            subnet=str(prefix),
            gateway=str(gateway),
            ranges=() if is_plain else tuple(_ends(r, prefix) for r in within),
            on_bridge=on_bridge,
            range_set=number,
        )


def _refuse_twice(wishes: Iterable[SubnetWish]) -> None:
    known = set()
    for wish in wishes:
        if wish.subnet in known:
            raise InvalidRequest(
                f"two range sets have ranges of {wish.subnet}",
                hint="ranges of one subnet belong into one set: [[{...}, {...}]]",
            )
        known.add(wish.subnet)


def _refuse_untold(wishes: Iterable[SubnetWish], version: str) -> None:
    """An answer of before 0.3.0 has room for one address of each family."""
    if at_least(version, "0.3.0"):
        return
    sets = {(":" in w.subnet, w.range_set) for w in wishes}
    if len({family for family, _ in sets}) < len(sets):
        raise InvalidRequest(
            f"cniVersion {version}: a pod cannot have two addresses of one family",
            hint="two range sets of one family need 0.3.0 or later",
        )


def _ends(wished: Range, prefix: IPNetwork) -> tuple[str, str]:
    first = wished.range_start or str(prefix.network_address + 1)
    is4 = prefix.version == 4  # noqa: PLR2004 - the IP version
    last = wished.range_end or str(prefix.broadcast_address - (1 if is4 else 0))
    return str(_parse(first, "rangeStart")), str(_parse(last, "rangeEnd"))


def parse_subnet(text: str) -> IPNetwork:
    """Read a subnet that addresses can be taken from; raises InvalidRequest."""
    subnet = parse_prefix(text, "subnet of ipam")
    if subnet.num_addresses < 4:  # noqa: PLR2004 - host-local's limit: a gateway and one more
        raise InvalidRequest(f"subnet {subnet} of ipam is too small to allocate from")
    return subnet


def _parse(text: str, key: str) -> IPAddress:
    try:
        return ip_address(text)
    except ValueError:
        raise InvalidRequest(f"ipam: {key} {text[:80]!r} is no address") from None


def _resolv_conf(path: str) -> Dns:
    """Read a file of resolv.conf(5), as host-local does; raises InvalidRequest."""
    try:
        lines = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest(f"ipam: cannot read resolvConf {path[:200]!r}: {error}") from None
    said = [(line[0], line[1:]) for line in lines if len(line) > 1 and line[0][0] not in "#;"]
    return Dns(
        nameservers=tuple(rest[0] for key, rest in said if key == "nameserver"),
        domain=next((rest[0] for key, rest in reversed(said) if key == "domain"), ""),
        search=tuple(word for key, rest in said if key == "search" for word in rest),
        options=tuple(word for key, rest in said if key == "options" for word in rest),
    )
