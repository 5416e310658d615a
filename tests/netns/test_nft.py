"""One kept libnftables context against the kernel; `nft` itself is the second opinion."""

import json
import subprocess
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest

from glassbridge.errors import KernelRefused, Unavailable
from glassbridge.kernel import nft as nft_module
from glassbridge.kernel.nft import Nft
from glassbridge.model.endpoint import Protocol
from glassbridge.model.firewall import Element, Family, Goto
from glassbridge.plan.firewall import tables
from glassbridge.plan.nft_script import (
    add_script,
    delete_tables_script,
    remove_script,
    ruleset_script,
)

BRIDGE = Element(Family.INET, "bridges", ("gb0",))
MORE = (
    Element(Family.INET, "home4", (IPv4Network("172.17.0.0/16"), "gb0")),
    Element(Family.INET, "published4_any", (Protocol.TCP, 80), (IPv4Address("172.17.0.2"), 80)),
    Element(Family.INET, "published4_any", (Protocol.SCTP, 80), (IPv4Address("172.17.0.2"), 80)),
    Element(Family.BRIDGE, "guard", ("veth1",), Goto("strict")),
    Element(Family.BRIDGE, "own6", ("veth1", IPv6Address("fd00::2"))),
)
EMPTY = ruleset_script(tables(), ())


@pytest.fixture
def nft(fresh_host: None) -> Iterator[Nft]:
    context = Nft()
    yield context
    context.close()


def listed(*what: str) -> str:
    return subprocess.run(["nft", "list", *what], check=True, capture_output=True, text=True).stdout


def test_loading_twice_is_loading_once_and_leaves_nothing_stale(nft: Nft) -> None:
    nft.run(ruleset_script(tables(), (BRIDGE,)))
    once = listed("ruleset")
    nft.run(add_script(MORE))
    nft.run("add chain inet glassbridge stranger\n")
    nft.run(ruleset_script(tables(), (BRIDGE,)))
    assert listed("ruleset") == once


def test_the_kernel_holds_every_rule_and_set_of_the_value(nft: Nft) -> None:
    nft.run(EMPTY)
    for table in tables():
        found = nft.list_json(f"table {table.family} {table.name}")
        rules = [o["rule"] for o in found if "rule" in o]
        assert [(r["chain"], r.get("comment", "")) for r in rules] == [
            (c.name, r.comment) for c in table.chains for r in c.rules
        ]
        sets = [o[k] for o in found for k in ("set", "map") if k in o]
        assert {s["name"] for s in sets} == {s.name for s in table.sets}


def test_elements_come_and_go(nft: Nft) -> None:
    nft.run(EMPTY)
    before = listed("ruleset")
    nft.run(add_script(MORE))
    text = listed("ruleset")
    assert '172.17.0.0/16 . "gb0"' in text
    assert "tcp . 80 : 172.17.0.2 . 80" in text
    assert "sctp . 80 : 172.17.0.2 . 80" in text
    assert '"veth1" : goto strict' in text
    assert '"veth1" . 0xfd000000000000000000000000000002' in text
    nft.run(remove_script(MORE))
    assert listed("ruleset") == before


def test_adding_what_is_there_and_removing_what_is_not(nft: Nft) -> None:
    nft.run(EMPTY)
    before = listed("ruleset")
    nft.run(add_script(MORE))
    nft.run(add_script(MORE))
    nft.run(remove_script(MORE))
    nft.run(remove_script(MORE))
    assert listed("ruleset") == before


def test_a_port_changes_hands_in_one_transaction(nft: Nft) -> None:
    """One plan gives it back while another takes it: scripts are joined."""
    nft.run(EMPTY)
    key = (Protocol.TCP, 80)
    old = Element(Family.INET, "published4_any", key, (IPv4Address("172.17.0.2"), 80))
    new = Element(Family.INET, "published4_any", key, (IPv4Address("172.17.0.3"), 80))
    nft.run(add_script([old]))
    nft.run(remove_script([old]) + add_script([new]))
    assert "172.17.0.3" in listed("map", "inet", "glassbridge", "published4_any")
    assert "172.17.0.2" not in listed("ruleset")


def test_tables_go_and_may_be_gone(nft: Nft) -> None:
    nft.run("add table inet other\n")
    before = listed("ruleset")
    nft.run(EMPTY)
    nft.run(delete_tables_script())
    nft.run(delete_tables_script())
    assert listed("ruleset") == before


def test_a_refused_script_changes_nothing_and_says_why(nft: Nft) -> None:
    nft.run(EMPTY)
    before = listed("ruleset")
    wrong = Element(Family.INET, "nowhere", ("gb0",))
    with pytest.raises(KernelRefused, match="No such file or directory"):
        nft.run(add_script([BRIDGE, wrong]))
    assert listed("ruleset") == before


def test_the_kernels_error_number_is_told(nft: Nft) -> None:
    nft.run(EMPTY)
    key = (Protocol.TCP, 80)
    one, other = (
        Element(Family.INET, "published4_any", key, (IPv4Address(f"10.0.0.{n}"), 80))
        for n in (1, 2)
    )
    nft.run(add_script([one]))
    with pytest.raises(KernelRefused) as caught:
        nft.run(add_script([other]))
    assert caught.value.errno == 17
    assert caught.value.kernel_message == "Could not process rule: File exists"


def test_what_nft_cannot_read_is_told(nft: Nft) -> None:
    with pytest.raises(KernelRefused, match="syntax error"):
        nft.run("add nonsense\n")


def test_generation_changes_with_every_transaction(nft: Nft) -> None:
    first = nft.generation()
    assert nft.generation() == first
    subprocess.run(["nft", "add table inet other"], check=True)
    assert nft.generation() != first


def test_a_table_is_looked_for_without_reading_others(nft: Nft) -> None:
    assert not nft.has_table(Family.INET, "glassbridge")
    subprocess.run(["nft", "add", "table", "bridge", "glassbridge"], check=True)
    assert nft.has_table(Family.BRIDGE, "glassbridge")
    assert not nft.has_table(Family.INET, "glassbridge")


def test_a_context_stays_in_the_namespace_where_it_was_made(nft: Nft) -> None:
    """Another thread, wherever it is, changes the same ruleset."""
    worker = threading.Thread(target=nft.run, args=(EMPTY,))
    worker.start()
    worker.join()
    assert "table inet glassbridge" in listed("tables")


def test_a_list_that_breaks_off_is_asked_for_again(
    nft: Nft, monkeypatch: pytest.MonkeyPatch
) -> None:
    nft.run("table ip t {}")
    torn, whole = '{"nftables": [{"table": {"name": "t"}}, \n', nft._run("list ruleset", 1 << 4)  # noqa: SLF001 - what it prints
    answers = [torn, torn, whole]
    monkeypatch.setattr(nft, "_run", lambda *_: answers.pop(0))
    assert [o["table"]["name"] for o in nft.list_json("ruleset")] == ["t"]
    answers += [torn] * 3
    with pytest.raises(KernelRefused, match="list ruleset: what nft prints breaks off"):
        nft.list_json("ruleset")


def test_list_json_is_nfts_own(nft: Nft) -> None:
    nft.run(ruleset_script(tables(), (BRIDGE, *MORE)))
    told = subprocess.run(
        ["nft", "-j", "list", "ruleset"], check=True, capture_output=True, text=True
    ).stdout
    assert nft.list_json("ruleset") == json.loads(told)["nftables"][1:]


def test_a_closed_context_says_so(fresh_host: None) -> None:
    context = Nft()
    context.close()
    context.close()
    with pytest.raises(Unavailable, match="closed"):
        context.run(EMPTY)


def test_a_missing_library_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft_module, "_LIBRARY", "libnftables-of-nobody.so.1")
    nft_module._load.cache_clear()  # noqa: SLF001 - the library is looked for once
    try:
        with pytest.raises(Unavailable, match=r"cannot load .*-of-nobody") as caught:
            Nft()
        assert "apt install libnftables1" in caught.value.hint
    finally:
        nft_module._load.cache_clear()  # noqa: SLF001 - same
