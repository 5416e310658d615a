"""Every key of the configuration: what it makes of the network, and of the interface."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cni.calling import POOL, StandInRuntime, configuration
from tests.unit.cni.test_commands import BOX, MESH

from glassbridge.model.attachment import AttachmentRequest
from glassbridge.model.endpoint import (
    Hiding,
    LinkSettings,
    PortWish,
    Protocol,
    Shaping,
    StaticRoute,
)
from glassbridge.model.network import GatewayMode, Ingress, NetworkOptions, SourceGuard
from glassbridge.model.options import parse_options
from glassbridge.model.requests import NetworkRequest, SubnetWish

DUAL = {"type": "glassbridge", "ranges": [[{"subnet": "10.7.0.0/24"}], [{"subnet": "fd07::/64"}]]}
WITHOUT = {"masquerade": False, "ingress": Ingress.OPEN, "source_guard": SourceGuard.OFF}


@pytest.fixture
def runtime() -> StandInRuntime:
    return StandInRuntime()


def asked(
    runtime: StandInRuntime, said: dict[str, Any], **variables: str
) -> tuple[NetworkRequest, AttachmentRequest]:
    told = runtime("ADD", said, variables)
    assert told.status == 0, told.stdout
    return runtime.engine.defined[MESH], runtime.engine.asked[BOX]


def options(runtime: StandInRuntime, **keys: Any) -> NetworkOptions:
    network, _ = asked(runtime, configuration(ipam=POOL, **keys))
    return parse_options(network.options).options


def attributes(value: NetworkOptions, *names: str) -> dict[str, Any]:
    return {n: getattr(value, n) for n in names}


def test_nothing_is_guarded_unless_it_is_asked_for(runtime: StandInRuntime) -> None:
    network, request = asked(runtime, configuration(ipam=POOL))
    (subnet,) = network.subnets
    assert subnet == SubnetWish(subnet="10.7.0.0/24", gateway="10.7.0.1", on_bridge=False)
    assert (network.ipv4, network.ipv6, network.internal) == (True, False, False)
    parsed = parse_options(network.options)
    assert parsed.bridge is None
    plain = attributes(parsed.options, "masquerade", "ingress", "source_guard")
    assert plain == WITHOUT
    assert parsed.options.icc
    assert request == AttachmentRequest(key=BOX, netns="/run/netns/box")


def test_bridge_keys(runtime: StandInRuntime) -> None:
    network, _ = asked(
        runtime,
        configuration(ipam=POOL, bridge="cni7", isGateway=True, ipMasq=True, mtu=1400),
    )
    assert network.subnets[0].on_bridge
    parsed = parse_options(network.options)
    assert parsed.bridge == "cni7"
    assert parsed.options.masquerade
    assert parsed.options.mtu == 1400


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"macspoofchk": True}, {"source_guard": SourceGuard.STRICT}),
        ({}, {"gateway_mode4": GatewayMode.NAT_UNPROTECTED}),
        ({"ingressPolicy": "same-bridge"}, {"gateway_mode6": GatewayMode.NAT}),
        ({"portIsolation": True}, {"icc": False, "ingress": Ingress.OPEN}),
        ({"ingressPolicy": "open"}, {"icc": True, "ingress": Ingress.OPEN}),
        ({"ingressPolicy": "same-bridge"}, {"icc": True, "ingress": Ingress.SAME_BRIDGE}),
        ({"ingressPolicy": "isolated"}, {"icc": False, "ingress": Ingress.SAME_BRIDGE}),
    ],
)
def test_who_may_reach_whom(
    runtime: StandInRuntime, keys: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert attributes(options(runtime, **keys), *expected) == expected


@pytest.mark.parametrize("value", [True, False])
def test_promiscuous_mode(runtime: StandInRuntime, *, value: bool) -> None:
    assert options(runtime, promiscMode=value).promiscuous is value


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, Hiding.SIBLINGS),
        ({"snat": True}, Hiding.SIBLINGS),
        ({"masqAll": True}, Hiding.EVERYBODY),
        ({"snat": False}, Hiding.NOBODY),
        ({"snat": False, "masqAll": True}, Hiding.NOBODY),
    ],
)
def test_whose_address_is_hidden_behind_a_port(
    runtime: StandInRuntime, keys: dict[str, Any], expected: Hiding
) -> None:
    assert asked(runtime, configuration(ipam=POOL, **keys))[1].hides is expected


def test_an_interface_that_is_left_down(runtime: StandInRuntime) -> None:
    _, request = asked(runtime, configuration(disableContainerInterface=True))
    assert request.settings == LinkSettings(is_down=True)


@pytest.mark.parametrize(
    "keys",
    [
        {"hairpinMode": True, "promiscMode": True},
        {"disableContainerInterface": True, "ipam": POOL},
        {"disableContainerInterface": True, "ipam": {"type": "host-local"}},
    ],
)
def test_what_contradicts_itself(runtime: StandInRuntime, keys: dict[str, Any]) -> None:
    """As bridge has it."""
    told = runtime("ADD", configuration(**keys))
    assert told.code == 7
    assert all(key in told.said["msg"] for key in keys)
    assert not runtime.engine.defined


def test_hairpin_mode(runtime: StandInRuntime) -> None:
    assert asked(runtime, configuration(ipam=POOL, hairpinMode=True))[1].hairpin


def test_a_default_gateway_is_a_gateway_with_routes(runtime: StandInRuntime) -> None:
    said = configuration(ipam=DUAL, isDefaultGateway=True)
    network, request = asked(runtime, said)
    assert all(s.on_bridge for s in network.subnets)
    assert request.default_routes == (ip_address("10.7.0.1"), ip_address("fd07::1"))


def test_a_default_route_that_is_there_is_not_added_again(runtime: StandInRuntime) -> None:
    pool = {**POOL, "routes": [{"dst": "0.0.0.0/0", "gw": "10.7.0.9", "priority": 7}]}
    told = runtime("ADD", configuration("1.1.0", ipam=pool, isDefaultGateway=True))
    assert told.result["routes"] == [{"dst": "0.0.0.0/0", "gw": "10.7.0.9", "priority": 7}]
    request = runtime.engine.asked[BOX]
    assert (request.default_routes, request.default_metric) == ((ip_address("10.7.0.9"),), 7)
    assert request.routes == ()


def test_routes_go_by_the_gateway_of_their_family(runtime: StandInRuntime) -> None:
    routes = [
        {"dst": "0.0.0.0/0"},
        {"dst": "::/0", "mtu": 1300},
        {"dst": "192.0.2.7/24", "gw": "10.7.0.3", "priority": 9, "scope": 253},
        {"dst": "2001:db8::/32"},
    ]
    _, request = asked(runtime, configuration("1.1.0", ipam=DUAL | {"routes": routes}))
    assert request.default_routes == (ip_address("10.7.0.1"),)
    six = ip_address("fd07::1")
    assert request.routes == (
        StaticRoute(destination=ip_network("::/0"), gateway=six, mtu=1300),
        StaticRoute(
            destination=ip_network("192.0.2.0/24"),
            gateway=ip_address("10.7.0.3"),
            metric=9,
            scope=253,
        ),
        StaticRoute(destination=ip_network("2001:db8::/32"), gateway=six),
    )


def test_ranges_are_host_local_s(runtime: StandInRuntime) -> None:
    four = [
        {"subnet": "10.7.0.0/24", "rangeStart": "10.7.0.20", "rangeEnd": "10.7.0.30"},
        {"subnet": "10.7.0.0/24", "rangeStart": "10.7.0.200", "gateway": "10.7.0.254"},
    ]
    six = [{"subnet": "fd07::/112", "rangeEnd": "fd07::9"}]
    network, _ = asked(runtime, configuration(ipam={"type": "glassbridge", "ranges": [four, six]}))
    assert network.subnets == (
        SubnetWish(
            subnet="10.7.0.0/24",
            gateway="10.7.0.254",
            ranges=(("10.7.0.20", "10.7.0.30"), ("10.7.0.200", "10.7.0.254")),
            on_bridge=False,
        ),
        SubnetWish(
            subnet="fd07::/112",
            gateway="fd07::1",
            ranges=(("fd07::1", "fd07::9"),),
            on_bridge=False,
            range_set=1,
        ),
    )


def test_several_range_sets_and_subnets(runtime: StandInRuntime) -> None:
    sets = [
        [{"subnet": "10.7.0.0/24", "gateway": "10.7.0.254"}, {"subnet": "172.16.5.0/24"}],
        [{"subnet": "fd07::/64"}],
        [{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.9", "rangeEnd": "10.9.0.99"}],
    ]
    said = configuration(
        "1.1.0", ipam={"type": "glassbridge", "ranges": sets}, isDefaultGateway=True
    )
    network, request = asked(runtime, said)
    assert [(s.subnet, s.range_set) for s in network.subnets] == [
        ("10.7.0.0/24", 0),
        ("fd07::/64", 1),
    ]
    assert [(s.subnet, s.gateway, s.range_set, s.on_bridge) for s in network.more] == [
        ("172.16.5.0/24", "172.16.5.1", 0, True),
        ("10.9.0.0/24", "10.9.0.1", 2, True),
    ]
    assert request.default_routes == (ip_address("10.7.0.254"), ip_address("fd07::1"))


def test_an_address_of_each_range_set_may_be_asked_for(runtime: StandInRuntime) -> None:
    sets = [[{"subnet": "10.7.0.0/24"}, {"subnet": "10.8.0.0/24"}], [{"subnet": "10.9.0.0/24"}]]
    ipam = {"type": "glassbridge", "ranges": sets}
    wished = {"ips": ["10.9.0.40", "10.8.0.40"]}
    _, request = asked(runtime, configuration(ipam=ipam, runtimeConfig=wished))
    assert request.wishes == (ip_address("10.9.0.40"), ip_address("10.8.0.40"))
    wished = {"ips": ["10.7.0.40", "10.8.0.40"]}
    told = runtime("ADD", configuration(ipam=ipam, runtimeConfig=wished))
    assert (told.code, "10.7.0.40, 10.8.0.40" in told.said["msg"]) == (7, True)


def test_the_capability_ip_ranges(runtime: StandInRuntime) -> None:
    given = {"ipRanges": [[{"subnet": "10.8.0.0/24"}], [{"subnet": "fd08::/64"}]]}
    network, _ = asked(runtime, configuration(ipam={"type": "glassbridge"}, runtimeConfig=given))
    assert [s.subnet for s in network.subnets] == ["10.8.0.0/24", "fd08::/64"]


@pytest.mark.parametrize(
    ("ipam", "says"),
    [
        ({"type": "glassbridge"}, "no IP ranges"),
        ({"ranges": [[]]}, "empty"),
        ({"subnet": "10.7.0.0/33"}, "10.7.0.0/33"),
        ({"subnet": "10.7.0.1/24"}, "host part"),
        ({"subnet": "10.7.0.0/31"}, "too small"),
        ({"subnet": "10.7.0.0/24", "gateway": "gate"}, "'gate'"),
        ({"subnet": "10.7.0.0/24", "rangeStart": "x"}, "rangeStart"),
        (DUAL | {"subnet": "10.7.0.0/24"}, "two range sets"),
        ({"ranges": [[{"subnet": "10.1.0.0/24"}, {"subnet": "fd07::/64"}]]}, "two families"),
        (
            {
                "ranges": [
                    [
                        {"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"},
                        {"subnet": "10.1.0.0/24", "gateway": "10.1.0.2"},
                    ]
                ]
            },
            "several gateways",
        ),
        ({"subnet": "10.7.0.0/24", "resolvConf": "/nowhere/resolv.conf"}, "resolvConf"),
    ],
)
def test_a_pool_that_cannot_be(runtime: StandInRuntime, ipam: dict[str, Any], says: str) -> None:
    told = runtime("ADD", configuration(ipam=ipam))
    assert told.code == 7
    assert says in told.said["msg"]
    assert not runtime.engine.defined


def test_without_ipam_it_is_a_network_of_layer_2(runtime: StandInRuntime) -> None:
    absent: tuple[Any, ...] = ({}, None)
    for ipam in absent:
        network, request = asked(runtime, configuration(ipam=ipam))
        assert (network.subnets, network.ipv4, network.ipv6) == ((), False, False)
        assert request == AttachmentRequest(key=BOX, netns="/run/netns/box")
        runtime("DEL", configuration())
    result = runtime("ADD", configuration()).result
    assert "ips" not in result
    assert len(result["interfaces"]) == 3


def test_the_last_place_that_names_a_mac_wins(runtime: StandInRuntime) -> None:
    places: tuple[tuple[dict[str, Any], dict[str, str]], ...] = (
        ({"mac": "02:00:00:00:00:01"}, {}),
        ({}, {"CNI_ARGS": "MAC=02:00:00:00:00:02"}),
        ({"args": {"cni": {"mac": "02:00:00:00:00:03"}}}, {}),
        ({"runtimeConfig": {"mac": "02:00:00:00:00:04"}}, {}),
    )
    said, variables = configuration(ipam=POOL), dict[str, str]()
    for number, (keys, more) in enumerate(places, 1):
        said |= keys
        variables |= more
        result = runtime("ADD", said, variables).result
        assert result["interfaces"][2]["mac"] == f"02:00:00:00:00:0{number}"
        runtime("DEL", said)


def test_addresses_are_asked_for_in_three_places(runtime: StandInRuntime) -> None:
    wished: dict[str, Any] = {
        "args": {"cni": {"ips": ["10.7.0.40"]}},
        "runtimeConfig": {"ips": ["fd07::40/64"]},
    }
    _, request = asked(
        runtime, configuration(ipam=DUAL, **wished), CNI_ARGS="IgnoreUnknown=1;IP=10.7.0.40"
    )
    assert request.wishes == (ip_address("10.7.0.40"), ip_address("fd07::40"))
    told = runtime("ADD", configuration(ipam=DUAL, **wished), {"CNI_ARGS": "IP=10.7.0.41"})
    assert told.code == 7
    assert "10.7.0.41, 10.7.0.40" in told.said["msg"]


def test_port_mappings(runtime: StandInRuntime) -> None:
    mappings = [
        {"hostPort": 8080, "containerPort": 80},
        {"hostPort": 53, "containerPort": 5353, "protocol": "UDP", "hostIP": "127.0.0.1"},
        {"hostPort": 8081, "containerPort": 81, "protocol": "tcp", "hostIP": "::1"},
    ]
    _, request = asked(runtime, configuration(ipam=POOL, runtimeConfig={"portMappings": mappings}))
    assert request.ports == (  # the last one is of a family that the interface has not
        PortWish(container_port=80, host_ports=(8080, 8080)),
        PortWish(
            container_port=5353,
            host_ports=(53, 53),
            protocol=Protocol.UDP,
            host_address=ip_address("127.0.0.1"),
        ),
    )


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"hostPort": 0, "containerPort": 80}, 7),
        ({"hostPort": 8080, "containerPort": 0}, 7),
        ({"hostPort": 65536, "containerPort": 80}, 7),
        ({"hostPort": 8080, "containerPort": 80, "protocol": "icmp"}, 7),
        ({"hostPort": 8080, "containerPort": 80, "hostIP": "here"}, 7),
        ({"hostPort": "8080", "containerPort": 80}, 6),
        ({"hostPort": 8080}, 6),
    ],
)
def test_a_port_that_cannot_be(runtime: StandInRuntime, mapping: dict[str, Any], code: int) -> None:
    said = configuration(ipam=POOL, runtimeConfig={"portMappings": [mapping]})
    assert runtime("ADD", said).code == code


def test_bandwidth_of_the_configuration_wins(runtime: StandInRuntime) -> None:
    given = {"ingressRate": 10, "ingressBurst": 20, "egressRate": 30, "egressBurst": 40}
    said = configuration(ipam=POOL, runtimeConfig={"bandwidth": given})
    _, request = asked(runtime, said)
    assert request.shaping == Shaping(
        ingress_rate=10, ingress_burst=20, egress_rate=30, egress_burst=40
    )
    runtime("DEL", said)
    _, request = asked(runtime, said | {"ingressRate": 1, "ingressBurst": 2})
    assert request.shaping == Shaping(ingress_rate=1, ingress_burst=2)


@pytest.mark.parametrize(
    "limits",
    [
        {"ingressRate": 1},
        {"egressBurst": 1},
        {"egressRate": -1, "egressBurst": -1},
        {"ingressRate": 1, "ingressBurst": 1 << 35},
    ],
)
def test_a_limit_that_cannot_be(runtime: StandInRuntime, limits: dict[str, Any]) -> None:
    assert runtime("ADD", configuration(ipam=POOL, **limits)).code == 7


def test_the_largest_burst_is_containerd_s(runtime: StandInRuntime) -> None:
    limits = {"ingressRate": 1000, "ingressBurst": (1 << 32) - 1}
    _, request = asked(runtime, configuration(ipam=POOL, runtimeConfig={"bandwidth": limits}))
    assert request.shaping is not None


def test_tuning_keys(runtime: StandInRuntime) -> None:
    said = configuration(
        ipam=POOL,
        promisc=True,
        allmulti=True,
        txQLen=500,
        enabledad=True,
        sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1", "net/core/somaxconn": "500"},
    )
    _, request = asked(runtime, said)
    assert request.settings == LinkSettings(
        queue_length=500,
        promiscuous=True,
        all_multicast=True,
        sysctls={
            "net.ipv4.conf.eth0.arp_filter": "1",
            "net/core/somaxconn": "500",
            "net.ipv6.conf.eth0.accept_dad": "1",
            "net.ipv6.conf.eth0.enhanced_dad": "1",
        },
    )


@pytest.mark.parametrize(
    "key", ["kernel.hostname", "net", "net.", "net..x", "net/../kernel/hostname", "/net/core/x", ""]
)
def test_only_the_network_s_sysctls_are_set(runtime: StandInRuntime, key: str) -> None:
    assert runtime("ADD", configuration(ipam=POOL, sysctl={key: "1"})).code == 7


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vlan", 7),
        ("vlanTrunk", [{"id": 7}]),
        ("conditionsV4", ["-s", "192.0.2.0/24"]),
        ("unshapedSubnets", ["10.0.0.0/8"]),
    ],
)
def test_what_is_not_done_is_refused_by_key_and_value(
    runtime: StandInRuntime, key: str, value: Any
) -> None:
    told = runtime("ADD", configuration(ipam=POOL, **{key: value}))
    assert told.code == 2
    assert key in told.said["msg"]
    assert not runtime.engine.defined
    off: Any = [] if isinstance(value, list) else 0 if value == 7 else not value
    assert runtime("ADD", configuration(ipam=POOL, **{key: off})).status == 0


def test_keys_of_the_whole_chain_and_unknown_ones_are_taken(runtime: StandInRuntime) -> None:
    said = configuration(
        ipam=POOL,
        capabilities={"portMappings": True},
        snat=True,
        backend="nftables",
        markMasqBit=13,
        externalSetMarkChain="KUBE-MARK-MASQ",
        iptablesAdminChainName="CNI-ADMIN",
        firewalldZone="trusted",
        ipMasqBackend="nftables",
        preserveDefaultVlan=True,
        dataDir="/var/lib/cni/networks",
        nobody={"knows": ["this"]},
        prevResult=None,
        args=None,
        dns={},
        runtimeConfig=None,
    )
    assert runtime("ADD", said).status == 0


def test_name_servers_of_whoever_is_nearest(runtime: StandInRuntime, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# by hand\nnameserver 192.0.2.1\nsearch a b\noptions ndots:2 \ndomain d\n")
    said = configuration(ipam=POOL | {"resolvConf": str(file)})
    assert runtime("ADD", said).result["dns"] == {
        "nameservers": ["192.0.2.1"],
        "domain": "d",
        "search": ["a", "b"],
        "options": ["ndots:2"],
    }
    runtime("DEL", said)
    said["dns"] = {"nameservers": ["192.0.2.2"]}
    assert runtime("ADD", said).result["dns"] == {"nameservers": ["192.0.2.2"]}
    runtime("DEL", said)
    said["runtimeConfig"] = {"dns": {"servers": ["192.0.2.3"], "searches": ["c"]}}
    dns = runtime("ADD", said).result["dns"]
    assert dns == {"nameservers": ["192.0.2.3"], "search": ["c"]}


@pytest.mark.parametrize(
    ("args", "name"),
    [
        ("IgnoreUnknown=1;K8S_POD_NAME=web", "web"),
        ("K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=7", "web.shop"),
        ("IgnoreUnknown=true;Whatever=x", ""),
    ],
)
def test_names(runtime: StandInRuntime, args: str, name: str) -> None:
    _, request = asked(runtime, configuration(ipam=POOL), CNI_ARGS=args)
    assert request.name == name


@pytest.mark.parametrize("aliases", [["a", "b"], {"mesh": ["a", "b"], "other": ["c"]}])
def test_aliases(runtime: StandInRuntime, aliases: Any) -> None:
    said = configuration(ipam=POOL, runtimeConfig={"aliases": aliases})
    assert asked(runtime, said)[1].aliases == ("a", "b")


@pytest.mark.parametrize("args", ["Whatever=x", "IgnoreUnknown=0;Whatever=x", "nonsense"])
def test_unknown_args_are_refused_unless_allowed(runtime: StandInRuntime, args: str) -> None:
    assert runtime("ADD", configuration(ipam=POOL), {"CNI_ARGS": args}).code == 4


def test_addresses_of_the_answer_are_those_of_the_engine(runtime: StandInRuntime) -> None:
    result = runtime("ADD", configuration("1.1.0", ipam=DUAL)).result
    held = runtime.engine.there[BOX].endpoint.interfaces
    assert tuple(ip_interface(i["address"]) for i in result["ips"]) == held
    assert [i["gateway"] for i in result["ips"]] == ["10.7.0.1", "fd07::1"]


def test_the_families_are_in_the_order_of_the_configuration(runtime: StandInRuntime) -> None:
    six_first = {"ranges": [[{"subnet": "fd07::/64"}], [{"subnet": "10.7.0.0/24"}]]}
    result = runtime("ADD", configuration(ipam=six_first)).result
    assert [i["address"] for i in result["ips"]] == ["fd07::a/64", "10.7.0.10/24"]
