"""Rules as nft itself prints them (`nft -a list ruleset`), by their handles."""

import re
from typing import Final

from msgspec.structs import replace

from glassbridge.model.ruleset import ListedChain, ListedTable

_TABLE: Final = re.compile(r"table (\w+) (\S+) \{")
_RULE: Final = re.compile(r"\t\t(.*\S) # handle (\d+)$")

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
