"""`--opt` of `podman network create`, translated: netavark's own words, and Docker's."""

from collections.abc import Mapping

from msgspec import Struct

from glassbridge.errors import InvalidRequest, Unsupported
from glassbridge.model.names import check_ifname, closest
from glassbridge.model.network import Ingress
from glassbridge.model.options import BRIDGE_NAME, MTU, check_option, parse_flag

DEFAULT_METRIC = 100
"""Of default routes: netavark's, as NetworkManager's of a wired link."""

METRIC_MAX = 2**32 - 1

_INGRESS = "glassbridge.ingress"
_RENAMED = {
    "mtu": MTU,
    "outbound_addr4": "com.docker.network.host_ipv4",
    "outbound_addr6": "com.docker.network.host_ipv6",
}
_UNSUPPORTED = {
    "vlan": "the bridge carries one network; make one network for each VLAN",
    "vrf": "leave it out: routes are those of the host's main table",
    "parent": "it belongs to macvlan and ipvlan networks; glassbridge makes bridges",
    "bclim": "it belongs to macvlan networks; glassbridge makes bridges",
}
_HOST_INTERFACE = "host_interface_name"


class Wishes(Struct, frozen=True, kw_only=True):
    """What the options of a network come to."""

    options: dict[str, str]
    """As model.options takes them."""
    metric: int = DEFAULT_METRIC
    has_default_route: bool = True


def parse_network_options(given: Mapping[str, str], bridge: str) -> Wishes:
    """Translate them; raises InvalidRequest or Unsupported naming key and value.

    `bridge` is the network's `network_interface`, or empty.
    """
    options: dict[str, str] = {}
    metric, has_default_route = DEFAULT_METRIC, True
    for key, value in given.items():
        where = f"option {key}={value}"
        if key in _RENAMED:
            check_option(_RENAMED[key], value, where)
            _set(options, _RENAMED[key], value, where)
        elif key.startswith(("com.docker.network.", "glassbridge.")):
            _set(options, key, value, where)
        elif key == "isolate":
            _set(options, _INGRESS, _ingress(value, where), where)
        elif key == "metric":
            metric = _metric(value, where)
        elif key == "no_default_route":
            has_default_route = not parse_flag(value, where)
        elif key != "mode" or value != "managed":
            raise _refusal(key, where)
    if bridge:
        check_ifname(bridge, "network_interface")
        _set(options, BRIDGE_NAME, bridge, f"network_interface {bridge}")
    return Wishes(options=options, metric=metric, has_default_route=has_default_route)


def parse_container_options(given: Mapping[str, str]) -> str:
    """Translate a container's own: the name of the host end, or empty; raises InvalidRequest."""
    for key, value in given.items():
        if key != _HOST_INTERFACE:
            hint = closest(key, (_HOST_INTERFACE,)) or f"{_HOST_INTERFACE} is the one there is"
            raise InvalidRequest(f"unknown option {key}={value} of a container", hint=hint)
    return given.get(_HOST_INTERFACE, "")


def _set(options: dict[str, str], key: str, value: str, where: str) -> None:
    if options.setdefault(key, value) != value:
        raise InvalidRequest(f"{where}: {key}={options[key]} says otherwise")


def _ingress(value: str, where: str) -> Ingress:
    if value == "strict":
        return Ingress.SAME_BRIDGE
    try:
        return Ingress.SAME_BRIDGE if parse_flag(value, where) else Ingress.OPEN
    except InvalidRequest:
        raise InvalidRequest(f"{where}: strict, true or false is needed") from None


def _metric(value: str, where: str) -> int:
    if value.isascii() and value.isdecimal() and len(value) <= len(str(METRIC_MAX)):
        metric = int(value)
        if metric <= METRIC_MAX:
            return metric
    raise InvalidRequest(f"{where}: a number from 0 to {METRIC_MAX} is needed")


def _refusal(key: str, where: str) -> InvalidRequest | Unsupported:
    if key == "mode":
        return Unsupported(
            f"{where} is not supported by glassbridge",
            hint="managed is: glassbridge makes the bridge and its firewall, or adopts a bridge "
            "by --interface-name",
        )
    if key in _UNSUPPORTED:
        return Unsupported(f"{where} is not supported by glassbridge", hint=_UNSUPPORTED[key])
    known = (*_RENAMED, "isolate", "metric", "no_default_route", "mode")
    return InvalidRequest(
        f"unknown {where}", hint=closest(key, known) or f"known are {', '.join(known)}"
    )
