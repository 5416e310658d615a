"""An endpoint's bandwidth: queues on the host's side of its cable, whoever made that.

What the sandbox receives leaves by the host end, where a token bucket holds it. What it sends comes
in by the host end, where the kernel cannot queue: it is redirected through an ifb device, whose
way out has the second bucket.
"""

from collections.abc import Iterable

from glassbridge.model.endpoint import Endpoint
from glassbridge.model.kernel_names import shaper_name
from glassbridge.plan.interface_operations import (
    CreateShaper,
    LimitRate,
    RedirectIngress,
    UnlimitRate,
    UnredirectIngress,
)
from glassbridge.plan.operations import (
    DeleteLink,
    DoomLink,
    Operation,
)

_BITS = 8

Limit = tuple[int, int]
"""Bytes per second, and bytes at once."""


def ingress_limit(endpoint: Endpoint) -> Limit | None:
    """How fast an endpoint may receive; None: as it comes."""
    wish = endpoint.shaping
    return None if wish is None else _limit(wish.ingress_rate, wish.ingress_burst)


def egress_limit(endpoint: Endpoint) -> Limit | None:
    """How fast an endpoint may send; None: as it likes."""
    wish = endpoint.shaping
    return None if wish is None else _limit(wish.egress_rate, wish.egress_burst)


def plan_shaping(endpoint: Endpoint) -> Iterable[Operation]:
    """Limit what an endpoint receives and sends; its host end is there."""
    host_end, shaper = endpoint.host_end, shaper_name(endpoint.id)
    if (limit := ingress_limit(endpoint)) is not None:
        yield LimitRate(host_end, *limit)
    if (limit := egress_limit(endpoint)) is not None:
        yield CreateShaper(shaper, endpoint.alias)
        yield LimitRate(shaper, *limit)
        yield RedirectIngress(host_end, shaper)


def plan_unshape(endpoint: Endpoint) -> Iterable[Operation]:
    """Take the limits away: those on the host end go with it, where the cable is ours."""
    if endpoint.has_foreign_cable:
        yield from _lift(endpoint)
    if endpoint.has_shaper:
        yield DoomLink(shaper_name(endpoint.id))


def plan_reshape(endpoint: Endpoint) -> Iterable[Operation]:
    """Put the limits back, whichever of them stand."""
    yield from _lift(endpoint)
    yield from plan_remove_shaper(endpoint)
    yield from plan_shaping(endpoint)


def plan_remove_shaper(endpoint: Endpoint) -> Iterable[Operation]:
    """Delete an ifb device that may have outlived its cable."""
    if endpoint.has_shaper:
        yield DeleteLink(shaper_name(endpoint.id))


def _lift(endpoint: Endpoint) -> Iterable[Operation]:
    if endpoint.has_shaper:
        yield UnredirectIngress(endpoint.host_end, shaper_name(endpoint.id))
    if (limit := ingress_limit(endpoint)) is not None:
        yield UnlimitRate(endpoint.host_end, *limit)


def _limit(rate: int, burst: int) -> Limit | None:
    return (max(rate // _BITS, 1), max(burst // _BITS, 1)) if rate else None
