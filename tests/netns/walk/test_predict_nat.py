"""Published ports, foretold and tried: from every side, through br_netfilter and without."""

from collections.abc import Callable, Iterator

import pytest
from tests.netns.walk.prediction_stage import HOST, PORT, Stage, cause_of

HOST4, HOST6 = "192.0.2.1", "fd92::1"

PUBLISH = f"""
nft 'add table inet t
add chain inet t publish
add chain inet t pre {{ type nat hook prerouting priority -100; }}
add chain inet t out {{ type nat hook output priority -100; }}
add rule inet t pre jump publish
add rule inet t out jump publish
add rule inet t publish fib daddr type local tcp dport {PORT} dnat ip to 10.77.0.3:80
add rule inet t publish ip6 daddr {HOST6} tcp dport {PORT} dnat ip6 to [fd77::3]:80'
sysctl -qw net.ipv4.conf.all.route_localnet=1
"""
MASQUERADE = """
nft 'add chain inet t post { type nat hook postrouting priority 100; }
add rule inet t post ct status dnat oifname br0 masquerade'
"""
CLIENTS = ("a", "b", "c", "d", HOST)


@pytest.fixture
def stage(make_netns: Callable[[str], str]) -> Iterator[Stage]:
    made = Stage(make_netns)
    made.listen("b", port=80)
    made.listen("b", "::", port=80)
    yield made
    made.close()


@pytest.mark.parametrize("hairpin", ["hairpin", "no hairpin"])
@pytest.mark.parametrize("masquerade", ["masquerade", "no masquerade"])
@pytest.mark.parametrize("bridged", ["br_netfilter", "no br_netfilter"])
def test_published_port(stage: Stage, bridged: str, masquerade: str, hairpin: str) -> None:
    on = int(bridged == "br_netfilter")
    for tables in ("iptables", "ip6tables"):
        stage.run(f"sysctl -qw net.bridge.bridge-nf-call-{tables}={on}")
    stage.run(PUBLISH)
    if masquerade == "masquerade":
        stage.run(MASQUERADE)
    if hairpin == "hairpin":
        stage.run("bridge link set dev to-b hairpin on")
    targets = [(c, a) for c in CLIENTS for a in (HOST4, HOST6)]
    targets += [(HOST, "127.0.0.1"), ("a", "10.77.0.1"), ("c", "10.77.0.1")]
    foretold = {t: cause_of(stage.predict(*t, PORT)) for t in targets}
    seen = {t: stage.connects(*t, PORT) for t in targets}
    assert {t: not cause for t, cause in foretold.items()} == seen, foretold
