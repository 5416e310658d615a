"""Have the kernel's own look-ups witness a walk; no packet is needed for that."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from os import close

from glassbridge.errors import GlassbridgeError
from glassbridge.kernel.lookups import look_up
from glassbridge.model.observation import Lookup, Witness, WitnessName
from glassbridge.model.step_details import Crossed
from glassbridge.model.walk import Walk


def ask_kernel(
    walk: Walk, open_netns: Callable[[int], int]
) -> tuple[tuple[Lookup, ...], tuple[Witness, ...]]:
    """The kernel's look-ups alone, without any packet."""
    with ExitStack() as opened:
        namespaces, refusals = open_all(namespaces_of(walk), open_netns, opened)
        lookups = look_up(walk, namespaces)
    return lookups, (lookup_witness(lookups, refusals),)


def namespaces_of(walk: Walk) -> frozenset[int]:
    """Every namespace that a walk passes."""
    return frozenset(
        cookie
        for step in walk.steps
        for cookie in (
            step.place.cookie,
            *((step.detail.to.cookie,) if isinstance(step.detail, Crossed) else ()),
        )
    )


def open_all(
    cookies: frozenset[int], open_netns: Callable[[int], int], opened: ExitStack
) -> tuple[dict[int, int], dict[int, GlassbridgeError]]:
    """Open namespaces for as long as `opened` is; which of them refused, and why."""
    namespaces, refusals = {}, {}
    for cookie in sorted(cookies):
        try:
            netns = open_netns(cookie)
        except GlassbridgeError as error:
            refusals[cookie] = error
            continue
        opened.callback(close, netns)
        namespaces[cookie] = netns
    return namespaces, refusals


def lookup_witness(
    lookups: tuple[Lookup, ...], refusals: Mapping[int, GlassbridgeError]
) -> Witness:
    """Whether the look-ups said anything."""
    why_not = "; ".join(e.message for e in refusals.values())
    if not lookups:
        why_not = why_not or "the walk has nothing to look up"
    return Witness(name=WitnessName.LOOKUPS, spoke=bool(lookups), why_not=why_not)
