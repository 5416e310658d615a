"""What we need of the host itself: forwarding, a way past foreign firewalls, its uplinks."""

import hashlib
import json
import platform
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

from glassbridge.engine.state import State
from glassbridge.errors import GlassbridgeError, NotFound
from glassbridge.ipam.address_space import InUse, UserKind
from glassbridge.kernel import sysctl
from glassbridge.kernel.foreign_firewall import find_dropping_chains, find_opened_chains
from glassbridge.kernel.promised_subnets import promised_subnets
from glassbridge.kernel.rtnetlink import RouteSocket
from glassbridge.kernel.sandbox import OpenSandbox
from glassbridge.kernel.snapshot import read_addresses, read_links, read_routes
from glassbridge.model.driven import AddressPool
from glassbridge.model.endpoint import Sandbox
from glassbridge.model.firewall import Element
from glassbridge.model.kernel_names import LINK_GROUP
from glassbridge.model.network import Ifname, Network, NetworkId
from glassbridge.model.tables import TABLE_LOCAL, Route
from glassbridge.model.topology import Link
from glassbridge.plan.firewall import uplink_elements
from glassbridge.plan.foreign_firewall import Backend, ForeignChain
from glassbridge.plan.host import forwarding_keys, link_key, plan_forwarding, plan_restore
from glassbridge.plan.network import needs_forwarding
from glassbridge.plan.operations import ClosePath, LoadRuleset, OpenPath, Operation
from glassbridge.plan.uplinks import uplink_bridges
from glassbridge.store.store import Store

REALISED = "realised"
RECORDED_SYSCTLS = "recorded_sysctls"
RTPROT_RA = 9


class Host:
    """Reads the host; whatever changes it is returned as operations."""

    def __init__(self, store: Store) -> None:
        self._links = RouteSocket()
        self._recorded: dict[str, str] = json.loads(store.setting(RECORDED_SYSCTLS) or "{}")
        self._uplinks: tuple[Ifname, ...] = ()
        self.global_id = _global_id()

    def close(self) -> None:
        """Close the socket."""
        self._links.close()

    def elements(self) -> tuple[Element, ...]:
        """The firewall elements that belong to no network."""
        return uplink_elements(self._uplinks)

    def in_use(
        self,
        networks: Iterable[Network],
        *,
        adopted: str | None,
        pools: Iterable[AddressPool] = (),
    ) -> list[InUse]:
        """Every prefix that a new subnet must not meet; not those of a bridge that it adopts."""
        names = {k.ifindex: k.ifname for k in self._read_links()}
        found = [
            InUse(prefix=s.prefix, kind=UserKind.NETWORK, name=n.name)
            for n in networks
            for s in n.subnets
        ]
        found += [InUse(prefix=p.prefix, kind=UserKind.POOL, name="of Docker's") for p in pools]
        ours = {n.bridge for n in networks} | {adopted}
        for address in read_addresses(self._links):
            link = names.get(address.ifindex, "")
            if link not in ours:
                prefix = address.interface.network
                found.append(InUse(prefix=prefix, kind=UserKind.LINK, name=link))
        for route in read_routes(self._links):
            link = "" if route.oif is None else names.get(route.oif, "")
            if link not in ours and route.table != TABLE_LOCAL:
                found.append(InUse(prefix=route.destination, kind=UserKind.ROUTE, name=link))
        return [*found, *_nameservers(), *promised_subnets()]

    def met_by(self, network: Network, known: Iterable[Network]) -> InUse | None:
        """An address of the host's, on no bridge of ours, that this one's bridge would hide."""
        own = [a.network for a in network.gateway_interfaces]
        in_use = self.in_use(known, adopted=None) if own else ()
        links = (use for use in in_use if use.kind is UserKind.LINK)
        return next((use for use in links if any(use.prefix.overlaps(p) for p in own)), None)

    def prepare(self, state: State, network: Network) -> tuple[Operation, ...]:
        """What the host lacks before this network can be realised."""
        operations: list[Operation] = []
        if not state.realised:
            self.look_for_uplinks(state)
            operations.append(LoadRuleset(self.elements()))
        # with every network: the kernel announces no change of legacy iptables
        operations += [OpenPath(c) for c in _closed_paths()]
        if needs_forwarding(network):
            for subnet in network.subnets:
                operations += self._forwarding(subnet.prefix.version)
        return tuple(operations)

    def record(self, store: Store) -> None:
        """Write what the sysctls were, before they are changed."""
        store.set_setting(RECORDED_SYSCTLS, json.dumps(self._recorded))

    def restore(self, state: State) -> tuple[tuple[Operation, ...], tuple[str, ...]]:
        """Give recorded values back, and say what is left alone and why."""
        current = sysctl.read_present(self._recorded)
        ours = {n.bridge for n in state.networks if not n.adopted}
        foreign = [k.ifname for k in self._read_links() if k.kind == "bridge"]
        foreign = [name for name in foreign if name not in ours]
        changed = {k for k, v in self._recorded.items() if current.get(k, v) != v}
        leave = bool(foreign) and bool(changed)
        notes = (
            (f"forwarding stays on: {', '.join(foreign)} may need it; {_switch_off(changed)}",)
            if leave
            else ()
        )
        return plan_restore(self._recorded, current, leave_forwarding=leave), notes

    def forget(self, store: Store) -> None:
        """Everything is restored."""
        self._recorded = {}
        store.set_setting(RECORDED_SYSCTLS, None)

    def look_for_uplinks(self, state: State, links: RouteSocket | None = None) -> bool:
        """Find the bridges through which the host itself reaches the world; true if they changed.

        Our containers may leave by them, although they are bridges that are not ours. Another
        thread than the writer brings a socket of its own.
        """
        ours = {n.bridge for n in state.networks}
        links = links or self._links
        found = uplink_bridges(tuple(read_links(links)), read_routes(links), ours)
        changed = found != self._uplinks
        self._uplinks = found
        return changed

    def closed_paths(self, state: State) -> tuple[ForeignChain, ...]:
        """Chains of others that would drop what our networks forward.

        Native nft ones are left out: they are the administrator's to open.
        """
        return _closed_paths() if state.realised else ()

    def close_paths(self) -> tuple[Operation, ...]:
        """Take our accepts out of foreign chains."""
        return tuple(ClosePath(c) for c in find_opened_chains())

    def is_alive(self, sandbox: Sandbox) -> bool:
        """Whether a sandbox's path still opens the namespace that it was."""
        try:
            opened = OpenSandbox(sandbox.netns)
        except NotFound:
            return False
        except GlassbridgeError:
            return True  # refused is not gone
        try:
            return opened.cookie == sandbox.netns_cookie
        finally:
            opened.close()

    def _forwarding(self, family: int) -> tuple[Operation, ...]:
        links = self._read_links()
        # links of ours go with `down`, and their keys with them
        keys = forwarding_keys(family, (k.ifname for k in links if k.group != LINK_GROUP))
        ra_uplinks = tuple(_ra_uplinks(links, read_routes(self._links)))
        wanted = (*keys, *(link_key("ipv6", link, "accept_ra") for link in ra_uplinks))
        current = sysctl.read_present(wanted)
        operations = plan_forwarding(family, current, ra_uplinks)
        if operations:
            self._recorded = {**current, **self._recorded}
        return operations

    def _read_links(self) -> tuple[Link, ...]:
        return tuple(read_links(self._links))


def _closed_paths() -> tuple[ForeignChain, ...]:
    return tuple(c for c in find_dropping_chains() if c.backend is not Backend.NFT)


def encode_realised(realised: Iterable[NetworkId]) -> str:
    """The value of the setting REALISED."""
    return json.dumps(sorted(realised))


def decode_realised(text: str | None) -> set[NetworkId]:
    """The inverse of encode_realised."""
    return {NetworkId(i) for i in json.loads(text or "[]")}


def _ra_uplinks(links: Iterable[Link], routes: Iterable[Route]) -> Iterable[Ifname]:
    """Links whose IPv6 default route came by router advertisement (RTPROT_RA)."""
    names = {k.ifindex: k.ifname for k in links}
    for route in routes:
        prefix = route.destination
        default6 = prefix.version == 6 and prefix.prefixlen == 0  # noqa: PLR2004 - the IP version
        if default6 and route.protocol == RTPROT_RA and route.oif is not None:
            yield Ifname(names[route.oif])


def _nameservers() -> Iterable[InUse]:
    """The host's resolvers: a subnet over one of them would cut the host off from its names."""
    try:
        lines = Path("/etc/resolv.conf").read_text().splitlines()
    except OSError:
        return
    for words in map(str.split, lines):
        if len(words) > 1 and words[0] == "nameserver":
            address, _, _zone = words[1].partition("%")
            with suppress(ValueError):
                yield InUse(prefix=ip_network(address), kind=UserKind.NAMESERVER, name=address)


def _global_id() -> int:
    """The host's 40 bits for unique local addresses (RFC 4193 §3.2.2), the same at every boot."""
    try:
        machine = Path("/etc/machine-id").read_bytes()
    except OSError:
        machine = platform.node().encode()
    return int.from_bytes(hashlib.blake2s(machine, person=b"ula", digest_size=5).digest())


def _switch_off(keys: Iterable[str]) -> str:
    switches = [k for k in sorted(keys) if k.endswith(("ip_forward", "all.forwarding"))]
    return "; ".join(f"sysctl -w {k}=0" for k in switches)
