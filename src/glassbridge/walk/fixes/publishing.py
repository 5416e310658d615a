"""A port of the host that nobody serves, beside one that a container publishes."""

from collections.abc import Iterable

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.model.packet import Packet, Transport
from glassbridge.model.snapshot import Published, Snapshot
from glassbridge.walk.fixes.mending import ENGINES, Mending, command

_SHOWN = 3


class NearMiss(Struct, frozen=True, kw_only=True):
    """What was probably meant."""

    sentence: str
    mending: Mending
    is_of_address: bool = False
    """The port is published, on another address: its engine may listen there itself."""


def near_miss(snapshot: Snapshot, packet: Packet) -> NearMiss | None:
    """The published port that a packet to the host comes closest to; None where it is served."""
    if packet.transport is Transport.ICMP or not _is_of_host(snapshot, packet.destination):
        return None
    on_port = [p for p in snapshot.published if p.host_port == packet.destination_port]
    same = [p for p in on_port if p.transport is packet.transport]
    if any(_serves(p.host_address, packet.destination) for p in same):
        return None
    return (
        _on_another_address(same, packet)
        or _as_another_protocol(on_port, packet)
        or _by_one_that_does_not_run(snapshot, packet)
        or _under_another_number(snapshot, packet)
        or _not_at_all(snapshot, packet)
    )


def _is_of_host(snapshot: Snapshot, address: IPAddress) -> bool:
    host = snapshot.namespaces.get(snapshot.home)
    own = host.stack.addresses if host is not None else ()
    return address.is_loopback or any(a.interface.ip == address for a in own)


def _serves(published: IPAddress, asked: IPAddress) -> bool:
    """No NAT leads ::1 away."""
    if asked.version != published.version or (asked.version == 6 and asked.is_loopback):  # noqa: PLR2004 - the IP version
        return False
    return published.is_unspecified or published == asked


def _on_another_address(same: list[Published], packet: Packet) -> NearMiss | None:
    if not same:
        return None
    port, service = same[0], _service(packet)
    there = " and ".join(dict.fromkeys(_called(p.host_address) for p in same))
    asked = packet.destination
    wide = f"-p {port.host_port}:{port.container_port}{_suffix(packet)}"
    if asked.version == 6 and asked.is_loopback:  # noqa: PLR2004 - the IP version
        return NearMiss(
            sentence=f"{port.name} publishes {service}, but published ports are not served on ::1",
            mending=Mending(note=f"ask 127.0.0.1:{port.host_port}: no NAT leads away from ::1"),
            is_of_address=True,
        )
    loopback = [p for p in same if p.host_address.is_loopback]
    inside = f"the host itself reaches it on {loopback[0].host_address}; " if loopback else ""
    return NearMiss(
        sentence=f"{port.name} publishes {service} on {there} only, not on {asked}",
        mending=Mending(note=f"{inside}for others, run {port.name} with {wide} instead"),
        is_of_address=True,
    )


def _as_another_protocol(on_port: list[Published], packet: Packet) -> NearMiss | None:
    other = next((p for p in on_port if p.transport is not packet.transport), None)
    if other is None:
        return None
    wish = f"-p {other.host_port}:{other.container_port}{_suffix(packet)}"
    return NearMiss(
        sentence=f"{other.name} publishes {other.host_port} as {other.transport}, not as "
        f"{packet.transport}",
        mending=Mending(
            note=f"ask by {other.transport} (--proto {other.transport}), or run {other.name} "
            f"with {wish} as well"
        ),
    )


def _by_one_that_does_not_run(snapshot: Snapshot, packet: Packet) -> NearMiss | None:
    asleep = next(
        (
            p
            for p in snapshot.unserved
            if p.host_port == packet.destination_port and p.transport is packet.transport
        ),
        None,
    )
    if asleep is None:
        return None
    engine = ENGINES.get(asleep.origin)
    start = command(snapshot, snapshot.home, engine, "start", asleep.name) if engine else ""
    return NearMiss(
        sentence=f"{asleep.name} publishes {_service(packet)}, but does not run",
        mending=Mending(
            commands=(start,) if start else (), note=f"{asleep.name} serves its ports again"
        ),
    )


def _under_another_number(snapshot: Snapshot, packet: Packet) -> NearMiss | None:
    inside = [
        p
        for p in snapshot.published
        if p.container_port == packet.destination_port and p.transport is packet.transport
    ]
    if not inside:
        return None
    told = _some(f"{p.name}'s is published as {p.host_port}" for p in inside)
    return NearMiss(
        sentence=f"{_service(packet)} is not published on the host: {told}",
        mending=Mending(
            note=f"ask port {inside[0].host_port} for {inside[0].name}; if a program on the host "
            f"is meant, start it: it should answer on {_service(packet)}"
        ),
    )


def _not_at_all(snapshot: Snapshot, packet: Packet) -> NearMiss | None:
    """Of the namespaces that were read: nobody reads a thousand for this."""
    listening = [
        name.name
        for name in snapshot.names
        if name.origin in ENGINES and name.cookie != snapshot.home
        for namespace in (snapshot.namespaces.get(name.cookie),)
        if namespace is not None
        and any(
            s.port == packet.destination_port and s.protocol.value == packet.transport.value
            for s in namespace.stack.sockets
        )
    ]
    if not listening:
        return None
    port = packet.destination_port
    return NearMiss(
        sentence=f"{_service(packet)} is not published on the host: {_some(listening)} "
        "listens on it inside",
        mending=Mending(
            note=f"run {listening[0]} with -p {port}:{port}{_suffix(packet)}, or ask its own "
            "address from its own network"
        ),
    )


def _some(words: Iterable[str]) -> str:
    told = list(dict.fromkeys(words))
    more = f", and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more


def _called(address: IPAddress) -> str:
    return f"any IPv{address.version} address" if address.is_unspecified else str(address)


def _service(packet: Packet) -> str:
    return f"{packet.destination_port}/{packet.transport.value}"


def _suffix(packet: Packet) -> str:
    return "/udp" if packet.transport is Transport.UDP else ""
