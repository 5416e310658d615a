"""Published ports as `-p` writes them: `[HOST-ADDRESS:][HOST-PORTS:]CONTAINER-PORTS[/PROTOCOL]`."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from glassbridge.errors import InvalidRequest
from glassbridge.model.address import IPAddress
from glassbridge.model.endpoint import PortWish, Protocol

PORT_MAX = 65535

_SHAPE = re.compile(
    r"""
    (?: (?P<address> \[ [^\]]* \] | [^:\[\]/]* ) : (?= [^:]* : ) )?  # only before two more parts
    (?: (?P<host> [^:\[\]/]* ) : )?
    (?P<container> [^:\[\]/]+ )
    (?: / (?P<protocol> [^/]* ) )?
    """,
    re.VERBOSE,
)


def parse_ports(text: str) -> tuple[PortWish, ...]:
    """Parse one `-p`, ranges taken apart; raises InvalidRequest naming the part that is wrong."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise InvalidRequest(f"cannot read published port {text!r}", hint=_shape_hint(text))
    address = _parse_address(shape["address"] or "", text)
    protocol = _parse_protocol(shape["protocol"], text)
    first, last = _parse_range(shape["container"], "container port", text)
    if not shape["host"]:
        return tuple(
            PortWish(container_port=port, protocol=protocol, host_address=address)
            for port in range(first, last + 1)
        )
    host_first, host_last = _parse_range(shape["host"], "host port", text)
    if first == last:
        return (
            PortWish(
                container_port=first,
                protocol=protocol,
                host_address=address,
                host_ports=(host_first, host_last),
            ),
        )
    if host_last - host_first != last - first:
        raise InvalidRequest(
            f"published port {text!r}: {host_last - host_first + 1} host ports "
            f"for {last - first + 1} container ports",
            hint="both ranges must have the same length",
        )
    return tuple(
        PortWish(
            container_port=port,
            protocol=protocol,
            host_address=address,
            host_ports=(host_first + port - first,) * 2,
        )
        for port in range(first, last + 1)
    )


def format_ports(wish: PortWish) -> str:
    """Write a wish as `-p` takes it: the inverse of parse_ports for one wish."""
    parts = []
    match wish.host_address:
        case None:
            pass
        case IPv6Address() as address:
            parts.append(f"[{address}]")
        case IPv4Address() as address:
            parts.append(str(address))
    match wish.host_ports:
        case None if parts:
            parts.append("")
        case None:
            pass
        case (first, last):
            parts.append(str(first) if first == last else f"{first}-{last}")
    suffix = "" if wish.protocol is Protocol.TCP else f"/{wish.protocol}"
    return ":".join([*parts, str(wish.container_port)]) + suffix


def check_wish(wish: PortWish) -> PortWish:
    """Refuse what no `-p` can say, from callers that send numbers; raises InvalidRequest."""
    where = f"published port {format_ports(wish)!r}"
    first, last = wish.host_ports or (1, 1)
    for part, port in (
        ("container port", wish.container_port),
        ("host port", first),
        ("host port", last),
    ):
        if not 0 < port <= PORT_MAX:
            raise InvalidRequest(f"{where}: bad {part} {port}: 1 to {PORT_MAX} exist")
    if last < first:
        raise InvalidRequest(f"{where}: host port range {first}-{last} runs backwards")
    if wish.host_address is not None:
        check_host_address(wish.host_address, where)
    return wish


def check_host_address(address: IPAddress, where: str) -> IPAddress:
    """Refuse an address that no port can be published on; raises InvalidRequest."""
    if address == IPv6Address("::1"):
        raise InvalidRequest(
            f"{where}: the kernel cannot translate ::1 to another address",
            hint="publish on 127.0.0.1: clients that try localhost reach it there",
        )
    if address.is_multicast or (isinstance(address, IPv6Address) and address.is_link_local):
        kind = "multicast" if address.is_multicast else "link-local"
        raise InvalidRequest(f"{where}: {address} is a {kind} address, nothing can listen there")
    return address


def _parse_address(text: str, whole: str) -> IPAddress | None:
    if not text:
        return None
    where = f"published port {whole!r}"
    try:
        address: IPAddress = IPv6Address(text[1:-1]) if text.startswith("[") else IPv4Address(text)
    except AddressValueError as error:
        raise InvalidRequest(f"{where}: bad host address {text!r}: {error}") from None
    if isinstance(address, IPv6Address) and address.scope_id:
        raise InvalidRequest(f"{where}: an address with a zone (%{address.scope_id}) cannot serve")
    return check_host_address(address, where)


def _parse_protocol(text: str | None, whole: str) -> Protocol:
    if text is None:
        return Protocol.TCP
    try:
        return Protocol(text.lower())
    except ValueError:
        raise InvalidRequest(
            f"published port {whole!r}: bad protocol {text!r}",
            hint=f"one of {', '.join(Protocol)}",
        ) from None


def _parse_range(text: str, part: str, whole: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    start = _parse_port(first, part, whole)
    end = _parse_port(last, part, whole) if dash else start
    if end < start:
        raise InvalidRequest(f"published port {whole!r}: {part} range {text} runs backwards")
    return start, end


def _parse_port(text: str, part: str, whole: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise InvalidRequest(f"published port {whole!r}: bad {part} {text!r}: not a number")
    # a number of a thousand digits is compared by its length: int() refuses to convert it
    if len(text.lstrip("0")) > len(str(PORT_MAX)) or not 0 < int(text) <= PORT_MAX:
        raise InvalidRequest(
            f"published port {whole!r}: bad {part} {text[:20]}: must be 1 to {PORT_MAX}"
        )
    return int(text)


def _shape_hint(text: str) -> str:
    if text.count(":") > 2 and "[" not in text:  # noqa: PLR2004 - ADDRESS:PORT:PORT has two
        return "an IPv6 address stands in brackets: [2001:db8::1]:8080:80"
    return "[HOST-ADDRESS:][HOST-PORT:]CONTAINER-PORT[/PROTOCOL], e.g. 127.0.0.1:8080:80/tcp"
