"""From what CNI or netavark asks for to an endpoint: addresses, MAC and names are chosen here."""

import time
from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv6Interface

from msgspec.structs import replace

from glassbridge.engine.leasing import Leases, choose_mac, fresh_id, host_mac_of
from glassbridge.engine.range_sets import range_sets
from glassbridge.engine.state import State
from glassbridge.errors import Conflict, InvalidRequest
from glassbridge.kernel.executor import Executor
from glassbridge.model.address import IPInterface, Mac
from glassbridge.model.attachment import AttachmentRequest, ForeignCable
from glassbridge.model.endpoint import (
    Endpoint,
    EndpointId,
    EndpointState,
    LinkSettings,
    Sandbox,
    Shaping,
    StaticRoute,
)
from glassbridge.model.names import check_ifname
from glassbridge.model.network import Ifname, Network
from glassbridge.plan.sandbox_end import EVERYWHERE, NO_SETTINGS, Found

_SLASHES = str.maketrans("./", "/.")
"""sysctl(8) writes a dot in a link's name as a slash."""
_OFF = "net.ipv6.conf.{}.disable_ipv6"
_DEFAULT_OFF, _LOOPBACK_OFF = _OFF.format("default"), _OFF.format("lo")
NO_MAC = Mac("00:00:00:00:00:00")


class KeyedEndpoint:
    """The choices of one ADD; what was leased is in `leases`, for the caller to give back."""

    def __init__(
        self,
        state: State,
        executor: Executor,
        leases: Leases,
        network: Network,
        sandbox: Sandbox,
        request: AttachmentRequest,
    ) -> None:
        self._state = state
        self._executor = executor
        self._leases = leases
        self._network = network
        self._sandbox = sandbox
        self._request = request

    def choose(self) -> Endpoint:
        """Choose everything but the ports; raises Conflict, PoolExhausted or InvalidRequest."""
        request = self._request
        _check_sysctls(request.settings)
        _check_shaping(request.shaping)
        if request.cable is not None:
            return self._on_cable(request.cable)
        ifname = self._ifname()
        endpoint_id, host_end = self._host_end()
        addresses = tuple(self._leased())
        if request.given is not None:
            addresses = tuple(map(self._take, request.given))
        mac = self._mac(endpoint_id, addresses)
        return self._endpoint(
            endpoint_id, ifname, addresses, host_end=host_end, mac=mac, host_mac=host_mac_of(mac)
        )

    def found(self, endpoint: Endpoint) -> Found:
        """What is there already and outlives our links; read ahead of the plan that changes it."""
        request = self._request
        wish = endpoint.settings or NO_SETTINGS
        ifname = request.key.ifname
        mac, settings = None, NO_SETTINGS
        lasting = list(wish.sysctls)
        if request.cable is not None:
            mac = self._executor.link(ifname, request.netns).mac
            settings = _as_wished(wish, self._executor.settings(ifname, request.netns))
        else:
            lasting = [k for k in lasting if not _dies_with(ifname, k)]
        if lasting:
            sysctls = self._executor.sysctls(lasting, request.netns)
            settings = replace(settings, sysctls=sysctls)
        return Found(settings, mac)

    def _on_cable(self, cable: ForeignCable) -> Endpoint:
        """An earlier plugin made the interface: its names and addresses are taken as they are."""
        if cable.bridge != self._network.bridge:
            raise Conflict(
                f"{cable.host_end} is plugged into {cable.bridge}, and network "
                f"{self._network.name} is bridge {self._network.bridge}"
            )
        ifname = self._request.key.ifname
        end = self._executor.link(ifname, self._request.netns)
        host_end = self._executor.link(cable.host_end)
        if self._state.endpoint_at(cable.host_end) is not None:
            raise Conflict(f"{cable.host_end} is attached already")
        endpoint_id, _ = fresh_id(lambda _: True)
        addresses = tuple(map(self._take, cable.addresses))
        mac = self._mac(endpoint_id, addresses) if self._request.mac else end.mac
        return self._endpoint(
            endpoint_id,
            ifname,
            addresses,
            host_end=cable.host_end,
            mac=mac or NO_MAC,
            host_mac=host_end.mac or NO_MAC,
        )

    def _endpoint(
        self,
        endpoint_id: EndpointId,
        ifname: Ifname,
        addresses: tuple[IPInterface, ...],
        *,
        host_end: Ifname,
        mac: Mac,
        host_mac: Mac,
    ) -> Endpoint:
        request = self._request
        ipv4 = next((a for a in addresses if isinstance(a, IPv4Interface)), None)
        ipv6 = next((a for a in addresses if isinstance(a, IPv6Interface)), None)
        return Endpoint(
            id=endpoint_id,
            network=self._network.id,
            sandbox=self._sandbox.id,
            ifname=ifname,
            host_end=host_end,
            mac=mac,
            host_mac=host_mac,
            ipv4=ipv4,
            ipv6=ipv6,
            more=tuple(a for a in addresses if a not in (ipv4, ipv6)),
            aliases=request.aliases,
            routes=self._routes(addresses),
            settings=self._settings(addresses),
            shaping=request.shaping,
            hairpin=request.hairpin,
            hides=request.hides,
            has_foreign_cable=request.cable is not None,
            container=request.key.container,
            state=EndpointState.ATTACHING,
            created=time.time(),
        )

    def _ifname(self) -> Ifname:
        ifname = check_ifname(self._request.key.ifname)
        if self._executor.has_link(ifname, self._request.netns):
            raise Conflict(f"{self._request.netns} already has an interface {ifname}")
        return ifname

    def _host_end(self) -> tuple[EndpointId, Ifname]:
        endpoint_id, host_end = fresh_id(lambda name: not self._executor.has_link(name))
        if not self._request.host_end:
            return endpoint_id, host_end
        wish = check_ifname(self._request.host_end)
        if self._executor.has_link(wish):
            raise Conflict(f"the host already has a link {wish}", hint="choose another name")
        return endpoint_id, wish

    def _mac(self, endpoint_id: EndpointId, addresses: Iterable[IPInterface]) -> Mac:
        ipv4 = next((a for a in addresses if isinstance(a, IPv4Interface)), None)
        return choose_mac(self._state, self._network, self._request.mac, endpoint_id, ipv4)

    def _settings(self, addresses: Iterable[IPInterface]) -> LinkSettings | None:
        """As ordered; IPv6 is switched on where the namespace keeps it off, as bridge does."""
        request = self._request
        wish = request.settings
        if request.cable is not None or all(a.version == 4 for a in addresses):  # noqa: PLR2004 - the IP version
            return wish
        off = self._executor.sysctls((_DEFAULT_OFF, _LOOPBACK_OFF), request.netns)
        own = _OFF.format(request.key.ifname.translate(_SLASHES))
        keys = ((_DEFAULT_OFF, own), (_LOOPBACK_OFF, _LOOPBACK_OFF))
        on = {key: "0" for where, key in keys if off.get(where) == "1"}
        if not on:
            return wish
        wish = wish or NO_SETTINGS
        return replace(wish, sysctls={**on, **wish.sysctls})

    def _leased(self) -> Iterable[IPInterface]:
        if self._request.given is not None:
            return
        network, holder = self._network, self._sandbox.name
        left = list(self._request.wishes)
        for pools in range_sets(self._state.pools(network)):
            wishes = [w for w in left if any(w in p.subnet.prefix for p in pools)]
            left = [w for w in left if w not in wishes]
            for wish in wishes:
                yield self._leases.wished(network, wish, holder)
            if not wishes:
                yield self._leases.next_of(network, pools, holder)
        for wish in left:  # which is refused
            yield self._leases.wished(network, wish, holder)

    def _take(self, given: IPInterface) -> IPInterface:
        """What a foreign IPAM leased is held in our pool, too, where it is of that."""
        other = self._state.holder(given.ip)
        if other is not None:
            name = self._state.sandboxes[other.sandbox].name
            raise Conflict(f"address {given.ip} is in use by {name}")
        if self._state.pool_of(self._network, given.ip) is not None:
            self._leases.wished(self._network, given.ip, self._sandbox.name)
        return given

    def _routes(self, addresses: tuple[IPInterface, ...]) -> tuple[StaticRoute, ...]:
        """Those asked for, by the gateway of the subnet of its range set that gave an address."""
        request = self._request
        defaults = (
            StaticRoute(
                destination=EVERYWHERE[gateway.version],
                gateway=gateway,
                metric=request.default_metric,
            )
            for gateway in request.default_routes
        )
        routes = (*request.routes, *defaults)
        if not self._network.more:
            return routes
        gateways = self._network.near_gateways(addresses)
        return tuple(
            replace(r, gateway=gateways.get(r.gateway, r.gateway)) if r.gateway else r
            for r in routes
        )


def _check_sysctls(settings: LinkSettings | None) -> None:
    """Keys of a namespace's network alone: others are the whole host's."""
    for key in settings.sysctls if settings else ():
        words = key.replace("/", ".").split(".")
        if words[0] != "net" or "" in words:
            raise InvalidRequest(
                f"sysctl {key} cannot be set for an interface",
                hint="a key begins with net., as in net.ipv4.conf.eth0.arp_filter",
            )


def _check_shaping(shaping: Shaping | None) -> None:
    if shaping is None:
        return
    for what, rate, burst in (
        ("ingress", shaping.ingress_rate, shaping.ingress_burst),
        ("egress", shaping.egress_rate, shaping.egress_burst),
    ):
        if rate < 0 or burst < 0 or (rate > 0) != (burst > 0):
            raise InvalidRequest(
                f"bandwidth {what}: rate {rate}, burst {burst}",
                hint="a rate needs a burst, both above 0",
            )


def _as_wished(wish: LinkSettings, found: LinkSettings) -> LinkSettings:
    """Of what was found, only what is going to change."""
    return LinkSettings(
        mtu=None if wish.mtu is None else found.mtu,
        queue_length=None if wish.queue_length is None else found.queue_length,
        promiscuous=None if wish.promiscuous is None else found.promiscuous,
        all_multicast=None if wish.all_multicast is None else found.all_multicast,
    )


def _dies_with(ifname: Ifname, key: str) -> bool:
    *_, what, link, _name = ["", "", *key.translate(_SLASHES).split("/")]
    return what in ("conf", "neigh") and link == ifname
