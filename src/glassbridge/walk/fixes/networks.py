"""Networks and containers that are kept apart on purpose: whose purpose, and the way around it."""

from glassbridge.model.kernel_names import DEFAULT_NETWORK
from glassbridge.model.ruleset import Origin
from glassbridge.model.snapshot import NamedNetwork
from glassbridge.walk.fixes.mending import ENGINES, Case, Mending, command
from glassbridge.walk.fixes.publishing import near_miss

_DEFAULTS = {
    Origin.GLASSBRIDGE: DEFAULT_NETWORK,
    Origin.DOCKER: "bridge",
    Origin.PODMAN: "podman",
}
"""On which a container is whose engine was not told another network."""


def mend_apart(case: Case) -> Mending:
    """Two networks talk if one container is on both."""
    joined = connect(case)
    if joined is not None:
        return joined
    return Mending(
        note=f"networks are kept apart by {_whose(case)}; a container of another engine, or the "
        f"outside, reaches {_target(case)} by a published port: run it with "
        f"-p {_port(case)}, and ask the host's address"
    )


def connect(case: Case) -> Mending | None:
    """Join the sender to the target's network; None where no engine can."""
    network, sender = case.network_of(case.packet.destination), case.source
    if case.step.is_reply:
        network = case.network_of(case.packet.source)
    name = case.name(sender.cookie)
    if network is None or name is None or network.origin not in ENGINES:
        return None
    if name.origin is not network.origin or _is_on(case, network):
        return None
    return Mending(
        commands=(_join(case, network.name, name.name, network.origin),),
        note=f"{name.name} becomes a member of network {network.name}, too; that networks are "
        f"apart is {network.origin.value}'s rule",
    )


def _is_on(case: Case, network: NamedNetwork) -> bool:
    addresses = case.stack_of(case.source.cookie).addresses
    return any(a.interface.ip in s for a in addresses for s in network.subnets)


def _join(case: Case, network: str, name: str, origin: Origin) -> str:
    return command(
        case.snapshot, case.snapshot.home, ENGINES[origin], "network", "connect", network, name
    )


def reconnect(case: Case) -> tuple[str, ...]:
    """Take a container off its network and put it on again: it gets everything anew."""
    name = case.name(case.cookie)
    network = next(
        (
            n
            for n in case.snapshot.networks
            for a in (name.addresses if name else ())
            if any(a in s for s in n.subnets)
        ),
        None,
    )
    if name is None or network is None or ENGINES.get(name.origin) != ENGINES.get(network.origin):
        return ()
    if name.origin not in ENGINES:
        return ()
    words = (ENGINES[name.origin], "network")
    home = case.snapshot.home
    return tuple(
        command(case.snapshot, home, *words, verb, network.name, name.name)
        for verb in ("disconnect", "connect")
    )


def mend_internal(case: Case) -> Mending:
    """Out of an internal network by a second one; into it by becoming a member."""
    joined = connect(case)
    if joined is not None:
        return joined
    name = case.name(case.source.cookie)
    intention = "--internal was asked for when its network was created"
    if name is None or name.origin not in ENGINES:
        return Mending(note=f"{intention}: nothing from outside gets in")
    default = _DEFAULTS[name.origin]
    own = (n for n in case.snapshot.networks if n.origin is name.origin and _is_on(case, n))
    if any(n.name == default for n in own):
        return Mending(note=intention)
    return Mending(
        commands=(_join(case, default, name.name, name.origin),),
        note=f"{intention}; on network {default} as well, it gets a way out",
    )


def mend_icc(case: Case) -> Mending:
    """The option cannot be changed later: both need a network without it."""
    sender = case.name(case.source.cookie)
    target = next(
        (n for n in case.snapshot.names if case.packet.destination in _addresses(case, n.cookie)),
        None,
    )
    network = case.network_of(case.packet.destination)
    whose = network.origin if network and network.origin in ENGINES else Origin.GLASSBRIDGE
    intention = (
        f"network {network.name if network else ''} was created with "
        "com.docker.network.bridge.enable_icc=false, to keep its containers apart"
    )
    if sender is None or target is None or sender.origin is not whose:
        return Mending(note=f"{intention}: put both on another network")
    new = f"{sender.name}-{target.name}"
    create = command(case.snapshot, case.snapshot.home, ENGINES[whose], "network", "create", new)
    return Mending(
        commands=(
            create,
            _join(case, new, sender.name, whose),
            _join(case, new, target.name, whose),
        ),
        note=f"{intention}; on {new} the two talk, by the addresses that they get there",
    )


def _addresses(case: Case, cookie: int) -> set[object]:
    return {a.interface.ip for a in case.stack_of(cookie).addresses}


def mend_unpublished(case: Case) -> Mending:
    """A port is published when the container is made."""
    near = near_miss(case.snapshot, case.packet)
    if near is not None:
        return near.mending
    return Mending(
        note=f"run {_target(case)} with -p {_port(case)}, and ask the host's address: only "
        f"published ports are reached from outside or from another network: {_whose(case)}'s rule"
    )


def mend_direct(case: Case) -> Mending:
    """A container's own address is for its own network."""
    key = f"com.docker.network.bridge.gateway_mode_ipv{case.packet.version}"
    return Mending(
        note=f"publish the port (run {_target(case)} with -p {_port(case)}) and ask the host's "
        f"address, or create the network with -o {key}=routed; {_whose(case)} keeps containers' "
        "own addresses from the outside"
    )


def mend_no_cable(case: Case) -> Mending:
    """A container without a link gets one from a network."""
    name = case.name(case.cookie)
    if name is None or name.origin not in ENGINES:
        return Mending(
            note=f"{case.place.name} has no link: give it one (ip link add ... type veth)"
        )
    network = case.network_of(case.packet.destination)
    is_own = network is not None and network.origin is name.origin
    wanted = network.name if network is not None and is_own else _DEFAULTS[name.origin]
    return Mending(
        commands=(_join(case, wanted, name.name, name.origin),),
        note=f"{name.name} gets an interface on network {wanted}",
    )


def _whose(case: Case) -> str:
    rule = case.drop.rule
    return (rule.owner if rule is not None else Origin.UNKNOWN) or Origin.GLASSBRIDGE


def _target(case: Case) -> str:
    return case.snapshot.owner_of(case.packet.destination) or str(case.packet.destination)


def _port(case: Case) -> str:
    port = case.packet.destination_port
    suffix = "/udp" if case.packet.transport.value == "udp" else ""
    return f"{port}:{port}{suffix}" if port else "HOST-PORT:PORT"
