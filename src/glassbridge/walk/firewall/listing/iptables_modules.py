"""Match modules of iptables whose options mean something only together."""

from collections.abc import Callable
from ipaddress import IPv6Network
from typing import Final

from glassbridge.model.ruleset import Compare, Match, Plain, Prefix, Unevaluated
from glassbridge.walk.firewall.listing.iptables_words import Option, Part

_MULTICAST6: Final = IPv6Network("ff00::/8")


def _address_type(part: Part, family: str) -> Match:
    """Of IPv6 several types are not alternatives, hence left alone (match_type6, xt_addrtype.c)."""
    link = " . iif" if part.option("--limit-iface-in") else ""
    link = " . oif" if part.option("--limit-iface-out") else link
    asked = [o for o in part.options if o.name in ("--src-type", "--dst-type")]
    if len(asked) != 1:
        return Unevaluated(str(part))
    end = "saddr" if asked[0].name == "--src-type" else "daddr"
    words = asked[0].word.lower().split(",")
    if family == "ip6" and len(words) > 1:
        return Unevaluated(str(part))
    if family == "ip6" and words[0] in ("multicast", "unicast"):
        return _address_class(end, words[0], asked[0])
    values = tuple(Plain(word) for word in words)
    return Compare((f"fib {end}{link} type",), values, "!=" if asked[0].negated else "==")


def _address_class(end: str, word: str, option: Option) -> Match:
    """What the address itself says, whoever has it."""
    is_multicast = (word == "multicast") != option.negated
    return Compare((f"ip6 {end}",), (Prefix(_MULTICAST6),), "==" if is_multicast else "!=")


def _reverse_path(part: Part, family: str) -> Match:
    if part.option("--loose"):
        return Unevaluated(f"{family} {part}")
    operator = "==" if part.option("--invert") else "!="
    return Compare(("fib saddr . iif oif",), (Plain("missing"),), operator)


def _rate(part: Part, _: str) -> Match:
    over = "over " if part.option("--hashlimit-above") or part.option("--connlimit-above") else ""
    return Unevaluated(f"{part.name} {over}{' '.join(o.word for o in part.options)}")


WHOLE_MODULES: Final[dict[str, Callable[[Part, str], Match]]] = {
    "addrtype": _address_type,
    "rpfilter": _reverse_path,
    "limit": _rate,
    "hashlimit": _rate,
    "connlimit": _rate,
}
