"""A rule of iptables-save cut into the matches and the target that it names."""

import shlex
from collections.abc import Iterator

from msgspec import Struct

_FLAGS = frozenset(
    (
        "--physdev-is-in",
        "--physdev-is-out",
        "--physdev-is-bridged",
        "--limit-iface-in",
        "--limit-iface-out",
        "--syn",
        "--invert",
        "--loose",
        "--validmark",
        "--accept-local",
        "--random",
        "--random-fully",
        "--persistent",
        "--notrack",
        "--clamp-mss-to-pmtu",
        "--restore-mark",
        "--save-mark",
        "--transparent",
        "--nowildcard",
        "--checksum-fill",
        "--log-tcp-sequence",
        "--log-tcp-options",
        "--log-ip-options",
        "--log-uid",
    )
)
"""Options that stand alone."""
_SHORT = {
    "-s": "--source",
    "-d": "--destination",
    "-i": "--in-interface",
    "-o": "--out-interface",
    "-p": "--protocol",
    "-f": "--fragment",
}
_NEGATION = "!"


class Option(Struct, frozen=True):
    """One option with its words."""

    name: str
    words: tuple[str, ...] = ()
    negated: bool = False

    @property
    def word(self) -> str:
        """Its only word."""
        return " ".join(self.words)

    def __str__(self) -> str:
        negation = (_NEGATION,) if self.negated else ()
        return " ".join((*negation, self.name, *self.words))


class Part(Struct, frozen=True):
    """A match module, or a target, with its options."""

    name: str
    """`tcp`, `conntrack`, ...; empty: what every rule may have (-s, -i, ...)."""
    options: tuple[Option, ...] = ()

    def __str__(self) -> str:
        return " ".join((f"-m {self.name}", *map(str, self.options))).strip()

    def option(self, name: str) -> Option | None:
        """An option by its name."""
        return next((o for o in self.options if o.name == name), None)


class Words(Struct, frozen=True, kw_only=True):
    """A rule as words."""

    chain: str
    matches: tuple[Part, ...] = ()
    target: Part | None = None
    is_goto: bool = False
    packets: int | None = None


def cut(line: str) -> Words:
    """Read `[packets:bytes] -A CHAIN ...`; the counter may be missing."""
    packets = None
    if line.startswith("["):
        counter, _, line = line.partition(" ")
        packets = int(counter[1:].partition(":")[0])
    words = shlex.split(line)
    parts: list[tuple[str, str, list[Option]]] = [("match", "", [])]
    for option in _options(words[2:]):
        match option.name:
            case "-m" | "--match":
                parts.append(("match", option.word, []))
            case "-j" | "--jump":
                parts.append(("target", option.word, []))
            case "-g" | "--goto":
                parts.append(("goto", option.word, []))
            case "-p" | "-s" | "-d" | "-i" | "-o" | "-f":
                name = _SHORT[option.name]
                parts[0][2].append(Option(name, option.words, option.negated))
            case _:
                parts[-1][2].append(option)
    targets = [(kind, Part(n, tuple(o))) for kind, n, o in parts if kind != "match"]
    return Words(
        chain=words[1],
        matches=tuple(Part(n, tuple(o)) for kind, n, o in parts if kind == "match" and (n or o)),
        target=targets[0][1] if targets else None,
        is_goto=bool(targets) and targets[0][0] == "goto",
        packets=packets,
    )


def _options(words: list[str]) -> Iterator[Option]:
    """Each option takes the words up to the next one; `!` stands before it."""
    name, negated, next_negated = "", False, False
    taken: list[str] = []
    for word in words:
        if word == _NEGATION:
            next_negated = True
        elif _is_option(word, name, taken):
            if name:
                yield Option(name, tuple(taken), negated)
            name, taken, negated, next_negated = word, [], next_negated, False
        else:
            taken.append(word)
    if name:
        yield Option(name, tuple(taken), negated)


def _is_option(word: str, name: str, taken: list[str]) -> bool:
    """A word that starts with a dash, unless an option before it still waits for one."""
    if not word.startswith("-") or len(word) == 1:
        return False
    is_waiting = bool(name) and not taken and name not in _FLAGS
    return not (is_waiting and name in ("--comment", "--log-prefix", "--nflog-prefix"))
