"""Names and ids: which are allowed, how new ones are made, and which object one means."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeVar

from glassbridge.errors import Conflict, InvalidRequest, NotFound
from glassbridge.model.kernel_names import IFNAME_MAX
from glassbridge.model.network import Ifname

NAME_MAX = 128
ID_BYTES = 32
SHORT_ID = 12
_LISTED = 5
PREDEFINED_NETWORKS = ("default", "host", "none")
"""Docker's words for `--network` that are no networks of ours."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_HEX = re.compile(r"[0-9a-f]+")

_IFNAME = re.compile(r"[a-zA-Z0-9_.][a-zA-Z0-9_.-]*")
"""Narrower than the kernel's dev_valid_name(): it ends up in nft scripts, paths and arguments."""

_IFNAMES_REFUSED = (".", "..", "all", "default", "lo")
"""`all` and `default` would alias /proc/sys/net/ipv4/conf/{all,default}."""

_ADJECTIVES = (  # noqa: SIM905 - a word list reads best as words
    "ample amber brave bright brisk calm candid clear clever cosy crisp daring deft eager early "
    "fair fleet fond frank fresh gentle glad golden grand happy hardy honest humble jolly keen "
    "kind lively loyal lucid mellow merry mild modest neat nimble noble patient placid plucky "
    "polite prompt proud quick quiet rapid ready rosy serene sharp shiny silent sincere sleek "
    "snug solid steady sunny swift witty"
).split()

_SURNAMES = (  # noqa: SIM905 - same
    "abramson baran bellovin berners boggs cerf cheriton clark cohen comer crocker davies deering "
    "diffie dijkstra elz estrin farber feinler floyd hamming hopper huffman hui jacobson kahn karn "
    "karels kirstein kleinrock knuth kuznetsov lamarr lampson lawson leiner liskov lovelace lynch "
    "mcquillan metcalfe mills mockapetris moy nagle paxson perlman plummer postel pouzin rekhter "
    "roberts saltzer shannon shoch sincoskie stevens stoll sunshine taylor thacker torvalds turing "
    "zimmermann"
).split()


class Identified(Protocol):
    """Whatever is known by an id and a name: networks, sandboxes, containers."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Identified)


def check_name(name: str, what: str = "container") -> str:
    """Return a name that Docker would take for a container; raises InvalidRequest."""
    if _NAME.fullmatch(name) and len(name) <= NAME_MAX:
        return name
    why = (
        f"{len(name)} characters, {NAME_MAX} at most"
        if len(name) > NAME_MAX
        else "at least 2 of a-z A-Z 0-9 _ . - are needed, the first a letter or a digit"
    )
    raise InvalidRequest(f"bad {what} name {name[:NAME_MAX]!r}: {why}")


def check_network_name(name: str) -> str:
    """Return a name that a new network may have; raises InvalidRequest."""
    if name in PREDEFINED_NETWORKS:
        raise InvalidRequest(
            f"network name {name!r} has a meaning of its own for --network",
            hint=f"choose another, e.g. {name}-net",
        )
    return check_name(name, "network")


def check_ifname(name: str, what: str = "interface name") -> Ifname:
    """Return a name under which we may create or mention a link; raises InvalidRequest."""
    size = len(name.encode(errors="surrogatepass"))
    if size > IFNAME_MAX:
        raise InvalidRequest(
            f"bad {what} {name!r}: it is {size} bytes long, the kernel allows {IFNAME_MAX}"
        )
    if name in _IFNAMES_REFUSED:
        raise InvalidRequest(f"bad {what} {name!r}: the kernel uses this name itself")
    if not _IFNAME.fullmatch(name):
        raise InvalidRequest(
            f"bad {what} {name!r}: 1 to {IFNAME_MAX} of a-z A-Z 0-9 _ . - are needed",
        )
    return Ifname(name)


def new_id(entropy: bytes) -> str:
    """Make an id of 64 hex digits from 32 random bytes.

    The first 12 digits are a container's default hostname, and a host name of decimal digits only
    is read as an IPv4 address (inet_aton), so they never are.
    """
    if len(entropy) != ID_BYTES:
        raise ValueError(f"{ID_BYTES} bytes are needed, not {len(entropy)}")
    digits = entropy.hex()
    if digits[:SHORT_ID].isdecimal():
        digits = "abcdef"[int(digits[0]) % 6] + digits[1:]
    return digits


def random_name(bits: int) -> str:
    """Pick one of 4,096 names, adjective_surname, by the low 12 bits.

    The caller retries with other bits when it is taken.
    """
    return f"{_ADJECTIVES[bits & 63]}_{_SURNAMES[(bits >> 6) & 63]}"


def resolve(reference: str, items: Iterable[T], what: str = "container", otherwise: str = "") -> T:
    """Find what a user means: the exact id, else the exact name, else a unique prefix of an id.

    Raises Conflict when a prefix fits several, NotFound when nothing fits; its hint is a similar
    name, or `otherwise`.
    """
    known = tuple(items)
    by_id = [item for item in known if item.id == reference]
    by_name = [item for item in known if item.name == reference]
    prefix = reference if _HEX.fullmatch(reference) else None
    by_prefix = [item for item in known if prefix is not None and item.id.startswith(prefix)]
    for found in (by_id, by_name, by_prefix):
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(f"{item.name} ({item.id[:SHORT_ID]})" for item in found)
            raise Conflict(
                f"{reference!r} means several {what}s: {several}", hint="type more of it"
            )
    hint = closest(reference, [i.name for i in known]) or otherwise
    raise NotFound(f"no such {what}: {reference}", hint=hint)


def closest(word: str, known: Collection[str]) -> str:
    """`did you mean ...?` for a misspelt word, or empty."""
    from difflib import get_close_matches  # noqa: PLC0415 - only who mistypes needs it

    near = get_close_matches(word, sorted(known), n=3, cutoff=0.6)
    if not near:
        return ""
    *first, last = near
    return f"did you mean {', '.join(first)} or {last}?" if first else f"did you mean {last}?"


def listed(names: Sequence[str]) -> str:
    """Write names into a sentence, the first few of many."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
