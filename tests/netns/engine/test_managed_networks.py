"""Networks that CNI and netavark define, and define again: what may change, and who may talk."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest
from tests.netns.cables import await_cables
from tests.netns.engine.attachment_requests import PODS, key_of, pods, request
from tests.netns.engine.conftest import Outside
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.dying_driver import die_at_commits
from tests.netns.engine.mortal_daemon import dies
from tests.netns.engine.scenario import DiesAhead
from tests.netns.engine.seeing import run

from glassbridge.engine.engine import Engine
from glassbridge.errors import Conflict
from glassbridge.model.network import Managed, Manager
from glassbridge.model.options import BRIDGE_NAME
from glassbridge.model.requests import AttachRequest, NetworkRequest, SubnetWish

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Make = Callable[[str], str]

JOBS = Managed(by=Manager.CNI, key="jobs")
MASQUERADE = {"com.docker.network.bridge.enable_ip_masquerade": "true"}


def reaches(inside: Run, netns: str, address: str) -> bool:
    return inside(netns, "ping", "-c1", "-W1", address).returncode == 0


def what_is_on(*bridges: str) -> list[str]:
    """The addresses of bridges, and whether 127.0.0.0/8 leads into them."""
    keys = [f"net.ipv4.conf.{bridge}.route_localnet" for bridge in bridges]
    shown = [["ip", "-br", "-4", "addr", "show", bridge] for bridge in bridges]
    return [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for command in (*shown, ["sysctl", *keys])
    ]


def plug(engine: Engine, name: str, netns: str, network: Managed, gateway: str) -> str:
    routes = (ip_address(gateway),)
    wish = request(name, netns, network=network, default_routes=routes)
    return str(engine.attachments.add(wish).endpoint.addresses[0])


def test_open_networks_talk_and_others_keep_their_doors(
    engine: Engine, make_netns: Make, inside: Run, outside: Outside
) -> None:
    """As the reference plugins leave it: nothing is closed; our own kinds stay as they are."""
    engine.attachments.define(pods())
    engine.attachments.define(pods(JOBS, "10.89.0.0/16", options=MASQUERADE))
    one, two, own = make_netns("one"), make_netns("two"), make_netns("own")
    a = plug(engine, "c1", one, PODS, "10.88.0.1")
    b = plug(engine, "c2", two, JOBS, "10.89.0.1")
    view = engine.attach(AttachRequest(name="own", netns=own))
    c = str(view.endpoints[0].endpoint.addresses[0])
    make_netns("theirs")
    for command in (
        "link add docker7 type bridge",
        "addr add 10.77.0.1/16 dev docker7",
        "link set docker7 up",
        "link add v7 type veth peer name eth0 netns theirs",
        "link set v7 master docker7 up",
        "-n theirs addr add 10.77.0.2/16 dev eth0",
        "-n theirs link set eth0 up",
        "-n theirs route add default via 10.77.0.1",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    await_cables()
    assert reaches(inside, one, b)
    assert reaches(inside, two, a)
    assert reaches(inside, own, a)
    assert reaches(inside, outside.netns, a)
    assert reaches(inside, outside.netns, b)
    assert reaches(inside, "theirs", a)
    assert reaches(inside, one, "10.77.0.2")
    assert not reaches(inside, one, c)
    assert not reaches(inside, outside.netns, c)
    assert not reaches(inside, "theirs", c)
    check_consistency(engine)


def test_an_option_may_change_under_members(engine: Engine, make_netns: Make) -> None:
    netns = make_netns("one")
    engine.attachments.define(pods())
    engine.attachments.add(request("c1", netns))
    off = {"com.docker.network.bridge.enable_icc": "false"}
    mtu = {"com.docker.network.driver.mtu": "1400"}
    ranges = (SubnetWish(subnet="10.88.0.0/16", ranges=(("10.88.5.1", "10.88.5.9"),)),)
    changed = pods(options={**MASQUERADE, **off, **mtu}, subnets=ranges)
    network = engine.attachments.define(changed)
    assert network.options.masquerade
    assert engine.attachments.differences(key_of("c1")) == ()
    check_consistency(engine)
    (port,) = json.loads(
        subprocess.run(["bridge", "-j", "-d", "link"], check=True, capture_output=True).stdout
    )
    assert port["isolated"]
    second = engine.attachments.add(request("c2", make_netns("two")))
    assert str(second.endpoint.ipv4) == "10.88.5.1/16"
    assert engine.attachments.define(pods()).id == network.id
    check_consistency(engine)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (pods(subnet="10.90.0.0/16"), "subnet"),
        (pods(options={BRIDGE_NAME: "other0"}), "bridge"),
        (pods(internal=True), "internal"),
        (pods(subnets=(SubnetWish(subnet="10.88.0.0/16", on_bridge=False),)), "gateway address"),
    ],
)
def test_what_members_depend_on_stays(
    engine: Engine, make_netns: Make, changed: NetworkRequest, what: str
) -> None:
    engine.attachments.define(pods())
    engine.attachments.add(request("c1", make_netns("one")))
    with pytest.raises(Conflict, match=f"the {what}"):
        engine.attachments.define(changed)
    assert engine.attachments.differences(key_of("c1")) == ()
    engine.attachments.delete(key_of("c1"))
    network = engine.attachments.define(changed)
    made = engine.attachments.add(request("c1", "/run/netns/one"))
    assert made.network == network
    check_consistency(engine)


def test_a_bridge_of_others_is_left_clean_wherever_the_daemon_dies(
    fresh_host: None, make_netns: Make, tmp_path: Path
) -> None:
    """An empty network gives it up for another: only the old definition tells what is ours."""
    for bridge in ("theirs0", "theirs1"):
        subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
    clean = what_is_on("theirs0", "theirs1")
    netns, folders = make_netns("one"), (tmp_path / "run", tmp_path / "state")
    changed = pods(options={BRIDGE_NAME: "theirs1"})

    def live(number: int) -> None:
        ahead = DiesAhead(number)
        engine = Engine(*folders, before=ahead)
        die_at_commits(ahead)
        engine.attachments.define(changed)
        engine.close()

    number, died = 0, True
    while died:
        engine = Engine(*folders)
        engine.attachments.define(pods(options={BRIDGE_NAME: "theirs0"}))
        engine.attachments.add(request("c1", netns))
        engine.attachments.delete(key_of("c1"))
        engine.close()
        assert what_is_on("theirs0", "theirs1") != clean
        died = dies(partial(live, number))
        engine = Engine(*folders)
        try:
            check_consistency(engine)
            engine.attachments.remove(PODS)
        finally:
            engine.close()
        assert what_is_on("theirs0", "theirs1") == clean, f"ahead of step {number}"
        number += 1
    assert number > 5, "there is nothing left to die at"


def test_a_bridge_that_another_manager_makes_is_refused(engine: Engine) -> None:
    """Whether the network is new or defined anew; one that others are on is what CNI means."""
    docker = pods(options={BRIDGE_NAME: "docker0"})
    for known in ((), ("cni0",)):
        with pytest.raises(Conflict, match="docker0 is one that Docker makes and manages"):
            engine.attachments.define(docker)
        assert [n.bridge for n in engine.attachments.networks()] == list(known)
        engine.attachments.define(pods(options={BRIDGE_NAME: "cni0"}))
    run("ip", "link", "add", "theirs0", "type", "bridge")
    run("ip", "link", "add", "cable0", "master", "theirs0", "type", "veth", "peer", "name", "box0")
    assert engine.attachments.define(pods(options={BRIDGE_NAME: "theirs0"})).adopted


def test_a_network_goes_with_its_bridge(engine: Engine, make_netns: Make) -> None:
    network = engine.attachments.define(pods())
    engine.attachments.remove(PODS)
    engine.attachments.remove(PODS)
    network = engine.attachments.define(pods())
    engine.attachments.add(request("c1", make_netns("one")))
    with pytest.raises(Conflict, match="has active endpoints: c1"):
        engine.attachments.remove(PODS)
    engine.attachments.delete(key_of("c1"))
    engine.attachments.remove(PODS)
    assert (
        network.bridge
        not in subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    )
    assert engine.attachments.networks() == ()


def test_a_bridge_without_an_address(engine: Engine, make_netns: Make, inside: Run) -> None:
    """CNI's isGateway=false: containers reach each other, and the host is not on the network."""
    both = (
        SubnetWish(subnet="10.88.0.0/16", on_bridge=False),
        SubnetWish(subnet="fd00:88::/64", on_bridge=False),
    )
    network = engine.attachments.define(pods(subnets=both, ipv6=True))
    one, two = make_netns("one"), make_netns("two")
    engine.attachments.add(request("c1", one))
    second = engine.attachments.add(request("c2", two))
    assert [str(a) for a in second.endpoint.addresses] == ["10.88.0.3", "fd00:88::3"]
    for address in second.endpoint.addresses:
        assert reaches(inside, one, str(address))
    shown = subprocess.run(
        ["ip", "-j", "addr", "show", network.bridge], check=True, capture_output=True
    )
    assert [
        a["local"] for a in json.loads(shown.stdout)[0]["addr_info"] if a["scope"] == "global"
    ] == []
    check_consistency(engine)


def test_addresses_of_others_leave_translated(
    engine: Engine, make_netns: Make, inside: Run, outside: Outside
) -> None:
    """A foreign IPAM's, outside every subnet of the network; and nobody gets one twice."""
    engine.attachments.define(pods(subnets=(), ipv4=False, options=MASQUERADE))
    one, two = make_netns("one"), make_netns("two")
    first = request("c1", one, given=(ip_interface("10.5.0.7/24"),))
    made = engine.attachments.add(first)
    engine.attachments.add(request("c2", two, given=(ip_interface("10.5.0.8/24"),)))
    assert reaches(inside, one, "10.5.0.8")
    subprocess.run(["ip", "addr", "add", "10.5.0.1/24", "dev", made.network.bridge], check=True)
    subprocess.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
    inside(one, "ip", "route", "add", "default", "via", "10.5.0.1")
    inside(outside.netns, "ip", "route", "del", "default")
    assert reaches(inside, one, outside.address)
    with pytest.raises(Conflict, match=r"address 10.5.0.7 is in use by c1"):
        engine.attachments.add(
            request("c3", make_netns("three"), given=(ip_interface("10.5.0.7/24"),))
        )
    check_consistency(engine)


def test_what_stands_in_the_way_is_told(engine: Engine, make_netns: Make) -> None:
    tiny = (SubnetWish(subnet="10.88.0.0/30"),)
    engine.attachments.define(pods(subnets=tiny))
    assert engine.attachments.obstacles(PODS) == ()
    engine.attachments.add(request("c1", make_netns("one")))
    (told,) = engine.attachments.obstacles(PODS)
    assert told == "no free address in 10.88.0.0/30 of network pods"
    assert engine.attachments.obstacles(None) == ()
