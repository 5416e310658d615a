"""One base chain, walked rule by rule: three-valued, both ways on where a match is not known.

Where both ways lead to the same end that is the end, else it is UNKNOWN. What lies ahead of a place
in a chain is worked out once, so that a hundred unknown matches cost a hundred steps, not 2^100.
"""

from typing import Final, assert_never

from msgspec.structs import replace

from glassbridge.model.ruleset import (
    Decide,
    ListedChain,
    ListedRule,
    ListedTable,
    LookUp,
    MapElement,
    NamedMap,
    NoTrack,
    Refuse,
    RuleRef,
    SetMark,
    Translate,
    Unevaluated,
    Verdict,
)
from glassbridge.walk.firewall.elements import find, keys_of
from glassbridge.walk.firewall.hooks import HookVerdict
from glassbridge.walk.firewall.matching import holds, read_all
from glassbridge.walk.firewall.outcomes import Outcome, State, behind, either, end
from glassbridge.walk.firewall.owners import policy_ref, rule_ref
from glassbridge.walk.firewall.rule_text import match_text
from glassbridge.walk.firewall.sight import Lack, Sight
from glassbridge.walk.firewall.translation import Nat, resolve

_DEEPEST_JUMP = 16
"""NFT_JUMP_STACK_SIZE."""
_MOST_UNKNOWN = 100
"""Unknown matches behind each other; more are not followed."""
_OPAQUE = ("xt ", "-j ", "tproxy", "synproxy", "fwd", "dup")
"""Statements that may end the packet or send it elsewhere."""
_SETS_MARK = ("meta mark set", "MARK ")
_SETS_CT_MARK = ("ct mark set", "CONNMARK ")


_Place = tuple[str, int]
_Stack = tuple[_Place, ...]
"""Where each chain goes on, the present one last."""
_Next = tuple[_Stack, State]


def run_chain(table: ListedTable, chain: ListedChain, sight: Sight) -> Outcome:
    """Walk a base chain from its first rule to an end or its policy."""
    tracking = sight.tracking
    state = State(sight.mark, 0 if tracking is None else tracking.mark)
    return _Run(table, chain, sight).ahead(((chain.name, 0),), state)


class _Run:
    """One walk of one base chain."""

    def __init__(self, table: ListedTable, base: ListedChain, sight: Sight) -> None:
        self._table, self._base, self._sight = table, base, sight
        self._chains: Final = {c.name: c for c in table.chains}
        self._sets: Final = {s.name: s for s in table.sets}
        self._known: Final[dict[_Next, Outcome]] = {}
        self._unknowns = 0

    def ahead(self, stack: _Stack, state: State) -> Outcome:
        """The end that a place leads to."""
        known = self._known.get((stack, state))
        if known is None:
            known = self._known[stack, state] = self._walk(stack, state)
        return known

    def _walk(self, stack: _Stack, state: State) -> Outcome:
        matched: list[RuleRef] = []
        notes: list[str] = []
        while stack:
            name, index = stack[-1]
            chain = self._chains.get(name)
            if chain is None:
                return self._unknown(state, None, f"chain {name} was not listed")
            if index >= len(chain.rules):
                stack = stack[:-1]
                continue
            rule = chain.rules[index]
            after = (*stack[:-1], (name, index + 1))
            truth = self._holds(rule, state, notes)
            if truth is False:
                stack = after
                continue
            ref = rule_ref(self._table, chain, rule)
            if truth is None:
                return behind(self._fork(rule, ref, after, state), matched, notes)
            step = self._apply(rule, ref, after, state, notes)
            if step is None:  # a map had nothing for it
                stack = after
                continue
            matched.append(ref)
            if isinstance(step, Outcome):
                return behind(step, matched, notes)
            stack, state = step
        return behind(self._policy(state), matched, notes)

    def _holds(self, rule: ListedRule, state: State, notes: list[str]) -> bool | None:
        sight = self._see(state)
        answer: bool | None = True
        assumed = []
        for match in rule.matches:
            truth = holds(match, sight, self._sets)
            if truth is False:
                return False
            if truth is None:
                answer = None
            elif isinstance(match, Unevaluated):
                assumed.append(f"{match.text}: taken not to be used up")
        notes += assumed
        return answer

    def _see(self, state: State) -> Sight:
        sight, tracking = self._sight, self._sight.tracking
        if tracking is not None and state.ct_mark != tracking.mark:
            sight = replace(sight, tracking=replace(tracking, mark=state.ct_mark))
        return sight if sight.mark == state.mark else replace(sight, mark=state.mark)

    def _fork(self, rule: ListedRule, ref: RuleRef, after: _Stack, state: State) -> Outcome:
        """It may match or not."""
        sight = self._see(state)
        unknown = [match_text(m) for m in rule.matches if holds(m, sight, self._sets) is None]
        why = f"cannot tell whether {', '.join(unknown)} holds, in: {ref.text}"
        if self._unknowns >= _MOST_UNKNOWN:
            return self._unknown(state, ref, why)
        self._unknowns += 1
        notes: list[str] = []
        step = self._apply(rule, ref, after, state, notes)
        miss = self.ahead(after, state)
        hit = self.ahead(*step) if isinstance(step, tuple) else step
        self._unknowns -= 1
        if hit is None:
            return miss
        return either(replace(hit, matched=(ref, *hit.matched)), miss, ref, why)

    def _apply(
        self, rule: ListedRule, ref: RuleRef, after: _Stack, state: State, notes: list[str]
    ) -> Outcome | _Next | None:
        """What a rule that matches does: an end, or where to go on; None: it breaks off."""
        for statement in rule.statements:
            match statement:
                case Unevaluated(text) if text.startswith(_OPAQUE):
                    return self._unknown(state, ref, f"cannot tell what {text} does")
                case Unevaluated(text):
                    state = _unevaluated(text, state, notes)
                case SetMark(value, mask):
                    marked = None if state.mark is None and mask else (state.mark or 0) & mask
                    state = replace(state, mark=None if marked is None else marked ^ value)
                case NoTrack():
                    state = replace(state, untracked=True)
                case Refuse(answer):
                    return end(HookVerdict.REJECT, state, ref, answer=answer)
                case Translate():
                    return self._translate(statement, ref, state)
                case LookUp():
                    return self._look_up(statement, ref, after, state)
                case Decide():
                    return self._decide(statement, ref, after, state)
                case _:
                    assert_never(statement)
        return after, state

    def _translate(self, statement: Translate, ref: RuleRef, state: State) -> Outcome | None:
        nat = resolve(statement, self._see(state), self._sets)
        match nat:
            case Nat():
                return replace(end(HookVerdict.ACCEPT, state, ref), nat=nat)
            case Lack.ABSENT:
                return None
            case Lack.UNKNOWN | Lack.NOT_CHOSEN:
                why = f"cannot tell which address it chooses: {ref.text}"
                return self._unknown(state, ref, why)
        assert_never(nat)

    def _look_up(
        self, statement: LookUp, ref: RuleRef, after: _Stack, state: State
    ) -> Outcome | _Next | None:
        readings = read_all(statement.fields, None, self._see(state))
        if Lack.ABSENT in readings:
            return None
        elements, is_complete = self._rows(statement)
        rows: list[Decide | None] = []
        for hit in find(keys_of(elements), statement.fields, readings):
            rows.append(elements[hit.place].verdict)
            if hit.is_certain:
                break
        else:
            if not rows and is_complete:
                return None
            rows.append(None)
        found = list(dict.fromkeys(rows))
        if len(found) == 1 and found[0] is not None:
            return self._decide(found[0], ref, after, state)
        why = f"cannot tell what the map says, in: {ref.text}"
        if not is_complete:
            return self._unknown(state, ref, why)
        ends = [self._end_of(row, ref, after, state) for row in found]
        whole = ends[0]
        for other in ends[1:]:
            whole = either(whole, other, ref, why)
        return whole

    def _rows(self, statement: LookUp) -> tuple[tuple[MapElement, ...], bool]:
        if not isinstance(statement.map, NamedMap):
            return statement.map, True
        named = self._sets.get(statement.map.name)
        return ((), False) if named is None else (named.elements, named.is_complete)

    def _end_of(self, row: Decide | None, ref: RuleRef, after: _Stack, state: State) -> Outcome:
        if row is None:
            return self.ahead(after, state)
        step = self._decide(row, ref, after, state)
        return step if isinstance(step, Outcome) else self.ahead(*step)

    def _decide(  # noqa: PLR0911 - one arm each
        self, decision: Decide, ref: RuleRef, after: _Stack, state: State
    ) -> Outcome | _Next:
        target = ((decision.chain, 0),)
        match decision.verdict:
            case Verdict.ACCEPT:
                return end(HookVerdict.ACCEPT, state, ref)
            case Verdict.DROP:
                return end(HookVerdict.DROP, state, ref)
            case Verdict.RETURN:
                return after[:-1], state
            case Verdict.CONTINUE:
                return after, state
            case Verdict.JUMP | Verdict.GOTO if len(after) > _DEEPEST_JUMP:
                return self._unknown(state, ref, f"chains jump in a circle: {ref.text}")
            case Verdict.JUMP:
                return (*after, *target), state
            case Verdict.GOTO:
                return (*after[:-1], *target), state
            case Verdict.QUEUE:
                return self._unknown(state, ref, f"a program decides (queue): {ref.text}")
        assert_never(decision.verdict)

    def _policy(self, state: State) -> Outcome:
        hook = self._base.hook
        drops = hook is not None and hook.policy is Verdict.DROP
        verdict = HookVerdict.DROP if drops else HookVerdict.ACCEPT
        decided = end(verdict, state, policy_ref(self._table, self._base))
        return replace(decided, is_policy=True)

    def _unknown(self, state: State, ref: RuleRef | None, why: str) -> Outcome:
        return Outcome(verdict=HookVerdict.UNKNOWN, state=state, decided_by=ref, assumptions=(why,))


def _unevaluated(text: str, state: State, notes: list[str]) -> State:
    """A statement that is not evaluated is taken to let the packet pass as it is."""
    if text.startswith(_SETS_MARK):
        return replace(state, mark=None)
    if text.startswith(_SETS_CT_MARK):
        return replace(state, ct_mark=None)
    notes.append(f"{text}: taken to leave the packet as it is")
    return state
