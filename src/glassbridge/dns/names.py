"""Who bears which name, indexed for answers: a change costs what it changes, a question nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator

from glassbridge.dns.zone import Member, NetworkNames
from glassbridge.model.address import IPAddress, IPNetwork
from glassbridge.model.endpoint import SandboxId
from glassbridge.model.network import NetworkId
from glassbridge.wire.dns import AAAA, PTR, A, write_name, write_record

TTL = 0
"""A container that is made anew has another address at once, and the old one is another's soon."""


class Bearer:
    """A member with everything that answers about it are made of."""

    __slots__ = ("addresses", "ipv4", "ipv6", "member", "names")

    def __init__(self, member: Member) -> None:
        self.member = member
        self.names = tuple(
            name for text in dict.fromkeys(member.names) if (name := write_name(text.lower()))
        )
        self.addresses = tuple(map(str, member.addresses))
        """As the kernel prints a source address."""
        self.ipv4 = tuple(_record(a) for a in member.addresses if a.version == 4)  # noqa: PLR2004
        self.ipv6 = tuple(_record(a) for a in member.addresses if a.version == 6)  # noqa: PLR2004


class Zone:
    """The names of one network."""

    def __init__(self, network: NetworkNames) -> None:
        self.network = network.__class__(id=network.id, name="", gateways=())
        self.suffix = b""
        """Of names in the form `name.network`."""
        self.by_name: dict[bytes, tuple[Bearer, ...]] = {}
        self.by_address: dict[str, Bearer] = {}
        self.sandboxes: Counter[SandboxId] = Counter()
        self._bearers: dict[int, Bearer] = {}
        """By the identity of the member, which stays its own as long as its bearer holds it."""
        self.become(network)

    def become(self, network: NetworkNames) -> None:
        """Take over what changed; a member that is the same object as before costs nothing."""
        now = {id(member): member for member in network.members}
        for key in self._bearers.keys() - now.keys():
            self._remove(self._bearers.pop(key))
        for key, member in now.items():
            if key not in self._bearers:
                self._bearers[key] = bearer = Bearer(member)
                self._add(bearer)
        self.network, self.suffix = network, write_name(network.name.lower()) or b""

    def bearers(self, name: bytes) -> tuple[Bearer, ...]:
        """Who bears a lower-case name, bare or with the network's behind it."""
        found = self.by_name.get(name)
        if found is None and self.has_suffix(name):
            found = self.by_name.get(name[: -len(self.suffix)] + b"\0")
        return found or ()

    def has_suffix(self, name: bytes) -> bool:
        """Whether a lower-case name has the network's behind it."""
        return bool(self.suffix) and name.endswith(self.suffix)

    def name_of(self, address: IPAddress) -> bytes | None:
        """The record that names an address of a member."""
        bearer = self.by_address.get(str(address))
        if bearer is None or not bearer.names:
            return None
        return write_record(PTR, TTL, bearer.names[0][:-1] + (self.suffix or b"\0"))

    def _add(self, bearer: Bearer) -> None:
        for name in bearer.names:
            self.by_name[name] = (*self.by_name.get(name, ()), bearer)
        for address in bearer.addresses:
            self.by_address[address] = bearer
        self.sandboxes[bearer.member.sandbox] += 1

    def _remove(self, bearer: Bearer) -> None:
        for name in bearer.names:
            left = tuple(b for b in self.by_name[name] if b is not bearer)
            if left:
                self.by_name[name] = left
            else:
                del self.by_name[name]
        for address in bearer.addresses:
            if self.by_address.get(address) is bearer:  # may have a new one already
                del self.by_address[address]
        sandbox = bearer.member.sandbox
        self.sandboxes[sandbox] -= 1
        if not self.sandboxes[sandbox]:
            del self.sandboxes[sandbox]


class Names:
    """All networks."""

    def __init__(self, networks: Iterable[NetworkNames] = ()) -> None:
        self._zones: dict[NetworkId, Zone] = {}
        self._by_gateway: dict[str, Zone] = {}
        self._subnets: tuple[IPNetwork, ...] = ()
        self.update(networks)

    def update(self, networks: Iterable[NetworkNames]) -> None:
        """Take over what changed; networks that are the same objects as before cost nothing."""
        zones: dict[NetworkId, Zone] = {}
        for network in networks:
            zone = self._zones.get(network.id)
            if zone is None:
                zone = Zone(network)
            elif zone.network is not network:
                zone.become(network)
            zones[network.id] = zone
        self._zones = zones
        self._by_gateway = {
            str(gateway): zone for zone in zones.values() for gateway in zone.network.gateways
        }
        self._subnets = tuple(s for zone in zones.values() for s in zone.network.subnets)

    def asked_at(self, gateway: str) -> Zone | None:
        """The network whose gateway bears an address."""
        return self._by_gateway.get(gateway)

    def is_gateway(self, address: IPAddress) -> bool:
        """Whether we are asked at an address: who asks others there, asks us again."""
        return str(address) in self._by_gateway

    def others_of(self, sandbox: SandboxId, zone: Zone) -> Iterator[Zone]:
        """The other networks of a sandbox that asked in one."""
        return (z for z in self._zones.values() if sandbox in z.sandboxes and z is not zone)

    def is_ours(self, address: IPAddress) -> bool:
        """Whether an address is of one of our subnets."""
        return any(address in subnet for subnet in self._subnets)


def _record(address: IPAddress) -> bytes:
    return write_record(A if address.version == 4 else AAAA, TTL, address.packed)  # noqa: PLR2004
