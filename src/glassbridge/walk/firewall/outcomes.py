"""What a base chain makes of a packet, and what is certain where it may make this or that."""

from msgspec import Struct
from msgspec.structs import replace

from glassbridge.model.ruleset import RuleRef
from glassbridge.walk.firewall.hooks import HookVerdict
from glassbridge.walk.firewall.translation import Nat


class State(Struct, frozen=True):
    """What rules change besides addresses."""

    mark: int | None
    """None: it depends on a match that is not known."""
    ct_mark: int | None = 0
    untracked: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """What a base chain does with a packet."""

    verdict: HookVerdict
    state: State
    nat: Nat | None = None
    decided_by: RuleRef | None = None
    is_policy: bool = False
    matched: tuple[RuleRef, ...] = ()
    assumptions: tuple[str, ...] = ()
    answer: str = ""


def end(verdict: HookVerdict, state: State, ref: RuleRef, *, answer: str = "") -> Outcome:
    """A rule or a policy decides."""
    return Outcome(verdict=verdict, state=state, decided_by=ref, answer=answer)


def behind(outcome: Outcome, matched: list[RuleRef], notes: list[str]) -> Outcome:
    """The outcome of what lies ahead, with what was passed on the way to it."""
    if not matched and not notes:
        return outcome
    return replace(
        outcome,
        matched=(*matched, *outcome.matched),
        assumptions=(*notes, *outcome.assumptions),
    )


def either(one: Outcome, other: Outcome, ref: RuleRef, why: str) -> Outcome:
    """What is certain when either may come; told as the second, where the rule did not match."""
    state = State(
        one.state.mark if one.state.mark == other.state.mark else None,
        one.state.ct_mark if one.state.ct_mark == other.state.ct_mark else None,
        one.state.untracked and other.state.untracked,
    )
    if one.verdict is other.verdict and one.nat == other.nat and one.answer == other.answer:
        notes = tuple(dict.fromkeys((*one.assumptions, *other.assumptions)))
        return replace(other, state=state, assumptions=notes)
    return Outcome(
        verdict=HookVerdict.UNKNOWN,
        state=state,
        decided_by=ref,
        matched=other.matched,
        assumptions=(why, *other.assumptions),
    )
