"""Each option of a network, from `network create` to what the kernel does because of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.netns.engine.conftest import Outside
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import addresses, ask, link, listening, pings, run, show

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict, InvalidRequest, PoolExhausted
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import Endpoint, PortWish
from glassbridge.model.network import Network
from glassbridge.model.requests import AttachRequest, ConnectRequest, NetworkRequest, SubnetWish

Make = Callable[[str], str]
Join = Callable[..., Endpoint]

BRIDGE = "com.docker.network.bridge."
WEB = PortWish(container_port=80, host_ports=(8080, 8080))


@pytest.fixture
def create(engine: Engine) -> Callable[..., Network]:
    """Create a network on 10.9.0.0/24 with some options."""

    def make(name: str = "net", *, subnet: str = "10.9.0.0/24", **wishes: object) -> Network:
        options = {k: str(v) for k, v in wishes.pop("options", {}).items()}  # type: ignore[attr-defined]
        return engine.create_network(
            NetworkRequest(
                name=name,
                subnets=(SubnetWish(subnet=subnet, **wishes.pop("pool", {})),),  # type: ignore[arg-type]
                options=options,
                **wishes,  # type: ignore[arg-type]
            )
        )

    return make


@pytest.fixture
def join(engine: Engine, make_netns: Make) -> Join:
    """Attach a namespace of that name to one network; its endpoint."""

    def attach(name: str, network: str = "net", *ports: PortWish, **wish: str) -> Endpoint:
        wishes = (NetworkWish(network=network, **wish),)  # type: ignore[arg-type]
        request = AttachRequest(name=name, netns=make_netns(name), networks=wishes, ports=ports)
        return engine.attach(request).endpoints[0].endpoint

    return attach


Create = Callable[..., Network]


def test_bridge_name(engine: Engine, create: Create) -> None:
    assert create(options={BRIDGE + "name": "lab0"}).bridge == "lab0"
    assert addresses("lab0") == {"10.9.0.1/24"}
    with pytest.raises(Conflict, match="bridge lab0 belongs to network net"):
        create("other", subnet="10.8.0.0/24", options={BRIDGE + "name": "lab0"})
    engine.remove_network("net")
    assert not link("lab0")


def test_an_adopted_bridge_is_left_as_it_was(engine: Engine, create: Create, join: Join) -> None:
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")  # not what this is about
    run("ip", "link", "add", "br9", "address", "02:00:00:00:00:09", "type", "bridge")
    run("ip", "link", "set", "br9", "up")
    run("ip", "addr", "add", "192.0.2.7/24", "dev", "br9")
    before = of_others("br9")
    network = create(options={BRIDGE + "name": "br9"})
    assert network.adopted
    assert addresses("br9") == {"192.0.2.7/24", "10.9.0.1/24"}
    join("box", "net", WEB)
    assert pings("/run/netns/box", "10.9.0.1")
    with listening("/run/netns/box", 80):
        assert ask("", "127.0.0.1", 8080)
    engine.detach("box")
    engine.remove_network("net")
    assert of_others("br9") == before
    create(options={BRIDGE + "name": "br9"})
    engine.down()
    assert of_others("br9") == before
    run("ip", "link", "del", "br9")
    engine.remove_network("net")


@pytest.mark.parametrize(
    ("bridge", "owner"),
    [
        ("docker0", "Docker"),
        ("br-0123456789ab", "Docker"),
        ("podman1", "Podman"),
        ("cni0", "CNI"),
        ("virbr0", "libvirt"),
        ("lxcbr0", "LXC"),
    ],
)
def test_a_bridge_that_another_manager_makes_is_refused(
    engine: Engine, create: Create, bridge: str, owner: str
) -> None:
    """Whether it is there or not: it may come tomorrow."""
    for exists in (False, True):
        if exists:
            run("ip", "link", "add", bridge, "type", "bridge")
        with pytest.raises(Conflict, match=f"{bridge} is one that {owner} makes") as refused:
            create(options={BRIDGE + "name": bridge})
        assert "choose another bridge" in refused.value.hint
    assert [n.network.name for n in engine.networks()] == ["bridge"]


def test_a_bridge_of_another_engine_is_refused_whatever_its_name(
    create: Create, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plugin = {"type": "bridge", "bridge": "br9", "ipam": {"type": "host-local"}}
    (tmp_path / "pods.conflist").write_text(json.dumps({"name": "pods", "plugins": [plugin]}))
    monkeypatch.setattr("glassbridge.kernel.engines.cni._CONFIGURATIONS", str(tmp_path))
    with pytest.raises(Conflict, match="bridge br9 is that of CNI's network pods") as refused:
        create(options={BRIDGE + "name": "br9"})
    assert "choose another bridge" in refused.value.hint
    assert create(options={BRIDGE + "name": "br8"}).bridge == "br8"


def test_a_bridge_that_was_prepared_with_an_uplink_is_adopted(create: Create, join: Join) -> None:
    """A cable is no container: it may lead to a router of the owner's."""
    run("ip", "link", "add", "br9", "type", "bridge")
    run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "router")
    run("ip", "link", "set", "uplink", "master", "br9")
    assert create(options={BRIDGE + "name": "br9"}).adopted
    join("box")
    assert pings("/run/netns/box", "10.9.0.1")
    assert link("uplink")["master"] == "br9"


def test_a_wished_bridge_that_is_none_is_refused(create: Create) -> None:
    run("ip", "link", "add", "card0", "type", "ifb")
    with pytest.raises(Conflict, match="card0 is a link of kind ifb, not a bridge"):
        create(options={BRIDGE + "name": "card0"})


def test_no_icc(engine: Engine, create: Create, join: Join) -> None:
    """Siblings meet neither inside the bridge nor by way of the gateway."""
    create(options={BRIDGE + "enable_icc": "false"})
    one, two = join("one"), join("two")
    for endpoint in (one, two):
        assert link(endpoint.host_end)["linkinfo"]["info_slave_data"]["isolated"] is True
    assert not pings("/run/netns/one", "10.9.0.3", patience=0.4)
    run("ip", "-n", "one", "route", "add", "10.9.0.3", "via", "10.9.0.1")
    assert not pings("/run/netns/one", "10.9.0.3", patience=0.4)
    assert pings("/run/netns/one", "10.9.0.1")


@pytest.mark.parametrize(
    ("options", "source"),
    [
        ({}, "198.51.100.1"),
        ({BRIDGE + "enable_ip_masquerade": "false"}, "10.9.0.2"),
        ({"com.docker.network.host_ipv4": "198.51.100.77"}, "198.51.100.77"),
        ({BRIDGE + "gateway_mode_ipv4": "nat-unprotected"}, "198.51.100.1"),
        ({BRIDGE + "gateway_mode_ipv4": "routed"}, "10.9.0.2"),
    ],
)
def test_under_which_address_it_leaves(
    create: Create, join: Join, outside: Outside, options: dict[str, str], source: str
) -> None:
    run("ip", "addr", "add", "198.51.100.77/32", "dev", "up0")
    create(options=options)
    join("box")
    with listening(outside.netns, 80):
        assert ask("/run/netns/box", outside.address, 80) == source


@pytest.mark.parametrize(
    ("options", "direct", "published"),
    [
        # who reaches port 80 at the container's own address; who reaches 8080 at the host's
        ({}, False, True),
        ({BRIDGE + "gateway_mode_ipv4": "nat"}, False, True),
        ({BRIDGE + "gateway_mode_ipv4": "nat-unprotected"}, True, True),
        ({BRIDGE + "gateway_mode_ipv4": "routed"}, True, False),
        ({BRIDGE + "enable_ip_masquerade": "false"}, False, True),
        ({BRIDGE + "trusted_host_interfaces": "up0"}, True, True),
        ({BRIDGE + "host_binding_ipv4": "127.0.0.1"}, False, False),
    ],
)
def test_who_reaches_it_from_outside(
    create: Create,
    join: Join,
    outside: Outside,
    options: dict[str, str],
    direct: bool,
    published: bool,
) -> None:
    create(options=options)
    join("box", "net", WEB)
    with listening("/run/netns/box", 80):
        answers = [
            ask(outside.netns, "10.9.0.2", 80, patience=0.4),
            ask(outside.netns, "198.51.100.1", 8080, patience=0.4),
        ]
        assert answers == [outside.address if yes else "" for yes in (direct, published)]
        on_host = ask("", "127.0.0.1", 8080)
    assert on_host or "routed" in options.values()


def test_routed_ports_take_none_of_the_host(create: Create, join: Join) -> None:
    """Two containers publish their port 80, while a server of the host has it."""
    create(options={BRIDGE + "gateway_mode_ipv4": "routed"})
    with listening("", 80):
        for name in ("one", "two"):
            join(name, "net", PortWish(container_port=80))
        assert ":80" not in run("ss", "-Hltn", "sport", "=", ":80").replace("0.0.0.0:80 ", "")


def test_isolated_needs_internal_and_gives_the_bridge_no_address(
    create: Create, join: Join
) -> None:
    mode = {BRIDGE + "gateway_mode_ipv4": "isolated"}
    with pytest.raises(InvalidRequest, match="needs an internal network"):
        create(options=mode)
    network = create(options=mode, internal=True)
    assert addresses(network.bridge) == set()
    join("one"), join("two")
    assert pings("/run/netns/one", "10.9.0.2")
    assert show("ip", "-n", "one", "-j", "route", "show", "default") == []


def test_inhibit_ipv4(create: Create, join: Join) -> None:
    """The gateway is somebody else's: the bridge has no address, the route stands all the same."""
    network = create(options={BRIDGE + "inhibit_ipv4": "true"})
    assert addresses(network.bridge) == set()
    join("router", "net", ipv4="10.9.0.100")
    run("ip", "-n", "router", "addr", "add", "10.9.0.1/24", "dev", "eth0")
    join("box")
    (route,) = show("ip", "-n", "box", "-j", "route", "show", "default")
    assert route["gateway"] == "10.9.0.1"


def test_mtu(create: Create, join: Join) -> None:
    network = create(options={"com.docker.network.driver.mtu": 1400})
    box = join("box")
    mtus = [link(network.bridge), link(box.host_end), link("eth0", "box")]
    assert [k["mtu"] for k in mtus] == [1400, 1400, 1400]


def test_container_iface_prefix(create: Create, join: Join) -> None:
    create(options={"com.docker.network.container_iface_prefix": "lan"})
    assert join("box").ifname == "lan0"
    assert link("lan0", "box")


def test_internal(create: Create, join: Join, outside: Outside) -> None:
    create(internal=True)
    join("one"), join("two")
    assert show("ip", "-n", "one", "-j", "route", "show", "default") == []
    assert pings("/run/netns/one", "10.9.0.3")
    run("ip", "-n", "one", "route", "add", "default", "via", "10.9.0.1")
    assert not pings("/run/netns/one", "198.51.100.9", patience=0.4)
    run("ip", "-n", "out", "route", "replace", "10.9.0.0/24", "via", "198.51.100.1")
    assert not pings(outside.netns, "10.9.0.2", patience=0.4)


def test_auxiliary_default_gateway(create: Create, join: Join) -> None:
    """Docker's way to say that another machine on the network is the router."""
    create(pool={"reserved": {"DefaultGatewayIPv4": "10.9.0.250", "printer": "10.9.0.2"}})
    assert str(join("box").ipv4) == "10.9.0.3/24"
    (route,) = show("ip", "-n", "box", "-j", "route", "show", "default")
    assert route["gateway"] == "10.9.0.250"


def test_ipv6_only(create: Create, join: Join) -> None:
    network = create(subnet="fd00:9::/64", ipv4=False, ipv6=True)
    one, two = join("one"), join("two")
    assert one.ipv4 is None
    assert one.mac.startswith("0a:42")
    assert one.mac != two.mac
    assert addresses(network.bridge) == {"fd00:9::1/64"}
    assert addresses("eth0", "one") == {str(one.ipv6)}
    assert pings("/run/netns/one", str(two.addresses[0]))
    assert pings("/run/netns/one", "fd00:9::1")
    (route,) = show("ip", "-n", "one", "-6", "-j", "route", "show", "default")
    assert route["gateway"] == "fd00:9::1"
    with pytest.raises(InvalidRequest, match="has no IPv4 subnet"):
        join("three", ipv4="10.9.0.4")


def test_ip_range(create: Create, join: Join) -> None:
    """Two addresses are leased from the range; a wish may name any other."""
    create(pool={"ip_range": "10.9.0.8/31", "gateway": "10.9.0.1"})
    assert [str(join(n).ipv4) for n in ("one", "two")] == ["10.9.0.8/24", "10.9.0.9/24"]
    with pytest.raises(PoolExhausted, match=r"10\.9\.0\.8/31: 2 of 2"):
        join("three")
    assert str(join("four", ipv4="10.9.0.200").ipv4) == "10.9.0.200/24"


def test_static_addresses(create: Create, join: Join) -> None:
    create(ipv6=True)
    box = join("box", ipv4="10.9.0.77", mac="02:00:5e:10:00:01")
    assert link("eth0", "box")["address"] == box.mac == "02:00:5e:10:00:01"
    assert box.ipv6 is not None
    six = box.ipv6.network[0x77]
    static = join("two", ipv6=str(six))
    assert addresses("eth0", "two") == {str(static.ipv4), f"{six}/64"}
    assert addresses("eth0", "box") == {"10.9.0.77/24", str(box.ipv6)}
    assert pings("/run/netns/two", "10.9.0.77")
    with pytest.raises(Conflict, match="02:00:5e:10:00:01 is used by box"):
        join("three", mac="02:00:5e:10:00:01")
    with pytest.raises(Conflict, match=r"10\.9\.0\.77 on network net is in use by box"):
        join("four", ipv4="10.9.0.77")
    with pytest.raises(InvalidRequest, match="gateway"):
        join("five", ipv4="10.9.0.1")


def test_several_networks(engine: Engine, create: Create, make_netns: Make) -> None:
    """eth0, eth1, eth2 in the order of asking; one gateway by priority, never an internal one."""
    create("alpha", subnet="10.1.0.0/24")
    create("beta", subnet="10.2.0.0/24")
    create("closed", subnet="10.3.0.0/24", internal=True)
    box = make_netns("box")
    wishes = (
        NetworkWish(network="closed", gateway_priority=9),
        NetworkWish(network="alpha"),
        NetworkWish(network="beta", gateway_priority=1),
    )
    with pytest.raises(InvalidRequest, match="network alpha is named twice"):
        engine.attach(AttachRequest(name="box", netns=box, networks=(*wishes, wishes[1])))
    assert engine.sandboxes() == ()
    view = engine.attach(AttachRequest(name="box", netns=box, networks=wishes, ports=(WEB,)))
    assert [(e.network, e.endpoint.ifname) for e in view.endpoints] == [
        ("closed", "eth0"),
        ("alpha", "eth1"),
        ("beta", "eth2"),
    ]
    (route,) = show("ip", "-n", "box", "-j", "route", "show", "default")
    assert (route["gateway"], route["dev"]) == ("10.2.0.1", "eth2")
    with pytest.raises(Conflict, match="already connected to network beta"):
        engine.connect("beta", ConnectRequest(container="box", wish=NetworkWish(network="beta")))
    view = engine.disconnect("beta", "box")
    (route,) = show("ip", "-n", "box", "-j", "route", "show", "default")
    assert (route["gateway"], route["dev"]) == ("10.1.0.1", "eth1")
    view = engine.disconnect("alpha", "box")
    assert show("ip", "-n", "box", "-j", "route", "show", "default") == []
    assert not any(e.endpoint.is_gateway for e in view.endpoints)
    check_consistency(engine)


def test_a_refused_wish_costs_nothing(
    engine: Engine, create: Create, join: Join, make_netns: Make
) -> None:
    """What was leased for the first network is free again when the second one refuses."""
    create("alpha", subnet="10.1.0.0/24")
    create("beta", subnet="10.2.0.0/24")
    wishes = (NetworkWish(network="alpha"), NetworkWish(network="beta", ipv4="10.7.0.1"))
    create("closed", subnet="10.3.0.0/24", internal=True)
    request = AttachRequest(name="box", netns=make_netns("box"), networks=wishes)
    with pytest.raises(InvalidRequest, match=r"10\.7\.0\.1"):
        engine.attach(request)
    assert str(join("second", "alpha").ipv4) == "10.1.0.2/24"
    with pytest.raises(InvalidRequest, match="ports cannot be published"):
        join("third", "closed", WEB)
    assert str(join("fourth", "closed").ipv4) == "10.3.0.2/24"


def of_others(bridge: str) -> dict[str, object]:
    """What the owner of a bridge set: addresses, MAC, and every sysctl of it."""
    shown = link(bridge)
    keys = ("ifindex", "address", "mtu", "group", "ifalias")
    return {
        "addresses": addresses(bridge),
        "sysctls": run("sysctl", "-a", "--pattern", rf"^net\.ipv[46]\.conf\.{bridge}\."),
        **{key: shown.get(key) for key in keys},
    }
