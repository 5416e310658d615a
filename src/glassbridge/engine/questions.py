"""From what a person asked to the question that prediction answers: who, where to, which packet."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from msgspec import Struct

from glassbridge.engine.targets import Surveyed, Target
from glassbridge.errors import InvalidRequest, NotFound
from glassbridge.model.address import IPAddress
from glassbridge.model.packet import FlowWish, Question
from glassbridge.model.snapshot import Namespace

_LOOPBACK: dict[int, IPAddress] = {4: IPv4Address("127.0.0.1"), 6: IPv6Address("::1")}
"""Where the kernel sends what is for the unspecified address."""


class Asked(Struct, frozen=True, kw_only=True):
    """A wish with its names found."""

    question: Question
    source: Target
    destination: Target


def ask(survey: Surveyed, wish: FlowWish) -> Asked:
    """Find both ends, and read their namespaces and the host's.

    Raises NotFound, Conflict, PermissionRefused or InvalidRequest.
    """
    source = survey.resolve(wish.source)
    destination = survey.resolve(wish.destination, wish.version, source.cookie)
    _check_ends(wish, source, destination)
    survey.read(t for t in (source.cookie, survey.snapshot.home, destination.cookie) if t)
    address = _destination(survey, wish, source, destination)
    if wish.source_address is not None and wish.source_address.version != address.version:
        raise InvalidRequest(
            f"{wish.source_address} cannot be the source of a packet to {address}: "
            "one is IPv4, the other IPv6"
        )
    question = Question(
        source=source.cookie,
        transport=wish.transport,
        destination=address,
        destination_port=wish.port or 0,
        source_address=wish.source_address or _outside_source(source),
        source_port=wish.source_port or 0,
        icmp_type=wish.icmp_type,
        size=wish.size or 0,
        ttl=wish.ttl or 64,
        meant=destination.cookie if _is_address(wish.destination) is None else None,
    )
    survey.focus(question)
    return Asked(question=question, source=source, destination=destination)


def _check_ends(wish: FlowWish, source: Target, destination: Target) -> None:
    if source.cookie is None and _is_address(wish.source) is None:
        raise NotFound(f"{wish.source} is no container and no namespace of this host")
    is_same = source.cookie is not None and source.cookie == destination.cookie
    if is_same and _is_address(wish.destination) is None:
        both = (
            f"{source.name} is both source and destination"
            if source.name == destination.name
            else f"{source.name} and {wish.destination} share one network stack"
        )
        port = f":{wish.port}" if wish.port else ""
        raise InvalidRequest(
            f"{both}: no packet leaves a stack to reach itself",
            hint=f"its loopback: glassbridge trace {wish.source} 127.0.0.1{port}",
        )


def _destination(
    survey: Surveyed, wish: FlowWish, source: Target, destination: Target
) -> IPAddress:
    """The address that was named, else the one on a network that both ends share.

    Of several, one on which containers are not kept apart.
    """
    named = _is_address(wish.destination)
    if named is not None:
        if wish.version not in (None, named.version):
            raise InvalidRequest(f"{named} is not an IPv{wish.version} address")
        return _LOOPBACK[named.version] if named.is_unspecified else named
    if destination.cookie is None:
        assert destination.address is not None  # a name of the DNS
        return destination.address
    candidates = [
        a
        for a in survey.addresses_of(destination.cookie)
        if wish.version in (None, a.version) and not a.is_link_local
    ]
    if not candidates:
        version = f"IPv{wish.version} " if wish.version else ""
        raise NotFound(
            f"{destination.name} has no {version}address",
            hint=f"see: glassbridge stack {wish.destination}",
        )
    near = survey.snapshot.namespaces.get(source.cookie) if source.cookie is not None else None
    if wish.version is None:
        first = candidates[0].version
        candidates = [a for a in candidates if a.version == first]
    apart = [s for n in survey.snapshot.networks if not n.icc for s in n.subnets]
    return min(
        candidates,
        key=lambda a: (not (near and _is_direct(near, a)), any(a in s for s in apart)),
    )


def _is_direct(namespace: Namespace, address: IPAddress) -> bool:
    """Whether one of the namespace's own subnets has it, and it is not the namespace's own."""
    return any(
        address in a.interface.network and address != a.interface.ip
        for a in namespace.stack.addresses
    )


def _outside_source(source: Target) -> IPAddress | None:
    return source.address if source.cookie is None else None


def _is_address(text: str) -> IPAddress | None:
    try:
        return ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
