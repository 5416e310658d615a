"""Flags as text to request values; every complaint names the flag and what was given."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from glassbridge.errors import InvalidRequest, NotFound
from glassbridge.model.container import Mount, NetworkWish
from glassbridge.model.container_flags import (
    parse_alias,
    parse_capability,
    parse_environment,
    parse_extra_host,
    parse_mac,
    parse_name_server,
    parse_resolver_option,
    parse_search_domains,
    parse_volume,
)
from glassbridge.model.endpoint import PortWish
from glassbridge.model.ports import parse_ports
from glassbridge.model.requests import SubnetWish

_NETWORK_KEYS = {"ip": "ipv4", "ip6": "ipv6", "mac-address": "mac", "ifname": "ifname"}
_OWN_MODES = ("none", "host")
_IFNAME_OPTION = "com.docker.network.endpoint.ifname"


def port_wishes(texts: Iterable[str]) -> tuple[PortWish, ...]:
    """Every `-p`."""
    return tuple(wish for text in texts for wish in parse_ports(text))


def key_values(texts: Iterable[str], flag: str) -> dict[str, str]:
    """KEY=VALUE, as `--label`, `--opt` and `--aux-address` take it."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or (not equals and flag != "--label"):
            raise InvalidRequest(f"{flag} {text!r} is not KEY=VALUE")
        found[key] = value
    return found


def environment(texts: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """`--env-file`, then `-e`, which wins."""
    lines = [line for file in files for line in _lines(file)]
    return parse_environment([*lines, *texts], os.environ)


def _lines(file: str) -> list[str]:
    try:
        text = Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"--env-file {file} cannot be read: {error}") from error
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def mounts(texts: Iterable[str]) -> tuple[Mount, ...]:
    """`-v`, `.` and `..` being meant from here; a source that is not there is refused."""
    found = []
    for text in texts:
        source, colon, rest = text.partition(":")
        if source.split("/")[0] in {".", ".."}:
            source = os.path.abspath(source)  # noqa: PTH100 - resolve() would follow links
        mount = parse_volume(f"{source}{colon}{rest}")
        if not Path(mount.source).exists():
            raise NotFound(
                f"volume {text!r}: {mount.source} does not exist",
                hint=f"create it: mkdir {mount.source}",
            )
        found.append(mount)
    return tuple(found)


def extra_hosts(texts: Iterable[str]) -> dict[str, str]:
    """`--add-host`."""
    return dict(map(parse_extra_host, texts))


def capabilities(texts: Iterable[str]) -> tuple[str, ...]:
    """`--cap-add` and `--cap-drop`."""
    return tuple(map(parse_capability, texts))


def name_servers(texts: Iterable[str]) -> tuple[str, ...]:
    """`--dns ADDRESS`."""
    return tuple(map(parse_name_server, texts))


def search_domains(texts: Iterable[str]) -> tuple[str, ...]:
    """`--dns-search DOMAIN`."""
    return parse_search_domains(texts)


def resolver_options(texts: Iterable[str]) -> tuple[str, ...]:
    """`--dns-option OPTION`."""
    return tuple(map(parse_resolver_option, texts))


def network_wishes(
    networks: Iterable[str],
    *,
    ip: str = "",
    ip6: str = "",
    mac: str = "",
    aliases: tuple[str, ...] = (),
) -> tuple[str, tuple[NetworkWish, ...]]:
    """Every `--network`, and the flags for the first of them: the network mode and the wishes."""
    named = tuple(networks)
    modes = [n for n in named if n in _OWN_MODES or n.startswith("container:")]
    flags = {"--ip": ip, "--ip6": ip6, "--mac-address": mac, "--network-alias": aliases}
    if modes:
        given = next((flag for flag, value in flags.items() if value), "")
        if len(named) > 1 or given:
            other = f"{given} has" if given else "other networks have"
            raise InvalidRequest(f"--network {modes[0]} stands alone: {other} no meaning with it")
        return modes[0], ()
    wishes = [_network_wish(text) for text in named]
    if any(flags.values()):
        first = wishes[0] if wishes else NetworkWish(network="bridge")
        wishes[:1] = [
            NetworkWish(
                network=first.network,
                ipv4=ip or first.ipv4,
                ipv6=ip6 or first.ipv6,
                mac=parse_mac(mac) if mac else first.mac,
                ifname=first.ifname,
                aliases=(*first.aliases, *map(parse_alias, aliases)),
                gateway_priority=first.gateway_priority,
            )
        ]
    return "default", tuple(wishes)


def _network_wish(text: str) -> NetworkWish:
    """NAME, or Docker's long form name=NAME,ip=...,alias=...,gw-priority=..."""
    if "=" not in text:
        return NetworkWish(network=_default_name(text))
    fields: dict[str, str] = {}
    aliases = []
    priority = 0
    for part in text.split(","):
        key, _, value = part.partition("=")
        match key:
            case "name":
                fields["network"] = _default_name(value)
            case "alias":
                aliases.append(parse_alias(value))
            case "gw-priority":
                priority = gateway_priority(value)
            case "driver-opt" if value.startswith(f"{_IFNAME_OPTION}="):
                fields["ifname"] = value.removeprefix(f"{_IFNAME_OPTION}=")
            case _ if key in _NETWORK_KEYS:
                fields[_NETWORK_KEYS[key]] = value
            case _:
                known = ", ".join(("name", *_NETWORK_KEYS, "alias", "gw-priority", "driver-opt"))
                raise InvalidRequest(
                    f"--network {text}: unknown key {key!r}", hint=f"one of {known}"
                )
    if not fields.get("network"):
        raise InvalidRequest(f"--network {text}: name= is missing")
    return NetworkWish(aliases=tuple(aliases), gateway_priority=priority, **fields)


def _default_name(name: str) -> str:
    """Docker's `default` means its default network."""
    return "bridge" if name == "default" else name


def gateway_priority(text: str) -> int:
    """`--gw-priority`."""
    try:
        return int(text)
    except ValueError:
        raise InvalidRequest(f"--gw-priority {text!r} is not a whole number") from None


def subnet_wishes(
    subnets: tuple[str, ...],
    gateways: tuple[str, ...],
    ranges: tuple[str, ...],
    reserved: Mapping[str, str],
) -> tuple[SubnetWish, ...]:
    """Deal gateways, ranges and auxiliary addresses out to the subnet of their family."""
    for flag, given in (("--gateway", gateways), ("--ip-range", ranges)):
        for text in given:
            if not any(_family(s) == _family(text) for s in subnets):
                raise InvalidRequest(
                    f"{flag} {text} belongs to no --subnet", hint="give the --subnet that it is in"
                )
    if reserved and not subnets:
        raise InvalidRequest("--aux-address belongs to no --subnet")
    families = [_family(s) for s in subnets]
    if len(set(families)) != len(families):
        raise InvalidRequest(
            f"subnets {', '.join(subnets)}: a network has one of IPv4 and one of IPv6 at most"
        )
    return tuple(
        SubnetWish(
            subnet=subnet,
            gateway=_only("--gateway", gateways, subnet),
            ip_range=_only("--ip-range", ranges, subnet),
            reserved={k: v for k, v in reserved.items() if _family(v) == _family(subnet)},
        )
        for subnet in subnets
    )


def _only(flag: str, given: tuple[str, ...], subnet: str) -> str:
    fitting = [text for text in given if _family(text) == _family(subnet)]
    if len(fitting) > 1:
        raise InvalidRequest(f"{flag} {' and '.join(fitting)}: one for {subnet} is enough")
    return fitting[0] if fitting else ""


def _family(text: str) -> int:
    return 6 if ":" in text else 4
