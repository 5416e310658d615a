"""Docker's `-o` keys of a bridge network, and ours, as NetworkOptions."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from msgspec import Struct

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.model.names import check_ifname, closest
from glassbridge.model.network import GatewayMode, Ifname, Ingress, NetworkOptions, SourceGuard
from glassbridge.model.ports import check_host_address

BRIDGE_NAME = "com.docker.network.bridge.name"
MTU = "com.docker.network.driver.mtu"
DEFAULT_BRIDGE = "com.docker.network.bridge.default_bridge"
MTU_RANGE = (68, 65535)
"""ETH_MIN_MTU (RFC 791) and ETH_MAX_MTU (linux/if_ether.h)."""

IFNAME_PREFIX_MAX = 11
"""Leaves room for an index of four digits within IFNAMSIZ."""


class ParsedOptions(Struct, frozen=True, kw_only=True):
    """What `-o` says about a network."""

    options: NetworkOptions = NetworkOptions()
    bridge: Ifname | None = None
    """The bridge's name, where one was asked for."""


def parse_options(given: Mapping[str, str]) -> ParsedOptions:
    """Parse `-o KEY=VALUE`s; raises InvalidRequest or Unsupported naming key and value."""
    fields: dict[str, Any] = {}
    bridge = None
    for key, value in given.items():
        where = f"option {key}={value}"
        if key == BRIDGE_NAME:
            bridge = check_ifname(value, f"interface name in {where}:")
        elif key in _KEYS:
            field, parse = _KEYS[key]
            fields[field] = parse(value, where)
        else:
            raise _refusal(key)
    return ParsedOptions(options=NetworkOptions(**fields), bridge=bridge)


def check_option(key: str, value: str, where: str) -> None:
    """Raise InvalidRequest, in the words of `where`, for a value that the option cannot have."""
    _field, parse = _KEYS[key]
    parse(value, where)


def parse_flag(value: str, where: str) -> bool:
    """Read true or false in the words of Go's strconv.ParseBool, hence Docker's."""
    if value in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if value in {"0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise InvalidRequest(f"{where}: true or false is needed")


def _refusal(key: str) -> InvalidRequest | Unsupported:
    hint = _UNSUPPORTED.get(key)
    if hint is not None:
        return Unsupported(f"option {key} is not supported by glassbridge", hint=hint)
    if key.startswith("com.docker.network.endpoint."):
        return Unsupported(
            f"option {key} is not supported by glassbridge",
            hint="it belongs to an endpoint, not to a network",
        )
    near = closest(key, (*_KEYS, BRIDGE_NAME))
    return InvalidRequest(f"unknown option {key}", hint=near or "docs/networks.md lists them all")


def _one_of(kind: type[StrEnum]) -> Callable[[str, str], StrEnum]:
    def parse(value: str, where: str) -> StrEnum:
        try:
            return kind(value)
        except ValueError:
            raise InvalidRequest(f"{where}: one of {', '.join(kind)} is needed") from None

    return parse


def _parse_mtu(value: str, where: str) -> int:
    first, last = MTU_RANGE
    if value.isascii() and value.isdecimal() and len(value) <= len(str(last)):
        mtu = int(value)
        if first <= mtu <= last:
            return mtu
    raise InvalidRequest(f"{where}: a number from {first} to {last} is needed")


def _parse_ipv4(value: str, where: str) -> IPv4Address:
    try:
        return IPv4Address(value)
    except AddressValueError as error:
        raise InvalidRequest(f"{where}: {error}") from None


def _parse_binding(value: str, where: str) -> IPv4Address:
    address = _parse_ipv4(value, where)
    check_host_address(address, where)
    return address


def _parse_source4(value: str, where: str) -> IPv4Address:
    address = _parse_ipv4(value, where)
    if address.is_unspecified or address.is_multicast or address.is_loopback:
        raise InvalidRequest(f"{where}: packets cannot leave the host from this address")
    return address


def _parse_source6(value: str, where: str) -> IPv6Address:
    try:
        address = IPv6Address(value)
    except AddressValueError as error:
        raise InvalidRequest(f"{where}: {error}") from None
    if (
        address.is_unspecified
        or address.is_multicast
        or address.is_loopback
        or address.is_link_local
    ):
        raise InvalidRequest(f"{where}: packets cannot leave the host from this address")
    return address


def _parse_interfaces(value: str, where: str) -> tuple[Ifname, ...]:
    return tuple(check_ifname(name, f"interface name in {where}:") for name in value.split(":"))


def _parse_prefix(value: str, where: str) -> str:
    check_ifname(value, f"interface prefix in {where}:")
    if len(value) > IFNAME_PREFIX_MAX:
        raise InvalidRequest(
            f"{where}: {len(value)} bytes, {IFNAME_PREFIX_MAX} leave room for the number"
        )
    return value


_KEYS: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "com.docker.network.bridge.enable_icc": ("icc", parse_flag),
    "com.docker.network.bridge.enable_ip_masquerade": ("masquerade", parse_flag),
    "com.docker.network.bridge.host_binding_ipv4": ("host_binding", _parse_binding),
    "com.docker.network.bridge.gateway_mode_ipv4": ("gateway_mode4", _one_of(GatewayMode)),
    "com.docker.network.bridge.gateway_mode_ipv6": ("gateway_mode6", _one_of(GatewayMode)),
    "com.docker.network.bridge.inhibit_ipv4": ("inhibit_ipv4", parse_flag),
    "com.docker.network.bridge.trusted_host_interfaces": ("trusted_interfaces", _parse_interfaces),
    "com.docker.network.host_ipv4": ("host_ipv4", _parse_source4),
    "com.docker.network.host_ipv6": ("host_ipv6", _parse_source6),
    MTU: ("mtu", _parse_mtu),
    "com.docker.network.container_iface_prefix": ("ifname_prefix", _parse_prefix),
    "glassbridge.source_guard": ("source_guard", _one_of(SourceGuard)),
    "glassbridge.ingress": ("ingress", _one_of(Ingress)),
    "glassbridge.promiscuous": ("promiscuous", parse_flag),
}

_UNSUPPORTED = {
    DEFAULT_BRIDGE: "the default network is made by glassbridge itself",
    "com.docker.network.enable_ipv4": "use --ipv4=false",
    "com.docker.network.enable_ipv6": "use --ipv6",
    "com.docker.network.internal": "use --internal",
    "com.docker.network.advertise_addr_nmsgs": "an address is announced once, on every attach",
    "com.docker.network.advertise_addr_ms": "an address is announced once, on every attach",
    "com.docker.network.portmap": "publish with -p when a container is run or attached",
    "com.docker.network.driver.private.no_proxy_6to4": "there is no userland proxy",
    "parent": "it belongs to macvlan and ipvlan networks; glassbridge makes bridges",
    "macvlan_mode": "it belongs to macvlan networks; glassbridge makes bridges",
    "ipvlan_mode": "it belongs to ipvlan networks; glassbridge makes bridges",
    "encrypted": "it belongs to overlay networks; glassbridge makes bridges",
}
