"""Match modules of iptables as matches of model.ruleset, in nft's words."""

from collections.abc import Callable, Iterator
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Final

from glassbridge.model.ruleset import (
    AddressRange,
    Compare,
    Match,
    Plain,
    Prefix,
    Range,
    Unevaluated,
    Value,
)
from glassbridge.walk.firewall.listing.iptables_modules import WHOLE_MODULES
from glassbridge.walk.firewall.listing.iptables_words import Option, Part
from glassbridge.walk.firewall.words import CT_STATES, CT_STATUSES, TCP_FLAGS, XT_STATES, number_of

_Reader = Callable[[Option], Match | None]
"""Of one option: None where it says nothing about the packet."""
_Readers = dict[str, _Reader]


def matches_of(part: Part, family: str) -> Iterator[Match]:
    """The matches of one module; what cannot be evaluated is Unevaluated, with its words."""
    modules = _modules(family)
    whole = WHOLE_MODULES.get(part.name)
    if whole is not None:
        yield whole(part, family)
    elif part.name not in modules:
        yield Unevaluated(str(part))
    else:
        for option in part.options:
            found = _read(option, modules[part.name].get(option.name))
            if found is not None:
                yield found


def _read(option: Option, reader: _Reader | None) -> Match | None:
    if reader is None:
        return Unevaluated(str(option))
    try:
        return reader(option)
    except ValueError:
        return Unevaluated(str(option))


def _is(field: str, values: tuple[Value, ...], option: Option, mask: int | None = None) -> Compare:
    return Compare((field,), values, "!=" if option.negated else "==", mask)


# -- what every rule may have


def _address(field: str) -> _Reader:
    def reader(option: Option) -> Match:
        network = ip_network(option.word, strict=False)
        single = network.prefixlen == network.max_prefixlen
        value = Plain(str(network.network_address)) if single else Prefix(network)
        return _is(field, (value,), option)

    return reader


def _link(field: str) -> _Reader:
    def reader(option: Option) -> Match:
        name = option.word
        pattern = name[:-1] + "*" if name.endswith("+") else name
        return _is(field, (Plain(pattern),), option)

    return reader


def _protocol(option: Option) -> Match | None:
    if option.word in ("all", "0"):
        return None
    return _is("meta l4proto", (Plain(option.word),), option)


# -- modules


def _ports(field: str) -> _Reader:
    def reader(option: Option) -> Match:
        values = tuple(_numbers(text) for text in option.word.split(","))
        return _is(field, values, option)

    return reader


def _numbers(text: str) -> Plain | Range:
    low, colon, high = text.partition(":")
    if not colon:
        return Plain(str(int(low)))
    return Range(int(low or 0), int(high or 0xFFFF))


def _states(option: Option) -> Match:
    words = option.word.lower().split(",")
    if not XT_STATES.keys() >= set(words):
        return Unevaluated(str(option))
    if not CT_STATES.keys() >= set(words):
        return _bits("ctstate", XT_STATES, words, option)
    values = tuple(Plain(word) for word in words)
    return Compare(("ct state",), values, "!=" if option.negated else "in")


def _statuses(option: Option) -> Match:
    """NONE is no bit at all: it never matches (xt_conntrack.c)."""
    words = [w for w in option.word.lower().replace("_", "-").split(",") if w != "none"]
    if not CT_STATUSES.keys() >= set(words):
        return Unevaluated(str(option))
    return _bits("ct status", CT_STATUSES, words, option)


def _bits(field: str, numbers: dict[str, int], words: list[str], option: Option) -> Match:
    if not option.negated:
        return Compare((field,), tuple(Plain(word) for word in words), "in")
    return Compare((field,), (Plain("0"),), "==", sum(numbers[word] for word in words))


def _mark(field: str) -> _Reader:
    def reader(option: Option) -> Match:
        value, _, mask = option.word.partition("/")
        number = number_of(field, value)
        if number is None:
            return Unevaluated(str(option))
        return _is(field, (Plain(str(number)),), option, int(mask, 0) if mask else None)

    return reader


def _flag(field: str) -> _Reader:
    return lambda option: _is(field, (Plain("1"),), option)


def _tcp_flags(option: Option) -> Match:
    mask, wanted = (_flag_bits(words) for words in option.words)
    return _is("tcp flags", (Plain(str(wanted)),), option, mask)


def _flag_bits(words: str) -> int:
    if words == "ALL":
        return 0x3F
    return sum(TCP_FLAGS[w.lower()] for w in words.split(",") if w != "NONE")


def _icmp(field: str) -> _Reader:
    """`8`, `3/1`, `any` (or 255, which is the same)."""

    def reader(option: Option) -> Match | None:
        kind, slash, _ = option.word.partition("/")
        if kind in ("any", "255"):
            return None
        number = number_of(field, kind)
        if number is None or slash:
            return Unevaluated(str(option))
        return _is(field, (Plain(str(number)),), option)

    return reader


def _word(field: str) -> _Reader:
    return lambda option: _is(field, (Plain(option.word.lower()),), option)


def _range(field: str) -> _Reader:
    def reader(option: Option) -> Match:
        low, _, high = option.word.partition("-")
        value = AddressRange(ip_address(low), ip_address(high))
        return _is(field, (value,), option)

    return reader


def _ordered(field: str, operator: str) -> _Reader:
    def reader(option: Option) -> Match:
        return Compare((field,), (Plain(option.word),), operator)

    return reader


def _nothing(option: Option) -> None:
    """A comment, or a figure that belongs to another option."""


@cache
def _modules(family: str) -> dict[str, _Readers]:
    """By the module's name; without one, what every rule may have."""
    icmp = "icmp" if family == "ip" else "icmpv6"
    return {
        "": {
            "--source": _address(f"{family} saddr"),
            "--destination": _address(f"{family} daddr"),
            "--in-interface": _link("meta iifname"),
            "--out-interface": _link("meta oifname"),
            "--protocol": _protocol,
        },
        "iprange": {
            "--src-range": _range(f"{family} saddr"),
            "--dst-range": _range(f"{family} daddr"),
        },
        "conntrack": _tracked(family),
        "icmp": {"--icmp-type": _icmp(f"{icmp} type")},
        "icmp6": {"--icmpv6-type": _icmp(f"{icmp} type")},
        **_OF_ANY_FAMILY,
    }


def _tracked(family: str) -> _Readers:
    readers: _Readers = {
        "--ctstate": _states,
        "--ctstatus": _statuses,
        "--ctdir": _word("ct direction"),
        "--ctproto": _word("ct protocol"),
    }
    for short, direction in (("orig", "original"), ("repl", "reply")):
        for end, address, port in (("src", "saddr", "proto-src"), ("dst", "daddr", "proto-dst")):
            readers[f"--ct{short}{end}"] = _address(f"ct {direction} {family} {address}")
            readers[f"--ct{short}{end}port"] = _ports(f"ct {direction} {port}")
    return readers


def _transport(protocol: str) -> _Readers:
    return {
        "--sport": _ports(f"{protocol} sport"),
        "--dport": _ports(f"{protocol} dport"),
        "--tcp-flags": _tcp_flags,
    }


_ORDERS: Final = {"eq": "==", "lt": "<", "gt": ">"}
_OF_ANY_FAMILY: Final[dict[str, _Readers]] = {
    "comment": {"--comment": _nothing},
    "tcp": _transport("tcp"),
    "udp": _transport("udp"),
    "sctp": _transport("sctp"),
    "multiport": {"--sports": _ports("th sport"), "--dports": _ports("th dport")},
    "state": {"--state": _states},
    "mark": {"--mark": _mark("meta mark")},
    "connmark": {"--mark": _mark("ct mark")},
    "physdev": {
        "--physdev-in": _link("physdev in"),
        "--physdev-out": _link("physdev out"),
        "--physdev-is-in": _flag("physdev is-in"),
        "--physdev-is-out": _flag("physdev is-out"),
        "--physdev-is-bridged": _flag("physdev is-bridged"),
    },
    "devgroup": {
        "--src-group": _mark("meta iifgroup"),
        "--dst-group": _mark("meta oifgroup"),
    },
    "length": {"--length": _ports("meta length")},
    "mac": {"--mac-source": _word("ether saddr")},
    "pkttype": {"--pkt-type": _word("meta pkttype")},
    "ttl": {f"--ttl-{word}": _ordered("ip ttl", o) for word, o in _ORDERS.items()},
    "hl": {f"--hl-{word}": _ordered("ip6 hoplimit", o) for word, o in _ORDERS.items()},
}
