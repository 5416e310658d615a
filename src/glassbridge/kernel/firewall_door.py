"""Operations on our tables as what nft takes, and what its refusals mean."""

from collections.abc import Sequence

from glassbridge.errors import GlassbridgeError, KernelRefused
from glassbridge.kernel.nft_elements import Change
from glassbridge.model.firewall import Element
from glassbridge.plan.descriptions import describe
from glassbridge.plan.firewall import tables
from glassbridge.plan.nft_script import (
    add_script,
    delete_tables_script,
    remove_script,
    ruleset_script,
)
from glassbridge.plan.operations import (
    AddElements,
    DeleteRuleset,
    LoadRuleset,
    Operation,
    RemoveElements,
)

_ENOENT = 2


def script_of(operation: Operation) -> str:
    """What nft reads for an operation."""
    match operation:
        case LoadRuleset(elements):
            return ruleset_script(tables(), elements)
        case DeleteRuleset():
            return delete_tables_script()
        case AddElements(elements):
            return add_script(elements)
        case RemoveElements(elements):
            return remove_script(elements)
        case _:
            raise TypeError(f"{type(operation).__name__} is not about the firewall")


def change_of(operation: Operation) -> tuple[Change, Sequence[Element]] | None:
    """An operation on elements alone; None: it needs a script."""
    match operation:
        case AddElements(elements):
            return Change.ADD, elements
        case RemoveElements(elements):
            return Change.REMOVE, elements
        case _:
            return None


def judge_firewall(operation: Operation, error: GlassbridgeError) -> GlassbridgeError | None:
    """Elements of a table that somebody flushed are gone already; the healer brings the table."""
    if isinstance(error, KernelRefused):
        if error.errno == _ENOENT and isinstance(operation, RemoveElements):
            return None
        return KernelRefused(describe(operation), error.errno, error.kernel_message)
    return error
