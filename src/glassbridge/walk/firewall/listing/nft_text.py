"""What only the text of `nft -a list ruleset` has: its rules by handle, and its chains' links."""

import re
from typing import Final

from msgspec.structs import replace

from glassbridge.model.ruleset import ListedChain, ListedTable

_CHAIN: Final = re.compile(r"\tchain (\S+) \{")
_DEVICES: Final = re.compile(r"\t\ttype \w+ hook \w+ devices? (?:= )?(\{[^}]*\}|\S+) ")
_NAME: Final = re.compile(r"[^\s\",{}]+")
_TABLE: Final = re.compile(r"table (\w+) (\S+) \{")
_RULE: Final = re.compile(r"\t\t(.*\S) # handle (\d+)$")

Devices = dict[tuple[str, str, str], tuple[str, ...]]
"""By family, table and chain."""
Texts = dict[tuple[str, str, int], str]
"""By family, table and handle."""


def parse_texts(text: str) -> Texts:
    """What each rule of a listing looks like."""
    texts: Texts = {}
    table = ("", "")
    for line in text.splitlines():
        opened, rule = _TABLE.match(line), _RULE.match(line)
        if opened:
            table = (opened[1], opened[2])
        elif rule:
            texts[*table, int(rule[2])] = rule[1]
    return texts


def with_texts(table: ListedTable, texts: Texts) -> ListedTable:
    """The same table, its rules quoted as nft prints them."""

    def quoted(chain: ListedChain) -> ListedChain:
        place = (table.family, table.name)
        rules = (replace(r, text=texts.get((*place, r.handle), r.text)) for r in chain.rules)
        return replace(chain, rules=tuple(rules))

    return replace(table, chains=tuple(quoted(chain) for chain in table.chains))


def parse_devices(text: str) -> Devices:
    """The links of ingress and egress chains, which the JSON of nft 1.0.6 leaves out."""
    devices: Devices = {}
    table, chain = ("", ""), ""
    for line in text.splitlines():
        if opened := _TABLE.match(line):
            table = (opened[1], opened[2])
        elif begun := _CHAIN.match(line):
            chain = begun[1]
        elif named := _DEVICES.match(line):
            devices[*table, chain] = tuple(_NAME.findall(named[1]))
    return devices


def with_devices(table: ListedTable, devices: Devices) -> ListedTable:
    """The same table, its chains with the links that they are called by."""

    def bound(chain: ListedChain) -> ListedChain:
        found = devices.get((table.family, table.name, chain.name))
        if found is None or chain.hook is None:
            return chain
        return replace(chain, hook=replace(chain.hook, devices=found))

    return replace(table, chains=tuple(bound(chain) for chain in table.chains))
