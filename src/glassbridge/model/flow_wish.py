"""Whom `trace` is asked about, as text: `web`, `db:5432`, `1.2.3.4:80`, `[2001:db8::1]:80`, ..."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple

from glassbridge.errors import InvalidRequest
from glassbridge.model.address import IPAddress
from glassbridge.model.names import closest
from glassbridge.model.packet import FlowWish, Transport
from glassbridge.model.ports import PORT_MAX

ICMP_TYPE_MAX = 255

_NAMESPACE = re.compile(r"(?P<name> (?:pid|netns) : .*?) (?: : (?P<port>\d+))?", re.VERBOSE)
_BRACKETED = re.compile(r"\[ (?P<name>[^\]]*) \] (?: : (?P<port>.*))?", re.VERBOSE)

_ICMP_TYPES: Mapping[str, tuple[int | None, int | None]] = {
    "echo-request": (8, 128),
    "echo-reply": (0, 129),
    "destination-unreachable": (3, 1),
    "redirect": (5, 137),
    "time-exceeded": (11, 3),
    "parameter-problem": (12, 4),
    "timestamp-request": (13, None),
    "timestamp-reply": (14, None),
    "packet-too-big": (None, 2),
    "router-solicit": (None, 133),
    "router-advert": (None, 134),
    "neighbour-solicit": (None, 135),
    "neighbour-advert": (None, 136),
}
"""IPv4's number and IPv6's (RFC 792, RFC 4443, RFC 4861)."""


class Target(NamedTuple):
    """One end of a trace as given: a name of any kind or an address, and a port behind it."""

    name: str
    port: int | None = None

    @property
    def address(self) -> IPAddress | None:
        """The address that the name is, if it is one."""
        return _address(self.name)


def parse_target(text: str) -> Target:
    """Read NAME, host, pid:N, netns:PATH or an address, each with an optional :PORT.

    An IPv6 address with a port stands in brackets. Raises InvalidRequest.
    """
    if _address(text) is not None:
        return Target(text)
    namespace = _NAMESPACE.fullmatch(text)
    if namespace is not None:
        return _namespace(namespace["name"], namespace["port"], text)
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed is not None:
        return _bracketed(bracketed["name"], bracketed["port"], text)
    name, colon, port = text.partition(":")
    if ":" in port:
        raise InvalidRequest(
            f"cannot read {text!r}: neither NAME:PORT nor an IPv6 address",
            hint=f"an IPv6 address with a port stands in brackets: {_in_brackets(text)}",
        )
    if not name:
        raise InvalidRequest(f"cannot read {text!r}: a name or an address is missing")
    return Target(name, _port(port, text) if colon else None)


def port_in_address(text: str) -> str:
    """`[fd00::3]:80` for fd00::3:80, which is an address, but hardly the one that was meant.

    Empty for any other text.
    """
    name, _, port = text.rpartition(":")
    is_one = _address(text) is not None and "::" in name and _address(name) is not None
    return f"[{name}]:{port}" if is_one and port.isdecimal() else ""


def format_target(target: Target) -> str:
    """Write a target as it can be typed: the inverse of parse_target."""
    if target.port is None:
        return target.name
    address = target.address
    bracketed = address is not None and address.version == 6  # noqa: PLR2004 - the IP version
    return f"[{target.name}]:{target.port}" if bracketed else f"{target.name}:{target.port}"


def icmp_type_of(text: str, version: int | None) -> tuple[int, int]:
    """The number of an ICMP type given by name or number, and its IP version.

    A name that exists in one version only decides it; else it is 4 where nothing else was said.
    """
    if text.isascii() and text.isdecimal():
        number = int(text[:4])
        if number > ICMP_TYPE_MAX:
            raise InvalidRequest(f"--icmp-type {text}: 0 to {ICMP_TYPE_MAX} exist")
        return number, version or 4
    numbers = _ICMP_TYPES.get(text)
    if numbers is None:
        hint = closest(text, _ICMP_TYPES) or f"a number, or one of {', '.join(_ICMP_TYPES)}"
        raise InvalidRequest(f"--icmp-type {text!r} is unknown", hint=hint)
    number4, number6 = numbers
    found = {v: n for v, n in ((4, number4), (6, number6)) if n is not None}
    chosen = version or min(found)
    if chosen not in found:
        raise InvalidRequest(f"--icmp-type {text} does not exist in IPv{chosen}")
    return found[chosen], chosen


def wish_of(
    source: str,
    destination: str,
    *,
    transport: Transport | None = None,
    version: int | None = None,
    source_address: str = "",
    source_port: int | None = None,
    icmp_type: str = "",
    size: int | None = None,
    ttl: int | None = None,
) -> FlowWish:
    """What is asked, from the words of the command line; raises InvalidRequest."""
    start, end = parse_target(source), parse_target(destination)
    if start.port is not None:
        raise InvalidRequest(
            f"the source {source!r} has a port: the kernel chooses it",
            hint=f"to send from that one: --source-port {start.port}",
        )
    if transport is None:
        transport = Transport.ICMP if end.port is None else Transport.TCP
    _check_ports(transport, end, source_port)
    given = _source_address(source_address)
    for flag, address in ((destination, end.address), ("--source-address", given)):
        version = _agreed(version, address, flag)
    number = None
    if icmp_type:
        if transport is not Transport.ICMP:
            raise InvalidRequest(f"--icmp-type {icmp_type} has no meaning with {transport}")
        number, version = icmp_type_of(icmp_type, version)
    return FlowWish(
        source=start.name,
        destination=end.name,
        transport=transport,
        port=end.port,
        version=version,
        source_address=given,
        source_port=source_port,
        icmp_type=number,
        size=size,
        ttl=ttl,
    )


def _check_ports(transport: Transport, end: Target, source_port: int | None) -> None:
    if transport is not Transport.ICMP:
        if end.port is None:
            wanted = format_target(Target(end.name, 80))
            raise InvalidRequest(f"{transport} needs a port", hint=f"for example {wanted}")
        return
    if end.port is not None:
        raise InvalidRequest(
            f"ICMP has no ports, but {format_target(end)!r} names one",
            hint="leave out the port, or give --proto tcp or udp",
        )
    if source_port is not None:
        raise InvalidRequest("ICMP has no ports: --source-port has no meaning with it")


def _agreed(version: int | None, address: IPAddress | None, where: str) -> int | None:
    if address is None:
        return version
    if version not in {None, address.version}:
        raise InvalidRequest(
            f"{where}: {address} is an IPv{address.version} address, not IPv{version}"
        )
    return address.version


def _source_address(text: str) -> IPAddress | None:
    if not text:
        return None
    address = _address(text)
    if address is None:
        raise InvalidRequest(f"--source-address {text!r} is not an IP address")
    return address


def _in_brackets(text: str) -> str:
    """The text as it was meant, where its last part is a port; an example otherwise."""
    name, _, port = text.rpartition(":")
    return f"[{name}]:{port}" if _address(name) is not None else "[2001:db8::1]:80"


def _namespace(name: str, port: str | None, whole: str) -> Target:
    kind, _, rest = name.partition(":")
    if kind == "pid" and not (rest.isascii() and rest.isdecimal()):
        raise InvalidRequest(f"{whole!r}: {rest!r} is not a process number")
    if not rest:
        raise InvalidRequest(f"{whole!r}: the path of a namespace is missing")
    return Target(name, None if port is None else _port(port, whole))


def _bracketed(name: str, port: str | None, whole: str) -> Target:
    address = _address(name)
    if address is None or address.version != 6:  # noqa: PLR2004 - the IP version
        raise InvalidRequest(f"{whole!r}: {name!r} is not an IPv6 address")
    return Target(name, None if port is None else _port(port, whole))


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        _, slash, protocol = text.partition("/")
        hint = f"the protocol is a flag: --proto {protocol.lower()}" if slash and protocol else ""
        raise InvalidRequest(f"{whole!r}: {text!r} is not a port number", hint=hint)
    # a number of a thousand digits is compared by its length: int() refuses to convert it
    if len(text.lstrip("0")) > len(str(PORT_MAX)) or not 0 < int(text) <= PORT_MAX:
        raise InvalidRequest(f"{whole!r}: bad port {text[:20]}: must be 1 to {PORT_MAX}")
    return int(text)


def _address(text: str) -> IPAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
