"""Rules in the shapes that engines give them in nftables, against the kernel.

Taken from `nft list ruleset` on hosts with each of them; addresses and links are the stage's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from tests.netns.walk.firewalled_host import RIGHT, FirewalledHost, Prediction, udp
from tests.netns.walk.test_filtering import check

from glassbridge.model.ruleset import Origin, RuleRef
from glassbridge.walk.firewall.hooks import HookVerdict

_NUMBERS = count(50000)
ACCEPT, DROP, REJECT = HookVerdict.ACCEPT, HookVerdict.DROP, HookVerdict.REJECT

NETAVARK = """
table inet netavark {
  chain INPUT { type filter hook input priority filter; policy accept;
    ip saddr 198.51.100.0/24 meta l4proto { tcp, udp } th dport 53 accept
  }
  chain FORWARD { type filter hook forward priority filter; policy accept;
    ct state invalid drop
    jump NETAVARK-ISOLATION-1
    ip daddr 198.51.100.0/24 ct state established,related accept
    ip saddr 198.51.100.0/24 accept
  }
  chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x00002000 == 0x00002000 masquerade
    ip saddr 198.51.100.0/24 jump nv_2f259bab_198_51_100_0_nm24
  }
  chain PREROUTING { type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump NETAVARK-HOSTPORT-DNAT
  }
  chain OUTPUT { type nat hook output priority -100; policy accept;
    fib daddr type local jump NETAVARK-HOSTPORT-DNAT
  }
  chain NETAVARK-HOSTPORT-DNAT {
    udp dport 8080 jump nv_2f259bab_198_51_100_0_nm24_dnat
  }
  chain NETAVARK-HOSTPORT-SETMARK { meta mark set meta mark or 0x00002000; }
  chain NETAVARK-ISOLATION-1 { iifname "out0" oifname != "out0" jump NETAVARK-ISOLATION-2; }
  chain NETAVARK-ISOLATION-2 { oifname "podman9" drop; }
  chain nv_2f259bab_198_51_100_0_nm24 {
    ip daddr 198.51.100.0/24 accept
    ip daddr != 224.0.0.0/4 masquerade
  }
  chain nv_2f259bab_198_51_100_0_nm24_dnat {
    ip saddr 192.0.2.0/24 udp dport 8080 jump NETAVARK-HOSTPORT-SETMARK
    ip saddr 127.0.0.1 udp dport 8080 jump NETAVARK-HOSTPORT-SETMARK
    udp dport 8080 dnat ip to 198.51.100.9:80
  }
}
"""
FIREWALLD = """
table inet firewalld {
  chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept;
    meta nfproto ipv6 icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain filter_INPUT { type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    ip6 daddr { ::/96, ::ffff:0.0.0.0/96 } reject with icmpv6 addr-unreachable
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT_ZONES { iifname "in0" goto filter_IN_public; goto filter_IN_public; }
  chain filter_FORWARD_ZONES { iifname "in0" goto filter_FWD_public; }
  chain filter_IN_public {
    jump filter_IN_public_log
    jump filter_IN_public_deny
    jump filter_IN_public_allow
    meta l4proto { icmp, ipv6-icmp } accept
    reject with icmpx admin-prohibited
  }
  chain filter_IN_public_log { }
  chain filter_IN_public_deny { }
  chain filter_IN_public_allow {
    tcp dport 22 accept
    udp dport 53 accept
    ip6 daddr fe80::/64 udp dport 546 accept
  }
  chain filter_FWD_public {
    ip saddr 192.0.2.0/24 udp dport 80 accept
    reject with icmpx admin-prohibited
  }
}
"""
DOCKER = """
table ip docker-bridges {
  map filter-forward-in-jumps { type ifname : verdict
    elements = { "out0" : jump filter-forward-in__out0 } }
  map filter-forward-out-jumps { type ifname : verdict
    elements = { "out0" : jump filter-forward-out__out0 } }
  map nat-postrouting-in-jumps { type ifname : verdict
    elements = { "out0" : jump nat-postrouting-in__out0 } }
  map nat-postrouting-out-jumps { type ifname : verdict
    elements = { "in0" : jump nat-postrouting-out__in0 } }
  chain filter-forward-in__out0 {
    ct state established,related counter accept
    iifname "out0" counter accept comment "ICC"
    ip daddr 198.51.100.9 udp dport 80 counter accept
    counter drop comment "UNPUBLISHED PORT DROP"
  }
  chain filter-forward-out__out0 { counter accept comment "OUTGOING"; }
  chain nat-postrouting-in__out0 { }
  chain nat-postrouting-out__in0 {
    oifname != "in0" ip saddr 192.0.2.0/24 counter masquerade comment "MASQUERADE"
  }
  chain nat-prerouting-and-output {
    iifname != "out0" udp dport 8080 counter dnat ip to 198.51.100.9:80 comment "DNAT"
  }
  chain filter-FORWARD { type filter hook forward priority filter; policy accept;
    oifname vmap @filter-forward-in-jumps
    iifname vmap @filter-forward-out-jumps
  }
  chain nat-POSTROUTING { type nat hook postrouting priority srcnat; policy accept;
    iifname vmap @nat-postrouting-out-jumps
    oifname vmap @nat-postrouting-in-jumps
  }
  chain nat-PREROUTING { type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local counter jump nat-prerouting-and-output
  }
  chain raw-PREROUTING { type filter hook prerouting priority raw; policy accept;
    ip daddr 198.51.100.77 iifname != "out0" counter drop comment "DROP DIRECT ACCESS"
  }
}
"""
LIBVIRT = """
table ip libvirt_network {
  chain forward { type filter hook forward priority filter; policy accept;
    counter jump guest_cross
    counter jump guest_input
    counter jump guest_output
  }
  chain guest_output {
    ip saddr 198.51.100.0/24 iif "out0" counter accept
    iif "out0" counter reject
  }
  chain guest_input {
    oif "out0" ip daddr 198.51.100.0/24 ct state established,related counter accept
    oif "out0" counter reject
  }
  chain guest_cross { iif "out0" oif "out0" counter accept; }
  chain guest_nat { type nat hook postrouting priority srcnat; policy accept;
    ip saddr 198.51.100.0/24 ip daddr 224.0.0.0/24 counter return
    meta l4proto udp ip saddr 198.51.100.0/24 ip daddr != 198.51.100.0/24 masquerade to :1024-65535
  }
}
"""
KUBE_PROXY = """
table ip kube-proxy {
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict
    elements = { 198.51.100.50 . udp . 53 : goto service-ULMVA6XW-ns1/svc1/udp/p53 } }
  map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict
    comment "vmap to drop or reject packets to services with no endpoints"
    elements = { 198.51.100.51 . udp . 53 : goto reject-chain } }
  chain reject-chain { reject; }
  chain mark-for-masquerade { meta mark set meta mark or 0x4000; }
  chain service-ULMVA6XW-ns1/svc1/udp/p53 {
    ip daddr 198.51.100.50 udp dport 53 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
    meta l4proto udp dnat to 198.51.100.9:80
  }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
  }
  chain service-endpoints-check {
    ip daddr . meta l4proto . th dport vmap @no-endpoint-services
  }
  chain filter-prerouting { type filter hook prerouting priority dstnat - 10; policy accept;
    ct state new jump service-endpoints-check
  }
  chain filter-forward { type filter hook forward priority -110; policy accept;
    ct state new jump service-endpoints-check
  }
  chain nat-prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
  chain nat-postrouting { type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x4000 == 0 return
    meta mark set meta mark xor 0x4000
    masquerade fully-random
  }
}
"""
SHAPES = {
    "netavark": NETAVARK,
    "firewalld": FIREWALLD,
    "docker": DOCKER,
    "libvirt": LIBVIRT,
    "kube-proxy": KUBE_PROXY,
}
CASES = [
    # rules, destination, port: what becomes of it, in whose chain
    ("netavark", "198.51.100.1", 8080, ACCEPT, ""),
    ("netavark", RIGHT[4], 80, ACCEPT, ""),
    ("firewalld", "192.0.2.1", 53, ACCEPT, "filter_IN_public_allow"),
    ("firewalld", "192.0.2.1", 80, REJECT, "filter_IN_public"),
    ("firewalld", RIGHT[4], 80, ACCEPT, "filter_FWD_public"),
    ("firewalld", RIGHT[6], 80, REJECT, "filter_FWD_public"),
    ("docker", "198.51.100.1", 8080, ACCEPT, "filter-forward-in__out0"),
    ("docker", RIGHT[4], 80, ACCEPT, "filter-forward-in__out0"),
    ("docker", RIGHT[4], 53, DROP, "filter-forward-in__out0"),
    ("docker", "198.51.100.77", 80, DROP, "raw-PREROUTING"),
    ("libvirt", RIGHT[4], 80, REJECT, "guest_input"),
    ("kube-proxy", "198.51.100.50", 53, ACCEPT, ""),
    ("kube-proxy", "198.51.100.51", 53, REJECT, "reject-chain"),
]
OWNERS = {
    "netavark": Origin.PODMAN,
    "firewalld": Origin.FIREWALLD,
    "docker": Origin.DOCKER,
    "libvirt": Origin.LIBVIRT,
    "kube-proxy": Origin.KUBERNETES,
}


@pytest.fixture(scope="module")
def host() -> Iterator[FirewalledHost]:
    made = FirewalledHost("engines")
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(("shape", "destination", "port", "verdict", "chain"), CASES)
def test_prediction_is_what_happens(
    host: FirewalledHost,
    shape: str,
    destination: str,
    port: int,
    verdict: HookVerdict,
    chain: str,
) -> None:
    host.load(SHAPES[shape])
    version = 6 if ":" in destination else 4
    predicted = check(host, udp(version, destination, port, next(_NUMBERS)))
    assert predicted.verdict is verdict
    assert decider(predicted) == chain
    assert all(rule.owner is OWNERS[shape] for rule in matched(predicted))


def decider(predicted: Prediction) -> str:
    found = [r.decided_by for r in predicted.results if r.decided_by is not None]
    return found[-1].chain if found else ""


def matched(predicted: Prediction) -> list[RuleRef]:
    return [rule for result in predicted.results for rule in result.matched]


@pytest.mark.parametrize("shape", SHAPES)
def test_rules_are_quoted_as_nft_prints_them(host: FirewalledHost, shape: str) -> None:
    host.load(SHAPES[shape])
    listed = host.namespace().ruleset
    printed = host.run("host", "nft", "-a", "list", "ruleset")
    for table in listed.tables:
        for chain in table.chains:
            for rule in chain.rules:
                assert f"\t\t{rule.text} # handle {rule.handle}\n" in printed


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_of_them_is_left_unread(host: FirewalledHost, shape: str) -> None:
    host.load(SHAPES[shape])
    ruleset = host.namespace().ruleset
    assert not ruleset.complaints
    assert "Unevaluated" not in repr(ruleset)
    assert all(s.is_complete for table in ruleset.tables for s in table.sets)
