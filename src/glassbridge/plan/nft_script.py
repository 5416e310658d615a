"""The firewall value as nft text; the same value gives the same text.

Every script is one transaction, ends with a newline, and may be joined with others into one.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from ipaddress import IPv6Address
from typing import assert_never

from msgspec.structs import replace

from glassbridge.errors import InvalidRequest
from glassbridge.model.firewall import (
    Accept,
    Atom,
    Chain,
    DestinationNat,
    Drop,
    Element,
    Family,
    Field,
    Goto,
    HasFlag,
    InSet,
    Is,
    Jump,
    KeyType,
    Masquerade,
    Match,
    OneOf,
    Reject,
    Rule,
    Set,
    SourceNat,
    Statement,
    Table,
    VerdictOf,
)
from glassbridge.model.kernel_names import NFT_TABLE

_UNQUOTABLE = frozenset('"\\*')


def ruleset_script(tables: Sequence[Table], elements: Sequence[Element]) -> str:
    """Load everything, in place of whatever the tables held: the kernel swaps it at once."""
    lines: list[str] = []
    for table in tables:
        name = f"{table.family} {table.name}"
        # `add` first, because deleting a table that is not there would fail
        lines += [f"add table {name}", f"delete table {name}", *table_lines(table)]
    return _text(lines) + add_script(elements)


def table_lines(table: Table) -> list[str]:
    """A table without its elements, as `nft list` would lay it out."""
    lines = [f"table {table.family} {table.name} {{"]
    for declared in table.sets:
        lines += [f"\t{line}" for line in _set(declared)]
    for chain in table.chains:
        lines += [f"\t{line}" for line in _chain(chain)]
    return [*lines, "}"]


def add_script(elements: Iterable[Element]) -> str:
    """Put elements in; one that is there already, with the same value, is no error."""
    return _element_commands("add", elements)


def remove_script(elements: Iterable[Element]) -> str:
    """Take elements out, whether they are there or not.

    A missing element fails a whole transaction, and `destroy` needs nft 1.0.7: added first, it
    is always there. The price is twice the commands.
    """
    kept = tuple(elements)
    return add_script(kept) + _element_commands("delete", kept)


def get_script(element: Element) -> str:
    """Ask for one element by its key; ENOENT says that it is not there."""
    return _element_commands("get", [replace(element, value=None)])


def value_text(element: Element) -> str:
    """What stands behind the colon of an element; empty for one of a set."""
    return _element(element).removeprefix(_element(replace(element, value=None)))


def delete_tables_script() -> str:
    """Delete both tables; already gone is success."""
    names = [f"{family} {NFT_TABLE}" for family in Family]
    return _text(f"{verb} table {name}" for name in names for verb in ("add", "delete"))


def _element_commands(verb: str, elements: Iterable[Element]) -> str:
    by_set: dict[tuple[Family, str], list[Element]] = {}
    for element in elements:
        by_set.setdefault((element.family, element.name), []).append(element)
    return _text(
        f"{verb} element {family} {NFT_TABLE} {name} {{ {', '.join(map(_element, group))} }}"
        for (family, name), group in by_set.items()
    )


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _set(declared: Set) -> list[str]:
    data = _type(declared.data) if declared.data else "verdict" if declared.verdicts else ""
    keyword = "map" if data else "set"
    # a number of 128 bits has no type name in nft: it is declared by the expression that reads it
    by = "typeof" if KeyType.IPV6_BITS in declared.key else "type"
    lines = [f"{keyword} {declared.name} {{", f"\t{by} {_type(declared.key)}"]
    if data:
        lines[-1] += f" : {data}"
    if declared.interval:
        lines.append("\tflags interval")
    if declared.comment:
        lines.append(f"\tcomment {_quoted(declared.comment)}")
    return [*lines, "}"]


def _type(key: tuple[KeyType, ...]) -> str:
    if KeyType.IPV6_BITS not in key:
        return " . ".join(key)
    expressions = {KeyType.LINK: Field.INPUT_LINK, KeyType.IPV6_BITS: Field.IPV6_SOURCE_BITS}
    return " . ".join(expressions[k] for k in key)


def _chain(chain: Chain) -> list[str]:
    lines = [f"chain {chain.name} {{"]
    if chain.hook is not None:
        hook = chain.hook
        lines.append(
            f"\ttype {hook.type} hook {hook.hook} priority {hook.priority}; policy accept;"
        )
    return [*lines, *(f"\t{rule_line(rule)}" for rule in chain.rules), "}"]


def rule_line(rule: Rule) -> str:
    """One rule on one line: what a trace quotes."""
    comment = (f"comment {_quoted(rule.comment)}",) if rule.comment else ()
    return " ".join((*map(_match, rule.matches), _statement(rule.statement), *comment))


def _match(match: Match) -> str:
    match match:
        case Is(field, value, negated):
            return f"{field} {_not(negated)}{_atom(value)}"
        case OneOf(field, values, negated):
            return f"{field} {_not(negated)}{{ {', '.join(map(_atom, values))} }}"
        case HasFlag(field, flag):
            return f"{field} {flag}"
        case InSet(fields, name, negated):
            return f"{_concatenated(fields)} {_not(negated)}@{name}"
    assert_never(match)


def _statement(statement: Statement) -> str:  # noqa: PLR0911 - one arm each
    match statement:
        case Accept():
            return "accept"
        case Drop():
            return "drop"
        case Goto(chain):
            return f"goto {chain}"
        case Jump(chain):
            return f"jump {chain}"
        case Reject():
            return "reject"
        case Masquerade():
            return "masquerade"
        case VerdictOf(fields, name):
            return f"{_concatenated(fields)} vmap @{name}"
        case DestinationNat(family, fields, name):
            return f"dnat {family} to {_concatenated(fields)} map @{name}"
        case SourceNat(family, fields, name):
            return f"snat {family} to {_concatenated(fields)} map @{name}"
    assert_never(statement)


def _element(element: Element) -> str:
    key = " . ".join(_key_atom(element.family, a) for a in element.key)
    match element.value:
        case None:
            return key
        case tuple():
            return f"{key} : {' . '.join(map(_atom, element.value))}"
        case _:
            return f"{key} : {_statement(element.value)}"


def _key_atom(family: Family, atom: Atom) -> str:
    if family is Family.BRIDGE and isinstance(atom, IPv6Address):
        return f"0x{int(atom):032x}"
    return _atom(atom)


def _atom(atom: Atom) -> str:
    match atom:
        case StrEnum():
            return str(atom)
        case str():
            return _quoted(atom)
        case _:
            return str(atom)


def _quoted(text: str) -> str:
    """A name is quoted, so that none is taken for a word of nft; `*` would make it a pattern."""
    if _UNQUOTABLE.intersection(text) or not text.isprintable():
        raise InvalidRequest(f"{text!r} cannot be written into a firewall rule")
    return f'"{text}"'


def _concatenated(fields: tuple[Field, ...]) -> str:
    return " . ".join(fields)


def _not(negated: bool) -> str:
    return "!= " if negated else ""
