"""Names, ids and what a user means by one of them."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassbridge.errors import Conflict, InvalidRequest, NotFound
from glassbridge.model.names import (
    check_ifname,
    check_name,
    check_network_name,
    closest,
    new_id,
    random_name,
    resolve,
)


@dataclass(frozen=True)
class Item:
    id: str
    name: str


NGINX = Item("1f" * 32, "nginx-1")
CACHE = Item("1f" * 31 + "00", "cache")
DB = Item("db" * 32, "db")
ITEMS = (NGINX, CACHE, DB)


@pytest.mark.parametrize("name", ["ab", "nginx-1", "A_b.c-d", "9x", "x" * 128])
def test_dockers_names_are_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "-ab",
        ".ab",
        "_ab",
        "a b",
        "a/b",
        "../x",
        "ab\n",
        "a\0b",
        "naïve",
        "$(id)",
        "x" * 129,
    ],
)
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="bad container name"):
        check_name(name)


@pytest.mark.parametrize("name", ["default", "host", "none"])
def test_dockers_network_words_are_no_names(name: str) -> None:
    with pytest.raises(InvalidRequest, match="meaning of its own") as caught:
        check_network_name(name)
    assert caught.value.hint


def test_a_network_is_named_in_its_error() -> None:
    assert check_network_name("backend") == "backend"
    with pytest.raises(InvalidRequest, match="bad network name 'a b'"):
        check_network_name("a b")


@pytest.mark.parametrize("name", ["gb0", "br-lan", "wlan0.100", "x" * 15, "_a", "...", "A"])
def test_interface_names(name: str) -> None:
    assert check_ifname(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("abcdefghijklmnop", "it is 16 bytes long, the kernel allows 15"),
        ("éééééééé", "16 bytes"),
        (".", "itself"),
        ("..", "itself"),
        ("all", "itself"),
        ("default", "itself"),
        ("lo", "itself"),
        ("", "1 to 15"),
        ("a/b", "1 to 15"),
        ("a b", "1 to 15"),
        ("a:1", "1 to 15"),
        ("eth%d", "1 to 15"),
        ('a"b', "1 to 15"),
        ("-x", "1 to 15"),
        ("a\n", "1 to 15"),
        ("\udcff", "1 to 15"),
    ],
)
def test_interface_names_refused(name: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        check_ifname(name)


@given(st.text(max_size=20))
def test_an_accepted_interface_name_is_safe_everywhere(name: str) -> None:
    try:
        check_ifname(name)
    except InvalidRequest:
        return
    assert 1 <= len(name.encode()) <= 15
    assert name.isascii()
    assert not set(name) & set(" \t\n\0/:%\"'\\;{}$*?#")
    assert not name.startswith("-")


@given(st.binary(min_size=32, max_size=32))
def test_ids_are_64_hex_digits_and_never_look_like_an_address(entropy: bytes) -> None:
    made = new_id(entropy)
    assert len(made) == 64
    assert set(made) <= set("0123456789abcdef")
    assert not made[:12].isdecimal()
    assert made[1:] == entropy.hex()[1:]


def test_an_id_of_decimal_digits_gets_a_letter() -> None:
    assert new_id(bytes.fromhex("12" * 32)) == "b" + ("12" * 32)[1:]
    with pytest.raises(ValueError, match="32 bytes"):
        new_id(b"short")


def test_random_names_are_valid_and_all_different() -> None:
    made = {check_name(random_name(bits)) for bits in range(4096)}
    assert len(made) == 4096
    assert random_name(4096) == random_name(0)


def test_resolve_by_name_id_and_unique_prefix() -> None:
    assert resolve("nginx-1", ITEMS) is NGINX
    assert resolve("1f" * 32, ITEMS) is NGINX
    assert resolve("d", ITEMS) is DB
    assert resolve("db", ITEMS) is DB


def test_a_name_beats_a_prefix_and_an_id_beats_a_name() -> None:
    named_like_a_prefix = Item("aa" * 32, "1f")
    named_like_an_id = Item("bb" * 32, NGINX.id)
    assert resolve("1f", (*ITEMS, named_like_a_prefix)) is named_like_a_prefix
    assert resolve(NGINX.id, (*ITEMS, named_like_an_id)) is NGINX


def test_an_ambiguous_prefix_lists_what_it_fits() -> None:
    with pytest.raises(Conflict, match=r"'1f' means several containers: nginx-1 \(1f1f1f1f1f1f\)"):
        resolve("1f", ITEMS)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="no such network: ngnix-1") as caught:
        resolve("ngnix-1", ITEMS, "network")
    assert caught.value.hint == "did you mean nginx-1?"
    with pytest.raises(NotFound) as caught:
        resolve("", ITEMS)
    assert caught.value.hint == ""


@given(st.lists(st.integers(0, 2**16 - 1), unique=True, max_size=12), st.integers(1, 64))
def test_every_prefix_finds_its_item_or_says_why_not(numbers: list[int], length: int) -> None:
    items = [Item(f"{n:04x}" + "0" * 60, f"name-{n}") for n in numbers]
    for item in items:
        prefix = item.id[:length]
        fits = [i for i in items if i.id.startswith(prefix)]
        if len(fits) == 1:
            assert resolve(prefix, items) is item
        else:
            with pytest.raises(Conflict):
                resolve(prefix, items)


def test_closest() -> None:
    assert closest("mtv", ["mtu", "icc"]) == "did you mean mtu?"
    assert closest("web", ["web1", "web2"]) == "did you mean web2 or web1?"
    assert closest("web", ["web1", "web2", "web3"]) == "did you mean web3, web2 or web1?"
    assert closest("zzzz", ["mtu"]) == ""
