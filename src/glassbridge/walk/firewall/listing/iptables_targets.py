"""Targets of iptables as statements of model.ruleset."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from glassbridge.model.address import IPAddress
from glassbridge.model.ruleset import (
    Decide,
    NoTrack,
    Refuse,
    SetMark,
    Statement,
    Translate,
    Unevaluated,
    Verdict,
)
from glassbridge.walk.firewall.listing.iptables_words import Part

_SILENT: Final = frozenset(
    ("LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "CHECKSUM", "TCPMSS", "CLASSIFY", "SET", "IDLETIMER")
)
"""Targets that let the packet go on, with the addresses, ports and mark that it has."""
_VERDICTS: Final = {
    "ACCEPT": Verdict.ACCEPT,
    "DROP": Verdict.DROP,
    "RETURN": Verdict.RETURN,
    "QUEUE": Verdict.QUEUE,
    "NFQUEUE": Verdict.QUEUE,
}
_ALL_BITS: Final = 0xFFFFFFFF


def statements_of(
    target: Part | None, chains: frozenset[str], *, is_goto: bool
) -> tuple[Statement, ...]:
    """What a rule does; without a target it only counts."""
    if target is None or target.name in _SILENT:
        return ()
    if is_goto:
        return (Decide(Verdict.GOTO, target.name),)
    if target.name in chains:
        return (Decide(Verdict.JUMP, target.name),)
    if target.name in _VERDICTS:
        return (Decide(_VERDICTS[target.name]),)
    reader = _TARGETS.get(target.name)
    return (Unevaluated(_text(target)) if reader is None else reader(target),)


def _text(target: Part) -> str:
    return " ".join((f"-j {target.name}", *map(str, target.options)))


def _word(target: Part, name: str) -> str:
    option = target.option(name)
    return "" if option is None else option.word


def _reject(target: Part) -> Statement:
    """`icmp-port-unreachable` in nft's words; some have a name of their own in each tool."""
    answer = _word(target, "--reject-with")
    if answer in ("tcp-reset", "tcp-rst"):
        return Refuse("tcp reset")
    for prefix, protocol in (("icmp6-", "icmpv6"), ("icmp-", "icmp")):
        if answer.startswith(prefix):
            reason = answer.removeprefix(prefix).replace("adm-", "admin-")
            return Refuse(f"{protocol} {reason}")
    return Refuse(answer)


def _mark(target: Part) -> Statement:
    """--set-xmark V/M: the bits of M are cleared, then V is put in by xor."""
    value, _, mask = _word(target, "--set-xmark").partition("/")
    if not value:
        return Unevaluated(f"MARK {_text(target)}")
    bits = int(mask, 0) if mask else _ALL_BITS
    return SetMark(int(value, 0), ~bits & _ALL_BITS)


def _connection_mark(target: Part) -> Statement:
    word = "MARK" if target.option("--restore-mark") else "CONNMARK"
    return Unevaluated(f"{word} {_text(target)}")


def _track(target: Part) -> Statement:
    if target.name == "NOTRACK" or target.option("--notrack"):
        return NoTrack()
    return Unevaluated(_text(target).removeprefix("-j "))


def _translate(kind: str, option: str) -> Callable[[Part], Statement]:
    def reader(target: Part) -> Statement:
        try:
            address, port = _end(_word(target, option))
        except ValueError:  # a range to choose from
            return _inexact(kind)
        return Translate(kind, address, port)

    return reader


def _end(text: str) -> tuple[IPAddress | None, int | None]:
    """ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or :PORT; raises ValueError where it is none."""
    if text.startswith("["):
        address, _, port = text[1:].replace("]:", "]").partition("]")
    elif text.count(":") > 1:
        address, port = text, ""
    else:
        address, _, port = text.partition(":")
    return ip_address(address) if address else None, int(port) if port else None


def _redirect(target: Part) -> Statement:
    ports = _word(target, "--to-ports")
    if not ports:
        return Translate("redirect")
    return Translate("redirect", port=int(ports)) if ports.isdigit() else _inexact("redirect")


def _inexact(kind: str) -> Translate:
    return Translate(kind, is_exact=False)


_TARGETS: Final[dict[str, Callable[[Part], Statement]]] = {
    "REJECT": _reject,
    "MARK": _mark,
    "CONNMARK": _connection_mark,
    "CT": _track,
    "NOTRACK": _track,
    "DNAT": _translate("dnat", "--to-destination"),
    "SNAT": _translate("snat", "--to-source"),
    "MASQUERADE": lambda _: Translate("masquerade"),
    "REDIRECT": _redirect,
}
