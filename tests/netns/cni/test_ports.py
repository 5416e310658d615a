"""Published ports, policies, and kube-proxy's way of leading a service to a pod."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.netns.cni.pods import Pods
from tests.netns.cni.reference import Reference
from tests.netns.cni.test_interfaces import mesh
from tests.netns.engine.conftest import Outside
from tests.netns.engine.consistency import check_consistency
from tests.netns.engine.seeing import ask, listening

from glassbridge.engine.engine import Engine

NF_CALL = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
NF_CALL_KEY = "net.bridge.bridge-nf-call-iptables"
FOUR = {"subnet": "10.7.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


def published(*mappings: dict[str, Any], version: str = "1.0.0", **keys: Any) -> dict[str, Any]:
    return mesh(version, runtimeConfig={"portMappings": list(mappings)}, **keys)


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@pytest.mark.parametrize("version", ["0.3.1", "1.1.0"])
def test_everybody_reaches_a_published_port(pods: Pods, version: str, bridge_nf: str) -> None:
    NF_CALL.write_text(bridge_nf)
    said = published({"hostPort": 8080, "containerPort": 80}, version=version)
    pods.add("box", said)
    pods.add("sibling", mesh(version))
    with listening("/run/netns/box", 80, TCP):
        for netns, address in (
            ("", "127.0.0.1"),
            ("", "10.7.0.1"),
            ("/run/netns/sibling", "10.7.0.1"),
            ("/run/netns/box", "10.7.0.1"),
        ):
            assert ask(netns, address, 8080, TCP), (netns, address)
        assert pods.call("DEL", "box", mesh(version)).status == 0
        assert not ask("", "127.0.0.1", 8080, TCP)


@pytest.mark.parametrize(
    ("keys", "outside_is", "sibling_is"),
    [
        ({}, "198.51.100.9", "10.7.0.1"),
        ({"masqAll": True}, "10.7.0.1", "10.7.0.1"),
        ({"snat": False}, "198.51.100.9", "10.7.0.3"),
    ],
)
def test_whom_a_pod_sees_behind_a_published_port(
    pods: Pods,
    engine: Engine,
    outside: Outside,
    keys: dict[str, Any],
    outside_is: str,
    sibling_is: str,
) -> None:
    """With br_netfilter, else the answer to a sibling that is not hidden is bridged past it."""
    NF_CALL.write_text("1")
    said = published({"hostPort": 8080, "containerPort": 80}, **keys)
    said["prevResult"] = pods.add("box", said)
    pods.add("sibling", mesh())
    with listening("/run/netns/box", 80, TCP):
        assert ask(outside.netns, "198.51.100.1", 8080, TCP, patience=10) == outside_is
        assert ask("/run/netns/sibling", "10.7.0.1", 8080, TCP, patience=10) == sibling_is
    check_consistency(engine)
    assert pods.call("CHECK", "box", said).status == 0
    assert pods.call("DEL", "box", said).status == 0


def test_a_host_address_is_honoured(pods: Pods) -> None:
    pods.add("box", published({"hostPort": 8080, "containerPort": 80, "hostIP": "127.0.0.1"}))
    with listening("/run/netns/box", 80, TCP):
        assert ask("", "127.0.0.1", 8080, TCP)
        assert not ask("", "10.7.0.1", 8080, TCP)


def test_networks_are_open_unless_they_ask_for_a_policy(pods: Pods, engine: Engine) -> None:
    other: dict[str, Any] = {
        "bridge": "cni8",
        "ipam": {"subnet": "10.8.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]},
    }
    pods.add("one", mesh())
    pods.add("two", mesh(name="other", **other))
    assert pods.reaches("one", "10.8.0.2")
    assert pods.reaches("two", "10.7.0.2")
    # the configuration may change while pods are there
    pods.add("three", mesh(name="other", ingressPolicy="same-bridge", **other))
    assert pods.reaches("two", "10.8.0.3")
    assert pods.misses("one", "10.8.0.2")
    pods.add("four", mesh(name="other", ingressPolicy="isolated", **other))
    assert pods.misses("two", "10.8.0.3")
    check_consistency(engine)


def on(host: str, *command: str, said: str = "") -> None:
    """Run a tool on a host; "" is our own."""
    there = ("ip", "netns", "exec", host) if host else ()
    subprocess.run((*there, *command), input=said, text=True, check=True)


def kube_proxy(service: str, pod: str, host: str = "") -> None:
    """What it does in its nftables mode for a cluster address with one endpoint."""
    rules = f"""
        table ip kube {{
          chain prerouting {{
            type nat hook prerouting priority dstnat;
            ip daddr {service} tcp dport 80 dnat to {pod}:8080
          }}
          chain postrouting {{
            type nat hook postrouting priority srcnat;
            ip saddr {pod} ip daddr {pod} masquerade
          }}
        }}"""
    on(host, "nft", "-f", "-", said=rules)


@pytest.mark.parametrize("whose", ["ours", "the reference"])
def test_a_service_shows_the_client_to_a_pod_on_the_same_bridge(
    pods: Pods, reference: Reference, whose: str
) -> None:
    """The answer is bridged past conntrack unless br_netfilter is on, with any plugin."""
    host = "" if whose == "ours" else "reference"
    for name in ("client", "server"):
        (pods if whose == "ours" else reference).add(name, mesh(ipam=FOUR))
    kube_proxy("10.96.0.10", "10.7.0.3", host)
    with listening("/run/netns/server", 8080, TCP):
        on(host, "sysctl", "-qw", f"{NF_CALL_KEY}=1")
        assert ask("/run/netns/client", "10.96.0.10", 80, TCP) == "10.7.0.2"
        on(host, "sysctl", "-qw", f"{NF_CALL_KEY}=0")
        assert not ask("/run/netns/client", "10.96.0.10", 80, TCP, patience=0.5)


def test_a_service_on_the_number_of_a_published_port(pods: Pods) -> None:
    """As with an ingress that holds port 80 of the host."""
    NF_CALL.write_text("1")
    pods.add("client", mesh())
    pods.add("server", mesh())
    pods.add("ingress", published({"hostPort": 80, "containerPort": 8080}))
    kube_proxy("10.96.0.10", "10.7.0.3")
    with listening("/run/netns/server", 8080, TCP), listening("/run/netns/ingress", 8080, TCP):
        assert ask("/run/netns/client", "10.96.0.10", 80, TCP) == "10.7.0.2"
        assert ask("/run/netns/client", "10.7.0.1", 80, TCP) == "10.7.0.1"


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
def test_a_service_leads_back_to_the_pod_that_asks(pods: Pods, bridge_nf: str) -> None:
    """With br_netfilter that takes hairpinMode."""
    NF_CALL.write_text(bridge_nf)
    pods.add("server", mesh(hairpinMode=True))
    kube_proxy("10.96.0.10", "10.7.0.2")
    with listening("/run/netns/server", 8080, TCP):
        assert ask("/run/netns/server", "10.96.0.10", 80, TCP)
