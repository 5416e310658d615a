"""Rules of iptables, by both backends: read by their own tool, and predicted as the kernel acts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.netns.walk.firewalled_host import PORTS, RIGHT, FirewalledHost, udp
from tests.netns.walk.test_filtering import DESTINATIONS, check

from glassbridge.model.ruleset import Backend, ListedTable, Origin
from glassbridge.walk.firewall.hooks import HookVerdict
from glassbridge.walk.firewall.owners import rule_ref

_NUMBERS = count(40000)
_QUIET = [HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module", params=["nft", "legacy"])
def backend(request: pytest.FixtureRequest) -> str:
    word: str = request.param
    tried = subprocess.run(
        ["unshare", "-n", f"iptables-{word}", "-S"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"iptables-{word} does not work here: {tried.stderr.decode().strip()}")
    return word


@pytest.fixture(scope="module")
def host(backend: str) -> Iterator[FirewalledHost]:
    made = FirewalledHost(f"ipt-{backend}")
    try:
        yield made
    finally:
        made.close()


def restore(host: FirewalledHost, backend: str, version: int, text: str) -> None:
    tool = "iptables" if version == 4 else "ip6tables"
    host.run("host", f"{tool}-{backend}-restore", text=text)


def table(host: FirewalledHost, name: str) -> ListedTable:
    return next(t for t in host.namespace().ruleset.tables if (t.family, t.name) == ("ip", name))


_ANY = (
    "-i in0",
    "! -i in+",
    "-p udp -m udp --dport 80",
    "-p udp -m udp ! --dport 53",
    "-p udp -m udp --dport 53:80",
    "-p udp -m udp --sport 1024:",
    "-p udp -m multiport --dports 53,8080",
    "-p udp -m multiport ! --dports 53,8080:8081",
    "-p tcp -m tcp --dport 80",
    "! -p tcp",
    "-m conntrack --ctstate NEW",
    "-m conntrack --ctstate RELATED,ESTABLISHED",
    "-m conntrack ! --ctstate NEW,RELATED",
    "-m conntrack --ctstate INVALID,UNTRACKED",
    "-m conntrack --ctstate DNAT",
    "-m conntrack ! --ctstate DNAT",
    "-m conntrack --ctstatus NONE",
    "-m conntrack ! --ctstatus ASSURED",
    "-m conntrack --ctdir ORIGINAL",
    "-m conntrack --ctproto udp",
    "-m state --state NEW",
    "-m addrtype --dst-type LOCAL",
    "-m addrtype --dst-type UNICAST",
    "-m addrtype --dst-type LOCAL --limit-iface-in",
    "-m mark --mark 0x4/0x6",
    "-m mark ! --mark 0x0",
    "-m connmark --mark 0x0",
    "-m devgroup --src-group 0x0",
    "-m physdev ! --physdev-in eth0",
    "-m physdev --physdev-is-bridged",
    "-m limit --limit 10000/sec",
    "-m length --length 30:100",
    "-m pkttype --pkt-type unicast",
    '-m comment --comment "two words; -j DROP"',
)
_OF_VERSION = {
    4: (
        "-s 192.0.2.0/24",
        "! -s 192.0.2.9/32",
        "-d 198.51.100.9/32",
        "-m iprange --dst-range 198.51.100.1-198.51.100.8",
        "-m conntrack --ctorigdst 198.51.100.1",
        "-m ttl --ttl-gt 63",
        "-m addrtype ! --dst-type LOCAL,BROADCAST",
        "-p icmp -m icmp --icmp-type 8",
    ),
    6: (
        "-s 2001:db8:a::/64",
        "! -d 2001:db8:b::9/128",
        "-m conntrack --ctorigdst 2001:db8:b::1",
        "-m hl --hl-eq 64",
        "-m addrtype --src-type UNICAST",
        "-p ipv6-icmp -m icmp6 --icmpv6-type 128",
    ),
}
_TARGETS = (
    "-j ACCEPT",
    "-j DROP",
    "-j RETURN",
    "-j MINE",
    "-g MINE",
    "",
    "-j MARK --set-xmark 0x4/0xffffffff",
    "-j MARK --set-xmark 0x2/0x2",
)
_CHAINS = {
    "raw": ("PREROUTING",),
    "mangle": ("PREROUTING", "FORWARD", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD"),
}
_INCOMING = ("PREROUTING", "INPUT", "FORWARD")
"""Only these may ask for the link that a packet came in by."""
_NAT = {
    4: (
        "-A PREROUTING -d 198.51.100.1/32 -p udp -m udp --dport 8080 -j DNAT --to 198.51.100.9:80",
        "-A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 80",
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DNAT --to-destination 198.51.100.9",
        "-A POSTROUTING -o out0 -j MASQUERADE",
        "-A POSTROUTING -s 192.0.2.0/24 -j SNAT --to-source 198.51.100.1",
        "-A INPUT -s 192.0.2.9/32 -j SNAT --to-source 192.0.2.77",
    ),
    6: (
        "-A PREROUTING -p udp -m udp --dport 8080 -j DNAT --to-destination [2001:db8:b::9]:53",
        "-A POSTROUTING -o out0 -j MASQUERADE",
    ),
}


def _is_of_input(match: str) -> bool:
    return any(word in match for word in ("-i ", "--src-group", "--limit-iface-in"))


@st.composite
def saved(draw: st.DrawFn, version: int) -> str:
    lines = []
    matches = (*_ANY, *_OF_VERSION[version])
    for name, chains in _CHAINS.items():
        lines.append(f"*{name}")
        policies = st.sampled_from(("ACCEPT", "ACCEPT", "DROP"))
        lines += [f":{chain} {draw(policies)} [0:0]" for chain in chains]
        lines.append(":MINE - [0:0]")
        for chain in (*chains, "MINE"):
            for _ in range(draw(st.integers(0, 2))):
                ends = [t for t in _TARGETS if chain != "MINE" or "MINE" not in t]
                ends = [t for t in ends if name == "mangle" or "MARK" not in t]
                known = [m for m in matches if chain in _INCOMING or not _is_of_input(m)]
                match, end = draw(st.sampled_from(known)), draw(st.sampled_from(ends))
                lines.append(f"-A {chain} {match} {end}".strip())
        if name == "raw" and draw(st.integers(0, 4)) == 0:
            lines.append("-A PREROUTING -j CT --notrack")
        lines.append("COMMIT")
    lines += [
        "*nat",
        ":PREROUTING ACCEPT [0:0]",
        ":INPUT ACCEPT [0:0]",
        ":POSTROUTING ACCEPT [0:0]",
    ]
    lines += draw(st.lists(st.sampled_from(_NAT[version]), max_size=3))
    return "\n".join([*lines, "COMMIT", ""])


@settings(max_examples=20, deadline=None, suppress_health_check=_QUIET)
@given(st.data())
def test_random_rules(host: FirewalledHost, backend: str, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from((4, 6)))
    restore(host, backend, version, data.draw(saved(version)))
    where = DESTINATIONS[version][data.draw(st.integers(0, 2))]
    check(host, udp(version, where, data.draw(st.sampled_from(PORTS)), next(_NUMBERS)))


def clear(host: FirewalledHost, backend: str) -> None:
    for version in (4, 6):
        text = "".join(
            f"*{name}\n" + "".join(f":{c} ACCEPT [0:0]\n" for c in chains) + "COMMIT\n"
            for name, chains in {**_CHAINS, "nat": ("PREROUTING", "INPUT", "POSTROUTING")}.items()
        )
        restore(host, backend, version, text)


DOCKER = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 198.51.100.0/24 ! -o out0 -j MASQUERADE
-A DOCKER ! -i out0 -p udp -m udp --dport 8080 -j DNAT --to-destination 198.51.100.9:80
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER -d 198.51.100.9/32 ! -i out0 -o out0 -p udp -m udp --dport 80 -j ACCEPT
-A DOCKER ! -i out0 -o out0 -j DROP
-A DOCKER-BRIDGE -o out0 -j DOCKER
-A DOCKER-CT -o out0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i out0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i out0 ! -o out0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-2 -o docker1 -j DROP
COMMIT
"""


def test_docker_publishes_a_port_and_hides_the_rest(host: FirewalledHost, backend: str) -> None:
    clear(host, backend)
    restore(host, backend, 4, DOCKER)
    published = check(host, udp(4, "198.51.100.1", 8080, next(_NUMBERS)))
    assert published.where == "right"
    accepted = published.results[1].decided_by
    assert accepted is not None
    assert (accepted.chain, accepted.owner, accepted.number) == ("DOCKER", Origin.DOCKER, 1)
    expected = Backend.IPTABLES_NFT if backend == "nft" else Backend.IPTABLES_LEGACY
    assert accepted.backend is expected
    assert bool(accepted.handle) == (backend == "nft")

    hidden = check(host, udp(4, RIGHT[4], 53, next(_NUMBERS)))
    assert hidden.verdict is HookVerdict.DROP
    dropped = hidden.results[-1].decided_by
    assert dropped is not None
    assert dropped.text == "-A DOCKER ! -i out0 -o out0 -j DROP"


def test_a_rule_is_quoted_as_its_own_tool_prints_it(host: FirewalledHost, backend: str) -> None:
    clear(host, backend)
    restore(host, backend, 4, DOCKER)
    listed = table(host, "filter")
    quoted = [rule_ref(listed, chain, rule).text for chain in listed.chains for rule in chain.rules]
    printed = host.run("host", f"iptables-{backend}-save", "-t", "filter").splitlines()
    assert sorted(quoted) == sorted(line for line in printed if line.startswith("-A"))
