"""Looking for chains of others changes nothing, and makes no table where there is none."""

import subprocess
from pathlib import Path

from glassbridge.kernel.foreign_firewall import find_dropping_chains, find_opened_chains
from glassbridge.plan.foreign_firewall import Hook

LEGACY = [Path(f"/proc/thread-self/net/{name}_tables_names") for name in ("ip", "ip6")]


def state() -> list[str]:
    listed = subprocess.run(
        ["nft", "list", "ruleset"], capture_output=True, text=True, check=True
    ).stdout
    return [listed, *(p.read_text() if p.exists() else "" for p in LEGACY)]


def test_where_there_is_no_table_none_is_made(fresh_host: None) -> None:
    assert find_dropping_chains() == find_dropping_chains(Hook.INPUT) == find_opened_chains() == ()
    assert state() == ["", "", ""]


def test_a_table_is_read_and_left_as_it_is(fresh_host: None) -> None:
    subprocess.run(["iptables-nft", "-P", "FORWARD", "DROP"], check=True)
    before = state()
    (found,) = find_dropping_chains()
    assert state() == before
    assert str(found) == "iptables (nf_tables), IPv4, table filter, chain FORWARD: policy DROP"
