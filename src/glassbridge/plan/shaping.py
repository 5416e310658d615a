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
    DoomLink,
    Operation,
)

_BITS = 8


def plan_shaping(endpoint: Endpoint) -> Iterable[Operation]:
    """Limit what an endpoint receives and sends; its host end is there."""
    wish, host_end = endpoint.shaping, endpoint.host_end
    if wish is None:
        return
    if wish.ingress_rate:
        yield LimitRate(host_end, *_in_bytes(wish.ingress_rate, wish.ingress_burst))
    if endpoint.has_shaper:
        shaper = shaper_name(endpoint.id)
        yield CreateShaper(shaper, endpoint.alias)
        yield LimitRate(shaper, *_in_bytes(wish.egress_rate, wish.egress_burst))
        yield RedirectIngress(host_end, shaper)


def plan_unshape(endpoint: Endpoint) -> Iterable[Operation]:
    """Take the limits away: those on the host end go with it, where the cable is ours."""
    wish, host_end = endpoint.shaping, endpoint.host_end
    if wish is None:
        return
    shaper = shaper_name(endpoint.id)
    if endpoint.has_foreign_cable:
        if endpoint.has_shaper:
            yield UnredirectIngress(host_end, shaper)
        if wish.ingress_rate:
            yield UnlimitRate(host_end, *_in_bytes(wish.ingress_rate, wish.ingress_burst))
    if endpoint.has_shaper:
        yield DoomLink(shaper)


def _in_bytes(rate: int, burst: int) -> tuple[int, int]:
    return max(rate // _BITS, 1), max(burst // _BITS, 1)
