"""CNI's CHECK: each thing of an attachment that is made otherwise on purpose is named."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from tests.netns.engine.attachment_requests import key_of, pods, request
from tests.netns.engine.test_attachments import SHAPING

from glassbridge.engine.checking import differences
from glassbridge.engine.engine import Engine
from glassbridge.kernel.nft import Nft
from glassbridge.model.address import Mac
from glassbridge.model.attachment import AS_ADDED, Attachment, Told
from glassbridge.model.endpoint import LinkSettings, PortWish, RouteKind, Shaping, StaticRoute
from glassbridge.model.kernel_names import shaper_name

Make = Callable[[str], str]

PLAIN, FAR, DEAD = (ip_network(f"10.{n}.0.0/16") for n in (5, 6, 7))
OTHER_ADDRESS = """\
ip netns exec one sysctl -qw net.ipv4.conf.eth0.promote_secondaries=1
ip -n one addr add 10.88.0.99/16 dev eth0
ip -n one addr del 10.88.0.2/16 dev eth0"""
WAY = "10.6.0.0/16 via 10.88.0.9 table 1000"


@pytest.fixture
def plugged(fresh_host: None, make_netns: Make, tmp_path: Path) -> Attachment:
    """With everything that may be ordered; the engine is gone, which would mend all at once."""
    engine = Engine(tmp_path / "run", tmp_path / "state")
    try:
        engine.attachments.define(pods())
        return engine.attachments.add(
            request(
                "c1",
                make_netns("one"),
                host_end="podveth",
                default_routes=(ip_address("10.88.0.1"),),
                routes=(
                    StaticRoute(destination=PLAIN, gateway=ip_address("10.88.0.9")),
                    StaticRoute(
                        destination=FAR,
                        gateway=ip_address("10.88.0.9"),
                        metric=7,
                        table=1000,
                        mtu=1400,
                        advmss=1200,
                    ),
                    StaticRoute(destination=DEAD, kind=RouteKind.BLACKHOLE),
                ),
                settings=LinkSettings(
                    queue_length=77,
                    promiscuous=True,
                    all_multicast=True,
                    sysctls={"net.ipv4.conf.eth0.arp_filter": "1", "net.core.somaxconn": "511"},
                ),
                shaping=SHAPING,
                ports=(PortWish(container_port=80, host_ports=(8080, 8080)),),
            )
        )
    finally:
        engine.close()


def found(attachment: Attachment, told: Told = AS_ADDED) -> tuple[str, ...]:
    nft = Nft()
    try:
        return differences(attachment, nft, told)
    finally:
        nft.close()


def damage(attachment: Attachment, commands: str) -> None:
    """In the words of ip, tc, nft and sysctl; IFB is the ifb device, BRIDGE the bridge."""
    named = commands.replace("IFB", shaper_name(attachment.endpoint.id)).replace(
        "BRIDGE", attachment.network.bridge
    )
    for command in named.splitlines():
        subprocess.run(command.split(), check=True, stdout=subprocess.DEVNULL)


def test_nothing_differs_at_first(plugged: Attachment) -> None:
    assert found(plugged) == ()


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ("ip -n one link set eth0 name eth7", "link: eth0 is gone"),
        ("ip -n one link set eth0 promisc off", "link: promiscuous mode of eth0 is False instead"),
        ("ip -n one link set eth0 allmulticast off", "link: all-multicast mode of eth0 is False"),
        ("ip -n one link set eth0 txqueuelen 9", "link: queue length of eth0 is 9 instead of 77"),
        ("ip -n one link set eth0 address 02:00:00:00:00:07", "has MAC 02:00:00:00:00:07 instead"),
        (
            OTHER_ADDRESS,
            "address: eth0 lacks 10.88.0.2/16",
        ),
        ("ip -n one route del default", "route: 0.0.0.0/0 via 10.88.0.1 is missing"),
        ("ip -n one route del 10.5.0.0/16", "route: 10.5.0.0/16 via 10.88.0.9 is missing"),
        ("ip -n one route del blackhole 10.7.0.0/16", "route: 10.7.0.0/16 is missing"),
        (
            f"ip -n one route del {WAY}\nip -n one route add {WAY} metric 8 mtu 1400 advmss 1200",
            "route: 10.6.0.0/16",
        ),
        (f"ip -n one route replace {WAY} metric 7 mtu 1300 advmss 1200", "route: 10.6.0.0/16"),
        (f"ip -n one route replace {WAY} metric 7 mtu 1400 advmss 1100", "route: 10.6.0.0/16"),
        (
            "ip netns exec one sysctl -qw net.ipv4.conf.eth0.arp_filter=0",
            "sysctl: net.ipv4.conf.eth0.arp_filter is 0 instead of 1",
        ),
        ("ip netns exec one sysctl -qw net.core.somaxconn=512", "net.core.somaxconn is 512"),
        ("ip link set podveth down", "link: podveth is down"),
        ("ip link set podveth nomaster", "link: podveth is no port of BRIDGE"),
        ("nft delete element bridge glassbridge leased4 { 10.88.0.2 }", "leased4"),
        ("nft delete element inet glassbridge published4_any { tcp . 8080 }", "published4_any"),
        ("tc qdisc del dev podveth root", "bandwidth: podveth has no limit"),
        (
            "tc qdisc change dev podveth root tbf rate 9mbit burst 40000 latency 25ms",
            "bandwidth: podveth is limited to 9000000 bit/s",
        ),
        (
            "tc qdisc change dev podveth root tbf rate 8mbit burst 41000 latency 25ms",
            "bandwidth: podveth lets other than 320000 bits pass at once",
        ),
        (
            "tc qdisc change dev IFB root tbf rate 9mbit burst 80000 latency 25ms",
            "is limited to 9000000 bit/s",
        ),
        ("tc qdisc del dev podveth ingress", "what comes by podveth does not pass gbifb"),
    ],
)
def test_what_was_changed_is_named(plugged: Attachment, commands: str, said: str) -> None:
    damage(plugged, commands)
    (told,) = found(plugged)
    assert said.replace("BRIDGE", plugged.network.bridge) in told


def test_the_ends_that_are_gone_are_named(plugged: Attachment) -> None:
    damage(plugged, "ip link del podveth\nip link del IFB")
    told = " ".join(found(plugged))
    for said in ("link: eth0 is gone", "podveth, its end on the host, is gone", "has no limit"):
        assert said in told
    damage(plugged, "ip link del BRIDGE\nip netns del one")
    told = " ".join(found(plugged))
    for said in (f"bridge: {plugged.network.bridge} is gone", "namespace: "):
        assert said in told


def test_what_a_later_plugin_changed_is_no_difference(plugged: Attachment) -> None:
    """tuning has given another MAC, sbr has taken a route away, and somebody added one."""
    mac = Mac("02:00:00:00:00:07")
    damage(
        plugged,
        f"ip -n one link set eth0 address {mac}\n"
        "ip -n one route del 10.5.0.0/16\n"
        "ip -n one route add 10.8.0.0/16 via 10.88.0.9",
    )
    left = frozenset(r.destination for r in plugged.endpoint.routes) - {PLAIN}
    assert found(plugged, Told(mac=mac, destinations=left)) == ()
    assert len(found(plugged, Told(mac=mac))) == 1
    assert len(found(plugged, Told(destinations=left))) == 1
    assert found(plugged, Told(mac=Mac("02:00:00:00:00:08"), destinations=left)) != ()


@pytest.mark.parametrize(
    ("rate", "burst"), [(8, 8), (8_000, 2**32 - 1), (10**11, 2**32 - 1), (123_456_789, 7_654_321)]
)
def test_every_limit_is_known_again(
    engine: Engine, make_netns: Make, rate: int, burst: int
) -> None:
    """In the kernel it is a time in 32 bits, which a big bucket on a slow link exceeds."""
    engine.attachments.define(pods())
    shaping = Shaping(ingress_rate=rate, ingress_burst=burst, egress_rate=rate, egress_burst=burst)
    engine.attachments.add(request("c1", make_netns("one"), shaping=shaping))
    assert engine.attachments.differences(key_of("c1")) == ()
